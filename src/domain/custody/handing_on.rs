//! How a custody is handed on to another agency, and what each side of it is shown.

use jiff::Timestamp;

use crate::domain::custody::{
    Custody, CustodyClocks, CustodyState, MoveOffer, MoveOfferState, Movement, ReportedClaims,
};
use crate::domain::ids::{AgencyId, BookingNumber, FacilityCode};

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
