//! What a batch is judged, timed and limited by.

use crate::domain::appeal;
use crate::domain::inbox;
use crate::domain::timetable::{ObligationTimes, ReviewTimes, Timetable};
use crate::policy::gate::Gate;

/// What a batch is judged, timed and limited by. A plan has no rules of its own.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    /// The law, and who is who.
    pub gate: &'a Gate,
    /// Of clocks.
    pub timetable: &'a Timetable,
    /// Of what custodians are to decide and to do.
    pub duties: Duties,
    /// Of inboxes.
    pub limits: inbox::Limits,
    /// Of appeals.
    pub appeal_limits: appeal::Limits,
}

/// By when custodians are to decide what is left to a person, and to do what the law asks besides.
#[derive(Debug, Clone, Copy, Default)]
pub struct Duties {
    /// Reviews.
    pub review: ReviewTimes,
    /// Obligations.
    pub obligation: ObligationTimes,
}
