//! How a custody is handed on to another agency: the offer, and what each side of it is shown.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::custody::{Custody, CustodyClocks, CustodyState, Destination, Movement, ReportedClaims};
use crate::domain::detainer::{Detainer, DetainerState};
use crate::domain::ids::{AgencyId, BookingNumber, FacilityCode, OfficerPseudonym};
use crate::domain::transfer::TransferState;
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

impl Standing {
    /// Of the detainers on a custody.
    pub fn on(linked: &[Detainer]) -> Self {
        let of = |state| linked.iter().filter(|detainer| detainer.state == state).count();
        let transfers = linked.iter().flat_map(|detainer| &detainer.transfers);
        Self {
            detainers: linked.iter().filter(|detainer| detainer.state.is_active()).count(),
            holds: of(DetainerState::HoldHonored),
            notices: of(DetainerState::NotifyOnly),
            pick_ups: transfers.filter(|transfer| transfer.state == TransferState::Accepted).count(),
        }
    }
}

impl MoveOffer {
    /// Whether it waits for an answer.
    pub fn is_open(&self) -> bool {
        self.state == MoveOfferState::Offered
    }
}

impl Custody {
    /// The offer that waits for an answer.
    pub fn open_offer(&self) -> Option<&MoveOffer> {
        self.offer.as_ref().filter(|offer| offer.is_open())
    }

    /// Whether an agency is asked to take the person.
    pub fn is_offered_to(&self, agency: &AgencyId) -> bool {
        self.open_offer().is_some_and(|offer| offer.proposal.to == *agency)
    }

    /// What an agency that handed the person on keeps: its record of the stay.
    pub fn record_of(&self, agency: &AgencyId) -> Option<&Self> {
        self.handed_on.iter().find(|record| record.custodian == *agency)
    }

    /// What an agency is shown that is asked to take the person: what it needs to decide, and no detainer by name.
    #[must_use]
    pub fn as_offered(&self) -> Self {
        let mut shown = self.clone();
        shown.intake.victim_contact = None;
        (shown.intake.subject.home_address, shown.intake.subject.work_address) = (None, None);
        shown.detainers.clear();
        shown.handed_on.clear();
        shown
    }

    /// The custody once an agency has taken the person over.
    #[must_use]
    pub(in crate::domain) fn taken_over(
        &self,
        by: &AgencyId,
        facility: &FacilityCode,
        booking_number: Option<&BookingNumber>,
    ) -> Self {
        let mut custody = Self { custodian: by.clone(), ..self.clone() };
        custody.intake.facility = facility.clone();
        if let Some(number) = booking_number {
            custody.intake.subject.identifiers.booking_number = Some(number.clone());
        }
        custody
    }

    /// The record that the agency keeps which hands the person on by this movement: the custody as it stood, with where the
    /// person went, and nothing of what comes after.
    pub(in crate::domain) fn record_of_move(&self, movement: &Movement, now: Timestamp) -> Self {
        let accepted = |offer: &MoveOffer| MoveOffer { state: MoveOfferState::Accepted, ..offer.clone() };
        Self {
            state: CustodyState::MovedOn,
            movement: Some(movement.clone()),
            offer: self.open_offer().map(accepted),
            handed_on: Vec::new(),
            // What the gateway itself keeps track of is of no use to a record that nothing changes.
            reported_claims: ReportedClaims::default(),
            not_of: <_>::default(),
            clocks: CustodyClocks::default(),
            updated_at: now,
            version: self.version.saturating_add(1),
            ..self.clone()
        }
    }
}

impl Movement {
    /// The agency that the person was handed on to, if another one holds them since.
    pub fn handed_on_to(&self) -> Option<&AgencyId> {
        match &self.to {
            Destination::Agency(next, _) => Some(next),
            Destination::Facility(_) | Destination::Hospital | Destination::Court => None,
        }
    }
}
