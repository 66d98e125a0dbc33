//! The rule book: a permitted command on a case gives events, or a refusal in one sentence.
//!
//! docs/lifecycle.md has the same as a table, which a test runs cell by cell.

mod appeal;
mod claim;
mod custody;
mod detainer;
mod eligibility;
mod expiry;
mod expungement;
mod handing_on;
mod interview;
mod notice;
mod obligation;
mod release;
mod review;
mod transfer;
mod window;

use jiff::Timestamp;
use uuid::Uuid;

pub use expiry::not_found_in_time;
pub use obligation::met_by_record;
pub use review::{follow, is_active_on};

pub use crate::domain::refusal::Refusal;

use crate::domain::case::Case;
use crate::domain::command::CaseCommand;
use crate::domain::custody::CustodyState;
use crate::domain::event::Record;
use crate::domain::permit::Permitted;

/// Decides a command. `id` is the id of the case or transfer that it makes, if it makes one; `now` is the time of
/// record.
#[expect(clippy::too_many_lines, reason = "one arm a command, and each a line or few: the list is the function")]
pub fn decide(
    case: &Case,
    permitted: &Permitted<CaseCommand>,
    id: Uuid,
    now: Timestamp,
) -> Result<Vec<Record>, Refusal> {
    may_be_written(case)?;
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
        CaseCommand::RequestInterview { request, .. } => interview::request(case, request, now),
        CaseCommand::AnswerInterview { answer, .. } => interview::answer(case, permitted, answer),
        CaseCommand::WithdrawInterview { .. } => interview::withdraw(case),
        CaseCommand::WithdrawDetainer { reason, .. } => detainer::withdraw(case, *reason),
        CaseCommand::OpenCustody(intake) => custody::open(case, permitted, intake, id, now),
        CaseCommand::UpdateCharges { charges, other_ground, .. } => {
            custody::update_charges(case, permitted, charges, other_ground.as_ref())
        }
        CaseCommand::CorrectIdentity { identity, correction, .. } => {
            custody::correct_identity(case, permitted, identity, correction)
        }
        CaseCommand::MoveCustody { to, occurred_at, .. } => custody::move_to(case, permitted, to, *occurred_at),
        CaseCommand::OfferMove { proposal, .. } => handing_on::offer(case, permitted, proposal, now),
        CaseCommand::AcceptMove { acceptance, .. } => handing_on::accept(case, permitted, acceptance),
        CaseCommand::DeclineMove { reason, .. } => handing_on::decline(case, permitted, *reason),
        CaseCommand::WithdrawMove { .. } => handing_on::withdraw(case),
        CaseCommand::ScheduleRelease { release, .. } => release::schedule(case, permitted, release),
        CaseCommand::RescheduleRelease { release, .. } => release::reschedule(case, permitted, release, now),
        CaseCommand::RecordReleaseEligibility { eligibility, .. } => eligibility::record(case, permitted, eligibility),
        CaseCommand::CancelRelease { reason, other_ground, .. } => {
            release::cancel(case, reason.as_ref(), other_ground.as_ref())
        }
        CaseCommand::RecordRelease { release, correction, to, .. } => {
            release::record(case, permitted, release, correction.as_ref(), to, now)
        }
        CaseCommand::CloseCustody { closing, other_ground, .. } => {
            release::close(case, permitted, closing, other_ground.as_ref())
        }
        CaseCommand::ReopenCustody { correction, .. } => release::reopen(case, correction, now),
        CaseCommand::ExpungeCustody { order, covers_undisclosed, .. } => {
            expungement::expunge(case, order, *covers_undisclosed)
        }
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
        CaseCommand::ReviseWindow { transfer, window, reason } => {
            window::revise(case, permitted, transfer, window, reason.as_ref(), now)
        }
        CaseCommand::WithdrawWindow { transfer, reason } => window::withdraw(case, permitted, transfer, *reason, now),
        CaseCommand::ConfirmTransfer { transfer, occurred_at, reason } => {
            transfer::confirm(case, permitted, transfer, (*occurred_at, reason.as_ref()), now)
        }
        CaseCommand::IssueAppeal(issue) => appeal::issue(case, permitted, issue, id, now),
        CaseCommand::AnswerAppeal { answer, .. } => appeal::give_answer(case, permitted, answer),
        CaseCommand::BarAppeal { judged, .. } => appeal::bar(case, permitted, judged),
        CaseCommand::ReportFailure { transfer, cause } => transfer::fail(case, permitted, transfer, *cause, now),
    }
}

/// What an agency keeps that handed the person on is for it to read, whatever the command.
fn may_be_written(case: &Case) -> Result<(), Refusal> {
    let is_record = case.custody.as_ref().is_some_and(|custody| custody.state == CustodyState::MovedOn);
    if is_record { Err(Refusal::NoSuchCase) } else { Ok(()) }
}
