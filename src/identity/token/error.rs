//! Why a token is refused.

/// Why a token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It is longer than 4096 bytes.
    #[error("the token is too long")]
    TooLong,
    /// It is not three parts of base64url that contain JSON.
    #[error("the token is malformed")]
    Malformed,
    /// Its header has other members than `alg`, `typ` and `kid`: `crit`, `jku`, `x5u`, `x5c`, `jwk` and all others are
    /// refused.
    #[error("the token's header must be alg, typ and kid only")]
    Header,
    /// Its type is not `at+jwt`: an identity token, for example.
    #[error("the token is not an access token (typ)")]
    Type,
    /// Its algorithm is not the key's: `none`, and everything but `EdDSA` and `ES256`.
    #[error("the token's algorithm (alg) is not its key's")]
    Algorithm,
    /// The named claim is missing or of the wrong type.
    #[error("the token's claims are incomplete or malformed: {0}")]
    Claims(&'static str),
    /// The issuer is no agency's.
    #[error("the token's issuer (iss) is unknown")]
    UnknownIssuer,
    /// The issuer speaks for another agency than the certificate.
    #[error("the token is another agency's (iss)")]
    OtherAgency,
    /// The issuer has no such key.
    #[error("the token's key (kid) is unknown")]
    UnknownKey,
    /// The key did not sign it.
    #[error("the token's signature is wrong")]
    Signature,
    /// It is for another audience.
    #[error("the token is for another audience (aud)")]
    Audience,
    /// It has expired.
    #[error("the token has expired (exp)")]
    Expired,
    /// It was issued, or becomes valid, in the future.
    #[error("the token is not yet valid (iat, nbf)")]
    NotYetValid,
    /// Its lifetime is longer than allowed, or ends before it begins.
    #[error("the token's lifetime (exp less iat) is not allowed")]
    Lifetime,
    /// Its subject is not 1 to 128 characters in NFC without outer spaces, control characters and invisible characters.
    #[error("the token's subject (sub) is not acceptable")]
    Subject,
    /// It has no `cnf` with a certificate thumbprint.
    #[error("the token is not bound to a certificate (cnf)")]
    Unbound,
    /// It is bound to another certificate: stolen or misplaced.
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
