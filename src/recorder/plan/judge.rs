//! Asks the law again about custodies without a command, because the law changed, or because time changed the facts. What
//! changes is recorded in entries of the gateway's own. If nothing changes, nothing is recorded.

use jiff::Timestamp;

use crate::domain::agency::gateway;
use crate::domain::agenda::judgement;
use crate::domain::apply::apply;
use crate::domain::decide::follow;
use crate::domain::ids::{CaseName, OfficerPseudonym};
use crate::recorder::plan::naming::NO_OFFICER;
use crate::recorder::plan::outcome::PlanError;
use crate::recorder::plan::{By, Plan};

/// What a leaf names as its method if nobody called one.
const JUDGEMENT: &str = "Judgement";

impl Plan<'_> {
    /// Asks the law again about custodies. Returns how many entries were recorded.
    pub(in crate::recorder) fn judge(
        &mut self,
        custodies: &[CaseName],
        clock_now: Timestamp,
    ) -> Result<usize, PlanError> {
        custodies.iter().try_fold(0_usize, |sum, custody| {
            let span = tracing::error_span!("judgement", case = %custody);
            let recorded = span.in_scope(|| self.judge_one(custody, clock_now))?;
            Ok(sum.saturating_add(recorded))
        })
    }

    fn judge_one(&mut self, custody: &CaseName, clock_now: Timestamp) -> Result<usize, PlanError> {
        let now = self.time_of_record(&custody.jurisdiction, clock_now);
        let mut case = self.assemble([custody]);
        if case.custody.is_none() {
            self.clear_agenda(custody, judgement(None));
            return Ok(0);
        }
        let officer: OfficerPseudonym = NO_OFFICER.parse().map_err(|_| PlanError::NoOfficer)?;
        let by = By { agency: &gateway(), officer: &officer, method: JUDGEMENT, request_id: None, from_paper: false };
        let times = (&self.duties.review, self.timetable);
        let mut recorded = 0_usize;
        for record in follow(&case, &self.gate.laws_on_answers(&case, now), times, now) {
            recorded = recorded.saturating_add(1);
            let index = self.append(by, &record, now)?;
            apply(&mut case, &record, index, now);
        }
        self.keep(case, now);
        Ok(recorded)
    }
}
