//! The log and the cases in memory: what a store holds, without one.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use comity::domain::agency::Caller;
use comity::domain::case::StoredCase;
use comity::domain::command::{Action, CaseCommand, Command};
use comity::domain::ids::{AgencyId, CaseName, JurisdictionId, LogKind, LogName, RequestId};
use comity::domain::inbox::Inbox;
use comity::domain::permit::Admitted;
use comity::domain::timetable::Timetable;
use comity::ledger::{self, Hash, TileId, Tree};
use comity::policy::gate::Gate;
use comity::recorder::Entropy;
use comity::recorder::plan::{Plan, outcome::Outcome};
use comity::store::appeals::{ItemFilter, Listed};
use comity::store::{
    AgendaFilter, CaseFilter, CasesOf, Disclosed, EntryHeader, ListedItem, Loaded, LogState, PolicyInForce, Reader,
    RecordedAnswer, StoreError, StoredEntry,
};
use jiff::Timestamp;
use uuid::Uuid;

use crate::sample;

/// What was recorded, to be read.
#[derive(Debug, Default)]
pub(super) struct Memory(Mutex<Kept>);

#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) cases: BTreeMap<CaseName, StoredCase>,
    pub(super) entries: BTreeMap<LogName, Vec<StoredEntry>>,
    pub(super) answers: BTreeMap<(LogName, u64), Vec<u8>>,
}

impl Memory {
    pub(super) fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap()
    }
}

impl Reader for Memory {
    fn policy(&self) -> Result<Option<PolicyInForce>, StoreError> {
        unreachable!("nothing is activated here")
    }

    fn items(&self, _: &ItemFilter) -> Result<Vec<Listed>, StoreError> {
        unreachable!("there are no appeals here")
    }

    fn case(&self, name: &CaseName) -> Result<Option<StoredCase>, StoreError> {
        Ok(self.kept().cases.get(name).cloned())
    }

    fn case_of(&self, _: &CasesOf, name: &CaseName) -> Result<Option<StoredCase>, StoreError> {
        self.case(name)
    }

    fn cases(&self, _: &CaseFilter) -> Result<Vec<StoredCase>, StoreError> {
        unreachable!("lists are put together by the test")
    }

    fn entries(&self, log: &LogName, from: u64, limit: usize) -> Result<Vec<StoredEntry>, StoreError> {
        let from = usize::try_from(from).unwrap();
        Ok(self.kept().entries.get(log).into_iter().flatten().skip(from).take(limit).cloned().collect())
    }

    fn entries_for(
        &self,
        caller: &Caller,
        log: &LogName,
        from: u64,
        limit: usize,
    ) -> Result<Vec<StoredEntry>, StoreError> {
        let mut entries = self.entries(log, from, usize::MAX)?;
        entries.retain(|entry| entry.audience.classes_for(caller, &log.jurisdiction).is_some());
        entries.truncate(limit);
        Ok(entries)
    }

    fn answer(&self, _: &LogName, _: u64) -> Result<Option<RecordedAnswer>, StoreError> {
        unreachable!("answers are looked at by the test")
    }

    fn checkpoint(&self, _: &LogName) -> Result<Option<(u64, String)>, StoreError> {
        unreachable!("nothing is signed")
    }

    fn checkpoint_at(&self, _: &LogName, _: u64) -> Result<Option<String>, StoreError> {
        unreachable!("nothing is signed")
    }

    fn checkpoints(&self, _: &LogName) -> Result<Vec<(u64, String)>, StoreError> {
        unreachable!("nothing is signed")
    }

    fn head(&self, _: &LogName) -> Result<Option<u64>, StoreError> {
        unreachable!("nothing is signed")
    }

    fn tile(&self, _: &LogName, _: TileId) -> Result<Vec<Hash>, StoreError> {
        unreachable!("nothing is proven")
    }

    fn request(&self, _: &AgencyId, _: &RequestId) -> Result<Option<(LogName, u64)>, StoreError> {
        unreachable!("nothing is asked for again")
    }

    fn delivery(&self, _: &AgencyId, _: &LogName, _: u64) -> Result<Option<Timestamp>, StoreError> {
        unreachable!("nothing is confirmed")
    }

    fn headers(&self, _: &LogName, _: u64, _: usize) -> Result<Vec<EntryHeader>, StoreError> {
        unreachable!("nothing is counted")
    }

    fn inbox(&self, _: &AgencyId, _: &JurisdictionId) -> Result<Inbox, StoreError> {
        unreachable!("nothing is confirmed")
    }

    fn agenda(&self, _: &AgendaFilter) -> Result<Vec<ListedItem>, StoreError> {
        unreachable!("no clock runs")
    }

    fn disclosures(&self, _: &JurisdictionId, _: i64, _: usize) -> Result<Vec<Disclosed>, StoreError> {
        unreachable!("no look at a case asks for the account")
    }

    fn logs(&self) -> Result<Vec<LogName>, StoreError> {
        Ok(logs().into())
    }

    fn probe(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

pub(super) fn logs() -> [LogName; 2] {
    [LogKind::Exchange, LogKind::Custody].map(|kind| LogName { jurisdiction: sample::jurisdiction(), kind })
}

/// The writer: every write by gate, rule book and plan, as the recorder takes it.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) gate: Arc<Gate>,
    pub(super) memory: Arc<Memory>,
    entropy: Entropy,
    logs: BTreeMap<LogName, LogState>,
    writes: u128,
}

impl Writer {
    pub(super) fn new(gate: Arc<Gate>, seed: u64) -> Self {
        let empty = || LogState { tree: Tree::empty(), recorded_at: Timestamp::UNIX_EPOCH };
        Self {
            gate,
            memory: Arc::default(),
            entropy: Entropy::Seeded(seed),
            logs: logs().map(|log| (log, empty())).into(),
            writes: 0,
        }
    }

    pub(super) fn size(&self, log: &LogName) -> u64 {
        self.logs[log].tree.size()
    }

    pub(super) fn write(&mut self, caller: &str, command: CaseCommand, now: Timestamp) -> Outcome {
        self.writes += 1;
        let request_id = RequestId(Uuid::from_u128(self.writes));
        let request_digest = *ledger::leaf_hash(&self.writes.to_be_bytes()).as_bytes();
        let value = Command {
            request_id,
            request_digest,
            etag: None,
            from_paper: false,
            action: Action::Case(Arc::new(command)),
        };
        let admitted = Admitted { caller: sample::officer(caller), jurisdiction: sample::jurisdiction(), value };
        let loaded = Loaded { cases: self.memory.kept().cases.clone(), ..Loaded::default() };
        let timetable = Timetable::default();
        let mut plan = Plan::new(sample::rules(&self.gate, &timetable), &self.entropy, self.logs.clone(), loaded);
        let outcome = plan.submit(&admitted, now).unwrap();
        let planned = plan.finish();
        let mut kept = self.memory.kept();
        for new in planned.append.entries {
            kept.answers.extend(new.answer.map(|answer| ((new.log.clone(), new.index), answer)));
            let entry = StoredEntry {
                index: new.index,
                leaf: new.leaf,
                openings: new.openings,
                expunged: false,
                audience: new.audience,
            };
            kept.entries.entry(new.log).or_default().push(entry);
        }
        kept.cases.extend(planned.append.cases.into_iter().map(|case| (case.name().clone(), case)));
        drop(kept);
        self.logs = planned.logs;
        outcome
    }
}
