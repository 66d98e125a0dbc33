//! Reads an export. What is read here is a file's word: [`Export::check`] holds it against keys.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::domain::broken::Broken;
use crate::domain::determination::FieldClass;
use crate::domain::ids::LogName;
use crate::export::ExportError;
use crate::export::layout::{
    CHECKPOINTS, CheckpointLine, ENTRIES, EntryLine, FileManifest, GROWTH, LAYOUT, LINE_LEN_MAX, LogManifest,
    MANIFEST_FILE, Manifest, OpeningLine, Payloads, Proof, path_of,
};
use crate::export::lines::LineReader;
use crate::ledger::{self, Checkpoint, Hash, verify_inclusion};
use crate::wire::entry::{self, Opening, ReadLeaf};

/// An export on this machine.
#[derive(Debug)]
pub struct Export {
    pub(super) directory: PathBuf,
    pub(super) manifest: Manifest,
}

/// An entry as an export has it.
#[derive(Debug, Clone)]
pub struct ExportedEntry {
    /// The log.
    pub log: LogName,
    /// Its position in the log.
    pub index: u64,
    /// The leaf's bytes.
    pub leaf: Vec<u8>,
    /// The leaf, read.
    pub header: ReadLeaf,
    /// The contents that are in the export, in order of class. Each is what the leaf commits to.
    pub openings: Vec<Opening>,
    /// The proof that the leaf is in the log.
    pub proof: Proof,
}

impl ExportedEntry {
    /// Holds the entry against the root of the tree that its proof is of. Returns the hash of its leaf.
    pub(super) fn prove(&self, root: Hash) -> Result<Hash, Broken> {
        let (leaf, Proof { size, hashes }) = (ledger::leaf_hash(&self.leaf), &self.proof);
        let proven = verify_inclusion(leaf, self.index, *size, hashes, root);
        proven.map(|()| leaf).map_err(|error| self.broken(error))
    }

    /// A fault of this entry.
    pub(super) fn broken(&self, what: impl std::fmt::Display) -> Broken {
        Broken { log: Some(self.log.clone()), index: Some(self.index), what: what.to_string() }
    }

    /// The content of a class, an encoded `Event`, if it is in the export.
    pub fn content(&self, class: FieldClass) -> Option<&[u8]> {
        self.openings.iter().find(|opening| opening.class == class).map(|opening| opening.content.as_slice())
    }
}

impl Export {
    /// Whether a directory is an export.
    pub fn is_at(directory: &Path) -> bool {
        directory.join(MANIFEST_FILE).is_file()
    }

    /// Reads the manifest of an export.
    pub fn open(directory: &Path) -> Result<Self, ExportError> {
        let path = directory.join(MANIFEST_FILE);
        let unreadable = |source| ExportError::file(&path, source);
        let len = fs::metadata(&path).map_err(unreadable)?.len();
        if usize::try_from(len).map_or(true, |len| len > LINE_LEN_MAX) {
            return Err(ExportError::broken("the manifest is too long"));
        }
        let text = fs::read_to_string(&path).map_err(unreadable)?;
        let broken = |why: &str| ExportError::broken(format!("{MANIFEST_FILE}: {why}"));
        let json = text.strip_suffix('\n').ok_or_else(|| broken("it does not end"))?;
        let manifest: Manifest = serde_json::from_str(json).map_err(|error| broken(&error.to_string()))?;
        if serde_json::to_string(&manifest).ok().as_deref() != Some(json) {
            return Err(broken("it is not spelled as it is written"));
        }
        if manifest.layout != LAYOUT {
            return Err(broken("it is of another layout"));
        }
        if !manifest.logs.is_sorted_by(|one, next| one.log < next.log) {
            return Err(broken("its logs are not in order"));
        }
        for log in &manifest.logs {
            let files =
                [(ENTRIES, Some(&log.entries)), (CHECKPOINTS, Some(&log.checkpoints)), (GROWTH, log.growth.as_ref())];
            let astray = |(name, file): &(&str, Option<&FileManifest>)| {
                file.is_some_and(|file| file.path != path_of(&log.log, name))
            };
            // A path is not taken from a file: it leads where the layout says, or the export is refused.
            if files.iter().any(astray) {
                return Err(broken("a file is not where the layout has it"));
            }
        }
        Ok(Self { directory: directory.to_owned(), manifest })
    }

    /// What the export is.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The entries of a log, in order. Each has its own index, in order, and its openings are what its leaf commits to.
    /// Whether it is in the log is not checked here.
    pub fn entries(&self, log: &LogManifest) -> Result<Entries, ExportError> {
        let lines = LineReader::open(&self.directory, &log.entries)?;
        Ok(Entries { log: log.log.clone(), size: log.size, payloads: self.manifest.payloads, next: 0, lines })
    }

    /// The entries of a log, in order, each proved to be in the tree of a checkpoint of the export. Whether that
    /// checkpoint is signed is not checked here.
    pub fn proved_entries(&self, log: &LogManifest) -> Result<ProvedEntries, ExportError> {
        let mut lines: LineReader<CheckpointLine> = LineReader::open(&self.directory, &log.checkpoints)?;
        let mut roots = BTreeMap::from([(log.size, log.root)]);
        while let Some(line) = lines.read()? {
            let broken =
                |why: String| Broken { log: Some(log.log.clone()), index: None, what: format!("a checkpoint: {why}") };
            let checkpoint = Checkpoint::unverified(&line.note).map_err(|error| broken(error.to_string()))?;
            let root = *roots.entry(line.size).or_insert_with(|| checkpoint.root());
            if (checkpoint.size(), checkpoint.root()) != (line.size, root) {
                return Err(broken("it is not what the export says of it".to_owned()).into());
            }
        }
        Ok(ProvedEntries { entries: self.entries(log)?, roots })
    }
}

/// The entries of a log of an export.
pub struct Entries {
    log: LogName,
    size: u64,
    payloads: Payloads,
    /// The next entry has at least this index.
    next: u64,
    lines: LineReader<EntryLine>,
}

impl std::fmt::Debug for Entries {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Entries").field("log", &self.log).field("next", &self.next).finish_non_exhaustive()
    }
}

impl Iterator for Entries {
    type Item = Result<ExportedEntry, ExportError>;

    fn next(&mut self) -> Option<Self::Item> {
        let line = self.lines.read().transpose()?;
        Some(line.and_then(|line| self.entry(line)))
    }
}

/// The entries of a log of an export, each held against a root that the export has.
#[derive(Debug)]
pub struct ProvedEntries {
    entries: Entries,
    /// By size of the tree.
    roots: BTreeMap<u64, Hash>,
}

impl Iterator for ProvedEntries {
    type Item = Result<ExportedEntry, ExportError>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.entries.next()?.and_then(|entry| self.proved(entry)))
    }
}

impl ProvedEntries {
    fn proved(&self, entry: ExportedEntry) -> Result<ExportedEntry, ExportError> {
        let root = self.roots.get(&entry.proof.size);
        let root = root.ok_or_else(|| entry.broken("its proof is of no checkpoint of the export"))?;
        entry.prove(*root)?;
        Ok(entry)
    }
}

impl Entries {
    fn entry(&mut self, line: EntryLine) -> Result<ExportedEntry, ExportError> {
        let EntryLine { index, leaf, openings, proof } = line;
        let log = self.log.clone();
        let broken = |what: &str| Broken { log: Some(log.clone()), index: Some(index), what: what.to_owned() };
        let header = entry::read_leaf(&leaf).map_err(|_| broken("the leaf is not of a known layout"))?;
        if header.index != index || index < self.next || index >= self.size {
            return Err(broken("an entry bears another's index, or is out of order").into());
        }
        let openings: Option<Vec<Opening>> = openings.into_iter().map(OpeningLine::into_opening).collect();
        let openings = openings.ok_or_else(|| broken("a salt is not 32 bytes"))?;
        if !openings.is_sorted_by(|one, next| one.class < next.class) {
            return Err(broken("its classes are not in order").into());
        }
        for opening in &openings {
            if !self.payloads.include(opening.class) {
                return Err(broken("it has content that the manifest says is not there").into());
            }
            check_opening(&header, opening).map_err(broken)?;
        }
        self.next = index.saturating_add(1);
        Ok(ExportedEntry { log, index, leaf, header, openings, proof })
    }
}

/// Checks that a content is what the leaf commits to.
fn check_opening(leaf: &ReadLeaf, opening: &Opening) -> Result<(), &'static str> {
    let committed = leaf.commitments.iter().find(|(class, _)| *class == opening.class);
    let (_, hash) = committed.ok_or("content that the leaf does not commit to")?;
    let opens = ledger::opens(Hash::from_bytes(*hash), &opening.salt, &opening.content);
    if opens { Ok(()) } else { Err("content that is not what the leaf commits to") }
}
