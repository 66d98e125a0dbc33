//! How long the legal clocks run, and in which time zone.

mod obligation_times;
mod review_times;

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

pub use obligation_times::ObligationTimes;
pub use review_times::ReviewTimes;

use crate::domain::calendar::business_hours_later;
use crate::domain::custody::Custody;
use crate::domain::ids::{AgencyId, FacilityCode, JurisdictionId};
use crate::domain::zone::Zones;

/// No setting is longer: ten years.
const HOURS_MAX: u32 = 10 * 365 * 24;

/// How long each clock runs.
#[derive(Debug, Clone)]
pub struct Timetable {
    /// From the request to the answer.
    pub answer_hours: i64,
    /// From the notice to the expected release.
    pub notice_hours: i64,
    /// Business days from a claim to citizenship to its review.
    pub citizenship_review_days: i64,
    /// From one alarm that a person is held too long to the next.
    pub over_hold_alarm_minutes: i64,
    /// Of the jurisdictions.
    pub zones: Zones,
    /// Of custodians that lie in another zone than most of their jurisdiction.
    pub agency_zones: BTreeMap<AgencyId, TimeZone>,
    /// Of facilities that lie in another zone than their agency.
    pub facility_zones: BTreeMap<(AgencyId, FacilityCode), TimeZone>,
}

impl Default for Timetable {
    fn default() -> Self {
        Self {
            answer_hours: 48,
            notice_hours: 48,
            citizenship_review_days: 1,
            over_hold_alarm_minutes: 60,
            zones: Zones::default(),
            agency_zones: BTreeMap::new(),
            facility_zones: BTreeMap::new(),
        }
    }
}

impl Timetable {
    /// When a claim to citizenship is to be reviewed. None: out of the range of times.
    pub fn claim_due(&self, claimed_at: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        const DAY_HOURS: i64 = 24;
        business_hours_later(claimed_at, self.citizenship_review_days.checked_mul(DAY_HOURS)?, zone)
    }

    /// When the issuers of detainers are owed notice of the expected release of a custody.
    pub fn notice_due(&self, custody: &Custody) -> Option<Timestamp> {
        let expected_at = custody.scheduled.as_ref()?.expected_at;
        expected_at.checked_sub(SignedDuration::from_hours(self.notice_hours)).ok()
    }

    /// The zone of the facility where the person is, else of its agency, else of the jurisdiction.
    pub fn zone_of(&self, custody: &Custody) -> TimeZone {
        self.zone_at(&custody.name.jurisdiction, &custody.custodian, &custody.intake.facility)
    }

    /// The zone of a facility of an agency of a jurisdiction.
    pub fn zone_at(&self, jurisdiction: &JurisdictionId, agency: &AgencyId, facility: &FacilityCode) -> TimeZone {
        let own = self.facility_zones.get(&(agency.clone(), facility.clone()));
        let own = own.or_else(|| self.agency_zones.get(agency));
        own.cloned().unwrap_or_else(|| self.zones.of(jurisdiction))
    }
}
