//! Checks a whole log offline, from its first byte to its newest checkpoint.

use super::checkpoint::{Checkpoint, CheckpointError};
use super::key::VerifierKey;
use super::merkle::leaf_hash;
use super::receipt::ReceiptError;
use super::tree::Tree;
use super::verified::VerifiedLog;

/// Where a log is broken. `first_index` is the first entry that no longer can be vouched for; all before it are sound.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// A stored checkpoint was changed, or is of another log or key.
    #[error("broken from entry {first_index}: the next checkpoint is not valid")]
    Checkpoint {
        /// The first entry that only this checkpoint could vouch for.
        first_index: u64,
        /// What is wrong with it.
        source: CheckpointError,
    },
    /// A checkpoint did not come when the log had its size: an entry or a checkpoint is missing, repeated or displaced.
    #[error("broken from entry {first_index}: a checkpoint over {found} entries came after {size}")]
    OutOfOrder {
        /// The first entry that no checkpoint has vouched for.
        first_index: u64,
        /// Entries read so far.
        size: u64,
        /// The size the checkpoint has.
        found: u64,
    },
    /// An entry up to the checkpoint was changed.
    #[error("broken from entry {first_index}: an entry before {size} is not what was signed")]
    Root {
        /// The first entry after the last good checkpoint: the changed one is this, or one of those after it.
        first_index: u64,
        /// The size of the checkpoint that no longer holds; the changed entry is before this.
        size: u64,
    },
    /// Entries were added that the newest checkpoint does not cover.
    #[error("broken from entry {first_index}: the newest checkpoint covers none of the last entries of {size}")]
    Uncovered {
        /// The first entry that is not covered.
        first_index: u64,
        /// Entries in the log.
        size: u64,
    },
    /// A signed checkpoint tells of more entries than there are.
    #[error("broken from entry {first_index}: the tail was cut, {signed_size} entries were signed")]
    TailCut {
        /// The first entry that is missing, which is also the number of entries left.
        first_index: u64,
        /// Entries that once were in the log.
        signed_size: u64,
    },
    /// The kept checkpoint itself is no good; this says nothing about the log.
    #[error("the kept checkpoint is not valid")]
    Kept(#[source] CheckpointError),
    /// A kept checkpoint of this log has another root at its size: the log was rewritten, or forked.
    #[error("the first {size} entries are not those that a kept checkpoint was signed over")]
    Rewritten {
        /// The size of the kept checkpoint.
        size: u64,
    },
    /// A receipt does not hold in this log.
    #[error("the receipt of entry {index} does not hold")]
    Receipt {
        /// The entry it is about.
        index: u64,
        /// What is wrong with it.
        source: ReceiptError,
    },
}

/// Reads a log from its first entry to its last, in order, and its checkpoints in between.
///
/// It keeps every hash of the tree, 64 bytes an entry, so that receipts and kept checkpoints of any size can be
/// compared afterwards.
#[derive(Debug)]
pub struct LogVerifier {
    origin: String,
    keys: Vec<VerifierKey>,
    // INVARIANT: never asked for its changed tiles, so that it lets none go.
    tree: Tree,
    /// The size of the last checkpoint that held.
    covered: Option<u64>,
}

impl LogVerifier {
    /// Begins with the first entry of the log `origin`, whose checkpoints `keys` may sign.
    pub fn new(origin: &str, keys: Vec<VerifierKey>) -> Self {
        Self { origin: origin.to_owned(), keys, tree: Tree::empty(), covered: None }
    }

    /// Takes the next entry, as stored, and tells its index.
    pub fn entry(&mut self, entry: &[u8]) -> u64 {
        self.tree.append(leaf_hash(entry))
    }

    /// Entries taken so far.
    pub fn size(&self) -> u64 {
        self.tree.size()
    }

    /// The size at which a stored checkpoint has to be given: take entries until [`LogVerifier::size`] is that. An
    /// error if it is not valid, or no more than what is covered already.
    pub fn expects(&self, note: &str) -> Result<u64, VerifyError> {
        self.open_next(note).map(|checkpoint| checkpoint.size())
    }

    /// Checks a stored checkpoint against all entries taken so far. They must be exactly those it was signed over, and
    /// more than the checkpoint before was.
    pub fn checkpoint(&mut self, note: &str) -> Result<Checkpoint, VerifyError> {
        let checkpoint = self.open_next(note)?;
        if checkpoint.size() != self.size() {
            return Err(self.out_of_order(&checkpoint));
        }
        self.check_root(&checkpoint)?;
        self.covered = Some(checkpoint.size());
        Ok(checkpoint)
    }

    /// Ends the reading: the log's head must cover every entry taken. The head may be the last checkpoint given before.
    pub fn finish(self, head: &str) -> Result<VerifiedLog, VerifyError> {
        let head = self.open(head)?;
        let size = self.size();
        if head.size() < size {
            let first_index = head.size();
            return Err(VerifyError::Uncovered { first_index, size });
        }
        if head.size() > size {
            return Err(VerifyError::TailCut { first_index: size, signed_size: head.size() });
        }
        self.check_root(&head)?;
        Ok(VerifiedLog::new(self.origin, self.keys, self.tree, head))
    }

    fn open(&self, note: &str) -> Result<Checkpoint, VerifyError> {
        Checkpoint::open(note, &self.origin, &self.keys).map_err(|source| {
            let first_index = self.covered.unwrap_or(0);
            VerifyError::Checkpoint { first_index, source }
        })
    }

    fn open_next(&self, note: &str) -> Result<Checkpoint, VerifyError> {
        let checkpoint = self.open(note)?;
        if self.covered.is_some_and(|covered| checkpoint.size() <= covered) {
            return Err(self.out_of_order(&checkpoint));
        }
        Ok(checkpoint)
    }

    fn check_root(&self, checkpoint: &Checkpoint) -> Result<(), VerifyError> {
        if checkpoint.root() == self.tree.root() {
            return Ok(());
        }
        let size = checkpoint.size();
        let first_index = self.covered.unwrap_or(0);
        if first_index == size {
            // Two roots were signed for one size, and the other one holds.
            return Err(VerifyError::Rewritten { size });
        }
        Err(VerifyError::Root { first_index, size })
    }

    fn out_of_order(&self, checkpoint: &Checkpoint) -> VerifyError {
        VerifyError::OutOfOrder { first_index: self.covered.unwrap_or(0), size: self.size(), found: checkpoint.size() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::oracle::Log;

    #[test]
    fn every_changed_entry_is_found_at_its_batch() {
        let log = Log::of(&[1, 5, 3]);
        let expected = [(0, 1), (1, 6), (1, 6), (1, 6), (1, 6), (1, 6), (6, 9), (6, 9), (6, 9)];
        for (place, (first_index, size)) in expected.into_iter().enumerate() {
            let mut changed = log.clone();
            changed.entries[place][7] ^= 1;
            assert_eq!(changed.broken(), VerifyError::Root { first_index, size });
            changed = log.clone();
            changed.entries.remove(place);
            let broken = changed.broken();
            if first_index == 6 {
                let moved = VerifyError::OutOfOrder { first_index, size: 8, found: 9 };
                assert_eq!(broken, moved);
            } else {
                assert_eq!(broken, VerifyError::Root { first_index, size });
            }
        }
    }

    #[test]
    fn a_changed_missing_or_displaced_checkpoint_is_found() {
        let log = Log::of(&[1, 5, 3]);
        let mut changed = log.clone();
        changed.checkpoints[1] = changed.checkpoints[1].replace("\n6\n", "\n7\n");
        assert!(matches!(changed.broken(), VerifyError::Checkpoint { first_index: 1, .. }));
        changed = log.clone();
        changed.checkpoints.swap(0, 1);
        let displaced = VerifyError::OutOfOrder { first_index: 6, size: 6, found: 1 };
        assert_eq!(changed.broken(), displaced);
        changed = log.clone();
        changed.checkpoints.push(log.checkpoints[2].clone());
        let repeated = VerifyError::OutOfOrder { first_index: 9, size: 9, found: 9 };
        assert_eq!(changed.broken(), repeated);
        changed = log.clone();
        changed.checkpoints.pop();
        assert_eq!(changed.broken(), VerifyError::Uncovered { first_index: 6, size: 9 });
        changed = Log::of(&[1, 5, 3]);
        changed.checkpoints = log.checkpoints;
        assert!(matches!(changed.broken(), VerifyError::Checkpoint { first_index: 0, .. }));
    }

    #[test]
    fn a_log_without_entries_verifies() {
        let log = Log::of(&[0]);
        let verified = log.verify().unwrap();
        assert_eq!(verified.head().size(), 0);
        assert!(verified.against(&log.checkpoints[0]).is_ok());
    }
}
