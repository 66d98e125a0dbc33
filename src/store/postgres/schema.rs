//! The tables: created in an empty database, otherwise only checked.

use std::sync::Arc;

use crate::store::StoreError;
use crate::store::postgres::address::Address;
use crate::store::postgres::connection::{Connection, Role};
use crate::store::postgres::io::Io;
use crate::store::postgres::session::{Answer, Statement};
use crate::store::rows::SCHEMA_VERSION;
use crate::store::taken_over::{Step, step_from};

const SCHEMA: &str = include_str!("schema.sql");
const APPLICATION: &str = "comity";
/// Gateways that start on an empty database take turns with this lock ("comt").
const LOCK: i64 = 0x636f_6d74;

const FOREIGN: StoreError = StoreError::Broken("the database holds tables that are not a store's");
const OTHER_VERSION: StoreError = StoreError::Broken("the database is not a store of this version");

const BEGIN: &str = "BEGIN";
const TAKE_TURN: &str = "SELECT pg_advisory_xact_lock($1)";
const SCHEMA_NAME: &str = "SELECT current_schema()::text";
/// The tables in our schema; the table `comity` marks them as ours.
const TABLES: &str = "SELECT count(*), count(*) FILTER (WHERE relname = 'comity') FROM pg_class \
    WHERE relkind IN ('r', 'p') AND relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())";
const VERSION: &str = "SELECT application, version FROM comity";
const MOVE_ON: &str = "UPDATE comity SET version = $1";
const MARK: &str = "INSERT INTO comity VALUES (1, $1, $2)";
/// Session locks ("comt", and the schema).
const TAKE_PART: &str = "SELECT pg_try_advisory_lock_shared(1668246900, hashtext(current_schema()))";
const TAKE_ALONE: &str = "SELECT pg_try_advisory_lock(1668246900, hashtext(current_schema()))";
const COMMIT: &str = "COMMIT";
const ROLLBACK: &str = "ROLLBACK";

/// Creates the tables, unless they exist in the first schema of the search path.
pub(super) fn establish(connection: &Connection) -> Result<(), StoreError> {
    let [.., schema, tables] = connection.run([
        Statement::new(BEGIN),
        Statement::new(TAKE_TURN).with(LOCK),
        Statement::new(SCHEMA_NAME),
        Statement::new(TABLES),
    ])?;
    let row = tables.rows.first().ok_or(FOREIGN)?;
    let (all, ours): (i64, i64) = (row.try_get(0).map_err(|_| FOREIGN)?, row.try_get(1).map_err(|_| FOREIGN)?);
    let schema = schema.rows.first().and_then(|row| row.try_get::<_, Option<String>>(0).ok().flatten());
    let outcome = match (schema, ours, all) {
        (None, ..) => Err(StoreError::Address("search_path names no schema that there is".to_owned())),
        (Some(_), 1, _) => take_over(connection),
        (Some(_), 0, 0) => make(connection),
        (Some(_), ..) => Err(FOREIGN),
    };
    if outcome.is_err() {
        connection.run([Statement::new(ROLLBACK)])?;
    }
    outcome.and_then(|()| check(connection))
}

fn make(connection: &Connection) -> Result<(), StoreError> {
    connection.run_script(SCHEMA)?;
    connection.run([Statement::new(MARK).with(APPLICATION).with(i64::from(SCHEMA_VERSION))])?;
    connection.commit(vec![Statement::new(COMMIT)])
}

/// Brings a store of an earlier version to this one, in the transaction that was begun.
fn take_over(connection: &Connection) -> Result<(), StoreError> {
    let from = version(connection)?;
    let mut reached = from;
    while let Some(Step { postgres, .. }) = reached.and_then(step_from) {
        connection.run_script(postgres)?;
        reached = reached.map(|version| version.saturating_add(1));
    }
    let (Some(from), Some(to)) = (from, reached.filter(|reached| Some(*reached) != from)) else {
        return connection.run([Statement::new(ROLLBACK)]).map(|_| ());
    };
    connection.run([Statement::new(MOVE_ON).with(i64::from(to))])?;
    connection.commit(vec![Statement::new(COMMIT)])?;
    tracing::info!(from, to, "the store was taken over from an earlier version");
    Ok(())
}

/// The version of a store of ours.
fn version(connection: &Connection) -> Result<Option<i32>, StoreError> {
    let [Answer { rows, .. }] = connection.run([Statement::new(VERSION)])?;
    let mark = rows.first().and_then(|row| Some((row.try_get(0).ok()?, row.try_get(1).ok()?)));
    let (application, version): (String, i64) = mark.ok_or(FOREIGN)?;
    Ok(if application == APPLICATION { i32::try_from(version).ok() } else { None })
}

/// Checks that the tables are a store's, and of this version.
pub(super) fn check(connection: &Connection) -> Result<(), StoreError> {
    if version(connection)? == Some(SCHEMA_VERSION) { Ok(()) } else { Err(OTHER_VERSION) }
}

/// Connects to a store.
///
/// A writer first makes an empty commit. After a crash of the primary or an abandoned wait there may be visible rows
/// that no standby has; everything read after the empty commit is durable. Readers need none: what they disclose is
/// bounded by what was published, or accounted for first, and both are commits.
pub(super) fn connect(io: &Arc<Io>, address: &Address, role: Role, tag: &str) -> Result<Connection, StoreError> {
    let connection = Connection::open(io, address, role, tag)?;
    check(&connection)?;
    if role == Role::Writer {
        begin_to_write(&connection)?;
    }
    Ok(connection)
}

/// Begins to write to a store that exists.
pub(super) fn begin_to_write(connection: &Connection) -> Result<(), StoreError> {
    take_part(connection)?;
    connection.confirm()
}

/// Joins the gateways of the store. Refused while the store is being copied.
fn take_part(connection: &Connection) -> Result<(), StoreError> {
    let apart = || StoreError::Interrupted("the store is being copied".to_owned());
    if taken(connection, TAKE_PART)? { Ok(()) } else { Err(apart()) }
}

/// Takes the store for copying. Refused while a gateway serves it.
pub(super) fn take_alone(connection: &Connection) -> Result<(), StoreError> {
    let served = || StoreError::Address("another gateway has the store open: stop it first".to_owned());
    if taken(connection, TAKE_ALONE)? { Ok(()) } else { Err(served()) }
}

fn taken(connection: &Connection, sql: &'static str) -> Result<bool, StoreError> {
    let [taken] = connection.run([Statement::new(sql)])?;
    Ok(taken.rows.first().map(|row| row.try_get(0)).transpose()? == Some(true))
}
