//! Moments that are written as text. A leap second is none: neither the contract nor this gateway counts them, and what reads
//! one as the second before or after it changes what was said.

use jiff::Timestamp;

use crate::domain::ids::InvalidId;

/// Reads a moment as RFC 3339 writes it.
pub fn moment(text: &str) -> Result<Timestamp, InvalidId> {
    let parsed = text.parse().ok().filter(|_| !is_leap_second(text));
    parsed.ok_or(InvalidId { expected: "a time such as 2026-01-01T05:00:00Z, with seconds up to 59" })
}

/// Whether a date with a time, of whatever layout, names the second that only a minute with a leap second has.
pub fn is_leap_second(text: &str) -> bool {
    let time = text.split(['T', 't', ' ', '_']).nth(1).unwrap_or_default();
    let compact =
        || time.get(4..6).filter(|_| time.get(..6).is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_digit())));
    time.split(':').nth(2).or_else(compact).is_some_and(|seconds| seconds.starts_with("60"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leap_second_is_no_moment() {
        for good in
            ["2016-12-31T23:59:59Z", "2016-12-31t23:58:00z", "2016-12-31T23:59:59.6060+01:00", "20161231T235959Z"]
        {
            assert!(moment(good).is_ok(), "{good}");
        }
        for bad in [
            "2016-12-31T23:59:60Z",
            "2016-12-31T23:59:60.5Z",
            "2016-12-31t23:59:60z",
            "2016-12-31 23:59:60Z",
            "2016-12-31T15:59:60-08:00",
            "20161231T235960Z",
            "2016-12-31T23:59:61Z",
            "2016-12-31",
            "",
        ] {
            assert!(moment(bad).is_err(), "{bad}");
        }
    }
}
