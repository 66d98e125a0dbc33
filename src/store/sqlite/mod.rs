//! The embedded store: SQLite, WAL, synchronous=FULL, one writer connection.
//!
//! FULL alone makes some two hundred commits a second, which is why commits come by the batch.

mod inbox;
mod read;
mod rows;
mod write;

use std::collections::HashMap;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::{Connection, OpenFlags};

pub use read::SqliteReader;

use crate::domain::ids::CaseName;
use crate::store::StoreError;
use crate::store::vault::Key;

const SCHEMA: &str = include_str!("schema.sql");
/// Bumped when schema.sql changes; an older or newer file is refused, never guessed at.
const SCHEMA_VERSION: i32 = 2;
/// Marks a file as ours ("comt").
const APPLICATION_ID: i32 = 0x636f_6d74;
/// Connections kept for readers.
const READERS_MAX: usize = 8;

/// The writer's side of a SQLite file.
#[derive(Debug)]
pub struct SqliteStore {
    connection: Connection,
    names: HashMap<String, i64>,
    vault: Arc<Key>,
    /// Data keys of the cases of the batch at hand.
    data_keys: HashMap<CaseName, Key>,
    reader: Arc<SqliteReader>,
}

impl SqliteStore {
    /// Opens the file, making it if there is none. `wrapping_key` wraps every data key and is not in the file.
    pub fn open(path: &Path, wrapping_key: &[u8; 32]) -> Result<Self, StoreError> {
        // Made before SQLite would make it: the files beside it inherit the mode.
        std::fs::OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
        let connection = Connection::open(path)?;
        // Order matters: the page size before anything is written.
        connection.pragma_update(None, "page_size", 8_192)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        // NORMAL lost acknowledged rows in a power cut; FULL kept every one.
        connection.pragma_update(None, "synchronous", "FULL")?;
        // What is deleted is overwritten: an expunged name must not stay in a free page.
        connection.pragma_update(None, "secure_delete", true)?;
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.pragma_update(None, "cache_size", -65_536)?;
        connection.set_prepared_statement_cache_capacity(64);
        establish_schema(&connection)?;
        let vault = Arc::new(Key::new(wrapping_key)?);
        let reader = Arc::new(SqliteReader::new(path.to_owned(), Some(Arc::clone(&vault))));
        let names = rows::names(&connection)?;
        Ok(Self { connection, names, vault, data_keys: HashMap::new(), reader })
    }
}

impl Drop for SqliteStore {
    /// Leaves everything in the one file, with nothing in the write-ahead log: readers that are still open would keep
    /// SQLite from doing so by itself. Should it fail, the next opening makes up for it.
    fn drop(&mut self) {
        let _made_up_later = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    }
}

/// Opens a file for reading alone, as `verify` does. Without the wrapping key sealed content stays sealed.
pub fn open_read_only(path: &Path, wrapping_key: Option<&[u8; 32]>) -> Result<SqliteReader, StoreError> {
    if !path.is_file() {
        return Err(StoreError::File(std::io::Error::from(std::io::ErrorKind::NotFound)));
    }
    let vault = wrapping_key.map(Key::new).transpose()?.map(Arc::new);
    Ok(SqliteReader::new(path.to_owned(), vault))
}

fn establish_schema(connection: &Connection) -> Result<(), StoreError> {
    let version: i32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let application: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    match (version, application) {
        (0, 0) => {
            let script = format!(
                "BEGIN IMMEDIATE; {SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; \
                 PRAGMA application_id = {APPLICATION_ID}; COMMIT;"
            );
            Ok(connection.execute_batch(&script)?)
        }
        (SCHEMA_VERSION, APPLICATION_ID) => Ok(()),
        _ => Err(StoreError::Broken("the file is not a store of this version")),
    }
}

fn open_reader(path: &PathBuf) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.set_prepared_statement_cache_capacity(32);
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_acknowledged_outlives_a_power_cut() {
        let directory = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&directory.path().join("comity.db"), &[7; 32]).unwrap();
        let pragma = |name| store.connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).unwrap();
        // 2: FULL (sqlite.org/pragma.html#pragma_synchronous).
        assert_eq!(pragma("synchronous"), 2);
        assert_eq!(pragma("secure_delete"), 1);
    }
}
