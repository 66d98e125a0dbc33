//! The time limit of a call in gRPC's form: the header `grpc-timeout`, at most eight digits and a unit.

use std::time::Duration;

/// The name of the header.
pub const GRPC_TIMEOUT: &str = "grpc-timeout";

/// Reads the header's value.
pub fn parse(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(number.saturating_mul(3_600))),
        "M" => Some(Duration::from_secs(number.saturating_mul(60))),
        "S" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_millis(number)),
        "u" => Some(Duration::from_micros(number)),
        "n" => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

/// Writes the header's value in whole milliseconds, or in seconds beyond some 27 hours.
pub fn format(timeout: Duration) -> String {
    const DIGITS_MAX: u128 = 99_999_999;
    let millis = timeout.as_millis();
    if millis <= DIGITS_MAX {
        format!("{millis}m")
    } else {
        format!("{}S", u128::from(timeout.as_secs()).min(DIGITS_MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_read_as_the_protocol_writes_it() {
        let check = |text, expected| assert_eq!(parse(text), expected, "{text}");
        check("5S", Some(Duration::from_secs(5)));
        check("20m", Some(Duration::from_millis(20)));
        check("99999999H", Some(Duration::from_hours(99_999_999)));
        for absurd in ["", "S", "5", "5x", "-5S", "123456789S", "5 S", "é"] {
            check(absurd, None);
        }
    }

    #[test]
    fn a_timeout_is_written_so_that_it_can_be_read() {
        for (timeout, expected) in [
            (Duration::from_micros(1_500), "1m"),
            (Duration::from_secs(30), "30000m"),
            (Duration::from_hours(48), "172800S"),
            (Duration::MAX, "99999999S"),
        ] {
            let text = format(timeout);
            assert_eq!(text, expected);
            assert!(parse(&text).unwrap() <= timeout, "{text}");
        }
    }
}
