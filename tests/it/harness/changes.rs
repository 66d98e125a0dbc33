//! Requests that change what was said before, and those of a pick-up. Everything personal in them is a canary.

use comity::wire::v1;

use crate::harness::requests::{HAPPENED_AT, REASON, at, charge, flags, request_id, subject};

/// When the window of a pick-up opens: `2026-03-01T13:00:00Z`. It is open for two hours.
const OPENS_AT: i64 = 1_772_370_000;
const CLOSES_AT: i64 = OPENS_AT + 7_200;

/// Marks a write as a correction.
pub(crate) fn correction() -> v1::Correction {
    v1::Correction { reason: REASON.to_owned() }
}

/// Asks what a lodging asks, in place of what a detainer asked before.
pub(crate) fn amendment_of(detainer: &str, lodging: v1::LodgeDetainerRequest) -> v1::AmendDetainerRequest {
    v1::AmendDetainerRequest {
        name: detainer.to_owned(),
        detainer: lodging.detainer,
        request_id: request_id(),
        etag: String::new(),
    }
}

/// An officer compared a federal judge's warrant with the court's docket.
pub(crate) fn verification_of(detainer: &str) -> v1::VerifyWarrantRequest {
    let seen = v1::Warrant {
        kind: v1::WarrantKind::Judicial.into(),
        issuing_authority: v1::IssuingAuthority::FederalJudge.into(),
        signed_at: Some(at(1_768_000_000)),
        court: "W.D.N.Y.".to_owned(),
        signer: "a magistrate judge".to_owned(),
        docket: "26-mj-0001".to_owned(),
        ..Default::default()
    };
    let verification = v1::WarrantVerification {
        outcome: v1::VerificationOutcome::Verified.into(),
        method: v1::VerificationMethod::DocketChecked.into(),
        compared: vec![v1::WarrantDetail::Subject.into(), v1::WarrantDetail::Docket.into()],
        seen: Some(seen),
        ..Default::default()
    };
    v1::VerifyWarrantRequest {
        name: detainer.to_owned(),
        verification: Some(verification),
        request_id: request_id(),
        etag: String::new(),
    }
}

/// A copy was handed over.
pub(crate) fn service_on(detainer: &str) -> v1::RecordServiceOfCopyRequest {
    let service = v1::ServiceOfCopy {
        served_at: Some(at(HAPPENED_AT)),
        method: v1::ServiceMethod::InPerson.into(),
        language: "es".to_owned(),
        copy_sha256: vec![7; 32],
        counsel_told: true,
    };
    v1::RecordServiceOfCopyRequest {
        name: detainer.to_owned(),
        service_of_copy: Some(service),
        request_id: request_id(),
        ..Default::default()
    }
}

/// Officers would call the person.
pub(crate) fn interview_under(detainer: &str) -> v1::RequestInterviewRequest {
    let interview =
        v1::Interview { mode: v1::InterviewMode::Telephone.into(), language: "es".to_owned(), ..Default::default() };
    v1::RequestInterviewRequest {
        name: detainer.to_owned(),
        interview: Some(interview),
        request_id: request_id(),
        etag: String::new(),
    }
}

/// The person was advised and says this; or the custodian declines.
pub(crate) fn interview_answer(detainer: &str, outcome: v1::InterviewOutcome) -> v1::AnswerInterviewRequest {
    let advisal = v1::InterviewAdvisal {
        advised_at: Some(at(HAPPENED_AT)),
        method: v1::AdvisalMethod::Written.into(),
        language: "es".to_owned(),
        form_sha256: vec![9; 32],
    };
    let answer = v1::InterviewAnswer {
        outcome: outcome.into(),
        advisal: Some(advisal).filter(|_| outcome != v1::InterviewOutcome::Declined),
        counsel_told: outcome == v1::InterviewOutcome::ConsentedWithCounsel,
        reason: REASON.to_owned(),
        ..Default::default()
    };
    v1::AnswerInterviewRequest {
        name: detainer.to_owned(),
        answer: Some(answer),
        request_id: request_id(),
        etag: String::new(),
    }
}

/// Nobody would speak with the person any more.
pub(crate) fn no_interview_under(detainer: &str) -> v1::WithdrawInterviewRequest {
    v1::WithdrawInterviewRequest { name: detainer.to_owned(), request_id: request_id(), etag: String::new() }
}

/// The person says to be a citizen.
pub(crate) fn claim_on(detainer: &str) -> v1::RaiseCitizenshipClaimRequest {
    v1::RaiseCitizenshipClaimRequest {
        name: detainer.to_owned(),
        occurred_at: Some(at(HAPPENED_AT)),
        grounds: REASON.to_owned(),
        request_id: request_id(),
        etag: String::new(),
    }
}

pub(crate) fn resolution_of(detainer: &str, outcome: v1::ClaimOutcome) -> v1::ResolveCitizenshipClaimRequest {
    v1::ResolveCitizenshipClaimRequest {
        name: detainer.to_owned(),
        outcome: outcome.into(),
        reason: REASON.to_owned(),
        request_id: request_id(),
        etag: String::new(),
    }
}

/// The person is held on one charge, and it has been dismissed.
pub(crate) fn dismissal_in(custody: &str) -> v1::UpdateChargesRequest {
    let dismissed = v1::Charge { status: v1::ChargeStatus::Dismissed.into(), ..charge() };
    v1::UpdateChargesRequest {
        name: custody.to_owned(),
        charges: vec![dismissed],
        request_id: request_id(),
        etag: String::new(),
        other_ground: None,
    }
}

/// The person is as before but for the birth date.
pub(crate) fn birth_date_in(custody: &str) -> v1::CorrectIdentityRequest {
    let person = v1::Subject { birth_date: "1986-05-04".to_owned(), ..subject() };
    v1::CorrectIdentityRequest {
        name: custody.to_owned(),
        subject: Some(person),
        flags: Some(flags()),
        correction: Some(correction()),
        request_id: request_id(),
        etag: String::new(),
    }
}

/// The person is as before, and has shown to be lawfully here.
pub(crate) fn lawful_status_in(custody: &str) -> v1::CorrectIdentityRequest {
    v1::CorrectIdentityRequest {
        subject: Some(subject()),
        flags: Some(v1::Flags { lawful_status: true, ..flags() }),
        ..birth_date_in(custody)
    }
}

pub(crate) fn movement_to_hospital(custody: &str) -> v1::MoveCustodyRequest {
    moved(custody, v1::Movement { kind: v1::MovementKind::Hospital.into(), ..Default::default() })
}

/// An offer to another custodian.
pub(crate) fn movement_to(custody: &str, agency: &str) -> v1::MoveCustodyRequest {
    let movement = v1::Movement {
        kind: v1::MovementKind::Agency.into(),
        facility: "NY014".to_owned(),
        custodian: format!("agencies/{agency}"),
        occurred_at: None,
    };
    v1::MoveCustodyRequest { planned_at: Some(at(OPENS_AT)), ..moved(custody, movement) }
}

/// The person is taken over.
pub(crate) fn taking_over(custody: &str) -> v1::AcceptMoveRequest {
    v1::AcceptMoveRequest {
        name: custody.to_owned(),
        occurred_at: Some(at(HAPPENED_AT)),
        facility: "NY015".to_owned(),
        booking_number: String::new(),
        request_id: request_id(),
        etag: String::new(),
    }
}

pub(crate) fn turning_down(custody: &str) -> v1::DeclineMoveRequest {
    v1::DeclineMoveRequest {
        name: custody.to_owned(),
        reason: v1::MoveDeclineReason::NoCapacity.into(),
        request_id: request_id(),
        etag: String::new(),
    }
}

pub(crate) fn calling_back(custody: &str) -> v1::WithdrawMoveRequest {
    v1::WithdrawMoveRequest { name: custody.to_owned(), request_id: request_id(), etag: String::new() }
}

fn moved(custody: &str, movement: v1::Movement) -> v1::MoveCustodyRequest {
    v1::MoveCustodyRequest {
        name: custody.to_owned(),
        movement: Some(movement),
        request_id: request_id(),
        etag: String::new(),
        planned_at: None,
    }
}

/// A day later than was scheduled.
pub(crate) fn rescheduling_of(custody: &str) -> v1::RescheduleReleaseRequest {
    let release = v1::ScheduledRelease {
        expected_at: Some(at(OPENS_AT + 86_400)),
        basis: v1::ReleaseDateBasis::ParoleEligibility.into(),
        as_of: None,
        date_public: false,
        ..Default::default()
    };
    v1::RescheduleReleaseRequest {
        name: custody.to_owned(),
        release: Some(release),
        request_id: request_id(),
        etag: String::new(),
    }
}

pub(crate) fn eligibility_in(custody: &str) -> v1::RecordReleaseEligibilityRequest {
    let eligibility = v1::ReleaseEligibility {
        kind: v1::ReleaseEligibilityKind::Parole.into(),
        eligible_on: "2031-05-02".to_owned(),
        as_of: None,
    };
    v1::RecordReleaseEligibilityRequest {
        name: custody.to_owned(),
        eligibility: Some(eligibility),
        request_id: request_id(),
        etag: String::new(),
    }
}

pub(crate) fn cancellation_in(custody: &str) -> v1::CancelReleaseRequest {
    v1::CancelReleaseRequest {
        name: custody.to_owned(),
        reason: REASON.to_owned(),
        request_id: request_id(),
        etag: String::new(),
        other_ground: None,
    }
}

/// A person is held on another ground, as a document says.
pub(crate) fn other_ground() -> v1::OtherGround {
    v1::OtherGround { citation: "CPL 510.10".to_owned(), document_sha256: vec![7; 32] }
}

pub(crate) fn escape_from(custody: &str) -> v1::CloseCustodyRequest {
    let closing = v1::Closing { reason: v1::ClosingReason::Escape.into(), occurred_at: Some(at(HAPPENED_AT)) };
    v1::CloseCustodyRequest {
        name: custody.to_owned(),
        closing: Some(closing),
        request_id: request_id(),
        etag: String::new(),
        other_ground: None,
    }
}

pub(crate) fn reopening_of(custody: &str) -> v1::ReopenCustodyRequest {
    v1::ReopenCustodyRequest {
        name: custody.to_owned(),
        correction: Some(correction()),
        request_id: request_id(),
        etag: String::new(),
    }
}

/// By the order of a court.
pub(crate) fn expungement_of(custody: &str) -> v1::ExpungeCustodyRequest {
    let order = v1::ExpungementOrder {
        kind: v1::ExpungementKind::Sealing.into(),
        authority: "N.Y. CPL 160.50".to_owned(),
        document_sha256: vec![9; 32],
    };
    v1::ExpungeCustodyRequest {
        name: custody.to_owned(),
        order: Some(order),
        covers_undisclosed: false,
        request_id: request_id(),
        etag: String::new(),
    }
}

/// A window for a pick-up.
pub(crate) fn window_under(detainer: &str) -> v1::OfferWindowRequest {
    let window = v1::TransferWindow {
        opens_at: Some(at(OPENS_AT)),
        closes_at: Some(at(CLOSES_AT)),
        facility: "NY029".to_owned(),
    };
    v1::OfferWindowRequest {
        parent: detainer.to_owned(),
        window: Some(window),
        reason: REASON.to_owned(),
        request_id: request_id(),
    }
}

pub(crate) fn acceptance_of(transfer: &str) -> v1::AcceptWindowRequest {
    v1::AcceptWindowRequest { name: transfer.to_owned(), request_id: request_id(), etag: String::new() }
}

pub(crate) fn declining_of(transfer: &str) -> v1::DeclineWindowRequest {
    v1::DeclineWindowRequest {
        name: transfer.to_owned(),
        reason: v1::WindowDeclineReason::Resources.into(),
        request_id: request_id(),
        etag: String::new(),
    }
}

/// The window opens and closes so many hours later.
pub(crate) fn revision_of(transfer: &str, hours_later: i64) -> v1::ReviseWindowRequest {
    let window = v1::TransferWindow {
        opens_at: Some(at(OPENS_AT + hours_later * 3_600)),
        closes_at: Some(at(CLOSES_AT + hours_later * 3_600)),
        facility: "NY029".to_owned(),
    };
    v1::ReviseWindowRequest {
        name: transfer.to_owned(),
        window: Some(window),
        reason: REASON.to_owned(),
        request_id: request_id(),
        etag: String::new(),
    }
}

pub(crate) fn take_off_of(transfer: &str) -> v1::WithdrawWindowRequest {
    v1::WithdrawWindowRequest {
        name: transfer.to_owned(),
        reason: v1::WindowDeclineReason::Resources.into(),
        request_id: request_id(),
        etag: String::new(),
    }
}

/// The person changed hands, before the window opens.
pub(crate) fn handover_in(transfer: &str) -> v1::ConfirmTransferRequest {
    v1::ConfirmTransferRequest {
        name: transfer.to_owned(),
        occurred_at: Some(at(HAPPENED_AT)),
        request_id: request_id(),
        ..Default::default()
    }
}

pub(crate) fn failure_of(transfer: &str, cause: v1::TransferFailureCause) -> v1::ReportFailureRequest {
    v1::ReportFailureRequest {
        name: transfer.to_owned(),
        cause: cause.into(),
        request_id: request_id(),
        etag: String::new(),
    }
}
