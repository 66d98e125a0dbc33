//! A database whose rows are replaced, in one transaction, while no gateway serves it.

use crate::store::StoreError;
use crate::store::copy::Source;
use crate::store::postgres::address::Address;
use crate::store::postgres::connection::Connection;
use crate::store::postgres::copy::connection;
use crate::store::postgres::schema;
use crate::store::postgres::session::Statement;
use crate::store::postgres::table::{arrays, page, with_columns};
use crate::store::rewrap;
use crate::store::tables::{Cell, Cells, Table};

const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";
const COMMIT: &str = "COMMIT";
/// Writes the tables to new files: in the old ones the rows that were replaced would stand until something takes their
/// place.
const REWRITE: &str = "VACUUM (FULL) cases, search";

/// The database.
#[derive(Debug)]
pub(in crate::store) struct InPlace {
    connection: Connection,
}

impl InPlace {
    /// A database that no gateway serves, nor will meanwhile.
    pub(in crate::store) fn open(address: &Address) -> Result<Self, StoreError> {
        let connection = connection(address)?;
        schema::check(&connection)?;
        schema::take_alone(&connection)?;
        connection.run([Statement::new(BEGIN)])?;
        Ok(Self { connection })
    }
}

impl Source for InPlace {
    fn page(&mut self, table: &Table, after: Option<&[Cell]>, len: usize) -> Result<Vec<Cells>, StoreError> {
        page(&self.connection, table, after, len)
    }
}

impl rewrap::InPlace for InPlace {
    fn set(&mut self, table: &Table, rows: Vec<Cells>) -> Result<(), StoreError> {
        if rows.is_empty() {
            return Ok(());
        }
        let (name, columns, arrays) = (table.name, table.list(), arrays(table));
        let (key, rest) = table.columns.split_at(table.key_len);
        let each = |columns: &[(&str, _)], how: &dyn Fn(&str) -> String, between: &str| {
            columns.iter().map(|(column, _)| how(column)).collect::<Vec<_>>().join(between)
        };
        let set = each(rest, &|column| format!("{column} = anew.{column}"), ", ");
        let same = each(key, &|column| format!("{name}.{column} = anew.{column}"), " AND ");
        let count = rows.len();
        let ask =
            Statement::new(format!("UPDATE {name} SET {set} FROM unnest({arrays}) AS anew ({columns}) WHERE {same}"));
        let [replaced] = self.connection.run([with_columns(ask, table, rows)?])?;
        if usize::try_from(replaced.affected).is_ok_and(|replaced| replaced == count) {
            return Ok(());
        }
        Err(StoreError::Broken("a row that was read is not there"))
    }

    fn clear(&mut self, table: &Table) -> Result<(), StoreError> {
        self.connection.run([Statement::new(format!("DELETE FROM {}", table.name))]).map(drop)
    }

    fn finish(self: Box<Self>) -> Result<(), StoreError> {
        self.connection.commit(vec![Statement::new(COMMIT)])?;
        self.connection.run([Statement::new(REWRITE)]).map(drop)
    }
}
