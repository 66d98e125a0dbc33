//! A JSON document with signatures of agencies' keys: a JWS in its general JSON form (RFC 7515 7.2.1).
//!
//! What is signed are the bytes of the payload as they were written, so nothing has to be spelled in one way. The type in each
//! signature's header keeps a document of one kind, and a token, from being taken for another.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::identity::key::{MintingKey, TokenAlgorithm, TokenKey};
use crate::identity::strict_json::object;

/// The longest document, in bytes.
const LEN_MAX: usize = 256 * 1_024;
/// No document has more signatures.
const SIGNATURES_MAX: usize = 8;

/// Why a document is not believed, or not signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// It is not one.
    #[error("it is no signed document: {0}")]
    Malformed(&'static str),
    /// It is signed as a document of another kind.
    #[error("it is not signed as {0}")]
    OtherType(&'static str),
    /// A key that must have signed it did not, or another did.
    #[error("it is not signed by the keys that must sign it, and by no others")]
    Signers,
    /// A signature is not the key's over these bytes.
    #[error("the signature of key {0} is wrong: the document was changed, or signed by somebody else")]
    Signature(String),
    /// The key cannot sign.
    #[error("the key cannot sign")]
    Key,
}

/// A document with its signatures.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sealed {
    /// The document, in base64url.
    payload: String,
    signatures: Vec<Signature>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Signature {
    /// The header, in base64url.
    protected: String,
    signature: String,
}

impl Sealed {
    /// Signs a document with each key.
    pub fn sign(kind: &'static str, document: &[u8], keys: &[&MintingKey]) -> Result<Self, SealError> {
        let payload = URL_SAFE_NO_PAD.encode(document);
        let sign = |key: &&MintingKey| {
            let header = serde_json::json!({ "alg": key.algorithm.word(), "kid": key.kid, "typ": kind });
            let protected = URL_SAFE_NO_PAD.encode(header.to_string());
            let signed = format!("{protected}.{payload}");
            let signature = jsonwebtoken::crypto::sign(signed.as_bytes(), &key.signing, key.algorithm.jwt());
            Ok(Signature { signature: signature.map_err(|_| SealError::Key)?, protected })
        };
        let signatures = keys.iter().map(sign).collect::<Result<_, SealError>>()?;
        Ok(Self { payload, signatures })
    }

    /// Reads a document. Nothing of it is verified yet.
    pub fn parse(text: &str) -> Result<Self, SealError> {
        if text.len() > LEN_MAX {
            return Err(SealError::Malformed("it is longer than 256 KiB"));
        }
        let members = object(text.as_bytes()).ok_or(SealError::Malformed("it is not JSON with each name once"))?;
        let read: Self = serde_json::from_value(Value::Object(members))
            .map_err(|_| SealError::Malformed("it is no JWS in the general JSON form"))?;
        if read.signatures.is_empty() || read.signatures.len() > SIGNATURES_MAX {
            return Err(SealError::Malformed("it has no signature, or too many"));
        }
        Ok(read)
    }

    /// The document's members. Whoever believes them MUST have called [`Sealed::verify`].
    pub(crate) fn members(&self) -> Result<Map<String, Value>, SealError> {
        object(&self.bytes()?).ok_or(SealError::Malformed("what is signed is not a JSON object with each name once"))
    }

    /// Checks that exactly these keys signed it, each once, as a document of this kind.
    pub(crate) fn verify(&self, kind: &'static str, keys: &[(&str, &TokenKey)]) -> Result<(), SealError> {
        if keys.is_empty() || self.signatures.len() != keys.len() {
            return Err(SealError::Signers);
        }
        for (name, key) in keys {
            self.verify_one(kind, name, key)?;
        }
        Ok(())
    }

    fn verify_one(&self, kind: &'static str, name: &str, key: &TokenKey) -> Result<(), SealError> {
        for signature in &self.signatures {
            let header = Header::read(&signature.protected)?;
            if header.typ != kind {
                return Err(SealError::OtherType(kind));
            }
            if header.kid != name || TokenAlgorithm::named(&header.alg) != Some(key.algorithm) {
                continue;
            }
            let signed = format!("{}.{}", signature.protected, self.payload);
            let verified = jsonwebtoken::crypto::verify(
                &signature.signature,
                signed.as_bytes(),
                &key.verifying,
                key.algorithm.jwt(),
            );
            return if verified == Ok(true) { Ok(()) } else { Err(SealError::Signature(name.to_owned())) };
        }
        Err(SealError::Signers)
    }

    /// The names of the keys that it says it is signed by.
    pub fn signers(&self) -> Result<Vec<String>, SealError> {
        self.signatures.iter().map(|signature| Ok(Header::read(&signature.protected)?.kid)).collect()
    }

    /// SHA-256 of the document, by which two people can tell each other which one they mean.
    pub fn digest(&self) -> Result<[u8; 32], SealError> {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, &self.bytes()?).as_ref());
        Ok(bytes)
    }

    fn bytes(&self) -> Result<Vec<u8>, SealError> {
        URL_SAFE_NO_PAD.decode(&self.payload).map_err(|_| SealError::Malformed("its payload is not base64url"))
    }
}

/// The header of a signature. It has these three members and no other: one that is not understood could change what is meant.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    kid: String,
    typ: String,
}

impl Header {
    fn read(protected: &str) -> Result<Self, SealError> {
        let malformed = SealError::Malformed("a header is not alg, kid and typ");
        let bytes = URL_SAFE_NO_PAD.decode(protected).map_err(|_| malformed.clone())?;
        let members = object(&bytes).ok_or_else(|| malformed.clone())?;
        serde_json::from_value(Value::Object(members)).map_err(|_| malformed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::development::TokenKeyPair;

    const KIND: &str = "a-test";

    struct Signer {
        minting: MintingKey,
        public: TokenKey,
    }

    fn signer(name: &str) -> Signer {
        let pair = TokenKeyPair::generate().unwrap();
        Signer {
            minting: MintingKey::from_pkcs8_pem(name, TokenAlgorithm::EdDsa, &pair.private_pem).unwrap(),
            public: TokenKey::from_public_pem(TokenAlgorithm::EdDsa, &pair.public_pem).unwrap(),
        }
    }

    #[test]
    fn a_document_is_by_exactly_the_keys_that_must_sign_it() {
        let (one, two) = (signer("one"), signer("two"));
        let keys = [("one", &one.public), ("two", &two.public)];
        let sealed = Sealed::sign(KIND, br#"{"a":1}"#, &[&one.minting, &two.minting]).unwrap();
        let read = Sealed::parse(&serde_json::to_string_pretty(&sealed).unwrap()).unwrap();
        assert_eq!(read.verify(KIND, &keys), Ok(()));
        assert_eq!(read.members().unwrap()["a"], 1);
        assert_eq!(read.signers().unwrap(), ["one", "two"]);
        assert_eq!(read.verify(KIND, &keys[..1]), Err(SealError::Signers));
        assert_eq!(read.verify(KIND, &[]), Err(SealError::Signers));
        assert_eq!(read.verify("another", &keys), Err(SealError::OtherType("another")));
        let twice = Sealed::sign(KIND, b"{}", &[&one.minting, &one.minting]).unwrap();
        assert_eq!(twice.verify(KIND, &keys), Err(SealError::Signers));
        let other = signer("two");
        let sealed = Sealed::sign(KIND, b"{}", &[&one.minting, &other.minting]).unwrap();
        assert_eq!(sealed.verify(KIND, &keys), Err(SealError::Signature("two".to_owned())));
    }

    #[test]
    fn whatever_is_changed_is_found() {
        let one = signer("one");
        let sealed = Sealed::sign(KIND, br#"{"agency":"us-ice"}"#, &[&one.minting]).unwrap();
        let text = serde_json::to_string(&sealed).unwrap();
        for at in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let Ok(changed) = String::from_utf8(changed) else { continue };
            let read = Sealed::parse(&changed).and_then(|read| read.verify(KIND, &[("one", &one.public)]));
            assert!(read.is_err(), "byte {at}: {changed}");
        }
    }

    #[test]
    fn what_is_no_document_is_refused() {
        let check = |text: &str, expected: &str| {
            let refused = Sealed::parse(text).unwrap_err().to_string();
            assert!(refused.ends_with(expected), "{text}: {refused}");
        };
        check("", "it is not JSON with each name once");
        check(r#"{"payload":"","payload":"","signatures":[]}"#, "it is not JSON with each name once");
        check(r#"{"payload":"","signatures":[],"more":1}"#, "it is no JWS in the general JSON form");
        check(r#"{"payload":"","signatures":[]}"#, "it has no signature, or too many");
        check(&format!("{{{}}}", " ".repeat(LEN_MAX)), "it is longer than 256 KiB");
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"EdDSA","kid":"one","typ":"a-test","crit":[]}"#);
        let text = format!(r#"{{"payload":"e30","signatures":[{{"protected":"{header}","signature":""}}]}}"#);
        let refused = Sealed::parse(&text).unwrap().verify(KIND, &[("one", &signer("one").public)]);
        assert_eq!(refused, Err(SealError::Malformed("a header is not alg, kid and typ")));
    }
}
