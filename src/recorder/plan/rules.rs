//! The law, times and limits that a plan applies.

use crate::domain::appeal;
use crate::domain::inbox;
use crate::domain::timetable::{ObligationTimes, ReviewTimes, Timetable};
use crate::policy::gate::Gate;

/// The law, times and limits that a plan applies. A plan has no rules of its own.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    /// The law and the registered agencies.
    pub gate: &'a Gate,
    /// How long legal clocks run.
    pub timetable: &'a Timetable,
    /// By when custodians must decide and act.
    pub duties: Duties,
    /// Limits of inboxes.
    pub limits: inbox::Limits,
    /// Limits of appeals.
    pub appeal_limits: appeal::Limits,
}

/// By when custodians must decide reviews and meet obligations.
#[derive(Debug, Clone, Copy, Default)]
pub struct Duties {
    /// Reviews.
    pub review: ReviewTimes,
    /// Obligations.
    pub obligation: ObligationTimes,
}
