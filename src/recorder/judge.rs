//! The law asked again of what stands, though nobody says anything: because the law changed, or time alone changed what it
//! is asked of. An entry of the gateway's own says what comes of it; where nothing does, there is none.

use jiff::Timestamp;

use crate::domain::agency::gateway;
use crate::domain::agenda::judgement;
use crate::domain::apply::apply;
use crate::domain::decide::follow;
use crate::domain::event::{Event, Record};
use crate::domain::ids::{CaseName, LogName, OfficerPseudonym};
use crate::domain::review::ReviewState;
use crate::meters::{Meters, table};
use crate::recorder::plan::{Plan, PlanError};
use crate::recorder::ticks::NO_OFFICER;

/// What a leaf names in place of a method: nobody called any.
const JUDGEMENT: &str = "Judgement";

/// What somebody must know of, beside its entry.
#[derive(Debug)]
pub(super) struct Alarm {
    /// The entry that says it.
    entry: String,
    what: Alarmed,
}

#[derive(Debug)]
enum Alarmed {
    /// A person was released before an officer had decided what was left to one.
    ReleasedUndecided {
        /// What was left to one.
        matter: &'static str,
    },
    /// What was promised waits for an officer.
    PromiseSuspended,
}

impl Alarm {
    /// Of an entry of a case that has just been written, if anybody must know of it.
    pub(super) fn of(record: &Record, index: u64) -> Option<Self> {
        let what = if let Event::ReviewResolved { review, .. } = &record.event {
            let overtaken = review.state == ReviewState::ReleasedUndecided;
            overtaken.then(|| Alarmed::ReleasedUndecided { matter: review.matter.word() })?
        } else if let Event::PromiseSuspended { .. } = &record.event {
            Alarmed::PromiseSuspended
        } else {
            return None;
        };
        let log = LogName { jurisdiction: record.resource.jurisdiction.clone(), kind: record.log };
        Some(Self { entry: log.entry(index), what })
    }

    /// Counts it and says it. When its entry is durable.
    pub(super) fn tell(&self, meters: &Meters) {
        let entry = &self.entry;
        match self.what {
            Alarmed::ReleasedUndecided { matter } => {
                meters.count(&table::RELEASED_UNDECIDED, &[matter.into()]);
                tracing::warn!(entry, matter, "a person was released before it was decided what is left to an officer");
            }
            Alarmed::PromiseSuspended => {
                meters.count(&table::PROMISES_SUSPENDED, &[]);
                tracing::warn!(entry, "what was promised is no longer allowed, and waits for an officer");
            }
        }
    }
}

impl Plan<'_> {
    /// Asks the law again of custodies.
    pub(super) fn judge(&mut self, custodies: &[CaseName], clock_now: Timestamp) -> Result<(), PlanError> {
        custodies.iter().try_for_each(|custody| self.judge_one(custody, clock_now))
    }

    fn judge_one(&mut self, custody: &CaseName, clock_now: Timestamp) -> Result<(), PlanError> {
        let now = self.time_of_record(&custody.jurisdiction, clock_now);
        let mut case = self.assemble([custody]);
        if case.custody.is_none() {
            self.put_down_no_more(custody, judgement(None));
            return Ok(());
        }
        let officer: OfficerPseudonym = NO_OFFICER.parse().map_err(|_| PlanError::NoOfficer)?;
        let times = (&self.duties.review, self.timetable);
        for record in follow(&case, &self.gate.after(&case, now), times, now) {
            let index = self.append(&gateway(), &officer, JUDGEMENT, &record, now)?;
            apply(&mut case, &record, index, now);
        }
        self.keep(case, now);
        Ok(())
    }
}
