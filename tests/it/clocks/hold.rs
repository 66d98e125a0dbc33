//! When a hold runs out: over weekends, holidays, and nights on which clocks are set.

use comity::domain::calendar::{business_hours_later, is_business_day};
use comity::domain::clocks::hold_ends_at;
use comity::domain::determination::HoldClock;
use comity::domain::zone;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::sample::select;

const NEW_YORK: &str = "America/New_York";
const EL_PASO: &str = "America/Denver";
const HOUSTON: &str = "America/Chicago";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn check(zone: &str, moment: &str, expected: [(HoldClock, &str); 3]) {
    let (zone, moment) = (zone::named(zone).unwrap(), at(moment));
    for (clock, ends_at) in expected {
        assert_eq!(hold_ends_at(Some(clock), moment, &zone), Some((at(ends_at), clock)), "{moment} {clock:?}");
    }
    let [(_, flat), ..] = expected;
    assert_eq!(hold_ends_at(None, moment, &zone), Some((at(flat), HoldClock::Flat48h)), "the earlier of the two");
}

fn all<'a>(flat: &'a str, cfr: &'a str, same_day: &'a str) -> [(HoldClock, &'a str); 3] {
    [(HoldClock::Flat48h, flat), (HoldClock::Cfr, cfr), (HoldClock::SameDay, same_day)]
}

#[test]
fn in_the_middle_of_a_week_both_clocks_run_out_together() {
    let ends = all("2026-08-05T10:00-04:00", "2026-08-05T10:00-04:00", "2026-08-03T23:59:59-04:00");
    check(NEW_YORK, "2026-08-03T10:00-04:00", ends);
}

#[test]
fn when_clocks_are_set_forward_the_flat_one_still_takes_48_hours() {
    // An hour of Sunday 8 March does not exist.
    let ends = all("2026-03-09T13:00-04:00", "2026-03-11T00:00-04:00", "2026-03-07T23:59:59-05:00");
    check(NEW_YORK, "2026-03-07T12:00-05:00", ends);
    let ends = all("2026-03-08T13:00-04:00", "2026-03-10T12:00-04:00", "2026-03-06T23:59:59-05:00");
    check(NEW_YORK, "2026-03-06T12:00-05:00", ends);
    let ends = all("2026-03-10T02:00-04:00", "2026-03-11T00:00-04:00", "2026-03-08T23:59:59-04:00");
    check(NEW_YORK, "2026-03-08T01:00-05:00", ends);
}

#[test]
fn when_clocks_are_set_back_the_flat_one_still_takes_48_hours() {
    // An hour of Sunday 1 November comes twice.
    let ends = all("2026-11-02T11:00-05:00", "2026-11-04T00:00-05:00", "2026-10-31T23:59:59-04:00");
    check(NEW_YORK, "2026-10-31T12:00-04:00", ends);
    let ends = all("2026-11-03T00:30-05:00", "2026-11-04T00:00-05:00", "2026-11-01T23:59:59-05:00");
    check(NEW_YORK, "2026-11-01T01:30-04:00", ends);
}

#[test]
fn a_long_weekend_does_not_count() {
    // Labor Day is Monday 7 September: seven hours of Friday, Tuesday, and Wednesday to five o'clock.
    let ends = all("2026-09-06T17:00-04:00", "2026-09-09T17:00-04:00", "2026-09-04T23:59:59-04:00");
    check(NEW_YORK, "2026-09-04T17:00-04:00", ends);
}

#[test]
fn a_holiday_observed_on_the_friday_before_does_not_count() {
    // 4 July 2026 is a Saturday.
    let ends = all("2026-07-04T09:00-04:00", "2026-07-07T09:00-04:00", "2026-07-02T23:59:59-04:00");
    check(NEW_YORK, "2026-07-02T09:00-04:00", ends);
}

#[test]
fn the_end_of_a_year_is_no_end_of_the_count() {
    let ends = all("2027-01-01T10:00-05:00", "2027-01-04T10:00-05:00", "2026-12-30T23:59:59-05:00");
    check(NEW_YORK, "2026-12-30T10:00-05:00", ends);
    let ends = all("2027-01-02T08:00-05:00", "2027-01-05T08:00-05:00", "2026-12-31T23:59:59-05:00");
    check(NEW_YORK, "2026-12-31T08:00-05:00", ends);
    // New Year's Day of 2028 is a Saturday, observed on 31 December 2027.
    let ends = all("2028-01-01T10:00-05:00", "2028-01-04T10:00-05:00", "2027-12-30T23:59:59-05:00");
    check(NEW_YORK, "2027-12-30T10:00-05:00", ends);
}

#[test]
fn days_are_those_of_the_facility() {
    // Half past eleven on a Friday in El Paso is Saturday in most of Texas.
    let ends = all("2026-07-12T23:30-06:00", "2026-07-14T23:30-06:00", "2026-07-10T23:59:59-06:00");
    check(EL_PASO, "2026-07-10T23:30-06:00", ends);
    let ends = all("2026-07-12T23:30-06:00", "2026-07-15T00:00-05:00", "2026-07-11T23:59:59-05:00");
    check(HOUSTON, "2026-07-10T23:30-06:00", ends);
}

/// Quarters of an hour from 2020 to 2040.
fn moment() -> impl Strategy<Value = Timestamp> {
    (1_577_836_800i64 / 900..2_208_988_800 / 900).prop_map(|quarter| Timestamp::from_second(quarter * 900).unwrap())
}

/// Among them some that set their clocks on business days, at midnight, and by half an hour.
fn any_zone() -> impl Strategy<Value = TimeZone> {
    let names = [NEW_YORK, EL_PASO, "Africa/Cairo", "Australia/Lord_Howe", "Asia/Beirut", "America/Havana", "UTC"];
    select(names.to_vec()).prop_map(|name| zone::named(name).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn the_hours_counted_are_those_of_business_days(start in moment(), hours in 1i64..60, zone in any_zone()) {
        let end = business_hours_later(start, hours, &zone).unwrap();
        let quarter = SignedDuration::from_mins(15);
        let (mut now, mut counted) = (start, 0);
        while now < end {
            counted += i64::from(is_business_day(zone.to_datetime(now).date()));
            now = now.checked_add(quarter).unwrap();
        }
        prop_assert_eq!((now, counted), (end, hours * 4));
    }

    #[test]
    fn the_regulation_never_gives_less_time_than_the_form(start in moment(), zone in any_zone()) {
        let ends_at = |clock| hold_ends_at(Some(clock), start, &zone).unwrap().0;
        let (flat, cfr, same_day) =
            (ends_at(HoldClock::Flat48h), ends_at(HoldClock::Cfr), ends_at(HoldClock::SameDay));
        prop_assert_eq!(flat.duration_since(start), SignedDuration::from_hours(48));
        prop_assert!(start <= same_day && same_day < flat && flat <= cfr, "{} {} {}", same_day, flat, cfr);
        prop_assert!(cfr.duration_since(start) <= SignedDuration::from_hours(48 + 5 * 24 + 1));
        prop_assert_eq!(hold_ends_at(None, start, &zone), Some((flat, HoldClock::Flat48h)));
    }

    #[test]
    fn who_is_due_out_later_is_never_released_earlier(one in moment(), later in 0i64..20_000, zone in any_zone()) {
        let other = one.checked_add(SignedDuration::from_mins(later)).unwrap();
        for clock in HoldClock::ALL {
            let [first, second] = [one, other].map(|moment| hold_ends_at(Some(*clock), moment, &zone).unwrap().0);
            prop_assert!(first <= second);
        }
    }
}
