//! How the firing of a clock is recorded, and for whom.
//!
//! A firing stays within the jurisdiction, because it depends on the custody or on what the custodian did, which may
//! not have been disclosed to the issuer. Only a closed window is recorded for both sides: both know the window and
//! whether it was kept.

use crate::domain::case::Case;
use crate::domain::clocks::{ClockKind, Firing};
use crate::domain::event::{Counts, Event, Record};
use crate::domain::record::{about_custody, of_clock, of_transfer};

/// Records a firing. None: its case was not loaded.
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
