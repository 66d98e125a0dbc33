//! Signed notes: a text with signatures under it (C2SP signed-note). What we stored is read strictly; what we received, as the
//! specification demands.
//!
//! The specification has a reader skip signatures by unknown keys. In what we stored we refuse them: every byte there must
//! be accounted for, so that no change goes unnoticed.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::key::{KeyId, Signer, VerifierKey, is_plain};

/// Longest note that is read, in bytes: 16 signatures with the longest names fit, those of ML-DSA-44 too.
pub const NOTE_LEN_MAX: usize = 64 * 1024;

/// The most signatures that are read on one note. C2SP signed-note demands at least 16.
const SIGNATURES_MAX: usize = 64;

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
    /// More than 64 signatures.
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

/// Signs `text` with each key of the signer. The text must end in a newline and have no other control characters.
pub(super) fn sign(text: &str, signer: &Signer) -> Result<String, NoteError> {
    let mut note = format!("{text}\n");
    for key in signer.each() {
        let signature = key.sign(text.as_bytes()).ok_or(NoteError::Sign)?;
        note.push_str(&line(key.verifier().name(), key.verifier().id(), &signature));
    }
    Ok(note)
}

/// A text of ours that is no checkpoint, signed by one or more keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedText(String);

impl SignedText {
    /// Signs a text with each key of the signer. It MUST end in a newline, have no other control characters, and begin with a
    /// line that no log has as its origin, so that it can never be taken for a checkpoint.
    pub fn sign(text: &str, signer: &Signer) -> Result<Self, NoteError> {
        sign(text, signer).map(Self)
    }

    /// A text and its signatures as they were received. Nothing is verified.
    pub fn received(note: String) -> Result<Self, NoteError> {
        read(&note)?;
        Ok(Self(note))
    }

    /// The text.
    pub fn text(&self) -> Result<&str, NoteError> {
        read(&self.0).map(|(text, _)| text)
    }

    /// Adds the signatures of other keys to the same text. Those of a key that has signed already are left out.
    pub fn add(&mut self, signer: &Signer) -> Result<(), NoteError> {
        let (text, lines) = read(&self.0)?;
        let new = signer.each().filter(|key| !lines.iter().any(|line| key.verifier().is(line.name, line.id)));
        let mut added = String::new();
        for key in new {
            let signature = key.sign(text.as_bytes()).ok_or(NoteError::Sign)?;
            added.push_str(&line(key.verifier().name(), key.verifier().id(), &signature));
        }
        self.0.push_str(&added);
        Ok(())
    }

    /// Which of these keys have signed. Lines of other keys are passed over; an invalid signature of one of these is an error.
    pub fn signed_by<'k>(&self, keys: &'k [VerifierKey]) -> Result<Vec<&'k VerifierKey>, NoteError> {
        let (text, lines) = read(&self.0)?;
        let mut signed = Vec::new();
        for key in keys {
            let mut own = lines.iter().filter(|line| key.is(line.name, line.id)).peekable();
            if own.peek().is_none() {
                continue;
            }
            if !own.all(|line| key.verifies(text.as_bytes(), &line.signature)) {
                return Err(NoteError::BadSignature { name: key.name().to_owned() });
            }
            signed.push(key);
        }
        Ok(signed)
    }

    /// The note, as it is written to a file.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A signature line with its newline.
pub(super) fn line(name: &str, id: KeyId, signature: &[u8]) -> String {
    let base64 = STANDARD.encode([&id[..], signature].concat());
    format!("{SIGNATURE_PREFIX}{name} {base64}\n")
}

/// The text of a note that we stored. Every signature must be a valid one by one of `keys`, and there must be at least one.
pub(super) fn open<'a>(note: &'a str, keys: &[VerifierKey]) -> Result<&'a str, NoteError> {
    opened(note, keys, Origin::Stored)
}

/// The text of a note that we received. Others, such as witnesses, may have signed it too: their lines are passed over,
/// whatever they are (C2SP signed-note). At least one of `keys` must have signed, and none of their signatures may be
/// invalid.
pub(super) fn open_received<'a>(note: &'a str, keys: &[VerifierKey]) -> Result<&'a str, NoteError> {
    opened(note, keys, Origin::Received)
}

/// Where a note comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    Stored,
    Received,
}

/// The text of a note and its signature lines, of which nothing is verified.
pub(super) fn read(note: &str) -> Result<(&str, Vec<Line<'_>>), NoteError> {
    let len = note.len();
    if len > NOTE_LEN_MAX {
        return Err(NoteError::TooLong { len });
    }
    if note.contains(|c: char| c < ' ' && c != '\n') {
        return Err(NoteError::Malformed("it has a control character"));
    }
    let (text, lines) = split(note).ok_or(NoteError::Malformed("it has no signatures"))?;
    if lines.split('\n').count() > SIGNATURES_MAX {
        return Err(NoteError::TooManySignatures);
    }
    let lines: Option<Vec<_>> = lines.split('\n').map(Line::parse).collect();
    Ok((text, lines.ok_or(NoteError::Malformed("a signature line is not one"))?))
}

fn opened<'a>(note: &'a str, keys: &[VerifierKey], origin: Origin) -> Result<&'a str, NoteError> {
    let (text, lines) = read(note)?;
    let mut seen: Vec<&Line<'_>> = Vec::new();
    let mut unknown = None;
    for line in &lines {
        let name = line.name.to_owned();
        let Some(key) = keys.iter().find(|key| key.is(line.name, line.id)) else {
            let stranger = NoteError::UnknownKey { name, id: hex::encode(line.id) };
            if origin == Origin::Stored {
                return Err(stranger);
            }
            unknown.get_or_insert(stranger);
            continue;
        };
        if origin == Origin::Stored && seen.iter().any(|other| other.is_same_key(line)) {
            return Err(NoteError::Repeated { name });
        }
        if !key.verifies(text.as_bytes(), &line.signature) {
            return Err(NoteError::BadSignature { name });
        }
        seen.push(line);
    }
    match unknown {
        Some(stranger) if seen.is_empty() => Err(stranger),
        _ => Ok(text),
    }
}

/// Splits a note at its last empty line: the text with its final newline, and the signature lines without theirs.
fn split(note: &str) -> Option<(&str, &str)> {
    let (before, lines) = note.rsplit_once("\n\n")?;
    let text = note.get(..=before.len())?;
    Some((text, lines.strip_suffix('\n')?))
}

/// One signature line: `— name base64(key id || signature)`.
pub(super) struct Line<'a> {
    pub(super) name: &'a str,
    pub(super) id: KeyId,
    /// Of any length: 64 bytes for a log's Ed25519 signature, 72 or 2,428 for a cosignature.
    pub(super) signature: Vec<u8>,
}

impl<'a> Line<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let (name, base64) = line.strip_prefix(SIGNATURE_PREFIX)?.split_once(' ')?;
        let bytes = STANDARD.decode(base64).ok()?;
        let (id, signature) = bytes.split_first_chunk()?;
        is_plain(name).then_some(Self { name, id: *id, signature: signature.to_vec() })
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

    /// The example of C2SP signed-note.
    const C2SP_VKEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
    const C2SP_NOTE: &str = "This is an example message.\n\n\
        \u{2014} example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";

    #[test]
    fn a_text_says_who_of_the_known_has_signed_it() {
        let signer = |name| Signer::generate(name).unwrap().0;
        let (first, second, stranger) = (signer("counsel/a"), signer("counsel/b"), signer("counsel/c"));
        let keys = [first.verifier().clone(), second.verifier().clone()];
        let mut note = SignedText::sign("a text\n", &first).unwrap();
        let names = |note: &SignedText| -> Vec<String> {
            note.signed_by(&keys).unwrap().into_iter().map(|key| key.name().to_owned()).collect()
        };
        assert_eq!(names(&note), ["counsel/a"]);
        note.add(&stranger).unwrap();
        note.add(&first).unwrap();
        assert_eq!(names(&note), ["counsel/a"]);
        note.add(&second).unwrap();
        assert_eq!(names(&note), ["counsel/a", "counsel/b"]);
        assert_eq!(note.as_str().lines().count(), 5, "each key once: {}", note.as_str());
        let other = note.as_str().replacen("a text", "another", 1);
        let other = SignedText::received(other).unwrap();
        assert_eq!(other.signed_by(&keys), Err(NoteError::BadSignature { name: "counsel/a".to_owned() }));
        assert!(SignedText::received("no note".to_owned()).is_err());
    }

    fn refused(note: &str, keys: &[VerifierKey]) -> NoteError {
        open(note, keys).unwrap_err()
    }

    #[test]
    fn the_example_of_the_specification_opens() {
        let keys = [VerifierKey::parse(C2SP_VKEY).unwrap()];
        for opened in [open(C2SP_NOTE, &keys), open_received(C2SP_NOTE, &keys)] {
            assert_eq!(opened, Ok("This is an example message.\n"));
        }
    }

    /// The lines of signers that nobody here knows: a log of another kind, witnesses of both kinds, one with the longest
    /// signature of the specification, and one that shares a name, or an id, with a key that is known.
    fn strangers(known: &VerifierKey) -> Vec<String> {
        let other_id = known.id().map(|byte| !byte);
        vec![
            line("example.com/other-log", [1; 4], &[7; 64]),
            line("witness.example/ed25519", [2; 4], &[7; 72]),
            line("witness.example/ml-dsa-44", [3; 4], &[7; 2_428]),
            line("rfc6962.example", [4; 4], &[7; 5_000]),
            line("nothing", [5; 4], &[]),
            line(&"n".repeat(400), [6; 4], &[7; 64]),
            line(known.name(), other_id, &[7; 64]),
            line("example.com/bar", known.id(), &[7; 64]),
        ]
    }

    #[test]
    fn unknown_signers_are_passed_over_in_what_we_received_and_refused_in_what_we_stored() {
        let key = VerifierKey::parse(C2SP_VKEY).unwrap();
        let (before, own) = C2SP_NOTE.split_at(C2SP_NOTE.find('\u{2014}').unwrap());
        for stranger in strangers(&key) {
            for note in [format!("{before}{stranger}{own}"), format!("{before}{own}{stranger}")] {
                let keys = std::slice::from_ref(&key);
                assert_eq!(open_received(&note, keys), Ok("This is an example message.\n"), "{stranger}");
                assert!(matches!(refused(&note, keys), NoteError::UnknownKey { .. }), "{stranger}");
                // Another implementation reads it alike.
                let theirs = signed_note::Note::from_bytes(note.as_bytes());
                let verifier = signed_note::StandardVerifier::new(C2SP_VKEY).unwrap();
                let verifiers = signed_note::VerifierList::new(vec![Box::new(verifier)]);
                if let Ok(theirs) = theirs {
                    assert_eq!(theirs.verify(&verifiers).unwrap().0.len(), 1, "{stranger}");
                }
            }
            let alone = format!("{before}{stranger}");
            assert!(matches!(open_received(&alone, std::slice::from_ref(&key)), Err(NoteError::UnknownKey { .. })));
        }
        let all = format!("{before}{}{own}", strangers(&key).concat());
        assert_eq!(open_received(&all, &[key]), Ok("This is an example message.\n"));
    }

    #[test]
    fn a_known_signer_must_hold_however_many_others_signed() {
        let key = VerifierKey::parse(C2SP_VKEY).unwrap();
        let (before, own) = C2SP_NOTE.split_at(C2SP_NOTE.find('\u{2014}').unwrap());
        for len in [0, 63, 64, 65, 72, 2_428] {
            let spoilt = line(key.name(), key.id(), &vec![7; len]);
            for note in [format!("{before}{own}{spoilt}"), format!("{before}{spoilt}{own}")] {
                let bad = Err(NoteError::BadSignature { name: key.name().to_owned() });
                assert_eq!(open_received(&note, std::slice::from_ref(&key)), bad, "{len}");
            }
        }
        // A line that is repeated says nothing more: received, it is no fault.
        let twice = format!("{before}{own}{own}");
        assert_eq!(open_received(&twice, std::slice::from_ref(&key)), Ok("This is an example message.\n"));
        assert!(matches!(refused(&twice, &[key]), NoteError::Repeated { .. }));
    }

    #[test]
    fn what_is_no_note_is_said_to_be_none() {
        let key = VerifierKey::parse(C2SP_VKEY).unwrap();
        let crlf = C2SP_NOTE.replace('\n', "\r\n");
        for text in ["", "\n", "\n\n", "\n\n\n", &crlf, "text\n\nno signature\n", "text\n\n\u{2014} name !\n"] {
            assert!(
                matches!(open_received(text, std::slice::from_ref(&key)), Err(NoteError::Malformed(_))),
                "{text:?}"
            );
        }
        let with_bom = format!("\u{feff}{C2SP_NOTE}");
        assert!(matches!(open_received(&with_bom, &[key]), Err(NoteError::BadSignature { .. })));
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
        let name = "n".repeat(crate::ledger::key::NAME_LEN_MAX);
        // C2SP signed-note: at least 16.
        assert!(line(&name, [0; 4], &[0; 2_428]).len() * 16 + 1024 < NOTE_LEN_MAX);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_text_makes_opening_panic(
            text in any::<String>(),
            line in "\u{2014} [a-z]{0,3} [A-Za-z0-9+/=]{0,96}\n{0,2}",
        ) {
            let keys = [VerifierKey::parse(VKEY).unwrap()];
            let note = format!("{text}\n\n{line}");
            for text in [&text, &note] {
                prop_assert!(open(text, &keys).is_err() && open_received(text, &keys).is_err());
            }
        }

        #[test]
        fn a_note_with_a_flipped_bit_is_refused(place in 0..NOTE.len(), bit in 0_u32..8) {
            let keys = [VerifierKey::parse(VKEY).unwrap()];
            let mut bytes = NOTE.as_bytes().to_vec();
            bytes[place] ^= 1_u8 << bit;
            if let Ok(note) = String::from_utf8(bytes) {
                prop_assert!(open(&note, &keys).is_err() && open_received(&note, &keys).is_err());
            }
        }
    }
}
