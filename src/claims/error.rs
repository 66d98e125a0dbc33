//! Why a book of claims, or a file to import, cannot be used.

use std::io;

/// Why claims can be neither read nor written.
#[derive(Debug, thiserror::Error)]
pub enum ClaimsError {
    /// The file is not a book of claims, or a line of it is not one that was written here.
    #[error("line {0} is not of a book of claims")]
    Line(u64),
    /// The book is of another jurisdiction or requester.
    #[error("this book is of the claims of {claimed_by} in {jurisdiction}")]
    OtherBook {
        /// Whose claims it holds.
        claimed_by: String,
        /// Of which jurisdiction.
        jurisdiction: String,
    },
    /// Another process imports into it.
    #[error("another import into this book is under way")]
    Busy,
    /// An import of another file was begun and not finished.
    #[error("the import of another file is not finished (SHA-256 {0}): finish it first")]
    OtherUnfinished(String),
    /// An import was begun and not finished, so the figures would be of half a file.
    #[error("an import into this book is not finished (SHA-256 {0}): run it again, it goes on where it stopped")]
    Unfinished(String),
    /// The file to import begins otherwise than the layout says.
    #[error("the first line is not that of the layout: {0}")]
    Header(String),
    /// The file to import is too large.
    #[error("the file is larger than {0} bytes: import it in parts")]
    TooLarge(u64),
    /// The file to import is not CSV, or changed while it was read.
    #[error("the file cannot be read as CSV: {0}")]
    Csv(#[from] csv::Error),
    /// A file cannot be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A line cannot be written as JSON.
    #[error("a line cannot be written")]
    Encode(#[source] serde_json::Error),
}
