//! Commands on the end of a custody: schedule, reschedule or cancel a release, record it, close the custody, reopen it.

use jiff::Timestamp;

use crate::domain::case::Case;
use crate::domain::command::CaseCommand;
use crate::domain::correction::Correction;
use crate::domain::custody::{
    ActualRelease, Closing, Custody, CustodyState, OtherGround, ReleaseRecipient, ScheduledRelease,
};
use crate::domain::decide::custody::held;
use crate::domain::decide::handing_on;
use crate::domain::decide::notice::{ending, notice, release_corrected};
use crate::domain::decide::transfer::hand_overs_retracted;
use crate::domain::decide::window::{overtaken, reopened};
use crate::domain::detainer::Detainer;
use crate::domain::event::{Change, Counts, Disclosure, Event, Record, Revision};
use crate::domain::hand_over::{self, HandOverJudgement, HandedTo};
use crate::domain::permit::Permitted;
use crate::domain::record::{
    about_custody, retraction_record, rulings_on_all, rulings_on_all_and_transfer, unlawful_hand_over,
};
use crate::domain::refusal::Refusal;

pub(super) fn schedule(
    case: &Case,
    permitted: &Permitted<CaseCommand>,
    release: &ScheduledRelease,
) -> Result<Vec<Record>, Refusal> {
    let custody = held(case)?;
    if custody.state == CustodyState::ReleaseScheduled {
        return Err(Refusal::AlreadyScheduled);
    }
    let event = Event::ReleaseScheduled { custody: custody.name.clone(), release: release.clone() };
    Ok(expected(case, permitted, custody, release, event))
}

pub(super) fn reschedule(
    case: &Case,
    permitted: &Permitted<CaseCommand>,
    release: &ScheduledRelease,
    now: Timestamp,
) -> Result<Vec<Record>, Refusal> {
    let custody = scheduled(case)?;
    let event = Event::ReleaseRescheduled { custody: custody.name.clone(), release: release.clone() };
    let mut records = expected(case, permitted, custody, release, event);
    if let Some(before) = &custody.scheduled {
        let moved = (before.expected_at, release.expected_at);
        let told = |detainer: &Detainer| notice(detainer, case, permitted, release);
        records.extend(
            case.active()
                .filter_map(|detainer| Some((detainer, told(detainer)?)))
                .flat_map(|(detainer, notice)| reopened(detainer, &notice, moved, now)),
        );
    }
    Ok(records)
}

fn expected(
    case: &Case,
    permitted: &Permitted<CaseCommand>,
    custody: &Custody,
    release: &ScheduledRelease,
    event: Event,
) -> Vec<Record> {
    let (determinations, digest) = rulings_on_all(case, permitted);
    let mut records = vec![about_custody(custody, Counts::default(), determinations, digest, event)];
    records.extend(
        case.active()
            .filter_map(|detainer| notice(detainer, case, permitted, release).or_else(|| notice_retracted(detainer))),
    );
    records
}

/// An issuer with notice of an expected release learns that it is off.
fn notice_retracted(detainer: &Detainer) -> Option<Record> {
    detainer
        .notice_index
        .map(|_| retraction_record(detainer, Event::NoticeCancelled { detainer: detainer.name.clone() }))
}

/// Every issuer with notice of the release is told that it is off, whatever the law now says. It learns only that what
/// it knows no longer stands.
pub(super) fn cancel(
    case: &Case,
    reason: Option<&String>,
    other_ground: Option<&OtherGround>,
) -> Result<Vec<Record>, Refusal> {
    let custody = scheduled(case)?;
    let (name, other_ground) = (custody.name.clone(), other_ground.cloned());
    let event = Event::ReleaseCancelled { custody: name, reason: reason.cloned(), other_ground };
    let mut records = vec![about_custody(custody, Counts::default(), Vec::new(), None, event)];
    records.extend(case.active().filter_map(notice_retracted));
    Ok(records)
}

fn scheduled(case: &Case) -> Result<&Custody, Refusal> {
    let custody = held(case)?;
    if custody.state == CustodyState::Held { Err(Refusal::NotScheduled) } else { Ok(custody) }
}

pub(super) fn record(
    case: &Case,
    permitted: &Permitted<CaseCommand>,
    release: &ActualRelease,
    correction: Option<&Correction>,
    to: &HandedTo,
    now: Timestamp,
) -> Result<Vec<Record>, Refusal> {
    let custody = if correction.is_some() { released(case)? } else { held(case)? };
    if case.hand_overs().next().is_some() && release.recipient != ReleaseRecipient::RequestingAgency {
        return Err(Refusal::AlreadyConfirmed);
    }
    let handed_over = hand_over::of_release(case, release, correction, to, |name| permitted.law(name));
    let event = Event::ReleaseRecorded {
        custody: custody.name.clone(),
        release: release.clone(),
        correction: correction.cloned(),
        to: to.clone(),
    };
    let notice = |detainer: &Detainer, revision| Event::DetainerReleased {
        detainer: detainer.name.clone(),
        release: release.clone(),
        revision,
    };
    let under = handed_over.as_ref().map_or(&[][..], |judged| &judged.under);
    let mut records = vec![ended(case, permitted, custody, under, event)];
    match correction {
        None => {
            for detainer in case.active() {
                let first = notice(detainer, Revision::First);
                if let Some(told) = ending(detainer, case, permitted, first, Some(release.released_at)) {
                    let off = overtaken(detainer, &told, release, now);
                    records.push(told);
                    records.extend(off);
                }
            }
        }
        Some(_) => records.extend(knowing_of_the_end(case).filter_map(|detainer| {
            release_corrected(detainer, case, permitted, notice(detainer, Revision::Corrected), release.released_at)
        })),
    }
    records.extend(handing_on::withdrawn(custody));
    let unlawful = handed_over.filter(HandOverJudgement::is_unlawful);
    records.extend(unlawful.map(|judged| unlawful_hand_over(custody, permitted, None, &judged.unlawful)));
    Ok(records)
}

/// The custody, if a release from it was recorded.
fn released(case: &Case) -> Result<&Custody, Refusal> {
    let custody = case.custody.as_ref().ok_or(Refusal::NoSuchCase)?;
    if custody.released.is_some() { Ok(custody) } else { Err(Refusal::NothingToCorrect) }
}

pub(super) fn close(
    case: &Case,
    permitted: &Permitted<CaseCommand>,
    closing: &Closing,
    other_ground: Option<&OtherGround>,
) -> Result<Vec<Record>, Refusal> {
    let custody = held(case)?;
    // A person who was handed over cannot escape, die or be let go somewhere else.
    if case.hand_overs().next().is_some() {
        return Err(Refusal::AlreadyConfirmed);
    }
    let (name, other_ground) = (custody.name.clone(), other_ground.cloned());
    let event = Event::CustodyClosed { custody: name, closing: closing.clone(), other_ground };
    let mut records = vec![ended(case, permitted, custody, &[], event)];
    records.extend(case.active().filter_map(|detainer| {
        let (change, disclosure) = (Change::Closing(closing.clone()), Disclosure::ToIssuer);
        let event = Event::CustodyNoticed { detainer: detainer.name.clone(), change, disclosure };
        ending(detainer, case, permitted, event, None)
    }));
    records.extend(handing_on::withdrawn(custody));
    Ok(records)
}

/// Every issuer that was told of the end learns that it did not take place. A recorded hand-over did not take place
/// either: it may still be confirmed or fail.
pub(super) fn reopen(case: &Case, correction: &Correction, now: Timestamp) -> Result<Vec<Record>, Refusal> {
    let custody = case.custody.as_ref().ok_or(Refusal::NoSuchCase)?;
    match custody.state {
        CustodyState::Released | CustodyState::Closed => {}
        CustodyState::Held | CustodyState::ReleaseScheduled => return Err(Refusal::StillHeld),
        CustodyState::MovedOn => return Err(Refusal::NoSuchCase),
    }
    if case.booked.is_some() {
        return Err(Refusal::AlreadyBooked);
    }
    let event = Event::CustodyReopened { custody: custody.name.clone(), correction: correction.clone() };
    let mut records = vec![about_custody(custody, Counts::default(), Vec::new(), None, event)];
    records.extend(
        knowing_of_the_end(case)
            .map(|detainer| retraction_record(detainer, Event::DetainerReopened { detainer: detainer.name.clone() })),
    );
    records.extend(case.linked.iter().flat_map(|detainer| hand_overs_retracted(detainer, now)));
    Ok(records)
}

/// Detainers whose issuers know that the custody ended.
fn knowing_of_the_end(case: &Case) -> impl Iterator<Item = &Detainer> {
    case.linked.iter().filter(|detainer| detainer.issuer_view.ended_from.is_some())
}

/// Records the end of a custody, with the rulings on each detainer. Those on transfer are included for the detainers
/// under which the person was handed over.
fn ended(
    case: &Case,
    permitted: &Permitted<CaseCommand>,
    custody: &Custody,
    handed_over_under: &[&Detainer],
    event: Event,
) -> Record {
    let (determinations, digest) = rulings_on_all_and_transfer(case, permitted, handed_over_under);
    let own = Counts { custodian_class: permitted.caller().agency.class, ..Counts::default() }.with_custody(custody);
    about_custody(custody, own, determinations, digest, event)
}
