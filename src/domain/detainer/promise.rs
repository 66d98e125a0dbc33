//! Whether a detainer promises a hold, and what becomes of a promise that waits for a person.

use crate::domain::detainer::{Detainer, DetainerState};

/// Whether a detainer promises a hold, or would if what ended the custody turned out not to have taken place.
pub(in crate::domain) fn promises_hold(detainer: &Detainer) -> bool {
    let held_when_ended = detainer.ended_from == Some(DetainerState::HoldHonored);
    match detainer.state {
        DetainerState::HoldHonored => true,
        DetainerState::Released | DetainerState::Closed => held_when_ended,
        DetainerState::Lodged
        | DetainerState::Matched
        | DetainerState::NoSuchPerson
        | DetainerState::IdentityMismatch
        | DetainerState::UnderReview
        | DetainerState::NotifyOnly
        | DetainerState::Declined
        | DetainerState::Withdrawn => false,
    }
}

/// Promises do not stand while a claim is open, nor again once the custody turns out not to have ended.
pub(in crate::domain) fn suspend(detainer: &mut Detainer) {
    detainer.state = suspended(detainer.state);
    detainer.ended_from = detainer.ended_from.map(suspended);
}

/// Promises wait for a person; everything else stays.
pub(in crate::domain) fn suspended(state: DetainerState) -> DetainerState {
    match state {
        DetainerState::HoldHonored | DetainerState::NotifyOnly => DetainerState::UnderReview,
        DetainerState::Lodged
        | DetainerState::Matched
        | DetainerState::NoSuchPerson
        | DetainerState::IdentityMismatch
        | DetainerState::UnderReview
        | DetainerState::Declined
        | DetainerState::Released
        | DetainerState::Withdrawn
        | DetainerState::Closed => state,
    }
}
