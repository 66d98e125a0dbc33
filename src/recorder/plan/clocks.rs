//! Firings: a legal clock that is due becomes an entry of the gateway's own, once, however many gateways see that it is due.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tracing::Span;

use crate::domain::agency::gateway;
use crate::domain::apply::apply;
use crate::domain::case::Case;
use crate::domain::clocks::{self, ClockKind, Running};
use crate::domain::firing;
use crate::domain::ids::{CaseName, LogName, OfficerPseudonym};
use crate::domain::range::Within;
use crate::domain::timetable::Timetable;
use crate::metrics::{Metrics, table};
use crate::recorder::plan::naming::NO_OFFICER;
use crate::recorder::plan::outcome::PlanError;
use crate::recorder::plan::{By, Plan};
use crate::store::ListedItem;

/// How long the legal clocks run, and how often they are checked.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ClocksConfig {
    /// How often clocks are checked, in milliseconds. A clock fires at most this much late. 0: never.
    #[serde(with = "Within::<0, 3_600_000>")]
    pub tick_ms: u64,
    /// The most clocks that fire in one batch.
    #[serde(with = "Within::<1, 100_000>")]
    pub firings_len_max: usize,
    /// The time from a request to its answer.
    #[serde(with = "Within::<0, 8760>")]
    pub answer_hours: u16,
    /// The time from the notice to the expected release.
    #[serde(with = "Within::<0, 8760>")]
    pub notice_hours: u16,
    /// Business days from a claim to citizenship to its review.
    #[serde(with = "Within::<1, 255>")]
    pub citizenship_review_days: u8,
    /// The time from one alarm about an over-hold to the next.
    #[serde(with = "Within::<1, 10_080>")]
    pub over_hold_alarm_minutes: u16,
}

impl Default for ClocksConfig {
    fn default() -> Self {
        Self {
            tick_ms: 1_000,
            firings_len_max: 256,
            answer_hours: 48,
            notice_hours: 48,
            citizenship_review_days: 1,
            over_hold_alarm_minutes: 60,
        }
    }
}

impl ClocksConfig {
    /// A timetable with these times and the given time zones.
    #[must_use]
    pub fn timetable(&self, zones: Timetable) -> Timetable {
        Timetable {
            answer_hours: self.answer_hours.into(),
            notice_hours: self.notice_hours.into(),
            citizenship_review_days: self.citizenship_review_days.into(),
            over_hold_alarm_minutes: self.over_hold_alarm_minutes.into(),
            ..zones
        }
    }
}

/// The outcome of a check of the clocks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ticked {
    /// Clocks that fired.
    pub fired: usize,
    /// More clocks may be due than one batch takes, so check again.
    pub more: bool,
}

/// A clock that fired in a batch.
pub(in crate::recorder) struct FiredNow {
    clock: ClockKind,
    times: u32,
    entry: String,
    span: Span,
}

impl FiredNow {
    /// Counts it, and warns of an over-hold.
    pub(in crate::recorder) fn report(&self, metrics: &Metrics) {
        metrics.increment(&table::CLOCKS_FIRED, &[self.clock.word().into()]);
        if self.clock == ClockKind::OverHold {
            metrics.add(&table::OVER_HOLDS, &[], u64::from(self.times == 1));
            let _entered = self.span.enter();
            tracing::warn!(entry = self.entry, times = self.times, "a person is held past the end of the hold");
        }
    }
}

impl Plan<'_> {
    /// Fires clocks that are due, in the given order. If a clock is no longer due, because of this batch or of other settings,
    /// the agenda of its case is written anew.
    pub(in crate::recorder) fn fire(
        &mut self,
        due: &[ListedItem],
        clock_now: Timestamp,
    ) -> Result<Vec<FiredNow>, PlanError> {
        let fired = due.iter().map(|listed| {
            // Its kind alone: the rest of the key may be a time of the case.
            let clock = listed.item.key.split('/').next();
            let span = tracing::error_span!("clock", case = %listed.case, clock);
            span.in_scope(|| self.fire_one(listed, clock_now))
        });
        Ok(fired.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
    }

    fn fire_one(&mut self, listed: &ListedItem, clock_now: Timestamp) -> Result<Option<FiredNow>, PlanError> {
        let now = self.time_of_record(&listed.case.jurisdiction, clock_now);
        let mut case = self.assemble([&listed.case]);
        let running = running(&case, &listed.case, self.timetable);
        // INVARIANT: only the case, as this batch has it, says whether a clock has fired. So a clock fires once, however many
        // gateways saw that it was due, and no clock keeps another from firing in its turn.
        let running = running.into_iter().find(|running| running.key() == listed.item.key && running.due_at <= now);
        let record = running.and_then(|running| {
            let firing = running.firing(listed.case.clone());
            Some((firing.clock, firing.times, firing::record(&case, firing)?))
        });
        let Some((clock, times, record)) = record else {
            self.clear_agenda(&listed.case, listed.item.clone());
            self.keep(case, now);
            return Ok(None);
        };
        let officer: OfficerPseudonym = NO_OFFICER.parse().map_err(|_| PlanError::NoOfficer)?;
        let log = LogName { jurisdiction: listed.case.jurisdiction.clone(), kind: record.log };
        let by = By { agency: &gateway(), officer: &officer, method: clock.rpc(), request_id: None, from_paper: false };
        let index = self.append(by, &record, now)?;
        apply(&mut case, &record, index, now);
        self.keep(case, now);
        Ok(Some(FiredNow { clock, times, entry: log.entry(index), span: Span::current() }))
    }
}

/// The clocks of a case that are running.
fn running(case: &Case, name: &CaseName, timetable: &Timetable) -> Vec<Running> {
    let detainer = case.detainer.iter().chain(&case.linked).find(|detainer| detainer.name == *name);
    let custody = case.custody.as_ref();
    match (detainer, custody.filter(|custody| custody.name == *name)) {
        (Some(detainer), _) => clocks::of_detainer(detainer, custody, timetable),
        (None, Some(custody)) => clocks::of_custody(custody, &case.linked, timetable),
        (None, None) => Vec::new(),
    }
}
