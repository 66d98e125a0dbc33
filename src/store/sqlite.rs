//! The embedded store: SQLite, WAL, one writer connection, and a sync after each commit.
//!
//! A disk makes some two hundred syncs a second, which is why commits come by the batch.

mod agenda;
mod appeals;
mod connection;
mod copy;
mod durability;
mod find;
mod in_place;
mod inbox;
mod policy;
mod read;
mod restored;
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
pub use read::SqliteReader;
pub(in crate::store) use restored::{release_restored, restored};

use crate::domain::ids::CaseName;
use crate::store::StoreError;
use crate::store::sqlite::connection::open_connection;
use crate::store::sqlite::durability::Durability;
use crate::store::sqlite::write_back::WriteBack;
use crate::store::vault::Key;

/// The writer's side of a SQLite file.
#[derive(Debug)]
pub struct SqliteStore {
    connection: Connection,
    names: HashMap<String, i64>,
    vault: Arc<Key>,
    /// Data keys of the cases of the batch at hand.
    data_keys: HashMap<CaseName, Key>,
    reader: Arc<SqliteReader>,
    durability: Arc<Durability>,
    write_back: WriteBack,
    // Last, so that they are let go when everything else is closed: SQLite's own locks end with any handle of the file.
    alone: Option<(File, File)>,
}

impl SqliteStore {
    /// Opens the file as the only gateway on it: before anything else a lock is taken, which the system lets go when
    /// the process ends, however it ends. A second writer would be fenced by its heads; it should not come that far.
    pub fn open_alone(path: &Path, wrapping_key: &[u8; 32]) -> Result<Self, StoreError> {
        // By its own name, whichever link it was reached by: lock and write-ahead log stand beside that.
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
        let vault = Arc::new(Key::new(wrapping_key)?);
        let durability = Arc::new(Durability::of(beside(&real(path)?, "-wal")));
        let reader = SqliteReader::new(path.to_owned(), Some(Arc::clone(&vault))).awaiting(Arc::clone(&durability));
        let reader = Arc::new(reader);
        let names = read::names(&connection)?;
        let write_back = WriteBack::start(&mut connection, path, Arc::clone(&durability))?;
        Ok(Self { connection, names, vault, data_keys: HashMap::new(), reader, durability, write_back, alone: None })
    }
}

impl Drop for SqliteStore {
    /// Leaves everything in the one file, with nothing in the write-ahead log: readers that are still open would keep
    /// SQLite from doing so by itself. Should it fail, the next opening makes up for it.
    ///
    /// After a failure nothing is touched: a sync that failed may succeed the next time, with the data gone.
    fn drop(&mut self) {
        self.write_back.stop(&mut self.connection);
        if self.durability.has_failed() {
            return;
        }
        let _made_up_later = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        // A reader that waits for a sync that nobody will make any more waits no longer. Where all is synced, none does.
        self.durability.fail();
    }
}

/// Opens a file for reading alone, as `verify` does. Without the wrapping key sealed content stays sealed.
pub fn open_read_only(path: &Path, wrapping_key: Option<&[u8; 32]>) -> Result<SqliteReader, StoreError> {
    if !path.is_file() {
        return Err(StoreError::File(std::io::Error::from(ErrorKind::NotFound)));
    }
    let vault = wrapping_key.map(Key::new).transpose()?.map(Arc::new);
    Ok(SqliteReader::new(path.to_owned(), vault))
}

/// A path with every symbolic link in it followed. What is not there yet is made where it says.
fn real(path: &Path) -> Result<PathBuf, StoreError> {
    match path.canonicalize() {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(path.to_owned()),
        found => Ok(found?),
    }
}

/// Locks the file itself, as the kernel knows it and whatever it is called: a file that is mounted at another place has
/// another lock beside it. SQLite's locks are of another kind, and neither sees the other.
///
/// A file with a second name is refused: a write-ahead log stands beside one of the names, and whoever came by the other would
/// begin without it.
fn lock_itself(path: &Path) -> Result<File, StoreError> {
    let file = File::open(path)?;
    if file.metadata()?.nlink() > 1 {
        return Err(StoreError::SecondName(path.to_owned()));
    }
    alone_with(file, path)
}

/// A file beside the store, so that a second gateway by the same name does not even touch the store.
fn lock(path: &Path) -> Result<File, StoreError> {
    let name = beside(path, "-lock");
    let file = File::options().create(true).append(true).mode(0o600).open(&name)?;
    alone_with(file, &name)
}

/// A file that is held until it is closed, if nobody else holds it.
fn alone_with(file: File, path: &Path) -> Result<File, StoreError> {
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Held(path.to_owned())),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

/// Writes a file again as it reads, and syncs it. What a gateway wrote before it was killed, or could not sync, may be in
/// the system's cache alone; it will be read as committed, and vouched for, so a power cut must not take it any more.
/// The sync alone is not enough: after one that failed, the system holds what it could not write for written.
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
