//! The commands that an agency may submit.

use std::sync::Arc;

use jiff::Timestamp;

pub use crate::domain::method::Method;

use crate::domain::appeal::{AnswerByLaw, AppealAnswer, Issue};
use crate::domain::charge::Charge;
use crate::domain::claim::{Claim, ClaimOutcome};
use crate::domain::correction::Correction;
use crate::domain::custody::{
    ActualRelease, Closing, Identity, Intake, MoveAcceptance, MoveDeclineReason, MoveProposal, OtherGround, Place,
    ReleaseEligibility, ScheduledRelease,
};
use crate::domain::detainer::{Acknowledgement, Answer, LiftReason, Request};
use crate::domain::expungement::ExpungementOrder;
use crate::domain::hand_over::HandedTo;
use crate::domain::ids::{CaseName, ConsumerId, RequestId};
use crate::domain::inbox::EntryPosition;
use crate::domain::interview::{InterviewAnswer, InterviewRequest};
use crate::domain::obligation::{Evidence, ObligationName};
use crate::domain::review::{Ground, ReviewDecision, ReviewName};
use crate::domain::service::ServiceOfCopy;
use crate::domain::transfer::{TransferFailureCause, TransferName, TransferWindow, WindowDeclineReason};
use crate::domain::warrant::WarrantVerification;

/// A command on a case, parsed and valid in itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CaseCommand {
    /// Lodge a detainer.
    LodgeDetainer(Request),
    /// Say what was found.
    AcknowledgeDetainer {
        /// Which detainer.
        detainer: CaseName,
        /// The finding.
        acknowledgement: Acknowledgement,
        /// It corrects an earlier finding.
        correction: Option<Correction>,
    },
    /// Say what will be done.
    AnswerDetainer {
        /// Which detainer.
        detainer: CaseName,
        /// The answer.
        answer: Answer,
        /// It corrects an earlier answer.
        correction: Option<Correction>,
    },
    /// Amend the request.
    AmendDetainer {
        /// Which detainer.
        detainer: CaseName,
        /// The new version.
        request: Box<Request>,
    },
    /// Say what the warrant was found to be.
    VerifyWarrant {
        /// Of which detainer.
        detainer: CaseName,
        /// What was found.
        verification: Box<WarrantVerification>,
    },
    /// Say that a copy was served.
    RecordServiceOfCopy {
        /// Which detainer.
        detainer: CaseName,
        /// The evidence.
        service: ServiceOfCopy,
        /// It corrects an earlier service.
        correction: Option<Correction>,
    },
    /// Say that the person claims to be a citizen.
    RaiseCitizenshipClaim {
        /// Which detainer.
        detainer: CaseName,
        /// The claim.
        claim: Claim,
    },
    /// Say what became of the claim.
    ResolveCitizenshipClaim {
        /// Which detainer.
        detainer: CaseName,
        /// What became of it.
        outcome: ClaimOutcome,
        /// Why.
        reason: String,
    },
    /// Ask to speak with the person.
    RequestInterview {
        /// Under which detainer.
        detainer: CaseName,
        /// What is asked.
        request: InterviewRequest,
    },
    /// Say what was said to an interview.
    AnswerInterview {
        /// Under which detainer.
        detainer: CaseName,
        /// What was said.
        answer: Box<InterviewAnswer>,
    },
    /// Say that the interview is no longer asked for.
    WithdrawInterview {
        /// Under which detainer.
        detainer: CaseName,
    },
    /// Lift a detainer.
    WithdrawDetainer {
        /// Which detainer.
        detainer: CaseName,
        /// Why.
        reason: LiftReason,
    },
    /// Open a custody.
    OpenCustody(Intake),
    /// Enter an expected release.
    ScheduleRelease {
        /// Which custody.
        custody: CaseName,
        /// When, and what the date rests on.
        release: ScheduledRelease,
    },
    /// Enter a release that took place.
    RecordRelease {
        /// Which custody.
        custody: CaseName,
        /// When, why, to whom, by whose order.
        release: ActualRelease,
        /// It corrects an earlier record of the release.
        correction: Option<Correction>,
        /// If the person was handed to a requester: to which one, and why.
        to: HandedTo,
    },
    /// Enter when the person becomes eligible for a release.
    RecordReleaseEligibility {
        /// Which custody.
        custody: CaseName,
        /// When, for which.
        eligibility: ReleaseEligibility,
    },
    /// Replace the charges.
    UpdateCharges {
        /// Which custody.
        custody: CaseName,
        /// All of them.
        charges: Vec<Charge>,
        /// The person is now held on these charges, whatever a detainer asks.
        other_ground: Option<OtherGround>,
    },
    /// Correct who is held.
    CorrectIdentity {
        /// Which custody.
        custody: CaseName,
        /// Who it is.
        identity: Box<Identity>,
        /// Why.
        correction: Correction,
    },
    /// Enter a movement within the agency, to hospital or to court.
    MoveCustody {
        /// Which custody.
        custody: CaseName,
        /// Where to.
        to: Place,
        /// When.
        occurred_at: Option<Timestamp>,
    },
    /// Offer to hand the person on to another agency.
    OfferMove {
        /// Which custody.
        custody: CaseName,
        /// To whom, where and when.
        proposal: MoveProposal,
    },
    /// Take the person over.
    AcceptMove {
        /// Which custody.
        custody: CaseName,
        /// When, and where the person is now.
        acceptance: MoveAcceptance,
    },
    /// Say that the person is not taken.
    DeclineMove {
        /// Which custody.
        custody: CaseName,
        /// Why.
        reason: MoveDeclineReason,
    },
    /// Withdraw the offer to hand the person on.
    WithdrawMove {
        /// Which custody.
        custody: CaseName,
    },
    /// Replace the expected release.
    RescheduleRelease {
        /// Which custody.
        custody: CaseName,
        /// When, and what the date rests on.
        release: ScheduledRelease,
    },
    /// Cancel the expected release.
    CancelRelease {
        /// Which custody.
        custody: CaseName,
        /// Why.
        reason: Option<String>,
        /// What the person is now held on.
        other_ground: Option<OtherGround>,
    },
    /// Enter that the custody ended without a release.
    CloseCustody {
        /// Which custody.
        custody: CaseName,
        /// How.
        closing: Closing,
        /// What proves that the person left, if neither death nor escape does.
        other_ground: Option<OtherGround>,
    },
    /// Correct a release or closing that did not take place.
    ReopenCustody {
        /// Which custody.
        custody: CaseName,
        /// Why.
        correction: Correction,
    },
    /// Destroy the record of a stay.
    ExpungeCustody {
        /// Which custody.
        custody: CaseName,
        /// By which order.
        order: ExpungementOrder,
        /// The order also covers detainers whose issuers were never told of the custody.
        covers_undisclosed: bool,
    },
    /// Offer a window for a pick-up.
    OfferWindow {
        /// Under which detainer.
        detainer: CaseName,
        /// When and where.
        window: TransferWindow,
        /// Why, if the law leaves it to a person.
        reason: Option<String>,
    },
    /// Accept the window.
    AcceptWindow {
        /// Of which transfer.
        transfer: TransferName,
    },
    /// Decline the window.
    DeclineWindow {
        /// Of which transfer.
        transfer: TransferName,
        /// Why.
        reason: WindowDeclineReason,
    },
    /// Name another window.
    ReviseWindow {
        /// Of which transfer.
        transfer: TransferName,
        /// When and where instead.
        window: TransferWindow,
        /// Why, if the law leaves it to a person.
        reason: Option<String>,
    },
    /// Withdraw the window.
    WithdrawWindow {
        /// Of which transfer.
        transfer: TransferName,
        /// Why.
        reason: WindowDeclineReason,
    },
    /// Say that the person changed hands.
    ConfirmTransfer {
        /// In which transfer.
        transfer: TransferName,
        /// When, as the caller says.
        occurred_at: Timestamp,
        /// Why, if the law did not allow it.
        reason: Option<String>,
    },
    /// Decide what the law leaves to a person.
    ResolveReview {
        /// Which review.
        review: ReviewName,
        /// What is decided.
        decision: ReviewDecision,
        /// Why.
        ground: Ground,
    },
    /// Say that an obligation was met.
    MeetObligation {
        /// Which obligation.
        obligation: ObligationName,
        /// How it was met.
        evidence: Evidence,
    },
    /// Say that it failed.
    ReportFailure {
        /// Which transfer.
        transfer: TransferName,
        /// Why.
        cause: TransferFailureCause,
    },
    /// Issue an appeal.
    IssueAppeal(Box<Issue>),
    /// Answer an appeal for one detainer.
    AnswerAppeal {
        /// Which appeal.
        appeal: CaseName,
        /// Which detainer.
        detainer: CaseName,
        /// The answer.
        answer: AppealAnswer,
    },
    /// Answer an appeal by law, for every detainer of the caller's that is still open.
    BarAppeal {
        /// Which appeal.
        appeal: CaseName,
        /// The answer that the law gives.
        judged: Box<AnswerByLaw>,
    },
}

impl CaseCommand {
    /// The method that carries it.
    pub fn method(&self) -> Method {
        match self {
            Self::LodgeDetainer(_) => Method::LodgeDetainer,
            Self::AcknowledgeDetainer { .. } => Method::AcknowledgeDetainer,
            Self::AnswerDetainer { .. } => Method::AnswerDetainer,
            Self::RequestInterview { .. } => Method::RequestInterview,
            Self::AnswerInterview { .. } => Method::AnswerInterview,
            Self::WithdrawInterview { .. } => Method::WithdrawInterview,
            Self::WithdrawDetainer { .. } => Method::WithdrawDetainer,
            Self::OpenCustody(_) => Method::OpenCustody,
            Self::ScheduleRelease { .. } => Method::ScheduleRelease,
            Self::RecordRelease { .. } => Method::RecordRelease,
            Self::AmendDetainer { .. } => Method::AmendDetainer,
            Self::VerifyWarrant { .. } => Method::VerifyWarrant,
            Self::RecordServiceOfCopy { .. } => Method::RecordServiceOfCopy,
            Self::RaiseCitizenshipClaim { .. } => Method::RaiseCitizenshipClaim,
            Self::ResolveCitizenshipClaim { .. } => Method::ResolveCitizenshipClaim,
            Self::RecordReleaseEligibility { .. } => Method::RecordReleaseEligibility,
            Self::UpdateCharges { .. } => Method::UpdateCharges,
            Self::CorrectIdentity { .. } => Method::CorrectIdentity,
            Self::MoveCustody { .. } | Self::OfferMove { .. } => Method::MoveCustody,
            Self::AcceptMove { .. } => Method::AcceptMove,
            Self::DeclineMove { .. } => Method::DeclineMove,
            Self::WithdrawMove { .. } => Method::WithdrawMove,
            Self::RescheduleRelease { .. } => Method::RescheduleRelease,
            Self::CancelRelease { .. } => Method::CancelRelease,
            Self::CloseCustody { .. } => Method::CloseCustody,
            Self::ReopenCustody { .. } => Method::ReopenCustody,
            Self::ExpungeCustody { .. } => Method::ExpungeCustody,
            Self::OfferWindow { .. } => Method::OfferWindow,
            Self::AcceptWindow { .. } => Method::AcceptWindow,
            Self::DeclineWindow { .. } => Method::DeclineWindow,
            Self::ReviseWindow { .. } => Method::ReviseWindow,
            Self::WithdrawWindow { .. } => Method::WithdrawWindow,
            Self::ConfirmTransfer { .. } => Method::ConfirmTransfer,
            Self::ReportFailure { .. } => Method::ReportFailure,
            Self::IssueAppeal(_) => Method::IssueAppeal,
            Self::AnswerAppeal { .. } | Self::BarAppeal { .. } => Method::AnswerAppeal,
            Self::ResolveReview { .. } => Method::ResolveReview,
            Self::MeetObligation { .. } => Method::MeetObligation,
        }
    }

    /// The case that it acts on. None: it makes one.
    pub fn target(&self) -> Option<&CaseName> {
        match self {
            Self::LodgeDetainer(_) | Self::OpenCustody(_) | Self::IssueAppeal(_) => None,
            Self::AnswerAppeal { appeal, .. } | Self::BarAppeal { appeal, .. } => Some(appeal),
            Self::AcknowledgeDetainer { detainer, .. }
            | Self::AnswerDetainer { detainer, .. }
            | Self::AmendDetainer { detainer, .. }
            | Self::VerifyWarrant { detainer, .. }
            | Self::RecordServiceOfCopy { detainer, .. }
            | Self::RaiseCitizenshipClaim { detainer, .. }
            | Self::ResolveCitizenshipClaim { detainer, .. }
            | Self::OfferWindow { detainer, .. }
            | Self::RequestInterview { detainer, .. }
            | Self::AnswerInterview { detainer, .. }
            | Self::WithdrawInterview { detainer }
            | Self::WithdrawDetainer { detainer, .. } => Some(detainer),
            Self::AcceptWindow { transfer }
            | Self::DeclineWindow { transfer, .. }
            | Self::ReviseWindow { transfer, .. }
            | Self::WithdrawWindow { transfer, .. }
            | Self::ConfirmTransfer { transfer, .. }
            | Self::ReportFailure { transfer, .. } => Some(&transfer.detainer),
            Self::ResolveReview { review, .. } => Some(&review.detainer),
            Self::MeetObligation { obligation, .. } => Some(&obligation.detainer),
            Self::ScheduleRelease { custody, .. }
            | Self::RecordRelease { custody, .. }
            | Self::RecordReleaseEligibility { custody, .. }
            | Self::UpdateCharges { custody, .. }
            | Self::CorrectIdentity { custody, .. }
            | Self::MoveCustody { custody, .. }
            | Self::OfferMove { custody, .. }
            | Self::AcceptMove { custody, .. }
            | Self::DeclineMove { custody, .. }
            | Self::WithdrawMove { custody }
            | Self::RescheduleRelease { custody, .. }
            | Self::CancelRelease { custody, .. }
            | Self::CloseCustody { custody, .. }
            | Self::ReopenCustody { custody, .. }
            | Self::ExpungeCustody { custody, .. } => Some(custody),
        }
    }

    /// The transfer that it acts on.
    pub fn transfer(&self) -> Option<&TransferName> {
        if let Self::AcceptWindow { transfer }
        | Self::DeclineWindow { transfer, .. }
        | Self::ReviseWindow { transfer, .. }
        | Self::WithdrawWindow { transfer, .. }
        | Self::ConfirmTransfer { transfer, .. }
        | Self::ReportFailure { transfer, .. } = self
        {
            Some(transfer)
        } else {
            None
        }
    }

    /// The other ground that it cites.
    pub fn other_ground(&self) -> Option<&OtherGround> {
        if let Self::UpdateCharges { other_ground, .. }
        | Self::CancelRelease { other_ground, .. }
        | Self::CloseCustody { other_ground, .. } = self
        {
            other_ground.as_ref()
        } else {
            None
        }
    }

    /// Every case named in it, the one that it acts on first.
    pub fn names(&self) -> impl Iterator<Item = &CaseName> {
        let linked = if let Self::AcknowledgeDetainer { acknowledgement, .. } = self {
            acknowledgement.custody.as_ref().or(acknowledgement.duplicate_of.as_ref())
        } else if let Self::AnswerAppeal { detainer, .. } = self {
            Some(detainer)
        } else {
            None
        };
        self.target().into_iter().chain(linked)
    }
}

/// A write: the client's request id, bound to the decoded request, and the action.
#[derive(Debug, Clone)]
pub struct Command {
    /// The client's key.
    pub request_id: RequestId,
    /// HMAC of the method and the canonical decoded request, under a key of the gateway.
    pub request_digest: [u8; 32],
    /// If given, it MUST equal the etag of the resource as the caller sees it.
    pub etag: Option<String>,
    /// An officer entered it from a form that came back on paper.
    pub from_paper: bool,
    /// The action.
    pub action: Action,
}

/// What a write does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Changes a case.
    Case(Arc<CaseCommand>),
    /// Confirms deliveries to the caller's inbox.
    Inbox(InboxCommand),
}

/// A confirmation of deliveries to one consumer of the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InboxCommand {
    /// Confirms delivery of everything before these positions.
    Acknowledge {
        /// The consumer that received it.
        consumer: ConsumerId,
        /// Position in the exchange log: entries before it were received.
        exchange_position: u64,
        /// Just after the last entry of the exchange log that was for the caller.
        exchange_seen: u64,
        /// Position in the custody log, for agencies of the jurisdiction.
        custody_position: u64,
    },
    /// Confirms delivery of one entry that was parked.
    AcknowledgeParked {
        /// The consumer that it was parked for.
        consumer: ConsumerId,
        /// The entry.
        entry: EntryPosition,
    },
}

impl Action {
    /// The method that carries it.
    pub fn method(&self) -> Method {
        match self {
            Self::Case(command) => command.method(),
            Self::Inbox(command) => command.method(),
        }
    }
}

impl InboxCommand {
    /// The method that carries it.
    pub fn method(&self) -> Method {
        match self {
            Self::Acknowledge { .. } => Method::AcknowledgeInbox,
            Self::AcknowledgeParked { .. } => Method::AcknowledgeParked,
        }
    }
}
