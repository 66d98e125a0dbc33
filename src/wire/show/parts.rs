//! Parts that resources and events share.

use crate::domain::charge::Charge;
use crate::domain::correction::Correction;
use crate::domain::custody::{
    ActualRelease, Closing, Destination, MoveOffer, Movement, OtherGround, ReleaseEligibility, ScheduledRelease,
};
use crate::domain::detainer::{Acknowledgement, Answer, ClosingTold, ReleaseTold, Warrant};
use crate::domain::expungement::ExpungementOrder;
use crate::domain::service::ServiceOfCopy;
use crate::domain::subject::{Flags, PersonName, Subject};
use crate::domain::warrant::WarrantVerification;
use crate::wire::enums::{to_wire, to_wire_or_unspecified};
use crate::wire::show::{agency_name, timestamp};
use crate::wire::v1;

pub(super) fn warrant(warrant: &Warrant) -> v1::Warrant {
    v1::Warrant {
        kind: to_wire(warrant.kind),
        issuing_authority: to_wire(warrant.issuing_authority),
        signed_at: warrant.signed_at.map(timestamp),
        criminal: warrant.criminal,
        court: warrant.court.clone().unwrap_or_default(),
        signer: warrant.signer.clone().unwrap_or_default(),
        docket: warrant.docket.clone().unwrap_or_default(),
        expires_on: or_empty(warrant.expires_on.as_ref()),
        document_sha256: warrant.document.as_ref().map(|document| document.sha256.to_vec()).unwrap_or_default(),
        document_media_type: warrant.document.as_ref().map(|document| document.media_type.clone()).unwrap_or_default(),
    }
}

pub(super) fn verification(verification: &WarrantVerification) -> v1::WarrantVerification {
    v1::WarrantVerification {
        outcome: to_wire(verification.outcome),
        method: to_wire(verification.method),
        compared: verification.compared.iter().copied().map(to_wire).collect(),
        seen: Some(warrant(&verification.seen)),
        final_order_seen: verification.final_order_seen,
        reason: verification.reason.clone().unwrap_or_default(),
        occurred_at: verification.occurred_at.map(timestamp),
    }
}

pub(super) fn acknowledgement(found: &Acknowledgement) -> v1::Acknowledgement {
    v1::Acknowledgement {
        finding: to_wire(found.finding),
        custody: or_empty(found.custody.as_ref()),
        match_method: to_wire_or_unspecified(found.method),
        confidence_percent: found.confidence_percent.map_or(0, |percent| i32::try_from(percent).unwrap_or(0)),
        occurred_at: found.occurred_at.map(timestamp),
        reason: found.reason.clone().unwrap_or_default(),
        duplicate_of: or_empty(found.duplicate_of.as_ref()),
        ask_again_until: or_empty(found.ask_again_until.as_ref()),
    }
}

pub(super) fn answer(answer: &Answer) -> v1::Answer {
    v1::Answer {
        kind: to_wire(answer.kind),
        ground: to_wire_or_unspecified(answer.ground),
        legal_basis: answer.legal_basis.clone(),
        reason: answer.reason.clone().unwrap_or_default(),
        occurred_at: answer.occurred_at.map(timestamp),
    }
}

pub(super) fn subject(subject: &Subject) -> v1::Subject {
    let identifiers = &subject.identifiers;
    v1::Subject {
        name: Some(person_name(&subject.name)),
        aliases: subject.aliases.iter().map(person_name).collect(),
        birth_date: or_empty(subject.birth_date.as_ref()),
        sex: to_wire_or_unspecified(subject.sex),
        identifiers: Some(v1::Identifiers {
            alien_number: or_empty(identifiers.alien_number.as_ref()),
            fbi_number: or_empty(identifiers.fbi_number.as_ref()),
            state_id: or_empty(identifiers.state_id.as_ref()),
            booking_number: or_empty(identifiers.booking_number.as_ref()),
            din: or_empty(identifiers.din.as_ref()),
        }),
        citizenship: or_empty(subject.citizenship.as_ref()),
        home_address: subject.home_address.clone().unwrap_or_default(),
        work_address: subject.work_address.clone().unwrap_or_default(),
    }
}

pub(super) fn or_empty(id: Option<&impl ToString>) -> String {
    id.map(ToString::to_string).unwrap_or_default()
}

pub(super) fn person_name(name: &PersonName) -> v1::PersonName {
    v1::PersonName { given: name.given.clone(), family: name.family.clone() }
}

pub(super) fn charge(charge: &Charge) -> v1::Charge {
    v1::Charge {
        statute: charge.statute.clone().unwrap_or_default(),
        ncic_code: or_empty(charge.ncic.as_ref()),
        nibrs_code: or_empty(charge.nibrs.as_ref()),
        severity: to_wire_or_unspecified(charge.severity),
        status: to_wire(charge.status),
        charged_on: or_empty(charge.charged_on.as_ref()),
        convicted_on: or_empty(charge.convicted_on.as_ref()),
        sentence_days: charge.sentence_days.map_or(0, |days| i32::try_from(days).unwrap_or(0)),
    }
}

pub(super) fn flags(flags: Flags) -> v1::Flags {
    v1::Flags {
        citizenship_claim: flags.citizenship_claim,
        proof_of_status: flags.proof_of_status,
        juvenile: flags.juvenile,
        victim_witness: flags.victim_witness,
        protected_program: flags.protected_program,
        citizen: flags.citizen,
        lawful_status: flags.lawful_status,
        terrorist_list_match: flags.terrorist_list_match,
    }
}

pub(super) fn scheduled_release(release: &ScheduledRelease) -> v1::ScheduledRelease {
    v1::ScheduledRelease {
        expected_at: Some(timestamp(release.expected_at)),
        basis: to_wire(release.basis),
        as_of: release.as_of.map(timestamp),
        date_public: release.date_public,
        place: release.place.clone().unwrap_or_default(),
    }
}

pub(super) fn release_eligibility(eligibility: &ReleaseEligibility) -> v1::ReleaseEligibility {
    v1::ReleaseEligibility {
        kind: to_wire(eligibility.kind),
        eligible_on: eligibility.eligible_on.to_string(),
        as_of: eligibility.as_of.map(timestamp),
    }
}

pub(super) fn actual_release(release: &ActualRelease) -> v1::ActualRelease {
    v1::ActualRelease {
        released_at: Some(timestamp(release.released_at)),
        reason: to_wire(release.reason),
        recipient: to_wire(release.recipient),
        ordered_by: release.ordered_by.clone(),
        date_public: release.date_public,
        place: release.place.clone().unwrap_or_default(),
    }
}

/// A release as far as it was disclosed.
pub(super) fn release_told(told: &ReleaseTold) -> v1::ActualRelease {
    v1::ActualRelease {
        released_at: told.released_at.map(timestamp),
        reason: to_wire_or_unspecified(told.reason),
        recipient: to_wire_or_unspecified(told.recipient),
        ordered_by: told.ordered_by.clone().unwrap_or_default(),
        date_public: told.date_public,
        place: told.place.clone().unwrap_or_default(),
    }
}

/// Another end of a custody, as far as it was disclosed.
pub(super) fn closing_told(told: &ClosingTold) -> v1::Closing {
    v1::Closing { reason: to_wire_or_unspecified(told.reason), occurred_at: told.occurred_at.map(timestamp) }
}

pub(super) fn other_ground(cited: &OtherGround) -> v1::OtherGround {
    v1::OtherGround { citation: cited.citation.clone(), document_sha256: cited.document_sha256.to_vec() }
}

pub(super) fn expungement_order(order: &ExpungementOrder) -> v1::ExpungementOrder {
    v1::ExpungementOrder {
        kind: to_wire(order.kind),
        authority: order.authority.clone(),
        document_sha256: order.document_sha256.to_vec(),
    }
}

pub(super) fn service_of_copy(service: &ServiceOfCopy) -> v1::ServiceOfCopy {
    v1::ServiceOfCopy {
        served_at: Some(timestamp(service.served_at)),
        method: to_wire(service.method),
        language: service.language.to_string(),
        copy_sha256: service.copy_sha256.to_vec(),
        counsel_told: service.counsel_told,
    }
}

pub(super) fn correction(correction: &Correction) -> v1::Correction {
    v1::Correction { reason: correction.reason.clone() }
}

pub(super) fn movement(movement: &Movement) -> v1::Movement {
    let (facility, custodian) = match &movement.to {
        Destination::Facility(facility) => (Some(facility), None),
        Destination::Hospital | Destination::Court => (None, None),
        Destination::Agency(custodian, facility) => (Some(facility), Some(custodian)),
    };
    v1::Movement {
        kind: to_wire(movement.to.kind()),
        facility: or_empty(facility),
        custodian: custodian.map(agency_name).unwrap_or_default(),
        occurred_at: movement.occurred_at.map(timestamp),
    }
}

/// An offer to hand a person on.
pub fn move_offer(offer: &MoveOffer) -> v1::MoveOffer {
    let MoveOffer { proposal, standing, .. } = offer;
    let number = |len: usize| i32::try_from(len).unwrap_or(i32::MAX);
    v1::MoveOffer {
        state: to_wire(offer.state),
        custodian: agency_name(&proposal.to),
        facility: or_empty(proposal.facility.as_ref()),
        planned_at: Some(timestamp(proposal.planned_at)),
        decline_reason: to_wire_or_unspecified(offer.decline_reason),
        detainers_len: number(standing.detainers),
        holds_len: number(standing.holds),
        notices_len: number(standing.notices),
        pick_ups_len: number(standing.pick_ups),
        offer_time: Some(timestamp(offer.offered_at)),
    }
}

pub(super) fn closing(closing: &Closing) -> v1::Closing {
    v1::Closing { reason: to_wire(closing.reason), occurred_at: Some(timestamp(closing.occurred_at)) }
}
