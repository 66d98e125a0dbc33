//! The synthetic year in steps. The simulated clock moves from one step to the next and stands still in between.

use jiff::{SignedDuration, Timestamp};

/// 2025-01-20T00:00:00Z.
const BEGIN_SECOND: i64 = 1_737_331_200;
/// The length of a step.
pub(super) const STEP_HOURS: u32 = 6;
/// Steps in a day.
pub(super) const STEPS_A_DAY: u32 = 24 / STEP_HOURS;
/// Steps in the year. The first is 1.
pub(super) const STEPS: u32 = 365 * STEPS_A_DAY;

/// A step of the year. Steps beyond [`STEPS`] are after the year.
pub(super) type Step = u32;

/// The time at a step.
pub(super) fn time(step: Step) -> Timestamp {
    let second = BEGIN_SECOND + i64::from(step) * i64::from(STEP_HOURS) * 3_600;
    Timestamp::from_second(second).unwrap_or(Timestamp::MAX)
}

/// The time some minutes before a step.
pub(super) fn minutes_before(step: Step, minutes: u32) -> Timestamp {
    time(step).checked_sub(SignedDuration::from_mins(i64::from(minutes))).unwrap_or(Timestamp::MIN)
}

/// Hours as steps, rounded up.
pub(super) fn steps(hours: u64) -> Step {
    u32::try_from(hours.div_ceil(u64::from(STEP_HOURS))).unwrap_or(STEPS)
}

/// Whether a day ends with a step.
pub(super) fn ends_a_day(step: Step) -> bool {
    step.is_multiple_of(STEPS_A_DAY)
}
