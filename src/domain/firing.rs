//! What a clock that fired is recorded as, and for whom.
//!
//! A firing stays within the jurisdiction: whether and when one comes turns on what the custodian did, or on the custody,
//! and the issuer may not have been told of either. Only a window that closed is recorded for both sides: it was agreed,
//! declined, kept or failed in the sight of both, and when it closes both know beforehand.

use crate::domain::case::Case;
use crate::domain::clocks::{ClockKind, Firing};
use crate::domain::event::{Counts, Event, Record};
use crate::domain::record::{about_custody, of_clock, of_transfer};

/// The record of a firing. None: the case is not at hand.
pub fn record(case: &Case, firing: Firing) -> Option<Record> {
    let detainer = case.detainer.iter().chain(&case.linked).find(|detainer| detainer.name == firing.case);
    let custody = case.custody.as_ref().filter(|custody| custody.name == firing.case);
    match (firing.clock, detainer, custody) {
        (ClockKind::WindowClosed, Some(detainer), _) => Some(of_transfer(detainer, None, Event::ClockFired(firing))),
        (
            ClockKind::AnswerDue
            | ClockKind::NoticeDue
            | ClockKind::CitizenshipReviewDue
            | ClockKind::OverHold
            | ClockKind::ReviewDue,
            Some(detainer),
            _,
        ) => Some(of_clock(detainer, Event::ClockFired(firing))),
        (_, None, Some(custody)) => {
            Some(about_custody(custody, Counts::default(), Vec::new(), None, Event::ClockFired(firing)))
        }
        (_, None, None) => None,
    }
}
