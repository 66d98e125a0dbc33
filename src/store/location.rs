//! The location of a store: a file on this machine, or a database on a server.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::store::inspected::{Inspected, StoreState};
use crate::store::postgres::{self, Address, PostgresStore};
use crate::store::rows::SCHEMA_VERSION;
use crate::store::sqlite::{self, SqliteStore};
use crate::store::{Reader, Store, StoreError};

/// What a start would find at a location.
#[derive(Debug)]
pub enum FoundStore {
    /// No store: a start would make one.
    Nothing,
    /// A store that a gateway is serving; the gateway holds this file.
    InUse(PathBuf),
    /// A store.
    Store(Arc<dyn Reader>),
    /// Unknown: a database server is not asked.
    Unasked,
}

/// The location of a store.
#[derive(Debug, Clone)]
pub enum StoreLocation {
    /// A file, for one gateway.
    File(PathBuf),
    /// A PostgreSQL database.
    Server(Address),
}

impl StoreLocation {
    /// Opens the store for writing, and makes what is missing. `wrapping_key` wraps every data key and is not stored in
    /// it.
    pub fn open(&self, wrapping_key: &[u8; 32]) -> Result<Box<dyn Store>, StoreError> {
        match self {
            Self::File(path) => Ok(Box::new(SqliteStore::open_alone(path, wrapping_key)?)),
            Self::Server(address) => Ok(Box::new(PostgresStore::open(address, wrapping_key)?)),
        }
    }

    /// Looks at what a start would open. Changes nothing.
    pub fn find(&self, wrapping_key: &[u8; 32]) -> Result<FoundStore, StoreError> {
        match self {
            Self::File(path) => sqlite::find(path, wrapping_key),
            Self::Server(_) => Ok(FoundStore::Unasked),
        }
    }

    /// The file, if it is one.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Server(_) => None,
        }
    }

    /// Looks at a store that a gateway may be serving: takes no lock, makes no file and writes nothing. `None`: there is no
    /// store, and a start would make one. A database server is asked.
    pub fn inspect(&self, wrapping_key: &[u8; 32]) -> Result<Option<Inspected>, StoreError> {
        match self {
            Self::File(path) => sqlite::inspect(path, wrapping_key),
            Self::Server(_) => {
                let reader = self.read(Some(wrapping_key))?;
                let restored = self.restored()?.into_iter().map(|(log, _)| log).collect();
                Ok(Some(Inspected { version: SCHEMA_VERSION, restored, state: StoreState::Shared(reader) }))
            }
        }
    }

    /// Opens the store for reading. Without the wrapping key, sealed content stays sealed.
    pub fn read(&self, wrapping_key: Option<&[u8; 32]>) -> Result<Arc<dyn Reader>, StoreError> {
        match self {
            Self::File(path) => Ok(Arc::new(sqlite::open_read_only(path, wrapping_key)?)),
            Self::Server(address) => Ok(Arc::new(postgres::open_read_only(address, wrapping_key)?)),
        }
    }
}

/// Shows the location without a password.
impl fmt::Display for StoreLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Server(address) => address.fmt(f),
        }
    }
}
