//! Whole rows of any table of a database.

use tokio_postgres::Row;

use crate::store::StoreError;
use crate::store::postgres::connection::Connection;
use crate::store::postgres::session::{Statement, Value};
use crate::store::tables::{Cell, Cells, Kind, Table};

/// Rows in key order, after a key.
pub(super) fn page(
    connection: &Connection,
    table: &Table,
    after: Option<&[Cell]>,
    len: usize,
) -> Result<Vec<Cells>, StoreError> {
    let (columns, key) = (table.list(), table.key());
    let marks: Vec<String> = (1..=table.key_len).map(|number| format!("${number}")).collect();
    let bound = after.map_or_else(String::new, |_| format!("WHERE ({key}) > ({})", marks.join(", ")));
    let mut ask = Statement::new(format!("SELECT {columns} FROM {} {bound} ORDER BY {key} LIMIT {len}", table.name));
    ask.values = after.unwrap_or_default().iter().map(value).collect();
    let [found] = connection.run([ask])?;
    found.rows.iter().map(|row| cells(row, table)).collect()
}

/// Adds rows.
pub(super) fn insert(connection: &Connection, table: &Table, rows: Vec<Cells>) -> Result<(), StoreError> {
    let (name, columns, arrays) = (table.name, table.list(), arrays(table));
    let ask = Statement::new(format!("INSERT INTO {name} ({columns}) SELECT * FROM unnest({arrays})"));
    connection.run([with_columns(ask, table, rows)?]).map(drop)
}

/// The columns of a table as typed parameters, an array each.
pub(super) fn arrays(table: &Table) -> String {
    let arrays = (1..).zip(table.columns).map(|(number, (_, kind))| format!("${number}::{}", array(*kind)));
    arrays.collect::<Vec<_>>().join(", ")
}

/// A statement with rows, column by column.
pub(super) fn with_columns(mut ask: Statement, table: &Table, rows: Vec<Cells>) -> Result<Statement, StoreError> {
    let mut rows: Vec<_> = rows.into_iter().map(Vec::into_iter).collect();
    for (_, kind) in table.columns {
        ask.values.push(column(*kind, rows.iter_mut().map(|row| row.next().unwrap_or(Cell::Null)))?);
    }
    Ok(ask)
}

fn array(kind: Kind) -> &'static str {
    match kind {
        Kind::Integer => "bigint[]",
        Kind::Text => "text[]",
        Kind::Bytes => "bytea[]",
    }
}

fn value(cell: &Cell) -> Value {
    match cell.clone() {
        // Key columns are never null.
        Cell::Null => Box::new(None::<i64>),
        Cell::Integer(number) => Box::new(number),
        Cell::Text(text) => Box::new(text),
        Cell::Bytes(bytes) => Box::new(bytes),
    }
}

/// A column as an array.
fn column(kind: Kind, cells: impl Iterator<Item = Cell>) -> Result<Value, StoreError> {
    const OTHER: StoreError = StoreError::Broken("a value is of another kind than its column");
    Ok(match kind {
        Kind::Integer => {
            let integer = |cell| match cell {
                Cell::Null => Ok(None),
                Cell::Integer(number) => Ok(Some(number)),
                Cell::Text(_) | Cell::Bytes(_) => Err(OTHER),
            };
            Box::new(cells.map(integer).collect::<Result<Vec<Option<i64>>, _>>()?)
        }
        Kind::Text => {
            let text = |cell| match cell {
                Cell::Null => Ok(None),
                Cell::Text(text) => Ok(Some(text)),
                Cell::Integer(_) | Cell::Bytes(_) => Err(OTHER),
            };
            Box::new(cells.map(text).collect::<Result<Vec<Option<String>>, _>>()?)
        }
        Kind::Bytes => {
            let bytes = |cell| match cell {
                Cell::Null => Ok(None),
                Cell::Bytes(bytes) => Ok(Some(bytes)),
                Cell::Integer(_) | Cell::Text(_) => Err(OTHER),
            };
            Box::new(cells.map(bytes).collect::<Result<Vec<Option<Vec<u8>>>, _>>()?)
        }
    })
}

fn cells(row: &Row, table: &Table) -> Result<Cells, StoreError> {
    let cell = |(at, (_, kind)): (usize, &(&str, Kind))| {
        let cell = match kind {
            Kind::Integer => row.try_get::<_, Option<i64>>(at)?.map(Cell::Integer),
            Kind::Text => row.try_get::<_, Option<String>>(at)?.map(Cell::Text),
            Kind::Bytes => row.try_get::<_, Option<Vec<u8>>>(at)?.map(Cell::Bytes),
        };
        Ok(cell.unwrap_or(Cell::Null))
    };
    table.columns.iter().enumerate().map(cell).collect()
}
