//! A file as the source and as the target of a copy.

use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{Connection, Row, ToSql, params_from_iter};

use crate::store::StoreError;
use crate::store::copy::{Cell, Cells, Source, Table, Target};
use crate::store::sqlite::connection::{check_schema, open_connection, open_reader};
use crate::store::sqlite::{beside, lock, make_durable};

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

/// Rows in key order, after a key.
pub(super) fn page(
    connection: &Connection,
    table: &Table,
    after: Option<&[Cell]>,
    len: usize,
) -> Result<Vec<Cells>, StoreError> {
    let (columns, key) = (table.list(), table.key());
    let bound = after.map_or_else(String::new, |after| format!("WHERE ({key}) > ({})", marks(after.len())));
    let sql = format!("SELECT {columns} FROM {} {bound} ORDER BY {key} LIMIT {len}", table.name);
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params_from_iter(after.unwrap_or_default()))?;
    let mut page = Vec::new();
    while let Some(row) = rows.next()? {
        page.push(cells(row, table)?);
    }
    Ok(page)
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

/// Adds rows.
pub(super) fn insert(connection: &Connection, table: &Table, rows: &[Cells]) -> Result<(), StoreError> {
    let sql = format!("INSERT INTO {} ({}) VALUES ({})", table.name, table.list(), marks(table.columns.len()));
    let mut statement = connection.prepare_cached(&sql)?;
    for row in rows {
        statement.execute(params_from_iter(row))?;
    }
    Ok(())
}

fn marks(len: usize) -> String {
    vec!["?"; len].join(", ")
}

fn cells(row: &Row<'_>, table: &Table) -> Result<Cells, StoreError> {
    let cell = |at| {
        Ok(match row.get_ref(at)? {
            ValueRef::Null => Cell::Null,
            ValueRef::Integer(number) => Cell::Integer(number),
            ValueRef::Text(text) => {
                let text = std::str::from_utf8(text).map_err(|_| StoreError::Broken("a text is not UTF-8"))?;
                Cell::Text(text.to_owned())
            }
            ValueRef::Blob(bytes) => Cell::Bytes(bytes.to_vec()),
            ValueRef::Real(_) => return Err(StoreError::Broken("a number is not whole")),
        })
    };
    (0..table.columns.len()).map(cell).collect()
}

impl ToSql for Cell {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Null => ToSqlOutput::Owned(Value::Null),
            Self::Integer(number) => ToSqlOutput::Owned(Value::Integer(*number)),
            Self::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
            Self::Bytes(bytes) => ToSqlOutput::Borrowed(ValueRef::Blob(bytes)),
        })
    }
}
