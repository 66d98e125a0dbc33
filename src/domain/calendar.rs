//! Business days: federal holidays (5 U.S.C. 6103) and hours of business days.
//!
//! The table is our own. The published crates are about stock exchanges, or use another library of times.

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// The first year with 19 June as a holiday (Public Law 117-17).
const JUNETEENTH_SINCE: i16 = 2021;
/// An upper bound on days skipped in a row: a weekend with holidays on either side is shorter.
const SKIPPED_MAX: usize = 16;

/// Whether federal offices are closed on a day for a holiday. If a holiday falls on a Saturday, the Friday before is
/// observed; if on a Sunday, the Monday after (Executive Order 11582). Inauguration Day does not count: it is a holiday
/// only in and around the capital (5 U.S.C. 6103(c)).
pub fn is_federal_holiday(day: Date) -> bool {
    // New Year's Day of the next year may be observed on 31 December.
    let observed_before = day.tomorrow().is_ok_and(|next| is_new_year(next) && next.weekday() == Weekday::Saturday);
    observed_before || fixed(day.year()).into_iter().flatten().any(|holiday| observed(holiday) == day) || floating(day)
}

/// Whether federal offices are open.
pub fn is_business_day(day: Date) -> bool {
    !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday) && !is_federal_holiday(day)
}

/// The time after so many hours of business days in a time zone: the count stops from midnight to midnight of every
/// other day. It counts elapsed time, so a day on which clocks change has 23 or 25 hours. A count that ends with a
/// business day ends at that midnight. None: outside the range of times.
pub fn business_hours_later(start: Timestamp, hours: i64, zone: &TimeZone) -> Option<Timestamp> {
    let mut remaining = SignedDuration::from_hours(hours);
    let (mut at, mut skipped) = (start, 0usize);
    loop {
        let day = zone.to_datetime(at).date();
        let midnight = end_of_day(at, zone)?;
        if is_business_day(day) {
            let span = midnight.duration_since(at);
            if remaining <= span {
                return at.checked_add(remaining).ok();
            }
            remaining = remaining.checked_sub(span)?;
            skipped = 0;
        } else {
            skipped = skipped.saturating_add(1);
            if skipped > SKIPPED_MAX {
                return None;
            }
        }
        at = midnight;
    }
}

/// The first moment of the next day.
pub fn end_of_day(at: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    let tomorrow = zone.to_datetime(at).date().tomorrow().ok()?;
    // If clocks change at midnight, the day begins an hour later, or at the first of two midnights.
    zone.to_ambiguous_zoned(tomorrow.at(0, 0, 0, 0)).compatible().ok().map(|zoned| zoned.timestamp())
}

fn is_new_year(day: Date) -> bool {
    (day.month(), day.day()) == (1, 1)
}

/// Holidays on the same date each year.
fn fixed(year: i16) -> [Option<Date>; 5] {
    let on = |month, day| Date::new(year, month, day).ok();
    let juneteenth = on(6, 19).filter(|day| day.year() >= JUNETEENTH_SINCE);
    [on(1, 1), juneteenth, on(7, 4), on(11, 11), on(12, 25)]
}

fn observed(holiday: Date) -> Date {
    let moved = match holiday.weekday() {
        Weekday::Saturday => holiday.yesterday(),
        Weekday::Sunday => holiday.tomorrow(),
        Weekday::Monday | Weekday::Tuesday | Weekday::Wednesday | Weekday::Thursday | Weekday::Friday => Ok(holiday),
    };
    moved.unwrap_or(holiday)
}

/// Holidays on a weekday of a month.
fn floating(day: Date) -> bool {
    let nth = |nth, weekday| day.nth_weekday_of_month(nth, weekday).is_ok_and(|found| found == day);
    match day.month() {
        // Martin Luther King, Jr.; Washington.
        1 | 2 => nth(3, Weekday::Monday),
        // Memorial Day.
        5 => nth(-1, Weekday::Monday),
        // Labor Day.
        9 => nth(1, Weekday::Monday),
        // Columbus Day.
        10 => nth(2, Weekday::Monday),
        // Thanksgiving Day.
        11 => nth(4, Weekday::Thursday),
        _ => false,
    }
}

/// The day by which minority is judged when something is recorded: yesterday in UTC, which is never later than the day
/// anywhere in the states.
pub fn day_of_record(now: Timestamp) -> Date {
    let yesterday = now.checked_sub(SignedDuration::from_hours(24)).unwrap_or(now);
    TimeZone::UTC.to_datetime(yesterday).date()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    /// As published by the Office of Personnel Management, observed days included.
    const OPM: &[(i16, &[(i8, i8)])] = &[
        (2020, &[(1, 1), (1, 20), (2, 17), (5, 25), (7, 3), (9, 7), (10, 12), (11, 11), (11, 26), (12, 25)]),
        (
            2021,
            &[
                (1, 1),
                (1, 18),
                (2, 15),
                (5, 31),
                (6, 18),
                (7, 5),
                (9, 6),
                (10, 11),
                (11, 11),
                (11, 25),
                (12, 24),
                // New Year's Day of 2022 was a Saturday.
                (12, 31),
            ],
        ),
        (2022, &[(1, 17), (2, 21), (5, 30), (6, 20), (7, 4), (9, 5), (10, 10), (11, 11), (11, 24), (12, 26)]),
        (2023, &[(1, 2), (1, 16), (2, 20), (5, 29), (6, 19), (7, 4), (9, 4), (10, 9), (11, 10), (11, 23), (12, 25)]),
        (2024, &[(1, 1), (1, 15), (2, 19), (5, 27), (6, 19), (7, 4), (9, 2), (10, 14), (11, 11), (11, 28), (12, 25)]),
        (2025, &[(1, 1), (1, 20), (2, 17), (5, 26), (6, 19), (7, 4), (9, 1), (10, 13), (11, 11), (11, 27), (12, 25)]),
        (2026, &[(1, 1), (1, 19), (2, 16), (5, 25), (6, 19), (7, 3), (9, 7), (10, 12), (11, 11), (11, 26), (12, 25)]),
        (
            2027,
            &[
                (1, 1),
                (1, 18),
                (2, 15),
                (5, 31),
                (6, 18),
                (7, 5),
                (9, 6),
                (10, 11),
                (11, 11),
                (11, 25),
                (12, 24),
                (12, 31),
            ],
        ),
    ];

    #[test]
    fn holidays_are_those_that_were_published() {
        for (year, expected) in OPM {
            let days = date(*year, 1, 1).series(jiff::Span::new().days(1)).take_while(|day| day.year() == *year);
            // A holiday on a weekend is not counted here; the day it is observed on is.
            let found: Vec<_> =
                days.filter(|day| is_federal_holiday(*day)).map(|day| (day.month(), day.day())).collect();
            assert_eq!(found, *expected, "{year}");
        }
    }
}
