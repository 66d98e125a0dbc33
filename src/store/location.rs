//! Where a store is: a file of this machine, or a database on a server.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use crate::store::postgres::{self, Address, PostgresStore};
use crate::store::sqlite::{self, SqliteStore};
use crate::store::{Account, Reader, Store, StoreError};

/// What a start would find.
#[derive(Debug)]
pub enum FoundStore {
    /// Nothing yet: a store would be made there.
    Nothing,
    /// A store that a gateway serves now, which holds this file.
    InUse(PathBuf),
    /// A store.
    Store(Arc<dyn Reader>),
    /// It was not looked for: a database server is not asked.
    Unasked,
}

/// Where a store is.
#[derive(Debug, Clone)]
pub enum StoreLocation {
    /// In a file, for one gateway alone.
    File(PathBuf),
    /// In a PostgreSQL database.
    Server(Address),
}

impl StoreLocation {
    /// Opens it for writing, making what is not there. `wrapping_key` wraps every data key and is not kept in it.
    pub fn open(&self, wrapping_key: &[u8; 32]) -> Result<Box<dyn Store>, StoreError> {
        match self {
            Self::File(path) => Ok(Box::new(SqliteStore::open_alone(path, wrapping_key)?)),
            Self::Server(address) => Ok(Box::new(PostgresStore::open(address, wrapping_key)?)),
        }
    }

    /// Opens its account of disclosures for reading.
    pub fn account(&self) -> Result<Box<dyn Account>, StoreError> {
        match self {
            Self::File(path) => Ok(Box::new(sqlite::open_read_only(path, None)?)),
            Self::Server(address) => Ok(Box::new(postgres::open_read_only(address, None)?)),
        }
    }

    /// Looks for what a start would open, and changes nothing.
    pub fn find(&self, wrapping_key: &[u8; 32]) -> Result<FoundStore, StoreError> {
        match self {
            Self::File(path) => sqlite::find(path, wrapping_key),
            Self::Server(_) => Ok(FoundStore::Unasked),
        }
    }

    /// Opens it for reading alone. Without the wrapping key sealed content stays sealed.
    pub fn read(&self, wrapping_key: Option<&[u8; 32]>) -> Result<Arc<dyn Reader>, StoreError> {
        match self {
            Self::File(path) => Ok(Arc::new(sqlite::open_read_only(path, wrapping_key)?)),
            Self::Server(address) => Ok(Arc::new(postgres::open_read_only(address, wrapping_key)?)),
        }
    }
}

/// Without a password.
impl fmt::Display for StoreLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Server(address) => address.fmt(f),
        }
    }
}
