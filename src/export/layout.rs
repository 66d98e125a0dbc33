//! The members of each file, as `docs/export.md` lists them. Each value has one spelling.

use std::fmt;
use std::str::FromStr;

use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::domain::determination::FieldClass;
use crate::domain::ids::{AgencyId, InvalidId, JurisdictionId, LogName};
use crate::domain::vocabulary::vocabulary;
use crate::ledger::Hash;
use crate::wire::entry::Opening;

/// The layout that is written, and the only one that is read.
pub(super) const LAYOUT: &str = "comity-export/1";
/// The file that says what an export is. A directory without it is none.
pub const MANIFEST_FILE: &str = "manifest.json";
/// The longest line that is read, in bytes.
pub(super) const LINE_LEN_MAX: usize = 16 * 1_024 * 1_024;

pub(super) const ENTRIES: &str = "entries";
pub(super) const CHECKPOINTS: &str = "checkpoints";
pub(super) const GROWTH: &str = "growth";

vocabulary! {
    /// How much content is in an export.
    pub enum Payloads {
        /// Whatever the audience may see.
        All = "all",
        /// The facts for counting, which are never personal.
        Counts = "counts",
        /// Leaves and proofs alone.
        Nothing = "none",
    }
}

impl Payloads {
    /// Whether openings of this class are in the export.
    pub fn include(self, class: FieldClass) -> bool {
        match self {
            Self::All => true,
            Self::Counts => class == FieldClass::Count,
            Self::Nothing => false,
        }
    }
}

/// Whom an export was made for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Audience {
    /// Nobody in particular: all that is in the logs.
    Everything,
    /// One agency.
    Agency(AgencyId),
    /// All custodians of a jurisdiction together.
    Jurisdiction(JurisdictionId),
}

impl fmt::Display for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everything => f.write_str("everything"),
            Self::Agency(agency) => write!(f, "agencies/{agency}"),
            Self::Jurisdiction(jurisdiction) => write!(f, "jurisdictions/{jurisdiction}"),
        }
    }
}

impl FromStr for Audience {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        if let Some(agency) = text.strip_prefix("agencies/") {
            return Ok(Self::Agency(agency.parse()?));
        }
        if let Some(jurisdiction) = text.strip_prefix("jurisdictions/") {
            return Ok(Self::Jurisdiction(jurisdiction.parse()?));
        }
        let expected = "everything, agencies/{agency} or jurisdictions/{jurisdiction}";
        if text == "everything" { Ok(Self::Everything) } else { Err(InvalidId { expected }) }
    }
}

impl From<Audience> for String {
    fn from(audience: Audience) -> Self {
        audience.to_string()
    }
}

impl TryFrom<String> for Audience {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

/// `manifest.json`: what the export is, and the digest of each file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    pub(super) layout: String,
    /// The prefix of a log's name in the origin of its checkpoints.
    pub origin: String,
    /// Whom it was made for.
    pub audience: Audience,
    /// How much content is in it.
    pub payloads: Payloads,
    /// The logs, in order.
    pub logs: Vec<LogManifest>,
}

/// One log of an export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogManifest {
    /// Its name.
    #[serde(with = "text")]
    pub log: LogName,
    /// Entries in the log at the head of the export.
    pub size: u64,
    /// The root over them.
    #[serde(with = "base64_hash")]
    pub root: Hash,
    /// Every entry below `size` is in the export.
    pub whole: bool,
    /// The entries.
    pub entries: FileManifest,
    /// The checkpoints, the head last.
    pub checkpoints: FileManifest,
    /// Proofs that the log grew from checkpoints that were kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub growth: Option<FileManifest>,
}

/// A file of an export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileManifest {
    /// Below the directory of the export.
    pub path: String,
    /// How many lines it has.
    pub lines: u64,
    /// How many bytes.
    pub bytes: u64,
    /// Their SHA-256, in hex.
    pub sha256: String,
}

/// Where a file of a log is, below the directory of the export.
pub(super) fn path_of(log: &LogName, file: &str) -> String {
    format!("{}/{}/{file}.jsonl", log.jurisdiction, log.kind.word())
}

/// A line of `entries.jsonl`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EntryLine {
    pub(super) index: u64,
    #[serde(with = "base64_bytes")]
    pub(super) leaf: Vec<u8>,
    pub(super) openings: Vec<OpeningLine>,
    pub(super) proof: Proof,
}

/// The content of one class.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OpeningLine {
    class: FieldClass,
    #[serde(with = "base64_bytes")]
    salt: Vec<u8>,
    #[serde(with = "base64_bytes")]
    content: Vec<u8>,
}

impl OpeningLine {
    pub(super) fn of(opening: &Opening) -> Self {
        Self { class: opening.class, salt: opening.salt.to_vec(), content: opening.content.clone() }
    }

    /// None: the salt is not 32 bytes.
    pub(super) fn into_opening(self) -> Option<Opening> {
        let Self { class, salt, content } = self;
        Some(Opening { class, salt: salt.try_into().ok()?, content })
    }
}

/// The inclusion proof of an entry in the tree of a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    /// The size of that tree.
    pub size: u64,
    /// From the entry's sibling up.
    #[serde(with = "base64_hashes")]
    pub hashes: Vec<Hash>,
}

/// A line of `checkpoints.jsonl`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CheckpointLine {
    pub(super) size: u64,
    pub(super) note: String,
}

/// A line of `growth.jsonl`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GrowthLine {
    pub(super) kept: String,
    #[serde(with = "base64_hashes")]
    pub(super) hashes: Vec<Hash>,
}

/// A value by its one text.
mod text {
    use super::{Deserialize, FromStr, fmt};

    pub(super) fn serialize<T: fmt::Display, S: serde::Serializer>(value: &T, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(value)
    }

    pub(super) fn deserialize<'de, T: FromStr, D: serde::Deserializer<'de>>(from: D) -> Result<T, D::Error>
    where
        T::Err: fmt::Display,
    {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Bytes as base64.
mod base64_bytes {
    use base64::Engine as _;

    use super::{Deserialize, STANDARD};

    pub(super) fn serialize<S: serde::Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        STANDARD.decode(String::deserialize(from)?).map_err(|_| serde::de::Error::custom("not base64"))
    }
}

/// A hash as base64.
mod base64_hash {
    use super::{Deserialize, Hash};

    pub(super) fn serialize<S: serde::Serializer>(hash: &Hash, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&hash.to_base64())
    }

    pub(super) fn deserialize<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Hash, D::Error> {
        Hash::from_base64(&String::deserialize(from)?).ok_or_else(|| serde::de::Error::custom("not a hash"))
    }
}

/// Hashes as base64.
mod base64_hashes {
    use super::{Deserialize, Hash};

    pub(super) fn serialize<S: serde::Serializer>(hashes: &[Hash], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(hashes.iter().map(Hash::to_base64))
    }

    pub(super) fn deserialize<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Vec<Hash>, D::Error> {
        let texts = Vec::<String>::deserialize(from)?;
        let hashes: Option<Vec<Hash>> = texts.iter().map(|text| Hash::from_base64(text)).collect();
        hashes.ok_or_else(|| serde::de::Error::custom("not a hash"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_audience_reads_back_as_written_and_nothing_else_reads() {
        for text in ["everything", "agencies/us-ice", "jurisdictions/us-ny"] {
            assert_eq!(text.parse::<Audience>().unwrap().to_string(), text);
        }
        for text in ["", "us-ice", "agencies/", "agencies/../x", "Everything", "jurisdictions/us-ny/logs/exchange"] {
            assert!(text.parse::<Audience>().is_err(), "{text}");
        }
    }

    #[test]
    fn counts_are_the_counting_class_alone() {
        for class in FieldClass::ALL {
            assert!(Payloads::All.include(*class) && !Payloads::Nothing.include(*class));
            assert_eq!(Payloads::Counts.include(*class), *class == FieldClass::Count);
        }
    }
}
