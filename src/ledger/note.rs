//! Signed notes: a text with signatures under it (C2SP signed-note), checked more strictly than the specification
//! demands.
//!
//! The specification lets a reader skip signatures by unknown keys. We refuse them: every byte that we store must be
//! accounted for, so that no change goes unnoticed.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::key::{KeyId, SIGNATURE_LEN, Signer, VerifierKey, is_name};

/// Longest note that is read, in bytes: 16 signatures with the longest names fit.
pub const NOTE_LEN_MAX: usize = 16 * 1024;

/// The most signatures that are read on one note. C2SP signed-note demands at least 16.
const SIGNATURES_MAX: usize = 16;

/// The prefix of a signature: an em dash and a space.
const SIGNATURE_PREFIX: &str = "\u{2014} ";

/// Why a note is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Longer than [`NOTE_LEN_MAX`].
    #[error("the note has {len} bytes, which is too long")]
    TooLong {
        /// Its length, in bytes.
        len: usize,
    },
    /// It is not a text, an empty line and signature lines.
    #[error("the note is malformed: {0}")]
    Malformed(&'static str),
    /// More than 16 signatures.
    #[error("the note has too many signatures")]
    TooManySignatures,
    /// It is signed by a key that is not trusted here.
    #[error("the note is signed by {name}+{id}, which is not a known key")]
    UnknownKey {
        /// The key's name in the note.
        name: String,
        /// The key's id, in hex.
        id: String,
    },
    /// The same key signs twice. The second line adds nothing and could be removed unnoticed.
    #[error("the note is signed twice by {name}")]
    Repeated {
        /// The key's name.
        name: String,
    },
    /// The signature is not that key's signature of this text.
    #[error("the signature of {name} does not verify")]
    BadSignature {
        /// The key's name.
        name: String,
    },
    /// The cryptographic library failed.
    #[error("the note could not be signed")]
    Sign,
}

/// Signs `text`. It must end in a newline and have no other control characters.
pub(super) fn sign(text: &str, signer: &Signer) -> Result<String, NoteError> {
    let signature = signer.sign(text.as_bytes()).ok_or(NoteError::Sign)?;
    let key = signer.verifier();
    let base64 = STANDARD.encode([&key.id()[..], &signature[..]].concat());
    let name = key.name();
    Ok(format!("{text}\n{SIGNATURE_PREFIX}{name} {base64}\n"))
}

/// The text of a note. Every signature must be a valid one by one of `keys`, and there must be at least one.
pub(super) fn open<'a>(note: &'a str, keys: &[VerifierKey]) -> Result<&'a str, NoteError> {
    opened(note, keys, UnknownKeys::Refused)
}

/// The text of a note that others, such as witnesses, may have signed too. Their lines are skipped (C2SP signed-note).
/// At least one of `keys` must have signed, and none of their signatures may be invalid.
pub(super) fn open_among_others<'a>(note: &'a str, keys: &[VerifierKey]) -> Result<&'a str, NoteError> {
    opened(note, keys, UnknownKeys::PassedOver)
}

/// How a signature by an unknown key is treated.
#[derive(Clone, Copy, PartialEq, Eq)]
enum UnknownKeys {
    Refused,
    PassedOver,
}

fn opened<'a>(note: &'a str, keys: &[VerifierKey], unknown_keys: UnknownKeys) -> Result<&'a str, NoteError> {
    let len = note.len();
    if len > NOTE_LEN_MAX {
        return Err(NoteError::TooLong { len });
    }
    if note.contains(|c: char| c < ' ' && c != '\n') {
        return Err(NoteError::Malformed("it has a control character"));
    }
    let (text, lines) = split(note).ok_or(NoteError::Malformed("it has no signatures"))?;
    let mut seen: Vec<Line<'_>> = Vec::new();
    for (count, line) in lines.split('\n').enumerate() {
        if count == SIGNATURES_MAX {
            return Err(NoteError::TooManySignatures);
        }
        let line = Line::parse(line).ok_or(NoteError::Malformed("a signature line is not one"))?;
        let name = line.name.to_owned();
        let Some(key) = keys.iter().find(|key| key.is(line.name, line.id)) else {
            if unknown_keys == UnknownKeys::PassedOver {
                continue;
            }
            return Err(NoteError::UnknownKey { name, id: hex::encode(line.id) });
        };
        if seen.iter().any(|other| other.is_same_key(&line)) {
            return Err(NoteError::Repeated { name });
        }
        let signature = line.signature.as_slice().try_into();
        let signature: [u8; SIGNATURE_LEN] =
            signature.map_err(|_| NoteError::Malformed("a signature line is not one"))?;
        if !key.verifies(text.as_bytes(), &signature) {
            return Err(NoteError::BadSignature { name });
        }
        seen.push(line);
    }
    if seen.is_empty() { Err(NoteError::Malformed("no known key signed it")) } else { Ok(text) }
}

/// Splits a note at its last empty line: the text with its final newline, and the signature lines without theirs.
fn split(note: &str) -> Option<(&str, &str)> {
    let (before, lines) = note.rsplit_once("\n\n")?;
    let text = note.get(..=before.len())?;
    Some((text, lines.strip_suffix('\n')?))
}

/// One signature line: `— name base64(key id || signature)`.
struct Line<'a> {
    name: &'a str,
    id: KeyId,
    /// Of any length if the key is unknown.
    signature: Vec<u8>,
}

impl<'a> Line<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let (name, base64) = line.strip_prefix(SIGNATURE_PREFIX)?.split_once(' ')?;
        let bytes = STANDARD.decode(base64).ok()?;
        let (id, signature) = bytes.split_first_chunk()?;
        is_name(name).then_some(Self { name, id: *id, signature: signature.to_vec() })
    }

    fn is_same_key(&self, other: &Self) -> bool {
        (self.name, self.id) == (other.name, other.id)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The example of Go's `golang.org/x/mod/sumdb/note`.
    const VKEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const NOTE: &str = "If you think cryptography is the answer to your problem,\n\
        then you don't know what your problem is.\n\n\
        \u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6\
        RyyBwJnAM=\n";

    fn refused(note: &str, keys: &[VerifierKey]) -> NoteError {
        open(note, keys).unwrap_err()
    }

    #[test]
    fn a_known_note_opens() {
        let keys = [VerifierKey::parse(VKEY).unwrap()];
        let text = open(NOTE, &keys).unwrap();
        assert!(text.starts_with("If you") && text.ends_with("problem is.\n"));
        let missing = refused(NOTE, &[]);
        assert!(matches!(missing, NoteError::UnknownKey { id, .. } if id == "c74f20a3"));
    }

    #[test]
    fn a_note_opens_with_every_signature_known_and_good_and_not_else() {
        let (first, _) = Signer::generate("first").unwrap();
        let (second, _) = Signer::generate("second").unwrap();
        let keys = [first.verifier().clone(), second.verifier().clone()];
        let note = sign("text\n", &first).unwrap();
        let cosigned = sign("text\n", &second).unwrap();
        let line = cosigned.strip_prefix("text\n\n").unwrap();
        let both = format!("{note}{line}");
        assert_eq!(open(&both, &keys), Ok("text\n"));
        assert!(matches!(refused(&both, &keys[..1]), NoteError::UnknownKey { .. }));
        let twice = format!("{both}{line}");
        assert!(matches!(refused(&twice, &keys), NoteError::Repeated { name } if name == "second"));
        let other_text = both.replace("text", "test");
        assert!(matches!(refused(&other_text, &keys), NoteError::BadSignature { name } if name == "first"));
    }

    #[test]
    fn a_note_out_of_bounds_is_refused() {
        let signers: Vec<_> =
            (0..=SIGNATURES_MAX).map(|place| Signer::generate(&format!("key{place}")).unwrap().0).collect();
        let keys: Vec<_> = signers.iter().map(|signer| signer.verifier().clone()).collect();
        let mut note = String::from("text\n\n");
        for (place, signer) in signers.iter().enumerate() {
            let signed = sign("text\n", signer).unwrap();
            note.push_str(signed.strip_prefix("text\n\n").unwrap());
            let opened = open(&note, &keys);
            if place < SIGNATURES_MAX {
                assert_eq!(opened, Ok("text\n"));
            } else {
                assert_eq!(opened, Err(NoteError::TooManySignatures));
            }
        }
        let long = sign(&format!("{}\n", "a".repeat(NOTE_LEN_MAX)), &signers[0]).unwrap();
        assert_eq!(refused(&long, &keys), NoteError::TooLong { len: long.len() });
        for text in ["a\tb\n", "a\0\n", "a\r\n"] {
            let note = sign(text, &signers[0]).unwrap();
            assert_eq!(refused(&note, &keys), NoteError::Malformed("it has a control character"));
        }
    }

    #[test]
    fn the_longest_names_fit_in_a_note() {
        let line_len = SIGNATURE_PREFIX.len() + crate::ledger::key::NAME_LEN_MAX + " \n".len() + 92;
        assert!(line_len * SIGNATURES_MAX + 1024 < NOTE_LEN_MAX);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_text_makes_opening_panic(
            text in any::<String>(),
            line in "\u{2014} [a-z]{0,3} [A-Za-z0-9+/=]{0,96}\n{0,2}",
        ) {
            let keys = [VerifierKey::parse(VKEY).unwrap()];
            prop_assert!(open(&text, &keys).is_err());
            let note = format!("{text}\n\n{line}");
            prop_assert!(open(&note, &keys).is_err());
        }

        #[test]
        fn a_note_with_a_flipped_bit_is_refused(place in 0..NOTE.len(), bit in 0_u32..8) {
            let keys = [VerifierKey::parse(VKEY).unwrap()];
            let mut bytes = NOTE.as_bytes().to_vec();
            bytes[place] ^= 1_u8 << bit;
            if let Ok(note) = String::from_utf8(bytes) {
                prop_assert!(open(&note, &keys).is_err());
            }
        }
    }
}
