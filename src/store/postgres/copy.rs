//! A database as the source and as the target of a copy.

use std::sync::Arc;

use crate::store::StoreError;
use crate::store::copy::{Source, Target};
use crate::store::postgres::address::Address;
use crate::store::postgres::connection::{Connection, Role};
use crate::store::postgres::io::Io;
use crate::store::postgres::schema;
use crate::store::postgres::session::Statement;
use crate::store::postgres::table::{insert, page};
use crate::store::tables::{Cell, Cells, TABLES, Table};

const SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
const SETTLE: &str = "SELECT count(*) FROM heads";
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";
/// Keeps others from starting a log there meanwhile.
const LOCK: &str = "LOCK TABLE names, heads IN EXCLUSIVE MODE";
const COMMIT: &str = "COMMIT";

/// The source of a copy.
#[derive(Debug)]
pub(in crate::store) struct Original {
    connection: Connection,
}

impl Original {
    /// Opens a database that no gateway serves, and keeps gateways out.
    pub(in crate::store) fn alone(address: &Address) -> Result<Self, StoreError> {
        let connection = connection(address)?;
        schema::check(&connection)?;
        schema::take_alone(&connection)?;
        // What is copied must be durable at the source.
        connection.confirm()?;
        Self::snapshot(connection)
    }

    /// Opens a database in its current state, whether gateways serve it or not. All that is read was durable before this
    /// returned.
    pub(in crate::store) fn as_of_now(address: &Address) -> Result<Self, StoreError> {
        let original = Self::open(address)?;
        // Which state is read is settled by the first read.
        original.connection.run([Statement::new(SETTLE)])?;
        connection(address)?.confirm()?;
        Ok(original)
    }

    /// Opens a database in its current state.
    pub(in crate::store) fn open(address: &Address) -> Result<Self, StoreError> {
        let connection = connection(address)?;
        schema::check(&connection)?;
        Self::snapshot(connection)
    }

    fn snapshot(connection: Connection) -> Result<Self, StoreError> {
        connection.run([Statement::new(SNAPSHOT)])?;
        Ok(Self { connection })
    }
}

impl Source for Original {
    fn page(&mut self, table: &Table, after: Option<&[Cell]>, len: usize) -> Result<Vec<Cells>, StoreError> {
        page(&self.connection, table, after, len)
    }
}

/// The target of a copy.
#[derive(Debug)]
pub(in crate::store) struct Duplicate {
    connection: Connection,
}

impl Duplicate {
    /// Opens a database that no gateway serves, and makes its tables if there are none.
    pub(in crate::store) fn open(address: &Address) -> Result<Self, StoreError> {
        let connection = connection(address)?;
        schema::establish(&connection)?;
        schema::take_alone(&connection)?;
        connection.run([Statement::new(BEGIN), Statement::new(LOCK)])?;
        Ok(Self { connection })
    }
}

impl Target for Duplicate {
    fn is_empty(&mut self, table: &Table) -> Result<bool, StoreError> {
        let [found] = self.connection.run([Statement::new(format!("SELECT FROM {} LIMIT 1", table.name))])?;
        Ok(found.rows.is_empty())
    }

    fn insert(&mut self, table: &Table, rows: Vec<Cells>) -> Result<(), StoreError> {
        insert(&self.connection, table, rows)
    }

    fn finish(self: Box<Self>) -> Result<(), StoreError> {
        // Generated numbers continue after the copied ones.
        for table in TABLES.iter().filter(|table| NUMBERED.contains(&table.name)) {
            let name = table.name;
            self.connection.run([Statement::new(format!(
                "SELECT setval(pg_get_serial_sequence('{name}', 'id'), max(id)) FROM {name} HAVING max(id) IS NOT NULL"
            ))])?;
        }
        self.connection.commit(vec![Statement::new(COMMIT)])
    }
}

const NUMBERED: [&str; 3] = ["names", "consumers", "disclosures"];

pub(super) fn connection(address: &Address) -> Result<Connection, StoreError> {
    Connection::open(&Arc::new(Io::start("comity-copy")?), address, Role::Copier, "")
}
