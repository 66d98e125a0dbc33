//! Makes tokens that are nearly ICE's.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use comity::domain::agency::ActorKind;
use jsonwebtoken::{Algorithm, EncodingKey};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};

use crate::hostile::siege::{Siege, in_seconds};

/// ICE's own token, taken apart, and the key it was made with.
pub(super) struct Forge {
    key: EncodingKey,
    /// `SubjectPublicKeyInfo` as everybody may know it.
    public_pem: String,
    pub(super) header: Value,
    pub(super) claims: Value,
}

impl Forge {
    pub(super) fn new(siege: &Siege) -> Self {
        let token = siege.sandbox.mint("us-ice", "us-ice-officer", ActorKind::Officer, 900).unwrap();
        let part = |at: usize| {
            let bytes = URL_SAFE_NO_PAD.decode(token.split('.').nth(at).unwrap()).unwrap();
            serde_json::from_slice(&bytes).unwrap()
        };
        let read = |name: &str| std::fs::read_to_string(siege.directory().join("keys/tokens").join(name)).unwrap();
        Self { key: key_of(&read("us-ice.pem")), public_pem: read("us-ice.pub.pem"), header: part(0), claims: part(1) }
    }

    /// As ICE would sign it.
    pub(super) fn honest(&self) -> String {
        self.signed(&self.header.to_string(), &self.claims.to_string())
    }

    /// Any text, signed by ICE's own key.
    pub(super) fn signed(&self, header: &str, claims: &str) -> String {
        signed_with(&self.key, header, claims)
    }

    /// The honest token's content, signed by another key.
    pub(super) fn signed_by(&self, key_pem: &str) -> String {
        signed_with(&key_of(key_pem), &self.header.to_string(), &self.claims.to_string())
    }

    /// The public key taken for a shared secret, which confused verifiers fall for.
    pub(super) fn with_public_key_as_secret(&self) -> String {
        let header = with(&self.header, "alg", json!("HS256"));
        let message = message(&header.to_string(), &self.claims.to_string());
        let key = EncodingKey::from_secret(self.public_pem.as_bytes());
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256).unwrap();
        format!("{message}.{signature}")
    }

    pub(super) fn header_with(&self, name: &str, value: Value) -> String {
        self.signed(&with(&self.header, name, value).to_string(), &self.claims.to_string())
    }

    pub(super) fn with(&self, name: &str, value: Value) -> String {
        self.signed(&self.header.to_string(), &with(&self.claims, name, value).to_string())
    }

    pub(super) fn without(&self, name: &str) -> String {
        let mut claims = self.claims.clone();
        claims.as_object_mut().unwrap().remove(name).unwrap();
        self.signed(&self.header.to_string(), &claims.to_string())
    }

    /// Issued and ending so many seconds from now.
    pub(super) fn lasting(&self, from_s: i64, to_s: i64) -> String {
        let claims = with(&self.claims, "iat", json!(in_seconds(from_s).as_second()));
        self.signed(&self.header.to_string(), &with(&claims, "exp", json!(in_seconds(to_s).as_second())).to_string())
    }

    /// The honest claims as text, with more before the end.
    pub(super) fn claims_and(&self, more: &str) -> String {
        let claims = self.claims.to_string();
        self.signed(&self.header.to_string(), &format!("{},{more}}}", claims.strip_suffix('}').unwrap()))
    }
}

fn key_of(pem: &str) -> EncodingKey {
    EncodingKey::from_ed_der(PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).unwrap().secret_pkcs8_der())
}

fn signed_with(key: &EncodingKey, header: &str, claims: &str) -> String {
    let message = message(header, claims);
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), key, Algorithm::EdDSA).unwrap();
    format!("{message}.{signature}")
}

pub(super) fn with(json: &Value, name: &str, value: Value) -> Value {
    let mut json = json.clone();
    json[name] = value;
    json
}

pub(super) fn message(header: &str, claims: &str) -> String {
    format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims))
}
