//! Resources, as far as a reader may see them.

use jiff::SignedDuration;

use crate::domain::custody::Custody;
use crate::domain::detainer::{Addressee, Detainer, Finding, ReleaseNotice, Viewpoint};
use crate::domain::determination::{FieldClass, Withheld};
use crate::domain::ids::{CaseName, LogKind, LogName};
use crate::domain::transfer::{Transfer, TransferName, TransferWindow};
use crate::wire::enums::{to_wire, to_wire_or_unspecified};
use crate::wire::show::interview::interview;
use crate::wire::show::parts::{
    acknowledgement, actual_release, answer, charge, closing, closing_told, flags, move_offer, movement,
    release_eligibility, release_told, scheduled_release, service_of_copy, subject, verification, warrant,
};
use crate::wire::show::{agency_name, timestamp};
use crate::wire::v1;

/// A detainer as seen from a viewpoint, to be answered within a time.
pub fn detainer(detainer: &Detainer, viewpoint: Viewpoint, answer_within: SignedDuration) -> v1::Detainer {
    // It moves when the person is found, which is the custodian's to tell.
    let answer_due_time = match viewpoint {
        Viewpoint::Issuer => None,
        Viewpoint::Custodian => detainer.answer_due_at(answer_within).map(timestamp),
    };
    v1::Detainer { answer_due_time, ..as_recorded(detainer, viewpoint) }
}

/// A detainer as seen from a viewpoint, without what the gateway computes for its reader.
pub(super) fn as_recorded(detainer: &Detainer, viewpoint: Viewpoint) -> v1::Detainer {
    let shown = &detainer.issuer_view;
    let (state, acknowledged, given, service, updated_at) = match viewpoint {
        Viewpoint::Issuer => (shown.state, shown.finding.is_some(), &shown.answer, &shown.service, shown.updated_at),
        Viewpoint::Custodian => (detainer.state, true, &detainer.answer, &detainer.service, detainer.updated_at),
    };
    let requested = as_requested(detainer);
    let list: &[Withheld] = match viewpoint {
        Viewpoint::Issuer => &shown.withheld,
        Viewpoint::Custodian => &[],
    };
    // The custodian that took the detainer on reveals where the person is.
    let took_on = match viewpoint {
        Viewpoint::Issuer => &shown.custodian,
        Viewpoint::Custodian => &detainer.custodian,
    };
    let custodian = match &detainer.request.addressee {
        Addressee::Agency(_) => requested.custodian,
        Addressee::Jurisdiction => took_on.as_ref().map(agency_name).unwrap_or_default(),
    };
    let mut found = detainer.acknowledgement.as_ref().filter(|_| acknowledged).map(acknowledgement);
    match (viewpoint, &mut found) {
        // Only the custodian sees why an officer vouched for a match, and until when it is asked again. If what was found
        // since was not disclosed, or may be found again, nothing but the finding is shown that was.
        (Viewpoint::Issuer, Some(found)) => {
            found.reason.clear();
            found.ask_again_until.clear();
            let told = shown.finding.map_or(0, to_wire);
            if found.finding != told || shown.finding == Some(Finding::NotInCustody) {
                *found = v1::Acknowledgement { finding: told, ..v1::Acknowledgement::default() };
            }
        }
        (Viewpoint::Issuer, None) | (Viewpoint::Custodian, _) => {}
    }
    v1::Detainer {
        custodian,
        state: to_wire(state),
        acknowledgement: found,
        answer: given.as_ref().map(answer),
        warrant_verification: match viewpoint {
            Viewpoint::Issuer => None,
            Viewpoint::Custodian => detainer.verified.as_ref().map(|seen| verification(&seen.verification)),
        },
        lift_reason: to_wire_or_unspecified(detainer.lift_reason),
        create_time: Some(timestamp(detainer.lodged_at)),
        update_time: Some(timestamp(updated_at)),
        etag: detainer_etag(detainer, viewpoint),
        service_of_copy: service.as_ref().map(service_of_copy),
        scheduled_release: shown.release.expected.as_ref().map(scheduled_release),
        actual_release: shown.release.released.as_ref().map(release_told),
        closing: shown.release.closed.as_ref().map(closing_told),
        last_notice: shown.release.notice.as_ref().map(|notice| release_notice(&detainer.name, notice)),
        interview: detainer.interview.as_ref().map(|asked| interview(asked, viewpoint)),
        transfers: detainer.transfers.iter().map(|one| transfer(&detainer.name, one, list)).collect(),
        withheld: list.iter().filter(|one| BORNE_BY_DETAINER.contains(&one.class)).map(withheld).collect(),
        ..requested
    }
}

/// Field classes of a custodian's part of a detainer. They are listed as withheld whether there is a value or not.
const BORNE_BY_DETAINER: [FieldClass; 7] = [
    FieldClass::Custody,
    FieldClass::Answer,
    FieldClass::ReleaseDate,
    FieldClass::ReleaseDetail,
    FieldClass::Restricted,
    FieldClass::ReleasePlace,
    FieldClass::Medical,
];

/// The same for a transfer.
const BORNE_BY_TRANSFER: [FieldClass; 2] = [FieldClass::Custody, FieldClass::Medical];

/// A notice of the end of the custody.
fn release_notice(detainer: &CaseName, notice: &ReleaseNotice) -> v1::ReleaseNotice {
    let log = LogName { jurisdiction: detainer.jurisdiction.clone(), kind: LogKind::Exchange };
    v1::ReleaseNotice {
        entry: log.entry(notice.index),
        notice_time: Some(timestamp(notice.recorded_at)),
        kind: to_wire(notice.kind),
    }
}

/// A withheld class.
pub fn withheld(withheld: &Withheld) -> v1::Withheld {
    v1::Withheld { field_class: to_wire(withheld.class), citations: withheld.citations.clone() }
}

/// What the issuer asked, and nothing that came of it.
pub(super) fn as_requested(detainer: &Detainer) -> v1::Detainer {
    let request = &detainer.request;
    let addressee = match &request.addressee {
        Addressee::Agency(agency) => agency_name(agency),
        Addressee::Jurisdiction => String::new(),
    };
    v1::Detainer {
        name: detainer.name.to_string(),
        issuer: agency_name(&detainer.issuer),
        custodian: addressee,
        form: to_wire(request.form),
        basis: request.basis.iter().copied().map(to_wire).collect(),
        warrant: Some(warrant(&request.warrant)),
        subject: Some(subject(&request.subject)),
        terrorist_list_match: request.terrorist_list_match,
        charges: request.charges.iter().map(charge).collect(),
        flags: Some(flags(request.flags)),
        contact_phone: request.contact_phone.clone().unwrap_or_default(),
        occurred_at: request.occurred_at.map(timestamp),
        version: i32::try_from(detainer.request_version).unwrap_or(i32::MAX),
        ..v1::Detainer::default()
    }
}

/// Changes only with what the viewpoint shows, so that an issuer cannot detect a hidden change.
pub fn detainer_etag(detainer: &Detainer, viewpoint: Viewpoint) -> String {
    match viewpoint {
        Viewpoint::Issuer => format!("i{}", detainer.issuer_view.version),
        Viewpoint::Custodian => format!("c{}", detainer.version),
    }
}

/// A custody.
pub fn custody(custody: &Custody) -> v1::Custody {
    let intake = &custody.intake;
    v1::Custody {
        name: custody.name.to_string(),
        custodian: agency_name(&custody.custodian),
        facility: intake.facility.to_string(),
        subject: Some(subject(&intake.subject)),
        charges: intake.charges.iter().map(charge).collect(),
        flags: Some(flags(intake.flags)),
        occurred_at: intake.occurred_at.map(timestamp),
        state: to_wire(custody.state),
        detainers: custody.detainers.iter().map(ToString::to_string).collect(),
        scheduled_release: custody.scheduled.as_ref().map(scheduled_release),
        actual_release: custody.released.as_ref().map(actual_release),
        create_time: Some(timestamp(custody.opened_at)),
        update_time: Some(timestamp(custody.updated_at)),
        etag: custody_etag(custody),
        movement: custody.movement.as_ref().map(movement),
        closing: custody.closing.as_ref().map(closing),
        medical_note: intake.medical_note.clone().unwrap_or_default(),
        victim_contact: intake.victim_contact.clone().unwrap_or_default(),
        release_eligibilities: custody.eligibilities.iter().map(release_eligibility).collect(),
        move_offer: custody.offer.as_ref().map(move_offer),
    }
}

/// Changes with every change of the custody.
pub fn custody_etag(custody: &Custody) -> String {
    format!("c{}", custody.version)
}

/// A transfer under a detainer. Both parties see all of it, except what the law withholds.
pub fn transfer(detainer: &CaseName, transfer: &Transfer, list: &[Withheld]) -> v1::Transfer {
    v1::Transfer {
        name: TransferName { detainer: detainer.clone(), id: transfer.id }.to_string(),
        state: to_wire(transfer.state),
        window: Some(window(&transfer.window)),
        decline_reason: to_wire_or_unspecified(transfer.decline_reason),
        failure_cause: to_wire_or_unspecified(transfer.failure_cause),
        handed_over_at: transfer.handed_over_at.map(timestamp),
        taken_over_at: transfer.taken_over_at.map(timestamp),
        create_time: Some(timestamp(transfer.offered_at)),
        update_time: Some(timestamp(transfer.updated_at)),
        etag: transfer_etag(transfer),
        medical_note: transfer.medical_note.clone().unwrap_or_default(),
        withheld: of_transfer(list),
        window_change: to_wire_or_unspecified(transfer.window_change),
    }
}

/// A transfer of which its requester may see nothing any more.
pub fn transfer_withheld(name: &TransferName, list: &[Withheld]) -> v1::Transfer {
    v1::Transfer { name: name.to_string(), withheld: of_transfer(list), ..v1::Transfer::default() }
}

fn of_transfer(list: &[Withheld]) -> Vec<v1::Withheld> {
    list.iter().filter(|one| BORNE_BY_TRANSFER.contains(&one.class)).map(withheld).collect()
}

/// Changes with every change of the transfer.
pub fn transfer_etag(transfer: &Transfer) -> String {
    format!("t{}", transfer.version)
}

fn window(window: &TransferWindow) -> v1::TransferWindow {
    v1::TransferWindow {
        opens_at: Some(timestamp(window.opens_at)),
        closes_at: Some(timestamp(window.closes_at)),
        facility: window.facility.to_string(),
    }
}
