//! A custodian's promise of hold or notice: whether it stands, and how it is suspended until a person decides.

use crate::domain::detainer::{Detainer, DetainerState};

/// Whether a detainer promises a hold, or would again if the end of its custody were corrected.
pub(in crate::domain) fn promises_hold(detainer: &Detainer) -> bool {
    let held_when_ended = detainer.ended_from == Some(DetainerState::HoldHonored);
    match detainer.state {
        DetainerState::HoldHonored => true,
        DetainerState::Released | DetainerState::Closed => held_when_ended,
        DetainerState::Lodged
        | DetainerState::Matched
        | DetainerState::NoSuchPerson
        | DetainerState::IdentityMismatch
        | DetainerState::Duplicate
        | DetainerState::NotInCustody
        | DetainerState::NotFoundInTime
        | DetainerState::UnderReview
        | DetainerState::NotifyOnly
        | DetainerState::Declined
        | DetainerState::Withdrawn => false,
    }
}

/// Suspends a promise. If the custody has ended and is reopened, the promise stays suspended.
pub(in crate::domain) fn suspend(detainer: &mut Detainer) {
    detainer.state = suspended(detainer.state);
    detainer.ended_from = detainer.ended_from.map(suspended);
}

/// The state with a promise suspended. Any other state stays.
pub(in crate::domain) fn suspended(state: DetainerState) -> DetainerState {
    match state {
        DetainerState::HoldHonored | DetainerState::NotifyOnly => DetainerState::UnderReview,
        DetainerState::Lodged
        | DetainerState::Matched
        | DetainerState::NoSuchPerson
        | DetainerState::IdentityMismatch
        | DetainerState::Duplicate
        | DetainerState::NotInCustody
        | DetainerState::NotFoundInTime
        | DetainerState::UnderReview
        | DetainerState::Declined
        | DetainerState::Released
        | DetainerState::Withdrawn
        | DetainerState::Closed => state,
    }
}
