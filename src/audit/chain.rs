//! The chain of lines: each holds its number, and the SHA-256 of the line before.

use aws_lc_rs::digest;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ledger::Hash;

/// Before the first line of a chain.
const NOTHING: Hash = Hash::from_bytes([0; 32]);

/// The end of a chain: what the next line holds of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tip {
    /// The number of the next line, which is how many there were.
    pub(super) sequence: u64,
    /// The hash of the last line, without its newline.
    pub(super) previous: Hash,
}

impl Tip {
    /// Of a chain without a line.
    pub(super) const FIRST: Self = Self { sequence: 0, previous: NOTHING };

    /// The next line, without its newline.
    pub(super) fn line(self, now: Timestamp, fields: &Fields) -> String {
        let Self { sequence, previous } = self;
        let Fields(fields) = fields;
        format!(r#"{{"sequence":{sequence},"time":"{now:.6}",{fields},"previous":"{previous}"}}"#)
    }

    /// The end of the chain once this line is there.
    pub(super) fn after(self, line: &[u8]) -> Self {
        Self { sequence: self.sequence.saturating_add(1), previous: hash_of(line) }
    }

    /// Whether a line is the next one.
    pub(super) fn is_before(self, links: &Links) -> bool {
        links.sequence == self.sequence && links.previous == self.previous.to_string()
    }
}

/// The fields of a line between its number and its hash, as they stand in it.
#[derive(Debug, Clone)]
pub(super) struct Fields(String);

impl Fields {
    /// The fields of a value. `None`: it is no JSON object, or an empty one, which no value of ours is.
    pub(super) fn of(value: &impl Serialize) -> Option<Self> {
        let object = serde_json::to_string(value).ok()?;
        let fields = object.strip_prefix('{')?.strip_suffix('}')?;
        (!fields.is_empty()).then(|| Self(fields.to_owned()))
    }
}

/// What a line says of its place.
#[derive(Debug, Deserialize)]
pub(super) struct Links {
    pub(super) sequence: u64,
    pub(super) event: String,
    pub(super) previous: String,
    /// Of a head: the signed note.
    #[serde(default)]
    pub(super) note: Option<String>,
}

impl Links {
    /// Reads a line without its newline. `None`: it is no line of a chain.
    pub(super) fn parse(line: &[u8]) -> Option<Self> {
        serde_json::from_slice(line).ok()
    }
}

/// The hash of a line without its newline.
pub(super) fn hash_of(line: &[u8]) -> Hash {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest::digest(&digest::SHA256, line).as_ref());
    Hash::from_bytes(bytes)
}
