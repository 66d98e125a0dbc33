//! What the ledger's tests share: another implementation of the tree to compare with, tiles in a map, and whole logs.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{Context, SHA256};
use ct_merkle::digest::consts::U32;
use ct_merkle::digest::{FixedOutput, HashMarker, Output, OutputSizeUser, Update};
use ct_merkle::mem_backed_tree::MemoryBackedTree;

use super::checkpoint::Checkpoint;
use super::hash::Hash;
use super::key::{Signer, VerifierKey};
use super::merkle::leaf_hash;
use super::receipt::Receipt;
use super::tiles::{TILE_WIDTH, TileId};
use super::tree::Tree;
use super::verified::VerifiedLog;
use super::verify::LogVerifier;
use super::verify_error::VerifyError;

/// A log kept by `ct-merkle`, which shares no code with ours.
#[derive(Default)]
pub(super) struct Oracle(MemoryBackedTree<Sha256, Vec<u8>>);

impl Oracle {
    pub(super) fn of(size: u64) -> Self {
        let mut oracle = Self::default();
        oracle.grow_to(size);
        oracle
    }

    pub(super) fn grow_to(&mut self, size: u64) {
        for index in self.0.len()..size {
            self.0.push(entry(index));
        }
    }

    pub(super) fn root(&self) -> Hash {
        Hash::try_from(self.0.root().as_bytes().as_slice()).unwrap()
    }

    pub(super) fn inclusion(&self, index: u64) -> Vec<Hash> {
        let proof = self.0.prove_inclusion(usize::try_from(index).unwrap());
        hashes(proof.as_bytes())
    }

    pub(super) fn consistency(&self, old_size: u64) -> Vec<Hash> {
        let additions = usize::try_from(self.0.len() - old_size).unwrap();
        hashes(self.0.prove_consistency(additions).as_bytes())
    }
}

/// The bytes of entry `index` of every test log.
pub(super) fn entry(index: u64) -> Vec<u8> {
    index.to_be_bytes().to_vec()
}

pub(super) fn leaf(index: u64) -> Hash {
    leaf_hash(&entry(index))
}

/// Tiles as a store keeps them, each in its latest state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Stored(pub(super) BTreeMap<TileId, Vec<Hash>>);

impl Stored {
    /// Appends the entries up to `size` as one batch and writes the tiles it changed.
    pub(super) fn grow(&mut self, tree: &mut Tree, size: u64) {
        for index in tree.size()..size {
            assert_eq!(tree.append(leaf(index)), index);
        }
        for (tile, hashes) in tree.take_changed() {
            assert!((1..=TILE_WIDTH).contains(&hashes.len()));
            self.0.insert(tile, hashes);
        }
    }

    pub(super) fn of(size: u64) -> Self {
        let mut stored = Self::default();
        stored.grow(&mut Tree::empty(), size);
        stored
    }

    /// Reads a tile. A missing tile is an error, as in a store.
    pub(super) fn read(&self) -> impl FnMut(TileId) -> Result<Vec<Hash>, std::io::Error> {
        |tile| {
            let hashes = self.0.get(&tile).cloned();
            hashes.ok_or_else(|| std::io::Error::other(format!("no tile {tile}")))
        }
    }
}

/// The origin of every test log.
pub(super) const ORIGIN: &str = "comity.example/us-ny/exchange";

/// A log as a store keeps it: entries, a checkpoint for each batch, and a receipt for each entry.
#[derive(Clone)]
pub(super) struct Log {
    pub(super) keys: Vec<VerifierKey>,
    pub(super) entries: Vec<Vec<u8>>,
    pub(super) checkpoints: Vec<String>,
    pub(super) receipts: Vec<Receipt>,
}

impl Log {
    pub(super) fn of(batches: &[u64]) -> Self {
        let (signer, _) = Signer::generate(ORIGIN).unwrap();
        let mut log = Self {
            keys: vec![signer.verifier().clone()],
            entries: Vec::new(),
            checkpoints: Vec::new(),
            receipts: Vec::new(),
        };
        let mut tree = Tree::empty();
        for batch in batches {
            let batch: Vec<_> = (0..*batch)
                .map(|_| {
                    let entry = entry(tree.size());
                    let index = tree.append(leaf_hash(&entry));
                    log.entries.push(entry);
                    index
                })
                .collect();
            let head = Checkpoint::new(ORIGIN, tree.size(), tree.root()).unwrap();
            let checkpoint = head.sign(&signer).unwrap();
            log.receipts.extend(batch.into_iter().map(|index| Receipt {
                index,
                proof: tree.prove_inclusion(index).unwrap(),
                checkpoint: checkpoint.clone(),
            }));
            log.checkpoints.push(checkpoint);
            tree.take_changed();
        }
        log
    }

    /// Reads the log as the command line does: the entries up to each checkpoint, the rest, then the head.
    pub(super) fn verify(&self) -> Result<VerifiedLog, VerifyError> {
        let mut verifier = LogVerifier::new(ORIGIN, self.keys.clone());
        let mut entries = self.entries.iter();
        for checkpoint in &self.checkpoints {
            let size = verifier.expects(checkpoint)?;
            while verifier.size() < size {
                let Some(entry) = entries.next() else { break };
                verifier.entry(entry);
            }
            verifier.checkpoint(checkpoint)?;
        }
        for entry in entries {
            verifier.entry(entry);
        }
        verifier.finish(self.checkpoints.last().unwrap())
    }

    pub(super) fn broken(&self) -> VerifyError {
        self.verify().unwrap_err()
    }
}

fn hashes(bytes: &[u8]) -> Vec<Hash> {
    let hashes = bytes.chunks(32).map(|bytes| Hash::try_from(bytes).unwrap());
    hashes.collect()
}

struct Sha256(Context);

impl Default for Sha256 {
    fn default() -> Self {
        Self(Context::new(&SHA256))
    }
}

impl HashMarker for Sha256 {}

impl OutputSizeUser for Sha256 {
    type OutputSize = U32;
}

impl Update for Sha256 {
    fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }
}

impl FixedOutput for Sha256 {
    fn finalize_into(self, out: &mut Output<Self>) {
        out.copy_from_slice(self.0.finish().as_ref());
    }
}
