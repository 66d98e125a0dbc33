//! Exports: what one audience may know of some logs, in plain files that public keys alone can check. `docs/export.md`
//! is the layout.
//!
//! Whoever makes one brings the entries (`cli/export`, from a store or over the wire). This room writes the files, reads
//! them, and checks them. It trusts nothing that a file says before it is checked.

mod check;
mod layout;
mod lines;
mod read;
mod write;

pub use check::Checked;
pub use layout::{Audience, FileManifest, LogManifest, MANIFEST_FILE, Manifest, Payloads, Proof};
pub use read::{Entries, Export, ExportedEntry, ProvedEntries};
pub use write::{ExportWriter, LogWriter};

use std::io;
use std::path::{Path, PathBuf};

use crate::domain::broken::Broken;

/// Why an export cannot be written, read or relied upon.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// A file cannot be read or written.
    #[error("{} cannot be used", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The export is not what its manifest, its keys or its own parts say.
    #[error(transparent)]
    Broken(#[from] Broken),
    /// What was kept elsewhere cannot be held against this export. This says nothing of the export.
    #[error("{0}")]
    NotEvidence(String),
}

impl ExportError {
    /// A fault of the export as a whole.
    fn broken(what: impl Into<String>) -> Self {
        Self::Broken(Broken { log: None, index: None, what: what.into() })
    }

    fn file(path: &Path, source: io::Error) -> Self {
        Self::File { path: path.to_owned(), source }
    }
}
