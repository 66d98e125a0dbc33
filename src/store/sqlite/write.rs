//! The writing side: recover, load, commit.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, Transaction, params};

use crate::domain::agenda::ItemKind;
use crate::domain::case::StoredCase;
use crate::domain::ids::{CaseName, JurisdictionId, LogName, OfficerPseudonym};
use crate::ledger::{Tree, tile_to_bytes};
use crate::store::data_keys::{BatchKeys, LoadedCase};
use crate::store::sealed::{self, EntryRow};
use crate::store::search::Changes;
use crate::store::sqlite::{SqliteReader, SqliteStore, agenda, appeals, inbox, policy, read, search};
use crate::store::{
    Append, BatchStart, CasesOf, HeadFollower, HeadMove, ListedItem, Loaded, LogState, NewDisclosure, NewEntry, Reader,
    SeenRequest, Store, StoreError, Unsynced, Wanted, rows,
};

impl Store for SqliteStore {
    /// Nothing else is locked: the file is, and the heads fence every commit.
    fn begin(&mut self, _logs: &BTreeSet<LogName>) -> Result<BatchStart, StoreError> {
        Ok(BatchStart::AsLeft)
    }

    fn recover(&mut self, log: &LogName) -> Result<LogState, StoreError> {
        let recovered = self.read_state(log);
        self.noted(recovered)
    }

    fn load(&mut self, wanted: &Wanted) -> Result<Loaded, StoreError> {
        let mut loaded = Loaded::default();
        if !wanted.requests.is_empty() {
            // The first load of a batch asks for its requests. Keys of a batch that was given up are no longer needed.
            self.data_keys.clear();
        }
        let found = search::names(&self.connection, &self.vault, &self.names, &wanted.found_by)?;
        for name in wanted.cases.union(&found) {
            let Some(jurisdiction) = self.names.get(name.jurisdiction.as_str()) else { continue };
            let number = |whose: &CasesOf| self.names.get(whose.agency.as_ref()?.as_str()).copied();
            let theirs = |issuer, holder| {
                let of = wanted.only_of.get(name).filter(|_| !found.contains(name));
                of.is_none_or(|of| of.iter().any(|whose| whose.has(number(whose), issuer, holder)))
            };
            if let Some((case, key)) = read::case(&self.connection, *jurisdiction, name, &self.vault, theirs)? {
                self.data_keys.insert(name.clone(), LoadedCase::new(&case, key));
                loaded.cases.insert(name.clone(), case);
                let open = agenda::of_case(&self.connection, *jurisdiction, name)?;
                loaded.agenda.insert(name.clone(), open);
            }
        }
        for (agency, request_id) in &wanted.requests {
            let Some(id) = self.names.get(agency.as_str()) else { continue };
            let mut statement = self
                .connection
                .prepare_cached("SELECT digest, position FROM requests WHERE agency = ?1 AND request_id = ?2")?;
            let found: Option<(Vec<u8>, i64)> = statement
                .query_row(params![id, request_id.0.as_bytes().as_slice()], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?;
            let Some((digest, position)) = found else { continue };
            let (log, index) = rows::unpack(position)?;
            let digest = digest.try_into().map_err(|_| StoreError::Broken("a request digest has another length"))?;
            let seen = SeenRequest { digest, log: read::log_name(&self.names, log)?, index };
            loaded.requests.insert((agency.clone(), *request_id), seen);
        }
        for (agency, log, index) in &wanted.deliveries {
            let (Some(agency_id), Some(log_id)) = (self.names.get(agency.as_str()), self.names.get(&log.to_string()))
            else {
                continue;
            };
            let mut statement = self.connection.prepare_cached(
                // The earliest delivery to any consumer counts. A later confirmation of the same entry must not replace it.
                "SELECT min(recorded_at) FROM deliveries \
                 WHERE agency = ?1 AND log = ?2 AND position > ?3 AND start <= ?3",
            )?;
            let found: Option<i64> =
                statement.query_row(params![agency_id, log_id, rows::integer(*index)?], |row| row.get(0))?;
            if let Some(at) = found {
                loaded.deliveries.insert((agency.clone(), log.clone(), *index), rows::time(at)?);
            }
        }
        for (agency, jurisdiction) in &wanted.inboxes {
            let inbox = inbox::read(&self.connection, agency, jurisdiction)?;
            loaded.inboxes.insert((agency.clone(), jurisdiction.clone()), inbox);
        }
        loaded.appeals = appeals::load(&self.connection, &self.vault, &self.names, &wanted.appeals)?;
        Ok(loaded)
    }

    fn commit(&mut self, append: &Append) -> Result<(), StoreError> {
        // What was read was committed by this writer, and synced.
        if append.is_empty() {
            return Ok(());
        }
        let nth = self.commit_counted(append)?;
        self.durability.sync(nth)
    }

    fn commit_unsynced(&mut self, append: &Append) -> Result<Option<Unsynced>, StoreError> {
        if append.is_empty() {
            return Ok(None);
        }
        let (nth, durability) = (self.commit_counted(append)?, Arc::clone(&self.durability));
        Ok(Some(Unsynced::new(move || durability.sync(nth))))
    }

    fn syncs_apart(&self) -> bool {
        true
    }

    fn due(
        &mut self,
        jurisdiction: &JurisdictionId,
        kind: ItemKind,
        at: Timestamp,
        limit: usize,
    ) -> Result<Vec<ListedItem>, StoreError> {
        agenda::due(&self.connection, jurisdiction, kind, at, limit)
    }

    fn reader(&self) -> Arc<dyn Reader> {
        let reader: Arc<SqliteReader> = Arc::clone(&self.reader);
        reader
    }

    fn follower(&self) -> Option<Box<dyn HeadFollower>> {
        None
    }
}

impl SqliteStore {
    /// Notes a failure. A fenced commit is no failure: it has written nothing.
    fn noted<T>(&mut self, outcome: Result<T, StoreError>) -> Result<T, StoreError> {
        if matches!(&outcome, Err(error) if !matches!(error, StoreError::Fenced(_))) {
            self.durability.fail();
        }
        outcome
    }

    /// Commits, and returns the number of the commit, which is not synced yet.
    fn commit_counted(&mut self, append: &Append) -> Result<u64, StoreError> {
        let durability = Arc::clone(&self.durability);
        let committed = durability.commit(|| self.write(append));
        let committed = committed.and_then(|nth| self.write_back.finish(&self.connection).map(|()| nth));
        self.noted(committed)
    }

    /// The state of a log. A new log is created.
    fn read_state(&mut self, log: &LogName) -> Result<LogState, StoreError> {
        let id = self.number(&log.to_string())?;
        let head: Option<(i64, Vec<u8>, i64)> = self
            .connection
            .query_row("SELECT size, root, recorded_at FROM heads WHERE log = ?1", [id], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })
            .optional()?;
        let Some((size, root, recorded_at)) = head else {
            let now = Timestamp::UNIX_EPOCH;
            let tree = Tree::empty();
            let root = tree.root();
            self.connection
                .execute("INSERT INTO heads VALUES (?1, 0, ?2, 0)", params![id, root.as_bytes().as_slice()])?;
            return Ok(LogState { tree, recorded_at: now });
        };
        let tree = Tree::load(rows::size(size)?, |tile| self.reader.tile(log, tile))?;
        if tree.root().as_bytes().as_slice() != root {
            return Err(StoreError::Broken("a log's tiles do not make up its head"));
        }
        Ok(LogState { tree, recorded_at: rows::time(recorded_at)? })
    }

    /// Writes a batch in one transaction.
    fn write(&mut self, append: &Append) -> Result<(), StoreError> {
        self.number_all(append)?;
        // Taken out, so that the next batch does not mistake a key that was made for a failed batch for a stored one.
        let keys = BatchKeys::make(&self.vault, append, std::mem::take(&mut self.data_keys))?;
        let Self { connection, names, vault, .. } = self;
        let number = |name: &str| names.get(name).copied().ok_or(StoreError::Broken("a name has no number"));
        let logs: BTreeMap<_, _> = append
            .heads
            .iter()
            .map(|head| Ok((&head.log, (number(&head.log.to_string())?, head.to.size))))
            .collect::<Result<_, StoreError>>()?;
        let entries = sealed::seal_all(&append.entries, |new: &NewEntry| {
            let (log, batch_size) = *logs.get(&new.log).ok_or(StoreError::Broken("an entry has no head"))?;
            EntryRow::seal(rows::position(log, new.index)?, batch_size, new, keys.of_entry(vault, new)?)
        })?;
        let states = sealed::seal_all(&append.cases, |case| sealed::seal_case(case, keys.of_state(case)?))?;
        let changes = Changes::of(append, &keys, vault)?;
        let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        for head in &append.heads {
            move_head(&transaction, number(&head.log.to_string())?, head)?;
        }
        for row in &entries {
            insert_entry(&transaction, row)?;
        }
        for (case, state) in append.cases.iter().zip(&states) {
            upsert_case(&transaction, &number, case, state, keys.new_of(case.name()))?;
        }
        search::write(&transaction, &number, &changes)?;
        for change in &append.agenda {
            agenda::write(&transaction, &number, change)?;
        }
        for request in &append.requests {
            let position = rows::position(number(&request.seen.log.to_string())?, request.seen.index)?;
            transaction.prepare_cached("INSERT INTO requests VALUES (?1, ?2, ?3, ?4)")?.execute(params![
                number(request.agency.as_str())?,
                request.request_id.0.as_bytes().as_slice(),
                request.seen.digest.as_slice(),
                position
            ])?;
        }
        for delivery in &append.deliveries {
            // Only the first confirmation of a position counts.
            transaction.prepare_cached("INSERT OR IGNORE INTO deliveries VALUES (?1, ?2, ?3, ?4, ?5)")?.execute(
                params![
                    number(delivery.agency.as_str())?,
                    number(&delivery.log.to_string())?,
                    rows::integer(delivery.position)?,
                    rows::integer(delivery.from)?,
                    rows::nanoseconds(delivery.recorded_at)?
                ],
            )?;
        }
        for consumer in &append.consumers {
            inbox::write(&transaction, &number, consumer)?;
        }
        appeals::write(&transaction, &number, &keys, &append.appeals)?;
        for (case, stored) in keys.replacing() {
            expunge(&transaction, number(case.jurisdiction.as_str())?, case, stored)?;
        }
        if let Some(policy) = &append.policy {
            policy::write(&transaction, policy)?;
        }
        for disclosure in &append.disclosures {
            insert_disclosure(&transaction, number(disclosure.recipient.as_str())?, disclosure)?;
        }
        Ok(transaction.commit()?)
    }

    /// The number of a name. A new name gets one.
    fn number(&mut self, name: &str) -> Result<i64, StoreError> {
        if let Some(id) = self.names.get(name) {
            return Ok(*id);
        }
        self.connection.execute("INSERT OR IGNORE INTO names (name) VALUES (?1)", [name])?;
        let id = self.connection.query_row("SELECT id FROM names WHERE name = ?1", [name], |row| row.get(0))?;
        self.names.insert(name.to_owned(), id);
        Ok(id)
    }

    /// Gives a number to every new name of a batch. This is rare, because there are few agencies and logs.
    fn number_all(&mut self, append: &Append) -> Result<(), StoreError> {
        rows::names(append).iter().try_for_each(|name| self.number(name).map(|_| ()))
    }
}

/// Moves a head, and stores the checkpoint and tiles. Fails if the head is not the one that the batch was planned on.
fn move_head(transaction: &Transaction<'_>, log: i64, head: &HeadMove) -> Result<(), StoreError> {
    let moved = transaction
        .prepare_cached(
            "UPDATE heads SET size = ?1, root = ?2, recorded_at = ?3 WHERE log = ?4 AND size = ?5 AND root = ?6",
        )?
        .execute(params![
            rows::integer(head.to.size)?,
            head.to.root.as_bytes().as_slice(),
            rows::nanoseconds(head.recorded_at)?,
            log,
            rows::integer(head.from.size)?,
            head.from.root.as_bytes().as_slice()
        ])?;
    if moved != 1 {
        return Err(StoreError::Fenced(head.log.clone()));
    }
    transaction
        .prepare_cached("INSERT INTO checkpoints VALUES (?1, ?2)")?
        .execute(params![rows::position(log, head.to.size)?, head.checkpoint])?;
    let mut statement = transaction.prepare_cached("INSERT OR REPLACE INTO tiles VALUES (?1, ?2)")?;
    for (tile, hashes) in &head.tiles {
        statement.execute(params![rows::tile_position(log, *tile)?, tile_to_bytes(hashes)])?;
    }
    Ok(())
}

fn insert_entry(transaction: &Transaction<'_>, row: &EntryRow) -> Result<(), StoreError> {
    transaction.prepare_cached("INSERT INTO entries VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?.execute(params![
        row.position,
        row.batch_size,
        row.leaf,
        row.audience,
        row.clear,
        row.sealed,
        row.answer
    ])?;
    Ok(())
}

fn insert_disclosure(
    transaction: &Transaction<'_>,
    recipient: i64,
    disclosure: &NewDisclosure,
) -> Result<(), StoreError> {
    transaction
        .prepare_cached(
            "INSERT INTO disclosures (recorded_at, recipient, officer, method, resources, classes) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            rows::nanoseconds(disclosure.recorded_at)?,
            recipient,
            disclosure.officer.as_ref().map(OfficerPseudonym::as_str),
            disclosure.method.word(),
            disclosure.resource_names(),
            disclosure.classes.bits()
        ])?;
    Ok(())
}

/// Replaces the data key of a case, and removes the answers to appeals about it.
fn expunge(transaction: &Transaction<'_>, jurisdiction: i64, case: &CaseName, stored: &[u8]) -> Result<(), StoreError> {
    let id = case.id.as_bytes().as_slice();
    let replaced = transaction
        .prepare_cached("UPDATE cases SET data_key = ?4 WHERE jurisdiction = ?1 AND kind = ?2 AND id = ?3")?
        .execute(params![jurisdiction, rows::kind(case.kind), id, stored])?;
    transaction
        .prepare_cached("UPDATE appeal_items SET answer = NULL WHERE jurisdiction = ?1 AND detainer = ?2")?
        .execute(params![jurisdiction, id])?;
    if replaced == 1 { Ok(()) } else { Err(StoreError::Broken("a case that is expunged is not there")) }
}

/// Stores the state of a case. `wrapped` is its data key, if the case is new.
fn upsert_case(
    transaction: &Transaction<'_>,
    number: &impl Fn(&str) -> Result<i64, StoreError>,
    case: &StoredCase,
    state: &[u8],
    wrapped: Option<&Vec<u8>>,
) -> Result<(), StoreError> {
    let name = case.name();
    let (issuer, holder) = rows::parties(case);
    let issuer = issuer.map(|agency| number(agency.as_str())).transpose()?;
    let holder = holder.map(|agency| number(agency.as_str())).transpose()?;
    let (jurisdiction, kind) = (number(name.jurisdiction.as_str())?, rows::kind(name.kind));
    let id = name.id.as_bytes().as_slice();
    let stored = match wrapped {
        Some(wrapped) => transaction
            .prepare_cached("INSERT INTO cases VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?
            .execute(params![jurisdiction, kind, id, issuer, holder, wrapped, state])?,
        None => transaction
            .prepare_cached(
                "UPDATE cases SET holder = ?4, sealed = ?5 WHERE jurisdiction = ?1 AND kind = ?2 AND id = ?3",
            )?
            .execute(params![jurisdiction, kind, id, holder, state])?,
    };
    if stored == 1 { Ok(()) } else { Err(StoreError::Broken("a case that was loaded is not there")) }
}
