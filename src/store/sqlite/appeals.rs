//! Rows of appeals: which detainers are in which appeal, the answer for each, and what bars it by law.

use std::collections::{BTreeMap, HashMap};

use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use uuid::Uuid;

use crate::domain::appeal::{AppealItem, Bar};
use crate::domain::case::StoredCase;
use crate::domain::ids::{AgencyId, CaseKind, CaseName, LogName};
use crate::store::appeals::{
    AppealsLoaded, AppealsWanted, DUE_MAX, ItemFilter, Listed, NewAppeal, NewAppeals, NewBar, NewItem,
};
use crate::store::data_keys::{self, BatchKeys, DataKey};
use crate::store::sqlite::read;
use crate::store::vault::Key;
use crate::store::{StoreError, rows, sealed};

/// Loads what a batch needs to know about appeals.
pub(super) fn load(
    connection: &Connection,
    vault: &Key,
    names: &HashMap<String, i64>,
    wanted: &AppealsWanted,
) -> Result<AppealsLoaded, StoreError> {
    let mut loaded = AppealsLoaded::default();
    let mut agencies = Agencies { names, known: BTreeMap::new() };
    for detainer in &wanted.issuers {
        if let Some(issuer) = issuer(connection, names, detainer)? {
            loaded.issuers.insert(detainer.clone(), agencies.of(issuer)?);
        }
    }
    for (agency, jurisdiction) in &wanted.due {
        let (Some(issuer), Some(number)) = (names.get(agency.as_str()), names.get(jurisdiction.as_str())) else {
            continue;
        };
        let mut statement = connection.prepare_cached(
            "SELECT due_at FROM appeals WHERE jurisdiction = ?1 AND issuer = ?2 ORDER BY due_at DESC LIMIT ?3",
        )?;
        let found = statement.query_map(params![number, issuer, DUE_MAX], |row| row.get::<_, i64>(0))?;
        let due = found.map(|at| rows::time(at?)).collect::<Result<_, _>>()?;
        loaded.due.insert((agency.clone(), jurisdiction.clone()), due);
    }
    for (appeal, detainer) in &wanted.items {
        let Some(jurisdiction) = names.get(appeal.jurisdiction.as_str()) else { continue };
        if let Some(item) = item(connection, vault, *jurisdiction, appeal, detainer)? {
            loaded.items.insert((appeal.clone(), detainer.clone()), item);
        }
    }
    for (log, from) in &wanted.since {
        recorded_since(connection, names, log, *from, &mut loaded.since)?;
    }
    Ok(loaded)
}

/// The wrapped key of a detainer, and the sealed answer for it.
type SealedItem = (Vec<u8>, Option<Vec<u8>>);

/// Agencies by number. Each is parsed once.
struct Agencies<'a> {
    names: &'a HashMap<String, i64>,
    known: BTreeMap<i64, AgencyId>,
}

impl Agencies<'_> {
    fn of(&mut self, number: i64) -> Result<AgencyId, StoreError> {
        if let Some(known) = self.known.get(&number) {
            return Ok(known.clone());
        }
        let name = self.names.iter().find(|(_, id)| **id == number).map(|(name, _)| name);
        let agency: Option<AgencyId> = name.and_then(|name| name.parse().ok());
        let agency = agency.ok_or(StoreError::Broken("a number is no agency's"))?;
        self.known.insert(number, agency.clone());
        Ok(agency)
    }
}

fn issuer(
    connection: &Connection,
    names: &HashMap<String, i64>,
    detainer: &CaseName,
) -> Result<Option<i64>, StoreError> {
    let Some(jurisdiction) = names.get(detainer.jurisdiction.as_str()) else { return Ok(None) };
    let mut statement =
        connection.prepare_cached("SELECT issuer FROM cases WHERE jurisdiction = ?1 AND kind = ?2 AND id = ?3")?;
    let key = params![jurisdiction, rows::kind(detainer.kind), id(detainer.id.as_bytes())];
    Ok(statement.query_row(key, |row| row.get::<_, Option<i64>>(0)).optional()?.flatten())
}

fn item(
    connection: &Connection,
    vault: &Key,
    jurisdiction: i64,
    appeal: &CaseName,
    detainer: &CaseName,
) -> Result<Option<AppealItem>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT c.data_key, i.answer FROM appeal_items i \
         JOIN cases c ON c.jurisdiction = i.jurisdiction AND c.kind = ?4 AND c.id = i.detainer \
         WHERE i.jurisdiction = ?1 AND i.appeal = ?2 AND i.detainer = ?3",
    )?;
    let named =
        params![jurisdiction, id(appeal.id.as_bytes()), id(detainer.id.as_bytes()), rows::kind(CaseKind::Detainer)];
    let found: Option<SealedItem> = statement.query_row(named, |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let Some((wrapped, answer)) = found else { return Ok(None) };
    let key = DataKey::open(vault, detainer, &wrapped)?.key;
    Ok(Some(sealed::open_item(&key, appeal, detainer, answer.as_deref())?))
}

fn recorded_since(
    connection: &Connection,
    names: &HashMap<String, i64>,
    log: &LogName,
    from: u64,
    since: &mut BTreeMap<CaseName, u64>,
) -> Result<(), StoreError> {
    let Some(number) = names.get(&log.to_string()) else { return Ok(()) };
    let mut statement =
        connection.prepare_cached("SELECT position, leaf FROM entries WHERE position >= ?1 AND position < ?2")?;
    let bounds = params![rows::position(*number, from)?, rows::position(number.saturating_add(1), 0)?];
    let found = statement.query_map(bounds, |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?)))?;
    for row in found {
        let (position, leaf) = row?;
        if let Some(name) = sealed::case_of(&leaf)? {
            since.insert(name, rows::unpack(position)?.1);
        }
    }
    Ok(())
}

/// The detainers of an appeal, in the order of their ids.
pub(super) fn items(connection: &Connection, vault: &Key, filter: &ItemFilter) -> Result<Vec<Listed>, StoreError> {
    let ItemFilter { appeal, holder, unassigned, after, limit } = filter;
    let Some(jurisdiction) = read::number(connection, appeal.jurisdiction.as_str())? else { return Ok(Vec::new()) };
    let holder = match holder {
        None => None,
        Some(agency) => Some(read::number(connection, agency.as_str())?.unwrap_or(-1)),
    };
    let bars = bars(connection, jurisdiction, appeal)?;
    let mut statement = connection.prepare_cached(
        "SELECT c.id, c.data_key, c.sealed, i.answer, i.bar FROM appeal_items i \
         JOIN cases c ON c.jurisdiction = i.jurisdiction AND c.kind = ?7 AND c.id = i.detainer \
         WHERE i.jurisdiction = ?1 AND i.appeal = ?2 AND i.detainer > ?3 \
         AND length(c.data_key) <= ?8 \
         AND (?4 IS NULL OR c.holder = ?4 OR (?5 AND c.holder IS NULL)) \
         ORDER BY i.detainer LIMIT ?6",
    )?;
    let after = after.unwrap_or(Uuid::nil());
    let limit = rows::limit(*limit);
    let named = params![
        jurisdiction,
        id(appeal.id.as_bytes()),
        id(after.as_bytes()),
        holder,
        unassigned,
        limit,
        rows::kind(CaseKind::Detainer),
        data_keys::LEN_UNLESS_EXPUNGED
    ];
    let mut found = statement.query(named)?;
    let mut listed = Vec::new();
    while let Some(row) = found.next()? {
        let bytes: Vec<u8> = row.get(0)?;
        let uuid = Uuid::from_slice(&bytes).map_err(|_| StoreError::Broken("a case's id is not a UUID"))?;
        let name = CaseName::detainer(appeal.jurisdiction.clone(), uuid);
        let (wrapped, state): (Vec<u8>, Vec<u8>) = (row.get(1)?, row.get(2)?);
        let (case, key) = sealed::open_case(vault, &name, &wrapped, &state)?;
        let StoredCase::Detainer(detainer) = case else {
            return Err(StoreError::Broken("a detainer of an appeal is none"));
        };
        let mut item = sealed::open_item(&key, appeal, &name, row.get::<_, Option<Vec<u8>>>(3)?.as_deref())?;
        item.barred = row.get::<_, Option<i64>>(4)?.and_then(|number| bars.get(&number).cloned());
        listed.push(Listed { detainer: *detainer, item });
    }
    Ok(listed)
}

fn bars(connection: &Connection, jurisdiction: i64, appeal: &CaseName) -> Result<BTreeMap<i64, Bar>, StoreError> {
    let mut statement =
        connection.prepare_cached("SELECT number, bar FROM appeal_bars WHERE jurisdiction = ?1 AND appeal = ?2")?;
    let named = params![jurisdiction, id(appeal.id.as_bytes())];
    let found = statement.query_map(named, |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)))?;
    found
        .map(|row| {
            let (number, bar) = row?;
            Ok((number, serde_json::from_str(&bar).map_err(|_| StoreError::Broken("what bars cannot be read"))?))
        })
        .collect()
}

/// Writes what a batch changes about appeals.
pub(super) fn write(
    transaction: &Transaction<'_>,
    number: &impl Fn(&str) -> Result<i64, StoreError>,
    keys: &BatchKeys,
    new: &NewAppeals,
) -> Result<(), StoreError> {
    for NewAppeal { appeal, issuer, due_at, members } in &new.issued {
        let jurisdiction = number(appeal.jurisdiction.as_str())?;
        let appeal = id(appeal.id.as_bytes());
        transaction.prepare_cached("INSERT INTO appeals VALUES (?1, ?2, ?3, ?4)")?.execute(params![
            jurisdiction,
            number(issuer.as_str())?,
            rows::nanoseconds(rows::full_hour(*due_at))?,
            appeal
        ])?;
        let mut statement = transaction.prepare_cached("INSERT INTO appeal_items VALUES (?1, ?2, ?3, NULL, NULL)")?;
        for member in members {
            statement.execute(params![jurisdiction, appeal, id(member.as_bytes())])?;
        }
    }
    for NewItem { appeal, detainer, item } in &new.items {
        let answer = sealed::seal_item(keys.of(detainer)?, appeal, detainer, item)?;
        let changed = transaction
            .prepare_cached(
                "UPDATE appeal_items SET answer = ?4 WHERE jurisdiction = ?1 AND appeal = ?2 AND detainer = ?3",
            )?
            .execute(params![
                number(appeal.jurisdiction.as_str())?,
                id(appeal.id.as_bytes()),
                id(detainer.id.as_bytes()),
                answer
            ])?;
        if changed != 1 {
            return Err(StoreError::Broken("a detainer that is answered of is not in the appeal"));
        }
    }
    for NewBar { appeal, number: ground, bar, detainers } in &new.bars {
        let (jurisdiction, ground) = (number(appeal.jurisdiction.as_str())?, rows::integer(*ground)?);
        let bar = serde_json::to_string(bar).map_err(|_| StoreError::Broken("what bars cannot be written"))?;
        let appeal = id(appeal.id.as_bytes());
        transaction.prepare_cached("INSERT INTO appeal_bars VALUES (?1, ?2, ?3, ?4)")?.execute(params![
            jurisdiction,
            appeal,
            ground,
            bar
        ])?;
        let mut statement = transaction.prepare_cached(
            "UPDATE appeal_items SET bar = ?4 \
             WHERE jurisdiction = ?1 AND appeal = ?2 AND detainer = ?3 AND bar IS NULL",
        )?;
        for detainer in detainers {
            statement.execute(params![jurisdiction, appeal, id(detainer.as_bytes()), ground])?;
        }
    }
    Ok(())
}

/// A UUID as it is stored.
fn id(bytes: &[u8; 16]) -> &[u8] {
    bytes.as_slice()
}
