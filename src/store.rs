//! The durable store: one trait for writing, at the granularity of a batch and called from the writer's own thread, and
//! one for reading. Only this room names SQL.
//!
//! A store keeps what the recorder gives it and forgets nothing. The decision what to write is made elsewhere.

mod account;
mod agenda;
pub mod appeals;
mod audience;
mod compact;
mod copy;
mod data_keys;
mod entry_subjects;
mod error;
mod inspected;
mod location;
pub mod postgres;
mod reader;
mod restored;
mod rewrap;
mod rows;
mod sealed;
mod search;
mod sharded;
pub mod sqlite;
mod tables;
mod taken_over;
pub mod vault;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

pub use account::Disclosed;
pub use agenda::{AgendaChange, AgendaFilter, AgendaPosition, ListedItem};
pub use audience::Audience;
pub use copy::{Copied, backup, copy, digest, restore};
pub use entry_subjects::EntrySubjects;
pub use error::StoreError;
pub use inspected::{Inspected, StoreState};
pub use location::{FoundStore, StoreLocation};
pub use reader::{CaseFilter, CasesOf, EntryHeader, Reader, RecordedAnswer, StoredEntry};
pub use rewrap::{Rewrapped, rewrap};
pub use sharded::Sharded;

use crate::domain::agenda::{Item, ItemKind};
use crate::domain::case::StoredCase;
use crate::domain::determination::FieldClasses;
use crate::domain::ids::{AgencyId, CaseKind, CaseName, JurisdictionId, LogKind, LogName, OfficerPseudonym, RequestId};
use crate::domain::inbox::{Consumer, EntryPosition, Inbox, InboxConsumer};
use crate::domain::method::ReadMethod;
use crate::domain::search::Term;
use crate::ledger::{Hash, TileId, Tree};
use crate::store::appeals::{AppealsLoaded, AppealsWanted, NewAppeals};
use crate::wire::entry::Opening;

/// The state of a log that the writer needs.
#[derive(Debug, Clone)]
pub struct LogState {
    /// The right edge of the tree.
    pub tree: Tree,
    /// When the newest entry was recorded. The next entry is never earlier.
    pub recorded_at: Timestamp,
}

/// The state of the logs when a batch begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BatchStart {
    /// Unchanged since this writer's last batch: nobody else writes to this store.
    AsLeft,
    /// Others write to it too, but not to these logs until this batch has ended.
    Shared {
        /// The head of each log.
        heads: BTreeMap<LogName, Head>,
        /// The digest of the policy set in force, as its last activation left it.
        policy: Option<[u8; 32]>,
    },
}

/// The head of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The number of entries.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
}

/// Terms by which cases of a kind are found in a jurisdiction.
pub type FoundBy = BTreeMap<(JurisdictionId, CaseKind), BTreeSet<Term>>;

/// What a batch needs to read before it can be planned.
#[derive(Debug, Default)]
pub struct Wanted {
    /// Cases by name.
    pub cases: BTreeSet<CaseName>,
    /// Cases that are found only if they belong to one of these. Any other case costs as much as one that does not
    /// exist.
    pub only_of: BTreeMap<CaseName, Vec<CasesOf>>,
    /// Writes that may have been recorded before.
    pub requests: BTreeSet<(AgencyId, RequestId)>,
    /// Entries of the exchange log whose first delivery to an agency is needed.
    pub deliveries: BTreeSet<(AgencyId, LogName, u64)>,
    /// Inboxes: how far the consumers of an agency have received in a jurisdiction.
    pub inboxes: BTreeSet<(AgencyId, JurisdictionId)>,
    /// Cases that have one of these terms: of each term as many of the oldest as a custodian is asked about.
    pub found_by: FoundBy,
    /// What is needed about appeals.
    pub appeals: AppealsWanted,
}

/// A write that was recorded before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenRequest {
    /// The HMAC of the command that used the request id.
    pub digest: [u8; 32],
    /// The log it was recorded in.
    pub log: LogName,
    /// Its position.
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
    /// Every inbox that was asked for.
    pub inboxes: BTreeMap<(AgencyId, JurisdictionId), Inbox>,
    /// The open items of each case that was found. A case without open items may be missing.
    pub agenda: BTreeMap<CaseName, Vec<Item>>,
    /// What was found about appeals.
    pub appeals: AppealsLoaded,
}

/// One entry to append.
#[derive(Debug)]
pub struct NewEntry {
    /// The log.
    pub log: LogName,
    /// Its position.
    pub index: u64,
    /// The case whose key seals its personal content. Without a case it has no personal content.
    pub case: Option<CaseName>,
    /// The leaf's bytes.
    pub leaf: Vec<u8>,
    /// The contents of all classes.
    pub openings: Vec<Opening>,
    /// Who may see it.
    pub audience: Audience,
    /// The answer to the write that caused it, on the first entry of that write.
    pub answer: Option<Vec<u8>>,
}

/// A write that is now recorded.
#[derive(Debug)]
pub struct NewRequest {
    /// The agency that made it.
    pub agency: AgencyId,
    /// The client's key.
    pub request_id: RequestId,
    /// What is remembered about it.
    pub seen: SeenRequest,
}

/// A log that a batch extends.
#[derive(Debug)]
pub struct HeadMove {
    /// The log.
    pub log: LogName,
    /// The head before. The commit fails if it differs.
    pub from: Head,
    /// The head after.
    pub to: Head,
    /// When the newest entry was recorded.
    pub recorded_at: Timestamp,
    /// The signed checkpoint of the new size.
    pub checkpoint: String,
    /// Tiles that are new or have grown.
    pub tiles: Vec<(TileId, Vec<Hash>)>,
}

/// A confirmed delivery of some entries.
#[derive(Debug)]
pub struct NewDelivery {
    /// The agency that confirmed.
    pub agency: AgencyId,
    /// The log.
    pub log: LogName,
    /// The first index.
    pub from: u64,
    /// The position that entries were received up to, exclusive.
    pub position: u64,
    /// When, by our clock.
    pub recorded_at: Timestamp,
}

impl NewDelivery {
    /// Whether it covers an entry of the log.
    pub fn covers(&self, index: u64) -> bool {
        (self.from..self.position).contains(&index)
    }
}

/// A consumer with its new state.
#[derive(Debug)]
pub struct NewConsumer {
    /// The consumer.
    pub whose: InboxConsumer,
    /// How far it has received.
    pub state: Consumer,
}

/// A disclosure of personal data (5 USC 552a(c): date, nature, purpose, recipient).
#[derive(Debug, Clone)]
pub struct NewDisclosure {
    /// When, by our clock.
    pub recorded_at: Timestamp,
    /// The recipient.
    pub recipient: AgencyId,
    /// The officer or system of the recipient.
    pub officer: Option<OfficerPseudonym>,
    /// The method, which states the purpose.
    pub method: ReadMethod,
    /// The jurisdiction whose logs hold all of the resources.
    pub jurisdiction: JurisdictionId,
    /// The cases and entries.
    pub resources: Vec<DisclosedResource>,
    /// The classes.
    pub classes: FieldClasses,
}

/// A case or an entry, within the jurisdiction of its disclosure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DisclosedResource {
    /// A case.
    Case {
        /// Its kind.
        kind: CaseKind,
        /// Its id.
        id: Uuid,
    },
    /// An entry.
    Entry(EntryPosition),
}

impl From<&CaseName> for DisclosedResource {
    fn from(name: &CaseName) -> Self {
        Self::Case { kind: name.kind, id: name.id }
    }
}

impl DisclosedResource {
    /// An entry of a log.
    pub fn entry(log: &LogName, index: u64) -> Self {
        Self::Entry(EntryPosition { log: log.kind, index })
    }

    /// Its name in a jurisdiction.
    pub fn name(self, jurisdiction: JurisdictionId) -> String {
        match self {
            Self::Case { kind, id } => CaseName { jurisdiction, kind, id }.to_string(),
            Self::Entry(EntryPosition { log, index }) => LogName { jurisdiction, kind: log }.entry(index),
        }
    }
}

impl NewDisclosure {
    /// The names of the resources as they are stored, one on each line.
    pub(in crate::store) fn resource_names(&self) -> String {
        let names = self.resources.iter().map(|resource| resource.name(self.jurisdiction.clone()));
        names.collect::<Vec<_>>().join("\n")
    }
}

/// The policy set in force in a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyInForce {
    /// Its digest.
    pub digest: [u8; 32],
    /// The digest of each of its files.
    pub files: BTreeMap<String, [u8; 32]>,
    /// When it came into force, by our clock.
    pub since: Timestamp,
}

/// A case whose record is destroyed.
#[derive(Debug, Clone)]
pub struct Expungement {
    /// The case.
    pub case: CaseName,
    /// Its entries before these can be opened no more.
    pub from: SealedFrom,
}

/// The positions in the logs of a jurisdiction from which on the entries of a case are sealed under its present key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealedFrom {
    /// In the exchange log.
    pub exchange: u64,
    /// In the custody log.
    pub custody: u64,
}

impl SealedFrom {
    /// The position in a log.
    pub fn of(self, log: LogKind) -> u64 {
        match log {
            LogKind::Exchange => self.exchange,
            LogKind::Custody => self.custody,
        }
    }
}

/// Everything that one batch makes durable, all together or not at all.
#[derive(Debug, Default)]
pub struct Append {
    /// Logs that grow.
    pub heads: Vec<HeadMove>,
    /// Entries, in order.
    pub entries: Vec<NewEntry>,
    /// Cases with their new state.
    pub cases: Vec<StoredCase>,
    /// Items that are opened or closed.
    pub agenda: Vec<AgendaChange>,
    /// Writes recorded.
    pub requests: Vec<NewRequest>,
    /// Confirmed deliveries.
    pub deliveries: Vec<NewDelivery>,
    /// Consumers with their new state.
    pub consumers: Vec<NewConsumer>,
    /// Disclosures that are about to be made.
    pub disclosures: Vec<NewDisclosure>,
    /// Appeals issued and answered.
    pub appeals: NewAppeals,
    /// Cases whose records are destroyed. What is left of each is among `cases`.
    pub expunged: Vec<Expungement>,
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

/// The writing side: begin, load, commit. There is one writer for each shard and process. Other processes may write to
/// the same shard if the store allows it; the heads reveal that.
///
/// After any error but [`StoreError::Interrupted`] and [`StoreError::Fenced`] nobody knows what is durable: the writer
/// MUST stop, and a restart reads the truth. After one of these two the batch has ended without an answer. A new batch
/// may begin, and reconnects if necessary.
pub trait Store: Send + std::fmt::Debug {
    /// Begins a batch over logs. Until it ends nobody else writes to them, and what is loaded is current.
    fn begin(&mut self, logs: &BTreeSet<LogName>) -> Result<BatchStart, StoreError>;

    /// Reads the state of a log, which is empty for a new log, and checks that the stored head fits the tree.
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

    /// Makes a batch durable and ends it. When this returns, everything in the batch and everything loaded for it
    /// survives a power cut. An empty batch makes only the loaded state durable. A case that is not new MUST have been
    /// loaded for the batch.
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

    /// Open items of a kind that are due in a jurisdiction, earliest first. Called before a batch begins.
    fn due(
        &mut self,
        jurisdiction: &JurisdictionId,
        kind: ItemKind,
        at: Timestamp,
        limit: usize,
    ) -> Result<Vec<ListedItem>, StoreError>;

    /// The reading side of the same store.
    fn reader(&self) -> Arc<dyn Reader>;

    /// Follows what other gateways write to the same store; `None` where no other gateway can.
    fn follower(&self) -> Option<Box<dyn HeadFollower>>;
}

/// Follows the heads of a store that other gateways write to.
pub trait HeadFollower: Send + std::fmt::Debug {
    /// Waits until something may have been written, for `at_most`. Then returns how many entries of each log are durable.
    fn sizes(&mut self, at_most: Duration) -> Result<BTreeMap<LogName, u64>, StoreError>;
}
