//! Marks of a store that was restored from a backup: until it was held against checkpoints from outside, nobody knows
//! whether its logs went on after the backup was made, and nothing may be added to them.

use crate::domain::ids::LogName;
use crate::store::{StoreError, StoreLocation, postgres, sqlite};

impl StoreLocation {
    /// The logs that were restored and not held against anything since, each with its size in the backup.
    pub fn restored(&self) -> Result<Vec<(LogName, u64)>, StoreError> {
        match self {
            Self::File(path) => sqlite::restored(path),
            Self::Server(address) => postgres::restored(address),
        }
    }

    /// Takes the marks off, because each log was held against a checkpoint from outside. Refused while a gateway serves
    /// the store.
    pub fn release_restored(&self) -> Result<(), StoreError> {
        match self {
            Self::File(path) => sqlite::release_restored(path),
            Self::Server(address) => postgres::release_restored(address),
        }
    }
}
