//! The rule book under random commands and random law, which may change between any two of them.

use std::collections::BTreeSet;

use comity::domain::agency::AgencyKind;
use comity::domain::case::StoredCase;
use comity::domain::claim::Side;
use comity::domain::command::CaseCommand;
use comity::domain::custody::CustodyState;
use comity::domain::detainer::{AnswerKind, Detainer, DetainerState, Finding, Viewpoint};
use comity::domain::determination::{FieldClass, FieldClasses, LawView, Ruling};
use comity::domain::event::{Change, Counts, Disclosure, Event, Party, Record, Revision};
use comity::domain::ids::{AgencyId, LogKind};
use comity::domain::review::{ReviewMatter, ReviewState};
use comity::wire::show;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::properties::reviews::{
    what_a_custodian_decides_and_owes_is_internal, what_is_left_to_a_person_waits_for_one,
};
use crate::properties::revoked::Revoked;
use crate::properties::steps::{self, Step, story};
use crate::properties::{any, tries};
use crate::sample;
use crate::world::World;

proptest! {
    #![proptest_config(tries(768))]

    #[test]
    fn no_order_of_commands_breaks_a_promise(steps in story(40), laws in vec(any::law(), 3)) {
        let mut world = World::new();
        let mut revoked = Revoked::default();
        // Often the same law: a story goes nowhere under another law at every step.
        for (step, law) in steps.iter().zip(laws.iter().flat_map(|law| std::iter::repeat_n(law, 15))) {
            let before = world.clone();
            let Some(records) = take(&mut world, step, law) else { continue };
            for record in &records {
                no_requester_is_among_those_told_of_what_is_internal(record);
                what_a_custodian_decides_and_owes_is_internal(record);
                what_is_left_to_a_person_waits_for_one(record, law, &world);
                issuers_see_no_more_than_the_law_shows(record, law, &before, &world);
                nothing_is_told_of_a_release_against_the_law(record, law, &before, &world);
                what_is_counted_tells_no_more_than_what_is_shown(record, &before);
                nothing_stands_that_rested_on_a_corrected_finding(record, &world);
                revoked.note(record, &before);
            }
            revoked.hold(&world);
            what_an_issuer_sees_changes_only_with_what_it_is_told(&records, &before, &world);
            versions_count_every_change(&before, &world);
            a_custody_that_ended_has_no_active_detainer(&world);
            an_issuer_has_one_active_detainer_on_a_custody(&world);
        }
    }

    #[test]
    fn an_issuer_is_answered_alike_whatever_it_was_not_told(
        steps in story(30),
        before in any::law(),
        law in any::law(),
    ) {
        let mut world = World::new();
        for step in &steps {
            take(&mut world, step, &before);
        }
        for detainer in world.detainers().cloned().collect::<Vec<_>>() {
            let mut twin = world.clone();
            twin.cases.retain(|_, case| case.custody().is_none());
            let told = steps::redacted_for_issuer(&detainer);
            twin.cases.insert(told.name.clone(), StoredCase::Detainer(Box::new(told)));
            let issuer = steps::nickname(&detainer.issuer);
            let mut world = world.clone();
            for command in steps::issuers_commands(&detainer) {
                let seen = |world: &mut World| {
                    let records = world.give(issuer, command.clone(), &law);
                    (records.map(exchanged), view(world.detainer(&detainer.name).unwrap()))
                };
                prop_assert_eq!(seen(&mut world), seen(&mut twin), "{:?}", command);
            }
        }
    }

    #[test]
    fn what_must_be_told_is_told_once_whatever_came_first(steps in story(60)) {
        let law = sample::law(Ruling::Must, Ruling::Must, FieldClasses::all());
        let mut world = World::new();
        // Declined, and since then to be answered anew: whoever answers tells.
        let mut unanswered = BTreeSet::new();
        let mut told = BTreeSet::new();
        for step in &steps {
            for record in take(&mut world, step, &law).unwrap_or_default() {
                let again = world.custodies().any(|custody| custody.detainers.contains(&record.resource));
                if let Event::ReleaseNoticed { detainer, .. } = record.event {
                    let rescheduled = matches!(step, Step::Enter { what: steps::Entered::Reschedule | steps::Entered::Advance, .. });
                    prop_assert!(told.insert(detainer) || rescheduled, "told twice");
                } else if let Event::NoticeCancelled { detainer } = record.event {
                    prop_assert!(told.remove(&detainer), "it was not told");
                } else if let Event::DetainerAcknowledged { detainer, .. } = record.event {
                    told.retain(|known| again || *known != detainer);
                } else if let Event::DetainerAnswered { detainer, answer, .. } = record.event {
                    unanswered.remove(&detainer);
                    unanswered.extend((answer.kind == AnswerKind::Decline).then_some(detainer));
                }
            }
            for custody in world.custodies().filter(|custody| custody.state == CustodyState::ReleaseScheduled) {
                let standing = world.detainers().filter(|detainer| steps::is_active_on(detainer, custody));
                for detainer in standing.filter(|detainer| !unanswered.contains(&detainer.name)) {
                    prop_assert!(detainer.notice_index.is_some(), "{:?} was not told", detainer.state);
                }
            }
        }
    }
}

pub(super) fn take(world: &mut World, step: &Step, law: &LawView) -> Option<Vec<Record>> {
    let (caller, command) = step.command(&world.cases)?;
    if matches!(command, CaseCommand::OfferWindow { .. } | CaseCommand::ReviseWindow { .. }) {
        // The gate lets no window be offered where the law keeps from the requester that there is a custody.
        let told = law.disclosable.contains(FieldClass::Custody) || law.review.contains(FieldClass::Custody);
        told.then_some(())?;
    }
    let before = world.cases.clone();
    let records = world.give(caller, command, law);
    match &records {
        Ok(records) => assert!(!records.is_empty(), "what passes is recorded"),
        Err(refusal) => assert_eq!(world.cases, before, "{refusal:?} changes nothing"),
    }
    records.ok()
}

pub(super) fn view(detainer: &Detainer) -> comity::wire::v1::Detainer {
    show::detainer(detainer, Viewpoint::Issuer, sample::ANSWER_WITHIN)
}

/// What an issuer may ever see of what was recorded.
pub(super) fn exchanged(records: Vec<Record>) -> Vec<(LogKind, Event, Counts, Option<FieldClasses>)> {
    records.into_iter().filter(|record| record.log == LogKind::Exchange).map(as_seen).collect()
}

/// What an issuer sees of a record that answers it.
fn as_seen(record: Record) -> (LogKind, Event, Counts, Option<FieldClasses>) {
    let shown = issuer_in(&record).map(|(_, classes)| classes);
    (record.log, record.event, record.counts, shown)
}

fn no_requester_is_among_those_told_of_what_is_internal(record: &Record) {
    match record.log {
        LogKind::Exchange => {}
        LogKind::Custody => {
            for (party, _) in &record.audience {
                let outside = match party {
                    Party::Agency(agency) => is_federal(agency),
                    Party::Custodians | Party::Requesters => true,
                    Party::Oversight => false,
                };
                assert!(!outside, "{party:?} would see {:?}", record.event);
            }
        }
    }
}

/// What a bare retraction shows.
fn bare() -> FieldClasses {
    [FieldClass::Count].into_iter().collect()
}

fn issuers_see_no_more_than_the_law_shows(record: &Record, law: &LawView, before: &World, after: &World) {
    let Some((issuer, classes)) = issuer_in(record) else { return };
    let Some(earlier) = before.detainer(&record.resource) else {
        assert!(matches!(record.event, Event::DetainerLodged(_)), "of {:?} nobody may know", record.event);
        return;
    };
    assert_eq!(*issuer, earlier.issuer);
    // Known to both sides from the offer on, which the gate lets be made where custody may be told.
    let agreed = matches!(record.event, Event::TransferRecorded { .. });
    if agreed {
        assert_eq!(classes, [FieldClass::Count, FieldClass::Custody, FieldClass::Medical].into_iter().collect());
    }
    let own = matches!(
        record.event,
        Event::DetainerLodged(_)
            | Event::DetainerAmended(_)
            | Event::DetainerWithdrawn { .. }
            | Event::InterviewRequested { .. }
            | Event::InterviewWithdrawn { .. }
            | Event::CitizenshipClaimRaised { side: Side::Issuer, .. }
            | Event::CitizenshipClaimResolved { side: Side::Issuer, .. }
    );
    if own || agreed {
        return;
    }
    // That something no longer stands is told to whoever was told of it, and to nobody else.
    if matches!(record.event, Event::NoticeCancelled { .. } | Event::DetainerReopened { .. }) {
        assert_eq!(classes, bare());
    }
    if classes == bare() {
        assert!(was_told(earlier), "{:?} retracts what was never told", record.event);
        return;
    }
    let disclosed = may_be_told(law, earlier, after.detainer(&record.resource).unwrap());
    let told = if corrects(record) { disclosed.union(bare()) } else { disclosed };
    let beyond = classes.without(told);
    if beyond != FieldClasses::NONE {
        // What the law left to a person, who then decided: of the release, and of nothing else.
        let release = [FieldClass::Custody, FieldClass::ReleaseDate, FieldClass::ReleaseDetail].into_iter().collect();
        assert_eq!(beyond.without(law.review), FieldClasses::NONE);
        assert_eq!(beyond.without(release), FieldClasses::NONE);
        assert!(is_of_release(&record.event));
        assert!(has_decided(law, after.detainer(&record.resource).unwrap()));
    }
}

/// What `disclose` allows; of a release only where `notify` holds, by law or by an officer's decision.
fn may_be_told(law: &LawView, before: &Detainer, after: &Detainer) -> FieldClasses {
    let of_a_release = [FieldClass::ReleaseDate, FieldClass::ReleasePlace, FieldClass::ReleaseDetail];
    let notified = match law.notify.ruling {
        Ruling::Must | Ruling::May => true,
        Ruling::MustNot => false,
        Ruling::Review => has_decided(law, before) || has_decided(law, after),
    };
    let allowed = FieldClass::ALL.iter().copied().filter(|class| law.disclosable.contains(*class));
    allowed.filter(|class| notified || !of_a_release.contains(class)).collect()
}

/// Whether its issuer was told anything of a detainer but what it said itself.
fn was_told(detainer: &Detainer) -> bool {
    let shown = &detainer.issuer_view;
    let ended = shown.ended_from.is_some() || detainer.notice_index.is_some();
    ended
        || !shown.eligibilities.is_empty()
        || shown.finding.is_some()
        || shown.answer.is_some()
        || shown.service.is_some()
        || !detainer.transfers.is_empty()
        || detainer.interview.as_ref().is_some_and(|asked| asked.told_as.is_some())
}

fn is_of_release(event: &Event) -> bool {
    matches!(
        event,
        Event::ReleaseNoticed { .. }
            | Event::EligibilityNoticed { .. }
            | Event::DetainerReleased { .. }
            | Event::CustodyNoticed { change: Change::Closing(_), .. }
    )
}

/// Whether it tells better what was told of a release before.
fn corrects(record: &Record) -> bool {
    matches!(record.event, Event::DetainerReleased { revision: Revision::Corrected, .. })
}

fn nothing_is_told_of_a_release_against_the_law(record: &Record, law: &LawView, before: &World, after: &World) {
    if !is_of_release(&record.event) {
        return;
    }
    let shown = issuer_in(record).map(|(_, classes)| classes);
    assert!(shown.is_some(), "written down as told, and told to nobody");
    if let Event::EligibilityNoticed { eligibility, disclosure: Disclosure::Retraction, .. } = &record.event {
        let told =
            |detainer: &Detainer| detainer.issuer_view.eligibilities.iter().any(|told| told.kind == eligibility.kind);
        assert!(before.detainer(&record.resource).is_some_and(told), "retracted for whom it was never told");
        assert_eq!(shown, Some(bare()));
        return;
    }
    if corrects(record) {
        let ended = before.detainer(&record.resource).is_some_and(|detainer| detainer.issuer_view.ended_from.is_some());
        assert!(ended, "corrected for whom it was never told");
        if shown == Some(bare()) {
            return;
        }
    }
    assert_ne!(law.notify.ruling, Ruling::MustNot, "told of a release that must not be told");
    let dated = shown.is_some_and(|classes| classes.contains(FieldClass::ReleaseDate));
    let of_a_date = matches!(record.event, Event::ReleaseNoticed { .. } | Event::EligibilityNoticed { .. });
    assert!(dated || !of_a_date, "noticed of a date that may not be shown");
    let stands = after.detainer(&record.resource).unwrap();
    let declined = steps::is_declined(stands) || stands.ended_from == Some(DetainerState::Declined);
    assert!(!declined, "told although it was declined");
    let decided = has_decided(law, after.detainer(&record.resource).unwrap());
    assert!(law.notify.ruling != Ruling::Review || decided, "told before a person decided");
}

fn what_is_counted_tells_no_more_than_what_is_shown(record: &Record, before: &World) {
    let Some(detainer) = before.detainer(&record.resource) else { return };
    let Some((_, shown)) = issuer_in(record) else { return };
    let asked = Counts::of_request(detainer);
    let told = (record.counts.offence, record.counts.charge_status);
    let of_request = told == (asked.offence, asked.charge_status);
    assert!(shown.contains(FieldClass::Charges) || of_request, "{told:?} is not what the issuer wrote");
    let lead_time = record.counts.lead_time_seconds.is_some();
    assert!(shown.contains(FieldClass::ReleaseDate) || !lead_time, "a lead time tells the date");
    // The custody that it is parted from was somebody else's.
    let parted = matches!(&record.event, Event::DetainerAcknowledged { acknowledgement, .. }
        if acknowledgement.finding != Finding::MatchedCustody);
    assert!(!parted || of_request, "the charges of somebody else count");
}

/// A detainer that was parted from a custody bears no trace of it.
fn nothing_stands_that_rested_on_a_corrected_finding(record: &Record, after: &World) {
    let Event::DetainerAcknowledged { detainer: name, acknowledgement, correction: Some(_), .. } = &record.event else {
        return;
    };
    if acknowledgement.finding == Finding::MatchedCustody {
        return;
    }
    let detainer = after.detainer(name).unwrap();
    assert!(!after.custodies().any(|custody| custody.detainers.contains(name)), "still linked");
    assert!(detainer.answer.is_none() && detainer.service.is_none() && detainer.notice_index.is_none());
    assert!(!detainer.transfers.iter().any(|transfer| transfer.state.is_open()), "still to be picked up");
    let shown = &detainer.issuer_view;
    assert_ne!(shown.finding, Some(Finding::MatchedCustody));
    assert!(shown.service.is_none() && shown.ended_from.is_none());
    let view = view(detainer);
    assert!(view.acknowledgement.is_none_or(|told| told.custody.is_empty()), "the custody is shown");
}

/// Whether an officer permitted what the law leaves to a person: the notice, or what an allowed notice says.
fn has_decided(law: &LawView, detainer: &Detainer) -> bool {
    let (matter, asked) = match law.notify.ruling {
        Ruling::Review => (ReviewMatter::Notify, Some(&law.notify)),
        Ruling::Must | Ruling::May => {
            (ReviewMatter::Disclose, law.disclosure.iter().find(|asked| asked.ruling == Ruling::Review))
        }
        Ruling::MustNot => return false,
    };
    let decided = detainer.review(matter).filter(|review| review.state == ReviewState::Permitted);
    decided.zip(asked).is_some_and(|(review, asked)| {
        asked.policies.iter().all(|policy| review.basis.policies.contains(policy))
            && review.basis.request_version == detainer.request_version
    })
}

/// The federal agency that a record is shown to, and which classes.
pub(super) fn issuer_in(record: &Record) -> Option<(&AgencyId, FieldClasses)> {
    record.audience.iter().find_map(|(party, classes)| match party {
        Party::Agency(agency) if is_federal(agency) => Some((agency, *classes)),
        Party::Agency(_) | Party::Custodians | Party::Requesters | Party::Oversight => None,
    })
}

/// A view, its etag and its time stay as they were until an entry says so that the issuer may see.
fn what_an_issuer_sees_changes_only_with_what_it_is_told(records: &[Record], before: &World, after: &World) {
    for detainer in after.detainers() {
        let told = |record: &Record| record.resource == detainer.name && issuer_in(record).is_some();
        let Some(earlier) = before.detainer(&detainer.name) else { continue };
        if !records.iter().any(told) {
            assert_eq!(view(detainer), view(earlier));
        }
    }
}

/// What clocks turn on is shown to nobody.
fn versions_count_every_change(before: &World, after: &World) {
    for detainer in after.detainers() {
        let Some(earlier) = before.detainer(&detainer.name) else { continue };
        let clocked = Detainer { clocks: detainer.clocks.clone(), ..earlier.clone() };
        assert!(*detainer == clocked || detainer.version > earlier.version);
        assert!(view(detainer) == view(earlier) || detainer.issuer_view.version > earlier.issuer_view.version);
    }
    for custody in after.custodies() {
        let Some(earlier) = before.custody(&custody.name) else { continue };
        assert!(custody == earlier || custody.version > earlier.version);
    }
}

fn a_custody_that_ended_has_no_active_detainer(world: &World) {
    let ended = [CustodyState::Released, CustodyState::Closed];
    for custody in world.custodies().filter(|custody| ended.contains(&custody.state)) {
        assert!(!world.detainers().any(|detainer| steps::is_active_on(detainer, custody)));
    }
}

fn an_issuer_has_one_active_detainer_on_a_custody(world: &World) {
    for custody in world.custodies() {
        let mut issuers: Vec<&AgencyId> = world
            .detainers()
            .filter(|detainer| steps::is_active_on(detainer, custody))
            .map(|detainer| &detainer.issuer)
            .collect();
        let count = issuers.len();
        issuers.sort();
        issuers.dedup();
        assert_eq!(issuers.len(), count, "two of one issuer stand on {}", custody.name);
    }
}

fn is_federal(agency: &AgencyId) -> bool {
    sample::officer(steps::nickname(agency)).agency.kind == AgencyKind::Federal
}
