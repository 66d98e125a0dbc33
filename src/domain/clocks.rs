//! The legal clocks: what must have happened by when. Pure: each is computed from the case as it stands.
//!
//! The clock of a hold runs from the **moment of otherwise-release**, when the custodian expected to release the
//! person: see `hold.rs`.

mod fired;
pub(in crate::domain) mod running;

use jiff::{SignedDuration, Timestamp};

pub use fired::{Fired, FiredClocks};
pub use running::{ClockKind, Firing, Running};

use crate::domain::clocks::running::{key, minute};
use crate::domain::custody::{Custody, CustodyState};
use crate::domain::detainer::{Detainer, DetainerState};
use crate::domain::determination::Ruling;
pub use crate::domain::hold::hold_ends_at;
use crate::domain::hold::{bounding, latch_ends_at};
use crate::domain::ids::JurisdictionId;
use crate::domain::review::ReviewMatter;
use crate::domain::timetable::Timetable;
use crate::domain::transfer::TransferState;

/// The running clocks of a detainer. Some depend on the custody that it is linked to.
pub fn of_detainer(detainer: &Detainer, custody: Option<&Custody>, timetable: &Timetable) -> Vec<Running> {
    let clocks = all_of_detainer(detainer, custody, timetable).into_iter();
    clocks.filter(|running| detainer.clocks.fired.find(&running.key()).is_none()).collect()
}

/// The same, including clocks that have fired.
pub(in crate::domain) fn all_of_detainer(
    detainer: &Detainer,
    custody: Option<&Custody>,
    timetable: &Timetable,
) -> Vec<Running> {
    let clocks = [
        answer_due(detainer, timetable),
        custody.and_then(|custody| notice_due(detainer, custody, timetable)),
        window_closed(detainer),
        claim_by_issuer(detainer, custody, timetable),
    ];
    clocks.into_iter().flatten().chain(reviews_due(detainer)).collect()
}

/// The running clocks of a custody. Some depend on the detainers linked to it.
pub fn of_custody(custody: &Custody, linked: &[Detainer], timetable: &Timetable) -> Vec<Running> {
    let clocks = all_of_custody(custody, linked, timetable).into_iter();
    // An alarm repeats, each time as a new clock.
    let fired = |running: &Running| custody.clocks.fired.find(&running.key()).is_some();
    clocks.filter(|running| running.clock == ClockKind::OverHold || !fired(running)).collect()
}

/// The same, including clocks that have fired.
pub(in crate::domain) fn all_of_custody(custody: &Custody, linked: &[Detainer], timetable: &Timetable) -> Vec<Running> {
    let review = claim_by_custodian(custody, linked, timetable);
    review.into_iter().chain(over_hold(custody, linked, timetable)).collect()
}

/// Runs from the request, or its last amendment, to an answer.
fn answer_due(detainer: &Detainer, timetable: &Timetable) -> Option<Running> {
    let due_at = detainer.answer_due_at(timetable.answer_within())?;
    let about = match detainer.clocks.found_at {
        None => detainer.request_version.to_string(),
        // The clock may have run out before the person came in.
        Some(_) => format!("{}/found", detainer.request_version),
    };
    Some(Running::once(ClockKind::AnswerDue, about, due_at))
}

/// Runs to an expected release of which the law allows notice, while the issuer has none.
fn notice_due(detainer: &Detainer, custody: &Custody, timetable: &Timetable) -> Option<Running> {
    let waits = match detainer.state {
        DetainerState::Matched
        | DetainerState::UnderReview
        | DetainerState::HoldHonored
        | DetainerState::NotifyOnly => true,
        // Not yet matched, declined, not found, or ended.
        DetainerState::Lodged
        | DetainerState::NotInCustody
        | DetainerState::NotFoundInTime
        | DetainerState::NoSuchPerson
        | DetainerState::IdentityMismatch
        | DetainerState::Duplicate
        | DetainerState::Declined
        | DetainerState::Released
        | DetainerState::Withdrawn
        | DetainerState::Closed => false,
    };
    let may = matches!(detainer.clocks.notify, Some(Ruling::Must | Ruling::May));
    let expected_at = custody.scheduled.as_ref()?.expected_at;
    let due_at = timetable.notice_due(custody)?;
    let runs = waits && may && detainer.notice_index.is_none() && custody.state == CustodyState::ReleaseScheduled;
    runs.then(|| Running::once(ClockKind::NoticeDue, minute(expected_at).to_string(), due_at))
}

/// Fires at the end of a window, unless either side reported on it.
fn window_closed(detainer: &Detainer) -> Option<Running> {
    let waits = |state| matches!(state, TransferState::Offered | TransferState::Accepted);
    let transfer = detainer.transfers.iter().find(|transfer| waits(transfer.state))?;
    let about = match transfer.revisions {
        0 => transfer.id.to_string(),
        // Another window runs out anew.
        revisions => format!("{}/{revisions}", transfer.id),
    };
    Some(Running::once(ClockKind::WindowClosed, about, transfer.window.closes_at))
}

/// The issuer's own claim, while the detainer is active.
fn claim_by_issuer(detainer: &Detainer, custody: Option<&Custody>, timetable: &Timetable) -> Option<Running> {
    let open = detainer.request.flags.citizenship_claim && detainer.state.is_active();
    let asked_at = detainer.clocks.amended_at.unwrap_or(detainer.lodged_at);
    let claimed_at = detainer.clocks.claimed_at.unwrap_or(asked_at);
    review_due(claimed_at, (custody, &detainer.name.jurisdiction), timetable).filter(|_| open)
}

/// The custodian's claim. It holds up every active detainer on the custody.
fn claim_by_custodian(custody: &Custody, linked: &[Detainer], timetable: &Timetable) -> Option<Running> {
    let held = matches!(custody.state, CustodyState::Held | CustodyState::ReleaseScheduled);
    let concerns = linked.iter().any(|detainer| detainer.state.is_active());
    let open = custody.intake.flags.citizenship_claim && held && concerns;
    let claimed_at = custody.clocks.claimed_at.unwrap_or(custody.opened_at);
    review_due(claimed_at, (Some(custody), &custody.name.jurisdiction), timetable).filter(|_| open)
}

/// The open reviews, but for claims to citizenship: those have a clock of their own.
fn reviews_due(detainer: &Detainer) -> impl Iterator<Item = Running> {
    let open = detainer.reviews.iter().filter(|review| review.is_open());
    let apart = open.filter(|review| review.matter != ReviewMatter::CitizenshipClaim);
    apart.map(|review| {
        let about = format!("{}/{}", review.matter.word(), review.opened_at);
        Running::once(ClockKind::ReviewDue, about, review.due_at)
    })
}

/// A claim is also due no later than notice of an expected release.
fn review_due(
    claimed_at: Timestamp,
    (custody, jurisdiction): (Option<&Custody>, &JurisdictionId),
    timetable: &Timetable,
) -> Option<Running> {
    let zone = custody.map_or_else(|| timetable.zones.of(jurisdiction), |custody| timetable.zone_of(custody));
    let notice_due = custody.and_then(|custody| timetable.notice_due(custody)).unwrap_or(Timestamp::MAX);
    let due_at = timetable.claim_due(claimed_at, &zone)?.min(notice_due);
    Some(Running::once(ClockKind::CitizenshipReviewDue, minute(claimed_at).to_string(), due_at))
}

/// Fires when the last hold has run out, and repeats while the person is still held.
fn over_hold(custody: &Custody, linked: &[Detainer], timetable: &Timetable) -> Option<Running> {
    let latch = bounding(custody, linked)?;
    let (clock, about) = (ClockKind::OverHold, minute(latch.moment).to_string());
    let running = if let Some(fired) = custody.clocks.fired.find(&key(clock, &about)) {
        let due_at = next_alarm(fired, timetable.over_hold_alarm_minutes)?;
        let times = fired.times.checked_add(1)?;
        Running { clock, about, due_at, times, hold_clock: fired.hold_clock }
    } else {
        let (due_at, hold_clock) = latch_ends_at(&latch, custody, timetable)?;
        Running { clock, about, due_at, times: 1, hold_clock: Some(hold_clock) }
    };
    Some(running).filter(|running| latch.held_at(running.due_at))
}

/// The next repetition. Repetitions missed while nothing could be recorded are skipped.
fn next_alarm(fired: &Fired, every_minutes: i64) -> Option<Timestamp> {
    let every = SignedDuration::from_mins(every_minutes.max(1)).as_secs();
    let since = fired.recorded_at.duration_since(fired.first_due_at).as_secs().max(0);
    let passed = since.checked_div(every)?.checked_add(1)?;
    fired.first_due_at.checked_add(SignedDuration::from_secs(passed.checked_mul(every)?)).ok()
}
