//! Bound access tokens: a JWT (RFC 9068) that names an officer of one agency and is good only together with that
//! agency's certificate (RFC 8705).

mod claims;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::domain::agency::Actor;
use crate::domain::range::within;
use crate::domain::text::TextKind;
use crate::identity::certificate::PeerIdentity;
use crate::identity::clock::WallClock;
use crate::identity::key::{TokenAlgorithm, TokenKey};
use crate::identity::pseudonym::PseudonymKey;
use crate::identity::registry::{Issuer, Registry};
use crate::identity::token::claims::{Claims, Header};
use crate::identity::verified::{Verified, cache_key};

const TOKEN_BYTES_MAX: usize = 4096;
const SUBJECT_CHARS_MAX: usize = 128;

/// What every token must keep to.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The exact `aud`.
    pub audience: String,
    /// The longest `exp - iat`.
    #[serde(deserialize_with = "within::<_, _, 60, 86_400>")]
    pub lifetime_max_s: u32,
    /// How far an issuer's clock may differ from ours.
    #[serde(deserialize_with = "within::<_, _, 0, 300>")]
    pub leeway_s: u32,
    /// How many verified tokens are remembered.
    #[serde(deserialize_with = "within::<_, _, 1, 1_000_000>")]
    pub verified_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { audience: "comity".to_owned(), lifetime_max_s: 3600, leeway_s: 5, verified_max: 4096 }
    }
}

/// What a good token proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedToken {
    /// Who acts.
    pub actor: Actor,
    /// Its `exp` and our leeway.
    pub good_until: Timestamp,
}

/// Why a token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Above 4096 bytes.
    #[error("the token is too long")]
    TooLong,
    /// Not three parts of base64url with JSON in them.
    #[error("the token is malformed")]
    Malformed,
    /// Its header is not exactly `alg`, `typ` and `kid`: `crit`, `jku`, `x5u`, `x5c`, `jwk` and all others are refused.
    #[error("the token's header must be alg, typ and kid only")]
    Header,
    /// Not `at+jwt`, such as an identity token.
    #[error("the token is not an access token (typ)")]
    Type,
    /// Not the key's algorithm; `none` and all but `EdDSA` and `ES256`.
    #[error("the token's algorithm (alg) is not its key's")]
    Algorithm,
    /// A claim is missing or of the wrong type. Which.
    #[error("the token's claims are incomplete or malformed: {0}")]
    Claims(&'static str),
    /// Nobody's issuer.
    #[error("the token's issuer (iss) is unknown")]
    UnknownIssuer,
    /// The issuer speaks for another agency than the certificate.
    #[error("the token is another agency's (iss)")]
    OtherAgency,
    /// The issuer has no such key.
    #[error("the token's key (kid) is unknown")]
    UnknownKey,
    /// Not signed by the key.
    #[error("the token's signature is wrong")]
    Signature,
    /// Meant for somebody else.
    #[error("the token is for another audience (aud)")]
    Audience,
    /// Past its end.
    #[error("the token has expired (exp)")]
    Expired,
    /// Issued, or to be used, after now.
    #[error("the token is not yet valid (iat, nbf)")]
    NotYetValid,
    /// Longer than we allow, or ending before it begins.
    #[error("the token's lifetime (exp less iat) is not allowed")]
    Lifetime,
    /// Not 1 to 128 characters in NFC, without spaces at its ends, control characters and others that nobody sees.
    #[error("the token's subject (sub) is not acceptable")]
    Subject,
    /// No `cnf` with a certificate thumbprint.
    #[error("the token is not bound to a certificate (cnf)")]
    Unbound,
    /// Bound to another certificate: stolen or misplaced.
    #[error("the token is bound to another certificate (cnf)")]
    BoundElsewhere,
}

impl TokenError {
    /// A stable word for audit lines and metrics.
    pub fn reason(self) -> &'static str {
        match self {
            Self::TooLong => "token_too_long",
            Self::Malformed => "token_malformed",
            Self::Header => "token_header",
            Self::Type => "token_type",
            Self::Algorithm => "token_algorithm",
            Self::Claims(_) => "token_claims",
            Self::UnknownIssuer => "token_issuer_unknown",
            Self::OtherAgency => "token_of_other_agency",
            Self::UnknownKey => "token_key_unknown",
            Self::Signature => "token_signature",
            Self::Audience => "token_audience",
            Self::Expired => "token_expired",
            Self::NotYetValid => "token_not_yet_valid",
            Self::Lifetime => "token_lifetime",
            Self::Subject => "token_subject",
            Self::Unbound => "token_unbound",
            Self::BoundElsewhere => "token_bound_elsewhere",
        }
    }
}

/// Verifies tokens under one registry, and remembers those it has verified. A new registry makes a new verifier, so
/// that nothing remembered outlives the keys it was verified with.
pub struct TokenVerifier {
    registry: Arc<Registry>,
    config: Config,
    pseudonyms: PseudonymKey,
    clock: WallClock,
    verified: Mutex<Verified>,
}

impl TokenVerifier {
    /// With nothing remembered.
    pub fn new(registry: Arc<Registry>, config: Config, pseudonyms: PseudonymKey, clock: WallClock) -> Self {
        let verified = Mutex::new(Verified::new(config.verified_max));
        Self { registry, config, pseudonyms, clock, verified }
    }

    /// Verifies a token as presented together with a certificate.
    pub fn verify(&self, token: &str, peer: &PeerIdentity) -> Result<VerifiedToken, TokenError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(TokenError::TooLong);
        }
        let now = self.clock.now();
        let key = cache_key(token, &peer.thumbprint);
        if let Some(remembered) = self.verified.lock().unwrap_or_else(PoisonError::into_inner).recall(&key, now) {
            return Ok(remembered);
        }
        let verified = self.verify_afresh(token, peer, now)?;
        self.verified.lock().unwrap_or_else(PoisonError::into_inner).remember(key, verified.clone());
        Ok(verified)
    }

    fn verify_afresh(&self, token: &str, peer: &PeerIdentity, now: Timestamp) -> Result<VerifiedToken, TokenError> {
        let (header, unproven) = parse(token)?;
        let algorithm = check_header(&header)?;
        // Only to choose the keys, and to tell a stray token from a forged one; nothing is granted on it.
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
        // In the spelling that is kept, and refused in any other: the pseudonym is made of its bytes, and two spellings that
        // look the same would be two officers.
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

/// How long after its `exp` a remembered token is still good: never longer than one just verified.
pub(crate) fn is_good(token: &VerifiedToken, now: Timestamp) -> bool {
    token.good_until.duration_since(now) > SignedDuration::ZERO
}

/// That the key signed the token, by the key's own algorithm and no other. The header was held against that, and what the token
/// says is read by [`Claims::read`]: the library, which knows Ed25519 by one name alone, reads neither.
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
    // So that an identity token of the same issuer is no access token.
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
