//! An offer to hand a person on to another agency.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::ids::{AgencyId, BookingNumber, FacilityCode, OfficerPseudonym};
use crate::domain::vocabulary::vocabulary;

vocabulary! {
    /// Where an offer to hand a person on stands.
    pub enum MoveOfferState {
        /// Waits for an answer.
        Offered = "offered",
        /// The other agency took the person in.
        Accepted = "accepted",
        /// The other agency does not take the person.
        Declined = "declined",
        /// The custodian withdrew it, or the custody ended.
        Withdrawn = "withdrawn",
    }
}

vocabulary! {
    /// Why an agency does not take a person.
    pub enum MoveDeclineReason {
        /// The person never came.
        NotReceived = "not-received",
        /// It has no room.
        NoCapacity = "no-capacity",
        /// The person is not for it to hold.
        WrongAgency = "wrong-agency",
        /// Another reason.
        Other = "other",
    }
}

/// To whom a custodian would hand a person on, where and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MoveProposal {
    /// To whom.
    pub to: AgencyId,
    /// The facility that is asked for.
    pub facility: Option<FacilityCode>,
    /// When, as planned.
    pub planned_at: Timestamp,
}

/// How an agency took a person over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MoveAcceptance {
    /// When the person changed hands.
    pub occurred_at: Timestamp,
    /// Its facility where the person is now.
    pub facility: FacilityCode,
    /// Its own booking number. None: the one before stays.
    pub booking_number: Option<BookingNumber>,
}

/// What comes with a person who is handed on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// Detainers that stand on the custody.
    pub detainers: usize,
    /// Those under which a hold was promised.
    pub holds: usize,
    /// Those under which notice alone was promised.
    pub notices: usize,
    /// Pick-ups that were agreed and have not taken place.
    pub pick_ups: usize,
}

/// An offer to hand a person on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MoveOffer {
    /// Where it stands.
    pub state: MoveOfferState,
    /// To whom, where and when.
    pub proposal: MoveProposal,
    /// Why it was declined.
    pub decline_reason: Option<MoveDeclineReason>,
    /// What comes with the person. Kept up to date while the offer is open.
    pub standing: Standing,
    /// The officer who made it.
    pub offered_by: OfficerPseudonym,
    /// When it was made, by our clock.
    pub offered_at: Timestamp,
}

impl MoveOffer {
    /// Whether it waits for an answer.
    pub fn is_open(&self) -> bool {
        self.state == MoveOfferState::Offered
    }
}
