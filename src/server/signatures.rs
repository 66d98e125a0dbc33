//! Who must have signed a policy set before a gateway takes it up.
//!
//! The signatures stand beside the files of the set, in a note that names its digest (C2SP signed-note). Whoever can write the
//! directory but holds no signer's key cannot change the law.

use std::path::Path;

use crate::config::{ConfigError, PolicyConfig};
use crate::ledger::{NOTE_LEN_MAX, NoteError, SignedText, VerifierKey};

/// The file of the signatures in the directory of a policy set. It is no part of the set.
pub const SIGNATURES: &str = "signatures";

/// The text that is signed for a set of this digest.
pub fn signed_text(digest: [u8; 32]) -> String {
    format!("comity policy set\n{}\n", hex::encode(digest))
}

/// Why a policy set is not signed as it must be.
#[derive(Debug, thiserror::Error)]
pub enum UnsignedSet {
    /// The signatures are not a note, or one of them is invalid.
    #[error("{SIGNATURES}: {0}")]
    Note(#[from] NoteError),
    /// The signatures are of another set.
    #[error("{SIGNATURES}: they are of another policy set")]
    Other,
    /// Too few of the signers have signed.
    #[error("the policy set is signed by {signed} of the signers, and {needed} must have signed it")]
    TooFew {
        /// How many have.
        signed: usize,
        /// How many must.
        needed: usize,
    },
}

/// Who must have signed a policy set.
#[derive(Debug)]
pub(super) struct Signatures {
    /// Empty: nobody need have.
    signers: Vec<VerifierKey>,
    needed: usize,
}

impl Signatures {
    /// As configured.
    pub(super) fn of(config: &PolicyConfig) -> Result<Self, ConfigError> {
        Ok(Self { signers: config.signers()?, needed: config.signatures_min })
    }

    /// Whether a set needs signatures at all.
    pub(super) fn are_needed(&self) -> bool {
        !self.signers.is_empty()
    }

    /// The signatures in a directory, if sets need any. One that is too long to be a note is cut, and refused as malformed.
    pub(super) fn read(&self, directory: &Path) -> Option<String> {
        use std::io::Read as _;
        if !self.are_needed() {
            return None;
        }
        let mut note = String::new();
        let limit = u64::try_from(NOTE_LEN_MAX).unwrap_or(u64::MAX);
        let file = std::fs::File::open(directory.join(SIGNATURES)).ok()?;
        file.take(limit).read_to_string(&mut note).ok()?;
        Some(note)
    }

    /// Checks that a set of this digest is signed by as many as must.
    pub(super) fn check(&self, digest: [u8; 32], note: Option<&str>) -> Result<(), UnsignedSet> {
        if !self.are_needed() {
            return Ok(());
        }
        let signed = match note {
            None => 0,
            Some(note) => {
                let note = SignedText::received(note.to_owned())?;
                if note.text()? != signed_text(digest) {
                    return Err(UnsignedSet::Other);
                }
                note.signed_by(&self.signers)?.len()
            }
        };
        if signed < self.needed { Err(UnsignedSet::TooFew { signed, needed: self.needed }) } else { Ok(()) }
    }
}
