//! What the writer answers to a write that is durable.

use crate::domain::ids::LogName;
use crate::ledger::Receipt;

/// A write that is durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recorded {
    /// In the batch just committed.
    Now {
        /// In which log.
        log: LogName,
        /// At which position.
        index: u64,
        /// The leaf's bytes.
        leaf: Vec<u8>,
        /// The receipt. The thread that answers the caller writes it as text: there are more such threads than writers.
        receipt: Receipt,
        /// The encoded answer, without its receipt.
        answer: Vec<u8>,
    },
    /// In an earlier batch. Its answer is read from the store.
    Earlier {
        /// In which log.
        log: LogName,
        /// At which position.
        index: u64,
    },
}
