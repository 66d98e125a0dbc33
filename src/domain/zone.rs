//! The time zone in which each jurisdiction counts its days. Zones come from the built-in database, so that every
//! gateway counts alike, whatever its machine has installed.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::{TimeZone, TimeZoneDatabase};

use crate::domain::ids::JurisdictionId;

/// The zones of the jurisdictions with a built-in law.
const BUILT_IN: [(&str, &str); 9] = [
    ("us-ny", "America/New_York"),
    ("us-ny-nyc", "America/New_York"),
    ("us-ca", "America/Los_Angeles"),
    ("us-il", "America/Chicago"),
    ("us-nj", "America/New_York"),
    ("us-co", "America/Denver"),
    ("us-wa", "America/Los_Angeles"),
    ("us-tx", "America/Chicago"),
    ("us-fl", "America/New_York"),
];

/// A name that is no time zone of the IANA database.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name} is not a time zone of the IANA database")]
pub struct UnknownZone {
    /// The name as given.
    pub name: String,
}

/// The zone of each jurisdiction.
#[derive(Debug, Clone)]
pub struct Zones(BTreeMap<JurisdictionId, TimeZone>);

impl Zones {
    /// The built-in zones, with these added or replaced, by IANA name.
    pub fn with(own: &BTreeMap<JurisdictionId, String>) -> Result<Self, UnknownZone> {
        let mut zones = Self::default();
        for (jurisdiction, name) in own {
            zones.0.insert(jurisdiction.clone(), named(name).ok_or_else(|| UnknownZone { name: name.clone() })?);
        }
        Ok(zones)
    }

    /// The zone of a jurisdiction, or UTC if none is known.
    pub fn of(&self, jurisdiction: &JurisdictionId) -> TimeZone {
        self.0.get(jurisdiction).cloned().unwrap_or(TimeZone::UTC)
    }

    /// Today's date in a jurisdiction.
    pub fn date_in(&self, jurisdiction: &JurisdictionId, now: Timestamp) -> Date {
        self.of(jurisdiction).to_datetime(now).date()
    }
}

impl Default for Zones {
    fn default() -> Self {
        let built_in =
            BUILT_IN.iter().filter_map(|(jurisdiction, name)| Some((jurisdiction.parse().ok()?, named(name)?)));
        Self(built_in.collect())
    }
}

/// A zone of the built-in IANA database.
pub fn named(name: &str) -> Option<TimeZone> {
    TimeZoneDatabase::bundled().get(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_zone_that_is_built_in_is_known() {
        assert_eq!(Zones::default().0.len(), BUILT_IN.len());
        for (jurisdiction, name) in BUILT_IN {
            assert_eq!(Zones::default().of(&jurisdiction.parse().unwrap()).iana_name(), Some(name));
        }
    }

    #[test]
    fn the_day_is_that_of_the_jurisdiction() {
        let own = BTreeMap::from([
            ("us-zz".parse().unwrap(), "Pacific/Honolulu".to_owned()),
            ("us-ny".parse().unwrap(), "UTC".to_owned()),
        ]);
        let (built_in, own) = (Zones::default(), Zones::with(&own).unwrap());
        let check = |zones: &Zones, jurisdiction: &str, expected: &str| {
            let now = "2026-03-08T04:59:59Z".parse().unwrap();
            assert_eq!(zones.date_in(&jurisdiction.parse().unwrap(), now).to_string(), expected, "{jurisdiction}");
        };
        check(&built_in, "us-ny", "2026-03-07");
        check(&built_in, "us-tx", "2026-03-07");
        check(&built_in, "us-aa", "2026-03-08");
        check(&own, "us-ny", "2026-03-08");
        check(&own, "us-zz", "2026-03-07");
        check(&own, "us-tx", "2026-03-07");
    }

    #[test]
    fn a_name_that_is_no_zone_is_refused() {
        let own = BTreeMap::from([("us-zz".parse().unwrap(), "America/Nowhere".to_owned())]);
        assert_eq!(Zones::with(&own).unwrap_err(), UnknownZone { name: "America/Nowhere".to_owned() });
    }
}
