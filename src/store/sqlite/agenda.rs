//! The agenda: one row for each open item, beside the cases.

use jiff::Timestamp;
use rusqlite::{Connection, Row, Transaction, params};
use uuid::Uuid;

use crate::domain::agenda::{Item, ItemKind};
use crate::domain::ids::{CaseName, JurisdictionId};
use crate::store::agenda::ItemRow;
use crate::store::sqlite::read;
use crate::store::{AgendaChange, AgendaFilter, AgendaPosition, ListedItem, StoreError, rows};

/// The open items of a case.
pub(super) fn of_case(connection: &Connection, jurisdiction: i64, case: &CaseName) -> Result<Vec<Item>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT case_kind, case_id, kind, key, due_at, names.name FROM agenda LEFT JOIN names ON names.id = holder \
         WHERE jurisdiction = ?1 AND case_kind = ?2 AND case_id = ?3",
    )?;
    let bounds = params![jurisdiction, rows::kind(case.kind), case.id.as_bytes().as_slice()];
    let found = statement.query_map(bounds, item_row)?;
    found.map(|row| Ok(row?.listed(&case.jurisdiction)?.item)).collect()
}

/// Items that are due, the longest due first.
pub(super) fn due(
    connection: &Connection,
    jurisdiction: &JurisdictionId,
    kind: ItemKind,
    at: Timestamp,
    limit: usize,
) -> Result<Vec<ListedItem>, StoreError> {
    let Some(number) = read::number(connection, jurisdiction.as_str())? else { return Ok(Vec::new()) };
    let mut statement = connection.prepare_cached(
        "SELECT case_kind, case_id, kind, key, due_at, names.name FROM agenda LEFT JOIN names ON names.id = holder \
         WHERE jurisdiction = ?1 AND kind = ?2 AND due_at <= ?3 ORDER BY due_at, case_kind, case_id, key LIMIT ?4",
    )?;
    let bounds = params![number, kind.word(), rows::nanoseconds(at)?, rows::limit(limit)];
    let found = statement.query_map(bounds, item_row)?;
    found.map(|row| row?.listed(jurisdiction)).collect()
}

/// Items in the order in which they are due.
pub(super) fn list(connection: &Connection, filter: &AgendaFilter) -> Result<Vec<ListedItem>, StoreError> {
    let Some(number) = read::number(connection, filter.jurisdiction.as_str())? else { return Ok(Vec::new()) };
    let holder = match &filter.holder {
        None => None,
        // An agency without a number has no items.
        Some(agency) => Some(read::number(connection, agency.as_str())?.unwrap_or(-1)),
    };
    let (due_at, case_kind, case_id, key) = match &filter.after {
        None => (i64::MIN, 0, Uuid::nil(), ""),
        Some(AgendaPosition { due_at, case, key }) => {
            (rows::nanoseconds(*due_at)?, rows::kind(case.kind), case.id, key.as_str())
        }
    };
    let mut statement = connection.prepare_cached(
        "SELECT case_kind, case_id, kind, key, due_at, names.name FROM agenda LEFT JOIN names ON names.id = holder \
         WHERE jurisdiction = ?1 AND kind = ?2 AND (due_at, case_kind, case_id, key) > (?3, ?4, ?5, ?6) \
         AND (?7 IS NULL OR holder = ?7 OR (?8 AND holder IS NULL)) \
         ORDER BY due_at, case_kind, case_id, key LIMIT ?9",
    )?;
    let limit = rows::limit(filter.limit);
    let bounds = params![
        number,
        filter.kind.word(),
        due_at,
        case_kind,
        case_id.as_bytes().as_slice(),
        key,
        holder,
        filter.unassigned,
        limit
    ];
    let found = statement.query_map(bounds, item_row)?;
    found.map(|row| row?.listed(&filter.jurisdiction)).collect()
}

/// Writes a change of an agenda.
pub(super) fn write(
    transaction: &Transaction<'_>,
    number: &impl Fn(&str) -> Result<i64, StoreError>,
    change: &AgendaChange,
) -> Result<(), StoreError> {
    let AgendaChange { case, closed, open } = change;
    let (jurisdiction, case_kind) = (number(case.jurisdiction.as_str())?, rows::kind(case.kind));
    let id = case.id.as_bytes().as_slice();
    for (kind, key) in closed {
        transaction
            .prepare_cached(
                "DELETE FROM agenda \
                 WHERE jurisdiction = ?1 AND case_kind = ?2 AND case_id = ?3 AND kind = ?4 AND key = ?5",
            )?
            .execute(params![jurisdiction, case_kind, id, kind.word(), key])?;
    }
    for Item { kind, key, due_at, holder } in open {
        let holder = holder.as_ref().map(|agency| number(agency.as_str())).transpose()?;
        transaction
            .prepare_cached("INSERT OR REPLACE INTO agenda VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?
            .execute(params![jurisdiction, case_kind, id, kind.word(), key, rows::nanoseconds(*due_at)?, holder])?;
    }
    Ok(())
}

fn item_row(row: &Row<'_>) -> rusqlite::Result<ItemRow> {
    Ok(ItemRow {
        case_kind: row.get(0)?,
        case_id: row.get(1)?,
        kind: row.get(2)?,
        key: row.get(3)?,
        due_at: row.get(4)?,
        holder: row.get(5)?,
    })
}
