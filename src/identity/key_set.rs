//! Reads the set of token keys that an issuer publishes: a JSON Web Key Set (RFC 7517).
//!
//! A key of a type, curve, algorithm or use that tokens are not signed with is ignored, as the RFC demands: issuers
//! publish keys for others too. The set is refused if a key for us is invalid, or if a key must never be published.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use crate::identity::key::{ED25519_INFO, P256_INFO, TokenAlgorithm, TokenKey};
use crate::identity::strict_json::object;

/// The longest set, in bytes.
pub(super) const KEY_SET_LEN_MAX: u64 = 65_536;
/// Members that only a private or shared key has (RFC 7518 6.2.2, 6.3.2, 6.4.1; RFC 8037 2).
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];
const RSA_BITS_MIN: usize = 2_048;
/// Some editors put it before a text in UTF-8. RFC 8259 8.1 forbids it before JSON.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();
/// Why a set cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum KeySetError {
    /// The set as a whole is invalid.
    Set(&'static str),
    /// One key is invalid, named by its `kid` or its number.
    Key { key: String, why: &'static str },
}

/// The keys of a set that may sign tokens, each with its `kid`. At least one.
pub(crate) fn read(json: &[u8]) -> Result<Vec<(String, TokenKey)>, KeySetError> {
    if json.starts_with(BYTE_ORDER_MARK) {
        return Err(KeySetError::Set(
            "begins with a byte order mark, which JSON has none of: save it as UTF-8 without one",
        ));
    }
    let set = object(json).ok_or(KeySetError::Set("is no JSON object that has each name once"))?;
    let keys = set.get("keys").and_then(Value::as_array).ok_or(KeySetError::Set("has no list `keys`"))?;
    let mut used = Vec::new();
    for (key, place) in keys.iter().zip(1..) {
        let label = || match key.get("kid").and_then(Value::as_str) {
            Some(kid) if !kid.is_empty() && kid.bytes().all(|byte| byte.is_ascii_graphic()) => kid.to_owned(),
            _ => format!("number {place}"),
        };
        let fault = |why| KeySetError::Key { key: label(), why };
        let members = key.as_object().ok_or_else(|| fault("is no JSON object"))?;
        used.extend(Jwk(members).read().map_err(fault)?);
    }
    if used.is_empty() {
        return Err(KeySetError::Set("has no key for signing with EdDSA on Ed25519 or ES256 on P-256"));
    }
    Ok(used)
}

/// A key of the set.
struct Jwk<'a>(&'a Map<String, Value>);

impl Jwk<'_> {
    /// None: the key is not for signing tokens.
    fn read(&self) -> Result<Option<(String, TokenKey)>, &'static str> {
        if PRIVATE.iter().any(|name| self.0.contains_key(*name)) {
            return Err("holds a private part: it is known to whoever read the set, and MUST be replaced");
        }
        let kty = self.text("kty", "has a kty that is no text")?.ok_or("has no kty")?;
        let curve = self.text("crv", "has a crv that is no text")?;
        let (algorithm, der) = match (kty, curve) {
            ("OKP", Some("Ed25519")) => (TokenAlgorithm::EdDsa, self.ed25519()),
            ("EC", Some("P-256")) => (TokenAlgorithm::Es256, self.p256()),
            ("OKP" | "EC", None) => return Err("has no crv"),
            ("RSA", _) if self.bits("n")? < RSA_BITS_MIN => return Err("is an RSA key of fewer than 2048 bits"),
            _ => return Ok(None),
        };
        let named = self.text("alg", "has an alg that is no text")?;
        if !self.is_for_verifying()? || named.is_some_and(|alg| TokenAlgorithm::named(alg) != Some(algorithm)) {
            return Ok(None);
        }
        let kid = self.text("kid", "has a kid that is no text")?.ok_or("has no kid, by which a token names its key")?;
        Ok(Some((kid.to_owned(), TokenKey::from_public_der(algorithm, &der?)?)))
    }

    fn text(&self, name: &str, otherwise: &'static str) -> Result<Option<&str>, &'static str> {
        self.0.get(name).map(|value| value.as_str().ok_or(otherwise)).transpose()
    }

    /// Whether `use` and `key_ops` allow verifying (RFC 7517 4.2, 4.3).
    fn is_for_verifying(&self) -> Result<bool, &'static str> {
        let wanted = self.text("use", "has a use that is no text")?.is_none_or(|meant| meant == "sig");
        let Some(operations) = self.0.get("key_ops") else { return Ok(wanted) };
        let operations = operations.as_array().ok_or("has key_ops that are no list")?;
        Ok(wanted && operations.iter().any(|operation| operation == "verify"))
    }

    fn ed25519(&self) -> Result<Vec<u8>, &'static str> {
        Ok([ED25519_INFO.as_slice(), &self.octets("x")?].concat())
    }

    fn p256(&self) -> Result<Vec<u8>, &'static str> {
        Ok([P256_INFO.as_slice(), &self.octets("x")?, &self.octets("y")?].concat())
    }

    /// A coordinate, as long as the curve's, with leading zeros (RFC 7518 6.2.1.2).
    fn octets(&self, name: &str) -> Result<[u8; 32], &'static str> {
        let bytes = self.decoded(name)?;
        bytes.try_into().map_err(|_| "has a coordinate that is not of 32 bytes")
    }

    fn bits(&self, name: &str) -> Result<usize, &'static str> {
        let bytes = self.decoded(name)?;
        let first = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
        let significant = bytes.get(first..).unwrap_or_default();
        let unused = significant.first().map_or(0, |byte| byte.leading_zeros());
        Ok(significant.len().saturating_mul(8).saturating_sub(usize::try_from(unused).unwrap_or_default()))
    }

    fn decoded(&self, name: &str) -> Result<Vec<u8>, &'static str> {
        let text = self.text(name, "has a coordinate that is no text")?.ok_or("has a coordinate missing")?;
        URL_SAFE_NO_PAD.decode(text).map_err(|_| "has a coordinate that is not base64url without padding")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn ed25519() -> Value {
        // RFC 8037 A.2
        json!({ "kty": "OKP", "crv": "Ed25519", "kid": "a", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" })
    }

    fn p256() -> Value {
        // RFC 7517 A.1
        json!({
            "kty": "EC", "crv": "P-256", "kid": "b",
            "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"
        })
    }

    fn with(mut key: Value, name: &str, value: Value) -> Value {
        key[name] = value;
        key
    }

    fn without(mut key: Value, name: &str) -> Value {
        key.as_object_mut().unwrap().remove(name);
        key
    }

    fn kids(keys: &[Value]) -> Result<Vec<String>, KeySetError> {
        let read = read(json!({ "keys": keys, "other": 1 }).to_string().as_bytes())?;
        Ok(read.into_iter().map(|(kid, _)| kid).collect())
    }

    #[test]
    fn several_keys_are_taken_and_what_is_not_for_us_is_passed_over() {
        let long = URL_SAFE_NO_PAD.encode([0xff; 256]);
        let beside = [
            json!({ "kty": "RSA", "n": long, "e": "AQAB", "kid": "rsa", "alg": "RS256", "use": "sig" }),
            json!({ "kty": "EC", "crv": "P-384", "x": "AA", "y": "AA", "kid": "p384" }),
            json!({ "kty": "OKP", "crv": "X25519", "x": "AA", "kid": "x" }),
            json!({ "kty": "AKP", "alg": "ML-DSA-44", "pub": "AA", "kid": "pq" }),
            with(ed25519(), "use", json!("enc")),
            with(p256(), "alg", json!("ECDH-ES")),
            with(p256(), "key_ops", json!(["deriveKey"])),
        ];
        let used = [
            with(with(ed25519(), "use", json!("sig")), "alg", json!("Ed25519")),
            with(with(p256(), "alg", json!("ES256")), "key_ops", json!(["verify"])),
            with(with(ed25519(), "kid", json!("c")), "x5c", json!([])),
        ];
        assert_eq!(
            kids(&[beside.as_slice(), &used].concat()),
            Ok(vec!["a".to_owned(), "b".to_owned(), "c".to_owned()])
        );
        let none = Err(KeySetError::Set("has no key for signing with EdDSA on Ed25519 or ES256 on P-256"));
        assert_eq!(kids(&beside), none);
        assert_eq!(kids(&[]), none);
    }

    #[test]
    fn a_key_that_is_wrong_or_should_not_be_there_refuses_the_set() {
        let check = |key: Value, label: &str, expected: &'static str| {
            let refused = kids(&[p256(), key]).unwrap_err();
            assert_eq!(refused, KeySetError::Key { key: label.to_owned(), why: expected });
        };
        let private = "holds a private part: it is known to whoever read the set, and MUST be replaced";
        check(with(ed25519(), "d", json!("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A")), "a", private);
        check(with(with(ed25519(), "d", json!(null)), "use", json!("enc")), "a", private);
        check(json!({ "kty": "oct", "k": "AA", "kid": "shared" }), "shared", private);
        let short = URL_SAFE_NO_PAD.encode([&[0, 0x7f], [0xff; 255].as_slice()].concat());
        let rsa = json!({ "kty": "RSA", "n": short, "e": "AQAB", "kid": "rsa" });
        check(rsa.clone(), "rsa", "is an RSA key of fewer than 2048 bits");
        check(without(rsa, "n"), "rsa", "has a coordinate missing");
        check(without(ed25519(), "kid"), "number 2", "has no kid, by which a token names its key");
        check(with(ed25519(), "kid", json!(7)), "number 2", "has a kid that is no text");
        check(without(ed25519(), "kty"), "a", "has no kty");
        check(without(ed25519(), "crv"), "a", "has no crv");
        check(without(p256(), "y"), "b", "has a coordinate missing");
        check(with(p256(), "y", p256()["x"].clone()), "b", "is not a point of its curve");
        check(
            with(ed25519(), "x", json!("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo=")),
            "a",
            "has a coordinate that is not base64url without padding",
        );
        check(with(ed25519(), "x", json!("AAAA")), "a", "has a coordinate that is not of 32 bytes");
        check(with(ed25519(), "x", json!(7)), "a", "has a coordinate that is no text");
        check(with(ed25519(), "use", json!(["sig"])), "a", "has a use that is no text");
        check(with(ed25519(), "key_ops", json!("verify")), "a", "has key_ops that are no list");
        check(json!("a"), "number 2", "is no JSON object");
    }

    #[test]
    fn what_is_no_set_is_refused() {
        let check = |text: &str, expected: &'static str| {
            assert_eq!(read(text.as_bytes()).map(drop), Err(KeySetError::Set(expected)), "{text}");
        };
        let unique = "is no JSON object that has each name once";
        for text in
            ["", "[]", "null", "{\"keys\":[]} {}", "{\"keys\":[],\"keys\":[]}", "{\"keys\":[{\"kid\":1,\"kid\":2}]}"]
        {
            check(text, unique);
        }
        let marked = "begins with a byte order mark, which JSON has none of: save it as UTF-8 without one";
        check("\u{feff}{\"keys\":[]}", marked);
        check("{}", "has no list `keys`");
        check("{\"keys\":{}}", "has no list `keys`");
        check(&ed25519().to_string(), "has no list `keys`");
    }
}
