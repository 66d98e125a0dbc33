//! When obligations must be met.

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::determination::Obligation;
use crate::domain::range::Within;
use crate::domain::timetable::HOURS_MAX;

/// Hours from the act to when each obligation must be met. Each default is a guess for counsel to set [bk].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ObligationTimes {
    /// Until a copy of the request must have been served on the person.
    #[serde(with = "Within::<1, 876_000>")]
    pub serve_copy_hours: u32,
    /// Until the person must have been told.
    #[serde(with = "Within::<1, 876_000>")]
    pub tell_the_subject_hours: u32,
    /// Until the person's counsel must have been told.
    #[serde(with = "Within::<1, 876_000>")]
    pub tell_counsel_hours: u32,
    /// Until the person must have been advised of their rights before an interview.
    #[serde(with = "Within::<1, 876_000>")]
    pub interview_advisal_hours: u32,
    /// Until it must have been counted for the yearly report.
    #[serde(with = "Within::<1, 876_000>")]
    pub annual_count_hours: u32,
    /// Until it must have been noted in the person's file.
    #[serde(with = "Within::<1, 876_000>")]
    pub record_in_file_hours: u32,
    /// Until the judge who may grant bail must have been told.
    #[serde(with = "Within::<1, 876_000>")]
    pub tell_the_judge_hours: u32,
}

impl Default for ObligationTimes {
    fn default() -> Self {
        Self {
            serve_copy_hours: 48,
            tell_the_subject_hours: 48,
            tell_counsel_hours: 48,
            interview_advisal_hours: 48,
            annual_count_hours: 365 * 24,
            record_in_file_hours: 24,
            tell_the_judge_hours: 24,
        }
    }
}

impl ObligationTimes {
    /// When an obligation that arises now must be met.
    pub fn due(&self, obligation: Obligation, now: Timestamp) -> Timestamp {
        let hours = match obligation {
            Obligation::ServeCopy => self.serve_copy_hours,
            Obligation::TellTheSubject => self.tell_the_subject_hours,
            Obligation::TellCounsel => self.tell_counsel_hours,
            Obligation::InterviewAdvisal => self.interview_advisal_hours,
            Obligation::AnnualCount => self.annual_count_hours,
            Obligation::RecordInFile => self.record_in_file_hours,
            Obligation::TellTheJudge => self.tell_the_judge_hours,
        };
        now.saturating_add(SignedDuration::from_hours(i64::from(hours.min(HOURS_MAX)))).unwrap_or(Timestamp::MAX)
    }
}
