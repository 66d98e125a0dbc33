//! Bound access tokens: a JWT (RFC 9068) that names an officer of one agency and is valid only together with that
//! agency's certificate (RFC 8705).

mod cache;
mod claims;
mod error;

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use cache::VerifiedToken;
pub use error::TokenError;

use crate::domain::agency::Actor;
use crate::domain::range::Within;
use crate::domain::text::TextKind;
use crate::identity::certificate::PeerIdentity;
use crate::identity::clock::WallClock;
use crate::identity::key::{TokenAlgorithm, TokenKey};
use crate::identity::pseudonym::PseudonymKey;
use crate::identity::registry::{Issuer, Registry};
use crate::identity::token::cache::{TokenCache, cache_key};
use crate::identity::token::claims::{Claims, Header};

const TOKEN_BYTES_MAX: usize = 4096;
const SUBJECT_CHARS_MAX: usize = 128;

/// What every token must conform to.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The exact `aud`.
    pub audience: String,
    /// The longest `exp - iat`.
    #[serde(with = "Within::<60, 86_400>")]
    pub lifetime_max_s: u32,
    /// How far an issuer's clock may differ from ours.
    #[serde(with = "Within::<0, 300>")]
    pub leeway_s: u32,
    /// How many verified tokens are cached.
    #[serde(with = "Within::<1, 1_000_000>")]
    pub verified_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { audience: "comity".to_owned(), lifetime_max_s: 3600, leeway_s: 5, verified_max: 4096 }
    }
}

/// Verifies tokens under one registry, with a cache. A new registry gets a new verifier, so that no cached token
/// outlives the keys that verified it.
pub struct TokenVerifier {
    registry: Arc<Registry>,
    config: Config,
    pseudonyms: PseudonymKey,
    clock: WallClock,
    cache: TokenCache,
}

impl TokenVerifier {
    /// A verifier with an empty cache.
    pub fn new(registry: Arc<Registry>, config: Config, pseudonyms: PseudonymKey, clock: WallClock) -> Self {
        let cache = TokenCache::new(config.verified_max);
        Self { registry, config, pseudonyms, clock, cache }
    }

    /// Verifies a token that is presented with a certificate.
    pub fn verify(&self, token: &str, peer: &PeerIdentity) -> Result<VerifiedToken, TokenError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(TokenError::TooLong);
        }
        let now = self.clock.now();
        let key = cache_key(token, &peer.thumbprint);
        if let Some(cached) = self.cache.get(&key, now) {
            return Ok(cached);
        }
        let verified = self.verify_afresh(token, peer, now)?;
        self.cache.insert(key, verified.clone());
        Ok(verified)
    }

    fn verify_afresh(&self, token: &str, peer: &PeerIdentity, now: Timestamp) -> Result<VerifiedToken, TokenError> {
        let (header, unproven) = parse(token)?;
        let algorithm = check_header(&header)?;
        // Used only to find the keys, and to tell a misplaced token from a forged one. Grants nothing.
        let issuer = self.issuer_of(&unproven, peer)?;
        let key = issuer.keys.get(&header.kid).ok_or(TokenError::UnknownKey)?;
        if key.algorithm != algorithm {
            return Err(TokenError::Algorithm);
        }
        verify_signature(token, key)?;
        let claims = unproven;
        if claims.iss != issuer.name || claims.aud != self.config.audience {
            return Err(TokenError::Audience);
        }
        let good_until = self.check_times(&claims, now)?;
        check_binding(&claims, peer)?;
        let actor = self.actor(&claims, peer)?;
        Ok(VerifiedToken { actor, good_until })
    }

    fn issuer_of(&self, unproven: &Claims, peer: &PeerIdentity) -> Result<&Issuer, TokenError> {
        let agency = self.registry.agency_of_issuer(&unproven.iss).ok_or(TokenError::UnknownIssuer)?;
        if *agency != peer.agency {
            return Err(TokenError::OtherAgency);
        }
        self.registry.member(agency).and_then(|member| member.issuer.as_ref()).ok_or(TokenError::UnknownIssuer)
    }

    fn check_times(&self, claims: &Claims, now: Timestamp) -> Result<Timestamp, TokenError> {
        let leeway = i64::from(self.config.leeway_s);
        let second = now.as_second();
        let begins = claims.nbf.unwrap_or(claims.iat).max(claims.iat);
        if begins > second.saturating_add(leeway) {
            return Err(TokenError::NotYetValid);
        }
        let good_until = claims.exp.saturating_add(leeway);
        if second >= good_until {
            return Err(TokenError::Expired);
        }
        let lifetime = claims.exp.saturating_sub(claims.iat);
        if !(1..=i64::from(self.config.lifetime_max_s)).contains(&lifetime) {
            return Err(TokenError::Lifetime);
        }
        Timestamp::from_second(good_until).map_err(|_| TokenError::Lifetime)
    }

    fn actor(&self, claims: &Claims, peer: &PeerIdentity) -> Result<Actor, TokenError> {
        // Refused unless it is spelled in the form that is kept. The pseudonym is made from its bytes, so two spellings
        // that look alike would be two officers.
        if TextKind::Reason.read(&claims.sub, SUBJECT_CHARS_MAX) != Ok(Some(claims.sub.clone())) {
            return Err(TokenError::Subject);
        }
        let pseudonym = self.pseudonyms.pseudonym(&peer.agency, &claims.sub).map_err(|_| TokenError::Subject)?;
        Ok(Actor { pseudonym, kind: claims.actor })
    }
}

impl fmt::Debug for TokenVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenVerifier").field("config", &self.config).finish_non_exhaustive()
    }
}

/// Checks that the key signed the token, by the key's own algorithm only. The header was compared with that algorithm,
/// and [`Claims::read`] reads the claims. The library reads neither: it knows Ed25519 by one of its names only.
fn verify_signature(token: &str, key: &TokenKey) -> Result<(), TokenError> {
    let (message, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
    match jsonwebtoken::crypto::verify(signature, message.as_bytes(), &key.verifying, key.algorithm.jwt()) {
        Ok(true) => Ok(()),
        Ok(false) | Err(_) => Err(TokenError::Signature),
    }
}

fn parse(token: &str) -> Result<(Header, Claims), TokenError> {
    let mut parts = token.split('.');
    let (Some(header), Some(claims), Some(signature), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(TokenError::Malformed);
    };
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenError::Malformed);
    decode(signature)?;
    Ok((Header::read(&decode(header)?).ok_or(TokenError::Header)?, Claims::read(&decode(claims)?)?))
}

fn check_header(header: &Header) -> Result<TokenAlgorithm, TokenError> {
    // So that an identity token of the same issuer is not accepted.
    if !header.is_of_access_token() {
        return Err(TokenError::Type);
    }
    TokenAlgorithm::named(&header.alg).ok_or(TokenError::Algorithm)
}

fn check_binding(claims: &Claims, peer: &PeerIdentity) -> Result<(), TokenError> {
    let bound_to = claims.bound_to.as_ref().ok_or(TokenError::Unbound)?;
    if peer.thumbprint.is_same_as(bound_to) { Ok(()) } else { Err(TokenError::BoundElsewhere) }
}

#[cfg(test)]
mod tests;
