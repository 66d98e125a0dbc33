//! Where a log is broken, and how.

use super::checkpoint::CheckpointError;
use super::receipt::ReceiptError;

/// Where a log is broken. `first_index` is the first entry that nothing vouches for any more; all entries before it are
/// intact.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// A stored checkpoint was changed, or is of another log or key.
    #[error("broken from entry {first_index}: the next checkpoint is not valid")]
    Checkpoint {
        /// The first entry that only this checkpoint would vouch for.
        first_index: u64,
        /// What is wrong with it.
        source: CheckpointError,
    },
    /// A checkpoint is not at the log's size: an entry or a checkpoint is missing, repeated or displaced.
    #[error("broken from entry {first_index}: a checkpoint over {found} entries came after {size}")]
    OutOfOrder {
        /// The first entry that no checkpoint has vouched for.
        first_index: u64,
        /// Entries read so far.
        size: u64,
        /// The size in the checkpoint.
        found: u64,
    },
    /// An entry up to the checkpoint was changed.
    #[error("broken from entry {first_index}: an entry before {size} is not what was signed")]
    Root {
        /// The first entry after the last valid checkpoint. The changed entry is this one or a later one.
        first_index: u64,
        /// The size of the invalid checkpoint. The changed entry is before it.
        size: u64,
    },
    /// The newest checkpoint does not cover the last entries.
    #[error("broken from entry {first_index}: the newest checkpoint covers none of the last entries of {size}")]
    Uncovered {
        /// The first entry that is not covered.
        first_index: u64,
        /// Entries in the log.
        size: u64,
    },
    /// A signed checkpoint covers more entries than there are.
    #[error("broken from entry {first_index}: the tail was cut, {signed_size} entries were signed")]
    TailCut {
        /// The first missing entry, which is also the number of entries left.
        first_index: u64,
        /// Entries that once were in the log.
        signed_size: u64,
    },
    /// The kept checkpoint itself is invalid. This says nothing about the log.
    #[error("the kept checkpoint is not valid")]
    Kept(#[source] CheckpointError),
    /// A kept checkpoint has another root at its size: the log was rewritten or forked.
    #[error("the first {size} entries are not those that a kept checkpoint was signed over")]
    Rewritten {
        /// The size of the kept checkpoint.
        size: u64,
    },
    /// A receipt is not valid in this log.
    #[error("the receipt of entry {index} does not hold")]
    Receipt {
        /// The entry it is about.
        index: u64,
        /// What is wrong with it.
        source: ReceiptError,
    },
}
