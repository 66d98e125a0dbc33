//! A file as the source and as the target of a copy.

use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use crate::store::StoreError;
use crate::store::copy::{Source, Target};
use crate::store::sqlite::connection::{check_schema, open_connection, open_reader};
use crate::store::sqlite::table::{insert, page};
use crate::store::sqlite::{beside, lock, make_durable};
use crate::store::tables::{Cell, Cells, Table};

/// A file that is copied.
#[derive(Debug)]
pub(in crate::store) struct Original {
    connection: Connection,
    _lock: Option<File>,
}

impl Original {
    /// Opens a file that no gateway has open, and keeps gateways from opening it.
    pub(in crate::store) fn alone(path: &Path) -> Result<Self, StoreError> {
        if !path.is_file() {
            return Err(StoreError::File(ErrorKind::NotFound.into()));
        }
        let lock = lock(path)?;
        // What a gateway wrote before it was killed is read as committed, so it must be durable first.
        make_durable(&beside(path, "-wal"))?;
        Ok(Self { _lock: Some(lock), ..Self::open(path)? })
    }

    /// Opens a file as it is now, whether or not a gateway serves it. Everything that is read was durable before this returned.
    pub(in crate::store) fn as_of_now(path: &Path) -> Result<Self, StoreError> {
        let original = Self::open(path)?;
        // The first read fixes the state that is read. The gateway may not have synced the end of it yet.
        original.connection.query_row("SELECT count(*) FROM heads", [], |_| Ok(()))?;
        match File::open(beside(path, "-wal")) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            opened => opened?.sync_all()?,
        }
        Ok(original)
    }

    /// A file as it is now.
    pub(in crate::store) fn open(path: &Path) -> Result<Self, StoreError> {
        if !path.is_file() {
            return Err(StoreError::File(ErrorKind::NotFound.into()));
        }
        let connection = open_reader(path)?;
        check_schema(&connection)?;
        connection.execute_batch("BEGIN")?;
        Ok(Self { connection, _lock: None })
    }
}

impl Source for Original {
    fn page(&mut self, table: &Table, after: Option<&[Cell]>, len: usize) -> Result<Vec<Cells>, StoreError> {
        page(&self.connection, table, after, len)
    }
}

/// A file that is copied to.
#[derive(Debug)]
pub(in crate::store) struct Duplicate {
    connection: Connection,
    path: PathBuf,
    _lock: File,
}

impl Duplicate {
    /// Opens a file that no gateway has open, and creates it if there is none.
    pub(in crate::store) fn open(path: &Path) -> Result<Self, StoreError> {
        let lock = lock(path)?;
        let connection = open_connection(path)?;
        connection.execute_batch("BEGIN IMMEDIATE")?;
        Ok(Self { connection, path: path.to_owned(), _lock: lock })
    }
}

impl Target for Duplicate {
    fn is_empty(&mut self, table: &Table) -> Result<bool, StoreError> {
        let sql = format!("SELECT NOT EXISTS (SELECT 1 FROM {})", table.name);
        Ok(self.connection.query_row(&sql, [], |row| row.get(0))?)
    }

    fn insert(&mut self, table: &Table, rows: Vec<Cells>) -> Result<(), StoreError> {
        insert(&self.connection, table, &rows)
    }

    fn finish(self: Box<Self>) -> Result<(), StoreError> {
        self.connection.execute_batch("COMMIT")?;
        // Carries everything into the one file, as closing a store does.
        self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        // A new file survives a power cut only if its directory is synced too.
        if let Some(directory) = self.path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
            File::open(directory)?.sync_all()?;
        }
        Ok(())
    }
}
