//! The requests of the four stories.

use comity::wire::{Timestamp, v1};
use uuid::Uuid;

pub(super) const HOUR_S: i64 = 3_600;

pub(super) fn request_id() -> String {
    Uuid::new_v4().to_string()
}

/// The system's time: the exchange is a process of its own.
fn in_time(seconds: i64) -> Timestamp {
    Timestamp { seconds: jiff::Timestamp::now().as_second() + seconds, nanos: 0 }
}

pub(super) fn person(given: &str, birth_date: &str) -> v1::Subject {
    let name = v1::PersonName { given: given.to_owned(), family: "Synthetic".to_owned() };
    v1::Subject { name: Some(name), birth_date: birth_date.to_owned(), ..Default::default() }
}

pub(super) fn ada() -> v1::Subject {
    person("Ada", "1980-02-03")
}

/// Asks for hold and notice, on an administrative warrant.
pub(super) fn asks(custodian: &str, subject: v1::Subject) -> v1::Detainer {
    let warrant = v1::Warrant {
        kind: v1::WarrantKind::I205.into(),
        issuing_authority: v1::IssuingAuthority::ImmigrationOfficer.into(),
        signed_at: None,
        document_sha256: vec![5; 32],
        document_media_type: "application/pdf".to_owned(),
        ..Default::default()
    };
    v1::Detainer {
        custodian: format!("agencies/{custodian}"),
        form: v1::DetainerForm::I247a.into(),
        basis: vec![v1::DetainerBasis::FinalOrder.into()],
        warrant: Some(warrant),
        subject: Some(subject),
        contact_phone: "+1 555 0100".to_owned(),
        ..Default::default()
    }
}

pub(super) fn lodge(parent: &str, custodian: &str) -> v1::LodgeDetainerRequest {
    let detainer = Some(asks(custodian, ada()));
    v1::LodgeDetainerRequest { parent: parent.to_owned(), detainer, request_id: request_id() }
}

pub(super) fn amend(name: &str, detainer: v1::Detainer, etag: &str) -> v1::AmendDetainerRequest {
    let etag = etag.to_owned();
    v1::AmendDetainerRequest { name: name.to_owned(), detainer: Some(detainer), request_id: request_id(), etag }
}

pub(super) fn intake(parent: &str, subject: v1::Subject) -> v1::OpenCustodyRequest {
    let pending =
        v1::Charge { ncic_code: "1399".to_owned(), status: v1::ChargeStatus::Pending.into(), ..Default::default() };
    let custody = v1::Custody {
        facility: "MAIN".to_owned(),
        subject: Some(subject),
        charges: vec![pending],
        ..Default::default()
    };
    v1::OpenCustodyRequest { parent: parent.to_owned(), custody: Some(custody), request_id: request_id() }
}

pub(super) fn correction(reason: &str) -> v1::Correction {
    v1::Correction { reason: reason.to_owned() }
}

pub(super) fn matched(name: &str, custody: &str, correction: Option<v1::Correction>) -> v1::AcknowledgeDetainerRequest {
    let mut request = found(name, v1::Finding::MatchedCustody, correction);
    let acknowledgement = request.acknowledgement.as_mut().unwrap();
    acknowledgement.custody = custody.to_owned();
    acknowledgement.match_method = v1::MatchMethod::Biometric.into();
    request
}

pub(super) fn found(
    name: &str,
    finding: v1::Finding,
    correction: Option<v1::Correction>,
) -> v1::AcknowledgeDetainerRequest {
    v1::AcknowledgeDetainerRequest {
        name: name.to_owned(),
        acknowledgement: Some(v1::Acknowledgement { finding: finding.into(), ..Default::default() }),
        request_id: request_id(),
        etag: String::new(),
        correction,
        entered_from_paper: false,
    }
}

pub(super) fn answer(name: &str, kind: v1::AnswerKind, reason: &str, etag: &str) -> v1::AnswerDetainerRequest {
    let declined = kind == v1::AnswerKind::Decline;
    let ground = if declined { v1::DeclineGround::ProhibitedByLaw } else { v1::DeclineGround::Unspecified };
    let answer = v1::Answer {
        kind: kind.into(),
        ground: ground.into(),
        legal_basis: "8 CFR 287.7(a)".to_owned(),
        reason: reason.to_owned(),
        occurred_at: None,
    };
    v1::AnswerDetainerRequest {
        name: name.to_owned(),
        answer: Some(answer),
        request_id: request_id(),
        etag: etag.to_owned(),
        correction: None,
        entered_from_paper: false,
    }
}

pub(super) fn claim(name: &str, grounds: &str) -> v1::RaiseCitizenshipClaimRequest {
    v1::RaiseCitizenshipClaimRequest {
        name: name.to_owned(),
        occurred_at: Some(in_time(0)),
        grounds: grounds.to_owned(),
        request_id: request_id(),
        etag: String::new(),
    }
}

pub(super) fn resolve(name: &str, outcome: v1::ClaimOutcome) -> v1::ResolveCitizenshipClaimRequest {
    v1::ResolveCitizenshipClaimRequest {
        name: name.to_owned(),
        outcome: outcome.into(),
        reason: "records of three offices were read".to_owned(),
        request_id: request_id(),
        etag: String::new(),
    }
}

pub(super) fn schedule(name: &str) -> v1::ScheduleReleaseRequest {
    let release = v1::ScheduledRelease {
        expected_at: Some(in_time(240 * HOUR_S)),
        basis: v1::ReleaseDateBasis::Projected.into(),
        as_of: None,
        date_public: false,
        ..Default::default()
    };
    v1::ScheduleReleaseRequest {
        name: name.to_owned(),
        release: Some(release),
        request_id: request_id(),
        etag: String::new(),
    }
}

pub(super) fn released(name: &str, recipient: v1::ReleaseRecipient) -> v1::RecordReleaseRequest {
    let release = v1::ActualRelease {
        released_at: Some(in_time(0)),
        reason: v1::ReleaseReason::CourtOrder.into(),
        recipient: recipient.into(),
        ordered_by: "County court".to_owned(),
        date_public: false,
        ..Default::default()
    };
    v1::RecordReleaseRequest {
        name: name.to_owned(),
        release: Some(release),
        request_id: request_id(),
        ..Default::default()
    }
}

pub(super) fn movement(name: &str, kind: v1::MovementKind, facility: &str, custodian: &str) -> v1::MoveCustodyRequest {
    let movement = v1::Movement {
        kind: kind.into(),
        facility: facility.to_owned(),
        custodian: custodian.to_owned(),
        occurred_at: None,
    };
    let offered = !custodian.is_empty();
    v1::MoveCustodyRequest {
        name: name.to_owned(),
        movement: Some(movement),
        request_id: request_id(),
        etag: String::new(),
        planned_at: offered.then(|| in_time(0)),
    }
}

pub(super) fn accept_move(name: &str, facility: &str) -> v1::AcceptMoveRequest {
    v1::AcceptMoveRequest {
        name: name.to_owned(),
        occurred_at: Some(in_time(0)),
        facility: facility.to_owned(),
        booking_number: "E-2026-7".to_owned(),
        request_id: request_id(),
        etag: String::new(),
    }
}

pub(super) fn decline_move(name: &str) -> v1::DeclineMoveRequest {
    v1::DeclineMoveRequest {
        name: name.to_owned(),
        reason: v1::MoveDeclineReason::NoCapacity.into(),
        request_id: request_id(),
        etag: String::new(),
    }
}

pub(super) fn identity(name: &str, subject: v1::Subject, reason: &str) -> v1::CorrectIdentityRequest {
    v1::CorrectIdentityRequest {
        name: name.to_owned(),
        subject: Some(subject),
        flags: Some(v1::Flags::default()),
        correction: Some(correction(reason)),
        request_id: request_id(),
        etag: String::new(),
    }
}

pub(super) fn window(parent: &str, length_s: i64) -> v1::OfferWindowRequest {
    let window = v1::TransferWindow {
        opens_at: Some(in_time(0)),
        closes_at: Some(in_time(length_s)),
        facility: "MAIN".to_owned(),
    };
    v1::OfferWindowRequest {
        parent: parent.to_owned(),
        window: Some(window),
        reason: String::new(),
        request_id: request_id(),
    }
}

pub(super) fn acceptance(transfer: &v1::Transfer) -> v1::AcceptWindowRequest {
    let (name, etag) = (transfer.name.clone(), transfer.etag.clone());
    v1::AcceptWindowRequest { name, request_id: request_id(), etag }
}

pub(super) fn no_show(transfer: &v1::Transfer) -> v1::ReportFailureRequest {
    v1::ReportFailureRequest {
        name: transfer.name.clone(),
        cause: v1::TransferFailureCause::NoShow.into(),
        request_id: request_id(),
        etag: String::new(),
    }
}

pub(super) fn handed_over(transfer: &v1::Transfer) -> v1::ConfirmTransferRequest {
    v1::ConfirmTransferRequest {
        name: transfer.name.clone(),
        occurred_at: Some(in_time(0)),
        request_id: request_id(),
        ..Default::default()
    }
}
