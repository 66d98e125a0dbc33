//! Commands on a custody: open it, update its charges, correct who is held, move the person within the agency.

use jiff::Timestamp;
use uuid::Uuid;

use crate::domain::calendar::day_of_record;
use crate::domain::case::Case;
use crate::domain::charge::Charge;
use crate::domain::command::CaseCommand;
use crate::domain::correction::Correction;
use crate::domain::custody::{Custody, CustodyState, Identity, Intake, Movement, OtherGround, Place};
use crate::domain::decide::notice::change_notice;
use crate::domain::event::{Change, Counts, Event, Record};
use crate::domain::ids::CaseName;
use crate::domain::permit::Permitted;
use crate::domain::record::{about_custody, rulings_on_all};
use crate::domain::refusal::Refusal;

pub(super) fn open(
    case: &Case,
    permitted: &Permitted<CaseCommand>,
    intake: &Intake,
    id: Uuid,
    now: Timestamp,
) -> Result<Vec<Record>, Refusal> {
    if case.booked.is_some() {
        return Err(Refusal::AlreadyBooked);
    }
    let name = CaseName::custody(permitted.jurisdiction().clone(), id);
    let custody = Custody::opened(name, permitted.caller().agency.id.clone(), intake.clone(), now);
    let event = Event::CustodyOpened { custody: Box::new(custody.clone()), asked_again: case.asked_again.clone() };
    Ok(vec![about_custody(&custody, Counts::default(), Vec::new(), None, event)])
}

/// Allowed after the person has left: dispositions come later.
pub(super) fn update_charges(
    case: &Case,
    permitted: &Permitted<CaseCommand>,
    charges: &[Charge],
    other_ground: Option<&OtherGround>,
) -> Result<Vec<Record>, Refusal> {
    let custody = case.custody.as_ref().ok_or(Refusal::NoSuchCase)?;
    let (name, other_ground) = (custody.name.clone(), other_ground.cloned());
    let case = reconsidered(case, custody, Intake { charges: charges.to_vec(), ..custody.intake.clone() });
    let event = Event::ChargesUpdated { custody: name, charges: charges.to_vec(), other_ground };
    Ok(changed(&case, permitted, custody, event, &Change::Charges(charges.to_vec())))
}

/// Allowed at any time: a misidentification is always corrected.
pub(super) fn correct_identity(
    case: &Case,
    permitted: &Permitted<CaseCommand>,
    identity: &Identity,
    correction: &Correction,
) -> Result<Vec<Record>, Refusal> {
    let custody = case.custody.as_ref().ok_or(Refusal::NoSuchCase)?;
    if case.booked.is_some() {
        return Err(Refusal::AlreadyBooked);
    }
    let flags = custody.intake.flags.corrected(identity.flags);
    let after = Intake { subject: identity.subject.clone(), flags, ..custody.intake.clone() };
    let case = reconsidered(case, custody, after);
    let event = Event::IdentityCorrected {
        custody: custody.name.clone(),
        identity: Box::new(identity.clone()),
        correction: correction.clone(),
    };
    Ok(changed(&case, permitted, custody, event, &Change::Identity(Box::new(identity.subject.clone()))))
}

pub(super) fn move_to(
    case: &Case,
    permitted: &Permitted<CaseCommand>,
    to: &Place,
    occurred_at: Option<Timestamp>,
) -> Result<Vec<Record>, Refusal> {
    let custody = held(case)?;
    let movement = Movement { to: to.clone().into(), occurred_at };
    let event = Event::CustodyMoved { custody: custody.name.clone(), movement: movement.clone(), booking_number: None };
    Ok(changed(case, permitted, custody, event, &Change::Movement(movement)))
}

/// The custody, if the person is still held.
pub(super) fn held(case: &Case) -> Result<&Custody, Refusal> {
    let custody = case.custody.as_ref().ok_or(Refusal::NoSuchCase)?;
    match custody.state {
        CustodyState::Held | CustodyState::ReleaseScheduled => Ok(custody),
        CustodyState::Released => Err(Refusal::AlreadyReleased),
        CustodyState::Closed => Err(Refusal::AlreadyClosed),
        CustodyState::MovedOn => Err(Refusal::NoSuchCase),
    }
}

/// The case after a change of the custody's record, for deciding what to disclose. Earlier decisions of officers did
/// not take the new record into account.
pub(super) fn reconsidered(case: &Case, custody: &Custody, intake: Intake) -> Case {
    let after = Custody { intake, ..custody.clone() };
    let [held, holds] = [custody, &after].map(|custody| custody.safeguards(day_of_record(custody.updated_at)));
    let mut case = case.clone();
    for detainer in case.detainer.iter_mut().chain(&mut case.linked) {
        detainer.describe(&custody.intake.subject, &after.intake.subject);
        if holds.beyond(held) {
            detainer.note_safeguard();
        }
    }
    case
}

/// Records a change in the custody log, and in the exchange log for each issuer that may know of it.
pub(super) fn changed(
    case: &Case,
    permitted: &Permitted<CaseCommand>,
    custody: &Custody,
    event: Event,
    change: &Change,
) -> Vec<Record> {
    let (determinations, digest) = rulings_on_all(case, permitted);
    let mut records = vec![about_custody(custody, Counts::default(), determinations, digest, event)];
    // The law was asked about exactly the detainers whose issuers may have to be notified.
    records.extend(case.linked.iter().filter_map(|detainer| change_notice(detainer, case, permitted, change)));
    records
}
