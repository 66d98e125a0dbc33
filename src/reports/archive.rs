//! Reads an export of entries (docs/export.md), so that a report can be computed from it without a gateway.
//!
//! Each opening is checked against its leaf, and each leaf against the root of the export's head. Whether that head is signed by the
//! log's key is for `comity verify`: a report names the root that it was computed from.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Lines, Read as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use crate::domain::determination::FieldClass;
use crate::domain::ids::LogName;
use crate::ledger::{self, Hash};
use crate::reports::counted_entry::CountedEntry;
use crate::wire::entry::{self, Opening};

const LAYOUT: &str = "comity-export/1";
/// Longest line, in bytes.
const LINE_LEN_MAX: u64 = 16 * 1_024 * 1_024;
/// Longest manifest, in bytes.
const MANIFEST_LEN_MAX: u64 = 1_024 * 1_024;

/// Why an export cannot be counted.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// It is not an export of this layout.
    #[error("it is not an export of the layout {LAYOUT}")]
    Manifest,
    /// An entry is not what the export says.
    #[error("{log}: line {line} is not an entry that the export proves: {what}")]
    Entry {
        /// The log.
        log: LogName,
        /// The line of its file, from 1.
        line: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// A file cannot be read.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// What an export says of itself.
#[derive(Debug, Clone, Deserialize)]
pub struct Manifest {
    layout: String,
    /// The prefix of the origin of each log.
    pub origin: String,
    /// For whom it was made.
    pub audience: String,
    /// How much content is in it: `all`, `counts` or `none`.
    pub payloads: String,
    /// Its logs.
    pub logs: Vec<ExportedLog>,
}

/// A log in an export.
#[derive(Debug, Clone, Deserialize)]
pub struct ExportedLog {
    /// Its name.
    #[serde(deserialize_with = "log_name")]
    pub log: LogName,
    /// The size of the tree that the export is of.
    pub size: u64,
    /// Its root, in base64.
    pub root: String,
    entries: ExportedFile,
}

#[derive(Debug, Clone, Deserialize)]
struct ExportedFile {
    path: PathBuf,
}

/// An export.
#[derive(Debug)]
pub struct Archive {
    directory: PathBuf,
    /// What it says of itself.
    pub manifest: Manifest,
}

#[derive(Debug, Deserialize)]
struct Line {
    index: u64,
    leaf: String,
    openings: Vec<OpenedClass>,
    proof: Proof,
}

#[derive(Debug, Deserialize)]
struct OpenedClass {
    class: FieldClass,
    salt: String,
    content: String,
}

#[derive(Debug, Deserialize)]
struct Proof {
    size: u64,
    hashes: Vec<String>,
}

/// An entry of an export, with what identifies it.
#[derive(Debug, Clone)]
pub struct ArchivedEntry {
    /// For counting.
    pub counted: CountedEntry,
    /// The method that caused it.
    pub method: String,
    /// The hash of its leaf.
    pub leaf_hash: Hash,
    /// The classes that are opened.
    pub classes: Vec<FieldClass>,
}

impl Archive {
    /// Opens an export.
    pub fn open(directory: &Path) -> Result<Self, ArchiveError> {
        let mut text = String::new();
        File::open(directory.join("manifest.json"))?.take(MANIFEST_LEN_MAX).read_to_string(&mut text)?;
        let manifest: Manifest = serde_json::from_str(&text).map_err(|_| ArchiveError::Manifest)?;
        let inside = |log: &ExportedLog| {
            log.entries.path.components().all(|part| matches!(part, std::path::Component::Normal(_)))
        };
        if manifest.layout != LAYOUT || !manifest.logs.iter().all(inside) {
            return Err(ArchiveError::Manifest);
        }
        Ok(Self { directory: directory.to_owned(), manifest })
    }

    /// The entries of a log, in order, each proved.
    pub fn entries(&self, log: &ExportedLog) -> Result<Entries, ArchiveError> {
        let root = Hash::from_base64(&log.root).ok_or(ArchiveError::Manifest)?;
        let mut roots = BTreeMap::from([(log.size, root)]);
        roots.extend(self.roots(log)?);
        let file = BufReader::new(File::open(self.directory.join(&log.entries.path))?);
        Ok(Entries { log: log.log.clone(), roots, lines: file.lines(), line: 0, next: 0, failed: false })
    }

    /// The roots of the checkpoints beside the entries, by size. An entry of a whole log is proved by that of its batch.
    fn roots(&self, log: &ExportedLog) -> Result<BTreeMap<u64, Hash>, ArchiveError> {
        #[derive(Deserialize)]
        struct Kept {
            size: u64,
            note: String,
        }
        let path = self.directory.join(log.entries.path.with_file_name("checkpoints.jsonl"));
        let mut roots = BTreeMap::new();
        for line in BufReader::new(File::open(path)?).lines() {
            let kept: Kept = serde_json::from_str(&line?).map_err(|_| ArchiveError::Manifest)?;
            let root = kept.note.lines().nth(2).and_then(Hash::from_base64).ok_or(ArchiveError::Manifest)?;
            roots.insert(kept.size, root);
        }
        Ok(roots)
    }
}

/// The entries of a log of an export.
#[derive(Debug)]
pub struct Entries {
    log: LogName,
    roots: BTreeMap<u64, Hash>,
    lines: Lines<BufReader<File>>,
    line: u64,
    /// The least index that may come next.
    next: u64,
    failed: bool,
}

impl Iterator for Entries {
    type Item = Result<ArchivedEntry, ArchiveError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        self.line = self.line.saturating_add(1);
        let read = match self.lines.next()? {
            Ok(text) => self.read(&text).map_err(|what| {
                let log = self.log.clone();
                ArchiveError::Entry { log, line: self.line, what }
            }),
            Err(error) => Err(error.into()),
        };
        self.failed = read.is_err();
        Some(read)
    }
}

impl Entries {
    fn read(&mut self, text: &str) -> Result<ArchivedEntry, &'static str> {
        if u64::try_from(text.len()).is_ok_and(|len| len > LINE_LEN_MAX) {
            return Err("too long");
        }
        let line: Line = serde_json::from_str(text).map_err(|_| "not of the layout")?;
        let leaf = bytes(&line.leaf)?;
        let read = entry::read_leaf(&leaf).map_err(|_| "not a leaf")?;
        if read.index != line.index || line.index < self.next {
            return Err("out of order");
        }
        self.next = line.index.saturating_add(1);
        let leaf_hash = ledger::leaf_hash(&leaf);
        let root = self.roots.get(&line.proof.size).ok_or("of no checkpoint in the export")?;
        let proof: Option<Vec<Hash>> = line.proof.hashes.iter().map(|hash| Hash::from_base64(hash)).collect();
        let proof = proof.ok_or("not a proof")?;
        ledger::verify_inclusion(leaf_hash, line.index, line.proof.size, &proof, *root)
            .map_err(|_| "not in the log")?;
        let mut openings: Vec<Opening> = Vec::with_capacity(line.openings.len());
        for OpenedClass { class, salt, content } in &line.openings {
            let salt: [u8; 32] = bytes(salt)?.try_into().map_err(|_| "a salt of another length")?;
            let content = bytes(content)?;
            let committed = read.commitments.iter().find(|(committed, _)| committed == class);
            let (_, commitment) = committed.ok_or("a class that the leaf does not commit to")?;
            let is_twice = openings.iter().any(|other| other.class == *class);
            if is_twice || !ledger::opens(Hash::from_bytes(*commitment), &salt, &content) {
                return Err("a content that the leaf does not commit to");
            }
            openings.push(Opening { class: *class, salt, content });
        }
        let counted = CountedEntry::read(&self.log, &leaf, &openings).map_err(|_| "a content that is no event")?;
        let classes = openings.iter().map(|opening| opening.class).collect();
        Ok(ArchivedEntry { counted, method: read.method, leaf_hash, classes })
    }
}

/// A log by its name.
fn log_name<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<LogName, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
}

fn bytes(text: &str) -> Result<Vec<u8>, &'static str> {
    STANDARD.decode(text).map_err(|_| "not base64")
}
