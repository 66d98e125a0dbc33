//! Reads a token strictly: a JSON object without repeated names, and every claim of its own type. Where the standards
//! allow several forms, each is accepted.

use jiff::SignedDuration;
use serde_json::{Map, Number, Value};

use crate::domain::agency::ActorKind;
use crate::identity::certificate::Thumbprint;
use crate::identity::strict_json::object;
use crate::identity::token::error::TokenError;

/// The three members of a header.
pub(super) struct Header {
    pub(super) alg: String,
    pub(super) typ: String,
    pub(super) kid: String,
}

impl Header {
    /// Refuses a fourth member, or one of another type: `crit`, `jku` and the like ask for what we do not do.
    pub(super) fn read(json: &[u8]) -> Option<Self> {
        let members = object(json)?;
        let text = |name: &str| members.get(name).and_then(Value::as_str).map(str::to_owned);
        let header = Self { alg: text("alg")?, typ: text("typ")?, kid: text("kid")? };
        (members.len() == 3).then_some(header)
    }

    /// Whether it is the header of an access token (RFC 9068 4). Media types are case-insensitive, and `application/`
    /// may be omitted (RFC 7515 4.1.9).
    pub(super) fn is_of_access_token(&self) -> bool {
        let typ = self.typ.to_ascii_lowercase();
        typ.strip_prefix("application/").unwrap_or(&typ) == "at+jwt"
    }
}

/// The claims we read.
pub(super) struct Claims {
    pub(super) iss: String,
    pub(super) aud: String,
    pub(super) sub: String,
    pub(super) iat: i64,
    pub(super) exp: i64,
    pub(super) nbf: Option<i64>,
    pub(super) actor: ActorKind,
    /// The certificate that the token is bound to (RFC 8705 3.1).
    pub(super) bound_to: Option<Thumbprint>,
}

impl Claims {
    /// Reads the claims. The error names the claim at fault.
    pub(super) fn read(json: &[u8]) -> Result<Self, TokenError> {
        let members = object(json).ok_or(TokenError::Claims("they are no JSON object that has each name once"))?;
        let claims = Members(&members);
        Ok(Self {
            iss: claims.text("iss")?,
            aud: claims.audience()?,
            sub: claims.text("sub")?,
            // Rounded down, so that no token is valid for longer than it says.
            iat: claims.seconds("iat", f64::floor)?.ok_or(TokenError::Claims("iat"))?,
            exp: claims.seconds("exp", f64::floor)?.ok_or(TokenError::Claims("exp"))?,
            nbf: claims.seconds("nbf", f64::ceil)?,
            actor: claims.text("actor")?.parse().map_err(|_| TokenError::Claims("actor"))?,
            bound_to: claims.bound_to()?,
        })
    }
}

struct Members<'a>(&'a Map<String, Value>);

impl Members<'_> {
    fn text(&self, name: &'static str) -> Result<String, TokenError> {
        self.0.get(name).and_then(Value::as_str).map(str::to_owned).ok_or(TokenError::Claims(name))
    }

    /// The one audience, alone or as a list of one (RFC 7519 4.1.3). A list of several is ambiguous.
    fn audience(&self) -> Result<String, TokenError> {
        let one = match self.0.get("aud") {
            Some(Value::Array(listed)) => match listed.as_slice() {
                [one] => Some(one),
                _ => None,
            },
            one => one,
        };
        one.and_then(Value::as_str).map(str::to_owned).ok_or(TokenError::Claims("aud"))
    }

    /// A `NumericDate`, which may have a fraction (RFC 7519 2).
    fn seconds(&self, name: &'static str, whole: fn(f64) -> f64) -> Result<Option<i64>, TokenError> {
        let Some(value) = self.0.get(name) else { return Ok(None) };
        let number = value.as_number().ok_or(TokenError::Claims(name))?;
        seconds_of(number, whole).map(Some).ok_or(TokenError::Claims(name))
    }

    /// The thumbprint in `cnf`. A second confirmation method is refused, since it would have to be checked too.
    fn bound_to(&self) -> Result<Option<Thumbprint>, TokenError> {
        const MALFORMED: TokenError = TokenError::Claims("cnf");
        let Some(confirmation) = self.0.get("cnf") else { return Ok(None) };
        let members = confirmation.as_object().ok_or(MALFORMED)?;
        if members.is_empty() {
            return Ok(None);
        }
        let x5t = members.get("x5t#S256").filter(|_| members.len() == 1).and_then(Value::as_str).ok_or(MALFORMED)?;
        // A value that is no thumbprint is malformed, not a sign of theft.
        Thumbprint::from_base64url(x5t).map(Some).ok_or(MALFORMED)
    }
}

fn seconds_of(number: &Number, whole: fn(f64) -> f64) -> Option<i64> {
    if let Some(seconds) = number.as_i64() {
        return Some(seconds);
    }
    let seconds = whole(number.as_f64().filter(|_| number.is_f64())?);
    SignedDuration::try_from_secs_f64(seconds).ok().map(|since_epoch| since_epoch.as_secs())
}
