//! A hold that outlasts the moment at which the person would otherwise have been released.
//!
//! If a hold is promised when that moment comes, both are latched on the custody. From then on, nothing that the issuer
//! does, and no answer, correction, move, postponement or cancellation, changes when the hold runs out. The hold ends
//! when the person has left, or is held on another ground that an officer cites with a document. A correction that the
//! person did not leave restores it.

use std::cmp;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::domain::calendar::{business_hours_later, end_of_day};
use crate::domain::custody::{Closing, ClosingReason, Custody, CustodyState, HoldEnd, HoldLatch, LatchedHold};
use crate::domain::detainer::promise::promises_hold;
use crate::domain::detainer::{AnswerKind, Detainer, DetainerState};
use crate::domain::determination::HoldClock;
use crate::domain::timetable::Timetable;

/// When the last hold of a latch runs out, and by which clock.
pub(in crate::domain) fn latch_ends_at(
    latch: &HoldLatch,
    custody: &Custody,
    timetable: &Timetable,
) -> Option<(Timestamp, HoldClock)> {
    let zone = timetable.zone_at(&custody.name.jurisdiction, &latch.custodian, &latch.facility);
    let ends = latch.holds.iter().filter_map(|hold| hold_ends_at(hold.clock, latch.moment, &zone));
    ends.max_by_key(|(ends_at, _)| *ends_at)
}

/// When a hold runs out, and by which clock. If the law names no clock, it is the flat 48 hours or the clock of 8 CFR
/// 287.7(d), whichever ends first.
pub fn hold_ends_at(clock: Option<HoldClock>, moment: Timestamp, zone: &TimeZone) -> Option<(Timestamp, HoldClock)> {
    const HOLD_HOURS: i64 = 48;
    let ends_at = |clock| match clock {
        // The form: 48 hours of elapsed time, through any change of clocks.
        HoldClock::Flat48h => moment.checked_add(SignedDuration::from_hours(HOLD_HOURS)).ok(),
        // 8 CFR 287.7(d): "excluding Saturdays, Sundays, and holidays".
        HoldClock::Cfr => business_hours_later(moment, HOLD_HOURS, zone),
        // 23:59:59 of that day.
        HoldClock::SameDay => end_of_day(moment, zone)?.checked_sub(SignedDuration::from_secs(1)).ok(),
    };
    if let Some(clock) = clock {
        // If the person is due out in the last second of a day, the hold does not end before that moment.
        return Some((ends_at(clock)?.max(moment), clock));
    }
    let both = [HoldClock::Flat48h, HoldClock::Cfr].map(|clock| Some((ends_at(clock)?, clock)));
    both.into_iter().flatten().min_by_key(|(ends_at, _)| *ends_at)
}

/// The moment of otherwise-release: when the custodian expects to release the person, or the earlier time that was
/// reached before a postponement. A moment before another ground was cited does not count. A date entered after that
/// means the other ground has fallen, so that date counts, from its entry on at the earliest.
pub(in crate::domain) fn moment(custody: &Custody) -> Option<Timestamp> {
    let counts = |moment: &Timestamp| custody.clocks.other_ground_at.is_none_or(|cited| cited < *moment);
    let expected_at = custody.scheduled.as_ref()?.expected_at;
    let reached_at = custody.clocks.reached_at.filter(counts);
    let entered_at = custody.clocks.scheduled_at.filter(counts);
    let expected_at = Some(expected_at).filter(counts).or(entered_at.map(|entered| cmp::max(entered, expected_at)));
    reached_at.zip(expected_at).map(|(reached, expected)| cmp::min(reached, expected)).or(reached_at).or(expected_at)
}

/// The latch that bounds how long the person may be held: the one on the custody, or the one that would be made if the
/// moment came with everything as it is.
pub(in crate::domain) fn bounding(custody: &Custody, linked: &[Detainer]) -> Option<HoldLatch> {
    formed(custody, linked).or_else(|| custody.clocks.latch.clone())
}

/// The latch to make for the moment, unless one is already in force. A recorded end of the custody does not prevent it,
/// because that end may be corrected.
pub(in crate::domain) fn formed(custody: &Custody, linked: &[Detainer]) -> Option<HoldLatch> {
    let stands = |latch: &HoldLatch| !matches!(latch.end, Some(HoldEnd::OtherGround(_)));
    if custody.clocks.latch.as_ref().is_some_and(stands) {
        return None;
    }
    let moment = moment(custody)?;
    let held = linked.iter().filter(|detainer| is_promised(detainer, moment));
    let holds = held.map(|detainer| LatchedHold { detainer: detainer.name.clone(), clock: detainer.clocks.hold_clock });
    let holds: Vec<_> = holds.collect();
    if holds.is_empty() && !custody.clocks.fired_over_hold(moment) {
        return None;
    }
    let released_at = custody.released.as_ref().map(|release| release.released_at);
    let ended_at = released_at.or(custody.closing.as_ref().map(|closing| closing.occurred_at));
    let (custodian, facility) = (custody.custodian.clone(), custody.intake.facility.clone());
    Some(HoldLatch { moment, custodian, facility, holds, end: ended_at.map(HoldEnd::Left) })
}

/// Whether a hold was promised at the moment or has been since.
fn is_promised(detainer: &Detainer, moment: Timestamp) -> bool {
    let answered = detainer.answer.as_ref().is_some_and(|answer| answer.kind == AnswerKind::HonorHold);
    // Recorded before the lapse time was stored: the last change is used instead.
    let lapsed_late = detainer.clocks.hold_lapsed_at.is_none() && answered && detainer.updated_at > moment;
    let waits = matches!(detainer.state, DetainerState::UnderReview | DetainerState::Withdrawn);
    promises_hold(detainer) || (waits && lapsed_late)
}

/// When the person left, as a closing says. Death and escape are certain; for other reasons a document must be cited.
pub(in crate::domain) fn left_at(closing: &Closing, is_cited: bool) -> Option<Timestamp> {
    match closing.reason {
        ClosingReason::Death | ClosingReason::Escape => Some(closing.occurred_at),
        ClosingReason::LeftJurisdiction | ClosingReason::Other => is_cited.then_some(closing.occurred_at),
    }
}

/// Ends a latched hold. A departure may still be corrected; an end by another ground is final.
pub(in crate::domain) fn end_hold(custody: &mut Custody, end: HoldEnd) {
    let open = |latch: &&mut HoldLatch| latch.end.is_none() || latch.has_left();
    if let Some(latch) = custody.clocks.latch.as_mut().filter(open) {
        latch.end = Some(end);
    }
}

/// No charge is left to hold the person on. So the moment that the other ground had overtaken counts again.
pub(in crate::domain) fn ground_has_fallen(custody: &mut Custody) {
    custody.clocks.other_ground_at = None;
}

/// From now on the person is held on another ground. A moment that was reached before no longer counts.
pub(in crate::domain) fn held_on_other_ground(custody: &mut Custody, now: Timestamp) {
    match custody.state {
        CustodyState::Held | CustodyState::ReleaseScheduled => {}
        // A person who has left is held on nothing.
        CustodyState::Released | CustodyState::Closed | CustodyState::MovedOn => return,
    }
    end_hold(custody, HoldEnd::OtherGround(now));
    custody.clocks.other_ground_at = Some(now);
    custody.clocks.reached_at = None;
}
