//! Replaces rows of a file in one transaction, while no gateway has it open.

use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;

use rusqlite::{Connection, params_from_iter};

use crate::store::StoreError;
use crate::store::copy::Source;
use crate::store::rewrap;
use crate::store::sqlite::connection::open_connection;
use crate::store::sqlite::table::page;
use crate::store::sqlite::{beside, lock, lock_itself, make_durable, real};
use crate::store::tables::{Cell, Cells, Table};

/// The file.
#[derive(Debug)]
pub(in crate::store) struct InPlace {
    connection: Connection,
    // Last, because SQLite's own locks end when any handle of the file is closed.
    _locks: (File, File),
}

impl InPlace {
    /// Opens a file that no gateway has open, and keeps gateways from opening it.
    pub(in crate::store) fn open(path: &Path) -> Result<Self, StoreError> {
        if !path.is_file() {
            return Err(StoreError::File(ErrorKind::NotFound.into()));
        }
        let path = &real(path)?;
        let locks = (lock(path)?, lock_itself(path)?);
        make_durable(&beside(path, "-wal"))?;
        let connection = open_connection(path)?;
        connection.execute_batch("BEGIN IMMEDIATE")?;
        Ok(Self { connection, _locks: locks })
    }
}

impl Source for InPlace {
    fn page(&mut self, table: &Table, after: Option<&[Cell]>, len: usize) -> Result<Vec<Cells>, StoreError> {
        page(&self.connection, table, after, len)
    }
}

impl rewrap::InPlace for InPlace {
    fn set(&mut self, table: &Table, rows: Vec<Cells>) -> Result<(), StoreError> {
        let numbered = |names: &[(&str, _)], from: usize, between: &str| {
            let one = |(at, (name, _)): (usize, &(&str, _))| format!("{name} = ?{at}");
            (from..).zip(names).map(one).collect::<Vec<_>>().join(between)
        };
        let (key, rest) = table.columns.split_at(table.key_len);
        let sql = format!(
            "UPDATE {} SET {} WHERE {}",
            table.name,
            numbered(rest, table.key_len.saturating_add(1), ", "),
            numbered(key, 1, " AND ")
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        for row in &rows {
            if statement.execute(params_from_iter(row))? != 1 {
                return Err(StoreError::Broken("a row that was read is not there"));
            }
        }
        Ok(())
    }

    fn clear(&mut self, table: &Table) -> Result<(), StoreError> {
        Ok(self.connection.execute_batch(&format!("DELETE FROM {}", table.name))?)
    }

    /// Nothing that was replaced is left in the file or in the write-ahead log. `secure_delete` alone does not achieve that:
    /// where SQLite moves rows between pages, copies of them stay in what is then unused. So the file is written anew.
    fn finish(self: Box<Self>) -> Result<(), StoreError> {
        self.connection.execute_batch("COMMIT")?;
        self.connection.execute_batch("VACUUM")?;
        let is_busy: bool = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
        if is_busy {
            Err(StoreError::Broken("somebody reads the store: the write-ahead log is not empty"))
        } else {
            Ok(())
        }
    }
}
