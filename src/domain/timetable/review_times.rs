//! When officers must have decided reviews.

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::custody::Custody;
use crate::domain::range::Within;
use crate::domain::review::ReviewMatter;
use crate::domain::timetable::{HOURS_MAX, Timetable};

/// When officers must have decided reviews. A claim to citizenship is due as its clock says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ReviewTimes {
    /// Hours for any review but of a claim.
    #[serde(with = "Within::<1, 87_600>")]
    pub due_hours: u32,
}

impl Default for ReviewTimes {
    fn default() -> Self {
        Self { due_hours: 24 }
    }
}

impl ReviewTimes {
    /// When a review opened now is due: at the latest when notice of an expected release is due, even if that time has
    /// passed.
    pub fn due(&self, matter: ReviewMatter, custody: &Custody, timetable: &Timetable, now: Timestamp) -> Timestamp {
        let due_at = match matter {
            ReviewMatter::CitizenshipClaim => timetable.claim_due(now, &timetable.zone_of(custody)),
            ReviewMatter::Hold | ReviewMatter::Notify | ReviewMatter::Transfer | ReviewMatter::Disclose => {
                now.checked_add(SignedDuration::from_hours(i64::from(self.due_hours.min(HOURS_MAX)))).ok()
            }
        };
        due_at.unwrap_or(Timestamp::MAX).min(timetable.notice_due(custody).unwrap_or(Timestamp::MAX))
    }
}
