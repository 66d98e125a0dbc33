//! Evidence: an append-only Merkle log, the checkpoints that sign it and the receipts that prove an entry is in it.
//! This room knows bytes, not detainers, and uses no other room.
//!
//! An entry is hashed into the tree (`merkle`, `tree`), the tree is kept as tiles (`tiles`), its root is signed as a
//! checkpoint (`checkpoint`, over `note` and `key`), and an entry's `proof` up to that root makes its `receipt`.
//! Whoever holds the bytes can check all of it offline (`verify`). A `commitment` binds a field class into an entry. A
//! witness's `cosignature` says that nobody was shown another head, and a policy (`trust`) how many of them it takes.

mod checkpoint;
mod commitment;
mod cosignature;
mod hash;
mod key;
mod merkle;
mod note;
#[cfg(test)]
mod oracle;
mod path;
mod proof;
mod receipt;
mod tile_path;
mod tiles;
mod tree;
mod trust;
mod verified;
mod verify;
mod verify_error;

pub use checkpoint::{Checkpoint, CheckpointError};
pub use commitment::{SALT_LEN, commit, opens};
pub use cosignature::{Cosignature, Cosigner, CosignerKey, Head};
pub use hash::Hash;
pub use key::{KeyError, Signer, VerifierKey, is_name, pem_from_pkcs8};
pub use merkle::{SIZE_MAX, empty_root, leaf_hash, node_hash, sha256_hex};
pub use note::{NOTE_LEN_MAX, NoteError, SignedText};
pub use proof::{ProofError, verify_consistency, verify_inclusion};
pub use receipt::{RECEIPT_LEN_MAX, Receipt, ReceiptError};
pub use tile_path::{TilePath, TilePathError};
pub use tiles::{
    TILE_WIDTH, TileError, TileId, prove_consistency, prove_inclusion, root_at, tile_from_bytes, tile_to_bytes,
    tile_width,
};
pub use tree::Tree;
pub use trust::{KnownWitness, TrustError, TrustPolicy, TrustPolicyError, TrustPolicyFault};
pub use verified::VerifiedLog;
pub use verify::LogVerifier;
pub use verify_error::VerifyError;
