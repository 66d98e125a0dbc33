//! Cosignatures (C2SP tlog-cosignature): somebody else has seen a log's head, and it extends everything they saw of the log
//! before. Of both types: Ed25519 (`cosignature/v1`) and ML-DSA-44 (`subtree/v1`), each with a time.

use std::fmt;

use aws_lc_rs::signature::{
    ED25519, Ed25519KeyPair, KeyPair, ML_DSA_44, ML_DSA_44_SIGNING, ParsedPublicKey, PqdsaKeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::checkpoint::{CheckpointError, parse_decimal};
use super::hash::Hash;
use super::key::{KeyError, KeyId, NAME_LEN_MAX, VerifierKey, is_name, pem_from_pkcs8, pkcs8_of_pem};
use super::merkle::{SIZE_MAX, sha256};
use super::note::{self, NoteError};
use crate::ed25519::is_weak;

/// C2SP signed-note: the signature types of cosignatures.
const TYPE_ED25519: u8 = 0x04;
const TYPE_ML_DSA_44: u8 = 0x06;

/// FIPS 204: lengths of an ML-DSA-44 public key and signature, in bytes.
const ML_DSA_44_PUBLIC_LEN: usize = 1312;
const ML_DSA_44_SIGNATURE_LEN: usize = 2420;

/// What an Ed25519 cosignature begins with.
const ED25519_HEADER: &str = "cosignature/v1\n";
/// What an ML-DSA-44 cosignature begins with.
const ML_DSA_44_LABEL: &[u8; 12] = b"subtree/v1\n\0";

/// A signed head of any log, ours or not: what its log vouches for. Extension lines are kept, and mean nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    origin: String,
    size: u64,
    root: Hash,
    /// The text that was signed, byte for byte.
    text: String,
    /// The signature lines of the log's known keys.
    signatures: String,
}

/// A cosignature that verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosignature {
    /// Which of the keys it was checked by.
    pub key: usize,
    /// When it was made, in POSIX seconds, by the cosigner's clock. Zero: it does not say.
    pub time: u64,
    /// Its signature line, with a newline.
    pub line: String,
}

impl Head {
    /// The log that a note claims to be of. Nothing is verified.
    pub fn claimed_origin(note: &str) -> Option<&str> {
        note.split_once('\n').map(|(origin, _)| origin).filter(|origin| is_origin(origin))
    }

    /// Reads a note that one of the keys of this log has signed. Others may have signed it too.
    pub fn open(note: &str, origin: &str, keys: &[VerifierKey]) -> Result<Self, CheckpointError> {
        let head = Self::parse(note::open_received(note, keys)?, origin)?;
        let (_, lines) = note::read(note)?;
        // One line a key, however often it is repeated: what is kept of a note must not grow by whoever sends it.
        let of_key = |key: &VerifierKey| lines.iter().find(|line| key.is(line.name, line.id));
        let known = keys.iter().filter_map(of_key);
        let signatures = known.map(|line| note::line(line.name, line.id, &line.signature)).collect();
        Ok(Self { signatures, ..head })
    }

    /// Reads a note that one of these cosigners has signed, whoever else has: what they vouch for, the log vouched for.
    pub fn open_cosigned(note: &str, origin: &str, keys: &[CosignerKey]) -> Result<Self, CheckpointError> {
        let head = Self::parse(note::read(note)?.0, origin)?;
        match head.cosignatures(note, keys)?.as_slice() {
            [] => Err(NoteError::Malformed("no known cosigner signed it").into()),
            [_, ..] => Ok(head),
        }
    }

    fn parse(text: &str, origin: &str) -> Result<Self, CheckpointError> {
        let mut lines = text.strip_suffix('\n').unwrap_or(text).split('\n');
        let (found, size, root) = (lines.next(), lines.next(), lines.next());
        let (Some(found), Some(size), Some(root)) = (found, size, root) else { return Err(CheckpointError::Lines) };
        // C2SP tlog-checkpoint: extension lines MUST be non-empty.
        if lines.any(str::is_empty) {
            return Err(CheckpointError::Lines);
        }
        if !is_origin(found) {
            return Err(CheckpointError::Origin);
        }
        if found != origin {
            return Err(CheckpointError::OtherLog { expected: origin.to_owned(), found: found.to_owned() });
        }
        let size = parse_decimal(size).filter(|size| *size <= SIZE_MAX).ok_or(CheckpointError::Size)?;
        let root = Hash::from_base64(root).ok_or(CheckpointError::Root)?;
        Ok(Self { origin: origin.to_owned(), size, root, text: text.to_owned(), signatures: String::new() })
    }

    /// The log's name.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Entries in the log.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root over all of them.
    pub fn root(&self) -> Hash {
        self.root
    }

    /// The signature lines of the log's known keys, each with its newline.
    pub fn signatures(&self) -> &str {
        &self.signatures
    }

    /// The same head as a note, with these signature lines under it.
    pub fn signed_by(&self, lines: &str) -> String {
        format!("{}\n{lines}", self.text)
    }

    /// The cosignatures of known keys under a note of this head. Lines of unknown signers are passed over; one of a known key
    /// that is not valid spoils the note.
    pub fn cosignatures(&self, note: &str, keys: &[CosignerKey]) -> Result<Vec<Cosignature>, NoteError> {
        let (text, lines) = note::read(note)?;
        if text != self.text {
            return Err(NoteError::Malformed("it is of another head"));
        }
        let mut found: Vec<Cosignature> = Vec::new();
        for line in lines {
            let is_meant = |key: &CosignerKey| key.name == line.name && key.id == line.id;
            let Some((at, key)) = keys.iter().enumerate().find(|(_, key)| is_meant(key)) else { continue };
            let bad = || NoteError::BadSignature { name: line.name.to_owned() };
            let time = key.time_of(self, &line.signature).ok_or_else(bad)?;
            // The newest of one key: each says the same of the log as those before.
            found.retain(|other| other.key != at || other.time > time);
            if !found.iter().any(|other| other.key == at) {
                let line = note::line(line.name, line.id, &line.signature);
                found.push(Cosignature { key: at, time, line });
            }
        }
        Ok(found)
    }

    /// What an Ed25519 cosigner signs.
    fn message(&self, time: u64) -> Vec<u8> {
        format!("{ED25519_HEADER}time {time}\n{}", self.text).into_bytes()
    }

    /// What an ML-DSA-44 cosigner of that name signs. None: a name of either is too long for it.
    fn message_named(&self, name: &str, time: u64) -> Option<Vec<u8>> {
        let name_len = u8::try_from(name.len()).ok()?;
        let origin_len = u8::try_from(self.origin.len()).ok()?;
        let start = 0_u64;
        let parts: [&[u8]; 9] = [
            ML_DSA_44_LABEL,
            &[name_len],
            name.as_bytes(),
            &time.to_be_bytes(),
            &[origin_len],
            self.origin.as_bytes(),
            &start.to_be_bytes(),
            &self.size.to_be_bytes(),
            self.root.as_bytes(),
        ];
        Some(parts.concat())
    }
}

/// Others name their logs as they like: a line that says something.
fn is_origin(origin: &str) -> bool {
    !origin.is_empty() && origin.len() <= NAME_LEN_MAX && !origin.contains(char::is_control)
}

/// A public key by which cosignatures are checked. It prints as C2SP verifier key text.
#[derive(Clone)]
pub struct CosignerKey {
    name: String,
    id: KeyId,
    kind: u8,
    key: ParsedPublicKey,
}

impl CosignerKey {
    /// Reads the text that this type prints, in no other spelling.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let (name, rest) = text.split_once('+').ok_or(KeyError::Malformed)?;
        let (_, base64) = rest.split_once('+').ok_or(KeyError::Malformed)?;
        let bytes = STANDARD.decode(base64).map_err(|_| KeyError::Malformed)?;
        let (kind, public) = bytes.split_first().ok_or(KeyError::Malformed)?;
        let key = Self::new(name, *kind, public)?;
        if key.to_string() == text { Ok(key) } else { Err(KeyError::Hash) }
    }

    /// The bytes of the public key. The same key may come under several names.
    pub(super) fn public(&self) -> &[u8] {
        self.key.as_ref()
    }

    /// The name under which it cosigns.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn new(name: &str, kind: u8, public: &[u8]) -> Result<Self, KeyError> {
        if !is_name(name) {
            return Err(KeyError::Name);
        }
        let parsed = match kind {
            TYPE_ED25519 => {
                let point = <&[u8; 32]>::try_from(public).map_err(|_| KeyError::Malformed)?;
                if is_weak(point) {
                    return Err(KeyError::Weak);
                }
                ParsedPublicKey::new(&ED25519, public)
            }
            TYPE_ML_DSA_44 if public.len() == ML_DSA_44_PUBLIC_LEN => ParsedPublicKey::new(&ML_DSA_44, public),
            _ => return Err(KeyError::Type),
        };
        let key = parsed.map_err(|_| KeyError::Malformed)?;
        let digest = sha256(&[name.as_bytes(), b"\n", &[kind], public]);
        let [a, b, c, d, ..] = *digest.as_bytes();
        Ok(Self { name: name.to_owned(), id: [a, b, c, d], kind, key })
    }

    /// The time of a cosignature of a head. `None` if it is not one of this key.
    fn time_of(&self, head: &Head, cosignature: &[u8]) -> Option<u64> {
        let (time, signature) = cosignature.split_first_chunk()?;
        let time = u64::from_be_bytes(*time);
        // C2SP tlog-cosignature: it MUST NOT exceed 2^63 - 1.
        if time > SIZE_MAX {
            return None;
        }
        let message =
            if self.kind == TYPE_ED25519 { head.message(time) } else { head.message_named(&self.name, time)? };
        self.key.verify_sig(&message, signature).is_ok().then_some(time)
    }
}

impl fmt::Display for CosignerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [&[self.kind], self.key.as_ref()].concat();
        write!(f, "{}+{}+{}", self.name, hex::encode(self.id), STANDARD.encode(bytes))
    }
}

impl PartialEq for CosignerKey {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, self.id, self.kind) == (&other.name, other.id, other.kind) && self.public() == other.public()
    }
}

impl Eq for CosignerKey {}

impl fmt::Debug for CosignerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CosignerKey({}+{})", self.name, hex::encode(self.id))
    }
}

/// A cosigner's private keys: one of each type under one name. Its Debug prints only public keys.
pub struct Cosigner {
    ed25519: Ed25519KeyPair,
    ml_dsa_44: PqdsaKeyPair,
    keys: [CosignerKey; 2],
}

impl Cosigner {
    /// Makes new keys, and the PEM file to keep them by: a PKCS#8 section each.
    pub fn generate(name: &str) -> Result<(Self, Zeroizing<String>), KeyError> {
        let ed25519 = Ed25519KeyPair::generate().map_err(|_| KeyError::Generate)?;
        let ml_dsa_44 = PqdsaKeyPair::generate(&ML_DSA_44_SIGNING).map_err(|_| KeyError::Generate)?;
        let mut pem = pem_from_pkcs8(ed25519.to_pkcs8v1().map_err(|_| KeyError::Generate)?.as_ref());
        pem.push_str(&pem_from_pkcs8(ml_dsa_44.to_pkcs8v1().map_err(|_| KeyError::Generate)?.as_ref()));
        Ok((Self::new(name, ed25519, ml_dsa_44)?, pem))
    }

    /// Takes the keys from the file that [`Self::generate`] made.
    pub fn from_pem(name: &str, pem: &str) -> Result<Self, KeyError> {
        let [ed25519, ml_dsa_44] = &pkcs8_of_pem(pem)?[..] else { return Err(KeyError::Pem) };
        let ed25519 = Ed25519KeyPair::from_pkcs8(ed25519).map_err(|_| KeyError::Pkcs8)?;
        let ml_dsa_44 = PqdsaKeyPair::from_pkcs8(&ML_DSA_44_SIGNING, ml_dsa_44).map_err(|_| KeyError::Pkcs8)?;
        Self::new(name, ed25519, ml_dsa_44)
    }

    fn new(name: &str, ed25519: Ed25519KeyPair, ml_dsa_44: PqdsaKeyPair) -> Result<Self, KeyError> {
        let keys = [
            CosignerKey::new(name, TYPE_ED25519, ed25519.public_key().as_ref())?,
            CosignerKey::new(name, TYPE_ML_DSA_44, ml_dsa_44.public_key().as_ref())?,
        ];
        Ok(Self { ed25519, ml_dsa_44, keys })
    }

    /// The public keys, for whoever verifies.
    pub fn keys(&self) -> &[CosignerKey] {
        &self.keys
    }

    /// Signature lines over a head at a time, in POSIX seconds: of Ed25519, and of ML-DSA-44 where its names are short enough.
    pub fn cosign(&self, head: &Head, time: u64) -> Result<String, NoteError> {
        let [of_ed25519, of_ml_dsa_44] = &self.keys;
        let signature = self.ed25519.try_sign(&head.message(time)).map_err(|_| NoteError::Sign)?;
        let mut lines = line(of_ed25519, time, signature.as_ref());
        if let Some(message) = head.message_named(&of_ml_dsa_44.name, time) {
            let mut signature = [0; ML_DSA_44_SIGNATURE_LEN];
            self.ml_dsa_44.sign(&message, &mut signature).map_err(|_| NoteError::Sign)?;
            lines.push_str(&line(of_ml_dsa_44, time, &signature));
        }
        Ok(lines)
    }
}

impl fmt::Debug for Cosigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cosigner").field("keys", &self.keys).finish_non_exhaustive()
    }
}

fn line(key: &CosignerKey, time: u64, signature: &[u8]) -> String {
    note::line(&key.name, key.id, &[&time.to_be_bytes(), signature].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{Checkpoint, Signer};

    const ORIGIN: &str = "example.com/behind-the-sofa";

    fn head(signer: &Signer, size: u64) -> (Head, String) {
        let note = Checkpoint::new(ORIGIN, size, Hash::from_bytes([7; 32])).unwrap().sign(signer).unwrap();
        (Head::open(&note, ORIGIN, &[signer.verifier().clone()]).unwrap(), note)
    }

    #[test]
    fn what_is_signed_is_as_the_specification_says() {
        let (signer, _) = Signer::generate(ORIGIN).unwrap();
        let (head, _) = head(&signer, 20_852_163);
        let root = Hash::from_bytes([7; 32]).to_base64();
        let expected = format!("cosignature/v1\ntime 1679315147\n{ORIGIN}\n20852163\n{root}\n");
        assert_eq!(String::from_utf8(head.message(1_679_315_147)).unwrap(), expected);
        let named = head.message_named("w", 1).unwrap();
        let expected: [&[u8]; 8] = [
            b"subtree/v1\n\0",
            &[1, b'w'],
            &[0, 0, 0, 0, 0, 0, 0, 1],
            &[27],
            ORIGIN.as_bytes(),
            &[0; 8],
            &20_852_163_u64.to_be_bytes(),
            &[7; 32],
        ];
        assert_eq!(named, expected.concat());
    }

    #[test]
    fn a_head_is_cosigned_by_either_key_and_by_no_other() {
        let (signer, _) = Signer::generate(ORIGIN).unwrap();
        let (head, note) = head(&signer, 8);
        let (cosigner, pem) = Cosigner::generate("witness.example/w1").unwrap();
        let lines = cosigner.cosign(&head, 1_700_000_000).unwrap();
        let witnessed = format!("{note}{lines}");
        let found = head.cosignatures(&witnessed, cosigner.keys()).unwrap();
        let of_each: Vec<_> = found.iter().map(|found| (found.key, found.time)).collect();
        assert_eq!(of_each, [(0, 1_700_000_000), (1, 1_700_000_000)]);
        assert_eq!(found.iter().map(|found| found.line.as_str()).collect::<String>(), lines);
        let lens: Vec<_> = note::read(&witnessed).unwrap().1.iter().map(|line| line.signature.len()).collect();
        assert_eq!(lens, [64, 72, 2_428]);
        // The log's own readers pass over the lines of a witness, of 72 and of 2,428 bytes.
        assert_eq!(Head::open(&witnessed, ORIGIN, &[signer.verifier().clone()]), Ok(head.clone()));
        let (other, _) = Cosigner::generate("witness.example/w1").unwrap();
        assert_eq!(head.cosignatures(&witnessed, other.keys()), Ok(Vec::new()), "another key of the same name");
        let kept = Head::open_cosigned(&witnessed, ORIGIN, cosigner.keys()).unwrap();
        assert_eq!((kept.size(), kept.root()), (head.size(), head.root()));
        assert!(Head::open_cosigned(&witnessed, ORIGIN, other.keys()).is_err());
        assert_eq!(head.signed_by(head.signatures()), note);
        let again = Cosigner::from_pem("witness.example/w1", &pem).unwrap();
        assert_eq!(head.cosignatures(&witnessed, again.keys()).unwrap().len(), 2);
        // Of several of one key the newest counts.
        let later = cosigner.cosign(&head, 1_700_000_009).unwrap();
        let found = head.cosignatures(&format!("{witnessed}{later}{lines}"), cosigner.keys()).unwrap();
        assert!(found.len() == 2 && found.iter().all(|found| found.time == 1_700_000_009), "{found:?}");
        for key in cosigner.keys() {
            assert_eq!(CosignerKey::parse(&key.to_string()).unwrap().to_string(), key.to_string());
        }
    }

    #[test]
    fn a_cosignature_of_another_head_or_time_spoils_the_note() {
        let (signer, _) = Signer::generate(ORIGIN).unwrap();
        let ((head, note), (later, _)) = (head(&signer, 8), head(&signer, 9));
        let (cosigner, _) = Cosigner::generate("w").unwrap();
        let of_later = format!("{note}{}", cosigner.cosign(&later, 5).unwrap());
        let spoilt = Err(NoteError::BadSignature { name: "w".to_owned() });
        assert_eq!(head.cosignatures(&of_later, cosigner.keys()), spoilt);
        for key in cosigner.keys() {
            let signature = cosigner.ed25519.sign(&head.message(5));
            let other_time = format!("{note}{}", line(key, 6, signature.as_ref()));
            assert_eq!(head.cosignatures(&other_time, cosigner.keys()), spoilt);
        }
    }

    #[test]
    fn another_implementation_opens_what_is_cosigned() {
        let (signer, _) = Signer::generate(ORIGIN).unwrap();
        let (head, note) = head(&signer, 8);
        let (cosigner, _) = Cosigner::generate("w").unwrap();
        let witnessed = format!("{note}{}", cosigner.cosign(&head, 5).unwrap());
        let theirs = signed_note::Note::from_bytes(witnessed.as_bytes()).unwrap();
        let verifier = signed_note::StandardVerifier::new(&signer.verifier().to_string()).unwrap();
        let (good, unknown) = theirs.verify(&signed_note::VerifierList::new(vec![Box::new(verifier)])).unwrap();
        assert_eq!((good.len(), unknown.len()), (1, 2));
    }

    /// The example of C2SP tlog-cosignature, whose keys are not given: what can be read of it is read.
    #[test]
    fn the_example_of_the_specification_is_readable() {
        let text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
        let note = format!(
            "{text}\n\
             \u{2014} example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n\
             \u{2014} witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n"
        );
        let (signed, lines) = note::read(&note).unwrap();
        let head = Head::parse(signed, ORIGIN).unwrap();
        assert_eq!(
            (head.size(), head.root().to_base64().as_str()),
            (20_852_163, "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=")
        );
        let time = lines[1].signature.first_chunk().map(|time| u64::from_be_bytes(*time));
        assert_eq!((lines[1].signature.len(), time), (72, Some(1_679_315_147)));
        let message = String::from_utf8(head.message(1_679_315_147)).unwrap();
        assert_eq!(message, format!("cosignature/v1\ntime 1679315147\n{text}"));
    }

    #[test]
    fn a_log_that_is_not_ours_may_say_more() {
        // Its key has a plain name; its origin need not.
        let (signer, _) = Signer::generate("rekor.example").unwrap();
        let origin = "rekor.example - 7";
        let root = Hash::from_bytes([7; 32]).to_base64();
        let note = note::sign(&format!("{origin}\n3\n{root}\nTimestamp: 1\n"), &signer).unwrap();
        let keys = [signer.verifier().clone()];
        let head = Head::open(&note, origin, &keys).unwrap();
        assert_eq!((head.size(), Head::claimed_origin(&note)), (3, Some(origin)));
        assert!(matches!(Head::open(&note, ORIGIN, &keys), Err(CheckpointError::OtherLog { .. })));
        let with_gap = note::sign(&format!("{origin}\n3\n{root}\n\nx\n"), &signer).unwrap();
        assert_eq!(Head::open(&with_gap, origin, &keys), Err(CheckpointError::Lines));
        assert_eq!(head.signed_by("x"), note.split_once('\u{2014}').unwrap().0.to_owned() + "x");
    }
}
