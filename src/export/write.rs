//! Writes an export, entry by entry. The manifest comes last.

use std::path::{Path, PathBuf};

use crate::domain::ids::LogName;
use crate::export::ExportError;
use crate::export::layout::{
    Audience, CHECKPOINTS, CheckpointLine, ENTRIES, EntryLine, GROWTH, GrowthLine, LAYOUT, LogManifest, MANIFEST_FILE,
    Manifest, OpeningLine, Payloads, Proof, path_of,
};
use crate::export::lines::{LineWriter, make_directory};
use crate::ledger::Hash;
use crate::wire::entry::Opening;

/// An export that is being written.
#[derive(Debug)]
pub struct ExportWriter {
    directory: PathBuf,
    manifest: Manifest,
}

impl ExportWriter {
    /// Begins an export in a directory that MUST NOT be there yet.
    pub fn begin(directory: &Path, origin: &str, audience: Audience, payloads: Payloads) -> Result<Self, ExportError> {
        if directory.exists() {
            let source = std::io::Error::from(std::io::ErrorKind::AlreadyExists);
            return Err(ExportError::file(directory, source));
        }
        make_directory(directory)?;
        let (layout, origin, logs) = (LAYOUT.to_owned(), origin.to_owned(), Vec::new());
        Ok(Self { directory: directory.to_owned(), manifest: Manifest { layout, origin, audience, payloads, logs } })
    }

    /// Begins a log. Logs come by jurisdiction, the exchange log before the custody log.
    pub fn log(&self, log: &LogName) -> Result<LogWriter, ExportError> {
        let create = |file| LineWriter::create(&self.directory, &path_of(log, file));
        Ok(LogWriter {
            directory: self.directory.clone(),
            log: log.clone(),
            payloads: self.manifest.payloads,
            entries: create(ENTRIES)?,
            checkpoints: create(CHECKPOINTS)?,
            growth: None,
            count: 0,
        })
    }

    /// Ends a log, at the head that was given last.
    pub fn end_log(&mut self, log: LogWriter, size: u64, root: Hash) -> Result<(), ExportError> {
        let LogWriter { log, entries, checkpoints, growth, count, .. } = log;
        let (entries, checkpoints) = (entries.finish()?, checkpoints.finish()?);
        let growth = growth.map(LineWriter::finish).transpose()?;
        let whole = count == size;
        self.manifest.logs.push(LogManifest { log, size, root, whole, entries, checkpoints, growth });
        Ok(())
    }

    /// Ends the export: from here on it is one.
    pub fn finish(self) -> Result<Manifest, ExportError> {
        let mut file = LineWriter::create(&self.directory, MANIFEST_FILE)?;
        file.write(&self.manifest)?;
        file.finish()?;
        Ok(self.manifest)
    }
}

/// A log of an export that is being written.
pub struct LogWriter {
    directory: PathBuf,
    log: LogName,
    payloads: Payloads,
    entries: LineWriter,
    checkpoints: LineWriter,
    growth: Option<LineWriter>,
    count: u64,
}

impl std::fmt::Debug for LogWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogWriter").field("log", &self.log).field("count", &self.count).finish_non_exhaustive()
    }
}

impl LogWriter {
    /// Adds an entry, in order of index. Openings that the export is to be without are left out here.
    pub fn entry(&mut self, index: u64, leaf: Vec<u8>, openings: &[Opening], proof: Proof) -> Result<(), ExportError> {
        let kept = openings.iter().filter(|opening| self.payloads.include(opening.class));
        let openings = kept.map(OpeningLine::of).collect();
        self.count = self.count.saturating_add(1);
        self.entries.write(&EntryLine { index, leaf, openings, proof })
    }

    /// Adds a checkpoint, in order of size. The head comes last.
    pub fn checkpoint(&mut self, size: u64, note: &str) -> Result<(), ExportError> {
        self.checkpoints.write(&CheckpointLine { size, note: note.to_owned() })
    }

    /// Adds the proof that the log grew from a checkpoint that was kept.
    pub fn growth(&mut self, kept: &str, hashes: Vec<Hash>) -> Result<(), ExportError> {
        let mut growth = match self.growth.take() {
            Some(growth) => growth,
            None => LineWriter::create(&self.directory, &path_of(&self.log, GROWTH))?,
        };
        growth.write(&GrowthLine { kept: kept.to_owned(), hashes })?;
        self.growth = Some(growth);
        Ok(())
    }
}
