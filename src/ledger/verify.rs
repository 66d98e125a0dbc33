//! Verifies a whole log offline, from its first byte to its newest checkpoint.

use super::checkpoint::Checkpoint;
use super::key::VerifierKey;
use super::merkle::leaf_hash;
use super::tree::Tree;
use super::verified::VerifiedLog;
use super::verify_error::VerifyError;

/// Reads a log in order, from its first entry to its last, with its checkpoints in between.
///
/// Keeps every hash of the tree, 64 bytes per entry, so that receipts and kept checkpoints of any size can be compared
/// afterwards.
#[derive(Debug)]
pub struct LogVerifier {
    origin: String,
    keys: Vec<VerifierKey>,
    // INVARIANT: its changed tiles are never taken, so it drops none.
    tree: Tree,
    /// The size of the last checkpoint that was valid.
    covered: Option<u64>,
}

impl LogVerifier {
    /// Begins with the first entry of the log `origin`, whose checkpoints `keys` may sign.
    pub fn new(origin: &str, keys: Vec<VerifierKey>) -> Self {
        Self { origin: origin.to_owned(), keys, tree: Tree::empty(), covered: None }
    }

    /// Takes the next entry as stored, and returns its index.
    pub fn entry(&mut self, entry: &[u8]) -> u64 {
        self.tree.append(leaf_hash(entry))
    }

    /// Entries taken so far.
    pub fn size(&self) -> u64 {
        self.tree.size()
    }

    /// The size at which a stored checkpoint must be given: take entries until [`LogVerifier::size`] reaches it. An
    /// error if the checkpoint is invalid, or covers no more than is covered already.
    pub fn expects(&self, note: &str) -> Result<u64, VerifyError> {
        self.open_next(note).map(|checkpoint| checkpoint.size())
    }

    /// Checks a stored checkpoint against all entries taken so far. It must be signed over exactly these, and over more
    /// than the previous checkpoint.
    pub fn checkpoint(&mut self, note: &str) -> Result<Checkpoint, VerifyError> {
        let checkpoint = self.open_next(note)?;
        if checkpoint.size() != self.size() {
            return Err(self.out_of_order(&checkpoint));
        }
        self.check_root(&checkpoint)?;
        self.covered = Some(checkpoint.size());
        Ok(checkpoint)
    }

    /// Ends the log. Its head must cover every entry taken; it may be the last checkpoint given before.
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
            // Two roots were signed for one size, and the other one is valid.
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
