//! The reader's side of a store, and what it gives.

use uuid::Uuid;

use crate::domain::agency::{AgencyKind, Caller};
use crate::domain::case::StoredCase;
use crate::domain::ids::{AgencyId, CaseKind, CaseName, JurisdictionId, LogName};
use crate::domain::inbox::Inbox;
use crate::ledger::{Hash, TileId};
use crate::store::appeals::{ItemFilter, Listed};
use crate::store::{AgendaFilter, Audience, ListedItem, PolicyInForce, StoreError};
use crate::wire::entry::Opening;

/// An entry as read back.
#[derive(Debug, Clone)]
pub struct StoredEntry {
    /// Position in its log.
    pub index: u64,
    /// The leaf's bytes.
    pub leaf: Vec<u8>,
    /// Contents of every class.
    pub openings: Vec<Opening>,
    /// Who may see it.
    pub audience: Audience,
}

/// An entry without its content.
#[derive(Debug, Clone)]
pub struct EntryHeader {
    /// Position in its log.
    pub index: u64,
    /// The leaf's bytes.
    pub leaf: Vec<u8>,
    /// Who may see it.
    pub audience: Audience,
}

/// Whose cases are read: a case that is nobody's of them is not opened, and not even told from one that there is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CasesOf {
    /// Of this agency, which issued it or holds the person; or everybody's.
    pub agency: Option<AgencyId>,
    /// With those addressed to nobody in particular.
    pub unassigned: bool,
}

impl CasesOf {
    /// Everybody's.
    pub const ANYBODYS: Self = Self { agency: None, unassigned: true };

    /// Whether a case is theirs, by the numbers of whoever issued it and holds it. `own` is the number of their agency; none
    /// where it has none yet.
    pub(in crate::store) fn has(&self, own: Option<i64>, issuer: Option<i64>, holder: Option<i64>) -> bool {
        let theirs = self.agency.is_none() || (own.is_some() && (issuer == own || holder == own));
        theirs || (self.unassigned && holder.is_none())
    }

    /// What may be a caller's in a jurisdiction. Whether it may see a case, and what of it, is for the gate to say.
    pub fn of(caller: &Caller, jurisdiction: &JurisdictionId) -> Self {
        let takes_part = caller.takes_part_in(jurisdiction);
        let oversees = takes_part && caller.agency.kind == AgencyKind::Oversight;
        let holds_people = takes_part && caller.agency.kind.holds_people();
        Self { agency: (!oversees).then(|| caller.agency.id.clone()), unassigned: holds_people }
    }
}

/// Whose cases to list.
#[derive(Debug, Clone)]
pub struct CaseFilter {
    /// In which jurisdiction.
    pub jurisdiction: JurisdictionId,
    /// Detainers, custodies or appeals.
    pub kind: CaseKind,
    /// Of this agency, or of everybody.
    pub agency: Option<AgencyId>,
    /// With those addressed to nobody in particular.
    pub unassigned: bool,
    /// After this one.
    pub after: Option<Uuid>,
    /// At most so many.
    pub limit: usize,
}

/// The reader's side: many at a time, never on a network thread.
pub trait Reader: Send + Sync + std::fmt::Debug {
    /// A case.
    fn case(&self, name: &CaseName) -> Result<Option<StoredCase>, StoreError>;

    /// A case, if it is theirs. For whom it is not this takes as long as if there were none: it is not opened.
    fn case_of(&self, whose: &CasesOf, name: &CaseName) -> Result<Option<StoredCase>, StoreError>;

    /// Cases in the order they were made.
    fn cases(&self, filter: &CaseFilter) -> Result<Vec<StoredCase>, StoreError>;

    /// Entries from a position on.
    fn entries(&self, log: &LogName, from: u64, limit: usize) -> Result<Vec<StoredEntry>, StoreError>;

    /// Entries from a position on, as one caller needs them: those it is not in the audience of come without contents,
    /// so that nothing is unsealed for somebody who may not see it.
    fn entries_for(
        &self,
        caller: &Caller,
        log: &LogName,
        from: u64,
        limit: usize,
    ) -> Result<Vec<StoredEntry>, StoreError>;

    /// The answer given to the write that an entry records, with the leaf.
    fn answer(&self, log: &LogName, index: u64) -> Result<Option<RecordedAnswer>, StoreError>;

    /// The newest checkpoint; none for a log without entries.
    fn checkpoint(&self, log: &LogName) -> Result<Option<(u64, String)>, StoreError>;

    /// The checkpoint of exactly this size, if one was signed.
    fn checkpoint_at(&self, log: &LogName, size: u64) -> Result<Option<String>, StoreError>;

    /// Every checkpoint of a log, in order of size.
    fn checkpoints(&self, log: &LogName) -> Result<Vec<(u64, String)>, StoreError>;

    /// The stored size of a log.
    fn head(&self, log: &LogName) -> Result<Option<u64>, StoreError>;

    /// A tile of a log's tree.
    fn tile(&self, log: &LogName, tile: TileId) -> Result<Vec<Hash>, StoreError>;

    /// Leaves and audiences from a position on. Nothing is unsealed: this is for counting.
    fn headers(&self, log: &LogName, from: u64, limit: usize) -> Result<Vec<EntryHeader>, StoreError>;

    /// How far the consumers of an agency have received in a jurisdiction.
    fn inbox(&self, agency: &AgencyId, jurisdiction: &JurisdictionId) -> Result<Inbox, StoreError>;

    /// The policy set in force; none in a store that was never told of one.
    fn policy(&self) -> Result<Option<PolicyInForce>, StoreError>;

    /// Open items in order of the time they are due.
    fn agenda(&self, filter: &AgendaFilter) -> Result<Vec<ListedItem>, StoreError>;

    /// Detainers of an appeal, in order.
    fn items(&self, filter: &ItemFilter) -> Result<Vec<Listed>, StoreError>;

    /// The logs there are.
    fn logs(&self) -> Result<Vec<LogName>, StoreError>;

    /// Whether the store answers at all.
    fn probe(&self) -> Result<(), StoreError>;
}

/// A write's answer, to be given again.
#[derive(Debug, Clone)]
pub struct RecordedAnswer {
    /// The encoded answer, without its receipt.
    pub answer: Vec<u8>,
    /// The leaf's bytes.
    pub leaf: Vec<u8>,
    /// Size of the tree at the end of its batch: its receipt is proven against that checkpoint.
    pub batch_size: u64,
}
