//! What becomes of a write in a plan, and why a plan is given up.

use crate::domain::decide::Refusal;
use crate::domain::ids::LogName;
use crate::domain::inbox;
use crate::policy::gate::Denial;
use crate::random::NoRandomness;
use crate::wire::wire_walk::MessageError;

/// What became of one write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Recorded here, now or earlier.
    Recorded {
        /// In which log.
        log: LogName,
        /// At which position.
        index: u64,
        /// Before this batch: its receipt stands against an older checkpoint.
        replayed: bool,
    },
    /// Not recorded.
    Rejected(Rejection),
}

/// Why a write is not recorded. The rest of its batch is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rejection {
    /// The gate did not let it pass.
    Denied(Denial),
    /// The rules of the case do not allow it.
    Refused(Refusal),
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

/// A fault of ours, on which the batch is given up before anything is written.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// No randomness.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// An event that the contract has no class for.
    #[error("an event cannot be split: {0}")]
    Shape(#[from] MessageError),
    /// A log that was not opened.
    #[error("the log {0} is not open")]
    NotOpen(LogName),
    /// The pseudonym of nobody is none.
    #[error("an entry of the gateway's own cannot be attributed")]
    NoOfficer,
}
