//! The embedded store: SQLite, WAL, one writer connection, and a sync after each commit.
//!
//! A disk makes some two hundred syncs a second, which is why a commit holds a whole batch.

mod agenda;
mod appeals;
mod connection;
mod copy;
mod durability;
mod find;
mod in_place;
mod inbox;
mod inspect;
mod policy;
mod read;
mod restored;
mod search;
mod table;
mod write;
mod write_back;

use std::collections::HashMap;
use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::Connection;

pub(in crate::store) use copy::{Duplicate, Original};
pub(in crate::store) use find::find;
pub(in crate::store) use in_place::InPlace;
pub(in crate::store) use inspect::inspect;
pub use read::SqliteReader;
pub(in crate::store) use restored::{release_restored, restored};

use crate::domain::ids::CaseName;
use crate::store::StoreError;
use crate::store::data_keys::LoadedCase;
use crate::store::sqlite::connection::open_connection;
use crate::store::sqlite::durability::Durability;
use crate::store::sqlite::write_back::WriteBack;
use crate::store::vault::WrappingKey;

/// The writer's side of a SQLite file.
#[derive(Debug)]
pub struct SqliteStore {
    connection: Connection,
    names: HashMap<String, i64>,
    vault: Arc<WrappingKey>,
    /// Data keys of the cases of the present batch, and what these were found by.
    data_keys: HashMap<CaseName, LoadedCase>,
    reader: Arc<SqliteReader>,
    durability: Arc<Durability>,
    write_back: WriteBack,
    // Last, so that the locks are released after everything else is closed: SQLite's own locks end when any handle of the file
    // is closed.
    alone: Option<(File, File)>,
}

impl SqliteStore {
    /// Opens the file as the only gateway on it. A lock is taken first, which the system releases when the process ends, in
    /// whatever way. Even without it a second writer would be fenced by the heads.
    pub fn open_alone(path: &Path, wrapping_key: &[u8; 32]) -> Result<Self, StoreError> {
        // The path without links: the lock and the write-ahead log are beside the file itself.
        let path = &real(path)?;
        let lock = lock(path)?;
        make_durable(&beside(path, "-wal"))?;
        let mut store = Self::open(path, wrapping_key)?;
        store.alone = Some((lock, lock_itself(path)?));
        Ok(store)
    }

    /// Opens the file, making it if there is none. `wrapping_key` wraps every data key and is not in the file.
    pub fn open(path: &Path, wrapping_key: &[u8; 32]) -> Result<Self, StoreError> {
        let mut connection = open_connection(path)?;
        let vault = Arc::new(WrappingKey::new(wrapping_key)?);
        search::establish(&mut connection, &vault)?;
        let durability = Arc::new(Durability::of(beside(&real(path)?, "-wal")));
        let reader = SqliteReader::new(path.to_owned(), Some(Arc::clone(&vault))).awaiting(Arc::clone(&durability));
        let reader = Arc::new(reader);
        let names = read::names(&connection)?;
        let write_back = WriteBack::start(&mut connection, path, Arc::clone(&durability))?;
        Ok(Self { connection, names, vault, data_keys: HashMap::new(), reader, durability, write_back, alone: None })
    }
}

impl Drop for SqliteStore {
    /// Carries the whole write-ahead log back into the file. SQLite would not do so by itself while readers are open. If it
    /// fails, the next opening does it.
    ///
    /// After a failure nothing is touched: a sync that failed may seem to succeed the next time although the data is lost.
    fn drop(&mut self) {
        self.write_back.stop(&mut self.connection);
        if self.durability.has_failed() {
            return;
        }
        let _made_up_later = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        // Wakes readers that wait for a sync, because nobody will make one any more.
        self.durability.fail();
    }
}

/// Opens a file for reading only, as `verify` does. Without the wrapping key, sealed content stays sealed.
pub fn open_read_only(path: &Path, wrapping_key: Option<&[u8; 32]>) -> Result<SqliteReader, StoreError> {
    if !path.is_file() {
        return Err(StoreError::File(std::io::Error::from(ErrorKind::NotFound)));
    }
    let vault = wrapping_key.map(WrappingKey::new).transpose()?.map(Arc::new);
    Ok(SqliteReader::new(path.to_owned(), vault))
}

/// A path with all symbolic links resolved. A file that does not exist yet keeps its path.
fn real(path: &Path) -> Result<PathBuf, StoreError> {
    match path.canonicalize() {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(path.to_owned()),
        found => Ok(found?),
    }
}

/// Locks the file itself, whatever its path is: the same file mounted at another path would have another lock file. SQLite's
/// locks are of another kind, so they do not conflict with this one.
///
/// A file with a second name is refused: the write-ahead log is beside one of the names, and a gateway that opened the other
/// would miss it.
fn lock_itself(path: &Path) -> Result<File, StoreError> {
    let file = File::open(path)?;
    if file.metadata()?.nlink() > 1 {
        return Err(StoreError::SecondName(path.to_owned()));
    }
    alone_with(file, path)
}

/// Locks a file beside the store, so that a second gateway with the same path does not even touch the store.
fn lock(path: &Path) -> Result<File, StoreError> {
    let name = beside(path, "-lock");
    let file = File::options().create(true).append(true).mode(0o600).open(&name)?;
    alone_with(file, &name)
}

/// Opens and locks a file, unless another process holds the lock. The lock lasts until the file is closed.
fn alone_with(file: File, path: &Path) -> Result<File, StoreError> {
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Held(path.to_owned())),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

/// Writes a file again with the same content, and syncs it. What a gateway wrote before it was killed, or could not sync, may
/// be only in the system's cache. It will be read as committed, so a power cut must not lose it. A sync alone is not enough:
/// after a sync that failed, the system takes the lost pages for written.
fn make_durable(path: &Path) -> Result<(), StoreError> {
    let file = match File::options().read(true).write(true).open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        opened => opened?,
    };
    let (mut at, mut part) = (0u64, vec![0u8; 1 << 20]);
    loop {
        let len = file.read_at(&mut part, at)?;
        let Some(read) = part.get(..len).filter(|read| !read.is_empty()) else { break };
        file.write_all_at(read, at)?;
        at = at.saturating_add(u64::try_from(len).unwrap_or(u64::MAX));
    }
    Ok(file.sync_all()?)
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checkpoints_are_synced_and_what_is_deleted_is_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&directory.path().join("comity.db"), &[7; 32]).unwrap();
        let pragma = |name| store.connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).unwrap();
        // 1: NORMAL (sqlite.org/pragma.html#pragma_synchronous): checkpoints are synced. Commits are by `durability`, as
        // the tests of power cuts hold.
        assert_eq!(pragma("synchronous"), 1);
        assert_eq!(pragma("secure_delete"), 1);
    }
}
