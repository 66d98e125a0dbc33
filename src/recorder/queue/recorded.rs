//! What a write that is durable is answered with.

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
        /// What proves it. As text it is written by whoever answers: there are more of them than writers.
        receipt: Receipt,
        /// The encoded answer, without its receipt.
        answer: Vec<u8>,
    },
    /// In an earlier batch, from where its answer is read again.
    Earlier {
        /// In which log.
        log: LogName,
        /// At which position.
        index: u64,
    },
}
