//! Moments written as text. Leap seconds are refused: neither the contract nor this gateway counts them, and reading
//! one as the second before or after would change what was said.

use jiff::Timestamp;

use crate::domain::ids::InvalidId;

/// Reads a moment in the format of RFC 3339.
pub fn moment(text: &str) -> Result<Timestamp, InvalidId> {
    let parsed = text.parse().ok().filter(|_| !is_leap_second(text));
    parsed.ok_or(InvalidId { expected: "a time such as 2026-01-01T05:00:00Z, with seconds up to 59" })
}

/// Whether a date and time, in any layout, names a leap second.
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
