//! What an agency may submit.

use crate::domain::custody::{ActualRelease, Intake, ScheduledRelease};
use crate::domain::detainer::{Acknowledgement, Answer, LiftReason, Request};
use crate::domain::ids::{CaseName, ConsumerId, RequestId};
use crate::domain::inbox::Place;
use crate::domain::vocabulary::vocabulary;

vocabulary! {
    /// A write, by the name its entry bears.
    pub enum Method {
        /// `DetainerService/LodgeDetainer`.
        LodgeDetainer = "lodge-detainer",
        /// `DetainerService/AcknowledgeDetainer`.
        AcknowledgeDetainer = "acknowledge-detainer",
        /// `DetainerService/AnswerDetainer`.
        AnswerDetainer = "answer-detainer",
        /// `DetainerService/WithdrawDetainer`.
        WithdrawDetainer = "withdraw-detainer",
        /// `CustodyService/OpenCustody`.
        OpenCustody = "open-custody",
        /// `CustodyService/ScheduleRelease`.
        ScheduleRelease = "schedule-release",
        /// `CustodyService/RecordRelease`.
        RecordRelease = "record-release",
        /// `InboxService/Acknowledge`.
        AcknowledgeInbox = "acknowledge-inbox",
        /// `InboxService/AcknowledgeParked`.
        AcknowledgeParked = "acknowledge-parked",
    }
}

impl Method {
    /// Service and method, as policies and entries name it.
    pub fn rpc(self) -> &'static str {
        match self {
            Self::LodgeDetainer => "DetainerService/LodgeDetainer",
            Self::AcknowledgeDetainer => "DetainerService/AcknowledgeDetainer",
            Self::AnswerDetainer => "DetainerService/AnswerDetainer",
            Self::WithdrawDetainer => "DetainerService/WithdrawDetainer",
            Self::OpenCustody => "CustodyService/OpenCustody",
            Self::ScheduleRelease => "CustodyService/ScheduleRelease",
            Self::RecordRelease => "CustodyService/RecordRelease",
            Self::AcknowledgeInbox => "InboxService/Acknowledge",
            Self::AcknowledgeParked => "InboxService/AcknowledgeParked",
        }
    }
}

/// A command upon a case, parsed and valid in itself.
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
    },
    /// Say what will be done.
    AnswerDetainer {
        /// Which detainer.
        detainer: CaseName,
        /// The answer.
        answer: Answer,
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
    },
}

impl CaseCommand {
    /// The method that carries it.
    pub fn method(&self) -> Method {
        match self {
            Self::LodgeDetainer(_) => Method::LodgeDetainer,
            Self::AcknowledgeDetainer { .. } => Method::AcknowledgeDetainer,
            Self::AnswerDetainer { .. } => Method::AnswerDetainer,
            Self::WithdrawDetainer { .. } => Method::WithdrawDetainer,
            Self::OpenCustody(_) => Method::OpenCustody,
            Self::ScheduleRelease { .. } => Method::ScheduleRelease,
            Self::RecordRelease { .. } => Method::RecordRelease,
        }
    }

    /// The case it is upon; none where it makes one.
    pub fn target(&self) -> Option<&CaseName> {
        match self {
            Self::LodgeDetainer(_) | Self::OpenCustody(_) => None,
            Self::AcknowledgeDetainer { detainer, .. }
            | Self::AnswerDetainer { detainer, .. }
            | Self::WithdrawDetainer { detainer, .. } => Some(detainer),
            Self::ScheduleRelease { custody, .. } | Self::RecordRelease { custody, .. } => Some(custody),
        }
    }

    /// Every case named in it.
    pub fn names(&self) -> impl Iterator<Item = &CaseName> {
        let linked = match self {
            Self::AcknowledgeDetainer { acknowledgement, .. } => acknowledgement.custody.as_ref(),
            Self::LodgeDetainer(_)
            | Self::AnswerDetainer { .. }
            | Self::WithdrawDetainer { .. }
            | Self::OpenCustody(_)
            | Self::ScheduleRelease { .. }
            | Self::RecordRelease { .. } => None,
        };
        self.target().into_iter().chain(linked)
    }
}

/// A write: a client's request id, bound to the decoded request, and what is asked.
#[derive(Debug, Clone)]
pub struct Command {
    /// The client's key.
    pub request_id: RequestId,
    /// HMAC of method and canonical decoded request, under a key of the gateway.
    pub request_digest: [u8; 32],
    /// If given, must be that of the resource as the caller sees it.
    pub etag: Option<String>,
    /// What is asked.
    pub action: Action,
}

/// What a write does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Moves a case.
    Case(Box<CaseCommand>),
    /// Confirms delivery of everything in the caller's inbox before these positions.
    AcknowledgeInbox {
        /// To which of its consumers.
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
        /// For which of the caller's consumers.
        consumer: ConsumerId,
        /// The entry.
        entry: Place,
    },
}

impl Action {
    /// The method that carries it.
    pub fn method(&self) -> Method {
        match self {
            Self::Case(command) => command.method(),
            Self::AcknowledgeInbox { .. } => Method::AcknowledgeInbox,
            Self::AcknowledgeParked { .. } => Method::AcknowledgeParked,
        }
    }
}
