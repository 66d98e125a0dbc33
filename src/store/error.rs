//! Why a store could not do as asked, and what that means for whoever asked.

use std::io;
use std::path::PathBuf;

use crate::domain::ids::LogName;
use crate::ledger::TileError;
use crate::store::vault::VaultError;

/// Why the store could not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another writer moved a head: what was planned rests on a state that is gone.
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
    /// The database server failed, or refused what it was asked.
    #[error("the database failed: {0}")]
    Server(String),
    /// The database cannot be reached or takes no writes now. Whatever was under way may be durable or not: begun again,
    /// its request ids tell. Nothing is wrong with what was asked.
    #[error("the database cannot be reached, or takes no writes now: {0}")]
    Interrupted(String),
    /// The address of the database is none, or what it names cannot be used. Says nothing of the password in it.
    #[error("the store's address cannot be used: {0}")]
    Address(String),
    /// Another process serves this store.
    #[error("another gateway has the store open: it holds {}", .0.display())]
    Held(PathBuf),
    /// A file that has a second name: what one gateway wrote beside the one, another would not see beside the other.
    #[error("{} has a second name (a hard link): remove it, and start by the name that it was served by", .0.display())]
    SecondName(PathBuf),
    /// The directory or file could not be made.
    #[error("the store's file could not be opened: {0}")]
    File(#[from] io::Error),
}

/// Tiles that could not be read, or that do not make up the tree they should.
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
