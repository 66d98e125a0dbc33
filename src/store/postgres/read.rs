//! The reading side. It blocks until the server has answered, so it MUST NOT be called from a network thread.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::domain::agency::Caller;
use crate::domain::case::StoredCase;
use crate::domain::ids::{AgencyId, CaseName, JurisdictionId, LogName, RequestId};
use crate::domain::inbox::Inbox;
use crate::ledger::{Hash, TileId, tile_from_bytes};
use crate::store::appeals::{ItemFilter, Listed};
use crate::store::data_keys::{self, DataKey};
use crate::store::postgres::address::Address;
use crate::store::postgres::connection::{Connection, Role};
use crate::store::postgres::pool::Pool;
use crate::store::postgres::session::Statement;
use crate::store::postgres::{agenda, appeals, inbox, load, search, statement};
use crate::store::sealed::{self, EntryRow};
use crate::store::vault::{VaultError, WrappingKey};
use crate::store::{
    AgendaFilter, Audience, CaseFilter, CasesOf, Disclosed, EntryHeader, ListedItem, PolicyInForce, Reader,
    RecordedAnswer, StoreError, StoredEntry, rows,
};

const CASES: &str = "SELECT id, data_key, sealed FROM cases \
    WHERE jurisdiction = $1 AND kind = $2 AND id > $3 AND length(data_key) <= $7 \
    AND ($4::text IS NULL OR issuer = (SELECT id FROM names WHERE name = $4) \
        OR holder = (SELECT id FROM names WHERE name = $4) OR ($5 AND holder IS NULL)) \
    ORDER BY id LIMIT $6";
const CASE_OF: &str = "SELECT data_key, sealed FROM cases WHERE jurisdiction = $1 AND kind = $2 AND id = $3 \
    AND ($4::text IS NULL OR issuer = (SELECT id FROM names WHERE name = $4) \
        OR holder = (SELECT id FROM names WHERE name = $4) OR ($5 AND holder IS NULL))";
const ENTRIES: &str = "SELECT position, batch_size, leaf, audience, clear, sealed, answer FROM entries \
    WHERE position >= $1 AND position < $2 ORDER BY position LIMIT $3";
const HEADERS: &str = "SELECT position, leaf, audience FROM entries \
    WHERE position >= $1 AND position < $2 ORDER BY position LIMIT $3";
const KEYS: &str = "SELECT wanted.at, c.data_key \
    FROM unnest($1::bigint[], $2::bigint[], $3::bytea[]) WITH ORDINALITY AS wanted (jurisdiction, kind, id, at) \
    CROSS JOIN LATERAL (SELECT data_key FROM cases \
        WHERE jurisdiction = wanted.jurisdiction AND cases.kind = wanted.kind AND cases.id = wanted.id LIMIT 1) AS c";
const ENTRY: &str =
    "SELECT position, batch_size, leaf, audience, clear, sealed, answer FROM entries WHERE position = $1";
const CHECKPOINTS: &str =
    "SELECT position, note FROM checkpoints WHERE position >= $1 AND position < $2 ORDER BY position";
const LAST_CHECKPOINT: &str = "SELECT position, note FROM checkpoints WHERE position >= $1 AND position < $2 \
    ORDER BY position DESC LIMIT 1";
const CHECKPOINT_AT: &str = "SELECT note FROM checkpoints WHERE position = $1";
const HEAD: &str = "SELECT size FROM heads WHERE log = $1";
const REQUEST: &str = "SELECT position, name FROM requests JOIN names ON names.id = position >> 40 \
    WHERE agency = $1 AND request_id = $2";
const DELIVERY: &str =
    "SELECT min(recorded_at) FROM deliveries WHERE agency = $1 AND log = $2 AND position > $3 AND start <= $3";
const TILE: &str = "SELECT hashes FROM tiles WHERE position = $1";
const POLICY: &str = "SELECT digest, files, since FROM policy";
const DISCLOSURES: &str = "SELECT disclosures.id, recorded_at, names.name, officer, method, resources, classes \
    FROM disclosures JOIN names ON names.id = recipient WHERE disclosures.id > $1 ORDER BY disclosures.id LIMIT $2";
const LOGS: &str = "SELECT name FROM names JOIN heads ON heads.log = names.id ORDER BY name";
const PROBE: &str = "SELECT count(*) FROM heads";

/// Reads a PostgreSQL database while writers may be writing.
#[derive(Debug)]
pub struct PostgresReader {
    pool: Pool,
    vault: Option<Arc<WrappingKey>>,
}

/// Opens a store for reading, as `verify` does. Without the wrapping key, sealed content stays sealed.
pub fn open_read_only(address: &Address, wrapping_key: Option<&[u8; 32]>) -> Result<PostgresReader, StoreError> {
    let vault = wrapping_key.map(WrappingKey::new).transpose()?.map(Arc::new);
    let reader = PostgresReader::new(address.clone(), Role::Onlooker, vault)?;
    reader.probe()?;
    Ok(reader)
}

impl PostgresReader {
    pub(super) fn new(address: Address, role: Role, vault: Option<Arc<WrappingKey>>) -> Result<Self, StoreError> {
        Ok(Self { pool: Pool::new(address, role)?, vault })
    }

    fn vault(&self) -> Result<&WrappingKey, StoreError> {
        self.vault.as_deref().ok_or(StoreError::Vault(VaultError::Unopened))
    }

    /// Reads from a log, if it exists.
    fn of_log<T: Default>(
        &self,
        log: &LogName,
        read: impl Fn(&Connection, i64) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let name = log.to_string();
        self.pool.with(|connection| match connection.number(&name)? {
            Some(number) => read(connection, number),
            None => Ok(T::default()),
        })
    }

    fn read_entries(
        &self,
        log: &LogName,
        from: u64,
        limit: usize,
        unseal: impl Fn(&Audience) -> bool,
    ) -> Result<Vec<StoredEntry>, StoreError> {
        self.of_log(log, |connection, number| {
            let [found] = connection.run([page(ENTRIES, number, from, limit)?])?;
            let rows = found.rows.iter().map(|row| {
                let row = entry_row(row)?;
                let audience = rows::audience(&row.audience)?;
                let case = if unseal(&audience) && self.vault.is_some() { sealed::case_of(&row.leaf)? } else { None };
                Ok((row, audience, case))
            });
            let rows = rows.collect::<Result<Vec<_>, StoreError>>()?;
            let keys = self.keys(connection, rows.iter().filter_map(|(.., case)| case.as_ref()).collect())?;
            let stored = rows.into_iter().map(|(row, audience, case)| {
                let index = rows::unpack(row.position)?.1;
                let own = case.and_then(|case| keys.get(&case));
                let (openings, expunged) = if unseal(&audience) {
                    let key =
                        own.map_or(self.vault.as_deref().map(|vault| &**vault), |own| own.of_entry(log.kind, index));
                    (row.openings(key)?, own.is_some() && key.is_none())
                } else {
                    (Vec::new(), false)
                };
                Ok(StoredEntry { index, leaf: row.leaf, openings, expunged, audience })
            });
            stored.collect()
        })
    }

    /// The keys of the cases that exist.
    fn keys(
        &self,
        connection: &Connection,
        cases: BTreeSet<&CaseName>,
    ) -> Result<HashMap<CaseName, DataKey>, StoreError> {
        if cases.is_empty() {
            return Ok(HashMap::new());
        }
        let mut found = Vec::with_capacity(cases.len());
        for case in cases {
            // A jurisdiction without a number has no cases.
            found.extend(connection.number(case.jurisdiction.as_str())?.map(|number| (number, case)));
        }
        let cases = found;
        let (jurisdictions, kinds, ids) = statement::case_columns(&cases);
        let [found] = connection.run([Statement::new(KEYS).with(jurisdictions).with(kinds).with(ids)])?;
        let key = |row: &Row| {
            let (_, name) = *appeals::nth(&cases, row.try_get(0)?)?;
            Ok((name.clone(), DataKey::open(self.vault()?, name, row.try_get(1)?)?))
        };
        found.rows.iter().map(key).collect()
    }
}

impl Reader for PostgresReader {
    fn case(&self, name: &CaseName) -> Result<Option<StoredCase>, StoreError> {
        self.pool.with(|connection| {
            let Some(number) = connection.number(name.jurisdiction.as_str())? else { return Ok(None) };
            let [found] = connection.run([load::cases(&[(number, name)])])?;
            let open = |row: &Row| Ok(sealed::open_case(self.vault()?, name, row.try_get(1)?, row.try_get(2)?)?.0);
            found.rows.first().map(open).transpose()
        })
    }

    fn case_of(&self, whose: &CasesOf, name: &CaseName) -> Result<Option<StoredCase>, StoreError> {
        self.pool.with(|connection| {
            let Some(number) = connection.number(name.jurisdiction.as_str())? else { return Ok(None) };
            let ask = Statement::new(CASE_OF).with(number).with(rows::kind(name.kind)).with(statement::id(name.id));
            let ask = ask.with(whose.agency.as_ref().map(ToString::to_string)).with(whose.unassigned);
            let [found] = connection.run([ask])?;
            let open = |row: &Row| Ok(sealed::open_case(self.vault()?, name, row.try_get(0)?, row.try_get(1)?)?.0);
            found.rows.first().map(open).transpose()
        })
    }

    fn cases(&self, filter: &CaseFilter) -> Result<Vec<StoredCase>, StoreError> {
        self.pool.with(|connection| {
            let Some(number) = connection.number(filter.jurisdiction.as_str())? else { return Ok(Vec::new()) };
            let case = |row: &Row| {
                let id = Uuid::from_slice(row.try_get(0)?).map_err(|_| StoreError::Broken("a case has no id"))?;
                let name = CaseName { jurisdiction: filter.jurisdiction.clone(), kind: filter.kind, id };
                Ok(sealed::open_case(self.vault()?, &name, row.try_get(1)?, row.try_get(2)?)?.0)
            };
            if !filter.terms.is_empty() {
                return search::find(connection, self.vault()?, number, filter)?.iter().map(case).collect();
            }
            let after = statement::id(filter.after.unwrap_or(Uuid::nil()));
            let ask = Statement::new(CASES).with(number).with(rows::kind(filter.kind)).with(after);
            let ask = ask.with(filter.agency.as_ref().map(ToString::to_string)).with(filter.unassigned);
            let ask = ask.with(rows::limit(filter.limit)).with(data_keys::LEN_UNLESS_EXPUNGED);
            let [found] = connection.run([ask])?;
            found.rows.iter().map(case).collect()
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
        self.of_log(log, |connection, number| {
            let position = rows::position(number, index)?;
            let [found] = connection.run([Statement::new(ENTRY).with(position)])?;
            let Some(row) = found.rows.first().map(entry_row).transpose()? else { return Ok(None) };
            let case = sealed::case_of(&row.leaf)?;
            let keys = self.keys(connection, case.iter().collect())?;
            match case.and_then(|case| keys.get(&case)) {
                Some(own) => row.answer(own.of_entry(log.kind, index)),
                None => row.answer(Some(self.vault()?)),
            }
        })
    }

    fn checkpoint(&self, log: &LogName) -> Result<Option<(u64, String)>, StoreError> {
        self.pool.with(|connection| newest_checkpoint(connection, log))
    }

    fn checkpoint_at(&self, log: &LogName, size: u64) -> Result<Option<String>, StoreError> {
        self.of_log(log, |connection, number| {
            let [found] = connection.run([Statement::new(CHECKPOINT_AT).with(rows::position(number, size)?)])?;
            Ok(found.rows.first().map(|row| row.try_get(0)).transpose()?)
        })
    }

    fn checkpoints(&self, log: &LogName) -> Result<Vec<(u64, String)>, StoreError> {
        self.of_log(log, |connection, number| {
            let [found] = connection.run([all(CHECKPOINTS, number)?])?;
            found.rows.iter().map(checkpoint).collect()
        })
    }

    fn head(&self, log: &LogName) -> Result<Option<u64>, StoreError> {
        self.of_log(log, |connection, number| {
            let [found] = connection.run([Statement::new(HEAD).with(number)])?;
            found.rows.first().map(|row| rows::size(row.try_get(0)?)).transpose()
        })
    }

    fn tile(&self, log: &LogName, tile: TileId) -> Result<Vec<Hash>, StoreError> {
        self.of_log(log, |connection, number| {
            let [found] = connection.run([Statement::new(TILE).with(rows::tile_position(number, tile)?)])?;
            let bytes: &[u8] = found.rows.first().map(|row| row.try_get(0)).transpose()?.unwrap_or_default();
            tile_from_bytes(bytes).ok_or(StoreError::Broken("a tile is not whole hashes"))
        })
    }

    fn headers(&self, log: &LogName, from: u64, limit: usize) -> Result<Vec<EntryHeader>, StoreError> {
        self.of_log(log, |connection, number| {
            let [found] = connection.run([page(HEADERS, number, from, limit)?])?;
            let header = |row: &Row| {
                let index = rows::unpack(row.try_get(0)?)?.1;
                Ok(EntryHeader { index, leaf: row.try_get(1)?, audience: rows::audience(row.try_get(2)?)? })
            };
            found.rows.iter().map(header).collect()
        })
    }

    fn inbox(&self, agency: &AgencyId, jurisdiction: &JurisdictionId) -> Result<Inbox, StoreError> {
        self.pool.with(|connection| {
            let agency = connection.number(agency.as_str())?;
            let (Some(agency), Some(jurisdiction)) = (agency, connection.number(jurisdiction.as_str())?) else {
                // A name gets its number when the first of its rows is stored.
                return Ok(Inbox::default());
            };
            let [consumers, attempts] = connection.run(inbox::load(&[(agency, jurisdiction)]))?;
            Ok(inbox::read(&consumers, &attempts, 1)?.pop().unwrap_or_default())
        })
    }

    fn policy(&self) -> Result<Option<PolicyInForce>, StoreError> {
        self.pool.with(policy)
    }

    fn agenda(&self, filter: &AgendaFilter) -> Result<Vec<ListedItem>, StoreError> {
        self.pool.with(|connection| {
            let [found] = connection.run([agenda::list(filter)?])?;
            agenda::read_list(&found, &filter.jurisdiction)
        })
    }

    fn items(&self, filter: &ItemFilter) -> Result<Vec<Listed>, StoreError> {
        self.pool.with(|connection| appeals::read_list(&connection.run(appeals::list(filter))?, filter, self.vault()?))
    }

    fn request(&self, agency: &AgencyId, request_id: &RequestId) -> Result<Option<(LogName, u64)>, StoreError> {
        self.pool.with(|connection| {
            let Some(agency) = connection.number(agency.as_str())? else { return Ok(None) };
            let [found] = connection.run([Statement::new(REQUEST).with(agency).with(statement::id(request_id.0))])?;
            let Some(row) = found.rows.first() else { return Ok(None) };
            let name: &str = row.try_get(1)?;
            let log = name.parse().map_err(|_| StoreError::Broken("a number is no log's"))?;
            Ok(Some((log, rows::unpack(row.try_get(0)?)?.1)))
        })
    }

    fn delivery(&self, agency: &AgencyId, log: &LogName, index: u64) -> Result<Option<Timestamp>, StoreError> {
        self.of_log(log, |connection, number| {
            let Some(agency) = connection.number(agency.as_str())? else { return Ok(None) };
            let ask = Statement::new(DELIVERY).with(agency).with(number).with(rows::integer(index)?);
            let [found] = connection.run([ask])?;
            let at: Option<i64> = found.rows.first().map(|row| row.try_get(0)).transpose()?.flatten();
            at.map(rows::time).transpose()
        })
    }

    fn disclosures(&self, _: &JurisdictionId, after: i64, limit: usize) -> Result<Vec<Disclosed>, StoreError> {
        self.pool.with(|connection| {
            let [found] = connection.run([Statement::new(DISCLOSURES).with(after).with(rows::limit(limit))])?;
            let disclosed = |row: &Row| {
                let name: &str = row.try_get(2)?;
                let (officer, method, resources) = (row.try_get(3)?, row.try_get(4)?, row.try_get(5)?);
                let (number, recorded_at, classes) = (row.try_get(0)?, row.try_get(1)?, row.try_get(6)?);
                Disclosed::of((number, recorded_at, name.to_owned(), officer, method, resources, classes))
            };
            found.rows.iter().map(disclosed).collect()
        })
    }

    fn logs(&self) -> Result<Vec<LogName>, StoreError> {
        self.pool.with(|connection| {
            let [found] = connection.run([Statement::new(LOGS)])?;
            let log = |row: &Row| {
                let name: &str = row.try_get(0)?;
                name.parse().map_err(|_| StoreError::Broken("a head is no log's"))
            };
            found.rows.iter().map(log).collect()
        })
    }

    fn probe(&self) -> Result<(), StoreError> {
        self.pool.with(|connection| connection.run([Statement::new(PROBE)]).map(drop))
    }
}

/// Rows of a log from an index on.
fn page(sql: &'static str, log: i64, from: u64, limit: usize) -> Result<Statement, StoreError> {
    let bounds = (rows::position(log, from)?, rows::position(log.saturating_add(1), 0)?);
    Ok(Statement::new(sql).with(bounds.0).with(bounds.1).with(rows::limit(limit)))
}

/// Every row of a log.
fn all(sql: &'static str, log: i64) -> Result<Statement, StoreError> {
    Ok(Statement::new(sql).with(rows::position(log, 0)?).with(rows::position(log.saturating_add(1), 0)?))
}

/// The newest checkpoint of a log, as this connection sees it.
pub(super) fn newest_checkpoint(connection: &Connection, log: &LogName) -> Result<Option<(u64, String)>, StoreError> {
    newest_checkpoint_of(connection, connection.number(&log.to_string())?)
}

/// The newest checkpoint of a log with a known number, if it has one.
pub(super) fn newest_checkpoint_of(
    connection: &Connection,
    number: Option<i64>,
) -> Result<Option<(u64, String)>, StoreError> {
    let Some(number) = number else { return Ok(None) };
    let [found] = connection.run([all(LAST_CHECKPOINT, number)?])?;
    found.rows.first().map(checkpoint).transpose()
}

/// The policy set in force, as this connection sees it.
pub(super) fn policy(connection: &Connection) -> Result<Option<PolicyInForce>, StoreError> {
    let [found] = connection.run([Statement::new(POLICY)])?;
    let policy = |row: &Row| sealed::policy_in_force(row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    found.rows.first().map(policy).transpose()
}

fn checkpoint(row: &Row) -> Result<(u64, String), StoreError> {
    Ok((rows::unpack(row.try_get(0)?)?.1, row.try_get(1)?))
}

fn entry_row(row: &Row) -> Result<EntryRow, StoreError> {
    Ok(EntryRow {
        position: row.try_get(0)?,
        batch_size: row.try_get(1)?,
        leaf: row.try_get(2)?,
        audience: row.try_get(3)?,
        clear: row.try_get(4)?,
        sealed: row.try_get(5)?,
        answer: row.try_get(6)?,
    })
}
