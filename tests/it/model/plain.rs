//! The model: what a store with a recorder before it would be if nothing had to be durable, fast or hidden. Maps, lists
//! and the rules of the domain; neither our tree nor our planning.

use comity::domain::transfer::{TransferState, WindowChange};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use comity::domain::agenda::no_date;
use comity::domain::apply::{apply, oblige};
use comity::domain::asked_again;
use comity::domain::booking::{Booked, Booking};
use comity::domain::case::{Case, StoredCase};
use comity::domain::command::{Action, CaseCommand, Command, InboxCommand, Method};
use comity::domain::decide::{Refusal, decide, follow, met_by_record};
use comity::domain::detainer::Detainer;
use comity::domain::determination::{FieldClass, FieldClasses};
use comity::domain::event::{Event, Party, Record};
use comity::domain::ids::{
    AgencyId, CaseKind, CaseName, JurisdictionId, LogKind, LogName, OfficerPseudonym, RequestId,
};
use comity::domain::inbox;
use comity::domain::permit::Admitted;
use comity::domain::timetable::ObligationTimes;
use comity::domain::timetable::ReviewTimes;
use comity::domain::timetable::Timetable;
use comity::ledger::Hash;
use comity::policy::gate::{Denial, Gate, NextJudgment};
use comity::recorder::{Cause, Entropy, Purpose, SubmitError};
use comity::store::{Audience, SeenRequest};
use comity::wire::entry::{self, Header, Opening};
use comity::wire::{show, v1};
use jiff::Timestamp;

use crate::model::shown;
use crate::model::ticking::Walk;

/// The one system of each agency that receives.
pub(super) const CONSUMER: &str = "default";

pub(super) const KINDS: [LogKind; 2] = [LogKind::Exchange, LogKind::Custody];

pub(super) type Cases = BTreeMap<CaseName, StoredCase>;

/// What becomes of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Expected {
    /// Recorded by itself.
    Now(LogName, u64),
    /// Recorded before.
    Earlier(LogName, u64),
    Not(SubmitError),
}

#[derive(Debug, Clone, Default)]
pub(super) struct Log {
    pub(super) entries: Vec<Entry>,
    /// Sizes at the end of each batch.
    pub(super) batches: Vec<u64>,
    recorded_at: Timestamp,
}

#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) leaf: Vec<u8>,
    pub(super) openings: Vec<Opening>,
    pub(super) audience: Audience,
    pub(super) answer: Option<Vec<u8>>,
    hash: [u8; 32],
}

#[derive(Debug, Clone)]
pub(super) struct Plain {
    pub(super) logs: BTreeMap<LogName, Log>,
    pub(super) cases: BTreeMap<JurisdictionId, Cases>,
    pub(super) requests: BTreeMap<(AgencyId, RequestId), SeenRequest>,
    /// Positions confirmed of a log, each with the time it was first.
    pub(super) deliveries: BTreeMap<(AgencyId, LogName), BTreeMap<u64, Timestamp>>,
    /// Cases that the batch at hand names.
    pub(super) touched: BTreeSet<CaseName>,
    pub(super) random: Entropy,
    /// Where the entries of the write at hand begin in each log.
    begun: BTreeMap<LogName, u64>,
    /// When the law is to be asked again of each custody on which a detainer stands.
    pub(super) again: BTreeMap<CaseName, Timestamp>,
    /// Where the law is still to be asked again of everything.
    pub(super) walks: BTreeMap<JurisdictionId, Walk>,
    /// Where everything is known to be on the agenda for that.
    pub(super) marked: BTreeSet<JurisdictionId>,
}

/// What an entry is made of.
pub(super) struct Draft<'a> {
    /// By which write; none: the gateway itself.
    pub(super) write: Option<&'a Admitted<Command>>,
    pub(super) agency: &'a AgencyId,
    pub(super) officer: &'a OfficerPseudonym,
    pub(super) method: &'static str,
    pub(super) log: LogName,
    pub(super) resource: String,
    pub(super) policy_digest: Option<[u8; 32]>,
    pub(super) audience: Vec<(Party, FieldClasses)>,
    pub(super) event: v1::Event,
    pub(super) now: Timestamp,
}

impl Plain {
    pub(super) fn new(places: &[JurisdictionId], seed: u64) -> Self {
        let logs = places.iter().flat_map(|place| KINDS.map(|kind| (log(place, kind), Log::default())));
        Self {
            logs: logs.collect(),
            cases: places.iter().map(|place| (place.clone(), Cases::new())).collect(),
            requests: BTreeMap::new(),
            deliveries: BTreeMap::new(),
            touched: BTreeSet::new(),
            random: Entropy::Seeded(seed),
            begun: BTreeMap::new(),
            again: BTreeMap::new(),
            walks: places.iter().map(|place| (place.clone(), Walk::Ahead)).collect(),
            marked: BTreeSet::new(),
        }
    }

    /// Another process draws anew, and asks the law of everything again.
    pub(super) fn reseed(&mut self, seed: u64) {
        self.random = Entropy::Seeded(seed);
        self.walks = self.cases.keys().map(|place| (place.clone(), Walk::Ahead)).collect();
    }

    pub(super) fn case(&self, name: &CaseName) -> Option<&StoredCase> {
        self.cases[&name.jurisdiction].get(name)
    }

    /// How far an agency has confirmed a log.
    pub(super) fn confirmed(&self, agency: &AgencyId, log: &LogName) -> u64 {
        let positions = self.deliveries.get(&(agency.clone(), log.clone()));
        positions.and_then(|positions| positions.keys().copied().max()).unwrap_or(0)
    }

    /// Takes one write.
    pub(super) fn submit(&mut self, gate: &Gate, write: &Admitted<Command>, clock: Timestamp) -> Expected {
        let key = (write.caller.agency.id.clone(), write.value.request_id);
        if let Some(seen) = self.requests.get(&key) {
            return if seen.digest == write.value.request_digest {
                Expected::Earlier(seen.log.clone(), seen.index)
            } else {
                Expected::Not(SubmitError::RequestIdReused)
            };
        }
        self.begun = self.logs.iter().map(|(name, log)| (name.clone(), log.size())).collect();
        match self.record(gate, write, clock) {
            Ok((log, index)) => {
                let seen = SeenRequest { digest: write.value.request_digest, log: log.clone(), index };
                self.requests.insert(key, seen);
                Expected::Now(log, index)
            }
            Err(error) => Expected::Not(error),
        }
    }

    /// Ends a batch: tells which logs grew.
    pub(super) fn end_batch(&mut self) -> Vec<LogName> {
        let mut grown = Vec::new();
        for (name, log) in &mut self.logs {
            if log.size() > log.batches.last().copied().unwrap_or(0) {
                log.batches.push(log.size());
                grown.push(name.clone());
            }
        }
        grown
    }

    fn record(
        &mut self,
        gate: &Gate,
        write: &Admitted<Command>,
        clock: Timestamp,
    ) -> Result<(LogName, u64), SubmitError> {
        if write.caller.actor.is_none() {
            return Err(Denial::Unattributed.into());
        }
        let place = &write.jurisdiction;
        if !write.caller.agency.jurisdictions.contains(place) {
            return Err(Denial::NoSuchJurisdiction.into());
        }
        // Time never steps back within a jurisdiction.
        let now = KINDS.map(|kind| self.logs[&log(place, kind)].recorded_at).into_iter().fold(clock, Ord::max);
        // Access is asked by the law that judges, whatever the door said.
        if gate.admit(&write.caller, write.value.action.method().rpc()).is_err() {
            return Err(Denial::NotAdmitted.into());
        }
        match &write.value.action {
            Action::Case(command) => self.command(gate, write, command, now),
            Action::Inbox(InboxCommand::Acknowledge { exchange_position, exchange_seen, custody_position, .. }) => {
                self.confirm(write, [*exchange_position, *custody_position], *exchange_seen, now)
            }
            // Nothing is sent here, so nothing is parked.
            Action::Inbox(InboxCommand::AcknowledgeParked { .. }) => Err(inbox::Refusal::NotParked.into()),
        }
    }

    fn command(
        &mut self,
        gate: &Gate,
        write: &Admitted<Command>,
        command: &Arc<CaseCommand>,
        now: Timestamp,
    ) -> Result<(LogName, u64), SubmitError> {
        let mut case = self.assemble(command);
        let (caller, place) = (&write.caller.agency.id, &write.jurisdiction);
        case.asked_again = self.asked_again(caller, place, command, now);
        let named = case.custody.as_ref();
        let booking = Booking::used_by(command, caller, named);
        let custodies = self.cases[place].values().filter_map(StoredCase::custody);
        case.booked = booking.and_then(|booking| booking.found_in(custodies, named.map(|custody| &custody.name)));
        let millis = u64::try_from(now.as_millisecond()).unwrap();
        let random = self.random.draw(&cause(write), Purpose::CaseId).unwrap();
        let id = uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid();
        let Admitted { caller, jurisdiction, .. } = write.clone();
        let asked = Admitted { caller, jurisdiction, value: Arc::clone(command) };
        let permitted = gate.permit(asked, &case, id, now)?;
        if write.value.etag.is_some() && write.value.etag != shown::etag(write, command, &case) {
            return Err(SubmitError::EtagMismatch);
        }
        let records = decide(&case, &permitted, id, now).map_err(|refusal| match (refusal, &case.booked) {
            (Refusal::AlreadyBooked, Some(custody)) => SubmitError::AlreadyBooked(Booked::by(custody.clone(), command)),
            (refusal, _) => refusal.into(),
        })?;
        // What an issuer reads of an acceptance names whoever handed the person on.
        let accepts = matches!(**command, CaseCommand::AcceptMove { .. });
        let mover = case
            .custody
            .as_ref()
            .filter(|_| accepts)
            .and_then(|custody| Some((custody.custodian.clone(), custody.offer.as_ref()?.offered_by.clone())));
        let mut first = None;
        for record in &records {
            let index = self.append_record(write, command, record, mover.as_ref(), now);
            let exchange = &self.logs[&log(&record.resource.jurisdiction, LogKind::Exchange)];
            let exchange_index = if record.log == LogKind::Exchange { index } else { exchange.size() };
            apply(&mut case, record, exchange_index, now);
            first = first.or(Some((log(&record.resource.jurisdiction, record.log), index)));
        }
        oblige(&mut case, &records, &ObligationTimes::default(), now);
        let met = met_by_record(&case);
        let times = (&ReviewTimes::default(), &Timetable::default());
        let left = follow(&case, &gate.laws_on_answers(&case, now), times, now);
        for record in met.iter().chain(&left) {
            let index = self.append_record(write, command, record, mover.as_ref(), now);
            apply(&mut case, record, index, now);
        }
        let (log, index) = first.ok_or(Refusal::NoSuchCase)?;
        let told = gate.redacted_for_issuer(&write.caller, &case, now);
        self.answer(&log, index, shown::answer(write, command, told.as_ref().unwrap_or(&case), &records));
        self.keep(gate, case, now);
        Ok((log, index))
    }

    /// Of all that wait for a person, those about which an intake asks the custodian again.
    fn asked_again(
        &self,
        custodian: &AgencyId,
        place: &JurisdictionId,
        command: &CaseCommand,
        now: Timestamp,
    ) -> Vec<CaseName> {
        let CaseCommand::OpenCustody(intake) = command else { return Vec::new() };
        let zones = Timetable::default().zones;
        let detainers = self.cases[place].values().filter_map(StoredCase::detainer);
        let waits = detainers.filter(|detainer| {
            asked_again::ends_at(detainer, &zones).is_some_and(|end| end > now)
                && asked_again::is_asked_again(detainer, custodian, &intake.subject)
        });
        waits.map(|detainer| detainer.name.clone()).take(asked_again::ASKED_AGAIN_LEN_MAX).collect()
    }

    fn confirm(
        &mut self,
        write: &Admitted<Command>,
        positions: [u64; 2],
        seen: u64,
        now: Timestamp,
    ) -> Result<(LogName, u64), SubmitError> {
        let (agency, place) = (&write.caller.agency, &write.jurisdiction);
        let behind = |(kind, position)| position < self.confirmed(&agency.id, &log(place, kind));
        if KINDS.into_iter().zip(positions).any(behind) {
            return Err(inbox::Refusal::StaleCursor.into());
        }
        // Whether it proves that something was delivered which was not proven before.
        let proves = seen > self.confirmed(&agency.id, &log(place, LogKind::Exchange));
        for (kind, position) in KINDS.into_iter().zip(positions).filter(|(_, position)| *position > 0) {
            let times = self.deliveries.entry((agency.id.clone(), log(place, kind))).or_default();
            times.entry(position).or_insert(now);
        }
        let own = [Party::Agency(agency.id.clone()), Party::Oversight];
        let mut audience = own.map(|party| (party, FieldClasses::all())).to_vec();
        let holds = agency.kind.holds_people();
        if proves {
            let other_side = if holds { Party::Requesters } else { Party::Custodians };
            audience.push((other_side, [FieldClass::Count].into_iter().collect()));
        }
        let kind = if holds && !proves { LogKind::Custody } else { LogKind::Exchange };
        let index = self.append(Draft {
            write: Some(write),
            agency: &agency.id,
            officer: &write.caller.actor.as_ref().unwrap().pseudonym,
            method: Method::AcknowledgeInbox.rpc(),
            log: log(place, kind),
            resource: format!("jurisdictions/{place}"),
            policy_digest: None,
            audience,
            event: show::inbox_acknowledged(v1::InboxAcknowledged {
                agency: show::agency_name(&agency.id),
                consumer: CONSUMER.to_owned(),
                exchange_position: show::wire_position(seen),
                ..v1::InboxAcknowledged::default()
            }),
            now,
        });
        self.answer(&log(place, kind), index, Vec::new());
        Ok((log(place, kind), index))
    }

    /// Takes a case as it now stands, and when the law is to be asked of it again.
    pub(super) fn keep(&mut self, gate: &Gate, case: Case, now: Timestamp) {
        if let Some(custody) = &case.custody {
            match gate.next_judgment(&case, now) {
                NextJudgment::At(at) => _ = self.again.insert(custody.name.clone(), at.unwrap_or_else(no_date)),
                NextJudgment::NotNeeded => _ = self.again.remove(&custody.name),
            }
        }
        let detainers = case.detainer.into_iter().chain(case.linked);
        let detainers = detainers.map(|detainer| StoredCase::Detainer(Box::new(detainer)));
        for stored in detainers.chain(case.custody.map(|custody| StoredCase::Custody(Box::new(custody)))) {
            self.touched.insert(stored.name().clone());
            self.cases.get_mut(&stored.name().jurisdiction).unwrap().insert(stored.name().clone(), stored);
        }
    }

    /// Everything that a command may touch.
    pub(super) fn assemble(&mut self, command: &CaseCommand) -> Case {
        self.assembled(command.names())
    }

    /// These cases, and what stands beside them.
    pub(super) fn assembled<'n>(&mut self, names: impl Iterator<Item = &'n CaseName>) -> Case {
        let mut case = Case::default();
        let mut is_named = false;
        for name in names {
            let is_other = name.kind == CaseKind::Detainer && std::mem::replace(&mut is_named, true);
            self.touched.insert(name.clone());
            match self.case(name) {
                Some(StoredCase::Detainer(detainer)) if is_other => {
                    case.other = Some((**detainer).clone());
                }
                Some(StoredCase::Detainer(detainer)) => case.detainer = Some((**detainer).clone()),
                Some(StoredCase::Custody(custody)) => case.custody = Some((**custody).clone()),
                Some(StoredCase::Appeal(_) | StoredCase::Expunged(_)) | None => {}
            }
        }
        let linked = case.detainer.as_ref().and_then(|detainer| detainer.acknowledgement.as_ref()?.custody.clone());
        case.custody = case.custody.or_else(|| self.case(&linked?)?.custody().cloned());
        let names = case.custody.iter().flat_map(|custody| &custody.detainers);
        case.linked = names.filter_map(|name| self.case(name)?.detainer().cloned()).collect();
        let delivered = |detainer: &Detainer| Some((detainer.name.clone(), self.first_delivery(detainer)?));
        case.first_delivery = case.linked.iter().filter_map(delivered).collect();
        case
    }

    /// When the issuer first confirmed to have received the notice of a release.
    fn first_delivery(&self, detainer: &Detainer) -> Option<Timestamp> {
        let notice = detainer.notice_index?;
        let exchange = log(&detainer.name.jurisdiction, LogKind::Exchange);
        let positions = self.deliveries.get(&(detainer.issuer.clone(), exchange))?;
        positions.iter().filter(|(position, _)| **position > notice).map(|(_, at)| *at).min()
    }

    fn append_record(
        &mut self,
        write: &Admitted<Command>,
        command: &CaseCommand,
        record: &Record,
        mover: Option<&(AgencyId, OfficerPseudonym)>,
        now: Timestamp,
    ) -> u64 {
        let mover = mover.filter(|_| record.log == LogKind::Exchange);
        let own = (&write.caller.agency.id, &write.caller.actor.as_ref().unwrap().pseudonym);
        let (agency, officer) = mover.map_or(own, |(agency, officer)| (agency, officer));
        let notice = if let Event::TransferRecorded { transfer, .. } = &record.event {
            let ended = matches!(transfer.state, TransferState::Reopened | TransferState::Withdrawn);
            ended && transfer.window_change == Some(WindowChange::ReleaseAdvanced)
        } else {
            matches!(record.event, Event::ReleaseNoticed { .. } | Event::EligibilityNoticed { .. })
        };
        let method = if record.is_retraction() {
            "Retraction"
        } else if notice {
            "Notice"
        } else {
            mover.map_or(command.method(), |_| Method::MoveCustody).rpc()
        };
        if matches!(record.event, Event::UnlawfulHandOver { .. }) {
            // The gateway itself alarms the jurisdiction, whoever handed the person over.
            return self.append_own(Some(write), "Alarm/UnlawfulHandOver", record, now);
        }
        let nobody = "0".repeat(32).parse().unwrap();
        self.append(Draft {
            write: Some(write),
            agency,
            // Who brought a notice about is told in the entry that it follows from.
            officer: if method == "Notice" { &nobody } else { officer },
            method,
            log: log(&record.resource.jurisdiction, record.log),
            resource: record.resource.to_string(),
            policy_digest: record.policy_digest,
            audience: record.audience.clone(),
            event: show::event(record),
            now,
        })
    }

    pub(super) fn append(&mut self, draft: Draft<'_>) -> u64 {
        let Draft { write, agency, officer, method, log, resource, policy_digest, audience, event, now } = draft;
        let size = self.logs[&log].size();
        let (cause, nth) = match write {
            Some(write) => (cause(write), size - self.begun[&log]),
            None => (Cause::Position(&log, size), 0),
        };
        let blinding = self.random.draw(&cause, Purpose::Blinding(log.kind, nth)).unwrap();
        let contents = entry::contents(&event).unwrap();
        let salt = |class| self.random.draw(&cause, Purpose::Salt(log.kind, nth, class)).unwrap();
        let opening = |(class, content)| Opening { class, salt: salt(class), content };
        let openings: Vec<Opening> = contents.into_iter().map(opening).collect();
        let log = self.logs.get_mut(&log).unwrap();
        let header = Header {
            index: log.size(),
            recorded_at: now,
            agency,
            officer,
            method,
            resource: &resource,
            policy_digest,
            blinding,
        };
        let commit = |opening: &Opening| (opening.class, sha256(&[&opening.salt, &opening.content]));
        let leaf = entry::leaf(&header, openings.iter().map(commit));
        let (hash, audience) = (sha256(&[&[0], &leaf]), Audience(audience));
        log.recorded_at = now;
        log.entries.push(Entry { leaf, openings, audience, answer: None, hash });
        log.size() - 1
    }

    fn answer(&mut self, log: &LogName, index: u64, answer: Vec<u8>) {
        self.logs.get_mut(log).unwrap().entries[usize::try_from(index).unwrap()].answer = Some(answer);
    }
}

fn cause(write: &Admitted<Command>) -> Cause<'_> {
    let (jurisdiction, agency) = (&write.jurisdiction, &write.caller.agency.id);
    Cause::Write { jurisdiction, agency, request_id: write.value.request_id }
}

impl Log {
    pub(super) fn size(&self) -> u64 {
        self.entries.len().try_into().unwrap()
    }

    /// When the newest entry was recorded.
    pub(super) fn recorded_at(&self) -> Timestamp {
        self.recorded_at
    }

    pub(super) fn entry(&self, index: u64) -> &Entry {
        &self.entries[usize::try_from(index).unwrap()]
    }

    /// The size at the end of the batch that an entry came with.
    pub(super) fn batch_of(&self, index: u64) -> u64 {
        self.batches.iter().copied().find(|size| *size > index).unwrap()
    }

    /// The root over the first so many entries, from scratch (RFC 6962 2.1).
    pub(super) fn root(&self, size: u64) -> Hash {
        fn of(hashes: &[Entry]) -> [u8; 32] {
            match hashes {
                [] => sha256(&[]),
                [one] => one.hash,
                several => {
                    // The largest power of two below the number of leaves.
                    let (left, right) = several.split_at(several.len().next_power_of_two() / 2);
                    sha256(&[&[1], &of(left), &of(right)])
                }
            }
        }
        Hash::from_bytes(of(&self.entries[..usize::try_from(size).unwrap()]))
    }
}

pub(super) fn log(place: &JurisdictionId, kind: LogKind) -> LogName {
    LogName { jurisdiction: place.clone(), kind }
}

pub(super) fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    digest(&SHA256, &parts.concat()).as_ref().try_into().unwrap()
}
