//! The answers that carry a receipt: every write's.

use crate::wire::{Message, v1};

/// An answer that carries a receipt. The gateway keeps it without and puts one in; a client may take it out to keep.
pub trait HasReceipt: Message + Default {
    /// Where the receipt is.
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
    RaiseCitizenshipClaimResponse,
    ResolveCitizenshipClaimResponse,
    WithdrawDetainerResponse,
    OpenCustodyResponse,
    ScheduleReleaseResponse,
    RecordReleaseResponse,
    UpdateChargesResponse,
    CorrectIdentityResponse,
    MoveCustodyResponse,
    RescheduleReleaseResponse,
    CancelReleaseResponse,
    CloseCustodyResponse,
    ReopenCustodyResponse,
    OfferWindowResponse,
    AcceptWindowResponse,
    DeclineWindowResponse,
    ConfirmTransferResponse,
    ReportFailureResponse,
    IssueAppealResponse,
    AnswerAppealResponse,
    ResolveReviewResponse,
    MeetObligationResponse,
    AcknowledgeResponse,
    AcknowledgeParkedResponse,
);
