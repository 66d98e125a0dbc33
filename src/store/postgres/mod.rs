//! The store for more than one machine: PostgreSQL, any number of gateways on one database.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::domain::ids::LogName;
use crate::store::StoreError;

/// What others write to a store, as a connection of its own hears of it.
#[derive(Debug)]
pub struct Others {}

impl Others {
    /// Waits until something may have been written, at most so long; then says how far each log is of which that is
    /// durable.
    pub fn sizes(&mut self, at_most: Duration) -> Result<BTreeMap<LogName, u64>, StoreError> {
        std::thread::sleep(at_most);
        Ok(BTreeMap::new())
    }
}

// STUB: replaced by the branch w-postgres.
#[derive(Debug, Clone)]
pub struct Address(String);
impl Address {
    pub fn parse(url: &str, _base: &std::path::Path) -> Result<Self, StoreError> {
        Ok(Self(url.to_owned()))
    }
}
impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}
#[derive(Debug)]
pub struct PostgresStore;
impl PostgresStore {
    pub fn open(_: &Address, _: &[u8; 32]) -> Result<super::sqlite::SqliteStore, StoreError> {
        Err(StoreError::Broken("stub"))
    }
}
pub fn open_read_only(_: &Address, _: Option<&[u8; 32]>) -> Result<super::sqlite::SqliteReader, StoreError> {
    Err(StoreError::Broken("stub"))
}
