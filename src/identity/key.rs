//! The keys of token issuers: public keys that verify, each with one algorithm, and private keys that mint.

use std::fmt;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ParsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use x509_parser::oid_registry::{OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY, OID_SIG_ED25519};
use x509_parser::prelude::{FromDer, SubjectPublicKeyInfo};

use crate::ed25519::is_weak;
use crate::files::pem;

/// The algorithms that may sign a token. No other is ever tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TokenAlgorithm {
    /// Ed25519 (RFC 8037).
    #[serde(rename = "EdDSA")]
    EdDsa,
    /// ECDSA on P-256 with SHA-256 (RFC 7518 3.4).
    #[serde(rename = "ES256")]
    Es256,
}

impl TokenAlgorithm {
    /// The algorithm that a key or a token names. Ed25519 has two names: RFC 8037's and RFC 9864 2.2's.
    pub(crate) fn named(alg: &str) -> Option<Self> {
        match alg {
            "EdDSA" | "Ed25519" => Some(Self::EdDsa),
            "ES256" => Some(Self::Es256),
            _ => None,
        }
    }

    /// The word in a header: `EdDSA` or `ES256`.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
        }
    }

    pub(crate) fn jwt(self) -> Algorithm {
        match self {
            Self::EdDsa => Algorithm::EdDSA,
            Self::Es256 => Algorithm::ES256,
        }
    }
}

/// `SubjectPublicKeyInfo` up to the key (RFC 8410 4; RFC 5480 2).
pub(super) const ED25519_INFO: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
/// The same of P-256, with the mark of a point that is not compressed.
pub(super) const P256_INFO: [u8; 27] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
];

/// A public key that verifies tokens with one algorithm.
pub(crate) struct TokenKey {
    pub(crate) algorithm: TokenAlgorithm,
    pub(crate) verifying: DecodingKey,
    raw: Vec<u8>,
}

impl TokenKey {
    /// Reads a `SubjectPublicKeyInfo` and checks that it is a key of the algorithm.
    pub(crate) fn from_public_pem(algorithm: TokenAlgorithm, pem: &str) -> Result<Self, &'static str> {
        Self::from_public_der(algorithm, &pem::public_key(pem.as_bytes()).map_err(|_| "is not one public key in PEM")?)
    }

    /// The same for DER.
    pub(crate) fn from_public_der(algorithm: TokenAlgorithm, der: &[u8]) -> Result<Self, &'static str> {
        let (rest, parsed) = SubjectPublicKeyInfo::from_der(der).map_err(|_| "is not a public key")?;
        if !rest.is_empty() {
            return Err("is not a public key");
        }
        let raw = parsed.subject_public_key.data.to_vec();
        let kind = &parsed.algorithm.algorithm;
        let curve = parsed.algorithm.parameters.as_ref().and_then(|parameters| parameters.as_oid().ok());
        let verifying = match algorithm {
            TokenAlgorithm::EdDsa if *kind == OID_SIG_ED25519 && raw.len() == 32 => {
                if <&[u8; 32]>::try_from(raw.as_slice()).is_ok_and(is_weak) {
                    return Err("is a key that nobody can be trusted by: it is of small order, or above the prime");
                }
                DecodingKey::from_ed_der(&raw)
            }
            TokenAlgorithm::Es256
                if *kind == OID_KEY_TYPE_EC_PUBLIC_KEY && curve == Some(OID_EC_P256) && raw.len() == 65 =>
            {
                DecodingKey::from_ec_der(&raw)
            }
            TokenAlgorithm::EdDsa | TokenAlgorithm::Es256 => return Err("is not a key of its algorithm"),
        };
        // Under such a key no token would verify, and nobody would learn why.
        if algorithm == TokenAlgorithm::Es256 && ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &raw).is_err() {
            return Err("is not a point of its curve");
        }
        Ok(Self { algorithm, verifying, raw })
    }

    /// The same for a key of whichever algorithm it is.
    pub(crate) fn from_any_public_der(der: &[u8]) -> Result<Self, &'static str> {
        let is_ed25519 = der.starts_with(&ED25519_INFO);
        Self::from_public_der(if is_ed25519 { TokenAlgorithm::EdDsa } else { TokenAlgorithm::Es256 }, der)
    }

    /// The key as `SubjectPublicKeyInfo`.
    pub(crate) fn public_der(&self) -> Vec<u8> {
        let info: &[u8] = match self.algorithm {
            TokenAlgorithm::EdDsa => &ED25519_INFO,
            TokenAlgorithm::Es256 => &P256_INFO,
        };
        // The point of P-256 is kept with its leading 4, which the information has too.
        let point = if self.algorithm == TokenAlgorithm::Es256 { self.raw.get(1..) } else { Some(self.raw.as_slice()) };
        [info, point.unwrap_or_default()].concat()
    }

    /// The same in PEM.
    pub(crate) fn public_pem(&self) -> String {
        public_key_pem(&self.public_der())
    }

    pub(crate) fn same_as(&self, other: &Self) -> bool {
        self.raw == other.raw
    }
}

/// A `SubjectPublicKeyInfo` in PEM.
fn public_key_pem(der: &[u8]) -> String {
    let base64 = STANDARD.encode(der);
    let mut pem = String::from("-----BEGIN PUBLIC KEY-----");
    for (place, letter) in base64.chars().enumerate() {
        if place % 64 == 0 {
            pem.push('\n');
        }
        pem.push(letter);
    }
    pem.push_str("\n-----END PUBLIC KEY-----\n");
    pem
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenKey").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

/// A private key that mints tokens.
pub struct MintingKey {
    pub(crate) kid: String,
    pub(crate) algorithm: TokenAlgorithm,
    pub(crate) signing: EncodingKey,
}

/// A private key that is not PKCS#8 in PEM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the token signing key must be PKCS#8 in PEM")]
pub struct InvalidMintingKey;

impl MintingKey {
    /// Reads a PKCS#8 private key.
    pub fn from_pkcs8_pem(kid: &str, algorithm: TokenAlgorithm, pem: &str) -> Result<Self, InvalidMintingKey> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| InvalidMintingKey)?;
        let signing = match algorithm {
            TokenAlgorithm::EdDsa => EncodingKey::from_ed_der(der.secret_pkcs8_der()),
            TokenAlgorithm::Es256 => EncodingKey::from_ec_der(der.secret_pkcs8_der()),
        };
        Ok(Self { kid: kid.to_owned(), algorithm, signing })
    }
}

impl fmt::Debug for MintingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MintingKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_key_is_written_as_it_is_read() {
        let pairs =
            [(TokenAlgorithm::EdDsa, &rcgen::PKCS_ED25519), (TokenAlgorithm::Es256, &rcgen::PKCS_ECDSA_P256_SHA256)];
        for (algorithm, of) in pairs {
            let pem = rcgen::KeyPair::generate_for(of).unwrap().public_key_pem().replace("\r\n", "\n");
            assert_eq!(TokenKey::from_public_pem(algorithm, &pem).unwrap().public_pem(), pem);
        }
    }

    #[test]
    fn a_token_key_that_anybody_can_sign_under_is_refused() {
        // RFC 8410 4, around the neutral point and around a point of order 4.
        for point in ["AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="] {
            let pem = format!("-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA{point}\n-----END PUBLIC KEY-----\n");
            let refused = TokenKey::from_public_pem(TokenAlgorithm::EdDsa, &pem).unwrap_err();
            assert!(refused.contains("small order"), "{refused}");
        }
    }
}
