//! The writing side: begin, recover, load, commit.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

use aws_lc_rs::rand;
use jiff::Timestamp;
use tokio_postgres::Row;

use crate::domain::agenda::ItemKind;
use crate::domain::ids::{CaseName, JurisdictionId, LogName};
use crate::ledger::{Hash, TILE_WIDTH, TileId, Tree, tile_from_bytes};
use crate::store::data_keys::{BatchKeys, DataKey, LoadedCase};
use crate::store::postgres::address::Address;
use crate::store::postgres::connection::{CONFIRM, Connection, Role};
use crate::store::postgres::follower::Follower;
use crate::store::postgres::io::Io;
use crate::store::postgres::names::Names;
use crate::store::postgres::read::{self, PostgresReader};
use crate::store::postgres::session::{Answer, Statement};
use crate::store::postgres::write;
use crate::store::postgres::{agenda, inbox, load, schema, search};
use crate::store::vault::{VaultError, WrappingKey};
use crate::store::{
    Append, BatchStart, Head, HeadFollower, ListedItem, Loaded, LogState, PolicyInForce, Reader, Store, StoreError,
    Wanted, rows,
};

const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";
const COMMIT: &str = "COMMIT";
const ROLLBACK: &str = "ROLLBACK";
/// In the order of their numbers, so that two batches cannot deadlock.
const LOCK: &str =
    "SELECT log, size, root, recorded_at FROM heads WHERE log = ANY($1::bigint[]) ORDER BY log FOR UPDATE";
const NEW_LOG: &str = "INSERT INTO heads (log, size, root, recorded_at) VALUES ($1, 0, $2, 0) ON CONFLICT DO NOTHING";
const POLICY: &str = "SELECT digest FROM policy";
const TILES: &str = "SELECT position, hashes FROM tiles WHERE position = ANY($1::bigint[])";
const ANY_KEY: &str = "SELECT names.name, kind, cases.id, data_key FROM cases \
    JOIN names ON names.id = jurisdiction WHERE kind IN (1, 2) LIMIT 1";

const BROKEN_CASE: StoreError = StoreError::Broken("a case is not of a known layout");
const BROKEN_HEAD: StoreError = StoreError::Broken("a head is not of a known layout");

/// The writing side of a PostgreSQL database.
pub struct PostgresStore {
    /// `None` after it was lost; the next batch reconnects.
    connection: Option<Connection>,
    names: Names,
    vault: Arc<WrappingKey>,
    /// Data keys of the cases in the current batch, and what these were found by.
    data_keys: HashMap<CaseName, LoadedCase>,
    /// The heads that the current batch has locked; `None` if no batch was begun.
    begun: Option<BTreeMap<LogName, LockedHead>>,
    address: Address,
    /// Distinguishes our announcements from those of other gateways.
    tag: String,
    reader: Arc<PostgresReader>,
    // Declared last: connections say goodbye over it.
    io: Arc<Io>,
}

#[derive(Debug, Clone, Copy)]
struct LockedHead {
    head: Head,
    recorded_at: Timestamp,
}

impl PostgresStore {
    /// Connects, and creates the tables if there are none. `wrapping_key` wraps every data key and is not stored in the
    /// database.
    pub fn open(address: &Address, wrapping_key: &[u8; 32]) -> Result<Self, StoreError> {
        let io = Arc::new(Io::start("comity-write")?);
        let vault = Arc::new(WrappingKey::new(wrapping_key)?);
        let mut tag = [0; 16];
        rand::fill(&mut tag).map_err(|_| VaultError::Refused)?;
        let reader = Arc::new(PostgresReader::new(address.clone(), Role::Reader, Some(Arc::clone(&vault)))?);
        let mut store = Self {
            connection: None,
            names: Names::default(),
            vault,
            data_keys: HashMap::new(),
            begun: None,
            address: address.clone(),
            tag: hex::encode(tag),
            reader,
            io,
        };
        let connection = Connection::open(&store.io, address, Role::Writer, &store.tag)?;
        schema::establish(&connection)?;
        schema::begin_to_write(&connection)?;
        store.connection = Some(connection);
        store.check_key()?;
        if let Some(connection) = &store.connection {
            search::establish(connection, &store.vault)?;
        }
        Ok(store)
    }

    /// Reconnects if necessary. Everything read afterwards is durable.
    fn connect(&mut self) -> Result<(), StoreError> {
        if self.connection.as_ref().is_some_and(Connection::is_good) {
            return Ok(());
        }
        let within_batch = self.begun.is_some();
        self.disconnect();
        if within_batch {
            // The locks were lost with the connection.
            return Err(StoreError::Interrupted("the connection was lost within a batch".to_owned()));
        }
        let connection = schema::connect(&self.io, &self.address, Role::Writer, &self.tag);
        self.connection = Some(connection.map_err(|error| {
            // The address worked before, so a password or certificate that is being changed is waited for too.
            let passes = if let StoreError::Server(why) | StoreError::Address(why) = &error { Some(why) } else { None };
            passes.cloned().map_or(error, StoreError::Interrupted)
        })?);
        Ok(())
    }

    /// Checks the wrapping key against a stored data key, if there is one. No other gateway could open what is sealed
    /// under another key.
    fn check_key(&self) -> Result<(), StoreError> {
        let Some(connection) = &self.connection else { return Ok(()) };
        let [found] = connection.run([Statement::new(ANY_KEY)])?;
        let Some(row) = found.rows.first() else { return Ok(()) };
        let jurisdiction: &str = row.try_get(0)?;
        let jurisdiction = jurisdiction.parse().map_err(|_| BROKEN_CASE)?;
        let id = uuid::Uuid::from_slice(row.try_get(2)?).map_err(|_| BROKEN_CASE)?;
        let name = CaseName { jurisdiction, kind: rows::case_kind(row.try_get(1)?)?, id };
        DataKey::open(&self.vault, &name, row.try_get(3)?).map(drop)
    }

    /// Forgets what depended on the connection: another server may know less.
    fn disconnect(&mut self) {
        self.connection = None;
        self.begun = None;
        self.names = Names::default();
        self.data_keys.clear();
    }

    /// Ends a failed batch. If its outcome is unknown, the connection is given up too.
    fn end_if_failed<T>(&mut self, outcome: Result<T, StoreError>) -> Result<T, StoreError> {
        match &outcome {
            Ok(_) => {}
            Err(StoreError::Interrupted(_)) => self.disconnect(),
            Err(_) => self.roll_back(),
        }
        outcome
    }

    /// The connection, reconnected if necessary.
    fn connection(&mut self) -> Result<&Connection, StoreError> {
        self.connect()?;
        self.connection.as_ref().ok_or_else(|| StoreError::Interrupted("the connection was lost".to_owned()))
    }

    /// Ends a batch without writing anything.
    fn roll_back(&mut self) {
        self.names.forget();
        self.data_keys.clear();
        let rolled_back = match (&self.connection, self.begun.take()) {
            (Some(connection), Some(_)) => connection.run([Statement::new(ROLLBACK)]).is_ok(),
            _ => true,
        };
        if !rolled_back {
            self.disconnect();
        }
    }
}

impl PostgresStore {
    fn try_begin(&mut self, logs: &BTreeSet<LogName>) -> Result<BatchStart, StoreError> {
        self.connect()?;
        let Self { connection: Some(connection), names, .. } = self else { return Err(BROKEN_HEAD) };
        let by_name: Vec<(String, &LogName)> = logs.iter().map(|log| (log.to_string(), log)).collect();
        names.find(connection, by_name.iter().map(|(name, _)| name.clone()))?;
        let numbers: HashMap<i64, &LogName> =
            by_name.iter().filter_map(|(name, log)| Some((names.get(name)?, *log))).collect();
        let lock = Statement::new(LOCK).with(numbers.keys().copied().collect::<Vec<_>>());
        self.begun = Some(BTreeMap::new());
        let [_, locked, policy] = connection.run([Statement::new(BEGIN), lock, Statement::new(POLICY)])?;
        let mut begun = BTreeMap::new();
        for row in &locked.rows {
            let log = *numbers.get(&row.try_get(0)?).ok_or(BROKEN_HEAD)?;
            begun.insert(log.clone(), locked_head(row)?);
        }
        let heads = begun.iter().map(|(log, locked)| (log.clone(), locked.head)).collect();
        self.begun = Some(begun);
        let digest = policy.rows.first().map(|row| row.try_get::<_, &[u8]>(0)).transpose()?;
        let digest = digest.map(<[u8; 32]>::try_from).transpose();
        let policy = digest.map_err(|_| StoreError::Broken("the policy set in force is not of a known layout"))?;
        Ok(BatchStart::Shared { heads, policy })
    }

    /// The state of a log, which is created if it is new. Within a batch.
    fn read_state(&mut self, log: &LogName) -> Result<LogState, StoreError> {
        let Self { connection: Some(connection), names, begun: Some(begun), .. } = self else {
            return Err(BROKEN_HEAD);
        };
        let name = log.to_string();
        names.find(connection, [name.clone()])?;
        names.number_all(connection, [name.clone()].into())?;
        let number = names.number(&name)?;
        let locked = if let Some(locked) = begun.get(log) {
            *locked
        } else {
            let new = Statement::new(NEW_LOG).with(number).with(Tree::empty().root().as_bytes().to_vec());
            let [_, found] = connection.run([new, Statement::new(LOCK).with(vec![number])])?;
            let locked = locked_head(found.rows.first().ok_or(BROKEN_HEAD)?)?;
            begun.insert(log.clone(), locked);
            locked
        };
        let size = locked.head.size;
        let edge = right_edge(size).map(|tile| rows::tile_position(number, tile)).collect::<Result<Vec<_>, _>>()?;
        let [tiles] = connection.run([Statement::new(TILES).with(edge)])?;
        let tiles: HashMap<i64, &[u8]> =
            tiles.rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect::<Result<_, StoreError>>()?;
        let tree = Tree::load(size, |tile| {
            let bytes = tiles.get(&rows::tile_position(number, tile)?).copied().unwrap_or_default();
            tile_from_bytes(bytes).ok_or(StoreError::Broken("a tile is not whole hashes"))
        })?;
        if tree.root() != locked.head.root {
            return Err(StoreError::Broken("a log's tiles do not make up its head"));
        }
        Ok(LogState { tree, recorded_at: locked.recorded_at })
    }

    fn try_commit(&mut self, append: &Append) -> Result<(), StoreError> {
        if append.is_empty() {
            return self.end(vec![Statement::new(CONFIRM)], None);
        }
        if self.begun.is_none() {
            self.try_begin(&append.heads.iter().map(|head| head.log.clone()).collect())?;
        }
        let Self { connection: Some(connection), names, vault, data_keys, .. } = self else { return Err(BROKEN_HEAD) };
        let mut bear: BTreeSet<String> = rows::names(append);
        bear.extend(inbox::names(&append.consumers));
        names.find(connection, bear.iter().cloned())?;
        names.number_all(connection, bear)?;
        // Take the keys, so that the next batch does not mistake a key of a failed batch for a stored one.
        let keys = BatchKeys::make(vault, append, std::mem::take(data_keys))?;
        let clear = write::in_the_clear(append, names, &keys)?;
        let sent = connection.send(clear.statements);
        // The server writes while we seal.
        let sealed = write::sealed(append, names, vault, &keys);
        let mut answers = sent.wait()?.into_iter();
        let moved = answers.next().ok_or(BROKEN_HEAD)??;
        let moved = moved.rows.iter().map(|row| row.try_get(0)).collect::<Result<BTreeSet<i64>, _>>()?;
        for head in &append.heads {
            if !moved.contains(&names.number(&head.log.to_string())?) {
                return Err(StoreError::Fenced(head.log.clone()));
            }
        }
        check(answers, clear.expected.into_iter().skip(1)).map_err(|error| match (error, append.requests.first()) {
            // Another gateway took the request id, which the heads do not exclude.
            (StoreError::Broken(write::TAKEN), Some(request)) => StoreError::Fenced(request.seen.log.clone()),
            (error, _) => error,
        })?;
        let sealed = sealed?;
        if !sealed.statements.is_empty() {
            check(connection.run_each(sealed.statements)?.into_iter(), sealed.expected.into_iter())?;
        }
        let announcement = (!append.heads.is_empty()).then(|| announcement(&self.tag));
        self.end(Vec::new(), announcement)
    }

    /// Commits the current batch, if there is one. After a failure here the outcome is unknown.
    fn end(&mut self, mut statements: Vec<Statement>, announcement: Option<String>) -> Result<(), StoreError> {
        if self.begun.is_some() {
            statements.push(Statement::new(COMMIT));
        }
        let committed = self.connection()?.commit_and_announce(statements, announcement);
        self.begun = None;
        self.data_keys.clear();
        match committed {
            Ok(()) => {
                self.names.settle();
                Ok(())
            }
            Err(StoreError::Interrupted(why) | StoreError::Server(why)) => Err(StoreError::Interrupted(why)),
            Err(other) => Err(other),
        }
    }
}

impl Store for PostgresStore {
    fn begin(&mut self, logs: &BTreeSet<LogName>) -> Result<BatchStart, StoreError> {
        self.roll_back();
        let begun = self.try_begin(logs);
        self.end_if_failed(begun)
    }

    fn recover(&mut self, log: &LogName) -> Result<LogState, StoreError> {
        let alone = self.begun.is_none();
        let begun = if alone { self.try_begin(&[log.clone()].into()).map(drop) } else { Ok(()) };
        let state = begun.and_then(|()| self.read_state(log));
        let state = match state {
            Ok(state) if alone => self.end(Vec::new(), None).map(|()| state),
            other => other,
        };
        self.end_if_failed(state)
    }

    fn checkpoint(&mut self, log: &LogName) -> Result<Option<(u64, String)>, StoreError> {
        // Over this connection: another may lead to another server, or wait for whoever holds the locks.
        let number = self.names.get(&log.to_string());
        let newest = self.connection().and_then(|connection| read::newest_checkpoint_of(connection, number));
        self.end_if_failed(newest)
    }

    fn policy(&mut self) -> Result<Option<PolicyInForce>, StoreError> {
        let policy = self.connection().and_then(read::policy);
        self.end_if_failed(policy)
    }

    fn load(&mut self, wanted: &Wanted) -> Result<Loaded, StoreError> {
        if self.begun.is_none() && !wanted.requests.is_empty() {
            // A new batch starts with its requests; keys of an abandoned batch are no longer needed.
            self.data_keys.clear();
        }
        let loaded = self.connect().and_then(|()| {
            let Self { connection: Some(connection), names, vault, data_keys, .. } = &mut *self else {
                return Err(BROKEN_HEAD);
            };
            load::load(connection, names, vault, wanted, data_keys)
        });
        self.end_if_failed(loaded)
    }

    fn commit(&mut self, append: &Append) -> Result<(), StoreError> {
        let committed = self.try_commit(append);
        self.end_if_failed(committed)
    }

    fn due(
        &mut self,
        jurisdiction: &JurisdictionId,
        kind: ItemKind,
        at: Timestamp,
        limit: usize,
    ) -> Result<Vec<ListedItem>, StoreError> {
        let due = agenda::due(jurisdiction, kind, at, limit).and_then(|ask| self.connection()?.run([ask]));
        let due = due.and_then(|[found]| agenda::read_list(&found, jurisdiction));
        self.end_if_failed(due)
    }

    fn reader(&self) -> Arc<dyn Reader> {
        let reader: Arc<PostgresReader> = Arc::clone(&self.reader);
        reader
    }

    fn follower(&self) -> Option<Box<dyn HeadFollower>> {
        Some(Box::new(Follower::new(self.address.clone(), self.tag.clone())))
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore")
            .field("address", &self.address)
            .field("connection", &self.connection)
            .finish_non_exhaustive()
    }
}

/// Checks that each statement wrote as many rows as it must.
fn check(
    answers: impl Iterator<Item = Result<Answer, StoreError>>,
    expected: impl Iterator<Item = Option<(usize, &'static str)>>,
) -> Result<(), StoreError> {
    for (answer, expected) in answers.zip(expected) {
        let written = usize::try_from(answer?.affected).unwrap_or(usize::MAX);
        if let Some((rows, else_wrong)) = expected
            && rows != written
        {
            return Err(StoreError::Broken(else_wrong));
        }
    }
    Ok(())
}

/// Sent outside of the batch: inside, it would serialize all commits of the database. It is not synced, since it is
/// only a hint. The tag is ours and holds hexadecimal digits only.
fn announcement(tag: &str) -> String {
    format!("SELECT set_config('synchronous_commit', 'off', true), pg_notify('comity', '{tag}')")
}

/// Reads `log, size, root, recorded_at`.
fn locked_head(row: &Row) -> Result<LockedHead, StoreError> {
    let root: &[u8] = row.try_get(2)?;
    let root = root.try_into().map(Hash::from_bytes).map_err(|_| BROKEN_HEAD)?;
    let head = Head { size: rows::size(row.try_get(1)?)?, root };
    Ok(LockedHead { head, recorded_at: rows::time(row.try_get(3)?)? })
}

/// The tiles that restore a tree of this size: the last tile of each level, if it is not full.
fn right_edge(size: u64) -> impl Iterator<Item = TileId> {
    let width = u64::try_from(TILE_WIDTH).unwrap_or(u64::MAX);
    let levels = std::iter::successors(Some((0u8, size)), move |(level, hashes)| {
        Some((level.checked_add(1)?, hashes / width)).filter(|(_, hashes)| *hashes > 0)
    });
    levels
        .filter(move |(_, hashes)| hashes % width > 0)
        .map(move |(level, hashes)| TileId { level, index: hashes / width })
}
