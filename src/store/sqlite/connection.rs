//! Connections to a file: one that writes, with the settings that durability depends on, and others that read.

use std::fs::File;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::store::StoreError;
use crate::store::rows::SCHEMA_VERSION;
use crate::store::taken_over::{Step, step_from};

const SCHEMA: &str = include_str!("schema.sql");
/// Marks a file as ours ("comt").
const APPLICATION_ID: i32 = 0x636f_6d74;

/// A connection that writes. Creates the file if there is none.
pub(super) fn open_connection(path: &Path) -> Result<Connection, StoreError> {
    // Created before SQLite would create it, because the files beside it inherit its mode.
    File::options().create(true).append(true).mode(0o600).open(path)?;
    let connection = Connection::open(path)?;
    // Closing MUST NOT write by itself: `drop` does so, if nothing has failed.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    // The order matters: the page size is set before anything is written.
    connection.pragma_update(None, "page_size", 8_192)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // The switch answers "wal" before it has written anything. Whether it succeeded shows in the log's size, or -1 for no log.
    let frames: i64 = connection.query_row("PRAGMA wal_checkpoint(NOOP)", [], |row| row.get(1))?;
    if frames < 0 {
        return Err(StoreError::Broken("the file cannot be given a write-ahead log"));
    }
    // NORMAL syncs what carrying the log back needs. `durability` makes the sync after each commit that FULL would add: without
    // it, a power cut lost acknowledged rows.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    // Deleted content is overwritten, so that an expunged name does not stay in a free page.
    connection.pragma_update(None, "secure_delete", true)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // Each commit goes through the whole cache, so a larger one costs more than the reads that it saves.
    connection.pragma_update(None, "cache_size", -16_384)?;
    connection.set_prepared_statement_cache_capacity(64);
    establish_schema(&connection)?;
    Ok(connection)
}

fn establish_schema(connection: &Connection) -> Result<(), StoreError> {
    if !is_blank(connection)? {
        take_over(connection)?;
        return check_schema(connection);
    }
    let script = format!(
        "BEGIN IMMEDIATE; {SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; \
         PRAGMA application_id = {APPLICATION_ID}; COMMIT;"
    );
    Ok(connection.execute_batch(&script)?)
}

/// Brings a store of an earlier version to this version, step by step.
fn take_over(connection: &Connection) -> Result<(), StoreError> {
    while let (version, APPLICATION_ID) = mark(connection)?
        && let Some(Step { sqlite, .. }) = step_from(version)
    {
        let next = version.saturating_add(1);
        connection.execute_batch(&format!("BEGIN IMMEDIATE; {sqlite} PRAGMA user_version = {next}; COMMIT;"))?;
        tracing::info!(from = version, to = next, "the store was taken over from an earlier version");
    }
    Ok(())
}

/// Whether nothing was ever written to the file, by us or by another program.
pub(super) fn is_blank(connection: &Connection) -> Result<bool, StoreError> {
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    Ok(tables == 0 && mark(connection)? == (0, 0))
}

/// Whether the file is a store of this version.
pub(super) fn check_schema(connection: &Connection) -> Result<(), StoreError> {
    if mark(connection)? == (SCHEMA_VERSION, APPLICATION_ID) {
        return Ok(());
    }
    Err(StoreError::Broken("the file is not a store of this version"))
}

/// Version and application.
fn mark(connection: &Connection) -> Result<(i32, i32), StoreError> {
    let version = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    Ok((version, connection.pragma_query_value(None, "application_id", |row| row.get(0))?))
}

/// The version of a store of an earlier layout that a start would bring to this one.
pub(super) fn earlier_version(connection: &Connection) -> Result<Option<i32>, StoreError> {
    let (version, application) = mark(connection)?;
    Ok(Some(version).filter(|version| application == APPLICATION_ID && step_from(*version).is_some()))
}

pub(super) fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    open_to_read(path, OpenFlags::empty())
}

/// Reads a file that nobody writes to. Neither a shared memory nor a write-ahead log is made beside it, which whoever looks
/// would own (sqlite.org/uri.html, `immutable`).
pub(super) fn open_untouched(path: &Path) -> Result<Connection, StoreError> {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(byte);
    let escaped = path
        .as_os_str()
        .as_bytes()
        .iter()
        .map(|byte| if plain(byte) { char::from(*byte).to_string() } else { format!("%{byte:02X}") });
    let uri = format!("file:{}?immutable=1", escaped.collect::<String>());
    open_to_read(Path::new(&uri), OpenFlags::SQLITE_OPEN_URI)
}

fn open_to_read(path: &Path, further: OpenFlags) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | further;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.set_prepared_statement_cache_capacity(32);
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    Ok(connection)
}
