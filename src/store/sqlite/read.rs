//! The reading side: a small pool of read-only connections. It is called on blocking threads, never on a network thread.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use uuid::Uuid;

use crate::domain::agency::Caller;
use crate::domain::case::StoredCase;
use crate::domain::ids::{AgencyId, CaseName, JurisdictionId, LogKind, LogName, RequestId};
use crate::domain::inbox::Inbox;
use crate::ledger::{Hash, TileId, tile_from_bytes};
use crate::store::appeals::{ItemFilter, Listed};
use crate::store::data_keys::{self, DataKey};
use crate::store::sealed::{self, EntryRow};
use crate::store::sqlite::connection::{open_reader, open_untouched};
use crate::store::sqlite::durability::Durability;
use crate::store::sqlite::search::{self, Found};
use crate::store::sqlite::{agenda, appeals, inbox, policy};
use crate::store::vault::{Key, VaultError, WrappingKey};
use crate::store::{
    AgendaFilter, Audience, CaseFilter, CasesOf, Disclosed, EntryHeader, ListedItem, PolicyInForce, Reader,
    RecordedAnswer, StoreError, StoredEntry, rows,
};
use crate::wire::entry::Opening;

/// The most idle connections that are kept.
const READERS_MAX: usize = 8;

/// Reads a SQLite file that a writer may be writing.
#[derive(Debug)]
pub struct SqliteReader {
    path: PathBuf,
    vault: Option<Arc<WrappingKey>>,
    idle: Mutex<Vec<Connection>>,
    open: fn(&Path) -> Result<Connection, StoreError>,
    /// How far the writer is, if one in the same process writes to the file.
    durability: Option<Arc<Durability>>,
}

impl SqliteReader {
    pub(super) fn new(path: PathBuf, vault: Option<Arc<WrappingKey>>) -> Self {
        Self { path, vault, idle: Mutex::new(Vec::new()), open: open_reader, durability: None }
    }

    /// Of a file that nobody writes to: nothing is made beside it.
    pub(super) fn untouched(self) -> Self {
        Self { open: open_untouched, ..self }
    }

    /// A reader beside a writer. It returns what it read only once that is durable.
    pub(super) fn awaiting(self, durability: Arc<Durability>) -> Self {
        Self { durability: Some(durability), ..self }
    }

    /// Uses an idle connection, or a new one if none is idle.
    fn with<T>(&self, read: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => (self.open)(&self.path)?,
        };
        let outcome = read(&connection);
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        // A connection that failed is not kept: its state may be broken.
        if outcome.is_ok() && idle.len() < READERS_MAX {
            idle.push(connection);
        }
        drop(idle);
        let read = outcome?;
        self.durability.as_ref().map_or(Ok(()), |durability| durability.wait())?;
        Ok(read)
    }

    fn vault(&self) -> Result<&WrappingKey, StoreError> {
        self.vault.as_deref().ok_or(StoreError::Vault(VaultError::Unopened))
    }

    /// The data key that seals an entry. `None`: the wrapping key seals it.
    fn key_of(&self, connection: &Connection, leaf: &[u8]) -> Result<Option<DataKey>, StoreError> {
        let Some(name) = sealed::case_of(leaf)? else { return Ok(None) };
        let mut statement = connection.prepare_cached(
            "SELECT data_key FROM cases WHERE kind = ?1 AND id = ?2 \
             AND jurisdiction = (SELECT id FROM names WHERE name = ?3)",
        )?;
        let wrapped: Option<Vec<u8>> = statement
            .query_row(
                params![rows::kind(name.kind), name.id.as_bytes().as_slice(), name.jurisdiction.as_str()],
                |row| row.get(0),
            )
            .optional()?;
        wrapped.map(|wrapped| DataKey::open(self.vault()?, &name, &wrapped)).transpose()
    }

    fn read_entries(
        &self,
        log: &LogName,
        from: u64,
        limit: usize,
        unseal: impl Fn(&Audience) -> bool,
    ) -> Result<Vec<StoredEntry>, StoreError> {
        self.with(|connection| {
            let (kind, log) = (log.kind, number(connection, &log.to_string())?);
            let Some(log) = log else { return Ok(Vec::new()) };
            let mut statement = connection.prepare_cached(
                "SELECT position, batch_size, leaf, audience, clear, sealed, answer FROM entries \
                 WHERE position >= ?1 AND position < ?2 ORDER BY position LIMIT ?3",
            )?;
            let (first, end) = (rows::position(log, from)?, rows::position(log.saturating_add(1), 0)?);
            let limit = rows::limit(limit);
            let found = statement.query_map(params![first, end, limit], entry_row)?;
            found
                .map(|row| {
                    let row = row?;
                    let (_, index) = rows::unpack(row.position)?;
                    let audience = rows::audience(&row.audience)?;
                    let (openings, expunged) = if unseal(&audience) {
                        self.openings(connection, &row, kind, index)?
                    } else {
                        (Vec::new(), false)
                    };
                    Ok(StoredEntry { index, leaf: row.leaf, openings, expunged, audience })
                })
                .collect()
        })
    }

    /// The openings of an entry: those that are never personal, and the others if their key is there. Also returns whether the
    /// others were expunged.
    fn openings(
        &self,
        connection: &Connection,
        row: &EntryRow,
        log: LogKind,
        index: u64,
    ) -> Result<(Vec<Opening>, bool), StoreError> {
        if self.vault.is_none() {
            return Ok((row.openings(None)?, false));
        }
        let own = self.key_of(connection, &row.leaf)?;
        let key = match &own {
            Some(own) => own.of_entry(log, index),
            None => Some(&**self.vault()?),
        };
        Ok((row.openings(key)?, key.is_none()))
    }
}

impl Reader for SqliteReader {
    fn case(&self, name: &CaseName) -> Result<Option<StoredCase>, StoreError> {
        self.with(|connection| {
            let Some(jurisdiction) = number(connection, name.jurisdiction.as_str())? else { return Ok(None) };
            Ok(case(connection, jurisdiction, name, self.vault()?, |_, _| true)?.map(|(case, _)| case))
        })
    }

    fn case_of(&self, whose: &CasesOf, name: &CaseName) -> Result<Option<StoredCase>, StoreError> {
        self.with(|connection| {
            let Some(jurisdiction) = number(connection, name.jurisdiction.as_str())? else { return Ok(None) };
            let own = agency_number(connection, whose.agency.as_ref())?;
            let theirs = |issuer, holder| whose.has(own, issuer, holder);
            Ok(case(connection, jurisdiction, name, self.vault()?, theirs)?.map(|(case, _)| case))
        })
    }

    fn cases(&self, filter: &CaseFilter) -> Result<Vec<StoredCase>, StoreError> {
        self.with(|connection| {
            let Some(jurisdiction) = number(connection, filter.jurisdiction.as_str())? else { return Ok(Vec::new()) };
            let agency = agency_number(connection, filter.agency.as_ref())?;
            let open = |(id, wrapped, state): Found| {
                let id = Uuid::from_slice(&id).map_err(|_| StoreError::Broken("a case has no id"))?;
                let name = CaseName { jurisdiction: filter.jurisdiction.clone(), kind: filter.kind, id };
                Ok(sealed::open_case(self.vault()?, &name, &wrapped, &state)?.0)
            };
            if !filter.terms.is_empty() {
                let found = search::find(connection, self.vault()?, jurisdiction, agency, filter)?;
                return found.into_iter().map(open).collect();
            }
            let mut statement = connection.prepare_cached(
                "SELECT id, data_key, sealed FROM cases \
                 WHERE jurisdiction = ?1 AND kind = ?2 AND id > ?3 AND length(data_key) <= ?7 \
                 AND (?4 IS NULL OR issuer = ?4 OR holder = ?4 OR (?5 AND holder IS NULL)) \
                 ORDER BY id LIMIT ?6",
            )?;
            let after = filter.after.unwrap_or(Uuid::nil());
            let limit = rows::limit(filter.limit);
            let found = statement.query_map(
                params![
                    jurisdiction,
                    rows::kind(filter.kind),
                    after.as_bytes().as_slice(),
                    agency,
                    filter.unassigned,
                    limit,
                    data_keys::LEN_UNLESS_EXPUNGED
                ],
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
            )?;
            found.map(|row| open(row?)).collect()
        })
    }

    fn entries(&self, log: &LogName, from: u64, limit: usize) -> Result<Vec<StoredEntry>, StoreError> {
        self.read_entries(log, from, limit, |_| true)
    }

    fn entries_for(
        &self,
        caller: &Caller,
        log: &LogName,
        from: u64,
        limit: usize,
    ) -> Result<Vec<StoredEntry>, StoreError> {
        self.read_entries(log, from, limit, |audience| audience.classes_for(caller, &log.jurisdiction).is_some())
    }

    fn answer(&self, log: &LogName, index: u64) -> Result<Option<RecordedAnswer>, StoreError> {
        self.with(|connection| {
            let (kind, log) = (log.kind, number(connection, &log.to_string())?);
            let Some(log) = log else { return Ok(None) };
            let position = rows::position(log, index)?;
            let mut statement = connection.prepare_cached(
                "SELECT position, batch_size, leaf, audience, clear, sealed, answer FROM entries WHERE position = ?1",
            )?;
            let Some(row) = statement.query_row([position], entry_row).optional()? else { return Ok(None) };
            match self.key_of(connection, &row.leaf)? {
                Some(own) => row.answer(own.of_entry(kind, index)),
                None => row.answer(Some(self.vault()?)),
            }
        })
    }

    fn checkpoint(&self, log: &LogName) -> Result<Option<(u64, String)>, StoreError> {
        self.with(|connection| {
            let Some(log) = number(connection, &log.to_string())? else { return Ok(None) };
            let mut statement = connection.prepare_cached(
                "SELECT position, note FROM checkpoints WHERE position >= ?1 AND position < ?2 \
                 ORDER BY position DESC LIMIT 1",
            )?;
            let bounds = params![rows::position(log, 0)?, rows::position(log.saturating_add(1), 0)?];
            let found: Option<(i64, String)> =
                statement.query_row(bounds, |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
            found.map(|(position, note)| Ok((rows::unpack(position)?.1, note))).transpose()
        })
    }

    fn checkpoint_at(&self, log: &LogName, size: u64) -> Result<Option<String>, StoreError> {
        self.with(|connection| {
            let Some(log) = number(connection, &log.to_string())? else { return Ok(None) };
            let mut statement = connection.prepare_cached("SELECT note FROM checkpoints WHERE position = ?1")?;
            Ok(statement.query_row([rows::position(log, size)?], |row| row.get(0)).optional()?)
        })
    }

    fn checkpoints(&self, log: &LogName) -> Result<Vec<(u64, String)>, StoreError> {
        self.with(|connection| {
            let Some(log) = number(connection, &log.to_string())? else { return Ok(Vec::new()) };
            let mut statement = connection.prepare_cached(
                "SELECT position, note FROM checkpoints WHERE position >= ?1 AND position < ?2 ORDER BY position",
            )?;
            let bounds = params![rows::position(log, 0)?, rows::position(log.saturating_add(1), 0)?];
            let found = statement.query_map(bounds, |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)))?;
            found
                .map(|row| {
                    let (position, note) = row?;
                    Ok((rows::unpack(position)?.1, note))
                })
                .collect()
        })
    }

    fn head(&self, log: &LogName) -> Result<Option<u64>, StoreError> {
        self.with(|connection| {
            let Some(log) = number(connection, &log.to_string())? else { return Ok(None) };
            let mut statement = connection.prepare_cached("SELECT size FROM heads WHERE log = ?1")?;
            let size: Option<i64> = statement.query_row([log], |row| row.get(0)).optional()?;
            size.map(rows::size).transpose()
        })
    }

    fn tile(&self, log: &LogName, tile: TileId) -> Result<Vec<Hash>, StoreError> {
        self.with(|connection| {
            let Some(log) = number(connection, &log.to_string())? else { return Ok(Vec::new()) };
            let mut statement = connection.prepare_cached("SELECT hashes FROM tiles WHERE position = ?1")?;
            let bytes: Option<Vec<u8>> =
                statement.query_row([rows::tile_position(log, tile)?], |row| row.get(0)).optional()?;
            let bytes = bytes.unwrap_or_default();
            tile_from_bytes(&bytes).ok_or(StoreError::Broken("a tile is not whole hashes"))
        })
    }

    fn headers(&self, log: &LogName, from: u64, limit: usize) -> Result<Vec<EntryHeader>, StoreError> {
        self.with(|connection| {
            let Some(log) = number(connection, &log.to_string())? else { return Ok(Vec::new()) };
            let mut statement = connection.prepare_cached(
                "SELECT position, leaf, audience FROM entries \
                 WHERE position >= ?1 AND position < ?2 ORDER BY position LIMIT ?3",
            )?;
            let (first, end) = (rows::position(log, from)?, rows::position(log.saturating_add(1), 0)?);
            let found = statement.query_map(params![first, end, rows::limit(limit)], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get::<_, String>(2)?))
            })?;
            found
                .map(|row| {
                    let (position, leaf, audience) = row?;
                    Ok(EntryHeader { index: rows::unpack(position)?.1, leaf, audience: rows::audience(&audience)? })
                })
                .collect()
        })
    }

    fn inbox(&self, agency: &AgencyId, jurisdiction: &JurisdictionId) -> Result<Inbox, StoreError> {
        self.with(|connection| inbox::read(connection, agency, jurisdiction))
    }

    fn policy(&self) -> Result<Option<PolicyInForce>, StoreError> {
        self.with(policy::read)
    }

    fn agenda(&self, filter: &AgendaFilter) -> Result<Vec<ListedItem>, StoreError> {
        self.with(|connection| agenda::list(connection, filter))
    }

    fn items(&self, filter: &ItemFilter) -> Result<Vec<Listed>, StoreError> {
        self.with(|connection| appeals::items(connection, self.vault()?, filter))
    }

    fn request(&self, agency: &AgencyId, request_id: &RequestId) -> Result<Option<(LogName, u64)>, StoreError> {
        self.with(|connection| {
            let Some(agency) = number(connection, agency.as_str())? else { return Ok(None) };
            let mut statement = connection.prepare_cached(
                "SELECT position, name FROM requests JOIN names ON names.id = position >> 40 \
                 WHERE agency = ?1 AND request_id = ?2",
            )?;
            let key = params![agency, request_id.0.as_bytes().as_slice()];
            let found: Option<(i64, String)> =
                statement.query_row(key, |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
            let Some((position, name)) = found else { return Ok(None) };
            let log = name.parse().map_err(|_| StoreError::Broken("a number is no log's"))?;
            Ok(Some((log, rows::unpack(position)?.1)))
        })
    }

    fn delivery(&self, agency: &AgencyId, log: &LogName, index: u64) -> Result<Option<Timestamp>, StoreError> {
        self.with(|connection| {
            let agency = number(connection, agency.as_str())?;
            let (Some(agency), Some(log)) = (agency, number(connection, &log.to_string())?) else { return Ok(None) };
            let mut statement = connection.prepare_cached(
                "SELECT min(recorded_at) FROM deliveries \
                 WHERE agency = ?1 AND log = ?2 AND position > ?3 AND start <= ?3",
            )?;
            let found: Option<i64> =
                statement.query_row(params![agency, log, rows::integer(index)?], |row| row.get(0))?;
            found.map(rows::time).transpose()
        })
    }

    fn disclosures(&self, _: &JurisdictionId, after: i64, limit: usize) -> Result<Vec<Disclosed>, StoreError> {
        self.with(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT disclosures.id, recorded_at, names.name, officer, method, resources, classes \
                 FROM disclosures JOIN names ON names.id = recipient WHERE disclosures.id > ?1 \
                 ORDER BY disclosures.id LIMIT ?2",
            )?;
            let found = statement.query_map(params![after, rows::limit(limit)], |row| row.try_into())?;
            found.map(|row| Disclosed::of(row?)).collect()
        })
    }

    fn logs(&self) -> Result<Vec<LogName>, StoreError> {
        self.with(|connection| {
            let mut statement =
                connection.prepare_cached("SELECT name FROM names JOIN heads ON heads.log = names.id ORDER BY name")?;
            let names = statement.query_map([], |row| row.get::<_, String>(0))?;
            names.map(|name| name?.parse().map_err(|_| StoreError::Broken("a head is no log's"))).collect()
        })
    }

    fn probe(&self) -> Result<(), StoreError> {
        self.with(|connection| Ok(connection.query_row("SELECT count(*) FROM heads", [], |_| Ok(()))?))
    }
}

fn entry_row(row: &Row<'_>) -> rusqlite::Result<EntryRow> {
    Ok(EntryRow {
        position: row.get(0)?,
        batch_size: row.get(1)?,
        leaf: row.get(2)?,
        audience: row.get(3)?,
        clear: row.get(4)?,
        sealed: row.get(5)?,
        answer: row.get(6)?,
    })
}

/// The number of an agency whose cases are asked for. An agency without a number has no cases.
fn agency_number(connection: &Connection, agency: Option<&AgencyId>) -> Result<Option<i64>, StoreError> {
    agency.map(|agency| Ok(number(connection, agency.as_str())?.unwrap_or(-1))).transpose()
}

/// The number of a name, if it has one.
pub(super) fn number(connection: &Connection, name: &str) -> Result<Option<i64>, StoreError> {
    let mut statement = connection.prepare_cached("SELECT id FROM names WHERE name = ?1")?;
    Ok(statement.query_row([name], |row| row.get(0)).optional()?)
}

/// A case and its data key, if `theirs` accepts the numbers of its issuer and holder. Otherwise the case is not even read.
pub(super) fn case(
    connection: &Connection,
    jurisdiction: i64,
    name: &CaseName,
    vault: &Key,
    theirs: impl Fn(Option<i64>, Option<i64>) -> bool,
) -> Result<Option<(StoredCase, Key)>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT issuer, holder, data_key, sealed FROM cases WHERE jurisdiction = ?1 AND kind = ?2 AND id = ?3",
    )?;
    let mut found = statement.query(params![jurisdiction, rows::kind(name.kind), name.id.as_bytes().as_slice()])?;
    let Some(row) = found.next()? else { return Ok(None) };
    if !theirs(row.get(0)?, row.get(1)?) {
        return Ok(None);
    }
    let (wrapped, state): (Vec<u8>, Vec<u8>) = (row.get(2)?, row.get(3)?);
    sealed::open_case(vault, name, &wrapped, &state).map(Some)
}

/// Every name and its number.
pub(super) fn names(connection: &Connection) -> Result<HashMap<String, i64>, StoreError> {
    let mut statement = connection.prepare("SELECT name, id FROM names")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The log with a number.
pub(super) fn log_name(names: &HashMap<String, i64>, number: i64) -> Result<LogName, StoreError> {
    let name = names.iter().find(|(_, id)| **id == number).map(|(name, _)| name);
    name.and_then(|name| name.parse().ok()).ok_or(StoreError::Broken("a number is no log's"))
}
