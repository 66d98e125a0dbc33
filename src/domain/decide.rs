//! The rule book: a permitted command upon a case gives events, or a refusal in one sentence.
//!
//! The same as a table: docs/lifecycle.md, which a test runs cell by cell.

mod appeal;
mod claim;
mod custody;
mod detainer;
mod notice;
mod obligation;
mod release;
mod review;
mod transfer;

use jiff::Timestamp;
use uuid::Uuid;

pub use detainer::day_of_record;
pub use obligation::met_by_record;
pub use review::{follow, stands_on};

use crate::domain::case::Case;
use crate::domain::command::CaseCommand;
use crate::domain::event::Record;
use crate::domain::permit::Permitted;

/// Why a command changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such case, or none the caller may know of.
    #[error("there is no such case")]
    NoSuchCase,
    /// Acknowledged before.
    #[error("the detainer was already acknowledged")]
    AlreadyAcknowledged,
    /// Answered before.
    #[error("the detainer was already answered")]
    AlreadyAnswered,
    /// Hold, notice and service need a custody.
    #[error("the detainer is not matched to a custody")]
    NotMatched,
    /// Released, withdrawn, or nobody was found.
    #[error("the detainer no longer stands")]
    NoLongerStands,
    /// Lifted before.
    #[error("the detainer was already withdrawn")]
    AlreadyWithdrawn,
    /// One active detainer per issuer on one custody.
    #[error("a detainer of the same issuer already stands on this custody")]
    AlreadyLodged,
    /// Nobody is held any more.
    #[error("the person was already released from this custody")]
    AlreadyReleased,
    /// A date was entered before.
    #[error("a release is already scheduled")]
    AlreadyScheduled,
    /// One custodian cannot speak for all of a jurisdiction.
    #[error("a detainer addressed to the jurisdiction waits for the custodian that holds the person")]
    AwaitsHolder,
    /// A correction of what was never recorded.
    #[error("there is nothing to correct")]
    NothingToCorrect,
    /// A match is parted before another is made.
    #[error("the detainer is matched: correct that finding first")]
    MatchedAlready,
    /// Only what counts can cease to count.
    #[error("no warrant was verified or received")]
    NothingVerified,
    /// Served before.
    #[error("a copy was already served")]
    AlreadyServed,
    /// One open claim a side.
    #[error("a citizenship claim is already open")]
    AlreadyRaised,
    /// None of the caller's.
    #[error("no citizenship claim of the caller's is open")]
    NoOpenClaim,
    /// No date was entered.
    #[error("no release is scheduled")]
    NotScheduled,
    /// Nothing to reopen.
    #[error("the person is still held")]
    StillHeld,
    /// Ended without a release.
    #[error("the custody was already closed")]
    AlreadyClosed,
    /// A pick-up follows hold or notice.
    #[error("neither hold nor notice was promised")]
    NotPromised,
    /// One at a time.
    #[error("a transfer is already open")]
    TransferOpen,
    /// Too late.
    #[error("the window has closed")]
    WindowClosed,
    /// Too early.
    #[error("the window is still open")]
    WindowOpen,
    /// The window was accepted or declined before.
    #[error("the window is not on offer")]
    NotOffered,
    /// Nobody agreed to it yet.
    #[error("the window was not accepted")]
    NotAccepted,
    /// Said before.
    #[error("the caller already confirmed the transfer")]
    AlreadyConfirmed,
    /// Declined, complete or failed.
    #[error("the transfer is over")]
    TransferOver,
    /// Nobody came is for the custodian to say, nobody was brought for the requester.
    #[error("the cause is for the other side to report")]
    NotYours,
    /// The detainer itself does not say so.
    #[error("the detainer itself does not say so: acknowledge or answer that first")]
    NotBorneOut,
    /// Nothing is chosen.
    #[error("no detainer is chosen")]
    NothingChosen,
    /// More than one appeal takes.
    #[error("more detainers are chosen than one appeal takes")]
    AppealTooLarge,
    /// As many as may be.
    #[error("the caller has as many appeals that are not due yet as it may have")]
    TooManyAppeals,
    /// Nobody can answer by then.
    #[error("the due date is not to come")]
    DueAlready,
    /// Nothing to record.
    #[error("the law bars none of what is still open")]
    NothingBarred,
    /// Judged before somebody else answered.
    #[error("the appeal was answered meanwhile: ask again")]
    AnsweredMeanwhile,
    /// Decided before, or moot.
    #[error("nothing is left to a person of it")]
    NothingLeftOpen,
    /// Whoever raised the claim resolves it.
    #[error("a claim is resolved by resolving the claim")]
    ClaimStands,
    /// Met before.
    #[error("the obligation was already met")]
    AlreadyMet,
}

/// Decides. `id` is the id of the case or transfer that the command makes, if it makes one; `now` is the time of record.
pub fn decide(
    case: &Case,
    permitted: &Permitted<CaseCommand>,
    id: Uuid,
    now: Timestamp,
) -> Result<Vec<Record>, Refusal> {
    match permitted.value() {
        CaseCommand::LodgeDetainer(request) => Ok(detainer::lodge(permitted, request, id, now)),
        CaseCommand::AmendDetainer { request, .. } => detainer::amend(case, permitted, request, now),
        CaseCommand::AcknowledgeDetainer { acknowledgement, correction, .. } => {
            detainer::acknowledge(case, permitted, acknowledgement, correction.as_ref())
        }
        CaseCommand::AnswerDetainer { answer, correction, .. } => {
            detainer::give_answer(case, permitted, answer, correction.as_ref(), now)
        }
        CaseCommand::VerifyWarrant { verification, .. } => detainer::verify(case, permitted, verification, now),
        CaseCommand::RecordServiceOfCopy { service, correction, .. } => {
            detainer::serve(case, permitted, service, correction.as_ref())
        }
        CaseCommand::RaiseCitizenshipClaim { claim, .. } => claim::raise(case, permitted, claim),
        CaseCommand::ResolveCitizenshipClaim { outcome, reason, .. } => {
            claim::resolve(case, permitted, *outcome, reason)
        }
        CaseCommand::WithdrawDetainer { reason, .. } => detainer::withdraw(case, *reason),
        CaseCommand::OpenCustody(intake) => Ok(custody::open(permitted, intake, id, now)),
        CaseCommand::UpdateCharges { charges, other_ground, .. } => {
            custody::update_charges(case, permitted, charges, other_ground.as_ref())
        }
        CaseCommand::CorrectIdentity { identity, correction, .. } => {
            custody::correct_identity(case, permitted, identity, correction)
        }
        CaseCommand::MoveCustody { movement, .. } => custody::move_to(case, permitted, movement),
        CaseCommand::ScheduleRelease { release, .. } => release::schedule(case, permitted, release),
        CaseCommand::RescheduleRelease { release, .. } => release::reschedule(case, permitted, release),
        CaseCommand::CancelRelease { reason, other_ground, .. } => {
            release::cancel(case, reason.as_ref(), other_ground.as_ref())
        }
        CaseCommand::RecordRelease { release, correction, to, .. } => {
            release::record(case, permitted, release, correction.as_ref(), to)
        }
        CaseCommand::CloseCustody { closing, other_ground, .. } => {
            release::close(case, permitted, closing, other_ground.as_ref())
        }
        CaseCommand::ReopenCustody { correction, .. } => release::reopen(case, correction, now),
        CaseCommand::OfferWindow { window, reason, .. } => {
            transfer::offer(case, permitted, window, reason.as_ref(), id, now)
        }
        CaseCommand::ResolveReview { review, decision, ground } => {
            review::resolve(case, permitted, review.matter, *decision, ground, now)
        }
        CaseCommand::MeetObligation { obligation, evidence } => {
            obligation::meet(case, permitted, obligation.obligation, evidence)
        }
        CaseCommand::AcceptWindow { transfer } => transfer::accept(case, transfer, now),
        CaseCommand::DeclineWindow { transfer, reason } => transfer::decline(case, transfer, *reason, now),
        CaseCommand::ConfirmTransfer { transfer, occurred_at, reason } => {
            transfer::confirm(case, permitted, transfer, (*occurred_at, reason.as_ref()), now)
        }
        CaseCommand::IssueAppeal(issue) => appeal::issue(case, permitted, issue, id, now),
        CaseCommand::AnswerAppeal { answer, .. } => appeal::give_answer(case, permitted, answer),
        CaseCommand::BarAppeal { judged, .. } => appeal::bar(case, permitted, judged),
        CaseCommand::ReportFailure { transfer, cause } => transfer::fail(case, permitted, transfer, *cause, now),
    }
}
