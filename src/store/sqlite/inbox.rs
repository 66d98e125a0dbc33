//! Consumers and their attempts: one row for each consumer, and one for each entry that it has not confirmed in order.

use rusqlite::{Connection, Transaction, params};

use crate::domain::ids::{AgencyId, JurisdictionId, LogKind, LogName};
use crate::domain::inbox::{Attempt, Consumer, EntryPosition, Inbox, InboxConsumer};
use crate::store::sqlite::read;
use crate::store::{NewConsumer, StoreError, rows};

const BROKEN: StoreError = StoreError::Broken("a consumer cannot be read");

/// Reads every consumer of an agency in a jurisdiction.
pub(super) fn read(
    connection: &Connection,
    agency: &AgencyId,
    jurisdiction: &JurisdictionId,
) -> Result<Inbox, StoreError> {
    let number = |name: &str| read::number(connection, name);
    let (Some(agency), Some(number_of_jurisdiction)) = (number(agency.as_str())?, number(jurisdiction.as_str())?)
    else {
        // A name gets its number when something of it is stored first.
        return Ok(Inbox::default());
    };
    let custody = number(&LogName { jurisdiction: jurisdiction.clone(), kind: LogKind::Custody }.to_string())?;
    let mut consumers = connection.prepare_cached(
        "SELECT id, name, exchange, custody FROM consumers WHERE agency = ?1 AND jurisdiction = ?2 ORDER BY name",
    )?;
    let mut attempts =
        connection.prepare_cached("SELECT position, tries, since, standing FROM attempts WHERE consumer = ?1")?;
    let mut inbox = Inbox::default();
    let found = consumers.query_map([agency, number_of_jurisdiction], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, i64>(2)?, row.get::<_, i64>(3)?))
    })?;
    for row in found {
        let (id, name, exchange, custody_position) = row?;
        let position = |number| u64::try_from(number).map_err(|_| BROKEN);
        let mut consumer =
            Consumer { exchange: position(exchange)?, custody: position(custody_position)?, ..Consumer::default() };
        let sent = attempts.query_map([id], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, u32>(1)?, row.get::<_, i64>(2)?, row.get::<_, String>(3)?))
        })?;
        for row in sent {
            let (position, tries, since, state) = row?;
            let (log, index) = rows::unpack(position)?;
            let log = if Some(log) == custody { LogKind::Custody } else { LogKind::Exchange };
            let state = state.parse().map_err(|_| BROKEN)?;
            consumer.attempts.insert(EntryPosition { log, index }, Attempt { tries, since: rows::time(since)?, state });
        }
        inbox.0.insert(name.parse().map_err(|_| BROKEN)?, consumer);
    }
    Ok(inbox)
}

/// Writes the state of a consumer.
pub(super) fn write(
    transaction: &Transaction<'_>,
    number: &impl Fn(&str) -> Result<i64, StoreError>,
    consumer: &NewConsumer,
) -> Result<(), StoreError> {
    let NewConsumer { whose: InboxConsumer { agency, jurisdiction, consumer }, state } = consumer;
    let id: i64 = transaction
        .prepare_cached(
            "INSERT INTO consumers (agency, jurisdiction, name, exchange, custody) VALUES (?1, ?2, ?3, ?4, ?5) \
             ON CONFLICT DO UPDATE SET exchange = ?4, custody = ?5 RETURNING id",
        )?
        .query_row(
            params![
                number(agency.as_str())?,
                number(jurisdiction.as_str())?,
                consumer.as_str(),
                rows::integer(state.exchange)?,
                rows::integer(state.custody)?
            ],
            |row| row.get(0),
        )?;
    // All attempts are written again: there are few, and those that were confirmed must go.
    transaction.prepare_cached("DELETE FROM attempts WHERE consumer = ?1")?.execute([id])?;
    let mut insert = transaction.prepare_cached("INSERT INTO attempts VALUES (?1, ?2, ?3, ?4, ?5)")?;
    for (entry, attempt) in &state.attempts {
        let log = LogName { jurisdiction: jurisdiction.clone(), kind: entry.log };
        let position = rows::position(number(&log.to_string())?, entry.index)?;
        let since = rows::nanoseconds(attempt.since)?;
        insert.execute(params![id, position, attempt.tries, since, attempt.state.word()])?;
    }
    Ok(())
}
