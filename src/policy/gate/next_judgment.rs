//! When the law must be asked again without a command. The law changes at the dates that it names, and some facts
//! change with time alone.

use jiff::civil::Date;
use jiff::{SignedDuration, Span, Timestamp};

use crate::domain::case::Case;
use crate::domain::decide::is_active_on;
use crate::domain::ids::JurisdictionId;
use crate::domain::reassessment::next_change;
use crate::policy::gate::Gate;

/// How often a law is asked again that reads the time but names no date.
const UNDATED_EVERY: SignedDuration = SignedDuration::from_hours(1);
/// Changes further ahead than this are not scheduled exactly: the law is asked again in `FAR_DAYS`, and daily once the
/// change is near. Otherwise the scheduled time, which is stored unencrypted, would reveal a birthday.
const NEAR_DAYS: i32 = 31;
const FAR_DAYS: i64 = 30;

/// When a custody is to be judged again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextJudgment {
    /// No detainer stands on it.
    NotNeeded,
    /// When the law or the facts may change. None: no such change is known.
    At(Option<Timestamp>),
}

impl Gate {
    /// When the detainers on the custody of a case must be judged again, if they were judged now.
    pub fn next_judgment(&self, case: &Case, now: Timestamp) -> NextJudgment {
        let Some(custody) = &case.custody else { return NextJudgment::NotNeeded };
        let detainers = || case.concerned().filter(|detainer| is_active_on(detainer, custody));
        if detainers().next().is_none() {
            return NextJudgment::NotNeeded;
        }
        let jurisdiction = &custody.name.jurisdiction;
        let today = self.zones().date_in(jurisdiction, now);
        let changes = detainers().filter_map(|detainer| next_change(detainer, custody, today));
        let facts = changes.min().and_then(|day| self.ask_on(jurisdiction, today, day));
        NextJudgment::At(facts.into_iter().chain(self.law_changes_at(jurisdiction, now)).min())
    }

    /// The next time at which a jurisdiction's law may change.
    fn law_changes_at(&self, jurisdiction: &JurisdictionId, now: Timestamp) -> Option<Timestamp> {
        let (law, _) = self.engine().jurisdiction_law(jurisdiction);
        let Some(points) = law.change_instants() else { return now.checked_add(UNDATED_EVERY).ok() };
        // A rule about what is after an instant changes one millisecond later.
        let changes = points.iter().flat_map(|point| [Some(*point), point.checked_add(1)]).flatten();
        let changes = changes.filter_map(|point| Timestamp::from_millisecond(point).ok());
        changes.filter(|change| *change > now).min()
    }

    /// When the law is asked about a fact that changes on a day.
    fn ask_on(&self, jurisdiction: &JurisdictionId, today: Date, day: Date) -> Option<Timestamp> {
        let days = today.until(day).ok()?.get_days();
        let ahead = if days > NEAR_DAYS { FAR_DAYS } else { 1 };
        let begins = today.checked_add(Span::new().days(ahead)).ok()?;
        Some(begins.to_zoned(self.zones().of(jurisdiction)).ok()?.timestamp())
    }
}
