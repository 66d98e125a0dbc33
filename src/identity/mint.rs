//! Making bound tokens: for `comity token`, the demo and the tests. A real issuer does the same elsewhere.

use jiff::Timestamp;
use jsonwebtoken::Header;

use crate::domain::agency::ActorKind;
use crate::identity::certificate::Thumbprint;
use crate::identity::key::MintingKey;
use crate::identity::token::{Claims, Confirmation};

/// What a token says.
#[derive(Clone)]
pub struct MintClaims {
    /// `iss`.
    pub issuer: String,
    /// `aud`.
    pub audience: String,
    /// `sub`: who acts. Personal.
    pub subject: String,
    /// `actor`.
    pub actor: ActorKind,
    /// `iat`.
    pub issued_at: Timestamp,
    /// `exp - iat`.
    pub lifetime_s: u32,
    /// `jti`.
    pub token_id: Option<String>,
}

impl std::fmt::Debug for MintClaims {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MintClaims").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

/// The key does not sign with its algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the token signing key cannot be used with its algorithm")]
pub struct MintError;

/// Makes a token that is good only together with the certificate of this thumbprint.
pub fn mint(key: &MintingKey, claims: &MintClaims, thumbprint: &Thumbprint) -> Result<String, MintError> {
    let mut header = Header::new(key.algorithm.jwt());
    header.typ = Some("at+jwt".to_owned());
    header.kid = Some(key.kid.clone());
    let iat = claims.issued_at.as_second();
    let claims = Claims {
        iss: claims.issuer.clone(),
        aud: claims.audience.clone(),
        sub: claims.subject.clone(),
        iat,
        exp: iat.saturating_add(i64::from(claims.lifetime_s)),
        nbf: None,
        jti: claims.token_id.clone(),
        actor: claims.actor,
        cnf: Some(Confirmation { x5t_s256: Some(thumbprint.base64url()) }),
    };
    jsonwebtoken::encode(&header, &claims, &key.signing).map_err(|_| MintError)
}
