//! When the law is to be asked again of what stands, though nobody says anything: the law itself changes at dates that it
//! names, and time alone changes some facts.

use jiff::civil::Date;
use jiff::{SignedDuration, Span, Timestamp};

use crate::domain::case::Case;
use crate::domain::decide::stands_on;
use crate::domain::ids::JurisdictionId;
use crate::domain::reassessment::next_change;
use crate::policy::gate::Gate;

/// Where a law reads the time in a way that names no date, it is asked so often.
const UNDATED_EVERY: SignedDuration = SignedDuration::from_hours(1);
/// Days so far ahead are not looked for: it is asked when they are near, and then every day. Else the time at which it is
/// due, which stands in the clear, would be that of a birthday.
const NEAR_DAYS: i32 = 31;
const FAR_DAYS: i64 = 30;

/// When a custody is to be judged again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// No detainer stands on it.
    Nothing,
    /// When the law or the facts may be others. None: nothing is known that changes them.
    At(Option<Timestamp>),
}

impl Gate {
    /// When the detainers that stand on the custody of a case are to be judged again, if they were judged now.
    pub fn again(&self, case: &Case, now: Timestamp) -> Again {
        let Some(custody) = &case.custody else { return Again::Nothing };
        let standing = || case.concerned().filter(|detainer| stands_on(detainer, custody));
        if standing().next().is_none() {
            return Again::Nothing;
        }
        let jurisdiction = &custody.name.jurisdiction;
        let today = self.zones().date_in(jurisdiction, now);
        let changes = standing().filter_map(|detainer| next_change(detainer, custody, today));
        let facts = changes.min().and_then(|day| self.asked_on(jurisdiction, today, day));
        Again::At(facts.into_iter().chain(self.law_turns_at(jurisdiction, now)).min())
    }

    /// The next time at which a jurisdiction's law may be another.
    fn law_turns_at(&self, jurisdiction: &JurisdictionId, now: Timestamp) -> Option<Timestamp> {
        let (slice, _) = self.engine().slice(jurisdiction);
        let Some(points) = slice.turning_points() else { return now.checked_add(UNDATED_EVERY).ok() };
        // A rule that speaks of what is after an instant turns a millisecond after it.
        let turns = points.iter().flat_map(|point| [Some(*point), point.checked_add(1)]).flatten();
        let turns = turns.filter_map(|point| Timestamp::from_millisecond(point).ok());
        turns.filter(|turn| *turn > now).min()
    }

    /// When the law is asked of a fact that changes on a day.
    fn asked_on(&self, jurisdiction: &JurisdictionId, today: Date, day: Date) -> Option<Timestamp> {
        let days = today.until(day).ok()?.get_days();
        let ahead = if days > NEAR_DAYS { FAR_DAYS } else { 1 };
        let begins = today.checked_add(Span::new().days(ahead)).ok()?;
        Some(begins.to_zoned(self.zones().of(jurisdiction)).ok()?.timestamp())
    }
}
