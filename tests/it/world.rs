//! A jurisdiction in memory: cases that commands are decided upon, without a store, a gate or a log. Names are found as
//! the recorder finds them.

use std::collections::BTreeMap;
use std::sync::Arc;

use comity::domain::agency::Caller;
use comity::domain::appeal::{Appeal, AppealItem};
use comity::domain::apply::{apply, oblige};
use comity::domain::booking::Booking;
use comity::domain::case::{Appealing, Case, StoredCase};
use comity::domain::command::CaseCommand;
use comity::domain::custody::Custody;
use comity::domain::decide::{Refusal, decide, follow, met_by_record, not_found_in_time};
use comity::domain::detainer::Detainer;
use comity::domain::determination::LawView;
use comity::domain::event::Record;
use comity::domain::ids::{CaseKind, CaseName, JurisdictionId, LogKind};
use comity::domain::permit::{Admitted, Permitted};
use comity::domain::timetable::ObligationTimes;
use comity::domain::timetable::ReviewTimes;
use comity::domain::timetable::Timetable;
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::sample;

/// Cases, and a clock that moves a minute a command.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) cases: BTreeMap<CaseName, StoredCase>,
    pub(crate) now: Timestamp,
    /// What was answered of which detainer of the one appeal there is.
    pub(crate) items: BTreeMap<CaseName, AppealItem>,
    /// What is known of an issuer that appeals.
    pub(crate) appealing: Appealing,
    made: u128,
}

impl World {
    pub(crate) fn new() -> Self {
        let (items, appealing) = (BTreeMap::new(), Appealing::default());
        Self { cases: BTreeMap::new(), now: sample::start(), items, appealing, made: 0 }
    }

    /// Decides a command in New York and lets its events happen.
    pub(crate) fn give(&mut self, caller: &str, command: CaseCommand, law: &LawView) -> Result<Vec<Record>, Refusal> {
        self.give_in(&sample::jurisdiction(), &sample::officer(caller), command, law)
    }

    /// Decides a command and lets its events happen.
    pub(crate) fn give_in(
        &mut self,
        jurisdiction: &JurisdictionId,
        caller: &Caller,
        command: CaseCommand,
        law: &LawView,
    ) -> Result<Vec<Record>, Refusal> {
        self.now = self.now.checked_add(SignedDuration::from_mins(1)).unwrap();
        self.made += 1;
        let id = Uuid::from_u128((7 << 76) | (2 << 62) | self.made);
        let mut case = self.assemble(&command);
        let named = case.custody.as_ref();
        let booking = Booking::used_by(&command, &caller.agency.id, named);
        case.booked = booking.and_then(|it| it.found_in(self.custodies(), named.map(|custody| &custody.name)));
        let own = CaseName::detainer(jurisdiction.clone(), id);
        let named = case.detainer.iter().chain(&case.linked).map(|detainer| detainer.name.clone());
        let laws = named.chain([own]).map(|name| (name, law.clone())).collect();
        let answered = command.clone();
        let admitted =
            Admitted { caller: caller.clone(), jurisdiction: jurisdiction.clone(), value: Arc::new(command) };
        let mut records = decide(&case, &Permitted::by_gate(admitted, laws), id, self.now)?;
        // A log counts what stands in it, and nothing of what stands in another.
        let mut next: BTreeMap<LogKind, u64> = BTreeMap::new();
        for record in &records {
            let index = next.entry(record.log).or_insert(100);
            apply(&mut case, record, *index, self.now);
            *index += 1;
        }
        if let (CaseCommand::AnswerAppeal { detainer, .. }, Some(item)) = (&answered, case.item.take()) {
            self.items.insert(detainer.clone(), item);
        }
        records.extend(self.follow(&mut case, &records, law));
        self.keep(case);
        Ok(records)
    }

    /// Takes a case as it now stands.
    pub(crate) fn keep(&mut self, case: Case) {
        let detainers = case.detainer.into_iter().chain(case.linked);
        let detainers = detainers.map(|detainer| StoredCase::Detainer(Box::new(detainer)));
        let custody = case.custody.map(|custody| StoredCase::Custody(Box::new(custody)));
        let custody = custody.into_iter().chain(case.appeal.map(|appeal| StoredCase::Appeal(Box::new(appeal))));
        let expunged = case.expunged.into_iter().map(|left| StoredCase::Expunged(Box::new(left)));
        self.cases.extend(detainers.chain(custody).chain(expunged).map(|case| (case.name().clone(), case)));
    }

    /// Goes on from where another world stands in time and in the number of cases made.
    pub(crate) fn in_step_with(&mut self, other: &Self) {
        (self.now, self.made) = (other.now, other.made);
    }

    /// What follows of a command, as the recorder lets it follow.
    fn follow(&self, case: &mut Case, records: &[Record], law: &LawView) -> Vec<Record> {
        oblige(case, records, &ObligationTimes::default(), self.now);
        let laws = case.concerned().map(|detainer| (detainer.name.clone(), law.clone())).collect();
        let mut following = met_by_record(case);
        let times = (&ReviewTimes::default(), &Timetable::default());
        following.extend(follow(case, &laws, times, self.now));
        for record in &following {
            apply(case, record, 0, self.now);
        }
        following
    }

    /// Ends a detainer whose custodian did not have the person by the day that it gave.
    pub(crate) fn end_in_time(&mut self, name: &CaseName, law: &LawView) {
        let mut case = Case { detainer: self.detainer(name).cloned(), ..Case::default() };
        let record = not_found_in_time(case.detainer.as_ref().unwrap(), law).unwrap();
        apply(&mut case, &record, 100, self.now);
        self.keep(case);
    }

    /// Gives a command that must pass, and names the case that it made or was upon.
    pub(crate) fn pass(&mut self, caller: &str, command: CaseCommand, law: &LawView) -> CaseName {
        let records = self.give(caller, command, law).expect("a command that must pass");
        records.first().expect("a command that passed has a record").resource.clone()
    }

    pub(crate) fn detainer(&self, name: &CaseName) -> Option<&Detainer> {
        self.cases.get(name)?.detainer()
    }

    pub(crate) fn custody(&self, name: &CaseName) -> Option<&Custody> {
        self.cases.get(name)?.custody()
    }

    pub(crate) fn appeal(&self, name: &CaseName) -> Option<&Appeal> {
        self.cases.get(name)?.appeal()
    }

    pub(crate) fn detainers(&self) -> impl Iterator<Item = &Detainer> {
        self.cases.values().filter_map(StoredCase::detainer)
    }

    pub(crate) fn custodies(&self) -> impl Iterator<Item = &Custody> {
        self.cases.values().filter_map(StoredCase::custody)
    }

    fn assemble(&self, command: &CaseCommand) -> Case {
        let mut case = Case::default();
        let mut is_named = false;
        for name in command.names() {
            if name.kind == CaseKind::Detainer && std::mem::replace(&mut is_named, true) {
                case.other = self.detainer(name).cloned();
                continue;
            }
            case.detainer = self.detainer(name).cloned().or(case.detainer);
            case.custody = self.custody(name).cloned().or(case.custody);
            case.appeal = self.appeal(name).cloned().or(case.appeal);
            case.item = self.items.get(name).cloned().or(case.item);
        }
        let linked = case.detainer.as_ref().and_then(|detainer| detainer.acknowledgement.as_ref()?.custody.clone());
        case.custody = case.custody.or_else(|| self.custody(&linked?).cloned());
        let names = case.custody.iter().flat_map(|custody| &custody.detainers);
        case.linked = names.filter_map(|name| self.detainer(name).cloned()).collect();
        // A notice is taken as delivered at once.
        let noticed = case.linked.iter().filter(|detainer| detainer.notice_index.is_some());
        case.appealing = self.appealing.clone();
        case.first_delivery = noticed.map(|detainer| (detainer.name.clone(), sample::start())).collect();
        case
    }
}
