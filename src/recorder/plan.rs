//! The plan of a batch: it makes entries, cases and outcomes from heads, cases and commands. Time and randomness come from
//! outside; otherwise it is pure.

pub(in crate::recorder) mod alarm;
pub(in crate::recorder) mod appeals;
pub(in crate::recorder) mod attempts;
pub(in crate::recorder) mod booking;
pub(in crate::recorder) mod clocks;
pub(in crate::recorder) mod confirm;
pub(in crate::recorder) mod duties;
pub(in crate::recorder) mod expiry;
pub(in crate::recorder) mod handing_on;
pub(in crate::recorder) mod judge;
pub(in crate::recorder) mod naming;
pub mod outcome;
pub(in crate::recorder) mod response;
pub mod rules;
pub(in crate::recorder) mod rulings;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use crate::domain::agenda::{Item, agenda, judgement};
use crate::domain::appeal;
use crate::domain::apply::apply;
use crate::domain::booking::Booked;
use crate::domain::case::{Case, StoredCase};
use crate::domain::command::{Action, CaseCommand, Command};
use crate::domain::decide::{Refusal, decide};
use crate::domain::detainer::Detainer;
use crate::domain::event::Record;
use crate::domain::expungement::Expunged;
use crate::domain::ids::{AgencyId, CaseKind, CaseName, JurisdictionId, LogKind, LogName, OfficerPseudonym, RequestId};
use crate::domain::inbox::{self, InboxConsumer};
use crate::domain::permit::Admitted;
use crate::domain::timetable::Timetable;
use crate::ledger;
use crate::policy::gate::{Denial, Gate, NextJudgment};
use crate::recorder::plan::alarm::Alarm;
use crate::recorder::plan::naming::{Named, Who};
use crate::recorder::plan::outcome::{NotRecorded, Outcome, PlanError, Rejection};
use crate::recorder::plan::response::{answer, etag_matches};
use crate::recorder::plan::rules::{Duties, Rules};
use crate::recorder::plan::rulings::Rulings;
use crate::recorder::sources::{Cause, Entropy, Purpose};
use crate::store::appeals::NewAppeals;
use crate::store::{
    AgendaChange, Append, Audience, Expungement, Loaded, LogState, NewConsumer, NewDelivery, NewEntry, NewRequest,
    SealedFrom, SeenRequest, Wanted,
};
use crate::traces::STEP;
use crate::wire::entry::{self, Header, Opening};
use crate::wire::{show, v1};

/// A batch that is being planned: what was loaded for it, as each command in turn has changed it.
#[derive(Debug)]
pub struct Plan<'a> {
    pub(in crate::recorder) gate: &'a Gate,
    entropy: &'a Entropy,
    logs: BTreeMap<LogName, LogState>,
    pub(in crate::recorder) loaded: Loaded,
    changed: BTreeSet<CaseName>,
    pub(in crate::recorder) requests: BTreeMap<(AgencyId, RequestId), SeenRequest>,
    pub(in crate::recorder) entries: Vec<NewEntry>,
    /// Where the entries of the present write begin in `entries`.
    first_of_write: usize,
    pub(in crate::recorder) deliveries: Vec<NewDelivery>,
    pub(in crate::recorder) consumers: BTreeSet<InboxConsumer>,
    /// Entries that somebody must look at.
    pub(in crate::recorder) alarms: Vec<Alarm>,
    /// What the law said.
    pub(in crate::recorder) rulings: Rulings,
    /// The new agenda of each case that was touched.
    agenda: BTreeMap<CaseName, Vec<Item>>,
    pub(in crate::recorder) duties: Duties,
    pub(in crate::recorder) timetable: &'a Timetable,
    pub(in crate::recorder) appeals: NewAppeals,
    /// Cases whose records are destroyed.
    expunged: Vec<Expungement>,
    pub(in crate::recorder) limits: inbox::Limits,
    pub(in crate::recorder) appeal_limits: appeal::Limits,
}

/// A planned batch: everything to commit except the signatures.
#[derive(Debug)]
pub struct Planned {
    /// The state of the logs after the batch.
    pub logs: BTreeMap<LogName, LogState>,
    /// What to make durable. The heads are not signed yet.
    pub append: Append,
}

impl<'a> Plan<'a> {
    /// Begins the plan of a batch, with the state of the logs and what was loaded for its commands.
    pub fn new(
        Rules { gate, timetable, duties, limits, appeal_limits }: Rules<'a>,
        entropy: &'a Entropy,
        logs: BTreeMap<LogName, LogState>,
        loaded: Loaded,
    ) -> Self {
        Self {
            gate,
            entropy,
            logs,
            loaded,
            changed: BTreeSet::new(),
            requests: BTreeMap::new(),
            entries: Vec::new(),
            first_of_write: 0,
            deliveries: Vec::new(),
            consumers: BTreeSet::new(),
            alarms: Vec::new(),
            rulings: Rulings::default(),
            agenda: BTreeMap::new(),
            duties,
            timetable,
            appeals: NewAppeals::default(),
            expunged: Vec::new(),
            limits,
            appeal_limits,
        }
    }

    /// Plans one write.
    pub fn submit(&mut self, admitted: &Admitted<Command>, clock_now: Timestamp) -> Result<Outcome, PlanError> {
        let command = &admitted.value;
        let key = (admitted.caller.agency.id.clone(), command.request_id);
        if let Some((seen, replayed)) = self.seen(&key) {
            return Ok(if seen.digest == command.request_digest {
                Outcome::Recorded { log: seen.log.clone(), index: seen.index, replayed }
            } else {
                Outcome::Rejected(Rejection::RequestIdReused)
            });
        }
        match self.record(admitted, clock_now) {
            Ok((log, index)) => {
                let seen = SeenRequest { digest: command.request_digest, log: log.clone(), index };
                self.requests.insert(key, seen);
                Ok(Outcome::Recorded { log, index, replayed: false })
            }
            Err(NotRecorded::Rejected(rejection)) => Ok(Outcome::Rejected(rejection)),
            Err(NotRecorded::Failed(error)) => Err(error),
        }
    }

    /// Records a write whose request id is new, and returns the position of its first entry.
    fn record(&mut self, admitted: &Admitted<Command>, clock_now: Timestamp) -> Result<(LogName, u64), NotRecorded> {
        let Admitted { caller, jurisdiction, value: command } = admitted;
        let officer = &caller.actor.as_ref().ok_or(Rejection::Denied(Denial::Unattributed))?.pseudonym;
        self.first_of_write = self.entries.len();
        if !caller.takes_part_in(jurisdiction) || !self.is_open(admitted) {
            return Err(Rejection::Denied(Denial::NoSuchJurisdiction).into());
        }
        let now = self.time_of_record(jurisdiction, clock_now);
        match &command.action {
            Action::Case(command) => self.case_command(admitted, command, officer, now),
            Action::Inbox(command) => self.confirm(admitted, command, officer, now),
        }
    }

    /// Ends the plan.
    pub fn finish(self) -> Planned {
        let Self {
            logs, mut loaded, changed, requests, entries, deliveries, consumers, agenda, appeals, expunged, ..
        } = self;
        let agenda = agenda.into_iter().filter_map(|(case, open)| {
            AgendaChange::between(loaded.agenda.get(&case).map_or(&[], Vec::as_slice), &open, case)
        });
        let agenda = agenda.collect();
        let cases = changed.iter().filter_map(|name| loaded.cases.remove(name)).collect();
        let requests =
            requests.into_iter().map(|((agency, request_id), seen)| NewRequest { agency, request_id, seen }).collect();
        let consumer = |whose: InboxConsumer| {
            let inbox = loaded.inboxes.get(&(whose.agency.clone(), whose.jurisdiction.clone()))?;
            Some(NewConsumer { state: inbox.consumer(&whose.consumer), whose })
        };
        let consumers = consumers.into_iter().filter_map(consumer).collect();
        let append =
            Append { entries, cases, agenda, requests, deliveries, consumers, appeals, expunged, ..Append::default() };
        Planned { logs, append }
    }

    pub(in crate::recorder) fn seen(&self, key: &(AgencyId, RequestId)) -> Option<(&SeenRequest, bool)> {
        let earlier = self.loaded.requests.get(key).map(|seen| (seen, true));
        earlier.or_else(|| self.requests.get(key).map(|seen| (seen, false)))
    }

    fn is_open(&self, admitted: &Admitted<Command>) -> bool {
        LogName::both_of(&admitted.jurisdiction).iter().all(|log| self.logs.contains_key(log))
    }

    /// The time at which a write to a jurisdiction is recorded: what the clock says, but never earlier than the newest entry
    /// in either log.
    pub(in crate::recorder) fn time_of_record(&self, jurisdiction: &JurisdictionId, clock_now: Timestamp) -> Timestamp {
        let own = self.logs.iter().filter(|(name, _)| name.jurisdiction == *jurisdiction);
        own.map(|(_, state)| state.recorded_at).fold(clock_now, Timestamp::max)
    }

    fn case_command(
        &mut self,
        admitted: &Admitted<Command>,
        command: &Arc<CaseCommand>,
        officer: &OfficerPseudonym,
        now: Timestamp,
    ) -> Result<(LogName, u64), NotRecorded> {
        let command = self.settled(command);
        let mut case = self.assemble(command.names());
        self.with_appeal(admitted, &command, &mut case);
        case.asked_again = self.asked_again(admitted, &command, now);
        case.booked = self.booked(admitted, &command, case.custody.as_ref());
        let by = By {
            agency: &admitted.caller.agency.id,
            officer,
            method: command.method().rpc(),
            request_id: Some(admitted.value.request_id),
            from_paper: false,
        };
        let id = self.fresh_id(admitted, now)?;
        let question = Admitted {
            caller: admitted.caller.clone(),
            jurisdiction: admitted.jurisdiction.clone(),
            value: Arc::clone(&command),
        };
        let command = &*command;
        let mover = handing_on::handed_on_by(command, &case);
        let gate = tracing::trace_span!(target: STEP, "gate");
        let permitted = gate.in_scope(|| self.gate.permit(question, &case, id, now)).map_err(Rejection::Denied)?;
        if !etag_matches(admitted, command, &case) {
            return Err(Rejection::EtagMismatch.into());
        }
        let records = decide(&case, &permitted, id, now).map_err(|refusal| match (refusal, &case.booked) {
            (Refusal::AlreadyBooked, Some(custody)) => Rejection::AlreadyBooked(Booked::by(custody.clone(), command)),
            (refusal, _) => Rejection::Refused(refusal),
        })?;
        let mut first = None;
        for record in &records {
            let log = LogName { jurisdiction: admitted.jurisdiction.clone(), kind: record.log };
            // What follows from it was not on the form.
            let by = By { from_paper: admitted.value.from_paper && first.is_none(), ..by };
            let who = handing_on::named(record, mover.as_ref()).unwrap_or(by.who());
            let index = self.append_named(by, who, record, now)?;
            let exchange_index = if record.log == LogKind::Exchange { index } else { self.exchange_size(&log) };
            apply(&mut case, record, exchange_index, now);
            self.keep_appeal(record, index, &case);
            first.get_or_insert((log, index, self.entries.len().saturating_sub(1)));
        }
        for record in self.follow(&mut case, &records, now) {
            let who = handing_on::named(&record, mover.as_ref()).unwrap_or(by.who());
            let index = self.append_named(by, who, &record, now)?;
            apply(&mut case, &record, index, now);
        }
        let (log, index, at) = first.ok_or(Rejection::Refused(Refusal::NoSuchCase))?;
        if let Some(entry) = self.entries.get_mut(at) {
            // An answer discloses too: it MUST NOT reveal more to the issuer than a read would at this moment.
            let redacted = self.gate.redacted_for_issuer(&admitted.caller, &case, now);
            let case = redacted.as_ref().unwrap_or(&case);
            entry.answer = Some(answer(admitted, command, case, &records, self.timetable.answer_within()));
        }
        let expunged = std::mem::take(&mut case.expunged);
        self.keep(case, now);
        for left in expunged {
            self.expunge(left);
        }
        Ok((log, index))
    }

    /// Where the entries of the present write begin in the logs of a jurisdiction.
    fn sealed_from(&self, jurisdiction: &JurisdictionId) -> SealedFrom {
        let own = self.entries.get(self.first_of_write..).unwrap_or_default();
        let position = |kind| {
            let log = LogName { jurisdiction: jurisdiction.clone(), kind };
            let first = own.iter().find(|entry| entry.log == log).map(|entry| entry.index);
            first.unwrap_or_else(|| self.logs.get(&log).map_or(0, |state| state.tree.size()))
        };
        SealedFrom { exchange: position(LogKind::Exchange), custody: position(LogKind::Custody) }
    }

    /// Stores what is left of an expunged case, with an empty agenda. Its entries before this write are destroyed.
    fn expunge(&mut self, left: Expunged) {
        let (case, from) = (left.name.clone(), self.sealed_from(&left.name.jurisdiction));
        self.loaded.agenda.entry(case.clone()).or_default();
        self.agenda.insert(case.clone(), Vec::new());
        self.changed.insert(case.clone());
        self.loaded.cases.insert(case.clone(), StoredCase::Expunged(Box::new(left)));
        self.expunged.push(Expungement { case, from });
    }

    /// The size of the exchange log of the jurisdiction that a log belongs to.
    fn exchange_size(&self, log: &LogName) -> u64 {
        let exchange = LogName { kind: LogKind::Exchange, ..log.clone() };
        self.logs.get(&exchange).map_or(0, |state| state.tree.size())
    }

    /// The named cases with the custody and detainers linked to them, as this batch has changed them so far.
    pub(in crate::recorder) fn assemble<'n>(&self, names: impl IntoIterator<Item = &'n CaseName>) -> Case {
        let find = |name: &CaseName| self.loaded.cases.get(name);
        let mut case = Case::default();
        let mut is_named = false;
        for name in names {
            // The first detainer is the one that the command acts on, whether it is found or not.
            let is_other = name.kind == CaseKind::Detainer && std::mem::replace(&mut is_named, true);
            match find(name) {
                Some(StoredCase::Detainer(detainer)) if is_other => {
                    case.other = Some((**detainer).clone());
                }
                Some(StoredCase::Detainer(detainer)) => case.detainer = Some((**detainer).clone()),
                Some(StoredCase::Custody(custody)) => case.custody = Some((**custody).clone()),
                Some(StoredCase::Appeal(appeal)) => case.appeal = Some((**appeal).clone()),
                Some(StoredCase::Expunged(_)) | None => {}
            }
        }
        if case.custody.is_none() {
            let linked = case.detainer.as_ref().and_then(Detainer::linked_custody);
            case.custody = linked.and_then(find).and_then(StoredCase::custody).cloned();
        }
        if let Some(custody) = &case.custody {
            let linked = custody.detainers.iter().filter_map(|name| find(name)?.detainer().cloned());
            case.linked = linked.collect();
        }
        case.first_delivery = case
            .linked
            .iter()
            .filter_map(|detainer| Some((detainer.name.clone(), self.first_delivery(detainer)?)))
            .collect();
        case
    }

    fn first_delivery(&self, detainer: &Detainer) -> Option<Timestamp> {
        let (agency, log, index) = notice_of(detainer)?;
        let within_batch = self
            .deliveries
            .iter()
            .find(|delivery| delivery.agency == agency && delivery.log == log && delivery.covers(index));
        let earlier = self.loaded.deliveries.get(&(agency, log.clone(), index)).copied();
        earlier.or(within_batch.map(|delivery| delivery.recorded_at))
    }

    /// Stores a case with its new agenda, which includes when the law must be asked about it again.
    pub(in crate::recorder) fn keep(&mut self, case: Case, now: Timestamp) {
        self.agenda.extend(agenda(&case, self.timetable));
        if let (NextJudgment::At(at), Some(custody)) = (self.gate.next_judgment(&case, now), &case.custody) {
            self.agenda.entry(custody.name.clone()).or_default().push(judgement(at));
        }
        let detainers = case.detainer.into_iter().chain(case.linked);
        let detainers = detainers.map(|detainer| StoredCase::Detainer(Box::new(detainer)));
        let custody = case.custody.map(|custody| StoredCase::Custody(Box::new(custody)));
        let appeal = case.appeal.map(|appeal| StoredCase::Appeal(Box::new(appeal)));
        for stored in detainers.chain(custody).chain(appeal) {
            let name = stored.name().clone();
            if self.loaded.cases.get(&name) != Some(&stored) {
                self.changed.insert(name.clone());
                self.loaded.cases.insert(name, stored);
            }
        }
    }

    /// Empties the agenda of a case, unless the case is stored after this. Removes an item that was due from a case that no
    /// longer has it.
    pub(in crate::recorder) fn clear_agenda(&mut self, name: &CaseName, listed: Item) {
        self.loaded.agenda.entry(name.clone()).or_insert_with(|| vec![listed]);
        self.agenda.insert(name.clone(), Vec::new());
    }

    pub(in crate::recorder) fn append(
        &mut self,
        by: By<'_>,
        record: &Record,
        now: Timestamp,
    ) -> Result<u64, PlanError> {
        self.append_named(by, by.who(), record, now)
    }

    /// Appends a record that names somebody else than who caused it.
    fn append_named(&mut self, by: By<'_>, who: Who<'_>, record: &Record, now: Timestamp) -> Result<u64, PlanError> {
        let (agency, officer, method) = who;
        let draft = Draft {
            log: LogName { jurisdiction: record.resource.jurisdiction.clone(), kind: record.log },
            by,
            named: naming::of(record, agency, officer, method)?,
            resource: record.resource.to_string(),
            case: Some(record.resource.clone()),
            policy_digest: record.policy_digest,
            audience: Audience(record.audience.clone()),
            contents: entry::contents(&v1::Event { entered_from_paper: by.from_paper, ..show::event(record) })?,
        };
        let index = self.write(draft, now)?;
        self.alarms.extend(Alarm::of(record, index));
        self.rulings.add(record);
        Ok(index)
    }

    /// Commits to the contents and appends the leaf.
    pub(in crate::recorder) fn write(&mut self, draft: Draft<'_>, now: Timestamp) -> Result<u64, PlanError> {
        let own = self.entries.get(self.first_of_write..).unwrap_or_default();
        let nth = own.iter().filter(|entry| entry.log == draft.log).count();
        let state = self.logs.get_mut(&draft.log).ok_or_else(|| PlanError::NotOpen(draft.log.clone()))?;
        let (index, kind) = (state.tree.size(), draft.log.kind);
        let (cause, nth) = match draft.by.request_id {
            Some(request_id) => {
                let (jurisdiction, agency) = (&draft.log.jurisdiction, draft.by.agency);
                (Cause::Write { jurisdiction, agency, request_id }, u64::try_from(nth).unwrap_or(u64::MAX))
            }
            None => (Cause::Position(&draft.log, index), 0),
        };
        let blinding = self.entropy.draw(&cause, Purpose::Blinding(kind, nth))?;
        let mut openings = Vec::with_capacity(draft.contents.len());
        for (class, content) in draft.contents {
            let salt = self.entropy.draw(&cause, Purpose::Salt(kind, nth, class))?;
            openings.push(Opening { class, salt, content });
        }
        let commitments =
            openings.iter().map(|opening| (opening.class, *ledger::commit(&opening.salt, &opening.content).as_bytes()));
        let header = Header {
            index,
            recorded_at: now,
            agency: &draft.named.agency,
            officer: &draft.named.officer,
            method: draft.named.method,
            resource: &draft.resource,
            policy_digest: draft.policy_digest,
            blinding,
        };
        let leaf = entry::leaf(&header, commitments);
        state.tree.append(ledger::leaf_hash(&leaf));
        state.recorded_at = now;
        let Draft { log, case, audience, .. } = draft;
        self.entries.push(NewEntry { log, index, case, leaf, openings, audience, answer: None });
        Ok(index)
    }

    fn fresh_id(&self, admitted: &Admitted<Command>, now: Timestamp) -> Result<Uuid, PlanError> {
        let cause = Cause::Write {
            jurisdiction: &admitted.jurisdiction,
            agency: &admitted.caller.agency.id,
            request_id: admitted.value.request_id,
        };
        let millis = u64::try_from(now.as_millisecond()).unwrap_or_default();
        let random = self.entropy.draw(&cause, Purpose::CaseId)?;
        Ok(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
    }
}

/// Who causes entries.
#[derive(Debug, Clone, Copy)]
pub(in crate::recorder) struct By<'a> {
    pub(in crate::recorder) agency: &'a AgencyId,
    pub(in crate::recorder) officer: &'a OfficerPseudonym,
    pub(in crate::recorder) method: &'static str,
    /// The write. `None`: the gateway itself.
    pub(in crate::recorder) request_id: Option<RequestId>,
    /// An officer entered it from a form that came back on paper.
    pub(in crate::recorder) from_paper: bool,
}

impl<'a> By<'a> {
    fn who(self) -> Who<'a> {
        (self.agency, self.officer, self.method)
    }

    /// What the leaf of an entry names, if nothing about the entry requires other names.
    pub(in crate::recorder) fn named(self) -> Named<'a> {
        Named { agency: Cow::Borrowed(self.agency), officer: Cow::Borrowed(self.officer), method: self.method }
    }
}

/// An entry before it has a position.
pub(in crate::recorder) struct Draft<'a> {
    pub(in crate::recorder) log: LogName,
    pub(in crate::recorder) by: By<'a>,
    /// What the leaf names.
    pub(in crate::recorder) named: Named<'a>,
    pub(in crate::recorder) resource: String,
    pub(in crate::recorder) case: Option<CaseName>,
    pub(in crate::recorder) policy_digest: Option<[u8; 32]>,
    pub(in crate::recorder) audience: Audience,
    pub(in crate::recorder) contents: Vec<(crate::domain::determination::FieldClass, Vec<u8>)>,
}

/// The entry by which the issuer of a detainer was notified of the release, with the issuer.
fn notice_of(detainer: &Detainer) -> Option<(AgencyId, LogName, u64)> {
    let log = LogName { jurisdiction: detainer.name.jurisdiction.clone(), kind: LogKind::Exchange };
    Some((detainer.issuer.clone(), log, detainer.notice_index?))
}

/// Cases that loaded cases refer to and that were not asked for yet.
pub fn missing(loaded: &Loaded, asked: &BTreeSet<CaseName>) -> Wanted {
    let mut cases = BTreeSet::new();
    for case in loaded.cases.values() {
        match case {
            StoredCase::Detainer(detainer) => cases.extend(detainer.linked_custody().cloned()),
            StoredCase::Custody(custody) => cases.extend(custody.detainers.iter().cloned()),
            StoredCase::Appeal(_) | StoredCase::Expunged(_) => {}
        }
    }
    Wanted { cases: cases.difference(asked).cloned().collect(), ..Wanted::default() }
}

/// The first deliveries that the lead times of a release are counted from.
pub fn notices(loaded: &Loaded) -> BTreeSet<(AgencyId, LogName, u64)> {
    loaded.cases.values().filter_map(StoredCase::detainer).filter_map(notice_of).collect()
}
