//! How much is read and opener for somebody whose an appeal is not, by a reader that counts.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use uuid::Uuid;

use super::*;
use crate::domain::agency::Agency;
use crate::domain::ids::{AgencyId, JurisdictionId, LogName, RequestId};
use crate::domain::inbox::Inbox;
use crate::ledger::{Hash, TileId};
use crate::store::appeals::Listed;
use crate::store::{AgendaFilter, Disclosed, EntryHeader, ListedItem, PolicyInForce, RecordedAnswer, StoredEntry};

/// What was asked of a store, and how many cases were opener to answer it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Work {
    reads: Vec<&'static str>,
    opener: usize,
}

/// Appeals of one issuer, in none of which anybody asked about has a detainer.
#[derive(Debug)]
struct Counting {
    appeals: Vec<Appeal>,
    work: Mutex<Work>,
}

impl Counting {
    fn counted<T>(&self, read: &'static str, found: T, opener: impl Fn(&T) -> usize) -> T {
        let mut work = self.work.lock().unwrap();
        work.reads.push(read);
        work.opener += opener(&found);
        found
    }

    fn stored(&self) -> impl Iterator<Item = StoredCase> {
        self.appeals.iter().map(|appeal| StoredCase::Appeal(Box::new(appeal.clone())))
    }
}

/// What no look at an appeal asks of a store.
macro_rules! unasked {
    ($(fn $name:ident($($argument:ident: $kind:ty),*) -> $answer:ty;)+) => {
        $(fn $name(&self, $($argument: $kind),*) -> Result<$answer, StoreError> {
            panic!("asked for {:?}", (stringify!($name), $($argument),*))
        })+
    };
}

impl Reader for Counting {
    fn case_of(&self, whose: &CasesOf, name: &CaseName) -> Result<Option<StoredCase>, StoreError> {
        let is_theirs = |appeal: &Appeal| whose.agency.as_ref().is_none_or(|agency| *agency == appeal.issuer);
        let found = self.stored().find(|case| case.name() == name && case.appeal().is_some_and(is_theirs));
        Ok(self.counted("case_of", found, |found| usize::from(found.is_some())))
    }

    fn cases(&self, filter: &CaseFilter) -> Result<Vec<StoredCase>, StoreError> {
        let found = self.stored().filter(|case| case.name().jurisdiction == filter.jurisdiction);
        Ok(self.counted("cases", found.take(filter.limit).collect(), Vec::len))
    }

    fn items(&self, _: &ItemFilter) -> Result<Vec<Listed>, StoreError> {
        Ok(self.counted("items", Vec::new(), Vec::len))
    }

    unasked! {
        fn case(name: &CaseName) -> Option<StoredCase>;
        fn entries(log: &LogName, from: u64, limit: usize) -> Vec<StoredEntry>;
        fn entries_for(caller: &Caller, log: &LogName, from: u64, limit: usize) -> Vec<StoredEntry>;
        fn answer(log: &LogName, index: u64) -> Option<RecordedAnswer>;
        fn checkpoint(log: &LogName) -> Option<(u64, String)>;
        fn checkpoint_at(log: &LogName, size: u64) -> Option<String>;
        fn checkpoints(log: &LogName) -> Vec<(u64, String)>;
        fn head(log: &LogName) -> Option<u64>;
        fn tile(log: &LogName, tile: TileId) -> Vec<Hash>;
        fn headers(log: &LogName, from: u64, limit: usize) -> Vec<EntryHeader>;
        fn inbox(agency: &AgencyId, jurisdiction: &JurisdictionId) -> Inbox;
        fn policy() -> Option<PolicyInForce>;
        fn agenda(filter: &AgendaFilter) -> Vec<ListedItem>;
        fn request(agency: &AgencyId, request_id: &RequestId) -> Option<(LogName, u64)>;
        fn delivery(agency: &AgencyId, log: &LogName, index: u64) -> Option<Timestamp>;
        fn disclosures(jurisdiction: &JurisdictionId, after: i64, limit: usize) -> Vec<Disclosed>;
        fn logs() -> Vec<LogName>;
        fn probe() -> ();
    }
}

fn agency(id: &str, kind: AgencyKind) -> Caller {
    let jurisdictions = BTreeSet::from(["us-ny".parse().unwrap()]);
    let agency = Agency { id: id.parse().unwrap(), kind, class: None, jurisdictions };
    Caller { agency: Arc::new(agency), actor: None }
}

fn name(last: u128) -> CaseName {
    CaseName::appeal("us-ny".parse().unwrap(), Uuid::from_u128(last))
}

/// Addressed to a prison alone.
fn appeal(last: u128) -> Appeal {
    Appeal {
        name: name(last),
        issuer: "us-ice".parse().unwrap(),
        ground: String::new(),
        due_at: Timestamp::UNIX_EPOCH,
        size: 1,
        custodians: BTreeSet::from(["us-ny-doccs".parse().unwrap()]),
        to_jurisdiction: false,
        issued_at: Timestamp::UNIX_EPOCH,
    }
}

/// Whether the caller is shown an appeal, and the work that it took.
fn look(caller: &Caller, asked: &CaseName) -> (bool, Work) {
    let counting = Counting { appeals: vec![appeal(1), appeal(2)], work: Mutex::default() };
    let shown = visible(&counting, caller, asked).unwrap().is_some();
    (shown, counting.work.into_inner().unwrap())
}

#[test]
fn an_appeal_of_somebody_elses_takes_the_work_of_one_that_there_is_not() {
    let mut elsewhere = agency("us-tx-prison", AgencyKind::State);
    Arc::make_mut(&mut elsewhere.agency).jurisdictions.clear();
    let strangers = [agency("us-ny-erie-jail", AgencyKind::County), agency("us-cbp", AgencyKind::Federal), elsewhere];
    for stranger in strangers {
        let (somebody_elses, not_there) = (look(&stranger, &name(2)), look(&stranger, &name(9)));
        assert_eq!(somebody_elses, not_there, "{stranger:?}");
        assert!(!not_there.0, "{stranger:?}");
    }
    // Else nothing was shown: those whom it concerns are shown it.
    for own in [agency("us-ny-doccs", AgencyKind::State), agency("us-ice", AgencyKind::Federal)] {
        assert!(look(&own, &name(2)).0 && !look(&own, &name(9)).0, "{own:?}");
    }
}
