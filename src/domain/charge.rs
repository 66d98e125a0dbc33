//! A charge against a person, and the offence group that it counts under.

use jiff::Span;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::domain::ids::{NcicCode, NibrsCode};
use crate::domain::vocabulary::vocabulary;

vocabulary! {
    /// The status of a charge. The law and statistics depend on it, so it is never left out.
    pub enum ChargeStatus {
        /// Arrested, not yet charged.
        Arrested = "arrested",
        /// Charged.
        Charged = "charged",
        /// Pending before a court.
        Pending = "pending",
        /// Convicted.
        Convicted = "convicted",
        /// Dismissed.
        Dismissed = "dismissed",
        /// Acquitted.
        Acquitted = "acquitted",
        /// Sealed: left to a person, never disclosed automatically.
        Sealed = "sealed",
        /// Adjudicated a youthful offender. Treated as sealed.
        YouthfulOffender = "youthful-offender",
        /// A magistrate found probable cause and held the person to answer.
        HeldToAnswer = "held-to-answer",
    }
}

impl ChargeStatus {
    /// Whether the person is charged and not yet judged.
    pub fn is_open(self) -> bool {
        match self {
            Self::Arrested | Self::Charged | Self::Pending | Self::HeldToAnswer => true,
            Self::Convicted | Self::Dismissed | Self::Acquitted | Self::Sealed | Self::YouthfulOffender => false,
        }
    }

    /// Whether a conviction may have come before or with this status: a conviction that is set aside becomes a
    /// dismissal.
    pub fn may_follow_conviction(self) -> bool {
        match self {
            Self::Convicted | Self::Dismissed | Self::Sealed | Self::YouthfulOffender => true,
            Self::Arrested | Self::Charged | Self::Pending | Self::HeldToAnswer | Self::Acquitted => false,
        }
    }

    /// Whether the person may be held on such a charge, or serve a sentence for it.
    pub fn is_live(self) -> bool {
        self.is_open() || self == Self::Convicted
    }

    /// Whether the record behind the charge may only be judged by a person.
    pub fn is_sealed(self) -> bool {
        matches!(self, Self::Sealed | Self::YouthfulOffender)
    }
}

vocabulary! {
    /// The age of a conviction, in whole years to the day.
    pub enum ConvictionAge {
        /// No conviction.
        None = "none",
        /// Five years ago to the day, or less.
        Within5Years = "within-5-years",
        /// More than five years ago, and fifteen to the day or less.
        Within15Years = "within-15-years",
        /// More than fifteen years ago.
        Older = "older",
        /// The charge gives no date, or one in the future.
        Unknown = "unknown",
    }
}

impl ConvictionAge {
    /// The age on a day of a conviction.
    fn of(convicted_on: Option<Date>, today: Date) -> Self {
        let Some(day) = convicted_on.filter(|day| *day <= today) else { return Self::Unknown };
        // In a year without 29 February, jiff counts to the 28th: the limit is never stretched by a day.
        let within = |years: i64| day.saturating_add(Span::new().years(years)) >= today;
        match (within(5), within(15)) {
            (true, _) => Self::Within5Years,
            (false, true) => Self::Within15Years,
            (false, false) => Self::Older,
        }
    }

    /// Whether it is known to be within the last five years.
    pub fn within_5_years(self) -> bool {
        self == Self::Within5Years
    }

    /// Whether it is known to be within the last fifteen years.
    pub fn within_15_years(self) -> bool {
        matches!(self, Self::Within5Years | Self::Within15Years)
    }
}

vocabulary! {
    /// How grave a charge is.
    pub enum Severity {
        /// Felony.
        Felony = "felony",
        /// Misdemeanor.
        Misdemeanor = "misdemeanor",
        /// Violation or infraction.
        Violation = "violation",
    }
}

vocabulary! {
    /// The offence group that a charge counts under. It is derived from the code, never entered.
    pub enum OffenceCategory {
        /// NCIC 09, NIBRS 09.
        Homicide = "homicide",
        /// NCIC 13, NIBRS 13.
        Assault = "assault",
        /// NCIC 22, NIBRS 22.
        Burglary = "burglary",
        /// NCIC 12, NIBRS 12.
        Robbery = "robbery",
        /// NCIC 35, NIBRS 35.
        Drugs = "drugs",
        /// NCIC 52, NIBRS 52.
        Weapons = "weapons",
        /// NCIC 11, NIBRS 11.
        Sexual = "sexual",
        /// Everything else.
        Other = "other",
    }
}

impl OffenceCategory {
    /// The group of a code's first two digits, which NCIC and NIBRS share for these offences.
    fn of_code(code: &str) -> Self {
        match code.get(..2) {
            Some("09") => Self::Homicide,
            Some("11") => Self::Sexual,
            Some("12") => Self::Robbery,
            Some("13") => Self::Assault,
            Some("22") => Self::Burglary,
            Some("35") => Self::Drugs,
            Some("52") => Self::Weapons,
            _ => Self::Other,
        }
    }
}

/// One charge (`j:Charge`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charge {
    /// Statute as cited by the court (`j:StatuteCodeSectionIdentification`).
    pub statute: Option<String>,
    /// NCIC offence code; preferred for counting.
    pub ncic: Option<NcicCode>,
    /// NIBRS offence code.
    pub nibrs: Option<NibrsCode>,
    /// Felony, misdemeanor or violation.
    pub severity: Option<Severity>,
    /// Its status (`j:ChargeDisposition`).
    pub status: ChargeStatus,
    /// When charged.
    pub charged_on: Option<Date>,
    /// When convicted.
    pub convicted_on: Option<Date>,
    /// Length of the sentence.
    pub sentence_days: Option<u32>,
}

impl Charge {
    /// The group it counts under.
    pub fn category(&self) -> OffenceCategory {
        let ncic = self.ncic.as_ref().map(NcicCode::as_str);
        let nibrs = self.nibrs.as_ref().map(NibrsCode::as_str);
        ncic.or(nibrs).map_or(OffenceCategory::Other, OffenceCategory::of_code)
    }

    /// How long ago the person was convicted of it, on a day of the jurisdiction's calendar.
    pub fn conviction_age(&self, today: Date) -> ConvictionAge {
        if self.status == ChargeStatus::Convicted {
            ConvictionAge::of(self.convicted_on, today)
        } else {
            ConvictionAge::None
        }
    }

    /// Whether the record behind the charge may only be judged by a person.
    pub fn sealed(&self) -> bool {
        self.status.is_sealed()
    }
}

/// The group of an NCIC code.
pub fn category_of(code: &NcicCode) -> OffenceCategory {
    OffenceCategory::of_code(code.as_str())
}

/// The charge that a person counts under: that of the gravest group.
pub fn leading(charges: &[Charge]) -> Option<&Charge> {
    charges.iter().min_by_key(|charge| by_gravity(charge.category(), charge.status))
}

/// Sorts the gravest group first, and by status within it.
pub fn by_gravity(category: OffenceCategory, status: ChargeStatus) -> (u8, ChargeStatus) {
    let rank = match category {
        OffenceCategory::Homicide => 0,
        OffenceCategory::Sexual => 1,
        OffenceCategory::Robbery => 2,
        OffenceCategory::Assault => 3,
        OffenceCategory::Burglary => 4,
        OffenceCategory::Weapons => 5,
        OffenceCategory::Drugs => 6,
        OffenceCategory::Other => 7,
    };
    (rank, status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_of_years_has_its_last_day_inside() {
        use ConvictionAge::{Older, Unknown, Within5Years, Within15Years};
        fn check(convicted_on: &str, today: &str, expected: ConvictionAge) {
            let age = ConvictionAge::of(Some(convicted_on.parse().unwrap()), today.parse().unwrap());
            assert_eq!(age, expected, "{convicted_on}, asked on {today}");
        }
        check("2021-03-10", "2021-03-10", Within5Years);
        check("2021-03-10", "2026-03-09", Within5Years);
        check("2021-03-10", "2026-03-10", Within5Years);
        check("2021-03-10", "2026-03-11", Within15Years);
        check("2021-03-10", "2036-03-10", Within15Years);
        check("2021-03-10", "2036-03-11", Older);
        // Five years after a leap day there is no leap day: the 28th is the last day within the limit.
        check("2024-02-29", "2029-02-27", Within5Years);
        check("2024-02-29", "2029-02-28", Within5Years);
        check("2024-02-29", "2029-03-01", Within15Years);
        check("2023-02-28", "2028-02-28", Within5Years);
        check("2023-02-28", "2028-02-29", Within15Years);
        check("2023-03-01", "2028-02-29", Within5Years);
        check("2021-03-11", "2021-03-10", Unknown);
        assert_eq!(ConvictionAge::of(None, "2026-03-10".parse().unwrap()), Unknown);
    }

    #[test]
    fn the_group_comes_from_the_code() {
        fn check(ncic: Option<&str>, nibrs: Option<&str>, expected: OffenceCategory) {
            let charge = Charge {
                statute: None,
                ncic: ncic.map(|code| code.parse().unwrap()),
                nibrs: nibrs.map(|code| code.parse().unwrap()),
                severity: None,
                status: ChargeStatus::Charged,
                charged_on: None,
                convicted_on: None,
                sentence_days: None,
            };
            assert_eq!(charge.category(), expected);
        }
        check(Some("0999"), None, OffenceCategory::Homicide);
        check(Some("1399"), Some("09A"), OffenceCategory::Assault);
        check(None, Some("35A"), OffenceCategory::Drugs);
        check(None, None, OffenceCategory::Other);
        check(Some("7099"), None, OffenceCategory::Other);
    }
}
