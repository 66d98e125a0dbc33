//! How long the legal clocks run, and in which time zones.

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

/// The longest allowed setting: ten years.
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
    /// Between two alarms that a person is held too long.
    pub over_hold_alarm_minutes: i64,
    /// The zones of jurisdictions.
    pub zones: Zones,
    /// Agencies whose zone differs from their jurisdiction's.
    pub agency_zones: BTreeMap<AgencyId, TimeZone>,
    /// Facilities whose zone differs from their agency's.
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
    /// From the request to the answer.
    pub fn answer_within(&self) -> SignedDuration {
        SignedDuration::from_hours(self.answer_hours)
    }

    /// When a claim to citizenship must be reviewed. None: outside the range of times.
    pub fn claim_due(&self, claimed_at: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        const DAY_HOURS: i64 = 24;
        business_hours_later(claimed_at, self.citizenship_review_days.checked_mul(DAY_HOURS)?, zone)
    }

    /// When issuers must have notice of a custody's expected release.
    pub fn notice_due(&self, custody: &Custody) -> Option<Timestamp> {
        let expected_at = custody.scheduled.as_ref()?.expected_at;
        expected_at.checked_sub(SignedDuration::from_hours(self.notice_hours)).ok()
    }

    /// The zone of the person's facility, or else of its agency, or else of the jurisdiction.
    pub fn zone_of(&self, custody: &Custody) -> TimeZone {
        self.zone_at(&custody.name.jurisdiction, &custody.custodian, &custody.intake.facility)
    }

    /// The zone of a facility, or else of its agency, or else of the jurisdiction.
    pub fn zone_at(&self, jurisdiction: &JurisdictionId, agency: &AgencyId, facility: &FacilityCode) -> TimeZone {
        let own = self.facility_zones.get(&(agency.clone(), facility.clone()));
        let own = own.or_else(|| self.agency_zones.get(agency));
        own.cloned().unwrap_or_else(|| self.zones.of(jurisdiction))
    }
}
