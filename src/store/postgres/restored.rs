//! The marks of a database that was restored.

use std::sync::Arc;

use tokio_postgres::Row;

use crate::domain::ids::LogName;
use crate::store::postgres::address::Address;
use crate::store::postgres::connection::{Connection, Role};
use crate::store::postgres::io::Io;
use crate::store::postgres::schema;
use crate::store::postgres::session::Statement;
use crate::store::{StoreError, rows};

const MARKS: &str = "SELECT name, size FROM restored JOIN names ON names.id = log ORDER BY name";
const BEGIN: &str = "BEGIN";
const RELEASE: &str = "DELETE FROM restored";
const COMMIT: &str = "COMMIT";

/// The logs that are marked.
pub(in crate::store) fn restored(address: &Address) -> Result<Vec<(LogName, u64)>, StoreError> {
    let [found] = connection(address)?.run([Statement::new(MARKS)])?;
    let mark = |row: &Row| {
        let name: &str = row.try_get(0)?;
        let log = name.parse().map_err(|_| StoreError::Broken("a mark is no log's"))?;
        Ok((log, rows::size(row.try_get(1)?)?))
    };
    found.rows.iter().map(mark).collect()
}

/// Takes the marks off.
pub(in crate::store) fn release_restored(address: &Address) -> Result<(), StoreError> {
    let connection = connection(address)?;
    schema::take_alone(&connection)?;
    connection.run([Statement::new(BEGIN), Statement::new(RELEASE)])?;
    connection.commit(vec![Statement::new(COMMIT)])
}

fn connection(address: &Address) -> Result<Connection, StoreError> {
    let connection = Connection::open(&Arc::new(Io::start("comity-marks")?), address, Role::Copier, "")?;
    schema::check(&connection)?;
    Ok(connection)
}
