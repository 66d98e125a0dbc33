//! The law asked again of what stands, though nobody says anything: because the law changed, or time alone changed what it
//! is asked of. An entry of the gateway's own says what comes of it; where nothing does, there is none.

use jiff::Timestamp;

use crate::domain::agency::gateway;
use crate::domain::agenda::judgement;
use crate::domain::apply::apply;
use crate::domain::decide::follow;
use crate::domain::ids::{CaseName, OfficerPseudonym};
use crate::recorder::plan::naming::NO_OFFICER;
use crate::recorder::plan::outcome::PlanError;
use crate::recorder::plan::{By, Plan};

/// What a leaf names in place of a method: nobody called any.
const JUDGEMENT: &str = "Judgement";

impl Plan<'_> {
    /// Asks the law again of custodies. How many entries say what came of it.
    pub(in crate::recorder) fn judge(
        &mut self,
        custodies: &[CaseName],
        clock_now: Timestamp,
    ) -> Result<usize, PlanError> {
        custodies.iter().try_fold(0_usize, |said, custody| Ok(said.saturating_add(self.judge_one(custody, clock_now)?)))
    }

    fn judge_one(&mut self, custody: &CaseName, clock_now: Timestamp) -> Result<usize, PlanError> {
        let now = self.time_of_record(&custody.jurisdiction, clock_now);
        let mut case = self.assemble([custody]);
        if case.custody.is_none() {
            self.put_down_no_more(custody, judgement(None));
            return Ok(0);
        }
        let officer: OfficerPseudonym = NO_OFFICER.parse().map_err(|_| PlanError::NoOfficer)?;
        let by = By { agency: &gateway(), officer: &officer, method: JUDGEMENT, request_id: None };
        let times = (&self.duties.review, self.timetable);
        let mut said = 0_usize;
        for record in follow(&case, &self.gate.laws_on_answers(&case, now), times, now) {
            said = said.saturating_add(1);
            let index = self.append(by, &record, now)?;
            apply(&mut case, &record, index, now);
        }
        self.keep(case, now);
        Ok(said)
    }
}
