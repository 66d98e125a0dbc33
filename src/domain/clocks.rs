//! The legal clocks: what must have happened by when.

use jiff::{SignedDuration, Timestamp};

use crate::domain::agenda::{Item, ItemKind};
use crate::domain::custody::Custody;
use crate::domain::detainer::{Detainer, DetainerState};
use crate::domain::ids::AgencyId;
use crate::domain::vocabulary::vocabulary;

vocabulary! {
    /// What a clock counts down to.
    pub enum ClockKind {
        /// The custodian should have answered.
        AnswerDue = "answer-due",
    }
}

/// How long each clock runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timetable {
    /// From lodging to the answer.
    pub answer_hours: i64,
}

impl Default for Timetable {
    fn default() -> Self {
        Self { answer_hours: 48 }
    }
}

/// A clock that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    /// Down to what.
    pub clock: ClockKind,
    /// Which of this kind in its case.
    pub about: String,
    /// When it fires next.
    pub due_at: Timestamp,
}

impl Running {
    /// As it stands in the agenda.
    pub fn item(self, holder: Option<AgencyId>) -> Item {
        let key = format!("{}/{}", self.clock.word(), self.about);
        Item { kind: ItemKind::Clock, key, due_at: self.due_at, holder }
    }
}

/// Clocks of a detainer.
pub fn of_detainer(detainer: &Detainer, _custody: Option<&Custody>, timetable: &Timetable) -> Vec<Running> {
    let unanswered = matches!(detainer.state, DetainerState::Lodged | DetainerState::Matched);
    let due_at = detainer.lodged_at.checked_add(SignedDuration::from_hours(timetable.answer_hours));
    let about = detainer.request_version.to_string();
    let answer = due_at.ok().filter(|_| unanswered);
    answer.map(|due_at| Running { clock: ClockKind::AnswerDue, about, due_at }).into_iter().collect()
}

/// Clocks of a custody.
pub fn of_custody(_custody: &Custody, _standing: &[Detainer], _timetable: &Timetable) -> Vec<Running> {
    Vec::new()
}
