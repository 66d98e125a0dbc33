//! What a store keeps of appeals beside the cases: their members, and the answers about each. The cases themselves are
//! not touched, since an appeal may be about thousands.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use uuid::Uuid;

use crate::domain::appeal::{AppealItem, Bar};
use crate::domain::detainer::Detainer;
use crate::domain::ids::{AgencyId, CaseName, JurisdictionId, LogName};

/// The most due dates of one issuer that are read. No issuer has more open appeals.
pub(super) const DUE_MAX: i64 = 1_000;

/// What a batch needs to know about appeals.
#[derive(Debug, Default)]
pub struct AppealsWanted {
    /// Detainers whose issuer is needed.
    pub issuers: BTreeSet<CaseName>,
    /// Issuers whose due dates in a jurisdiction are needed.
    pub due: BTreeSet<(AgencyId, JurisdictionId)>,
    /// Pairs of appeal and detainer whose answer is needed.
    pub items: BTreeSet<(CaseName, CaseName)>,
    /// For each log, the position from which on the recorded resources are needed.
    pub since: BTreeMap<LogName, u64>,
}

impl AppealsWanted {
    /// Whether nothing is needed.
    pub fn is_empty(&self) -> bool {
        self.issuers.is_empty() && self.due.is_empty() && self.items.is_empty() && self.since.is_empty()
    }
}

/// What was found about appeals.
#[derive(Debug, Default)]
pub struct AppealsLoaded {
    /// The issuers of the detainers that exist.
    pub issuers: BTreeMap<CaseName, AgencyId>,
    /// Due dates, latest first, at most a thousand.
    pub due: BTreeMap<(AgencyId, JurisdictionId), Vec<Timestamp>>,
    /// The items of the detainers that are in the appeal.
    pub items: BTreeMap<(CaseName, CaseName), AppealItem>,
    /// The position at which each resource was last recorded.
    pub since: BTreeMap<CaseName, u64>,
}

/// An appeal that was issued. Each detainer in it is listed once.
#[derive(Debug)]
pub struct NewAppeal {
    /// Its name.
    pub appeal: CaseName,
    /// The issuer.
    pub issuer: AgencyId,
    /// When it is due. Kept to the next full hour.
    pub due_at: Timestamp,
    /// Its detainers, each once.
    pub members: Vec<Uuid>,
}

/// What a custodian answered about one detainer. The batch MUST have loaded the detainer's case: the answer is sealed
/// under that case's key and expunged with it.
#[derive(Debug)]
pub struct NewItem {
    /// The appeal.
    pub appeal: CaseName,
    /// The detainer.
    pub detainer: CaseName,
    /// The answer so far. What bars the detainer is kept separately.
    pub item: AppealItem,
}

/// Detainers that the law now bars in an appeal. Those that were barred before stay as they are.
#[derive(Debug)]
pub struct NewBar {
    /// The appeal.
    pub appeal: CaseName,
    /// The number of this ground, unique within the appeal.
    pub number: u64,
    /// The ground.
    pub bar: Bar,
    /// The detainers.
    pub detainers: Vec<Uuid>,
}

/// What a batch changes about appeals.
#[derive(Debug, Default)]
pub struct NewAppeals {
    /// Appeals issued.
    pub issued: Vec<NewAppeal>,
    /// Answers about single detainers.
    pub items: Vec<NewItem>,
    /// Answers given by law.
    pub bars: Vec<NewBar>,
}

/// Which detainers of an appeal to list.
#[derive(Debug, Clone)]
pub struct ItemFilter {
    /// The appeal.
    pub appeal: CaseName,
    /// Detainers of this custodian; `None` for all.
    pub holder: Option<AgencyId>,
    /// Include those addressed to no particular custodian.
    pub unassigned: bool,
    /// Start after this one.
    pub after: Option<Uuid>,
    /// The most detainers.
    pub limit: usize,
}

/// A detainer of an appeal with its answer.
#[derive(Debug, Clone)]
pub struct Listed {
    /// The detainer.
    pub detainer: Detainer,
    /// The answer.
    pub item: AppealItem,
}
