//! The keys that sign and check a log: Ed25519 keys with a name (C2SP signed-note, signature type 0x01).

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, ParsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::merkle::sha256;
use crate::ed25519::is_weak;

/// Longest key name or log origin, in bytes. C2SP sets no limit, but a note must stay small.
pub(super) const NAME_LEN_MAX: usize = 255;

/// Length of an Ed25519 signature, in bytes (RFC 8032).
pub(super) const SIGNATURE_LEN: usize = 64;

/// Identifies a key on a note's line beside its name (C2SP signed-note, "key ID").
pub(super) type KeyId = [u8; 4];

/// C2SP signed-note: the signature type of plain Ed25519.
const TYPE_ED25519: u8 = 1;

const PEM_BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const PEM_END: &str = "-----END PRIVATE KEY-----";

/// Why a key cannot be used. MUST NOT quote the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// C2SP signed-note forbids spaces and `+` in key names; we also refuse control characters and long names.
    #[error("the key's name is empty, too long, or has a space, a plus sign or a control character")]
    Name,
    /// The text is not `name+hash+base64` in the spelling that we print.
    #[error("the verifier key is malformed")]
    Malformed,
    /// The key is not an Ed25519 one.
    #[error("the verifier key is of a type that is not supported")]
    Type,
    /// Signatures verify under it that nobody made.
    #[error("the verifier key is one that nobody can be trusted by: it is of small order, or above the prime")]
    Weak,
    /// The hash belongs to another name or key: one of them was mistyped.
    #[error("the verifier key's hash does not match its name and key")]
    Hash,
    /// The file does not consist of exactly one `PRIVATE KEY` section.
    #[error("the private key is not a PEM file of one PRIVATE KEY section")]
    Pem,
    /// The bytes are not an unencrypted PKCS#8 Ed25519 key.
    #[error("the private key is not an Ed25519 key in PKCS#8")]
    Pkcs8,
    /// The cryptographic library failed to make a key.
    #[error("no key could be generated")]
    Generate,
}

/// A log's private key. Its Debug prints only the name. Cheap to clone.
#[derive(Clone)]
pub struct Signer {
    key: Arc<Ed25519KeyPair>,
    verifier: VerifierKey,
    /// Private keys that sign beside this one.
    beside: Arc<[Signer]>,
    /// Keys whose signatures stand under earlier checkpoints.
    retired: Arc<[VerifierKey]>,
}

impl Signer {
    /// Makes a new key. Returns it also as PKCS#8 DER to be stored (version 1, which OpenSSL can read).
    pub fn generate(name: &str) -> Result<(Self, Zeroizing<Vec<u8>>), KeyError> {
        let key = Ed25519KeyPair::generate().map_err(|_| KeyError::Generate)?;
        let document = key.to_pkcs8v1().map_err(|_| KeyError::Generate)?;
        let pkcs8 = Zeroizing::new(document.as_ref().to_vec());
        Ok((Self::new(name, key)?, pkcs8))
    }

    /// Reads a key from unencrypted PKCS#8 DER.
    pub fn from_pkcs8(name: &str, der: &[u8]) -> Result<Self, KeyError> {
        let key = Ed25519KeyPair::from_pkcs8(der).map_err(|_| KeyError::Pkcs8)?;
        Self::new(name, key)
    }

    /// Reads a key from PEM, as `openssl genpkey -algorithm ed25519` and [`pem_from_pkcs8`] write it.
    pub fn from_pem(name: &str, pem: &str) -> Result<Self, KeyError> {
        let [der] = &pkcs8_of_pem(pem)?[..] else { return Err(KeyError::Pem) };
        Self::from_pkcs8(name, der)
    }

    /// The same key with others that sign beside it, and with public keys that signed before and no longer do: so one key is
    /// rolled into another.
    #[must_use]
    pub fn rolling(self, beside: Vec<Signer>, retired: Vec<VerifierKey>) -> Self {
        Self { beside: beside.into(), retired: retired.into(), ..self }
    }

    /// The public key, for whoever verifies.
    pub fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// The public keys of everything that was signed with: this one, those beside it, and those retired.
    pub fn verifiers(&self) -> Vec<VerifierKey> {
        self.each().map(|signer| signer.verifier.clone()).chain(self.retired.iter().cloned()).collect()
    }

    /// The keys that sign: this one, then those beside it.
    pub(super) fn each(&self) -> impl Iterator<Item = &Self> {
        std::iter::once(self).chain(self.beside.iter())
    }

    /// The Ed25519 signature over `text`. `None` if the cryptographic library fails.
    pub(super) fn sign(&self, text: &[u8]) -> Option<[u8; SIGNATURE_LEN]> {
        let signature = self.key.try_sign(text).ok()?;
        signature.as_ref().try_into().ok()
    }

    fn new(name: &str, key: Ed25519KeyPair) -> Result<Self, KeyError> {
        let verifier = VerifierKey::new(name, key.public_key().as_ref())?;
        Ok(Self { key: Arc::new(key), verifier, beside: Arc::new([]), retired: Arc::new([]) })
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("verifier", &self.verifier).finish_non_exhaustive()
    }
}

/// A public key that checks checkpoints. It prints as C2SP verifier key text: `name+hash+base64`.
#[derive(Clone)]
pub struct VerifierKey {
    name: String,
    id: KeyId,
    key: ParsedPublicKey,
}

impl VerifierKey {
    /// Reads the text that this type prints, in that spelling only. The hash must match the name and the key.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let (name, rest) = text.split_once('+').ok_or(KeyError::Malformed)?;
        let (_, base64) = rest.split_once('+').ok_or(KeyError::Malformed)?;
        let bytes = STANDARD.decode(base64).map_err(|_| KeyError::Malformed)?;
        let (kind, public) = bytes.split_first().ok_or(KeyError::Malformed)?;
        if *kind != TYPE_ED25519 {
            return Err(KeyError::Type);
        }
        let key = Self::new(name, public)?;
        if key.to_string() != text {
            return Err(KeyError::Hash);
        }
        Ok(key)
    }

    /// The name under which the key signs.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether a note's line names this key. Two keys may share a name or an id, but hardly both.
    pub(super) fn is(&self, name: &str, id: KeyId) -> bool {
        self.name == name && self.id == id
    }

    pub(super) fn id(&self) -> KeyId {
        self.id
    }

    /// The bytes of the public key. The same key may come under several names.
    pub(super) fn public(&self) -> &[u8] {
        self.key.as_ref()
    }

    pub(super) fn verifies(&self, text: &[u8], signature: &[u8]) -> bool {
        self.key.verify_sig(text, signature).is_ok()
    }

    fn new(name: &str, public: &[u8]) -> Result<Self, KeyError> {
        if !is_name(name) {
            return Err(KeyError::Name);
        }
        let point = <&[u8; 32]>::try_from(public).map_err(|_| KeyError::Malformed)?;
        if is_weak(point) {
            return Err(KeyError::Weak);
        }
        let key = ParsedPublicKey::new(&ED25519, public).map_err(|_| KeyError::Malformed)?;
        // C2SP signed-note: SHA-256(key name || 0x0A || signature type || public key)[:4]
        let digest = sha256(&[name.as_bytes(), b"\n", &[TYPE_ED25519], public]);
        let [a, b, c, d, ..] = *digest.as_bytes();
        Ok(Self { name: name.to_owned(), id: [a, b, c, d], key })
    }
}

impl PartialEq for VerifierKey {
    fn eq(&self, other: &Self) -> bool {
        self.is(&other.name, other.id) && self.key.as_ref() == other.key.as_ref()
    }
}

impl Eq for VerifierKey {}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [&[TYPE_ED25519], self.key.as_ref()].concat();
        let (hash, base64) = (hex::encode(self.id), STANDARD.encode(bytes));
        write!(f, "{}+{hash}+{base64}", self.name)
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifierKey({self})")
    }
}

/// The private keys of a PEM file, which holds nothing beside them.
pub(super) fn pkcs8_of_pem(pem: &str) -> Result<Vec<Zeroizing<Vec<u8>>>, KeyError> {
    let sections = pem.trim().strip_suffix(PEM_END).ok_or(KeyError::Pem)?.split(PEM_END);
    let keys = sections.map(|section| {
        let body = section.trim_start().strip_prefix(PEM_BEGIN).ok_or(KeyError::Pem)?;
        // Reserved at once, so that growing leaves no copy of the key behind.
        let mut base64 = Zeroizing::new(String::with_capacity(body.len()));
        base64.extend(body.split_ascii_whitespace());
        STANDARD.decode(base64.as_str()).map(Zeroizing::new).map_err(|_| KeyError::Pem)
    });
    keys.collect()
}

/// Writes PKCS#8 DER as PEM, for a key file.
pub fn pem_from_pkcs8(der: &[u8]) -> Zeroizing<String> {
    let base64 = Zeroizing::new(STANDARD.encode(der));
    // Reserved at once, so that growing leaves no copy behind.
    let mut pem = Zeroizing::new(String::with_capacity(base64.len() * 2 + 64));
    pem.push_str(PEM_BEGIN);
    for (place, letter) in base64.chars().enumerate() {
        if place % 64 == 0 {
            pem.push('\n');
        }
        pem.push(letter);
    }
    pem.push('\n');
    pem.push_str(PEM_END);
    pem.push('\n');
    pem
}

/// Whether this may be the name of a key or an origin in a note (C2SP signed-note): no spaces, plus signs or control
/// characters.
pub fn is_name(name: &str) -> bool {
    is_plain(name) && name.len() <= NAME_LEN_MAX && !name.contains(char::is_control)
}

/// Whether somebody else may have this for the name of a key: C2SP signed-note forbids spaces and plus signs, and no more.
pub(super) fn is_plain(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c == '+')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The verifier key of the example in Go's `golang.org/x/mod/sumdb/note`.
    const VKEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

    fn refused(text: &str) -> KeyError {
        VerifierKey::parse(text).unwrap_err()
    }

    #[test]
    fn a_verifier_key_prints_as_it_was_read() {
        let key = VerifierKey::parse(VKEY).unwrap();
        assert_eq!(key.to_string(), VKEY);
        assert_eq!(key.name(), "PeterNeumann");
        let (signer, _) = Signer::generate("example.org/us-ny").unwrap();
        let text = signer.verifier().to_string();
        assert_eq!(&VerifierKey::parse(&text).unwrap(), signer.verifier());
        assert!(signed_note::StandardVerifier::new(&text).is_ok());
    }

    #[test]
    fn a_verifier_key_in_another_spelling_is_refused() {
        assert_eq!(refused(""), KeyError::Malformed);
        assert_eq!(refused("PeterNeumann"), KeyError::Malformed);
        assert_eq!(refused("PeterNeumann+c74f20a3"), KeyError::Malformed);
        assert_eq!(refused("PeterNeumann+c74f20a3+"), KeyError::Malformed);
        assert_eq!(refused("PeterNeumann+c74f20a3+AQ=="), KeyError::Malformed);
        assert_eq!(refused(&VKEY.replace("+A", "+B")), KeyError::Type);
        assert_eq!(refused(&VKEY.replace("c74f", "C74F")), KeyError::Hash);
        assert_eq!(refused(&VKEY.replace("c74f", "+c74f")), KeyError::Malformed);
        assert_eq!(refused(&VKEY.replace("Peter", "Petra")), KeyError::Hash);
        assert_eq!(refused(&VKEY.replace("Peter", "Peter ")), KeyError::Name);
        assert_eq!(refused(&format!("{VKEY}\n")), KeyError::Malformed);
    }

    /// The C2SP text of a key, with its own hash.
    fn text_of(public: &[u8; 32]) -> String {
        let digest = sha256(&[b"log\n", &[TYPE_ED25519], public]);
        let base64 = STANDARD.encode([&[TYPE_ED25519], public.as_slice()].concat());
        format!("log+{}+{base64}", hex::encode(&digest.as_bytes()[..4]))
    }

    #[test]
    fn a_key_that_anybody_can_sign_under_is_refused() {
        for y in [0, 1] {
            for sign in [0, 0x80] {
                let mut public = [0; 32];
                (public[0], public[31]) = (y, sign);
                assert_eq!(refused(&text_of(&public)), KeyError::Weak);
            }
        }
        for first in [0xec, 0xed, 0xee, 0xff] {
            let mut public = [0xff; 32];
            (public[0], public[31]) = (first, 0x7f);
            assert_eq!(refused(&text_of(&public)), KeyError::Weak);
        }
        let (signer, _) = Signer::generate("log").unwrap();
        let good = <&[u8; 32]>::try_from(signer.verifier.key.as_ref()).unwrap();
        assert_eq!(VerifierKey::parse(&text_of(good)).unwrap(), signer.verifier);
    }

    #[test]
    fn a_signer_is_the_same_from_der_and_from_pem() {
        let (signer, der) = Signer::generate("log").unwrap();
        let pem = pem_from_pkcs8(&der);
        let lines: Vec<_> = pem.lines().collect();
        assert_eq!(lines.first(), Some(&PEM_BEGIN));
        assert!(lines.iter().all(|line| line.len() <= 64));
        for again in [Signer::from_pkcs8("log", &der), Signer::from_pem("log", &pem)] {
            let again = again.unwrap();
            assert_eq!(again.verifier(), signer.verifier());
            assert_eq!(again.sign(b"text"), signer.sign(b"text"));
        }
    }

    #[test]
    fn the_first_key_of_rfc_8032_signs_as_it_says() {
        // RFC 8032 7.1, test 1, in the PKCS#8 that `openssl genpkey` writes: a header of 16 bytes, then the seed.
        let header = "302e020100300506032b657004220420";
        let seed = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
        let public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
        let signature = "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155\
            5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b";
        let base64 = STANDARD.encode(hex::decode(format!("{header}{seed}")).unwrap());
        let signer = Signer::from_pem("log", &format!("{PEM_BEGIN}\n{base64}\n{PEM_END}\n")).unwrap();
        assert_eq!(hex::encode(signer.verifier().key.as_ref()), public);
        assert_eq!(hex::encode(signer.sign(b"").unwrap()), signature);
    }

    #[test]
    fn what_is_no_ed25519_key_is_refused() {
        let refused = |pem: &str| Signer::from_pem("log", pem).unwrap_err();
        assert_eq!(refused(""), KeyError::Pem);
        assert_eq!(refused(&format!("{PEM_BEGIN}{PEM_END}")), KeyError::Pkcs8);
        assert_eq!(refused(&format!("{PEM_BEGIN}\n!\n{PEM_END}")), KeyError::Pem);
        let (_, der) = Signer::generate("log").unwrap();
        let pem = pem_from_pkcs8(&der);
        assert_eq!(refused(&format!("{}{}", *pem, *pem)), KeyError::Pem);
        assert_eq!(Signer::from_pkcs8("log", &der[1..]).unwrap_err(), KeyError::Pkcs8);
    }

    #[test]
    fn a_name_that_would_break_a_note_is_refused() {
        let long = "a".repeat(NAME_LEN_MAX + 1);
        for name in ["", "a b", "a+b", "a\nb", "a\u{3000}b", "a\u{7f}", &long] {
            assert_eq!(Signer::generate(name).unwrap_err(), KeyError::Name, "{name:?}");
        }
    }

    #[test]
    fn debug_shows_no_private_key() {
        let (signer, der) = Signer::generate("log").unwrap();
        let public = signer.verifier();
        let shown = format!("Signer {{ verifier: VerifierKey({public}), .. }}");
        assert_eq!(format!("{signer:?}"), shown);
        let seed = &der[der.len() - 32..];
        assert!(!shown.contains(&STANDARD.encode(seed)) && !shown.contains(&hex::encode(seed)));
    }
}
