//! Mints bound tokens, for `comity token`, the demo and the tests. Real issuers are elsewhere.

use jiff::Timestamp;
use jsonwebtoken::Header;

use crate::domain::agency::ActorKind;
use crate::identity::certificate::Thumbprint;
use crate::identity::key::MintingKey;

/// The claims of a token.
#[derive(Clone)]
pub struct MintClaims {
    /// `iss`.
    pub issuer: String,
    /// `aud`.
    pub audience: String,
    /// `sub`: who acts. Personal data.
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

/// The key cannot sign with its algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the token signing key cannot be used with its algorithm")]
pub struct MintError;

/// Mints a token that is valid only together with the certificate of this thumbprint.
pub fn mint(key: &MintingKey, claims: &MintClaims, thumbprint: &Thumbprint) -> Result<String, MintError> {
    let mut header = Header::new(key.algorithm.jwt());
    header.typ = Some("at+jwt".to_owned());
    header.kid = Some(key.kid.clone());
    let iat = claims.issued_at.as_second();
    let mut claims_json = serde_json::json!({
        "iss": claims.issuer,
        "aud": claims.audience,
        "sub": claims.subject,
        "iat": iat,
        "exp": iat.saturating_add(i64::from(claims.lifetime_s)),
        "actor": claims.actor.word(),
        "cnf": { "x5t#S256": thumbprint.base64url() },
    });
    if let (Some(claims_json), Some(id)) = (claims_json.as_object_mut(), &claims.token_id) {
        claims_json.insert("jti".to_owned(), id.as_str().into());
    }
    jsonwebtoken::encode(&header, &claims_json, &key.signing).map_err(|_| MintError)
}
