//! A verified log, and checks of what others hold of it: kept checkpoints and receipts.

use super::checkpoint::Checkpoint;
use super::hash::Hash;
use super::key::VerifierKey;
use super::proof::{ProofError, verify_inclusion};
use super::receipt::Receipt;
use super::tree::Tree;
use super::verify_error::VerifyError;

/// A log that was read whole and found intact, to be compared with what others hold of it.
#[derive(Debug)]
pub struct VerifiedLog {
    origin: String,
    keys: Vec<VerifierKey>,
    tree: Tree,
    head: Checkpoint,
}

impl VerifiedLog {
    /// Called only by [`LogVerifier::finish`](super::LogVerifier::finish).
    pub(super) fn new(origin: String, keys: Vec<VerifierKey>, tree: Tree, head: Checkpoint) -> Self {
        Self { origin, keys, tree, head }
    }

    /// The newest checkpoint, which covers every entry.
    pub fn head(&self) -> &Checkpoint {
        &self.head
    }

    /// The hash of entry `index`, if there is one.
    pub fn leaf(&self, index: u64) -> Option<Hash> {
        self.tree.leaf(index)
    }

    /// Compares with a checkpoint that was kept elsewhere: this log must begin with the entries that it was signed
    /// over. This reveals what the log alone cannot: a tail that was cut off together with its checkpoints.
    pub fn against(&self, kept: &str) -> Result<Checkpoint, VerifyError> {
        let kept = Checkpoint::open_received(kept, &self.origin, &self.keys).map_err(VerifyError::Kept)?;
        self.contains(&kept)?;
        Ok(kept)
    }

    /// Checks a receipt: it must verify for the entry at its index, and its checkpoint must be one of this log.
    pub fn receipt(&self, receipt: &Receipt) -> Result<Checkpoint, VerifyError> {
        let index = receipt.index;
        let refuse = |source| VerifyError::Receipt { index, source };
        let signed = Checkpoint::open_received(&receipt.checkpoint, &self.origin, &self.keys)
            .map_err(|error| refuse(error.into()))?;
        // Before the proof: a receipt of a lost entry is the evidence that the tail was cut.
        self.contains(&signed)?;
        let size = signed.size();
        let leaf = self.leaf(index).ok_or(ProofError::Outside { index, size });
        leaf.and_then(|leaf| verify_inclusion(leaf, index, size, &receipt.proof, signed.root()))
            .map_err(|error| refuse(error.into()))?;
        Ok(signed)
    }

    fn contains(&self, signed: &Checkpoint) -> Result<(), VerifyError> {
        let size = signed.size();
        if size > self.tree.size() {
            return Err(VerifyError::TailCut { first_index: self.tree.size(), signed_size: size });
        }
        if self.tree.root_at(size) != Some(signed.root()) {
            return Err(VerifyError::Rewritten { size });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::oracle::{Log, ORIGIN, entry};
    use crate::ledger::{LogVerifier, ReceiptError, Signer, leaf_hash};

    #[test]
    fn a_sound_log_verifies_with_all_its_receipts() {
        let log = Log::of(&[1, 5, 300, 2]);
        let sound = log.verify().unwrap();
        assert_eq!(sound.head().size(), 308);
        assert_eq!(sound.leaf(307), Some(leaf_hash(&entry(307))));
        assert_eq!(sound.leaf(308), None);
        for receipt in &log.receipts {
            assert!(sound.receipt(receipt).is_ok());
        }
        for checkpoint in &log.checkpoints {
            assert!(sound.against(checkpoint).is_ok());
        }
    }

    #[test]
    fn a_cut_tail_is_found_by_whoever_kept_a_checkpoint_or_a_receipt() {
        let log = Log::of(&[1, 5, 3]);
        let mut cut = log.clone();
        cut.entries.truncate(6);
        cut.checkpoints.truncate(2);
        let sound = cut.verify().unwrap();
        let tail_cut = VerifyError::TailCut { first_index: 6, signed_size: 9 };
        assert_eq!(sound.against(&log.checkpoints[2]), Err(tail_cut.clone()));
        assert_eq!(sound.receipt(&log.receipts[7]), Err(tail_cut.clone()));
        assert!(sound.receipt(&log.receipts[5]).is_ok());
        let mut verifier = LogVerifier::new(ORIGIN, log.keys.clone());
        for entry in &cut.entries {
            verifier.entry(entry);
        }
        assert_eq!(verifier.finish(&log.checkpoints[2]).unwrap_err(), tail_cut);
    }

    #[test]
    fn a_log_rewritten_and_signed_anew_is_found_by_a_kept_checkpoint() {
        let (signer, _) = Signer::generate(ORIGIN).unwrap();
        let keys = vec![signer.verifier().clone()];
        let head = |entries: &[&[u8]]| {
            let mut verifier = LogVerifier::new(ORIGIN, keys.clone());
            let mut tree = Tree::empty();
            for entry in entries {
                verifier.entry(entry);
                tree.append(leaf_hash(entry));
            }
            let head = Checkpoint::new(ORIGIN, tree.size(), tree.root()).unwrap();
            let head = head.sign(&signer).unwrap();
            (verifier, head)
        };
        let (_, kept) = head(&[b"a", b"b"]);
        let (verifier, rewritten) = head(&[b"a", b"c", b"d"]);
        let sound = verifier.finish(&rewritten).unwrap();
        assert_eq!(sound.against(&kept), Err(VerifyError::Rewritten { size: 2 }));
        let (mut verifier, other) = head(&[b"a", b"c"]);
        verifier.checkpoint(&other).unwrap();
        let two_heads = verifier.finish(&kept).unwrap_err();
        assert_eq!(two_heads, VerifyError::Rewritten { size: 2 });
    }

    #[test]
    fn a_receipt_of_another_entry_does_not_hold() {
        let log = Log::of(&[1, 5, 3]);
        let sound = log.verify().unwrap();
        let mut receipt = log.receipts[4].clone();
        receipt.index = 5;
        let source = ReceiptError::Proof(ProofError::Root);
        let broken = VerifyError::Receipt { index: 5, source };
        assert_eq!(sound.receipt(&receipt), Err(broken));
        receipt.index = 6;
        let source = ReceiptError::Proof(ProofError::Outside { index: 6, size: 6 });
        let broken = VerifyError::Receipt { index: 6, source };
        assert_eq!(sound.receipt(&receipt), Err(broken));
        assert!(matches!(sound.against("no note"), Err(VerifyError::Kept(_))));
    }
}
