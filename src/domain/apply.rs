//! How an event changes a case.

mod detainer;
mod obligation;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;

use crate::domain::appeal::{AppealAnswer, DisclosedAnswer};
pub use obligation::oblige;

use crate::domain::apply::detainer::{
    acknowledge, amend, answer_interview, disclose_end, forget_finding, give_answer, notice_change,
    record_mistaken_match, record_transfer, unless_withdrawn, withdraw_interview,
};
use crate::domain::calendar::day_of_record;
use crate::domain::case::Case;
use crate::domain::claim::{ClaimOutcome, Side};
use crate::domain::clocks::{Firing, all_of_custody, all_of_detainer};
use crate::domain::custody::{
    Custody, CustodyState, Destination, HoldEnd, Identity, Movement, ReportedClaims, eligibility,
};
use crate::domain::detainer::promise::{promises_hold, suspend, suspended};
use crate::domain::detainer::{
    Acknowledgement, Detainer, DetainerState, Finding, LiftReason, ReleaseNotice, ReleaseNoticeKind,
};
use crate::domain::determination::{FieldClass, LawAction, Ruling};
use crate::domain::event::{Change, Disclosure, Event, Record, RecordedDetermination};
use crate::domain::expungement::Expunged;
use crate::domain::hold::{self, end_hold, held_on_other_ground};
use crate::domain::ids::{AgencyId, BookingNumber, CaseName, FacilityCode};
use crate::domain::matching;
use crate::domain::safeguards::Safeguards;
use crate::domain::subject::{Flags, Subject};
use crate::domain::timetable::Timetable;

/// Changes a case by an event. `exchange_index` is the position that the event's entry takes in the exchange log, or
/// would take.
#[expect(clippy::too_many_lines, reason = "one arm an event, and each a line or two: the list is the function")]
pub fn apply(case: &mut Case, record: &Record, exchange_index: u64, now: Timestamp) {
    let mut update = CaseUpdate { case, now };
    let notice = |kind| ReleaseNotice { kind, index: exchange_index, recorded_at: now };
    // INVARIANT: the hold is latched by the first event after the moment of otherwise-release, whichever it is. No
    // order of events avoids it.
    update.latch_hold();
    let promised = update.promises();
    let today = day_of_record(now);
    let safeguards_before = update.safeguards(today);
    match &record.event {
        Event::DetainerLodged(detainer) => update.case.detainer = Some((**detainer).clone()),
        Event::DetainerAmended(amended) => update.detainer(&amended.name, Disclosure::ToIssuer, |detainer| {
            amend(detainer, amended);
            (detainer.clocks.amended_at, detainer.clocks.claimed_at) = (Some(now), None);
            detainer.clocks.found_at = None;
        }),
        Event::DetainerAcknowledged { detainer, custodian, acknowledgement, correction, disclosure } => {
            update.link(detainer, acknowledgement);
            update.detainer(detainer, *disclosure, |detainer| {
                if correction.is_some() {
                    record_mistaken_match(detainer, exchange_index);
                    forget_finding(detainer, *disclosure, now);
                }
                acknowledge(detainer, custodian, acknowledgement, *disclosure, now);
            });
        }
        Event::DetainerAnswered { detainer, custodian, answer, disclosure, .. } => {
            update.detainer(detainer, *disclosure, |detainer| {
                give_answer(detainer, custodian, answer, *disclosure);
            });
        }
        Event::WarrantVerified { detainer, verified } => update.detainer(detainer, Disclosure::Internal, |detainer| {
            detainer.verified = Some((**verified).clone());
        }),
        Event::CopyServed { detainer, service, disclosure, .. } => update.detainer(detainer, *disclosure, |detainer| {
            detainer.service = Some(service.clone());
            match disclosure {
                Disclosure::ToIssuer => detainer.issuer_view.service = Some(service.clone()),
                Disclosure::Retraction => detainer.issuer_view.service = None,
                Disclosure::Internal => {}
            }
        }),
        Event::InterviewRequested { detainer, interview } => {
            update.detainer(detainer, Disclosure::ToIssuer, |detainer| detainer.interview = Some(interview.clone()));
        }
        Event::InterviewAnswered { detainer, answer, revealed_class, disclosure, .. } => {
            update.detainer(detainer, *disclosure, |detainer| {
                answer_interview(detainer, answer, (*revealed_class, *disclosure));
            });
        }
        Event::InterviewWithdrawn { detainer } => update.detainer(detainer, Disclosure::ToIssuer, withdraw_interview),
        Event::CitizenshipClaimRaised { detainer, side, disclosure, .. } => {
            update.note_safeguard_on_all();
            update.claim(detainer, *side, *disclosure, Flags::claimed, Some(now));
            update.suspend(detainer, *side, *disclosure);
        }
        Event::CitizenshipClaimResolved { detainer, side, outcome, disclosure, .. } => {
            if *outcome == ClaimOutcome::Confirmed {
                update.note_safeguard_on_all();
            }
            update.claim(detainer, *side, *disclosure, |flags| flags.resolved(*outcome), None);
        }
        Event::TransferRecorded { detainer, transfer, .. } => {
            update.detainer(detainer, Disclosure::ToIssuer, |detainer| record_transfer(detainer, transfer));
        }
        Event::DetainerWithdrawn { detainer, reason } => update.detainer(detainer, Disclosure::ToIssuer, |detainer| {
            detainer.state = DetainerState::Withdrawn;
            detainer.lift_reason = Some(*reason);
            // An issuer that lifts it for this reason says that the person may be a citizen. That also counts for later
            // requests.
            if *reason == LiftReason::CitizenshipClaim {
                let request = Arc::make_mut(&mut detainer.request);
                request.flags = request.flags.claimed();
            }
            detainer.ended_from = None;
            detainer.issuer_view.state = DetainerState::Withdrawn;
        }),
        Event::CustodyOpened { custody, .. } => update.case.custody = Some((**custody).clone()),
        Event::ChargesUpdated { charges, other_ground, .. } => update.custody(|custody| {
            custody.intake.charges.clone_from(charges);
            if other_ground.is_some() {
                held_on_other_ground(custody, now);
            } else if !charges.iter().any(|charge| charge.status.is_live()) {
                hold::ground_has_fallen(custody);
            }
        }),
        Event::IdentityCorrected { identity, .. } => update.describe(identity),
        Event::CustodyMoved { movement, booking_number, .. } => update.move_to(movement, booking_number.as_ref()),
        Event::MoveOffered { custody: offered } => update.custody(|custody| custody.offer.clone_from(&offered.offer)),
        Event::MoveOfferEnded { offer, .. } => update.custody(|custody| custody.offer = Some(offer.clone())),
        Event::ReleaseScheduled { release, .. } | Event::ReleaseRescheduled { release, .. } => {
            update.custody(|custody| {
                let scheduled = custody.state == CustodyState::ReleaseScheduled;
                custody.clocks.reached_at = hold::moment(custody).filter(|moment| scheduled && *moment <= now);
                custody.scheduled = Some(release.clone());
                custody.clocks.scheduled_at = Some(now);
                custody.state = CustodyState::ReleaseScheduled;
            });
        }
        Event::EligibilityRecorded { eligibility, .. } => {
            update.custody(|custody| eligibility::put(&mut custody.eligibilities, eligibility));
        }
        Event::EligibilityNoticed { detainer, eligibility, disclosure } => {
            update.detainer(detainer, *disclosure, |detainer| {
                let told = &mut detainer.issuer_view.eligibilities;
                match disclosure {
                    Disclosure::ToIssuer => eligibility::put(told, eligibility),
                    Disclosure::Retraction => eligibility::remove(told, eligibility.kind),
                    Disclosure::Internal => {}
                }
            });
        }
        Event::ReleaseCancelled { other_ground, .. } => update.custody(|custody| {
            custody.clocks.reached_at = None;
            if other_ground.is_some() {
                held_on_other_ground(custody, now);
            }
            custody.scheduled = None;
            custody.state = CustodyState::Held;
        }),
        Event::ReleaseRecorded { release, .. } => {
            update.end(DetainerState::Released, |custody| {
                end_hold(custody, HoldEnd::Left(release.released_at));
                custody.released = Some(release.clone());
                custody.state = CustodyState::Released;
            });
        }
        Event::CustodyClosed { closing, other_ground, .. } => update.end(DetainerState::Closed, |custody| {
            if let Some(left_at) = hold::left_at(closing, other_ground.is_some()) {
                end_hold(custody, HoldEnd::Left(left_at));
            }
            custody.closing = Some(closing.clone());
            custody.state = CustodyState::Closed;
        }),
        Event::CustodyReopened { .. } => update.reopen(),
        Event::ReleaseNoticed { detainer, release } => update.detainer(detainer, Disclosure::ToIssuer, |detainer| {
            detainer.notice_index.get_or_insert(exchange_index);
            let (disclosed, notice) = (record.disclosed_to(&detainer.issuer), notice(ReleaseNoticeKind::Expected));
            detainer.issuer_view.release.tell_expected(release, notice, disclosed);
        }),
        Event::DetainerReleased { detainer, release, .. } => {
            update.detainer(detainer, Disclosure::ToIssuer, |detainer| {
                let (disclosed, notice) = (record.disclosed_to(&detainer.issuer), notice(ReleaseNoticeKind::Released));
                detainer.issuer_view.release.tell_release(release, notice, disclosed);
                disclose_end(&mut detainer.issuer_view, DetainerState::Released);
            });
        }
        Event::CustodyNoticed { detainer, change, disclosure } => update.detainer(detainer, *disclosure, |detainer| {
            notice_change(&mut detainer.issuer_view, change, *disclosure);
            if let Change::Closing(closing) = change {
                let (disclosed, notice) = (record.disclosed_to(&detainer.issuer), notice(ReleaseNoticeKind::Closed));
                detainer.issuer_view.release.tell_closing(closing, notice, disclosed);
            }
        }),
        Event::NoticeCancelled { detainer } => update.detainer(detainer, Disclosure::ToIssuer, |detainer| {
            detainer.notice_index = None;
            let (disclosed, notice) = (record.disclosed_to(&detainer.issuer), notice(ReleaseNoticeKind::Retracted));
            detainer.issuer_view.release.retract_expected(notice, disclosed);
        }),
        Event::PromiseSuspended { detainer } => update.detainer(detainer, Disclosure::Internal, suspend),
        Event::ReviewOpened { detainer, review } | Event::ReviewResolved { detainer, review } => {
            update.detainer(detainer, Disclosure::Internal, |detainer| detainer.put_review(review));
        }
        Event::ObligationMet { detainer, owed } => {
            update.detainer(detainer, Disclosure::Internal, |detainer| detainer.put_owed(owed));
        }
        Event::DetainerReopened { detainer } => update.detainer(detainer, Disclosure::ToIssuer, |detainer| {
            let view = &mut detainer.issuer_view;
            let before = view.ended_from.take().unwrap_or(view.state);
            view.state = unless_withdrawn(view.state, before);
            view.release.retract_end(notice(ReleaseNoticeKind::Retracted), record.disclosed_to(&detainer.issuer));
        }),
        Event::CustodyExpunged { .. } => update.expunge_custody(),
        Event::DetainerExpunged { detainer } => update.expunge_detainer(detainer),
        Event::ClockFired(firing) => update.note_firing(firing),
        Event::AppealIssued { appeal, .. } => update.case.appeal = Some((**appeal).clone()),
        Event::AppealAnswered { answer, revealed_class, disclosure, .. } => {
            update.note_appeal_answer(answer, *revealed_class, *disclosure);
        }
        // A bar is stored with each detainer in it, and those are not loaded here. An alarm changes nothing.
        Event::AppealBarred { .. } | Event::UnlawfulHandOver { .. } => {}
    }
    update.note_lapsed_promises(&promised);
    update.update_reported_claims();
    update.update_offer();
    update.note_new_safeguards(&safeguards_before, today);
    // An answer to an appeal changes no detainer. Of an eligibility the law is asked as if no date were public.
    let apart = matches!(
        record.event,
        Event::AppealAnswered { .. } | Event::EligibilityRecorded { .. } | Event::EligibilityNoticed { .. }
    );
    if !apart {
        update.note_rulings(&record.determinations);
    }
}

/// A case that is being changed, and the time of the change.
struct CaseUpdate<'a> {
    case: &'a mut Case,
    now: Timestamp,
}

impl CaseUpdate<'_> {
    /// Latches a hold that has outlasted the moment of otherwise-release. It does not change what anybody sees of the
    /// custody.
    fn latch_hold(&mut self) {
        let Some(custody) = &mut self.case.custody else { return };
        let latch = hold::formed(custody, &self.case.linked).filter(|latch| latch.moment <= self.now);
        if latch.is_some() {
            custody.clocks.latch = latch;
        }
    }

    /// Detainers that promise a hold.
    fn promises(&self) -> Vec<CaseName> {
        self.case.concerned().filter(|detainer| promises_hold(detainer)).map(|detainer| detainer.name.clone()).collect()
    }

    /// The safeguards for each detainer on the custody: those of the custody's record, and those of its own request.
    fn safeguards(&self, today: Date) -> BTreeMap<CaseName, [Safeguards; 2]> {
        let Some(custody) = &self.case.custody else { return BTreeMap::new() };
        let held = custody.safeguards(today);
        let of = |detainer: &Detainer| [held, Safeguards::claimed(&detainer.request, today)];
        self.case.linked.iter().map(|detainer| (detainer.name.clone(), of(detainer))).collect()
    }

    /// Updates what linked requests claim of the person.
    fn update_reported_claims(&mut self) {
        let Case { custody: Some(custody), linked, .. } = &mut *self.case else { return };
        let reported = ReportedClaims::under(linked);
        if custody.reported_claims != reported {
            self.custody(|custody| custody.reported_claims = reported);
        }
    }

    /// Updates what would come with the person, while they are offered to another agency.
    fn update_offer(&mut self) {
        let custody = self.case.custody.as_ref();
        let Some(offer) = custody.and_then(Custody::open_offer) else { return };
        let standing = self.case.standing();
        if offer.standing != standing {
            self.custody(|custody| {
                if let Some(offer) = &mut custody.offer {
                    offer.standing = standing;
                }
            });
        }
    }

    /// Records on each detainer that was there before that a new safeguard came up.
    fn note_new_safeguards(&mut self, before: &BTreeMap<CaseName, [Safeguards; 2]>, today: Date) {
        let after = self.safeguards(today);
        // A new claim by one requester is new to all others, even if one of them made the same claim before.
        let none = [Safeguards::default(); 2];
        let news = after.iter().any(|(name, [held, own])| {
            let known = before.contains_key(name);
            let [held_before, own_before] = before.get(name).unwrap_or(&none);
            own.beyond(*own_before) || (known && held.beyond(*held_before))
        });
        for name in after.into_keys().filter(|name| news && before.contains_key(name)) {
            self.detainer(&name, Disclosure::Internal, Detainer::note_safeguard);
        }
    }

    /// Records a new safeguard on every detainer of the case: earlier decisions did not take it into account.
    fn note_safeguard_on_all(&mut self) {
        let names: Vec<_> = self.case.concerned().map(|detainer| detainer.name.clone()).collect();
        for name in &names {
            self.detainer(name, Disclosure::Internal, Detainer::note_safeguard);
        }
    }

    /// Records when a promise to hold lapsed.
    fn note_lapsed_promises(&mut self, promised: &[CaseName]) {
        let held = self.case.detainer.iter_mut().chain(&mut self.case.linked);
        for detainer in held.filter(|detainer| promised.contains(&detainer.name) && !promises_hold(detainer)) {
            detainer.clocks.hold_lapsed_at = Some(self.now);
        }
    }

    /// Changes the named detainer wherever the case holds it, and counts a change of its issuer's view if the issuer
    /// learns of it.
    fn detainer(&mut self, name: &CaseName, disclosure: Disclosure, mut how: impl FnMut(&mut Detainer)) {
        let held = self.case.detainer.iter_mut().chain(&mut self.case.linked);
        for detainer in held.filter(|detainer| detainer.name == *name) {
            how(detainer);
            detainer.version = detainer.version.saturating_add(1);
            detainer.updated_at = self.now;
            if disclosure != Disclosure::Internal {
                detainer.issuer_view.updated_at = self.now;
                detainer.issuer_view.version = detainer.issuer_view.version.saturating_add(1);
            }
        }
    }

    /// Changes each detainer on the custody that `which` selects. Its issuer does not learn of it.
    fn each(&mut self, which: impl Fn(&Detainer) -> bool, how: impl Fn(&mut Detainer)) {
        let names = self.case.linked.iter().filter(|detainer| which(detainer)).map(|detainer| detainer.name.clone());
        for name in names.collect::<Vec<_>>() {
            self.detainer(&name, Disclosure::Internal, &how);
        }
    }

    /// Stores the rulings that clocks depend on. Nobody sees that they were stored.
    fn note_rulings(&mut self, determinations: &[RecordedDetermination]) {
        for RecordedDetermination { detainer: name, action, determination, .. } in determinations {
            let held = self.case.detainer.iter_mut().chain(&mut self.case.linked);
            for detainer in held.filter(|detainer| detainer.name == *name) {
                match action {
                    // A ruling that allows no hold does not change how long a hold honored before may last.
                    LawAction::Hold if matches!(determination.ruling, Ruling::Must | Ruling::May) => {
                        detainer.clocks.hold_clock = determination.clock;
                    }
                    LawAction::Notify => detainer.clocks.notify = Some(determination.ruling),
                    LawAction::Hold | LawAction::Transfer | LawAction::Disclose | LawAction::Interview => {}
                }
            }
        }
    }

    /// Records that a clock fired. It does not change what anybody sees of the case.
    fn note_firing(&mut self, firing: &Firing) {
        // Which clocks run does not depend on how long they run.
        let timetable = Timetable::default;
        let Case { detainer: named, custody, linked, .. } = &mut *self.case;
        for detainer in named.iter_mut().chain(linked.iter_mut()).filter(|detainer| detainer.name == firing.case) {
            let mut fired = detainer.clocks.fired.clone();
            fired.record(firing, self.now, || all_of_detainer(detainer, custody.as_ref(), &timetable()));
            detainer.clocks.fired = fired;
        }
        if let Some(custody) = custody.as_mut().filter(|custody| custody.name == firing.case) {
            let mut fired = custody.clocks.fired.clone();
            fired.record(firing, self.now, || all_of_custody(custody, linked, &timetable()));
            custody.clocks.fired = fired;
        }
    }

    /// Records what was answered to an appeal for this detainer, and what of it was disclosed. The detainer stays the
    /// same.
    fn note_appeal_answer(&mut self, answer: &AppealAnswer, revealed_class: FieldClass, disclosure: Disclosure) {
        let item = self.case.item.get_or_insert_default();
        item.given = Some(answer.clone());
        match disclosure {
            Disclosure::ToIssuer => {
                item.disclosed =
                    Some(DisclosedAnswer { answer: AppealAnswer { reason: None, ..answer.clone() }, revealed_class });
            }
            Disclosure::Retraction => item.disclosed = None,
            Disclosure::Internal => {}
        }
    }

    /// Leaves nothing of the custody but that it was there.
    fn expunge_custody(&mut self) {
        let custody = self.case.custody.take();
        self.case.expunged.extend(custody.map(|custody| Expunged::custody(&custody, self.now)));
    }

    /// Leaves nothing of a detainer but that it was there.
    fn expunge_detainer(&mut self, name: &CaseName) {
        let now = self.now;
        let Case { detainer: named, linked, expunged, .. } = &mut *self.case;
        *named = named.take().filter(|named| named.name != *name);
        let destroyed = linked.extract_if(.., |linked| linked.name == *name);
        expunged.extend(destroyed.map(|detainer| Expunged::detainer(&detainer, now)));
    }

    fn custody(&mut self, how: impl FnOnce(&mut Custody)) {
        if let Some(custody) = &mut self.case.custody {
            how(custody);
            custody.version = custody.version.saturating_add(1);
            custody.updated_at = self.now;
        }
    }

    /// Links a matched detainer to its custody, or unlinks it from a custody that it was matched to by mistake.
    fn link(&mut self, name: &CaseName, acknowledgement: &Acknowledgement) {
        let linked = |custody: &Custody| custody.detainers.contains(name);
        match acknowledgement.finding {
            Finding::MatchedCustody => {
                self.custody(|custody| custody.detainers.push(name.clone()));
                let linked = self.case.linked.clone();
                self.detainer(name, Disclosure::Internal, |detainer| {
                    *detainer = detainer.with_earlier_refusal(&linked);
                });
                let found = self.case.detainer.clone();
                self.case.linked.extend(found);
            }
            Finding::NoSuchPerson
            | Finding::IdentityMismatch
            | Finding::Duplicate
            | Finding::NotInCustody
            | Finding::NotFoundInTime
                if self.case.custody.as_ref().is_some_and(linked) =>
            {
                let separated = self.case.linked.iter().find(|linked| linked.name == *name);
                let issuer = separated.map(|detainer| detainer.issuer.clone());
                self.custody(|custody| {
                    custody.detainers.retain(|linked| linked != name);
                    custody.not_of.extend(issuer);
                });
                self.case.linked.retain(|linked| linked.name != *name);
            }
            Finding::NoSuchPerson
            | Finding::IdentityMismatch
            | Finding::Duplicate
            | Finding::NotInCustody
            | Finding::NotFoundInTime => {}
        }
    }

    /// Sets or clears a side's claim to citizenship: the issuer's in its own request, the custodian's on the custody,
    /// where it counts for every detainer.
    fn claim(
        &mut self,
        name: &CaseName,
        side: Side,
        disclosure: Disclosure,
        how: impl Fn(Flags) -> Flags,
        claimed_at: Option<Timestamp>,
    ) {
        match side {
            Side::Issuer => self.detainer(name, disclosure, |detainer| {
                let request = Arc::make_mut(&mut detainer.request);
                request.flags = how(request.flags);
                detainer.clocks.claimed_at = claimed_at;
            }),
            Side::Custodian => {
                self.custody(|custody| {
                    custody.intake.flags = how(custody.intake.flags);
                    custody.clocks.claimed_at = claimed_at;
                });
                self.detainer(name, disclosure, |_| ());
            }
        }
    }

    /// Suspends promises of hold and notice while a claim is open.
    fn suspend(&mut self, name: &CaseName, side: Side, disclosure: Disclosure) {
        match side {
            Side::Issuer => self.detainer(name, Disclosure::Internal, suspend),
            Side::Custodian => self.each(
                |detainer| {
                    let mut after = detainer.clone();
                    suspend(&mut after);
                    after != *detainer
                },
                suspend,
            ),
        }
        if disclosure == Disclosure::ToIssuer {
            self.detainer(name, Disclosure::Internal, |detainer| {
                let view = &mut detainer.issuer_view;
                view.state = suspended(view.state);
                view.ended_from = view.ended_from.map(suspended);
            });
        }
    }

    /// Corrects the custody's description of the person.
    fn describe(&mut self, identity: &Identity) {
        let Some(before) = self.case.custody.as_ref().map(|custody| custody.intake.subject.clone()) else { return };
        self.custody(|custody| {
            custody.intake.flags = custody.intake.flags.corrected(identity.flags);
            custody.intake.subject = identity.subject.clone();
        });
        self.describe_on_all(&before, &identity.subject);
    }

    /// Tells each detainer that the custody describes the person otherwise than before.
    fn describe_on_all(&mut self, before: &Subject, after: &Subject) {
        if !matching::alike(before, after) {
            self.each(|_| true, |detainer| detainer.describe(before, after));
        }
    }

    /// Moves the person.
    fn move_to(&mut self, movement: &Movement, booking_number: Option<&BookingNumber>) {
        match &movement.to {
            Destination::Facility(facility) => {
                self.custody(|custody| custody.intake.facility = facility.clone());
            }
            Destination::Hospital | Destination::Court => self.custody(|_| ()),
            Destination::Agency(next, facility) => self.hand_on(movement, (next, facility, booking_number)),
        }
        if let Some(custody) = &mut self.case.custody {
            custody.movement = Some(movement.clone());
        }
    }

    /// Gives the custody to a new custodian. Its detainers go too, but a promise binds only the custodian that made it.
    /// Whoever held the person keeps its record of the stay.
    fn hand_on(
        &mut self,
        movement: &Movement,
        (next, facility, booking_number): (&AgencyId, &FacilityCode, Option<&BookingNumber>),
    ) {
        let Some(before) = self.case.custody.clone() else { return };
        let record = before.record_of_move(movement, self.now);
        let mut after = before.taken_over(next, facility, booking_number);
        after.offer = None;
        // Each agency keeps its last record. Whoever holds the person again has the custody itself.
        after.handed_on.retain(|kept| kept.custodian != *next && kept.custodian != record.custodian);
        after.handed_on.push(record);
        let described = after.intake.subject.clone();
        self.custody(|custody| *custody = after);
        self.describe_on_all(&before.intake.subject, &described);
        self.each(
            |_| true,
            |detainer| {
                detainer.custodian = Some(next.clone());
                // The new custodian has not seen the warrant, and the old one's verification does not revive if the
                // person returns. A refusal stays.
                if detainer.verified.as_ref().is_some_and(|verified| !verified.refused()) {
                    detainer.verified = None;
                }
            },
        );
        self.each(
            |detainer| detainer.state.is_active(),
            |detainer| {
                detainer.state = DetainerState::Matched;
                detainer.answer = None;
            },
        );
    }

    /// Ends the custody and every active detainer on it.
    fn end(&mut self, state: DetainerState, how: impl FnOnce(&mut Custody)) {
        self.custody(how);
        self.each(
            |detainer| detainer.state.is_active(),
            |detainer| {
                detainer.ended_from = Some(detainer.state);
                detainer.state = state;
            },
        );
    }

    /// Reopens the custody. Detainers that ended with it get their former state back.
    fn reopen(&mut self) {
        self.custody(|custody| {
            if let Some(latch) = custody.clocks.latch.as_mut().filter(|latch| latch.has_left()) {
                latch.end = None;
            }
            custody.released = None;
            custody.closing = None;
            custody.state = match custody.scheduled {
                Some(_) => CustodyState::ReleaseScheduled,
                None => CustodyState::Held,
            };
        });
        let ended = |detainer: &Detainer| matches!(detainer.state, DetainerState::Released | DetainerState::Closed);
        self.each(ended, |detainer| {
            detainer.state = detainer.ended_from.take().unwrap_or(DetainerState::Matched);
        });
    }
}
