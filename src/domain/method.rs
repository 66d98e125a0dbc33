//! The methods that write and those that read, as policies, entries and the account of disclosures name them.

use crate::domain::vocabulary::vocabulary;

/// The path prefix of the contract's own services.
const OWN: &str = "/comity.v1.";

/// The service and method of a path, as `DetainerService/LodgeDetainer`. `None`: the path is not of the contract.
/// Whether the method exists is not checked.
pub fn own_at(path: &str) -> Option<&str> {
    path.strip_prefix(OWN)
}

/// The method that a policy is asked of: whoever may call a method may also send many of its requests over one stream. So a
/// rule about single calls holds for bulk streams too, and there is none that could allow one and forget the other.
pub fn admitted_as(method: &str) -> &str {
    match method {
        "DetainerService/LodgeDetainers" => Method::LodgeDetainer.rpc(),
        "DetainerService/AcknowledgeDetainers" => Method::AcknowledgeDetainer.rpc(),
        "DetainerService/AnswerDetainers" => Method::AnswerDetainer.rpc(),
        "CustodyService/RecordReleases" => Method::RecordRelease.rpc(),
        single => single,
    }
}

vocabulary! {
    /// The methods that write.
    pub enum Method {
        /// `DetainerService/LodgeDetainer`.
        LodgeDetainer = "lodge-detainer",
        /// `DetainerService/AcknowledgeDetainer`.
        AcknowledgeDetainer = "acknowledge-detainer",
        /// `DetainerService/AnswerDetainer`.
        AnswerDetainer = "answer-detainer",
        /// `DetainerService/WithdrawDetainer`.
        WithdrawDetainer = "withdraw-detainer",
        /// `DetainerService/RequestInterview`.
        RequestInterview = "request-interview",
        /// `DetainerService/AnswerInterview`.
        AnswerInterview = "answer-interview",
        /// `DetainerService/WithdrawInterview`.
        WithdrawInterview = "withdraw-interview",
        /// `CustodyService/OpenCustody`.
        OpenCustody = "open-custody",
        /// `CustodyService/ScheduleRelease`.
        ScheduleRelease = "schedule-release",
        /// `CustodyService/RecordRelease`.
        RecordRelease = "record-release",
        /// `DetainerService/AmendDetainer`.
        AmendDetainer = "amend-detainer",
        /// `DetainerService/RecordServiceOfCopy`.
        RecordServiceOfCopy = "record-service-of-copy",
        /// `DetainerService/RaiseCitizenshipClaim`.
        RaiseCitizenshipClaim = "raise-citizenship-claim",
        /// `DetainerService/ResolveCitizenshipClaim`.
        ResolveCitizenshipClaim = "resolve-citizenship-claim",
        /// `CustodyService/RecordReleaseEligibility`.
        RecordReleaseEligibility = "record-release-eligibility",
        /// `CustodyService/UpdateCharges`.
        UpdateCharges = "update-charges",
        /// `CustodyService/CorrectIdentity`.
        CorrectIdentity = "correct-identity",
        /// `CustodyService/MoveCustody`.
        MoveCustody = "move-custody",
        /// `CustodyService/AcceptMove`.
        AcceptMove = "accept-move",
        /// `CustodyService/DeclineMove`.
        DeclineMove = "decline-move",
        /// `CustodyService/WithdrawMove`.
        WithdrawMove = "withdraw-move",
        /// `CustodyService/RescheduleRelease`.
        RescheduleRelease = "reschedule-release",
        /// `CustodyService/CancelRelease`.
        CancelRelease = "cancel-release",
        /// `CustodyService/CloseCustody`.
        CloseCustody = "close-custody",
        /// `CustodyService/ReopenCustody`.
        ReopenCustody = "reopen-custody",
        /// `CustodyService/ExpungeCustody`.
        ExpungeCustody = "expunge-custody",
        /// `TransferService/OfferWindow`.
        OfferWindow = "offer-window",
        /// `TransferService/AcceptWindow`.
        AcceptWindow = "accept-window",
        /// `TransferService/DeclineWindow`.
        DeclineWindow = "decline-window",
        /// `TransferService/ConfirmTransfer`.
        ConfirmTransfer = "confirm-transfer",
        /// `TransferService/ReviseWindow`.
        ReviseWindow = "revise-window",
        /// `TransferService/WithdrawWindow`.
        WithdrawWindow = "withdraw-window",
        /// `TransferService/ReportFailure`.
        ReportFailure = "report-failure",
        /// `AppealService/IssueAppeal`.
        IssueAppeal = "issue-appeal",
        /// `AppealService/AnswerAppeal`.
        AnswerAppeal = "answer-appeal",
        /// `ReviewService/ResolveReview`.
        ResolveReview = "resolve-review",
        /// `ObligationService/MeetObligation`.
        MeetObligation = "meet-obligation",
        /// `DetainerService/VerifyWarrant`.
        VerifyWarrant = "verify-warrant",
        /// `InboxService/Acknowledge`.
        AcknowledgeInbox = "acknowledge-inbox",
        /// `InboxService/AcknowledgeParked`.
        AcknowledgeParked = "acknowledge-parked",
    }
}

impl Method {
    /// Service and method, as policies and entries name them.
    pub fn rpc(self) -> &'static str {
        match self {
            Self::LodgeDetainer => "DetainerService/LodgeDetainer",
            Self::AcknowledgeDetainer => "DetainerService/AcknowledgeDetainer",
            Self::AnswerDetainer => "DetainerService/AnswerDetainer",
            Self::WithdrawDetainer => "DetainerService/WithdrawDetainer",
            Self::RequestInterview => "DetainerService/RequestInterview",
            Self::AnswerInterview => "DetainerService/AnswerInterview",
            Self::WithdrawInterview => "DetainerService/WithdrawInterview",
            Self::OpenCustody => "CustodyService/OpenCustody",
            Self::ScheduleRelease => "CustodyService/ScheduleRelease",
            Self::RecordRelease => "CustodyService/RecordRelease",
            Self::AmendDetainer => "DetainerService/AmendDetainer",
            Self::VerifyWarrant => "DetainerService/VerifyWarrant",
            Self::RecordServiceOfCopy => "DetainerService/RecordServiceOfCopy",
            Self::RaiseCitizenshipClaim => "DetainerService/RaiseCitizenshipClaim",
            Self::ResolveCitizenshipClaim => "DetainerService/ResolveCitizenshipClaim",
            Self::RecordReleaseEligibility => "CustodyService/RecordReleaseEligibility",
            Self::UpdateCharges => "CustodyService/UpdateCharges",
            Self::CorrectIdentity => "CustodyService/CorrectIdentity",
            Self::MoveCustody => "CustodyService/MoveCustody",
            Self::AcceptMove => "CustodyService/AcceptMove",
            Self::DeclineMove => "CustodyService/DeclineMove",
            Self::WithdrawMove => "CustodyService/WithdrawMove",
            Self::RescheduleRelease => "CustodyService/RescheduleRelease",
            Self::CancelRelease => "CustodyService/CancelRelease",
            Self::CloseCustody => "CustodyService/CloseCustody",
            Self::ReopenCustody => "CustodyService/ReopenCustody",
            Self::ExpungeCustody => "CustodyService/ExpungeCustody",
            Self::OfferWindow => "TransferService/OfferWindow",
            Self::AcceptWindow => "TransferService/AcceptWindow",
            Self::DeclineWindow => "TransferService/DeclineWindow",
            Self::ConfirmTransfer => "TransferService/ConfirmTransfer",
            Self::ReviseWindow => "TransferService/ReviseWindow",
            Self::WithdrawWindow => "TransferService/WithdrawWindow",
            Self::ReportFailure => "TransferService/ReportFailure",
            Self::IssueAppeal => "AppealService/IssueAppeal",
            Self::AnswerAppeal => "AppealService/AnswerAppeal",
            Self::ResolveReview => "ReviewService/ResolveReview",
            Self::MeetObligation => "ObligationService/MeetObligation",
            Self::AcknowledgeInbox => "InboxService/Acknowledge",
            Self::AcknowledgeParked => "InboxService/AcknowledgeParked",
        }
    }
}

vocabulary! {
    /// The methods that read what a law or an audience may withhold. Each names the purpose of a disclosure. The word is
    /// service and method.
    pub enum ReadMethod {
        /// One detainer.
        GetDetainer = "DetainerService/GetDetainer",
        /// A page of detainers.
        ListDetainers = "DetainerService/ListDetainers",
        /// One custody.
        GetCustody = "CustodyService/GetCustody",
        /// A page of custodies.
        ListCustodies = "CustodyService/ListCustodies",
        /// What a roster says of the detainers and custodies of the custodian that sent it.
        ReconcileRoster = "RosterService/ReconcileRoster",
        /// One appeal.
        GetAppeal = "AppealService/GetAppeal",
        /// A page of appeals.
        ListAppeals = "AppealService/ListAppeals",
        /// A page of the detainers in an appeal.
        ListAppealItems = "AppealService/ListAppealItems",
        /// A page of open reviews.
        ListReviews = "ReviewService/ListReviews",
        /// A page of open obligations.
        ListObligations = "ObligationService/ListObligations",
        /// An inbox.
        Receive = "InboxService/Receive",
        /// One entry.
        GetEntry = "LedgerService/GetEntry",
        /// The entries of a log.
        ListEntries = "LedgerService/ListEntries",
        /// The proof that an entry is in its log.
        ProveInclusion = "LedgerService/ProveInclusion",
        /// The policy set in force.
        GetPolicySet = "PolicyService/GetPolicySet",
        /// What the law would say.
        Evaluate = "PolicyService/Evaluate",
        /// Determinations under another policy set.
        Replay = "PolicyService/Replay",
        /// A report.
        GetReport = "ReportService/GetReport",
        /// What was disclosed of a person's record.
        GetAccounting = "LedgerService/GetAccounting",
    }
}
