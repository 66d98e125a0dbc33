//! The answer to a write, without its receipt; and whether its caller has seen the present state of the case.

use jiff::SignedDuration;

use crate::domain::case::Case;
use crate::domain::command::{CaseCommand, Command};
use crate::domain::detainer::{Detainer, Viewpoint};
use crate::domain::event::{Event, Record};
use crate::domain::ids::CaseKind;
use crate::domain::permit::Admitted;
use crate::domain::transfer::Transfer;
use crate::recorder::plan::appeals;
use crate::wire::{Message as _, show, v1};

/// Whether the caller has seen the present state of the case. A caller that gives no etag always has.
pub(in crate::recorder) fn etag_matches(admitted: &Admitted<Command>, command: &CaseCommand, case: &Case) -> bool {
    let Some(given) = &admitted.value.etag else { return true };
    let detainer = case.detainer.as_ref();
    if let CaseCommand::ResolveReview { review, .. } = command {
        let current = detainer.and_then(|detainer| detainer.review(review.matter)).map(show::review_etag);
        return current.as_ref() == Some(given);
    }
    if let CaseCommand::MeetObligation { obligation, .. } = command {
        let current = detainer.and_then(|detainer| detainer.owed(obligation.obligation)).map(show::obligation_etag);
        return current.as_ref() == Some(given);
    }
    let current = match (command.transfer(), command.target().map(|name| name.kind)) {
        (Some(_), _) => detainer.and_then(|detainer| transfer_of(command, detainer)).map(show::transfer_etag),
        (None, Some(CaseKind::Detainer)) => {
            detainer.map(|detainer| show::detainer_etag(detainer, viewpoint(admitted, detainer)))
        }
        (None, Some(CaseKind::Custody)) => case.custody.as_ref().map(show::custody_etag),
        // An appeal does not change.
        (None, Some(CaseKind::Appeal) | None) => None,
    };
    current.as_ref() == Some(given)
}

/// An answer as it is stored, without its receipt. The receipt is added when the answer is sent.
macro_rules! kept {
    ($answer:ident { $($field:ident),+ }) => {
        v1::$answer { $($field: $field(),)+ receipt: None }.encode_to_vec()
    };
}

/// The answer to a write, without its receipt. It is stored, so that a repeated request gets the same answer.
pub(in crate::recorder) fn answer(
    admitted: &Admitted<Command>,
    command: &CaseCommand,
    case: &Case,
    records: &[Record],
    answer_within: SignedDuration,
) -> Vec<u8> {
    let shown = |detainer| show::detainer(detainer, viewpoint(admitted, detainer), answer_within);
    let detainer = || case.detainer.as_ref().map(shown);
    let custody = || case.custody.as_ref().map(show::custody);
    let transfer = || shown_transfer(admitted, command, case.detainer.as_ref()?);
    let determinations =
        || records.first().map_or_else(Vec::new, |record| show::determinations(&record.determinations));
    match command {
        CaseCommand::LodgeDetainer(_) => kept!(LodgeDetainerResponse { detainer }),
        CaseCommand::AcknowledgeDetainer { .. } => kept!(AcknowledgeDetainerResponse { detainer, determinations }),
        CaseCommand::AnswerDetainer { .. } => kept!(AnswerDetainerResponse { detainer, determinations }),
        CaseCommand::AmendDetainer { .. } => kept!(AmendDetainerResponse { detainer }),
        CaseCommand::VerifyWarrant { .. } => kept!(VerifyWarrantResponse { detainer, determinations }),
        CaseCommand::RecordServiceOfCopy { .. } => kept!(RecordServiceOfCopyResponse { detainer }),
        CaseCommand::RaiseCitizenshipClaim { .. } => kept!(RaiseCitizenshipClaimResponse { detainer }),
        CaseCommand::ResolveCitizenshipClaim { .. } => kept!(ResolveCitizenshipClaimResponse { detainer }),
        CaseCommand::RequestInterview { .. } => kept!(RequestInterviewResponse { detainer }),
        CaseCommand::AnswerInterview { .. } => kept!(AnswerInterviewResponse { detainer, determinations }),
        CaseCommand::WithdrawInterview { .. } => kept!(WithdrawInterviewResponse { detainer }),
        CaseCommand::WithdrawDetainer { .. } => kept!(WithdrawDetainerResponse { detainer }),
        CaseCommand::OpenCustody(_) => {
            let asked_again = || named_in(records);
            kept!(OpenCustodyResponse { custody, asked_again })
        }
        CaseCommand::ScheduleRelease { .. } => kept!(ScheduleReleaseResponse { custody }),
        CaseCommand::RecordRelease { .. } => kept!(RecordReleaseResponse { custody }),
        CaseCommand::RecordReleaseEligibility { .. } => kept!(RecordReleaseEligibilityResponse { custody }),
        CaseCommand::UpdateCharges { .. } => kept!(UpdateChargesResponse { custody }),
        CaseCommand::CorrectIdentity { .. } => kept!(CorrectIdentityResponse { custody }),
        CaseCommand::MoveCustody { .. } | CaseCommand::OfferMove { .. } => kept!(MoveCustodyResponse { custody }),
        CaseCommand::AcceptMove { .. } => kept!(AcceptMoveResponse { custody }),
        CaseCommand::DeclineMove { .. } => {
            // Whoever declined is shown nothing of the custody any more.
            let move_offer = || case.custody.as_ref()?.offer.as_ref().map(show::move_offer);
            kept!(DeclineMoveResponse { move_offer })
        }
        CaseCommand::WithdrawMove { .. } => kept!(WithdrawMoveResponse { custody }),
        CaseCommand::RescheduleRelease { .. } => kept!(RescheduleReleaseResponse { custody }),
        CaseCommand::CancelRelease { .. } => kept!(CancelReleaseResponse { custody }),
        CaseCommand::CloseCustody { .. } => kept!(CloseCustodyResponse { custody }),
        CaseCommand::ReopenCustody { .. } => kept!(ReopenCustodyResponse { custody }),
        CaseCommand::ExpungeCustody { custody, .. } => {
            let name = || custody.to_string();
            let detainers = || named_in(records);
            kept!(ExpungeCustodyResponse { name, detainers })
        }
        CaseCommand::OfferWindow { .. } => kept!(OfferWindowResponse { transfer, determinations }),
        CaseCommand::ResolveReview { review: name, .. } => {
            let review = || {
                let detainer = case.detainer.as_ref()?;
                Some(show::review(&detainer.name, detainer.review(name.matter)?, None))
            };
            kept!(ResolveReviewResponse { review })
        }
        CaseCommand::MeetObligation { obligation: name, .. } => {
            let obligation = || {
                let detainer = case.detainer.as_ref()?;
                Some(show::obligation(&detainer.name, detainer.owed(name.obligation)?, None))
            };
            kept!(MeetObligationResponse { obligation })
        }
        CaseCommand::AcceptWindow { .. } => kept!(AcceptWindowResponse { transfer }),
        CaseCommand::DeclineWindow { .. } => kept!(DeclineWindowResponse { transfer }),
        CaseCommand::ReviseWindow { .. } => kept!(ReviseWindowResponse { transfer, determinations }),
        CaseCommand::WithdrawWindow { .. } => kept!(WithdrawWindowResponse { transfer }),
        CaseCommand::ConfirmTransfer { .. } => kept!(ConfirmTransferResponse { transfer }),
        CaseCommand::ReportFailure { .. } => kept!(ReportFailureResponse { transfer }),
        CaseCommand::IssueAppeal(_) | CaseCommand::AnswerAppeal { .. } | CaseCommand::BarAppeal { .. } => {
            appeals::answer(command, case, records).unwrap_or_default()
        }
    }
}

/// The transfer that a write is upon, as its caller is shown it.
fn shown_transfer(admitted: &Admitted<Command>, command: &CaseCommand, detainer: &Detainer) -> Option<v1::Transfer> {
    let withheld = match viewpoint(admitted, detainer) {
        Viewpoint::Issuer => detainer.issuer_view.withheld.as_slice(),
        Viewpoint::Custodian => &[],
    };
    match (transfer_of(command, detainer), command.transfer()) {
        (Some(transfer), _) => Some(show::transfer(&detainer.name, transfer, withheld)),
        // The facility may no longer be disclosed to the caller.
        (None, Some(name)) => Some(show::transfer_withheld(name, withheld)),
        (None, None) => None,
    }
}

/// The detainers that the event of a command on a custody names.
fn named_in(records: &[Record]) -> Vec<String> {
    match records.first().map(|record| &record.event) {
        Some(Event::CustodyExpunged { detainers: named, .. } | Event::CustodyOpened { asked_again: named, .. }) => {
            named.iter().map(ToString::to_string).collect()
        }
        _ => Vec::new(),
    }
}

/// The viewpoint from which the caller of a write sees the detainer.
fn viewpoint(admitted: &Admitted<Command>, detainer: &Detainer) -> Viewpoint {
    if detainer.issuer == admitted.caller.agency.id { Viewpoint::Issuer } else { Viewpoint::Custodian }
}

/// The transfer that a command names, or has just offered.
fn transfer_of<'a>(command: &CaseCommand, detainer: &'a Detainer) -> Option<&'a Transfer> {
    match command.transfer() {
        Some(name) => detainer.transfers.iter().find(|transfer| transfer.id == name.id),
        None => detainer.transfers.last(),
    }
}
