//! The model's clocks: what is due fires in the order it is due, and the law is asked again of what stands, so many at a time.

use comity::domain::agency::gateway;
use comity::domain::agenda::no_date;
use comity::domain::apply::{apply, oblige};
use comity::domain::asked_again;
use comity::domain::case::{Case, StoredCase};
use comity::domain::clocks::{self, Running};
use comity::domain::command::Command;
use comity::domain::decide::{follow, met_by_record, not_found_in_time};
use comity::domain::detainer::Detainer;
use comity::domain::event::Record;
use comity::domain::firing;
use comity::domain::ids::{CaseKind, CaseName, JurisdictionId, LogName};
use comity::domain::permit::Admitted;
use comity::domain::timetable::Timetable;
use comity::domain::timetable::{ObligationTimes, ReviewTimes};
use comity::policy::gate::Gate;
use comity::wire::show;
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::model::plain::{Draft, KINDS, Plain, log};

/// So many of a kind in a batch: few, so that one that cannot fire would be in the way of others.
pub(super) const LEN_MAX: usize = 2;

/// Where the model's walk over a place stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Walk {
    Ahead,
    Listed(Option<(Timestamp, CaseName)>),
    Whole(Option<Uuid>),
}

/// Something due: in the order of these.
type Due = (Timestamp, bool, Uuid, String, CaseName);

impl Plain {
    /// One batch of clocks. Tells which logs grew.
    pub(super) fn tick(&mut self, gate: &Gate, clock: Timestamp) -> Vec<LogName> {
        let (firing, over) = (self.due_clocks(clock), self.due_ends(clock));
        let mut judged = self.due_judgements(clock);
        let (page, walk) = self.page();
        judged.extend(page);
        judged.sort();
        judged.dedup();
        for (_, _, _, key, name) in firing {
            self.fire(gate, &name, &key, clock);
        }
        for custody in judged {
            self.judge(gate, &custody, clock);
        }
        for detainer in over {
            self.expire(gate, &detainer, clock);
        }
        if let Some((place, next)) = walk {
            if let Some(next) = next {
                self.walks.insert(place, next);
            } else {
                self.walks.remove(&place);
                self.marked.insert(place);
            }
        }
        self.end_batch()
    }

    /// Whether nothing is left to be done at a time.
    pub(super) fn is_at_rest(&self, clock: Timestamp) -> bool {
        let fires = |(_, _, _, key, name): &Due| {
            let now = self.now(&name.jurisdiction, clock);
            self.running(name).into_iter().any(|running| running.key() == *key && running.due_at <= now)
        };
        let judged = self.again.values().all(|at| *at > clock);
        self.walks.is_empty()
            && judged
            && self.due_ends(clock).is_empty()
            && !self.all_clocks(clock).iter().flatten().any(fires)
    }

    /// What is left to be done at a time, for whoever asks why.
    pub(super) fn left(&self, clock: Timestamp) -> String {
        let judged: Vec<_> = self.again.iter().filter(|(_, at)| **at <= clock).collect();
        format!("at {clock}: walks {:?}, to be judged {judged:?}, clocks {:?}", self.walks, self.all_clocks(clock))
    }

    fn now(&self, place: &JurisdictionId, clock: Timestamp) -> Timestamp {
        KINDS.map(|kind| self.logs[&log(place, kind)].recorded_at()).into_iter().fold(clock, Ord::max)
    }

    fn running(&self, name: &CaseName) -> Vec<Running> {
        let timetable = Timetable::default();
        let standing = |case: &Case| case.linked.clone();
        match self.case(name) {
            Some(StoredCase::Detainer(detainer)) => {
                let linked = detainer.acknowledgement.as_ref().and_then(|found| found.custody.as_ref());
                let custody = linked.and_then(|linked| self.case(linked)?.custody());
                clocks::of_detainer(detainer, custody, &timetable)
            }
            Some(StoredCase::Custody(custody)) => {
                let linked = custody.detainers.iter().filter_map(|name| self.case(name)?.detainer().cloned());
                let case = Case { linked: linked.collect(), ..Case::default() };
                clocks::of_custody(custody, &standing(&case), &timetable)
            }
            Some(StoredCase::Appeal(_) | StoredCase::Expunged(_)) | None => Vec::new(),
        }
    }

    /// What is due by the minute, place by place, each in order.
    fn all_clocks(&self, clock: Timestamp) -> Vec<Vec<Due>> {
        let of_place = |place: &JurisdictionId| {
            let mut due: Vec<Due> = Vec::new();
            for name in self.cases[place].keys() {
                let items = self.running(name).into_iter().map(|running| running.item(None));
                let own = items.filter(|item| item.due_at <= clock);
                due.extend(
                    own.map(|item| (item.due_at, name.kind == CaseKind::Custody, name.id, item.key, name.clone())),
                );
            }
            due.sort();
            due
        };
        self.cases.keys().map(of_place).collect()
    }

    fn due_clocks(&self, clock: Timestamp) -> Vec<Due> {
        first(self.all_clocks(clock), |due| due.0)
    }

    fn due_judgements(&self, clock: Timestamp) -> Vec<CaseName> {
        let of_place = |place: &JurisdictionId| {
            let mut due: Vec<_> = self.listed(place).into_iter().filter(|(at, _)| *at <= clock).collect();
            due.sort();
            due
        };
        let due = first(self.cases.keys().map(of_place).collect(), |due| due.0);
        due.into_iter().map(|(_, name)| name).collect()
    }

    /// Detainers that waited for a person, and whose day is over.
    fn due_ends(&self, clock: Timestamp) -> Vec<CaseName> {
        let zones = Timetable::default().zones;
        let of_place = |place: &JurisdictionId| {
            let detainers = self.cases[place].values().filter_map(StoredCase::detainer);
            let ends = detainers.filter_map(|one| Some((asked_again::ends_at(one, &zones)?, one.name.clone())));
            let mut due: Vec<_> = ends.filter(|(at, _)| *at <= clock).collect();
            due.sort();
            due
        };
        let due = first(self.cases.keys().map(of_place).collect(), |due| due.0);
        due.into_iter().map(|(_, name)| name).collect()
    }

    fn listed(&self, place: &JurisdictionId) -> Vec<(Timestamp, CaseName)> {
        let own = self.again.iter().filter(|(name, _)| name.jurisdiction == *place);
        let mut listed: Vec<_> = own.map(|(name, at)| (*at, name.clone())).collect();
        listed.sort();
        listed
    }

    /// The next page of a walk, and how the walk goes on.
    fn page(&self) -> (Vec<CaseName>, Option<(JurisdictionId, Option<Walk>)>) {
        let Some((place, walk)) = self.walks.first_key_value() else { return (Vec::new(), None) };
        let begins = if self.marked.contains(place) { Walk::Listed(None) } else { Walk::Whole(None) };
        match if *walk == Walk::Ahead { &begins } else { walk } {
            Walk::Listed(after) => {
                let mut listed = self.listed(place);
                // That everything is listed is listed, too, last.
                let mark = no_date().checked_add(SignedDuration::from_secs(1)).unwrap();
                listed.push((mark, CaseName::custody(place.clone(), Uuid::nil())));
                listed.retain(|one| after.as_ref().is_none_or(|after| one > after));
                listed.truncate(LEN_MAX);
                let next = (listed.len() >= LEN_MAX).then(|| Walk::Listed(listed.last().cloned()));
                let names = listed.into_iter().map(|(_, name)| name).filter(|name| !name.id.is_nil());
                (names.collect(), Some((place.clone(), next)))
            }
            Walk::Whole(after) => {
                let custodies = self.cases[place].values().filter_map(StoredCase::custody);
                let mut custodies: Vec<_> = custodies.filter(|one| Some(one.name.id) > *after).collect();
                custodies.sort_by_key(|one| one.name.id);
                custodies.truncate(LEN_MAX);
                let next = (custodies.len() >= LEN_MAX).then(|| Walk::Whole(custodies.last().map(|last| last.name.id)));
                let names = custodies.iter().filter(|one| !one.detainers.is_empty()).map(|one| one.name.clone());
                (names.collect(), Some((place.clone(), next)))
            }
            Walk::Ahead => unreachable!("it has begun"),
        }
    }

    fn fire(&mut self, gate: &Gate, name: &CaseName, key: &str, clock: Timestamp) {
        let now = self.now(&name.jurisdiction, clock);
        let due = self.running(name).into_iter().find(|running| running.key() == key && running.due_at <= now);
        let mut case = self.assembled([name].into_iter());
        if let Some(running) = due {
            let firing = running.firing(name.clone());
            let method = firing.clock.rpc();
            let record = firing::record(&case, firing).unwrap();
            let index = self.append_own(None, method, &record, now);
            apply(&mut case, &record, index, now);
        }
        self.keep(gate, case, now);
    }

    fn expire(&mut self, gate: &Gate, name: &CaseName, clock: Timestamp) {
        let now = self.now(&name.jurisdiction, clock);
        let mut case = self.assembled([name].into_iter());
        let zones = Timetable::default().zones;
        let over = |detainer: &&Detainer| asked_again::ends_at(detainer, &zones).is_some_and(|end| end <= now);
        let detainer = case.detainer.as_ref().filter(over);
        let ended = detainer.and_then(|one| not_found_in_time(one, &gate.law_on_expiry(one, now)));
        if let Some(record) = ended {
            let index = self.append_own(None, "Expiry", &record, now);
            apply(&mut case, &record, index, now);
            oblige(&mut case, std::slice::from_ref(&record), &ObligationTimes::default(), now);
            let met = met_by_record(&case);
            let times = (&ReviewTimes::default(), &Timetable::default());
            let left = follow(&case, &gate.laws_on_answers(&case, now), times, now);
            for record in met.iter().chain(&left) {
                let index = self.append_own(None, "Expiry", record, now);
                apply(&mut case, record, index, now);
            }
        }
        self.keep(gate, case, now);
    }

    fn judge(&mut self, gate: &Gate, custody: &CaseName, clock: Timestamp) {
        let now = self.now(&custody.jurisdiction, clock);
        let mut case = self.assembled([custody].into_iter());
        let times = (&ReviewTimes::default(), &Timetable::default());
        for record in follow(&case, &gate.laws_on_answers(&case, now), times, now) {
            let index = self.append_own(None, "Judgement", &record, now);
            apply(&mut case, &record, index, now);
        }
        self.keep(gate, case, now);
    }

    /// An entry of the gateway's own, which a write may have brought about.
    pub(super) fn append_own(
        &mut self,
        write: Option<&Admitted<Command>>,
        method: &'static str,
        record: &Record,
        now: Timestamp,
    ) -> u64 {
        self.append(Draft {
            write,
            agency: &gateway(),
            officer: &"0".repeat(32).parse().unwrap(),
            method,
            log: log(&record.resource.jurisdiction, record.log),
            resource: record.resource.to_string(),
            policy_digest: record.policy_digest,
            audience: record.audience.clone(),
            event: show::event(record),
            now,
        })
    }
}

/// The first of several places, as many as one batch takes.
fn first<T>(places: Vec<Vec<T>>, at: impl Fn(&T) -> Timestamp) -> Vec<T> {
    let mut all: Vec<T> = Vec::new();
    for mut place in places {
        place.truncate(LEN_MAX);
        all.extend(place);
    }
    all.sort_by_key(at);
    all.truncate(LEN_MAX);
    all
}
