//! The reading side of a store, and its types.

use jiff::Timestamp;
use uuid::Uuid;

use crate::domain::agency::{AgencyKind, Caller};
use crate::domain::case::StoredCase;
use crate::domain::ids::{AgencyId, CaseKind, CaseName, JurisdictionId, LogName, RequestId};
use crate::domain::inbox::Inbox;
use crate::domain::search::Term;
use crate::ledger::{Hash, TileId};
use crate::store::appeals::{ItemFilter, Listed};
use crate::store::{AgendaFilter, Audience, Disclosed, ListedItem, PolicyInForce, StoreError};
use crate::wire::entry::{self, Opening, ReadLeaf};

/// An entry as read back.
#[derive(Debug, Clone)]
pub struct StoredEntry {
    /// Its position in the log.
    pub index: u64,
    /// The leaf's bytes.
    pub leaf: Vec<u8>,
    /// The contents of all classes. Of an expunged entry: only what is for counting.
    pub openings: Vec<Opening>,
    /// Its case was expunged since, so that the rest can be opened no more.
    pub expunged: bool,
    /// Who may see it.
    pub audience: Audience,
}

impl StoredEntry {
    /// Its leaf, read.
    pub fn read_leaf(&self) -> Result<ReadLeaf, StoreError> {
        read_leaf(&self.leaf)
    }
}

/// An entry without its content.
#[derive(Debug, Clone)]
pub struct EntryHeader {
    /// Its position in the log.
    pub index: u64,
    /// The leaf's bytes.
    pub leaf: Vec<u8>,
    /// Who may see it.
    pub audience: Audience,
}

impl EntryHeader {
    /// Its leaf, read.
    pub fn read_leaf(&self) -> Result<ReadLeaf, StoreError> {
        read_leaf(&self.leaf)
    }
}

fn read_leaf(leaf: &[u8]) -> Result<ReadLeaf, StoreError> {
    entry::read_leaf(leaf).map_err(|_| StoreError::Broken("a leaf is not of a known layout"))
}

/// Whose cases are read. Any other case is not opened, and cannot be distinguished from one that does not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CasesOf {
    /// Cases that this agency issued or whose person it holds; `None` for everybody's.
    pub agency: Option<AgencyId>,
    /// Include cases addressed to no particular custodian.
    pub unassigned: bool,
}

impl CasesOf {
    /// Everybody's cases.
    pub const ANYBODYS: Self = Self { agency: None, unassigned: true };

    /// Whether a case belongs to them, by the numbers of its issuer and holder. `own` is the number of the agency, if
    /// it has one.
    pub(in crate::store) fn has(&self, own: Option<i64>, issuer: Option<i64>, holder: Option<i64>) -> bool {
        let theirs = self.agency.is_none() || (own.is_some() && (issuer == own || holder == own));
        theirs || (self.unassigned && holder.is_none())
    }

    /// The cases that may belong to a caller in a jurisdiction. The gate decides whether the caller may see a case, and
    /// what of it.
    pub fn of(caller: &Caller, jurisdiction: &JurisdictionId) -> Self {
        let takes_part = caller.takes_part_in(jurisdiction);
        let oversees = takes_part && caller.agency.kind == AgencyKind::Oversight;
        let holds_people = takes_part && caller.agency.kind.holds_people();
        Self { agency: (!oversees).then(|| caller.agency.id.clone()), unassigned: holds_people }
    }
}

/// Which cases to list.
#[derive(Debug, Clone)]
pub struct CaseFilter {
    /// The jurisdiction.
    pub jurisdiction: JurisdictionId,
    /// Detainers, custodies or appeals.
    pub kind: CaseKind,
    /// Cases of this agency; `None` for everybody's.
    pub agency: Option<AgencyId>,
    /// Include cases addressed to no particular custodian.
    pub unassigned: bool,
    /// Only cases that have one of these terms. Empty: whatever terms they have.
    pub terms: Vec<Term>,
    /// Start after this one.
    pub after: Option<Uuid>,
    /// The most cases.
    pub limit: usize,
}

/// The reading side. It may be used from many threads at once, but never from a network thread.
pub trait Reader: Send + Sync + std::fmt::Debug {
    /// A case.
    fn case(&self, name: &CaseName) -> Result<Option<StoredCase>, StoreError>;

    /// A case, if it belongs to them. Otherwise the call takes as long as for a missing case, and the case is not
    /// opened.
    fn case_of(&self, whose: &CasesOf, name: &CaseName) -> Result<Option<StoredCase>, StoreError>;

    /// Cases in the order they were created, without those that were expunged.
    fn cases(&self, filter: &CaseFilter) -> Result<Vec<StoredCase>, StoreError>;

    /// Entries from a position on.
    fn entries(&self, log: &LogName, from: u64, limit: usize) -> Result<Vec<StoredEntry>, StoreError>;

    /// Entries from a position on, for one caller. Entries outside the caller's audience come without contents, so that
    /// nothing is unsealed for somebody who may not see it.
    fn entries_for(
        &self,
        caller: &Caller,
        log: &LogName,
        from: u64,
        limit: usize,
    ) -> Result<Vec<StoredEntry>, StoreError>;

    /// The answer to the write that an entry records, with its leaf.
    fn answer(&self, log: &LogName, index: u64) -> Result<Option<RecordedAnswer>, StoreError>;

    /// The newest checkpoint; `None` for a log without entries.
    fn checkpoint(&self, log: &LogName) -> Result<Option<(u64, String)>, StoreError>;

    /// The checkpoint of exactly this size, if one was signed.
    fn checkpoint_at(&self, log: &LogName, size: u64) -> Result<Option<String>, StoreError>;

    /// Every checkpoint of a log, in order of size.
    fn checkpoints(&self, log: &LogName) -> Result<Vec<(u64, String)>, StoreError>;

    /// The stored size of a log.
    fn head(&self, log: &LogName) -> Result<Option<u64>, StoreError>;

    /// A tile of a log's tree.
    fn tile(&self, log: &LogName, tile: TileId) -> Result<Vec<Hash>, StoreError>;

    /// Leaves and audiences from a position on, for counting. Nothing is unsealed.
    fn headers(&self, log: &LogName, from: u64, limit: usize) -> Result<Vec<EntryHeader>, StoreError>;

    /// How far the consumers of an agency have received in a jurisdiction.
    fn inbox(&self, agency: &AgencyId, jurisdiction: &JurisdictionId) -> Result<Inbox, StoreError>;

    /// The policy set in force; `None` if the store has never had one.
    fn policy(&self) -> Result<Option<PolicyInForce>, StoreError>;

    /// Open items, earliest due first.
    fn agenda(&self, filter: &AgendaFilter) -> Result<Vec<ListedItem>, StoreError>;

    /// Detainers of an appeal, in order.
    fn items(&self, filter: &ItemFilter) -> Result<Vec<Listed>, StoreError>;

    /// Where a write of an agency was recorded, by the key that it was sent with.
    fn request(&self, agency: &AgencyId, request_id: &RequestId) -> Result<Option<(LogName, u64)>, StoreError>;

    /// When an agency first confirmed that it received an entry; `None` if it has not.
    fn delivery(&self, agency: &AgencyId, log: &LogName, index: u64) -> Result<Option<Timestamp>, StoreError>;

    /// At most `limit` disclosures after a number, oldest first, of the store that keeps a jurisdiction. Others of its
    /// jurisdictions are among them.
    fn disclosures(
        &self,
        jurisdiction: &JurisdictionId,
        after: i64,
        limit: usize,
    ) -> Result<Vec<Disclosed>, StoreError>;

    /// All logs.
    fn logs(&self) -> Result<Vec<LogName>, StoreError>;

    /// Checks that the store answers.
    fn probe(&self) -> Result<(), StoreError>;
}

/// A write's answer, to be given again.
#[derive(Debug, Clone)]
pub struct RecordedAnswer {
    /// The encoded answer, without its receipt. `None`: what was written was expunged since.
    pub answer: Option<Vec<u8>>,
    /// The leaf's bytes.
    pub leaf: Vec<u8>,
    /// The size of the tree at the end of its batch. Its receipt is proven against that checkpoint.
    pub batch_size: u64,
}
