//! Turns errors into statuses; no other file does. A denied caller learns nothing more. Refused, busy and unknown stay
//! distinct.

use std::time::Duration;

use tonic::{Code, Status};
use tower::BoxError;

use crate::domain::booking::Booked;
use crate::domain::decide::Refusal;
use crate::domain::determination::{Determination, LawAction};
use crate::domain::inbox;
use crate::domain::times::ImpossibleTime;
use crate::identity::authenticate::IdentityError;
use crate::identity::rate::RateExceeded;
use crate::policy::engine::AdmitError;
use crate::policy::gate::Denial;
use crate::recorder::SubmitError;
use crate::store::StoreError;
use crate::wire::failure::{Failure, reason_of};
use crate::wire::methods::NoMethod;
use crate::wire::v1::ErrorReason;
use crate::wire::{Violation, Violations};

/// When a caller should retry after the queue was full.
const RETRY_AFTER: Duration = Duration::from_millis(200);

/// When a caller should retry during maintenance.
const MAINTENANCE_RETRY_AFTER: Duration = Duration::from_secs(10);

/// The most faults that are named. More would not fit the headers that clients accept.
const FAULTS_MAX: usize = 20;

/// Some fields are at fault.
pub fn violations(violations: &Violations) -> Status {
    Failure::new(Code::InvalidArgument, ErrorReason::InvalidField, "one or more fields are at fault")
        .fields(violations)
        .into()
}

/// A field is required from this caller.
pub fn missing(field: &str) -> Status {
    violations(&vec![Violation { field: field.to_owned(), description: "must be present".to_owned() }])
}

/// There is no such resource, or the caller may not know of it. Both get the same answer.
pub fn not_found() -> Status {
    Failure::new(Code::NotFound, ErrorReason::NotFound, "there is no such resource").into()
}

/// A cursor or page token was not given to this caller, or is not one at all.
pub fn invalid_cursor() -> Status {
    let message = "the cursor was not given to this agency for this jurisdiction, or the page token is none";
    Failure::new(Code::InvalidArgument, ErrorReason::InvalidCursor, message).into()
}

/// The log has not reached the position.
pub fn beyond_head() -> Status {
    Failure::new(Code::OutOfRange, ErrorReason::BeyondHead, "the log has not grown to that size").into()
}

/// The roster, or what it would be held against, is larger than is taken.
pub fn roster_too_large() -> Status {
    let message = "the roster, or what it is held against, is larger than this gateway takes in one";
    Failure::new(Code::FailedPrecondition, ErrorReason::RosterTooLarge, message).into()
}

/// The layers that prove a caller are missing.
pub fn no_caller() -> Status {
    Failure::new(Code::Unauthenticated, ErrorReason::CertificateRefused, "no caller was proven").into()
}

/// An internal error. Its cause is logged and not told to the caller.
pub fn internal(what: &'static str) -> Status {
    tracing::error!(what, "internal fault");
    Failure::new(Code::Internal, ErrorReason::Internal, "a fault of the gateway, which was logged").into()
}

/// The store failed while reading.
pub fn store(error: &StoreError) -> Status {
    // The writer logs once that the database is unreachable.
    if let StoreError::Interrupted(_) = error {
        tracing::debug!(%error, "the store cannot be read now");
    } else {
        tracing::error!(%error, "the store failed while reading");
    }
    unavailable()
}

/// A panic was caught.
pub fn panicked() -> Status {
    internal("a handler panicked")
}

/// No policy admits this kind of caller to this method.
pub fn not_admitted() -> Status {
    let message = "no policy lets this caller call this method";
    Failure::new(Code::PermissionDenied, ErrorReason::MethodDenied, message).into()
}

/// The method needs a token.
fn token_missing() -> Status {
    token_refused("this method needs a token beside the certificate: send the header `authorization: Bearer <token>`")
}

/// There is no method of this name.
pub fn unknown_method() -> Status {
    Failure::new(Code::Unimplemented, ErrorReason::UnknownMethod, NoMethod::Unknown.to_string()).into()
}

/// Nothing can be recorded or read now.
pub fn unavailable() -> Status {
    Failure::new(
        Code::Unavailable,
        ErrorReason::Unavailable,
        "not available now; the same request id is safe to resend",
    )
    .retry_after(Duration::from_secs(1))
    .into()
}

/// The audit log cannot be written, so no call is taken or answered.
pub fn audit_unavailable() -> Status {
    let message = "not available now, since no audit line can be written; the same request id is safe to resend";
    Failure::new(Code::Unavailable, ErrorReason::AuditUnavailable, message).retry_after(Duration::from_secs(1)).into()
}

/// An operator has begun maintenance, so no writes are taken. `message` is the operator's.
pub fn under_maintenance(message: &str) -> Status {
    let message = format!("no writes are taken during maintenance: {message}");
    Failure::new(Code::Unavailable, ErrorReason::Maintenance, message).retry_after(MAINTENANCE_RETRY_AFTER).into()
}

/// An operator has parked the consumer. `message` is the operator's.
pub fn consumer_parked(message: &str) -> Status {
    let message = format!("an operator has parked this consumer: {message}");
    Failure::new(Code::FailedPrecondition, ErrorReason::ConsumerParked, message).into()
}

/// The answer was not ready in time.
pub fn deadline_exceeded() -> Status {
    let message = "not answered in time; the same request id is safe to resend";
    Failure::new(Code::DeadlineExceeded, ErrorReason::DeadlineExceeded, message).into()
}

/// Whose limit refused a call: what helps differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitOwner {
    /// The caller's agency: it should ask for less at once.
    Agency,
    /// The writer of the jurisdiction, whose queue is full.
    Jurisdiction,
    /// The gateway, for all agencies together.
    Gateway,
}

impl LimitOwner {
    fn word(self) -> &'static str {
        match self {
            Self::Agency => "agency",
            Self::Jurisdiction => "jurisdiction",
            Self::Gateway => "gateway",
        }
    }
}

/// Too many calls are open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many calls at once")]
pub struct TooManyCalls(pub LimitOwner);

/// A limit is reached.
pub fn overloaded(owner: LimitOwner, retry_after: Duration) -> Status {
    Failure::new(Code::ResourceExhausted, ErrorReason::Overloaded, "too much at once")
        .retry_after(retry_after)
        .into_status([("limit", owner.word().to_owned())])
}

/// The caller's certificate or token ended while its stream was open.
pub fn expired() -> Status {
    let message = "the certificate or token that opened the stream has expired";
    Failure::new(Code::Unauthenticated, ErrorReason::TokenRefused, message).into()
}

/// Why a write was not recorded.
pub fn submit(error: &SubmitError) -> Status {
    match error {
        SubmitError::Denied(denial) => denied(denial),
        SubmitError::Refused(refusal) => refused(*refusal),
        SubmitError::AlreadyBooked(booked) => already_booked(Some(booked)),
        SubmitError::EtagMismatch => Failure::new(Code::Aborted, ErrorReason::EtagMismatch, error.to_string()).into(),
        SubmitError::RequestIdReused => {
            Failure::new(Code::AlreadyExists, ErrorReason::RequestIdReused, error.to_string()).into()
        }
        SubmitError::Inbox(refusal) => of_inbox(*refusal),
        SubmitError::Overloaded => overloaded(LimitOwner::Jurisdiction, RETRY_AFTER),
        SubmitError::OtherLaw | SubmitError::Stopped => unavailable(),
    }
}

/// An open custody of the caller's has the booking number.
fn already_booked(booked: Option<&Booked>) -> Status {
    let failure = Failure::new(Code::AlreadyExists, ErrorReason::AlreadyBooked, Refusal::AlreadyBooked.to_string());
    let field = booked.and_then(|booked| booked.field).map(|field| Violation {
        field: field.to_owned(),
        description: "must be a booking number that no open custody of the caller's has".to_owned(),
    });
    let metadata = booked.map(|booked| ("custody", booked.custody.to_string()));
    failure.fields(&field.into_iter().collect()).into_status(metadata)
}

fn of_inbox(refusal: inbox::Refusal) -> Status {
    match refusal {
        inbox::Refusal::StaleCursor => {
            Failure::new(Code::Aborted, ErrorReason::StaleCursor, refusal.to_string()).into()
        }
        inbox::Refusal::TooManyConsumers => violations(&vec![Violation {
            field: "consumer".to_owned(),
            description: "must be one that the agency has already: it has as many as it may have".to_owned(),
        }]),
        inbox::Refusal::NotParked => not_found(),
    }
}

fn denied(denial: &Denial) -> Status {
    match denial {
        Denial::NotAdmitted => not_admitted(),
        Denial::NotFound | Denial::NoSuchJurisdiction => not_found(),
        Denial::Unattributed => token_refused(&denial.to_string()),
        Denial::NotACustodian => fault("detainer.custodian", "a custodian of the jurisdiction"),
        Denial::AddresseeFixed => fault("detainer.custodian", "the addressee it was lodged with, or empty"),
        Denial::ImpossibleTime(fields) => violations(&fields.iter().take(FAULTS_MAX).map(impossible).collect()),
        Denial::MatchDisputed(disputed) => {
            let words: Vec<_> = disputed.iter().map(|one| one.word()).collect();
            Failure::new(Code::PermissionDenied, ErrorReason::MatchDisputed, denial.to_string())
                .into_status([("disagree", words.join(", "))])
        }
        Denial::NoSuchCustodian => fault("movement.custodian", "another custodian of the jurisdiction"),
        Denial::OfficerRequired | Denial::HandOverUnexplained { determination: None } => {
            Failure::new(Code::PermissionDenied, ErrorReason::ReviewRequired, denial.to_string()).into()
        }
        Denial::HandOverUnexplained { determination: Some(determination) } => {
            let (code, reason) = (Code::PermissionDenied, ErrorReason::ReviewRequired);
            by_law(code, reason, denial, LawAction::Transfer, determination)
        }
        Denial::Forbidden { action, determination } => {
            by_law(Code::PermissionDenied, ErrorReason::ForbiddenByLaw, denial, *action, determination)
        }
        Denial::ReviewRequired { action, determination } => {
            by_law(Code::PermissionDenied, ErrorReason::ReviewRequired, denial, *action, determination)
        }
        Denial::VerificationRequired { action, determination } => {
            by_law(Code::FailedPrecondition, ErrorReason::VerificationRequired, denial, *action, determination)
        }
        Denial::ReasonRequired { action, determination } => {
            by_law(Code::FailedPrecondition, ErrorReason::ReasonRequired, denial, *action, determination)
        }
    }
}

/// The violation for a time or day that is not possible.
fn impossible(field: &ImpossibleTime) -> Violation {
    Violation { field: field.field.clone(), description: format!("must be {}", field.expected) }
}

/// A field is at fault because of what the gateway knows, not because of its form.
pub fn fault(field: &str, expected: &str) -> Status {
    violations(&vec![Violation { field: field.to_owned(), description: format!("must be {expected}") }])
}

/// A decision by law, explained: the act, the policies and their citations.
fn by_law(
    code: Code,
    reason: ErrorReason,
    denial: &Denial,
    action: LawAction,
    determination: &Determination,
) -> Status {
    Failure::new(code, reason, denial.to_string()).into_status([
        ("action", action.word().to_owned()),
        ("ruling", determination.ruling.word().to_owned()),
        ("policies", determination.policies.join(", ")),
        ("citations", determination.citations.join("; ")),
    ])
}

fn refused(refusal: Refusal) -> Status {
    let failure = |code, reason| Failure::new(code, reason, refusal.to_string());
    match refusal {
        Refusal::NoSuchCase => not_found(),
        Refusal::DueAlready => fault("appeal.due_at", "to come"),
        Refusal::AppealTooLarge => failure(Code::FailedPrecondition, ErrorReason::AppealTooLarge).into(),
        Refusal::TooManyAppeals => failure(Code::FailedPrecondition, ErrorReason::TooManyAppeals).into(),
        Refusal::AlreadyLodged => failure(Code::AlreadyExists, ErrorReason::AlreadyLodged).into(),
        Refusal::AlreadyBooked => already_booked(None),
        Refusal::AlreadyAcknowledged
        | Refusal::AlreadyAnswered
        | Refusal::NotMatched
        | Refusal::NoLongerStands
        | Refusal::AlreadyWithdrawn
        | Refusal::AlreadyReleased
        | Refusal::AlreadyScheduled
        | Refusal::AwaitsHolder
        | Refusal::NothingToCorrect
        | Refusal::MatchedAlready
        | Refusal::NotADuplicate
        | Refusal::NothingVerified
        | Refusal::AlreadyServed
        | Refusal::AlreadyRaised
        | Refusal::NoOpenClaim
        | Refusal::InterviewOpen
        | Refusal::NoInterview
        | Refusal::NotScheduled
        | Refusal::StillHeld
        | Refusal::AlreadyClosed
        | Refusal::NotPromised
        | Refusal::TransferOpen
        | Refusal::WindowClosed
        | Refusal::WindowOpen
        | Refusal::NotOffered
        | Refusal::NotAccepted
        | Refusal::AlreadyConfirmed
        | Refusal::MoveOpen
        | Refusal::MoveNotOpen
        | Refusal::TransferOver
        | Refusal::NotYours
        | Refusal::NotBorneOut
        | Refusal::NothingChosen
        | Refusal::NothingBarred
        | Refusal::AnsweredMeanwhile
        | Refusal::NothingLeftOpen
        | Refusal::ClaimStands
        | Refusal::AlreadyMet => failure(Code::FailedPrecondition, ErrorReason::WrongState)
            .precondition("STATE", "case", &refusal.to_string())
            .into(),
    }
}

/// An error of a layer: who is calling, whether they may, whether there is room.
pub fn of_layer(error: &BoxError) -> Status {
    if let Some(error) = error.downcast_ref::<IdentityError>() {
        return match error {
            IdentityError::NoCertificate | IdentityError::CertificateExpired | IdentityError::UnknownAgency => {
                Failure::new(Code::Unauthenticated, ErrorReason::CertificateRefused, error.to_string()).into()
            }
            IdentityError::SeveralAuthorizations | IdentityError::NotBearer | IdentityError::Token(_) => {
                token_refused(&error.to_string())
            }
        };
    }
    if let Some(error) = error.downcast_ref::<AdmitError>() {
        return match error {
            AdmitError::TokenMissing { .. } => token_missing(),
            AdmitError::NoCaller | AdmitError::Denied { .. } => not_admitted(),
        };
    }
    if error.is::<NoMethod>() {
        return unknown_method();
    }
    if let Some(exceeded) = error.downcast_ref::<RateExceeded>() {
        return overloaded(LimitOwner::Agency, exceeded.retry_after);
    }
    if let Some(TooManyCalls(owner)) = error.downcast_ref::<TooManyCalls>() {
        return overloaded(*owner, RETRY_AFTER);
    }
    internal("a layer failed")
}

fn token_refused(message: &str) -> Status {
    Failure::new(Code::Unauthenticated, ErrorReason::TokenRefused, message).into()
}

/// Gives a status that the library made the form of our own. `None` if it is one of ours.
pub fn of_library(status: &Status) -> Option<Status> {
    if status.code() == Code::Ok || reason_of(status).is_some() {
        return None;
    }
    let failure = match status.code() {
        Code::Unimplemented => return Some(unknown_method()),
        Code::OutOfRange | Code::ResourceExhausted => {
            let message = "the message is larger than this gateway takes";
            Failure::new(Code::ResourceExhausted, ErrorReason::MessageTooLarge, message)
        }
        Code::Internal | Code::Unknown | Code::InvalidArgument | Code::DataLoss => {
            let message = "the message is not valid protobuf";
            Failure::new(Code::InvalidArgument, ErrorReason::MalformedMessage, message)
        }
        Code::Cancelled | Code::DeadlineExceeded => return Some(deadline_exceeded()),
        Code::Unavailable | Code::Aborted => return Some(unavailable()),
        // Health answers NOT_FOUND for an unknown service; the standard fixes that answer.
        Code::Ok
        | Code::NotFound
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::FailedPrecondition
        | Code::Unauthenticated => Failure::new(status.code(), ErrorReason::NotFound, "there is no such resource"),
    };
    Some(failure.into())
}
