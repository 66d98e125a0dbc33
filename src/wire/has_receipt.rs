//! The answers that carry a receipt: those of every write.

use crate::wire::{Message, v1};

/// An answer that carries a receipt. The gateway stores answers without it and adds it when it sends one. A client may
/// take the receipt out to keep it.
pub trait HasReceipt: Message + Default {
    /// The receipt of the answer.
    fn receipt_mut(&mut self) -> &mut Option<v1::Receipt>;
}

macro_rules! has_receipt {
    ($($answer:ident),+ $(,)?) => {
        $(impl HasReceipt for v1::$answer {
            fn receipt_mut(&mut self) -> &mut Option<v1::Receipt> {
                &mut self.receipt
            }
        })+
    };
}

has_receipt!(
    LodgeDetainerResponse,
    AcknowledgeDetainerResponse,
    AnswerDetainerResponse,
    AmendDetainerResponse,
    VerifyWarrantResponse,
    RecordServiceOfCopyResponse,
    RequestInterviewResponse,
    AnswerInterviewResponse,
    WithdrawInterviewResponse,
    RaiseCitizenshipClaimResponse,
    ResolveCitizenshipClaimResponse,
    WithdrawDetainerResponse,
    OpenCustodyResponse,
    ScheduleReleaseResponse,
    RecordReleaseResponse,
    RecordReleaseEligibilityResponse,
    UpdateChargesResponse,
    CorrectIdentityResponse,
    MoveCustodyResponse,
    AcceptMoveResponse,
    DeclineMoveResponse,
    WithdrawMoveResponse,
    RescheduleReleaseResponse,
    CancelReleaseResponse,
    CloseCustodyResponse,
    ReopenCustodyResponse,
    ExpungeCustodyResponse,
    OfferWindowResponse,
    AcceptWindowResponse,
    DeclineWindowResponse,
    ReviseWindowResponse,
    WithdrawWindowResponse,
    ConfirmTransferResponse,
    ReportFailureResponse,
    IssueAppealResponse,
    AnswerAppealResponse,
    ResolveReviewResponse,
    MeetObligationResponse,
    AcknowledgeResponse,
    AcknowledgeParkedResponse,
);
