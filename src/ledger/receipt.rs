//! Receipts: a complete proof in one text that an entry is in a log (C2SP tlog-proof, version 1).

use std::fmt;

use super::checkpoint::{Checkpoint, CheckpointError, parse_decimal};
use super::hash::Hash;
use super::key::VerifierKey;
use super::note::NOTE_LEN_MAX;
use super::proof::{ProofError, verify_inclusion};

/// Longest receipt that is read, in bytes: the longest proof and the longest checkpoint fit.
pub const RECEIPT_LEN_MAX: usize = NOTE_LEN_MAX + 4 * 1024;

/// The first line (C2SP tlog-proof).
const HEADER: &str = "c2sp.org/tlog-proof@v1\n";

/// Hashes in the longest proof: one for each level of the largest tree.
const PROOF_LEN_MAX: usize = 63;

/// Why a receipt is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// Longer than [`RECEIPT_LEN_MAX`].
    #[error("the receipt has {len} bytes, which is too long")]
    TooLong {
        /// Its length, in bytes.
        len: usize,
    },
    /// It is not a header, an index, hashes, an empty line and a checkpoint.
    #[error("the receipt is malformed: {0}")]
    Malformed(&'static str),
    /// Its checkpoint is refused.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The proof does not lead from the entry to the checkpoint's root.
    #[error(transparent)]
    Proof(#[from] ProofError),
}

/// The promise that an entry is permanently in the log. It prints as C2SP tlog-proof text and verifies offline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The entry's index in the log, from 0.
    pub index: u64,
    /// The inclusion proof in the checkpointed tree, from the entry's sibling up.
    pub proof: Vec<Hash>,
    /// The signed checkpoint, byte for byte.
    pub checkpoint: String,
}

impl Receipt {
    /// Reads a receipt. Only [`Receipt::verify`] proves what it says.
    ///
    /// Refuses an `extra` line: nothing authenticates it, and we write none. So a text that can be read prints back to
    /// itself, byte for byte.
    pub fn parse(text: &str) -> Result<Self, ReceiptError> {
        let len = text.len();
        if len > RECEIPT_LEN_MAX {
            return Err(ReceiptError::TooLong { len });
        }
        let rest = text.strip_prefix(HEADER).ok_or(ReceiptError::Malformed("it does not begin as one"))?;
        let (head, checkpoint) = rest.split_once("\n\n").ok_or(ReceiptError::Malformed("it has no checkpoint"))?;
        let mut lines = head.split('\n');
        let index = lines
            .next()
            .and_then(|line| line.strip_prefix("index "))
            .and_then(parse_decimal)
            .ok_or(ReceiptError::Malformed("its second line is not an index"))?;
        let proof: Option<Vec<Hash>> = lines.map(Hash::from_base64).collect();
        let proof = proof.ok_or(ReceiptError::Malformed("a proof line is not a hash"))?;
        if proof.len() > PROOF_LEN_MAX {
            return Err(ReceiptError::Malformed("its proof is too long"));
        }
        Ok(Self { index, proof, checkpoint: checkpoint.to_owned() })
    }

    /// Checks offline that the entry with the hash `leaf` is in the log `origin`, as signed by one of `keys`. Returns
    /// the checkpoint that proves it. The caller computes `leaf` from the bytes it holds: [`super::leaf_hash`]. Witnesses may
    /// have signed the checkpoint as well.
    pub fn verify(&self, leaf: Hash, origin: &str, keys: &[VerifierKey]) -> Result<Checkpoint, ReceiptError> {
        let head = Checkpoint::open_received(&self.checkpoint, origin, keys)?;
        verify_inclusion(leaf, self.index, head.size(), &self.proof, head.root())?;
        Ok(head)
    }
}

impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut proof = String::with_capacity(self.proof.len() * 45);
        for hash in &self.proof {
            hash.push_base64(&mut proof);
            proof.push('\n');
        }
        write!(f, "{HEADER}index {}\n{proof}\n{}", self.index, self.checkpoint)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ledger::oracle::{ORIGIN, Oracle, leaf};
    use crate::ledger::{NoteError, Signer};

    fn receipt(index: u64, size: u64) -> (Receipt, Vec<VerifierKey>) {
        let (signer, _) = Signer::generate(ORIGIN).unwrap();
        let oracle = Oracle::of(size);
        let head = Checkpoint::new(ORIGIN, size, oracle.root()).unwrap();
        let receipt = Receipt { index, proof: oracle.inclusion(index), checkpoint: head.sign(&signer).unwrap() };
        (receipt, vec![signer.verifier().clone()])
    }

    fn refused(text: &str) -> ReceiptError {
        Receipt::parse(text).unwrap_err()
    }

    #[test]
    fn a_receipt_prints_as_the_specification_has_it() {
        let hash = Hash::from_bytes([0xab; 32]);
        let mut receipt = Receipt { index: 73_894, proof: vec![hash; 2], checkpoint: "origin\n".to_owned() };
        let line = hash.to_base64();
        let text = format!("c2sp.org/tlog-proof@v1\nindex 73894\n{line}\n{line}\n\norigin\n");
        assert_eq!(receipt.to_string(), text);
        receipt.proof.clear();
        let text = "c2sp.org/tlog-proof@v1\nindex 73894\n\norigin\n";
        assert_eq!(receipt.to_string(), text);
        assert_eq!(Receipt::parse(text), Ok(receipt));
    }

    #[test]
    fn a_receipt_verifies_for_its_entry_only() {
        let (receipt, keys) = receipt(5, 300);
        let read = Receipt::parse(&receipt.to_string()).unwrap();
        assert_eq!(read, receipt);
        let head = read.verify(leaf(5), ORIGIN, &keys).unwrap();
        assert_eq!((head.size(), head.origin()), (300, ORIGIN));
        let other = read.verify(leaf(6), ORIGIN, &keys);
        assert_eq!(other, Err(ReceiptError::Proof(ProofError::Root)));
        let unknown = CheckpointError::Note(NoteError::UnknownKey {
            name: ORIGIN.to_owned(),
            id: keys[0].to_string().split('+').nth(1).unwrap().to_owned(),
        });
        assert_eq!(read.verify(leaf(5), ORIGIN, &[]), Err(ReceiptError::Checkpoint(unknown)));
    }

    #[test]
    fn a_receipt_whose_checkpoint_was_cosigned_verifies() {
        let (receipt, keys) = receipt(5, 300);
        for len in [72, 2_428] {
            let line = crate::ledger::note::line("witness.example/w1", [1; 4], &vec![7; len]);
            let cosigned = Receipt { checkpoint: format!("{}{line}", receipt.checkpoint), ..receipt.clone() };
            let read = Receipt::parse(&cosigned.to_string()).unwrap();
            assert_eq!(read.verify(leaf(5), ORIGIN, &keys).unwrap().size(), 300);
            assert!(read.verify(leaf(6), ORIGIN, &keys).is_err());
        }
    }

    #[test]
    fn what_we_never_write_is_not_read() {
        let (receipt, _) = receipt(5, 8);
        let text = receipt.to_string();
        let extra = text.replace("index", "extra AAAA\nindex");
        assert_eq!(refused(&extra), ReceiptError::Malformed("its second line is not an index"));
        for number in ["05", "+5", "", " 5", "5 ", "18446744073709551616"] {
            let text = text.replace("index 5", &format!("index {number}"));
            assert_eq!(refused(&text), ReceiptError::Malformed("its second line is not an index"));
        }
        assert_eq!(refused(""), ReceiptError::Malformed("it does not begin as one"));
        let crlf = text.replace('\n', "\r\n");
        assert_eq!(refused(&crlf), ReceiptError::Malformed("it does not begin as one"));
        let short = text.replacen('=', "", 1);
        assert_eq!(refused(&short), ReceiptError::Malformed("a proof line is not a hash"));
        let long = format!("{text}{}", " ".repeat(RECEIPT_LEN_MAX));
        assert_eq!(refused(&long), ReceiptError::TooLong { len: long.len() });
        let deep = Receipt { proof: vec![leaf(0); PROOF_LEN_MAX + 1], ..receipt };
        assert_eq!(refused(&deep.to_string()), ReceiptError::Malformed("its proof is too long"));
    }

    #[test]
    fn every_flipped_bit_of_a_receipt_is_found() {
        let (receipt, keys) = receipt(41, 100);
        let text = receipt.to_string();
        for place in 0..text.len() {
            for bit in 0..8 {
                let mut bytes = text.as_bytes().to_vec();
                bytes[place] ^= 1 << bit;
                let Ok(changed) = String::from_utf8(bytes) else {
                    continue;
                };
                let verified = Receipt::parse(&changed).and_then(|receipt| receipt.verify(leaf(41), ORIGIN, &keys));
                assert!(verified.is_err(), "byte {place}, bit {bit}: {changed}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_receipt_round_trips(
            index in any::<u64>(),
            proof in prop::collection::vec(any::<[u8; 32]>(), 0..PROOF_LEN_MAX),
            checkpoint in "[a\n]{0,8}|.{0,20}",
        ) {
            let proof = proof.into_iter().map(Hash::from_bytes).collect();
            let receipt = Receipt { index, proof, checkpoint };
            prop_assert_eq!(Receipt::parse(&receipt.to_string()), Ok(receipt));
        }

        #[test]
        fn what_parses_prints_the_same(
            head in "(index|extra)? ?[0-9+]{0,3}\n{0,2}([A-P]{43}=\n){0,2}",
            rest in "\n{0,3}[ -~\n]{0,20}",
            any in any::<String>(),
        ) {
            for text in [format!("{HEADER}{head}{rest}"), format!("{HEADER}index 1{any}"), any] {
                if let Ok(receipt) = Receipt::parse(&text) {
                    prop_assert_eq!(receipt.to_string(), text);
                }
            }
        }
    }
}
