//! Folds entries, in order, into what is known of each detainer. Adding entries never needs an earlier one again.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::domain::charge::{self, Charge};
use crate::domain::custody::ReleaseEligibilityKind;
use crate::domain::detainer::Finding;
use crate::domain::determination::LawAction;
use crate::domain::ids::{LogKind, LogName};
use crate::domain::interview::InterviewOutcome;
use crate::domain::review::{ReviewMatter, ReviewState};
use crate::domain::service::ServiceMethod;
use crate::domain::warrant::VerificationOutcome;
use crate::reports::counted_entry::CountedEntry;
use crate::reports::detainer::{DetainerFacts, InterviewStanding, Leading, PickUp, Released, Rule, Safeguards, SaidBy};
use crate::wire::enums::from_wire;
use crate::wire::v1;
use crate::wire::v1::event::Event;

/// The policies that guard a person have ids under this. They are not named in a report.
const SAFEGUARD: &str = "safeguard.";

/// A stay in custody.
#[derive(Debug, Clone, Default)]
pub(super) struct CustodyFacts {
    pub(super) custodian: String,
    pub(super) facility: String,
    leading: Option<Leading>,
    /// For which releases a date of eligibility is recorded.
    pub(super) eligibilities: BTreeSet<ReleaseEligibilityKind>,
    detainers: BTreeSet<String>,
    /// The custodians that handed the person on, and when. One that has the person again is not among them.
    handed_on: BTreeMap<String, Timestamp>,
}

/// What an audience knows of each detainer.
#[derive(Debug, Clone, Default)]
pub struct Fold {
    pub(super) detainers: BTreeMap<String, DetainerFacts>,
    pub(super) custodies: BTreeMap<String, CustodyFacts>,
    /// Entries counted, by log.
    counted: BTreeMap<LogName, u64>,
    /// Detainers whose delivery is not proved yet, by the position of their entry.
    undelivered: BTreeMap<(LogName, u64), String>,
    pub(super) over_holds: u64,
    pub(super) unlawful_hand_overs: u64,
    pub(super) last: Option<Timestamp>,
}

impl Fold {
    /// Takes the next entry. Entries MUST come in the order of [`super::Merged`].
    #[expect(clippy::too_many_lines, reason = "one arm an event, and each a line or few: the list is the function")]
    pub fn take(&mut self, entry: &CountedEntry) {
        let counted = self.counted.entry(entry.log.clone()).or_default();
        *counted = counted.saturating_add(1);
        self.last = self.last.max(Some(entry.recorded_at));
        let Some(event) = &entry.event else { return };
        if let Event::CustodyMoved(moved) = event {
            self.came(entry, moved);
        }
        self.law(event);
        match event {
            Event::DetainerLodged(lodged) => self.lodged(entry, lodged),
            Event::DetainerAmended(amended) => self.amended(entry, amended),
            Event::DetainerAcknowledged(found) => self.acknowledged(entry, found),
            Event::DetainerAnswered(answered) => self.answered(entry, answered),
            Event::DetainerWithdrawn(withdrawn) => {
                let reason = from_wire(withdrawn.reason);
                self.change(&entry.resource, |facts| facts.lifted = reason.map(|reason| (reason, entry.recorded_at)));
            }
            Event::WarrantVerified(verified) => self.verified(verified),
            Event::CopyServed(served) => {
                let method: Option<ServiceMethod> =
                    served.service_of_copy.as_ref().and_then(|service| from_wire(service.method));
                self.change(&entry.resource, |facts| {
                    facts.served = Some(method.map_or("recorded", ServiceMethod::word));
                });
            }
            Event::InterviewRequested(_) => {
                self.change(&entry.resource, |facts| facts.interview = Some(InterviewStanding::Asked));
            }
            Event::InterviewAnswered(answered) => self.interview_answered(&entry.resource, answered),
            Event::InterviewWithdrawn(_) => {
                self.change(&entry.resource, |facts| facts.interview = Some(InterviewStanding::Withdrawn));
            }
            Event::TransferRecorded(recorded) => self.pick_up(recorded),
            Event::ReleaseNoticed(noticed) => self.change(&noticed.detainer, |facts| facts.is_noticed = true),
            Event::ReleaseEligibilityRecorded(recorded) => {
                let facts = self.custodies.entry(recorded.custody.clone()).or_default();
                facts.eligibilities.extend(kind_of(recorded.eligibility.as_ref()));
            }
            Event::ReleaseEligibilityNoticed(noticed) => self.eligibility_noticed(noticed),
            Event::NoticeCancelled(cancelled) => self.change(&cancelled.detainer, |facts| facts.is_noticed = false),
            Event::DetainerReleased(released) => self.released_as_disclosed(entry, released),
            Event::DetainerReopened(reopened) => self.change(&reopened.detainer, reopen),
            Event::ReleaseRecorded(recorded) => self.release_recorded(entry, recorded),
            Event::CustodyOpened(opened) => self.opened(opened),
            Event::ChargesUpdated(updated) => self.charges(&updated.custody, &updated.charges),
            Event::CustodyMoved(moved) => self.moved(entry, moved),
            Event::CustodyClosed(closed) => self.closed(entry, closed),
            Event::CustodyReopened(reopened) => self.reopened(&reopened.custody),
            Event::CustodyNoticed(noticed) => self.noticed(entry, noticed),
            Event::ReviewResolved(resolved) => self.review(&resolved.detainer, resolved.review.as_ref()),
            Event::InboxAcknowledged(acknowledged) => self.delivered(entry, acknowledged),
            Event::ClockFired(fired) => {
                let is_over_hold = fired.clock() == v1::ClockKind::OverHold;
                self.over_holds = self.over_holds.saturating_add(u64::from(is_over_hold));
            }
            Event::UnlawfulHandOver(_) => self.unlawful_hand_overs = self.unlawful_hand_overs.saturating_add(1),
            // Nothing of these is counted.
            Event::ReleaseScheduled(_)
            | Event::ReleaseRescheduled(_)
            | Event::ReleaseCancelled(_)
            | Event::IdentityCorrected(_)
            | Event::MoveOffered(_)
            | Event::MoveOfferEnded(_)
            | Event::CustodyExpunged(_)
            | Event::DetainerExpunged(_)
            | Event::CitizenshipClaimRaised(_)
            | Event::CitizenshipClaimResolved(_)
            | Event::PromiseSuspended(_)
            | Event::ReviewOpened(_)
            | Event::ObligationMet(_)
            | Event::AppealIssued(_)
            | Event::AppealAnswered(_)
            | Event::AppealBarred(_)
            | Event::PolicyActivated(_) => {}
        }
    }

    /// Entries that were counted of a log.
    pub fn counted(&self, log: &LogName) -> u64 {
        self.counted.get(log).copied().unwrap_or_default()
    }

    /// Whether entries of a custody log are among what was counted. What is counted from them goes to whoever reads that log.
    pub(super) fn sees_custody(&self) -> bool {
        self.counted.keys().any(|log| log.kind == LogKind::Custody)
    }

    /// The custodian that a detainer is counted under, and the facility, as far as the audience knows.
    pub(super) fn whereabouts<'a>(&'a self, facts: &'a DetainerFacts) -> (&'a str, &'a str) {
        let custody = facts.custody.as_ref().and_then(|custody| self.custodies.get(custody));
        let custodian = custody.map(|custody| custody.custodian.as_str()).filter(|known| !known.is_empty());
        let facility = custody.map(|custody| custody.facility.as_str()).filter(|known| !known.is_empty());
        let known = [&facts.respondent, &facts.addressee].into_iter().find(|known| !known.is_empty());
        (custodian.or(known.map(String::as_str)).unwrap_or("not-known"), facility.unwrap_or("not-known"))
    }

    /// When an audience that was the custodian handed the person on, if it did and has not got the person again. What becomes of the
    /// detainer is the next custodian's to count.
    pub(super) fn handed_on_at(&self, audience: &str, facts: &DetainerFacts) -> Option<Timestamp> {
        self.custodies.get(facts.custody.as_ref()?)?.handed_on.get(&agency(audience)).copied()
    }

    /// When a detainer ended for an audience: by itself, or because the audience handed the person on.
    pub(super) fn ended_at(&self, audience: &str, facts: &DetainerFacts) -> Option<Timestamp> {
        facts.ended_at().or_else(|| self.handed_on_at(audience, facts))
    }

    /// The leading charge now: by the custodian's record, where the audience knows it.
    pub(super) fn leading(&self, facts: &DetainerFacts) -> Leading {
        let custody = facts.custody.as_ref().and_then(|custody| self.custodies.get(custody));
        custody.and_then(|custody| custody.leading).unwrap_or(facts.leading)
    }

    fn lodged(&mut self, entry: &CountedEntry, lodged: &v1::DetainerLodged) {
        let detainer = lodged.detainer.clone().unwrap_or_default();
        self.undelivered.insert((entry.log.clone(), entry.index), entry.resource.clone());
        self.change(&entry.resource, |facts| {
            facts.lodged_at = Some(entry.recorded_at);
            facts.index = entry.index;
            facts.issuer = agency(&detainer.issuer);
            facts.addressee = agency(&detainer.custodian);
            facts.charges = u64::try_from(detainer.charges.len()).unwrap_or(u64::MAX);
            count(facts, lodged.counts.as_ref(), SaidBy::Requester);
        });
    }

    fn amended(&mut self, entry: &CountedEntry, amended: &v1::DetainerAmended) {
        let charges = amended.detainer.as_ref().map(|detainer| detainer.charges.len());
        self.change(&entry.resource, |facts| {
            facts.charges = charges.and_then(|charges| u64::try_from(charges).ok()).unwrap_or(facts.charges);
            count(facts, amended.counts.as_ref(), SaidBy::Requester);
        });
    }

    fn acknowledged(&mut self, entry: &CountedEntry, acknowledged: &v1::DetainerAcknowledged) {
        let found = acknowledged.acknowledgement.clone().unwrap_or_default();
        let finding = from_wire(found.finding).map(|finding| (finding, entry.recorded_at));
        let custody = Some(found.custody).filter(|custody| !custody.is_empty());
        let before = self.detainers.get(&entry.resource).and_then(|facts| facts.custody.clone());
        if let Some(before) = before.and_then(|before| self.custodies.get_mut(&before)) {
            before.detainers.remove(&entry.resource);
        }
        if let Some(custody) = &custody {
            self.custodies.entry(custody.clone()).or_default().detainers.insert(entry.resource.clone());
        }
        self.change(&entry.resource, |facts| {
            facts.found = finding;
            facts.custody = custody;
            facts.respondent = agency(&entry.agency);
            count(facts, acknowledged.counts.as_ref(), SaidBy::Custodian);
        });
    }

    fn answered(&mut self, entry: &CountedEntry, answered: &v1::DetainerAnswered) {
        let answer = answered.answer.as_ref();
        self.change(&entry.resource, |facts| {
            facts.answer = answer.and_then(|answer| from_wire(answer.kind));
            facts.ground = answer.and_then(|answer| from_wire(answer.ground));
            facts.is_to_be_answered_anew = false;
            facts.respondent = agency(&entry.agency);
            count(facts, answered.counts.as_ref(), SaidBy::Custodian);
        });
    }

    /// Where nothing of the answer is shown, the interview is asked for, as far as the audience knows.
    fn interview_answered(&mut self, detainer: &str, answered: &v1::InterviewAnswered) {
        let answer = answered.answer.clone().unwrap_or_default();
        let declined = answer.declined.then_some(InterviewOutcome::Declined);
        let outcome = from_wire(answer.outcome).or(declined);
        self.change(detainer, |facts| {
            facts.interview = Some(outcome.map_or(InterviewStanding::Asked, InterviewStanding::Answered));
            count(facts, answered.counts.as_ref(), SaidBy::Custodian);
        });
    }

    fn noticed(&mut self, entry: &CountedEntry, noticed: &v1::CustodyNoticed) {
        let closing = noticed.closing.as_ref();
        self.change(&noticed.detainer, |facts| {
            count(facts, noticed.counts.as_ref(), SaidBy::Custodian);
            if let Some(closing) = closing {
                facts.closed = Some((from_wire(closing.reason), entry.recorded_at));
            }
        });
    }

    fn pick_up(&mut self, recorded: &v1::TransferRecorded) {
        let pick_up = PickUp {
            state: recorded.transfer.as_ref().and_then(|transfer| from_wire(transfer.state)),
            cause: from_wire(recorded.failure_cause),
            window_change: from_wire(recorded.window_change),
        };
        self.change(&recorded.detainer, |facts| facts.pick_up = Some(pick_up));
    }

    fn eligibility_noticed(&mut self, noticed: &v1::ReleaseEligibilityNoticed) {
        let kind = kind_of(noticed.eligibility.as_ref());
        self.change(&noticed.detainer, |facts| {
            if !noticed.retracts {
                count(facts, noticed.counts.as_ref(), SaidBy::Custodian);
                facts.eligibilities.insert(kind);
            } else if kind.is_some() {
                facts.eligibilities.remove(&kind);
            } else {
                // Of which kind is not shown to this audience: it counts none as told any more.
                facts.eligibilities.clear();
            }
        });
    }

    /// What an issuer is told of a release. Where the custody log is read too, its entry comes after this one and says more.
    fn released_as_disclosed(&mut self, entry: &CountedEntry, told: &v1::DetainerReleased) {
        let release = told.release.clone().unwrap_or_default();
        let lead_s = told.counts.as_ref().and_then(|counts| counts.lead_time_seconds);
        self.change(&told.detainer, |facts| {
            count(facts, told.counts.as_ref(), SaidBy::Custodian);
            let released = released(&release, entry.recorded_at, lead_s, facts.leading);
            // A correction of what was disclosed before does not move the moment.
            let recorded_at = facts.released.as_ref().map_or(entry.recorded_at, |before| before.recorded_at);
            facts.released = Some(Released { recorded_at, ..released });
        });
    }

    fn release_recorded(&mut self, entry: &CountedEntry, recorded: &v1::ReleaseRecorded) {
        let release = recorded.release.clone().unwrap_or_default();
        for name in &recorded.detainers {
            let leading = self.detainers.get(name).map(|facts| self.leading(facts)).unwrap_or_default();
            self.change(name, |facts| {
                let lead_s = facts.released.as_ref().and_then(|disclosed| disclosed.lead_s);
                let before = facts.released.as_ref().map(|before| before.recorded_at);
                let recorded_at = before.unwrap_or(entry.recorded_at);
                facts.released =
                    Some(Released { recorded_at, ..released(&release, entry.recorded_at, lead_s, leading) });
            });
        }
    }

    fn verified(&mut self, verified: &v1::WarrantVerified) {
        let outcome = verified.verification.as_ref().and_then(|seen| from_wire(seen.outcome));
        self.change(&verified.detainer, |facts| {
            facts.verified = outcome.filter(|outcome| *outcome != VerificationOutcome::Withdrawn);
        });
    }

    fn opened(&mut self, opened: &v1::CustodyOpened) {
        let Some(custody) = &opened.custody else { return };
        let facts = self.custodies.entry(custody.name.clone()).or_default();
        facts.custodian = agency(&custody.custodian);
        facts.facility.clone_from(&custody.facility);
        facts.leading = leading(&custody.charges);
    }

    fn charges(&mut self, custody: &str, charges: &[v1::Charge]) {
        if let Some(facts) = self.custodies.get_mut(custody) {
            facts.leading = leading(charges);
        }
    }

    fn moved(&mut self, entry: &CountedEntry, moved: &v1::CustodyMoved) {
        let Some(movement) = &moved.movement else { return };
        let facts = self.custodies.entry(moved.custody.clone()).or_default();
        if !movement.facility.is_empty() {
            facts.facility.clone_from(&movement.facility);
        }
        if movement.custodian.is_empty() {
            return;
        }
        let from = std::mem::replace(&mut facts.custodian, agency(&movement.custodian));
        if !from.is_empty() {
            facts.handed_on.insert(from, entry.recorded_at);
        }
        facts.handed_on.remove(&facts.custodian);
        // A promise binds whoever gave it: the new custodian answers.
        for name in self.detainers_on(&moved.custody) {
            self.change(&name, |facts| facts.is_to_be_answered_anew = true);
        }
    }

    /// Detainers whose lodging the audience cannot see, which come to it with the person.
    fn came(&mut self, entry: &CountedEntry, moved: &v1::CustodyMoved) {
        for judged in &moved.facts {
            let facts = self.detainers.entry(judged.detainer.clone()).or_default();
            if facts.since().is_some() {
                continue;
            }
            let known = |one: &v1::Offence| Some((from_wire(one.category)?, from_wire(one.status)?));
            let leading = judged.offences.iter().filter_map(known);
            let (offence, status) =
                leading.min_by_key(|(offence, status)| charge::by_gravity(*offence, *status)).unzip();
            facts.came_at = Some(entry.recorded_at);
            facts.found = Some((Finding::MatchedCustody, entry.recorded_at));
            facts.custody = Some(moved.custody.clone());
            facts.leading = Leading { offence, status, said_by: SaidBy::Custodian };
            let custody = self.custodies.entry(moved.custody.clone()).or_default();
            custody.detainers.insert(judged.detainer.clone());
        }
    }

    fn closed(&mut self, entry: &CountedEntry, closed: &v1::CustodyClosed) {
        let reason = closed.closing.as_ref().and_then(|closing| from_wire(closing.reason));
        for name in &closed.detainers {
            self.change(name, |facts| {
                if facts.ended_at().is_none() {
                    facts.closed = Some((reason, entry.recorded_at));
                }
            });
        }
    }

    fn reopened(&mut self, custody: &str) {
        for name in self.detainers_on(custody) {
            self.change(&name, reopen);
        }
    }

    fn detainers_on(&self, custody: &str) -> Vec<String> {
        self.custodies.get(custody).map(|facts| facts.detainers.iter().cloned().collect()).unwrap_or_default()
    }

    fn review(&mut self, detainer: &str, review: Option<&v1::Review>) {
        let Some(review) = review else { return };
        let of_notice = from_wire(review.matter) == Some(ReviewMatter::Notify);
        if of_notice && from_wire(review.state) == Some(ReviewState::ReleasedUndecided) {
            self.change(detainer, |facts| facts.is_undecided = true);
        }
    }

    /// A proof of delivery: everything for that agency before a position was received.
    fn delivered(&mut self, entry: &CountedEntry, acknowledged: &v1::InboxAcknowledged) {
        let recipient = agency(&acknowledged.agency);
        let to = u64::try_from(acknowledged.exchange_position).unwrap_or_default();
        let exchange = LogName { jurisdiction: entry.log.jurisdiction.clone(), kind: LogKind::Exchange };
        let within = (exchange.clone(), 0)..(exchange, to);
        let parked: BTreeSet<u64> = acknowledged.parked.iter().filter_map(|index| u64::try_from(*index).ok()).collect();
        let covered: Vec<(LogName, u64)> = self
            .undelivered
            .range(within)
            .filter(|((_, index), name)| !parked.contains(index) && self.is_for(name, &recipient))
            .map(|(place, _)| place.clone())
            .collect();
        for place in covered {
            if let Some(name) = self.undelivered.remove(&place) {
                self.change(&name, |facts| facts.delivered_at = Some(entry.recorded_at));
            }
        }
    }

    fn is_for(&self, detainer: &str, recipient: &str) -> bool {
        self.detainers.get(detainer).is_some_and(|facts| {
            facts.addressee == recipient || (facts.addressee.is_empty() && facts.issuer != recipient)
        })
    }

    /// What the law said, where the audience is shown it.
    fn law(&mut self, event: &Event) {
        let (determinations, facts) = judged(event);
        for said in determinations {
            let rule = rule(said);
            self.change_known(&said.detainer, |detainer| match from_wire(said.action) {
                Some(LawAction::Hold) => detainer.hold = Some(rule),
                Some(LawAction::Notify) => detainer.notify = Some(rule),
                Some(LawAction::Transfer | LawAction::Disclose | LawAction::Interview) | None => {}
            });
        }
        for said in facts {
            let safeguards = Safeguards {
                citizenship_claim: said.citizenship_claim,
                citizen: said.citizen || said.proof_of_status,
                juvenile: said.juvenile,
                sealed: said.sealed,
            };
            self.change_known(&said.detainer, |detainer| detainer.safeguards = safeguards);
            let class = from_wire(said.custodian_class);
            self.change_known(&said.detainer, |detainer| detainer.class = class.or(detainer.class));
        }
    }

    /// A detainer whose lodging the audience cannot see is nothing that it may count.
    fn change_known(&mut self, name: &str, how: impl FnOnce(&mut DetainerFacts)) {
        if let Some(facts) = self.detainers.get_mut(name) {
            how(facts);
        }
    }

    fn change(&mut self, name: &str, how: impl FnOnce(&mut DetainerFacts)) {
        match self.detainers.get_mut(name) {
            Some(facts) => how(facts),
            None => how(self.detainers.entry(name.to_owned()).or_default()),
        }
    }
}

fn reopen(facts: &mut DetainerFacts) {
    facts.released = None;
    facts.closed = None;
    facts.is_undecided = false;
}

fn count(facts: &mut DetainerFacts, counts: Option<&v1::Counts>, said_by: SaidBy) {
    let Some(counts) = counts else { return };
    facts.form = from_wire(counts.form).or(facts.form);
    facts.warrant = from_wire(counts.warrant).or(facts.warrant);
    facts.class = from_wire(counts.custodian_class).or(facts.class);
    let (offence, status) = (from_wire(counts.offence), from_wire(counts.charge_status));
    // Whoever says the same as before adds nothing: the word stays with the one who said it first.
    let is_new = offence.is_some() && (offence, status) != (facts.leading.offence, facts.leading.status);
    if is_new || said_by == SaidBy::Requester {
        facts.leading = Leading { offence, status, said_by };
    }
}

fn released(release: &v1::ActualRelease, recorded_at: Timestamp, lead_s: Option<i64>, leading: Leading) -> Released {
    let released_at = release.released_at.as_ref();
    Released {
        recorded_at,
        said_at: released_at.and_then(|at| Timestamp::new(at.seconds, at.nanos).ok()),
        reason: from_wire(release.reason),
        recipient: from_wire(release.recipient),
        is_order_said: !release.ordered_by.is_empty(),
        lead_s,
        leading,
    }
}

/// The leading charge of a custodian's record.
fn leading(charges: &[v1::Charge]) -> Option<Leading> {
    let charge = |charge: &v1::Charge| {
        Some(Charge {
            statute: None,
            ncic: charge.ncic_code.parse().ok(),
            nibrs: charge.nibrs_code.parse().ok(),
            severity: None,
            status: from_wire(charge.status)?,
            charged_on: None,
            convicted_on: None,
            sentence_days: None,
        })
    };
    let charges: Vec<Charge> = charges.iter().filter_map(charge).collect();
    let found = charge::leading(&charges)?;
    Some(Leading { offence: Some(found.category()), status: Some(found.status), said_by: SaidBy::Custodian })
}

/// For which release, where the audience is shown that.
fn kind_of(eligibility: Option<&v1::ReleaseEligibility>) -> Option<ReleaseEligibilityKind> {
    eligibility.and_then(|eligibility| from_wire(eligibility.kind))
}

/// What decided. Where a safeguard had a part in it, nothing is named.
fn rule(said: &v1::Determination) -> Rule {
    let v1::Determination { policies, citations, .. } = said;
    if policies.iter().any(|policy| policy.starts_with(SAFEGUARD)) {
        return Rule::Unnamed;
    }
    Rule::Named { ruling: from_wire(said.ruling), policies: policies.clone(), citations: citations.clone() }
}

/// The determinations of an event, and the facts that they were made on.
fn judged(event: &Event) -> (&[v1::Determination], &[v1::Facts]) {
    match event {
        Event::DetainerLodged(event) => (&event.determinations, &event.facts),
        Event::DetainerAmended(event) => (&event.determinations, &event.facts),
        Event::DetainerAcknowledged(event) => (&event.determinations, &event.facts),
        Event::DetainerAnswered(event) => (&event.determinations, &event.facts),
        Event::WarrantVerified(event) => (&event.determinations, &event.facts),
        Event::CopyServed(event) => (&event.determinations, &event.facts),
        Event::InterviewAnswered(event) => (&event.determinations, &event.facts),
        Event::CitizenshipClaimRaised(event) => (&event.determinations, &event.facts),
        Event::CitizenshipClaimResolved(event) => (&event.determinations, &event.facts),
        Event::TransferRecorded(event) => (&event.determinations, &event.facts),
        Event::ChargesUpdated(event) => (&event.determinations, &event.facts),
        Event::IdentityCorrected(event) => (&event.determinations, &event.facts),
        Event::CustodyMoved(event) => (&event.determinations, &event.facts),
        Event::ReleaseScheduled(event) => (&event.determinations, &event.facts),
        Event::ReleaseRescheduled(event) => (&event.determinations, &event.facts),
        Event::ReleaseRecorded(event) => (&event.determinations, &event.facts),
        Event::ReleaseNoticed(event) => (&event.determinations, &event.facts),
        Event::DetainerReleased(event) => (&event.determinations, &event.facts),
        Event::CustodyNoticed(event) => (&event.determinations, &event.facts),
        Event::PromiseSuspended(event) => (&event.determinations, &event.facts),
        Event::CustodyClosed(event) => (&event.determinations, &event.facts),
        // The law was asked of an eligibility as if no date were public.
        Event::ReleaseEligibilityRecorded(_)
        | Event::ReleaseEligibilityNoticed(_)
        | Event::InterviewRequested(_)
        | Event::InterviewWithdrawn(_)
        | Event::DetainerWithdrawn(_)
        | Event::CustodyOpened(_)
        | Event::MoveOffered(_)
        | Event::MoveOfferEnded(_)
        | Event::InboxAcknowledged(_)
        | Event::ReleaseCancelled(_)
        | Event::CustodyReopened(_)
        | Event::CustodyExpunged(_)
        | Event::DetainerExpunged(_)
        | Event::NoticeCancelled(_)
        | Event::DetainerReopened(_)
        | Event::ClockFired(_)
        | Event::ReviewOpened(_)
        | Event::ReviewResolved(_)
        | Event::ObligationMet(_)
        | Event::AppealIssued(_)
        | Event::AppealAnswered(_)
        | Event::AppealBarred(_)
        | Event::UnlawfulHandOver(_)
        | Event::PolicyActivated(_) => (&[], &[]),
    }
}

/// The id of an agency, without its collection.
fn agency(name: &str) -> String {
    name.strip_prefix("agencies/").unwrap_or(name).to_owned()
}
