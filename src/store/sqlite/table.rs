//! Whole rows of any table of a file.

use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{Connection, Row, ToSql, params_from_iter};

use crate::store::StoreError;
use crate::store::tables::{Cell, Cells, Table};

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
