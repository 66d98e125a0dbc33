//! When officers are to have decided what the law leaves to a person.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::domain::custody::Custody;
use crate::domain::range::within;
use crate::domain::review::ReviewMatter;
use crate::domain::timetable::{HOURS_MAX, Timetable};

/// When officers are to have decided. A claim to citizenship is due as its clock says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReviewTimes {
    /// Anything but a claim, in hours.
    #[serde(deserialize_with = "within::<_, _, 1, 87_600>")]
    pub due_hours: u32,
}

impl Default for ReviewTimes {
    fn default() -> Self {
        Self { due_hours: 24 }
    }
}

impl ReviewTimes {
    /// When a review opened now is to be decided: no later than its requester is owed notice of an expected release. That
    /// may be a time which has passed.
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
