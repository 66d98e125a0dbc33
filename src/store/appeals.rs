//! What a store keeps of appeals beside the cases: who is in which, and what was answered of each. The cases themselves
//! are neither read nor written for it: an appeal is over thousands.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use uuid::Uuid;

use crate::domain::appeal::{AppealItem, Bar};
use crate::domain::detainer::Detainer;
use crate::domain::ids::{AgencyId, CaseName, JurisdictionId, LogName};

/// Due dates of one issuer that are read; more are not open at once.
pub(super) const DUE_MAX: i64 = 1_000;

/// What a batch needs to know of appeals.
#[derive(Debug, Default)]
pub struct AppealsWanted {
    /// Detainers whose issuer is asked for, and nothing else of them.
    pub issuers: BTreeSet<CaseName>,
    /// When the appeals of an issuer in a jurisdiction are due.
    pub due: BTreeSet<(AgencyId, JurisdictionId)>,
    /// What was answered of a detainer in an appeal: the appeal, then the detainer.
    pub items: BTreeSet<(CaseName, CaseName)>,
    /// What a log has recorded of which resource from a position on.
    pub since: BTreeMap<LogName, u64>,
}

impl AppealsWanted {
    /// Whether nothing is.
    pub fn is_empty(&self) -> bool {
        self.issuers.is_empty() && self.due.is_empty() && self.items.is_empty() && self.since.is_empty()
    }
}

/// What was found.
#[derive(Debug, Default)]
pub struct AppealsLoaded {
    /// Who lodged a detainer, where there is one.
    pub issuers: BTreeMap<CaseName, AgencyId>,
    /// Latest first; of more than a thousand, the latest thousand.
    pub due: BTreeMap<(AgencyId, JurisdictionId), Vec<Timestamp>>,
    /// Of each detainer that is in the appeal.
    pub items: BTreeMap<(CaseName, CaseName), AppealItem>,
    /// Where each resource was last recorded.
    pub since: BTreeMap<CaseName, u64>,
}

/// An appeal now issued: each detainer in it is marked, once.
#[derive(Debug)]
pub struct NewAppeal {
    /// Its name.
    pub appeal: CaseName,
    /// Whose.
    pub issuer: AgencyId,
    /// When it is due. Kept to the next full hour.
    pub due_at: Timestamp,
    /// Every detainer in it, each once.
    pub members: Vec<Uuid>,
}

/// What a custodian now answered of one detainer. The case of the detainer must have been loaded for the batch: it is
/// sealed under that one's key, and expunged with it.
#[derive(Debug)]
pub struct NewItem {
    /// In which appeal.
    pub appeal: CaseName,
    /// Of which detainer.
    pub detainer: CaseName,
    /// What was answered so far. What bars it is kept otherwise.
    pub item: AppealItem,
}

/// Detainers that the law now bars in an appeal. Those that it barred before stay as they are.
#[derive(Debug)]
pub struct NewBar {
    /// In which appeal.
    pub appeal: CaseName,
    /// Unlike that of any other ground of the appeal.
    pub number: u64,
    /// On what ground.
    pub bar: Bar,
    /// Which.
    pub detainers: Vec<Uuid>,
}

/// What a batch changes of appeals.
#[derive(Debug, Default)]
pub struct NewAppeals {
    /// Appeals issued.
    pub issued: Vec<NewAppeal>,
    /// Answers given of single detainers.
    pub items: Vec<NewItem>,
    /// Answers given by law.
    pub bars: Vec<NewBar>,
}

/// Which detainers of an appeal to list.
#[derive(Debug, Clone)]
pub struct ItemFilter {
    /// Of which appeal.
    pub appeal: CaseName,
    /// Of this custodian, or of everybody.
    pub holder: Option<AgencyId>,
    /// With those addressed to nobody in particular.
    pub unassigned: bool,
    /// After this one.
    pub after: Option<Uuid>,
    /// At most so many.
    pub limit: usize,
}

/// A detainer of an appeal, and what was answered of it.
#[derive(Debug, Clone)]
pub struct Listed {
    /// The detainer.
    pub detainer: Detainer,
    /// What was answered.
    pub item: AppealItem,
}
