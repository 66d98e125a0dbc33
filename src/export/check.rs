//! Checks an export by public keys alone, reading each file once or twice and holding none.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::domain::broken::Broken;
use crate::domain::ids::LogName;
use crate::export::ExportError;
use crate::export::layout::{CheckpointLine, GrowthLine, LogManifest, MANIFEST_FILE};
use crate::export::lines::LineReader;
use crate::export::read::{Export, ExportedEntry};
use crate::ledger::{Checkpoint, Hash, Tree, VerifierKey, verify_consistency};
use crate::recorder::origin;

/// After so many entries of a batch the tree lets go of the hashes that it needs no more.
const HASHES_KEPT: u64 = 4_096;

/// What was found whole.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Checked {
    /// Logs.
    pub logs: u64,
    /// Logs of which every entry is there.
    pub whole_logs: u64,
    /// Entries whose leaf is in the tree.
    pub entries: u64,
    /// Commitments that were opened.
    pub commitments: u64,
    /// Checkpoints.
    pub checkpoints: u64,
    /// Kept checkpoints that a log grew from.
    pub grown: u64,
}

impl Export {
    /// Checks everything that `docs/export.md` lists, by the keys of the logs. `against` are checkpoints that were kept
    /// elsewhere. Each entry is handed on as soon as it is checked; what comes after it may still be broken, so what
    /// was made of the entries counts only if this returns without an error.
    pub fn check(
        &self,
        keys: &[VerifierKey],
        against: &[String],
        mut each: impl FnMut(&ExportedEntry),
    ) -> Result<Checked, ExportError> {
        self.check_files()?;
        let mut checked = Checked::default();
        let mut unseen: Vec<Kept> = against.iter().map(|note| self.kept(note, keys)).collect::<Result<_, _>>()?;
        for log in &self.manifest.logs {
            let (own, others) = unseen.into_iter().partition(|kept| kept.log == log.log);
            unseen = others;
            LogCheck::new(self, log, keys)?.run(own, &mut checked, &mut each)?;
        }
        match unseen.first() {
            None => Ok(checked),
            Some(kept) => Err(ExportError::NotEvidence(format!("the export has nothing of {}", kept.log))),
        }
    }

    /// A checkpoint that was kept elsewhere, by the same keys.
    fn kept(&self, note: &str, keys: &[VerifierKey]) -> Result<Kept, ExportError> {
        let named = note.lines().next().unwrap_or_default();
        let not_one =
            |why: &str| ExportError::NotEvidence(format!("what was kept is no checkpoint of this key: {why}"));
        let checkpoint = Checkpoint::open_received(note, named, keys).map_err(|error| not_one(&error.to_string()))?;
        let log = named.strip_prefix(&format!("{}/", self.manifest.origin)).and_then(|log| log.parse().ok());
        Ok(Kept { log: log.ok_or_else(|| not_one("it is of another origin"))?, checkpoint })
    }

    /// Nothing but what the manifest names is in the directory.
    fn check_files(&self) -> Result<(), ExportError> {
        let mut named = BTreeSet::from([MANIFEST_FILE.to_owned()]);
        for log in &self.manifest.logs {
            let files = [Some(&log.entries), Some(&log.checkpoints), log.growth.as_ref()];
            named.extend(files.into_iter().flatten().map(|file| file.path.clone()));
        }
        let mut found = BTreeSet::new();
        gather(&self.directory, "", 0, &mut found)?;
        match found.symmetric_difference(&named).next() {
            None => Ok(()),
            Some(other) if named.contains(other) => Err(ExportError::broken(format!("{other} is missing"))),
            Some(other) => Err(ExportError::broken(format!("{other} is not in the manifest"))),
        }
    }
}

/// The files below a directory, by their names.
fn gather(directory: &Path, below: &str, depth: u8, found: &mut BTreeSet<String>) -> Result<(), ExportError> {
    let unreadable = |source| ExportError::file(directory, source);
    for file in fs::read_dir(directory).map_err(unreadable)? {
        let file = file.map_err(unreadable)?;
        let name = format!("{below}{}", file.file_name().to_string_lossy());
        let kind = file.file_type().map_err(unreadable)?;
        if kind.is_dir() && depth < 2 {
            gather(&file.path(), &format!("{name}/"), depth.saturating_add(1), found)?;
        } else if kind.is_file() {
            found.insert(name);
        } else {
            return Err(ExportError::broken(format!("{name} is no file of an export")));
        }
    }
    Ok(())
}

/// A checkpoint that was kept elsewhere.
struct Kept {
    log: LogName,
    checkpoint: Checkpoint,
}

/// The check of one log.
struct LogCheck<'a> {
    export: &'a Export,
    log: &'a LogManifest,
    keys: &'a [VerifierKey],
    origin: String,
    /// The checkpoints, a second time: the next one is held against the tree.
    checkpoints: LineReader<CheckpointLine>,
    /// The first checkpoint that is larger than the tree so far. None: past the head.
    next: Option<Checkpoint>,
    tree: Tree,
}

impl<'a> LogCheck<'a> {
    fn new(export: &'a Export, log: &'a LogManifest, keys: &'a [VerifierKey]) -> Result<Self, ExportError> {
        let checkpoints = LineReader::open(&export.directory, &log.checkpoints)?;
        let origin = origin(&export.manifest.origin, &log.log);
        Ok(Self { export, log, keys, origin, checkpoints, next: None, tree: Tree::empty() })
    }

    fn run(
        mut self,
        kept: Vec<Kept>,
        checked: &mut Checked,
        each: &mut impl FnMut(&ExportedEntry),
    ) -> Result<(), ExportError> {
        self.check_checkpoints(checked)?;
        let grown = self.check_growth()?;
        let mut kept: Vec<Checkpoint> = kept.into_iter().map(|kept| kept.checkpoint).collect();
        self.next = self.next_checkpoint()?;
        if self.log.whole {
            self.hold(&mut kept, checked)?;
        }
        let mut count = 0u64;
        for entry in self.export.entries(self.log)? {
            let entry = entry?;
            self.check_entry(&entry)?;
            count = count.saturating_add(1);
            checked.entries = checked.entries.saturating_add(1);
            let opened = u64::try_from(entry.openings.len()).unwrap_or(u64::MAX);
            checked.commitments = checked.commitments.saturating_add(opened);
            each(&entry);
            if self.log.whole {
                self.hold(&mut kept, checked)?;
            }
        }
        if self.log.whole != (count == self.log.size) {
            return Err(self.fault("the manifest is wrong about whether every entry is there"));
        }
        for one in kept {
            let is_head = (one.size(), one.root()) == (self.log.size, self.log.root);
            if !is_head && !grown.contains(&(one.size(), one.root())) {
                return Err(self.not_held(&one));
            }
            checked.grown = checked.grown.saturating_add(1);
        }
        checked.logs = checked.logs.saturating_add(1);
        checked.whole_logs = checked.whole_logs.saturating_add(u64::from(self.log.whole));
        Ok(())
    }

    /// Each checkpoint is signed by a key of the log, in order of size, and the last is the head of the manifest.
    fn check_checkpoints(&self, checked: &mut Checked) -> Result<(), ExportError> {
        let mut lines: LineReader<CheckpointLine> = LineReader::open(&self.export.directory, &self.log.checkpoints)?;
        let mut last: Option<Checkpoint> = None;
        while let Some(line) = lines.read()? {
            let checkpoint = self.open(&line)?;
            if last.as_ref().is_some_and(|last| last.size() >= checkpoint.size()) {
                return Err(self.fault("its checkpoints are not in order"));
            }
            if last.is_some() && !self.log.whole {
                return Err(self.fault("a checkpoint beside the head, which nothing here can be held against"));
            }
            last = Some(checkpoint);
            checked.checkpoints = checked.checkpoints.saturating_add(1);
        }
        let is_head = |last: &Checkpoint| (last.size(), last.root()) == (self.log.size, self.log.root);
        if last.as_ref().is_some_and(is_head) { Ok(()) } else { Err(self.fault("the head is not its last checkpoint")) }
    }

    /// Each growth proof leads from a checkpoint by a key of the log to the head. Returns where they lead from.
    fn check_growth(&self) -> Result<BTreeSet<(u64, Hash)>, ExportError> {
        let mut grown = BTreeSet::new();
        let Some(file) = &self.log.growth else { return Ok(grown) };
        let mut lines: LineReader<GrowthLine> = LineReader::open(&self.export.directory, file)?;
        while let Some(GrowthLine { kept, hashes }) = lines.read()? {
            let kept = Checkpoint::open_received(&kept, &self.origin, self.keys);
            let kept = kept.map_err(|error| self.fault(&format!("a checkpoint that it grew from: {error}")))?;
            verify_consistency(kept.size(), kept.root(), self.log.size, self.log.root, &hashes)
                .map_err(|error| self.fault(&format!("it did not grow from a checkpoint: {error}")))?;
            grown.insert((kept.size(), kept.root()));
        }
        Ok(grown)
    }

    /// The entry is in the tree of the checkpoint that its proof names, which is one that this log is held against.
    fn check_entry(&mut self, entry: &ExportedEntry) -> Result<(), ExportError> {
        let head = (self.log.size, self.log.root);
        let next = self.next.as_ref().map(|next| (next.size(), next.root()));
        let named = [Some(head), next.filter(|_| self.log.whole)].into_iter().flatten();
        let named = named.into_iter().find(|(size, _)| *size == entry.proof.size);
        let (_, root) = named.ok_or_else(|| entry.broken("its proof is of no checkpoint that it should be of"))?;
        let leaf = entry.prove(root)?;
        if self.log.whole {
            if entry.index != self.tree.size() {
                return Err(entry.broken("an entry is missing before it").into());
            }
            self.tree.append(leaf);
        }
        Ok(())
    }

    /// Holds the tree so far against the checkpoint of its size, if there is one, and against what was kept.
    fn hold(&mut self, kept: &mut Vec<Checkpoint>, checked: &mut Checked) -> Result<(), ExportError> {
        let size = self.tree.size();
        let is_due = |checkpoint: &Checkpoint| checkpoint.size() == size;
        while let Some(next) = self.next.take_if(|next| is_due(next)) {
            if next.root() != self.tree.root() {
                return Err(self.fault(&format!("its first {size} entries are not those that were signed")));
            }
            self.next = self.next_checkpoint()?;
            self.tree.take_changed();
        }
        if size.is_multiple_of(HASHES_KEPT) {
            self.tree.take_changed();
        }
        let (due, later): (Vec<_>, Vec<_>) = kept.drain(..).partition(is_due);
        *kept = later;
        for one in due {
            if one.root() != self.tree.root() {
                return Err(
                    self.fault(&format!("its first {size} entries are not those of the checkpoint that was kept"))
                );
            }
            checked.grown = checked.grown.saturating_add(1);
        }
        Ok(())
    }

    /// A kept checkpoint that the tree did not come by.
    fn not_held(&self, kept: &Checkpoint) -> ExportError {
        let (size, here) = (kept.size(), self.log.size);
        if size > here {
            // An export is as old as it is. Whether the log still grew from it, a newer one tells.
            let what =
                format!("{size} entries were signed, and the export ends at {here}: it is older than what was kept");
            return ExportError::NotEvidence(what);
        }
        if size == here {
            return self.fault(&format!("two roots were signed over {size} entries"));
        }
        ExportError::NotEvidence(format!(
            "the export has not every entry of {}, and no proof that it grew from {size} entries: make it with --grown-from",
            self.log.log
        ))
    }

    fn next_checkpoint(&mut self) -> Result<Option<Checkpoint>, ExportError> {
        let line = self.checkpoints.read()?;
        line.map(|line| self.open(&line)).transpose()
    }

    fn open(&self, line: &CheckpointLine) -> Result<Checkpoint, ExportError> {
        let checkpoint = Checkpoint::open_received(&line.note, &self.origin, self.keys);
        let checkpoint = checkpoint.map_err(|error| self.fault(&format!("a checkpoint: {error}")))?;
        let same = checkpoint.size() == line.size;
        if same { Ok(checkpoint) } else { Err(self.fault("a checkpoint of another size than its line says")) }
    }

    fn fault(&self, what: &str) -> ExportError {
        Broken { log: Some(self.log.log.clone()), index: None, what: what.to_owned() }.into()
    }
}
