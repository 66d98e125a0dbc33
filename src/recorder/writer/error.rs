//! Why the writer stopped.

use crate::domain::ids::LogName;
use crate::ledger::CheckpointError;
use crate::recorder::plan::outcome::PlanError;
use crate::store::StoreError;

/// Why the writer stopped.
#[derive(Debug, thiserror::Error)]
pub enum RecorderError {
    /// The store failed. Only a restart can find out whether the last batch is durable.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A batch could not be planned.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A checkpoint could not be signed.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The tree could not prove what was just appended.
    #[error("an entry of the batch cannot be proven")]
    NoProof,
    /// The stored head does not fit the newest checkpoint.
    #[error("the head of {0} is not the one that was signed")]
    HeadNotSigned(LogName),
    /// The writer's thread could not be started.
    #[error("the writer's thread could not be started: {0}")]
    Thread(#[from] std::io::Error),
}
