//! The marks of the logs in a restored file.

use std::path::Path;

use rusqlite::Connection;

use crate::domain::ids::LogName;
use crate::store::sqlite::connection::{check_schema, is_blank, open_connection, open_reader};
use crate::store::sqlite::{lock, real};
use crate::store::{StoreError, rows};

/// The logs that are marked. A file that does not exist has none.
pub(in crate::store) fn restored(path: &Path) -> Result<Vec<(LogName, u64)>, StoreError> {
    if !path.is_file() {
        return Ok(Vec::new());
    }
    let connection = open_reader(path)?;
    if is_blank(&connection)? {
        return Ok(Vec::new());
    }
    check_schema(&connection)?;
    marks(&connection)
}

/// The marks of an open store.
pub(super) fn marks(connection: &Connection) -> Result<Vec<(LogName, u64)>, StoreError> {
    let mut statement =
        connection.prepare("SELECT name, size FROM restored JOIN names ON names.id = log ORDER BY name")?;
    let found = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)))?;
    let mark = |row: rusqlite::Result<(String, i64)>| {
        let (name, size) = row?;
        let log = name.parse().map_err(|_| StoreError::Broken("a mark is no log's"))?;
        Ok((log, rows::size(size)?))
    };
    found.map(mark).collect()
}

/// Removes the marks.
pub(in crate::store) fn release_restored(path: &Path) -> Result<(), StoreError> {
    let path = &real(path)?;
    let _lock = lock(path)?;
    let connection = open_connection(path)?;
    connection.execute("DELETE FROM restored", [])?;
    // Synced here. If a power cut brought a mark back, the log would only be checked once more.
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    Ok(())
}
