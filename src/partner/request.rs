//! What an agency sends to the operator of an exchange: who it is, a certificate request and its token keys, signed by both
//! keys, so that nobody can ask with the keys of others.

use std::collections::BTreeSet;
use std::fmt;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::str::FromStr;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::domain::agency::{AgencyClass, AgencyKind};
use crate::domain::ids::{AgencyId, JurisdictionId, Ori};
use crate::files::is_too_open;
use crate::identity::certificate_request::{self, CertificateRequest};
use crate::identity::development::TokenKeyPair;
use crate::identity::key::{MintingKey, TokenAlgorithm, TokenKey};
use crate::identity::key_set::{self, KeySetError};
use crate::identity::sealed::Sealed;
use crate::partner::files;
use crate::partner::plain::plain;
use crate::sandbox::files::{make_private_directory, write_private, write_public};

/// The type in the headers of its signatures.
const KIND: &str = "comity-partner-request";
/// The version of what is signed.
const VERSION: u64 = 1;
/// The name of the certificate's key among the signatures. Token keys have their own.
const CERTIFICATE_KEY: &str = "certificate";
/// The most token keys that are registered at once.
const TOKEN_KEYS_MAX: usize = 4;

/// What an agency says of itself when it asks.
#[derive(Debug, Clone)]
pub struct Wish {
    /// The last part of its SPIFFE id.
    pub agency: AgencyId,
    /// Its kind.
    pub kind: AgencyKind,
    /// Its class, if it holds people.
    pub class: Option<AgencyClass>,
    /// The jurisdictions where it takes part.
    pub jurisdictions: BTreeSet<JurisdictionId>,
    /// Its originating agency identifier.
    pub ori: Option<Ori>,
    /// The trust domain of the exchange.
    pub trust_domain: String,
    /// The `iss` of its tokens. Absent: one that follows from its name.
    pub issuer: Option<String>,
}

/// What is signed: the wish, with the public halves of the keys.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// The version of this form.
    version: u64,
    /// The last part of its SPIFFE id.
    pub agency: AgencyId,
    /// Its kind.
    pub kind: AgencyKind,
    /// Its class, if it holds people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<AgencyClass>,
    /// The jurisdictions where it takes part.
    pub jurisdictions: BTreeSet<JurisdictionId>,
    /// Its originating agency identifier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ori: Option<Ori>,
    /// The trust domain of the exchange that it asks.
    pub trust_domain: String,
    /// The `iss` of its tokens.
    pub issuer: String,
    /// PKCS #10, PEM.
    pub certificate_request: String,
    /// Its token keys: a JSON Web Key Set.
    pub token_keys: Value,
}

/// The SHA-256 of what was signed, for two people to compare over the telephone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; 32]);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = hex::encode(self.0);
        for (place, digit) in digits.chars().enumerate() {
            let joint = if place % 4 == 0 && place > 0 { "-" } else { "" };
            write!(f, "{joint}{digit}")?;
        }
        Ok(())
    }
}

impl FromStr for Fingerprint {
    type Err = String;

    /// Takes it as it was read out: in groups or not, in either case.
    fn from_str(text: &str) -> Result<Self, String> {
        let digits: String = text.chars().filter(|c| !c.is_whitespace() && !"-:".contains(*c)).collect();
        let mut bytes = [0; 32];
        hex::decode_to_slice(digits, &mut bytes)
            .map_err(|_| "a fingerprint is 64 hexadecimal digits, in groups or not".to_owned())?;
        Ok(Self(bytes))
    }
}

/// Makes keys and a request in a directory that has neither, and returns what the operator is to be told by telephone.
pub fn make(wish: &Wish, directory: &Path) -> Result<Fingerprint> {
    make_private_directory(directory)?;
    let mode = std::fs::metadata(directory)?.permissions().mode();
    ensure!(!is_too_open(mode), "{0} is open to others: chmod 700 {0}", directory.display());
    for name in [files::KEY, files::TOKEN_KEY] {
        let there = directory.join(name);
        ensure!(!there.exists(), "{} is there already: ask from another directory, or remove it", there.display());
    }
    let key = certificate_request::generate_key()?;
    let certificate_request = certificate_request::make(&key, &wish.trust_domain, &wish.agency)?;
    let pair = TokenKeyPair::generate()?;
    let (name, token_keys) = key_set_of(&pair.public_pem)?;
    let statement = Statement {
        version: VERSION,
        agency: wish.agency.clone(),
        kind: wish.kind,
        class: wish.class,
        jurisdictions: wish.jurisdictions.clone(),
        ori: wish.ori.clone(),
        trust_domain: wish.trust_domain.clone(),
        issuer: wish.issuer.clone().unwrap_or_else(|| format!("https://tokens.{}.{}", wish.agency, wish.trust_domain)),
        certificate_request,
        token_keys,
    };
    let certificate_key = MintingKey::from_pkcs8_pem(CERTIFICATE_KEY, TokenAlgorithm::Es256, &key)?;
    let token_key = MintingKey::from_pkcs8_pem(&name, TokenAlgorithm::EdDsa, &pair.private_pem)?;
    let sealed = Sealed::sign(KIND, &serde_json::to_vec(&statement)?, &[&certificate_key, &token_key])?;
    let text = format!("{}\n", serde_json::to_string_pretty(&sealed)?);
    // What cannot be approved is not sent. The operator's side looks again.
    let read = CheckedRequest::read(&text)?;
    write_private(&directory.join(files::KEY), &key)?;
    write_private(&directory.join(files::TOKEN_KEY), &pair.private_pem)?;
    write_public(&directory.join(files::CERTIFICATE_REQUEST), &statement.certificate_request)?;
    write_public(&directory.join(files::TOKEN_KEYS), &format!("{:#}\n", statement.token_keys))?;
    write_public(&directory.join(files::REQUEST), &text)?;
    Ok(read.fingerprint)
}

/// A public Ed25519 key as a key set, and the name it has there: its thumbprint (RFC 7638, RFC 8037 2), so that the next key
/// has another.
fn key_set_of(public_pem: &str) -> Result<(String, Value)> {
    let key = TokenKey::from_public_pem(TokenAlgorithm::EdDsa, public_pem).map_err(|why| anyhow!("the key {why}"))?;
    let der = key.public_der();
    let x = URL_SAFE_NO_PAD.encode(der.last_chunk::<32>().context("the key is none of Ed25519")?);
    let required = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
    let kid = URL_SAFE_NO_PAD.encode(digest(&SHA256, required.as_bytes()));
    let keys = json!({ "keys": [
        { "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": kid, "x": x }
    ] });
    Ok((kid, keys))
}

/// A request whose signatures hold. Whether the registry lets it in is another question.
#[derive(Debug)]
pub struct CheckedRequest {
    /// What it says.
    pub statement: Statement,
    /// The SHA-256 of what was signed.
    pub fingerprint: Fingerprint,
    pub(super) certificate_request: CertificateRequest,
    /// By name.
    pub(super) token_keys: Vec<(String, TokenKey)>,
}

impl CheckedRequest {
    /// Reads a request and checks that both keys signed it.
    pub fn read(text: &str) -> Result<Self> {
        let sealed = Sealed::parse(text)?;
        let members = sealed.members()?;
        let version = members.get("version").and_then(Value::as_u64);
        ensure!(version == Some(VERSION), "it is of a version that this program does not know");
        // What a stranger wrote is shown to the operator before anybody has agreed to it.
        let statement: Statement =
            serde_json::from_value(Value::Object(members)).map_err(|error| anyhow!("{}", plain(&error.to_string())))?;
        for (name, text) in [("trust domain", &statement.trust_domain), ("issuer", &statement.issuer)] {
            ensure!(is_word(text, 256), "the {name} is not 1 to 256 printable characters");
        }
        let certificate_request = CertificateRequest::read(&statement.certificate_request, &statement.trust_domain)?;
        ensure!(
            *certificate_request.agency() == statement.agency,
            "the certificate request names {}, and the rest {}",
            certificate_request.agency(),
            statement.agency
        );
        let certificate_key = TokenKey::from_any_public_der(&certificate_request.public_key_der())
            .map_err(|why| anyhow!("the key of the certificate request {why}: it must be of P-256 or Ed25519"))?;
        let token_keys = read_key_set(&statement.token_keys)?;
        if token_keys.iter().any(|(_, key)| key.same_as(&certificate_key)) {
            bail!("the certificate's key signs tokens too: whoever had the one would have the other");
        }
        let named = token_keys.iter().map(|(name, key)| (name.as_str(), key));
        let signers: Vec<(&str, &TokenKey)> =
            std::iter::once((CERTIFICATE_KEY, &certificate_key)).chain(named).collect();
        sealed.verify(KIND, &signers)?;
        let fingerprint = Fingerprint(sealed.digest()?);
        Ok(Self { statement, fingerprint, certificate_request, token_keys })
    }
}

impl fmt::Display for CheckedRequest {
    /// What the operator has to agree with. The fingerprint is left out: it is to come from the agency, by another way.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Statement { agency, kind, class, jurisdictions, ori, trust_domain, issuer, .. } = &self.statement;
        let jurisdictions: Vec<String> = jurisdictions.iter().map(ToString::to_string).collect();
        let class = class.map(|class| format!(", {}", class.word())).unwrap_or_default();
        let ori = ori.as_ref().map(|ori| format!(", ORI {ori}")).unwrap_or_default();
        write!(
            f,
            "{agency} of {trust_domain}: {}{class}{ori}, in {}",
            kind.word(),
            or_none(&jurisdictions.join(", "))
        )?;
        write!(f, "; tokens by {issuer}, {} key(s)", self.token_keys.len())
    }
}

fn or_none(text: &str) -> &str {
    if text.is_empty() { "no jurisdiction" } else { text }
}

fn is_word(text: &str, len_max: usize) -> bool {
    (1..=len_max).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn read_key_set(set: &Value) -> Result<Vec<(String, TokenKey)>> {
    let keys = key_set::read(set.to_string().as_bytes()).map_err(|error| match error {
        KeySetError::Set(why) => anyhow!("the set of token keys {why}"),
        KeySetError::Key { key, why } => anyhow!("token key {key} {why}"),
    })?;
    ensure!(keys.len() <= TOKEN_KEYS_MAX, "the set of token keys has more than {TOKEN_KEYS_MAX} keys");
    ensure!(
        keys.iter().all(|(name, _)| is_word(name, 64)),
        "the id of a token key is not 1 to 64 printable characters"
    );
    Ok(keys)
}
