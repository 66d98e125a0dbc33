//! Why a store failed, and what that means for the caller.

use std::io;
use std::path::PathBuf;

use crate::domain::ids::LogName;
use crate::ledger::TileError;
use crate::store::vault::VaultError;

/// Why a store failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another writer moved a head: the batch was planned on an outdated state.
    #[error("another writer moved the head of {0}")]
    Fenced(LogName),
    /// The database failed. After a failed commit nobody knows what is durable.
    #[error("the database failed: {0}")]
    Database(#[from] rusqlite::Error),
    /// What was read is not what was written.
    #[error("stored data is broken: {0}")]
    Broken(&'static str),
    /// A key is missing or wrong.
    #[error("stored data cannot be opened: {0}")]
    Vault(#[from] VaultError),
    /// The database server failed, or refused a statement.
    #[error("the database failed: {0}")]
    Server(String),
    /// The database is unreachable or takes no writes now. Whatever was in progress may or may not be durable; the
    /// request ids of a new batch tell. The request itself is not at fault.
    #[error("the database cannot be reached, or takes no writes now: {0}")]
    Interrupted(String),
    /// The address of the database is not valid, or what it names cannot be used. The text never holds the password.
    #[error("the store's address cannot be used: {0}")]
    Address(String),
    /// Another process serves this store.
    #[error("another gateway has the store open: it holds {}", .0.display())]
    Held(PathBuf),
    /// The file has a second name. A gateway that opened the other name would not see what is written beside this one.
    #[error("{} has a second name (a hard link): remove it, and start by the name that it was served by", .0.display())]
    SecondName(PathBuf),
    /// The directory or file could not be made.
    #[error("the store's file could not be opened: {0}")]
    File(#[from] io::Error),
}

/// Tiles could not be read, or do not make up their tree.
impl From<TileError<StoreError>> for StoreError {
    fn from(error: TileError<StoreError>) -> Self {
        match error {
            TileError::Read(error) => error,
            TileError::Short { .. }
            | TileError::Outside { .. }
            | TileError::Shrunk { .. }
            | TileError::TooLarge { .. } => Self::Broken("a log's tiles do not make up its tree"),
        }
    }
}
