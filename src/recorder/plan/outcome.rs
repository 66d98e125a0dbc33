//! The outcome of a write in a plan, and why a plan is given up.

use crate::domain::booking::Booked;
use crate::domain::decide::Refusal;
use crate::domain::ids::LogName;
use crate::domain::inbox;
use crate::policy::gate::Denial;
use crate::random::NoRandomness;
use crate::wire::wire_walk::MessageError;

/// The outcome of one write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is recorded, now or earlier.
    Recorded {
        /// The log of its first entry.
        log: LogName,
        /// The position of that entry.
        index: u64,
        /// It was recorded before this batch, so its receipt names an older checkpoint.
        replayed: bool,
    },
    /// It is not recorded.
    Rejected(Rejection),
}

/// Why a write is not recorded. The rest of its batch is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rejection {
    /// The gate did not let it pass.
    Denied(Denial),
    /// The rules of the case do not allow it.
    Refused(Refusal),
    /// An open custody of the caller's has the booking number.
    AlreadyBooked(Booked),
    /// The caller has seen an older state.
    EtagMismatch,
    /// The request id was used with another command.
    RequestIdReused,
    /// The positions of the caller's inbox do not allow it.
    Inbox(inbox::Refusal),
}

/// Why a write adds nothing to its batch.
#[derive(Debug)]
pub(in crate::recorder) enum NotRecorded {
    /// It is not recorded.
    Rejected(Rejection),
    /// Its batch is given up.
    Failed(PlanError),
}

impl From<Rejection> for NotRecorded {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

impl From<PlanError> for NotRecorded {
    fn from(error: PlanError) -> Self {
        Self::Failed(error)
    }
}

/// A fault of the gateway's own, after which the batch is given up before anything is written.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// No randomness.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// The contract has no class for a field of an event.
    #[error("an event cannot be split: {0}")]
    Shape(#[from] MessageError),
    /// The log was not recovered at the start.
    #[error("the log {0} is not open")]
    NotOpen(LogName),
    /// The pseudonym of entries without an officer is not valid.
    #[error("an entry of the gateway's own cannot be attributed")]
    NoOfficer,
}
