//! The signed head of a log (C2SP tlog-checkpoint): its origin, its size and its root, and nothing else.

use super::hash::Hash;
use super::key::{Signer, VerifierKey, is_name};
use super::merkle::SIZE_MAX;
use super::note::{self, NoteError};

/// Why a checkpoint is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// The note that holds it is refused.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// C2SP recommends a URL without scheme as an origin. Ours must also be a valid key name.
    #[error("the origin is empty, too long, or has a space, a plus sign or a control character")]
    Origin,
    /// The signed text is not our three lines. Extension lines are refused: we write none.
    #[error("the checkpoint is not three lines of origin, size and root")]
    Lines,
    /// The size is not a plain decimal number up to [`SIZE_MAX`].
    #[error("the checkpoint's size is not a number it can be")]
    Size,
    /// The root is not the base64 of 32 bytes.
    #[error("the checkpoint's root is not a hash")]
    Root,
    /// It is a checkpoint of another log.
    #[error("the checkpoint is of the log {found}, not {expected}")]
    OtherLog {
        /// The expected origin.
        expected: String,
        /// The origin in the checkpoint.
        found: String,
    },
}

/// The head of a log: what a signature vouches for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    origin: String,
    size: u64,
    root: Hash,
}

impl Checkpoint {
    /// A head to sign. The origin is the log's permanent name. C2SP recommends a URL without scheme:
    /// `example.org/us-ny`.
    pub fn new(origin: &str, size: u64, root: Hash) -> Result<Self, CheckpointError> {
        if !is_name(origin) {
            return Err(CheckpointError::Origin);
        }
        if size > SIZE_MAX {
            return Err(CheckpointError::Size);
        }
        let origin = origin.to_owned();
        Ok(Self { origin, size, root })
    }

    /// The log's name.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Entries in the log.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root over all entries.
    pub fn root(&self) -> Hash {
        self.root
    }

    /// The signed note. Ed25519 is deterministic, so the same head gives the same text.
    pub fn sign(&self, signer: &Signer) -> Result<String, CheckpointError> {
        let Self { origin, size, root } = self;
        let text = format!("{origin}\n{size}\n{}\n", root.to_base64());
        Ok(note::sign(&text, signer)?)
    }

    /// Reads a signed note of the log `origin`.
    ///
    /// `keys` are the keys trusted for this log. There must be at least one signature, and each must be a valid one by
    /// one of these keys, so that any changed byte is noticed. A note that is refused here may still be valid to
    /// others.
    pub fn open(note: &str, origin: &str, keys: &[VerifierKey]) -> Result<Self, CheckpointError> {
        Self::of(note::open(note, keys)?, origin)
    }

    /// Reads a signed note of the log `origin` that was received, such as a kept one. Others may have signed it too.
    pub fn open_received(note: &str, origin: &str, keys: &[VerifierKey]) -> Result<Self, CheckpointError> {
        Self::of(note::open_received(note, keys)?, origin)
    }

    /// Reads a note and checks no signature: what it says is the word of whoever wrote it.
    pub fn unverified(note: &str) -> Result<Self, CheckpointError> {
        let (text, _) = note::read(note)?;
        Self::parse(text)
    }

    fn of(text: &str, origin: &str) -> Result<Self, CheckpointError> {
        let checkpoint = Self::parse(text)?;
        if checkpoint.origin != origin {
            return Err(CheckpointError::OtherLog { expected: origin.to_owned(), found: checkpoint.origin });
        }
        Ok(checkpoint)
    }

    fn parse(text: &str) -> Result<Self, CheckpointError> {
        let lines: Vec<_> = text.split('\n').collect();
        let [origin, size, root, ""] = *lines else {
            return Err(CheckpointError::Lines);
        };
        let size = parse_decimal(size).ok_or(CheckpointError::Size)?;
        let root = Hash::from_base64(root).ok_or(CheckpointError::Root)?;
        Self::new(origin, size, root)
    }
}

/// Reads a number in its only spelling: ASCII digits without sign or leading zeros.
pub(super) fn parse_decimal(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    // `parse` also accepts "+1" and "01". A number in its only spelling prints back the same.
    (number.to_string() == text).then_some(number)
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;
    use signed_note::{Note, StandardSigner, StandardVerifier, VerifierList};

    use super::*;
    use crate::ledger::oracle::ORIGIN;

    fn signer() -> Signer {
        Signer::generate(ORIGIN).unwrap().0
    }

    fn checkpoint(size: u64) -> Checkpoint {
        Checkpoint::new(ORIGIN, size, Hash::from_bytes([0xab; 32])).unwrap()
    }

    #[test]
    fn another_implementation_opens_our_notes() {
        let signer = signer();
        let note = checkpoint(7).sign(&signer).unwrap();
        let verifier = StandardVerifier::new(&signer.verifier().to_string()).unwrap();
        let known = VerifierList::new(vec![Box::new(verifier)]);
        let theirs = Note::from_bytes(note.as_bytes()).unwrap();
        let (good, unknown) = theirs.verify(&known).unwrap();
        assert_eq!((good.len(), unknown.len()), (1, 0));
        let root = Hash::from_bytes([0xab; 32]).to_base64();
        let text = format!("{ORIGIN}\n7\n{root}\n");
        assert_eq!(theirs.text(), text.as_bytes());
        assert_eq!(theirs.to_bytes(), note.as_bytes());
    }

    #[test]
    fn we_open_the_notes_of_another_implementation() {
        // Both have the same seed: a private key in that form is "PRIVATE+KEY+name+hash+base64(type || seed)".
        let (ours, der) = Signer::generate(ORIGIN).unwrap();
        let vkey = ours.verifier().to_string();
        let hash = vkey.split('+').nth(1).unwrap();
        let seed = [&[1], &der[der.len() - 32..]].concat();
        let skey = format!("PRIVATE+KEY+{ORIGIN}+{hash}+{}", STANDARD.encode(seed));
        let theirs = StandardSigner::new(&skey).unwrap();
        let text = format!("{ORIGIN}\n9\n{}\n", Hash::from_bytes([0xab; 32]).to_base64());
        let mut note = Note::new(text.as_bytes(), &[]).unwrap();
        note.add_sigs(&[&theirs]).unwrap();
        let note = String::from_utf8(note.to_bytes()).unwrap();
        let opened = Checkpoint::open(&note, ORIGIN, &[ours.verifier().clone()]);
        assert_eq!(opened, Ok(checkpoint(9)));
        assert_eq!(checkpoint(9).sign(&ours), Ok(note));
    }

    #[test]
    fn a_checkpoint_opens_for_its_log_and_its_key_only() {
        let (signer, other) = (signer(), signer());
        let keys = [signer.verifier().clone()];
        let note = checkpoint(7).sign(&signer).unwrap();
        assert_eq!(Checkpoint::open(&note, ORIGIN, &keys), Ok(checkpoint(7)));
        let refused = Checkpoint::open(&note, "comity.example/us-ca/exchange", &keys);
        assert!(matches!(refused, Err(CheckpointError::OtherLog { .. })));
        let refused = Checkpoint::open(&note, ORIGIN, &[other.verifier().clone()]);
        assert!(matches!(refused, Err(CheckpointError::Note(NoteError::UnknownKey { .. }))));
    }

    #[test]
    fn only_our_three_lines_are_read() {
        let signer = signer();
        let keys = [signer.verifier().clone()];
        let root = Hash::from_bytes([0xab; 32]).to_base64();
        let check = |text: String, expected| {
            let note = note::sign(&text, &signer).unwrap();
            assert_eq!(Checkpoint::open(&note, ORIGIN, &keys), expected, "{text:?}");
        };
        let (lines, size) = (Err(CheckpointError::Lines), Err(CheckpointError::Size));
        check(format!("{ORIGIN}\n0\n{root}\n"), Ok(checkpoint(0)));
        check(format!("{ORIGIN}\n{SIZE_MAX}\n{root}\n"), Ok(checkpoint(SIZE_MAX)));
        check(format!("{ORIGIN}\n7\n{root}\nextension\n"), lines.clone());
        check(format!("{ORIGIN}\n7\n{root}\n\n"), lines.clone());
        check(format!("{ORIGIN}\n7\n"), lines.clone());
        check(format!("\n{ORIGIN}\n7\n{root}\n"), lines);
        for number in ["", "07", "+7", "-7", " 7", "7 ", "0x7", "\u{0667}", "18446744073709551616"] {
            check(format!("{ORIGIN}\n{number}\n{root}\n"), size.clone());
        }
        check(format!("{ORIGIN}\n{}\n{root}\n", SIZE_MAX + 1), size);
        let short = root.trim_end_matches('=');
        check(format!("{ORIGIN}\n7\n{short}\n"), Err(CheckpointError::Root));
        check(format!("a b\n7\n{root}\n"), Err(CheckpointError::Origin));
    }

    #[test]
    fn a_head_that_cannot_be_written_is_not_made() {
        let root = Hash::from_bytes([0; 32]);
        let refused = Checkpoint::new("a\nb", 0, root);
        assert_eq!(refused, Err(CheckpointError::Origin));
        let refused = Checkpoint::new("a", SIZE_MAX + 1, root);
        assert_eq!(refused, Err(CheckpointError::Size));
    }

    #[test]
    fn every_flipped_bit_of_a_checkpoint_is_found() {
        let signer = signer();
        let keys = [signer.verifier().clone()];
        let note = checkpoint(1234).sign(&signer).unwrap();
        for place in 0..note.len() {
            for bit in 0..8 {
                let mut bytes = note.as_bytes().to_vec();
                bytes[place] ^= 1 << bit;
                if let Ok(changed) = String::from_utf8(bytes) {
                    let opened = Checkpoint::open(&changed, ORIGIN, &keys);
                    assert!(opened.is_err(), "byte {place}, bit {bit}");
                }
            }
            assert!(Checkpoint::open(note.get(..place).unwrap_or(""), ORIGIN, &keys).is_err());
        }
        assert!(Checkpoint::open(&format!("{note}\n"), ORIGIN, &keys).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_parses_prints_the_same(
            text in "[a-z +]{0,3}\n?[0-9+]{0,3}\n?([A-P]{43}=)?\n{0,2}",
            any in any::<String>(),
        ) {
            for text in [text, any] {
                if let Ok(Checkpoint { origin, size, root }) = Checkpoint::parse(&text) {
                    prop_assert_eq!(format!("{origin}\n{size}\n{}\n", root.to_base64()), text);
                }
            }
        }
    }
}
