//! A date whose day, or day and month, may be unknown, as in NCIC and NIEM (`nc:Date`). It is kept as given.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use jiff::{Span, ToSpan as _};
use serde::{Deserialize, Serialize};

use crate::domain::ids::InvalidId;

/// The earliest year that is accepted.
const FIRST_YEAR: i16 = 1850;

/// How much of a date is known.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Precision {
    Year,
    Month,
    Day,
}

/// `YYYY`, `YYYY-MM` or `YYYY-MM-DD`. `Debug` never prints it, because it is a date of birth.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PartialDate {
    // INVARIANT: the first day of the year or month, if no more is known.
    first: Date,
    precision: Precision,
}

impl PartialDate {
    /// The first possible day: the oldest reading of a birth date.
    pub fn earliest(self) -> Date {
        self.first
    }

    /// The last possible day: the youngest reading of a birth date.
    pub fn latest(self) -> Date {
        match self.precision {
            Precision::Year => self.first.last_of_year(),
            Precision::Month => self.first.last_of_month(),
            Precision::Day => self.first,
        }
    }

    /// The day, if it is known.
    pub fn day(self) -> Option<Date> {
        match self.precision {
            Precision::Year | Precision::Month => None,
            Precision::Day => Some(self.first),
        }
    }

    /// Whether somebody with this birth date may be under an age on a day. A safeguard depends on it, so the youngest
    /// reading counts. Somebody born on a leap day comes of age on 1 March in a year without one.
    pub fn is_under(self, years: i64, today: Date) -> bool {
        let born = self.latest();
        let anniversary = born.saturating_add(Span::new().years(years));
        let skipped = anniversary.day() != born.day();
        let comes_of_age = if skipped { anniversary.saturating_add(1.day()) } else { anniversary };
        today < comes_of_age
    }

    /// Whether two dates may be the same: what both of them know does not differ.
    pub fn agrees_with(self, other: Self) -> bool {
        self.earliest() <= other.latest() && other.earliest() <= self.latest()
    }
}

impl From<Date> for PartialDate {
    fn from(day: Date) -> Self {
        Self { first: day, precision: Precision::Day }
    }
}

impl fmt::Display for PartialDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.precision {
            Precision::Year => write!(f, "{:04}", self.first.year()),
            Precision::Month => write!(f, "{:04}-{:02}", self.first.year(), self.first.month()),
            Precision::Day => self.first.fmt(f),
        }
    }
}

impl fmt::Debug for PartialDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PartialDate(withheld)")
    }
}

impl FromStr for PartialDate {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        const EXPECTED: InvalidId =
            InvalidId { expected: "a date as YYYY-MM-DD, or as YYYY-MM or YYYY where no more is known" };
        let (whole, precision) = match text.len() {
            4 => (format!("{text}-01-01"), Precision::Year),
            7 => (format!("{text}-01"), Precision::Month),
            _ => (text.to_owned(), Precision::Day),
        };
        let first = Date::strptime("%Y-%m-%d", &whole).map_err(|_| EXPECTED)?;
        let date = Self { first, precision };
        // Each date has one spelling.
        if date.to_string() == text && first.year() >= FIRST_YEAR { Ok(date) } else { Err(EXPECTED) }
    }
}

impl TryFrom<String> for PartialDate {
    type Error = InvalidId;
    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl From<PartialDate> for String {
    fn from(date: PartialDate) -> Self {
        date.to_string()
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn of(text: &str) -> PartialDate {
        text.parse().unwrap()
    }

    #[test]
    fn a_date_is_kept_as_given() {
        for good in ["1993", "1993-05", "1993-05-31", "1850", "2024-02-29"] {
            assert_eq!(of(good).to_string(), good);
            let stored = serde_json::to_string(&of(good)).unwrap();
            assert_eq!(
                (stored.as_str(), serde_json::from_str(&stored).ok()),
                (&*format!("\"{good}\""), Some(of(good)))
            );
        }
        for bad in [
            "",
            "93",
            "1849",
            "1993-",
            "1993-00",
            "1993-13",
            "1993-5",
            "1993-05-00",
            "1993-00-00",
            "1993-05-32",
            "2023-02-29",
            "0000",
            "-1993",
            "+1993",
            "19930",
            "+993",
            "1993-+5",
            "1993-05-031",
            "1993/05",
            "1993-05-31 ",
        ] {
            assert!(bad.parse::<PartialDate>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_whole_date_of_before_is_still_read() {
        let stored = serde_json::to_string(&date(1987, 6, 5)).unwrap();
        assert_eq!(serde_json::from_str::<PartialDate>(&stored).unwrap(), of("1987-06-05"));
    }

    #[test]
    fn the_youngest_reading_says_whether_somebody_is_a_minor() {
        let check = |born: &str, today: &str, minor: bool| {
            assert_eq!(of(born).is_under(18, today.parse().unwrap()), minor, "{born}, asked on {today}");
        };
        check("2008-06-05", "2026-06-04", true);
        check("2008-06-05", "2026-06-05", false);
        check("2008-06", "2026-06-29", true);
        check("2008-06", "2026-06-30", false);
        check("2008", "2026-12-30", true);
        check("2008", "2026-12-31", false);
        check("2008-02-29", "2026-02-28", true);
        check("2008-02-29", "2026-03-01", false);
        check("2008-02", "2026-02-28", true);
        check("2027", "2026-01-01", true);
        check("1850", "2026-01-01", false);
    }

    #[test]
    fn dates_agree_in_what_both_of_them_say() {
        let check = |one: &str, other: &str, agree: bool| {
            assert_eq!(
                (of(one).agrees_with(of(other)), of(other).agrees_with(of(one))),
                (agree, agree),
                "{one} {other}"
            );
        };
        check("1993-05-31", "1993-05-31", true);
        check("1993-05-31", "1993-05-30", false);
        check("1993-05-31", "1993-05", true);
        check("1993-05-31", "1993-06", false);
        check("1993-05", "1993", true);
        check("1993", "1993", true);
        check("1994", "1993-12-31", false);
    }

    #[test]
    fn debug_never_prints_one() {
        assert!(!format!("{:?} {:?}", of("1993-05-31"), of("1993")).contains("1993"));
    }
}
