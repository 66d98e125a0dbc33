//! Open items: one row for each, beside the cases.

use std::collections::BTreeMap;

use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::domain::agenda::{Item, ItemKind};
use crate::domain::ids::{CaseName, JurisdictionId};
use crate::store::agenda::ItemRow;
use crate::store::postgres::names::Names;
use crate::store::postgres::session::{Answer, Statement};
use crate::store::postgres::statement::{WriteStatement, case_columns};
use crate::store::{AgendaChange, AgendaFilter, ListedItem, StoreError, rows};

/// The open items of each case, ordered by kind and key.
const OF_CASES: &str = "SELECT case_kind, case_id, a.kind, key, due_at, holder, wanted.at \
    FROM unnest($1::bigint[], $2::bigint[], $3::bytea[]) WITH ORDINALITY AS wanted (jurisdiction, kind, id, at) \
    CROSS JOIN LATERAL (SELECT case_kind, case_id, agenda.kind, key, due_at, name AS holder \
        FROM agenda LEFT JOIN names ON names.id = holder \
        WHERE jurisdiction = wanted.jurisdiction AND case_kind = wanted.kind AND case_id = wanted.id OFFSET 0) AS a \
    ORDER BY wanted.at, a.kind, key";
const DUE: &str = "SELECT case_kind, case_id, kind, key, due_at, names.name \
    FROM agenda LEFT JOIN names ON names.id = holder \
    WHERE jurisdiction = (SELECT id FROM names WHERE name = $1) AND kind = $2 AND due_at <= $3 \
    ORDER BY due_at, case_kind, case_id, key LIMIT $4";
const LIST: &str = "SELECT case_kind, case_id, kind, key, due_at, names.name \
    FROM agenda LEFT JOIN names ON names.id = holder \
    WHERE jurisdiction = (SELECT id FROM names WHERE name = $1) AND kind = $2 \
    AND (due_at, case_kind, case_id, key) > ($3, $4, $5, $6) \
    AND ($7::text IS NULL OR holder = (SELECT id FROM names WHERE name = $7) OR ($8 AND holder IS NULL)) \
    ORDER BY due_at, case_kind, case_id, key LIMIT $9";
/// Comparing the kind as an expression keeps the planner off the index by time. Without statistics it would scan half
/// of that index for each item.
const CLOSE: &str = "DELETE FROM agenda USING \
    unnest($1::bigint[], $2::bigint[], $3::bytea[], $4::text[], $5::text[]) \
        AS gone (jurisdiction, case_kind, case_id, kind, key) \
    WHERE agenda.jurisdiction = gone.jurisdiction AND agenda.case_kind = gone.case_kind \
    AND agenda.case_id = gone.case_id AND agenda.kind || '' = gone.kind AND agenda.key = gone.key";
/// A new case has no items yet, so there is nothing to look up.
const FIRST: &str = "INSERT INTO agenda (jurisdiction, case_kind, case_id, kind, key, due_at, holder) \
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bytea[], $4::text[], $5::text[], $6::bigint[], $7::bigint[])";
const OPEN: &str = "INSERT INTO agenda (jurisdiction, case_kind, case_id, kind, key, due_at, holder) \
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bytea[], $4::text[], $5::text[], $6::bigint[], $7::bigint[]) \
    ON CONFLICT (jurisdiction, case_kind, case_id, kind, key) \
    DO UPDATE SET due_at = excluded.due_at, holder = excluded.holder";

pub(super) fn of_cases(cases: &[(i64, &CaseName)]) -> Statement {
    let (jurisdictions, kinds, ids) = case_columns(cases);
    Statement::new(OF_CASES).with(jurisdictions).with(kinds).with(ids)
}

/// The open items of each case that was asked about, by its number from 1 on.
pub(super) fn read_of_cases(
    answer: &Answer,
    cases: &[(i64, &CaseName)],
) -> Result<BTreeMap<CaseName, Vec<Item>>, StoreError> {
    let mut open: BTreeMap<CaseName, Vec<Item>> = BTreeMap::new();
    for row in &answer.rows {
        let at: i64 = row.try_get(6)?;
        let case = usize::try_from(at).ok().and_then(|at| cases.get(at.checked_sub(1)?));
        let (_, case) = case.ok_or(StoreError::Broken("an open item is of no case that was asked about"))?;
        open.entry((*case).clone()).or_default().push(item_row(row)?.listed(&case.jurisdiction)?.item);
    }
    Ok(open)
}

pub(super) fn due(
    jurisdiction: &JurisdictionId,
    kind: ItemKind,
    at: Timestamp,
    limit: usize,
) -> Result<Statement, StoreError> {
    let ask = Statement::new(DUE).with(jurisdiction.to_string()).with(kind.word());
    Ok(ask.with(rows::nanoseconds(at)?).with(rows::limit(limit)))
}

pub(super) fn list(filter: &AgendaFilter) -> Result<Statement, StoreError> {
    let (due_at, kind, id, key) = match &filter.after {
        None => (i64::MIN, 0, Uuid::nil(), String::new()),
        Some(position) => (
            rows::nanoseconds(position.due_at)?,
            rows::kind(position.case.kind),
            position.case.id,
            position.key.clone(),
        ),
    };
    let ask = Statement::new(LIST).with(filter.jurisdiction.to_string()).with(filter.kind.word());
    let ask = ask.with(due_at).with(kind).with(id.as_bytes().to_vec()).with(key);
    let holder = filter.holder.as_ref().map(ToString::to_string);
    Ok(ask.with(holder).with(filter.unassigned).with(rows::limit(filter.limit)))
}

pub(super) fn read_list(answer: &Answer, jurisdiction: &JurisdictionId) -> Result<Vec<ListedItem>, StoreError> {
    answer.rows.iter().map(|row| item_row(row)?.listed(jurisdiction)).collect()
}

fn item_row(row: &Row) -> Result<ItemRow, StoreError> {
    Ok(ItemRow {
        case_kind: row.try_get(0)?,
        case_id: row.try_get(1)?,
        kind: row.try_get(2)?,
        key: row.try_get(3)?,
        due_at: row.try_get(4)?,
        holder: row.try_get(5)?,
    })
}

/// Writes the changes: for each item, its last state.
pub(super) fn write(
    changes: &[AgendaChange],
    names: &Names,
    is_new: impl Fn(&CaseName) -> bool,
) -> Result<Vec<WriteStatement>, StoreError> {
    let mut last: BTreeMap<(&CaseName, &str, &str), Option<&Item>> = BTreeMap::new();
    for AgendaChange { case, closed, open } in changes {
        last.extend(closed.iter().map(|(kind, key)| ((case, kind.word(), key.as_str()), None)));
        last.extend(open.iter().map(|item| ((case, item.kind.word(), item.key.as_str()), Some(item))));
    }
    let (open, closed): (Vec<_>, Vec<_>) = last.into_iter().partition(|(_, item)| item.is_some());
    let (first, open) = open.into_iter().partition(|((case, ..), _)| is_new(case));
    let mut writes = Vec::new();
    for (sql, items) in [(CLOSE, closed), (FIRST, first), (OPEN, open)] {
        if items.is_empty() {
            continue;
        }
        let number = |case: &CaseName| names.number(case.jurisdiction.as_str());
        let cases: Vec<(i64, &CaseName)> =
            items.iter().map(|((case, ..), _)| Ok((number(case)?, *case))).collect::<Result<_, StoreError>>()?;
        let (jurisdictions, case_kinds, ids) = case_columns(&cases);
        let kinds: Vec<String> = items.iter().map(|((_, kind, _), _)| (*kind).to_owned()).collect();
        let keys: Vec<String> = items.iter().map(|((.., key), _)| (*key).to_owned()).collect();
        let mut ask = Statement::new(sql).with(jurisdictions).with(case_kinds).with(ids).with(kinds).with(keys);
        if sql != CLOSE {
            let (mut due, mut holders) = (Vec::new(), Vec::new());
            for item in items.iter().filter_map(|(_, item)| *item) {
                due.push(rows::nanoseconds(item.due_at)?);
                holders.push(item.holder.as_ref().map(|agency| names.number(agency.as_str())).transpose()?);
            }
            ask = ask.with(due).with(holders);
        }
        writes.push(WriteStatement::of(ask));
    }
    Ok(writes)
}
