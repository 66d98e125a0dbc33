//! What follows from a command: the reviews that it opens or closes, and the obligations that arise or are met.

use jiff::Timestamp;

use crate::domain::apply::oblige;
use crate::domain::case::Case;
use crate::domain::decide::{follow, met_by_record};
use crate::domain::event::Record;
use crate::recorder::plan::Plan;

impl Plan<'_> {
    /// What follows from the records of a command, for the case as they leave it.
    pub(in crate::recorder) fn follow(&self, case: &mut Case, records: &[Record], now: Timestamp) -> Vec<Record> {
        oblige(case, records, &self.duties.obligation, now);
        let mut following = met_by_record(case);
        let times = (&self.duties.review, self.timetable);
        following.extend(follow(case, &self.gate.laws_on_answers(case, now), times, now));
        following
    }
}
