//! Commands by which a person is handed on: the custodian offers, the other agency takes the person or does not. Until it
//! does, everything stays with the custodian.

use jiff::Timestamp;

use crate::domain::case::Case;
use crate::domain::command::CaseCommand;
use crate::domain::custody::{
    Custody, Destination, MoveAcceptance, MoveDeclineReason, MoveOffer, MoveOfferState, MoveProposal, Movement,
};
use crate::domain::decide::custody::{changed, held, reconsidered};
use crate::domain::determination::FieldClasses;
use crate::domain::event::{Change, Counts, Event, Party, Record};
use crate::domain::ids::AgencyId;
use crate::domain::permit::Permitted;
use crate::domain::record::about_custody;
use crate::domain::refusal::Refusal;

pub(super) fn offer(
    case: &Case,
    permitted: &Permitted<CaseCommand>,
    proposal: &MoveProposal,
    now: Timestamp,
) -> Result<Vec<Record>, Refusal> {
    let custody = held(case)?;
    if custody.open_offer().is_some() {
        return Err(Refusal::MoveOpen);
    }
    // A write that nobody is named for does not come this far.
    let officer = permitted.caller().actor.as_ref().ok_or(Refusal::NoSuchCase)?;
    let offer = MoveOffer {
        state: MoveOfferState::Offered,
        proposal: proposal.clone(),
        decline_reason: None,
        standing: case.standing(),
        offered_by: officer.pseudonym.clone(),
        offered_at: now,
    };
    let offered = Custody { offer: Some(offer), ..custody.clone() }.as_offered();
    let event = Event::MoveOffered { custody: Box::new(offered) };
    Ok(vec![between_both(custody, &proposal.to, event)])
}

/// The custody goes with the person, and its detainers with it: whoever takes the person over answers for them from now on.
/// What an issuer learns of it, it learns now.
pub(super) fn accept(
    case: &Case,
    permitted: &Permitted<CaseCommand>,
    acceptance: &MoveAcceptance,
) -> Result<Vec<Record>, Refusal> {
    let custody = held(case)?;
    let next = &offered_to_caller(custody, permitted)?.proposal.to;
    if case.booked.is_some() {
        return Err(Refusal::AlreadyBooked);
    }
    let MoveAcceptance { occurred_at, facility, booking_number } = acceptance;
    let movement =
        Movement { to: Destination::Agency(next.clone(), facility.clone()), occurred_at: Some(*occurred_at) };
    let event = Event::CustodyMoved {
        custody: custody.name.clone(),
        movement: movement.clone(),
        booking_number: booking_number.clone(),
    };
    let after = custody.taken_over(next, facility, booking_number.as_ref());
    let case = reconsidered(case, custody, after.intake);
    let mut records = changed(&case, permitted, custody, event, &Change::Movement(movement));
    // Both agencies learn of the move, and of everything that goes with the person.
    for record in &mut records {
        for agency in [&custody.custodian, next] {
            if record.disclosed_to(agency) == FieldClasses::NONE {
                record.audience.push((Party::Agency(agency.clone()), FieldClasses::all()));
            }
        }
    }
    Ok(records)
}

pub(super) fn decline(
    case: &Case,
    permitted: &Permitted<CaseCommand>,
    reason: MoveDeclineReason,
) -> Result<Vec<Record>, Refusal> {
    let custody = held(case)?;
    let offer = offered_to_caller(custody, permitted)?;
    let declined = MoveOffer { state: MoveOfferState::Declined, decline_reason: Some(reason), ..offer.clone() };
    Ok(vec![offer_ended(custody, declined)])
}

pub(super) fn withdraw(case: &Case) -> Result<Vec<Record>, Refusal> {
    let custody = held(case)?;
    withdrawn(custody).map(|record| vec![record]).ok_or(Refusal::MoveNotOpen)
}

/// The end of the offer that is open, as of one that is withdrawn. Whoever it was made to is not told why.
pub(super) fn withdrawn(custody: &Custody) -> Option<Record> {
    let offer = custody.open_offer()?;
    Some(offer_ended(custody, MoveOffer { state: MoveOfferState::Withdrawn, ..offer.clone() }))
}

/// The open offer, if it was made to the caller.
fn offered_to_caller<'a>(custody: &'a Custody, permitted: &Permitted<CaseCommand>) -> Result<&'a MoveOffer, Refusal> {
    let own = &permitted.caller().agency.id;
    custody.open_offer().filter(|offer| offer.proposal.to == *own).ok_or(Refusal::MoveNotOpen)
}

fn offer_ended(custody: &Custody, offer: MoveOffer) -> Record {
    let to = offer.proposal.to.clone();
    between_both(custody, &to, Event::MoveOfferEnded { custody: custody.name.clone(), offer })
}

/// Records what passes between the two agencies alone. It stays within the jurisdiction.
fn between_both(custody: &Custody, other: &AgencyId, event: Event) -> Record {
    let mut record = about_custody(custody, Counts::default(), Vec::new(), None, event);
    record.audience.push((Party::Agency(other.clone()), FieldClasses::all()));
    record
}
