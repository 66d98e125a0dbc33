//! Where everything durable is: one trait at the granularity of a batch, called from the writer's own thread, and one
//! for reading. Only this room names SQL.
//!
//! A store keeps what the recorder hands it and forgets nothing; what may be written is decided before.

mod account;
mod agenda;
pub mod appeals;
mod audience;
mod compact;
mod copy;
mod error;
mod place;
pub mod postgres;
mod reader;
mod rows;
mod sealed;
mod sharded;
pub mod sqlite;
pub mod vault;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

pub use account::{Account, Disclosed};
pub use agenda::{AgendaChange, AgendaFilter, AgendaPlace, ListedItem};
pub use audience::Audience;
pub use copy::{Copied, copy, digest};
pub use error::StoreError;
pub use place::{Found, Place};
pub use reader::{CaseFilter, CasesOf, EntryHeader, Reader, RecordedAnswer, StoredEntry};
pub use sharded::Sharded;

use crate::domain::agenda::{Item, ItemKind};
use crate::domain::case::StoredCase;
use crate::domain::determination::FieldClasses;
use crate::domain::ids::{AgencyId, CaseName, JurisdictionId, LogName, OfficerPseudonym, RequestId};
use crate::domain::inbox::{Consumer, Inbox, InboxConsumer};
use crate::ledger::{Hash, TileId, Tree};
use crate::store::appeals::{AppealsLoaded, AppealsWanted, NewAppeals};
use crate::wire::entry::Opening;

/// The state of one log, as the writer needs it.
#[derive(Debug, Clone)]
pub struct LogState {
    /// Right edge of the tree.
    pub tree: Tree,
    /// When the newest entry was recorded; the next is never earlier.
    pub recorded_at: Timestamp,
}

/// How the logs of a batch stand, as it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// As this writer left them: nobody else writes to this store.
    AsLeft,
    /// Others write to it too, but not to these logs until this batch has ended.
    Shared {
        /// Where each log stands.
        heads: BTreeMap<LogName, Head>,
        /// The digest of the policy set in force, as whoever activated it last has it.
        policy: Option<[u8; 32]>,
    },
}

/// The head of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Entries.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
}

/// What a batch needs to know before it can be planned.
#[derive(Debug, Default)]
pub struct Wanted {
    /// Cases by name.
    pub cases: BTreeSet<CaseName>,
    /// Which of them are found only if they are one of these: any other costs what one costs that there is not.
    pub only_of: BTreeMap<CaseName, Vec<CasesOf>>,
    /// Writes that may have been recorded before.
    pub requests: BTreeSet<(AgencyId, RequestId)>,
    /// First delivery of an entry of the exchange log to an agency.
    pub deliveries: BTreeSet<(AgencyId, LogName, u64)>,
    /// How far the consumers of an agency have received in a jurisdiction.
    pub inboxes: BTreeSet<(AgencyId, JurisdictionId)>,
    /// Of appeals.
    pub appeals: AppealsWanted,
}

/// A write that was recorded before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenRequest {
    /// HMAC of the command it was used with.
    pub digest: [u8; 32],
    /// Where it was recorded.
    pub log: LogName,
    /// At which position.
    pub index: u64,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Loaded {
    /// Cases by name.
    pub cases: BTreeMap<CaseName, StoredCase>,
    /// Writes recorded before.
    pub requests: BTreeMap<(AgencyId, RequestId), SeenRequest>,
    /// First deliveries.
    pub deliveries: BTreeMap<(AgencyId, LogName, u64), Timestamp>,
    /// Every inbox that was wanted.
    pub inboxes: BTreeMap<(AgencyId, JurisdictionId), Inbox>,
    /// What is open about each case that was found. One about which nothing is open may be missing.
    pub agenda: BTreeMap<CaseName, Vec<Item>>,
    /// Of appeals.
    pub appeals: AppealsLoaded,
}

/// One entry to append.
#[derive(Debug)]
pub struct NewEntry {
    /// In which log.
    pub log: LogName,
    /// At which position.
    pub index: u64,
    /// The case under whose key its personal content is sealed. Without one it has none.
    pub case: Option<CaseName>,
    /// The leaf's bytes.
    pub leaf: Vec<u8>,
    /// Contents of every class.
    pub openings: Vec<Opening>,
    /// Who may see it.
    pub audience: Audience,
    /// The answer to the write that caused it, on the first entry of a write.
    pub answer: Option<Vec<u8>>,
}

/// A write now recorded.
#[derive(Debug)]
pub struct NewRequest {
    /// Whose.
    pub agency: AgencyId,
    /// The client's key.
    pub request_id: RequestId,
    /// What is remembered of it.
    pub seen: SeenRequest,
}

/// A log grown by a batch.
#[derive(Debug)]
pub struct HeadMove {
    /// Which log.
    pub log: LogName,
    /// Before; the commit fails if it is not so.
    pub from: Head,
    /// After.
    pub to: Head,
    /// When the newest entry was recorded.
    pub recorded_at: Timestamp,
    /// The signed checkpoint of the size after.
    pub checkpoint: String,
    /// Tiles made or grown.
    pub tiles: Vec<(TileId, Vec<Hash>)>,
}

/// Delivery confirmed of some entries.
#[derive(Debug)]
pub struct NewDelivery {
    /// By whom.
    pub agency: AgencyId,
    /// Of which log.
    pub log: LogName,
    /// From this index on.
    pub from: u64,
    /// Entries before it were received.
    pub position: u64,
    /// When, by our clock.
    pub recorded_at: Timestamp,
}

impl NewDelivery {
    /// Whether an entry of the log was received with it.
    pub fn covers(&self, index: u64) -> bool {
        (self.from..self.position).contains(&index)
    }
}

/// A consumer as it now stands.
#[derive(Debug)]
pub struct NewConsumer {
    /// Which.
    pub whose: InboxConsumer,
    /// How far it has received.
    pub state: Consumer,
}

/// Personal data that leaves (5 USC 552a(c): date, nature, purpose, recipient).
#[derive(Debug, Clone)]
pub struct NewDisclosure {
    /// When, by our clock.
    pub recorded_at: Timestamp,
    /// To whom.
    pub recipient: AgencyId,
    /// To which officer or system of theirs.
    pub officer: Option<OfficerPseudonym>,
    /// By which method: the purpose.
    pub method: &'static str,
    /// Which resources: their names, a line each.
    pub resources: String,
    /// Which classes.
    pub classes: FieldClasses,
}

/// The policy set in force in a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyInForce {
    /// Its digest.
    pub digest: [u8; 32],
    /// The digest of each of its files.
    pub files: BTreeMap<String, [u8; 32]>,
    /// Since when, by our clock.
    pub since: Timestamp,
}

/// Everything one batch makes durable, at once or not at all.
#[derive(Debug, Default)]
pub struct Append {
    /// Logs grown.
    pub heads: Vec<HeadMove>,
    /// Entries, in order.
    pub entries: Vec<NewEntry>,
    /// Cases as they now stand.
    pub cases: Vec<StoredCase>,
    /// What is open now, or no longer.
    pub agenda: Vec<AgendaChange>,
    /// Writes recorded.
    pub requests: Vec<NewRequest>,
    /// Deliveries confirmed.
    pub deliveries: Vec<NewDelivery>,
    /// Consumers as they now stand.
    pub consumers: Vec<NewConsumer>,
    /// Disclosures about to be made.
    pub disclosures: Vec<NewDisclosure>,
    /// Appeals issued and answered.
    pub appeals: NewAppeals,
    /// A policy set that comes into force.
    pub policy: Option<PolicyInForce>,
}

impl Append {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
            && self.cases.is_empty()
            && self.disclosures.is_empty()
            && self.consumers.is_empty()
            && self.agenda.is_empty()
            && self.policy.is_none()
    }
}

/// A commit that a power cut would still take.
pub struct Unsynced(Box<dyn FnOnce() -> Result<(), StoreError> + Send>);

impl std::fmt::Debug for Unsynced {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Unsynced")
    }
}

impl Unsynced {
    /// With what makes it durable.
    pub(in crate::store) fn new(sync: impl FnOnce() -> Result<(), StoreError> + Send + 'static) -> Self {
        Self(Box::new(sync))
    }

    /// Makes it durable, and every commit before it. After an error nobody knows what is.
    pub fn sync(self) -> Result<(), StoreError> {
        (self.0)()
    }
}

/// The writer's side: begin, load, commit. One writer per shard and process; other processes may write to the same shard
/// where the store lets them, and are found out by the heads.
///
/// An error other than [`StoreError::Interrupted`] and [`StoreError::Fenced`] means that nobody knows what is durable: the
/// writer must stop, and a restart reads the truth. After one of these the batch has ended without an answer; a new one
/// may be begun, which connects anew where it must.
pub trait Store: Send + std::fmt::Debug {
    /// Begins a batch over logs: until it ends nobody else writes to them. Whatever is loaded in it is as of now.
    fn begin(&mut self, logs: &BTreeSet<LogName>) -> Result<Standing, StoreError>;

    /// Reads the state of a log, an empty one if it is new, and checks that the stored head fits the tree.
    fn recover(&mut self, log: &LogName) -> Result<LogState, StoreError>;

    /// The newest checkpoint of a log, as the writer sees it.
    fn checkpoint(&mut self, log: &LogName) -> Result<Option<(u64, String)>, StoreError> {
        self.reader().checkpoint(log)
    }

    /// The policy set in force, as the writer sees it.
    fn policy(&mut self) -> Result<Option<PolicyInForce>, StoreError> {
        self.reader().policy()
    }

    /// Reads what a batch needs.
    fn load(&mut self, wanted: &Wanted) -> Result<Loaded, StoreError>;

    /// Makes a batch durable and ends it: when it returns, everything in it survives a power cut, and so does all that was
    /// loaded for it; with nothing to write, that alone. A case that is not new must have been loaded for the batch.
    fn commit(&mut self, append: &Append) -> Result<(), StoreError>;

    /// Commits a batch as [`Store::commit`] does, but leaves the wait for the disk to the answer, which may be waited for
    /// elsewhere while the next batch is planned. None: it is durable already.
    ///
    /// What is not durable yet MUST be acknowledged to nobody, nor shown: a reader waits for it.
    fn commit_unsynced(&mut self, append: &Append) -> Result<Option<Unsynced>, StoreError> {
        self.commit(append).map(|()| None)
    }

    /// Whether a commit may be left unsynced for a while.
    fn syncs_apart(&self) -> bool {
        false
    }

    /// Open items of a kind in a jurisdiction that are due at a time, the longest due first. Asked before a batch begins.
    fn due(
        &mut self,
        jurisdiction: &JurisdictionId,
        kind: ItemKind,
        at: Timestamp,
        limit: usize,
    ) -> Result<Vec<ListedItem>, StoreError>;

    /// The reader's side of the same store.
    fn reader(&self) -> Arc<dyn Reader>;

    /// Tells of what others write to the same store; none where nobody else does.
    fn others(&self) -> Option<postgres::Others>;
}
