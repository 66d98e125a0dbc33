//! The Merkle tree hash of RFC 6962 section 2.1: leaves, nodes and the empty tree.

use aws_lc_rs::digest::{self, SHA256};

use super::hash::Hash;

/// The most entries of a log, so that its size fits the signed 64-bit integers of SQL and protobuf.
pub const SIZE_MAX: u64 = u64::MAX >> 1;

/// RFC 6962 2.1 hashes leaves and nodes with different prefixes, so that no node can pass for an entry.
const LEAF_PREFIX: u8 = 0;
const NODE_PREFIX: u8 = 1;

/// The hash of one entry's bytes: SHA-256(0x00 || entry), RFC 6962 2.1.
pub fn leaf_hash(entry: &[u8]) -> Hash {
    sha256(&[&[LEAF_PREFIX], entry])
}

/// The hash over two subtrees: SHA-256(0x01 || left || right), RFC 6962 2.1.
pub fn node_hash(left: Hash, right: Hash) -> Hash {
    // A single call on a stack buffer. A context would allocate, and no hash is computed more often.
    let mut bytes = [NODE_PREFIX; 65];
    let (_, children) = bytes.split_at_mut(1);
    let (first, second) = children.split_at_mut(32);
    first.copy_from_slice(left.as_bytes());
    second.copy_from_slice(right.as_bytes());
    from_digest(&digest::digest(&SHA256, &bytes))
}

/// The root of a tree without entries: the hash of no bytes, RFC 6962 2.1.
pub fn empty_root() -> Hash {
    sha256(&[])
}

/// SHA-256 over the concatenated parts, without concatenating them.
pub(super) fn sha256(parts: &[&[u8]]) -> Hash {
    let mut context = digest::Context::new(&SHA256);
    for part in parts {
        context.update(part);
    }
    from_digest(&context.finish())
}

/// SHA-256 in lower-case hex, by which C2SP tlog-witness names a log in a path.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(sha256(&[bytes]).as_bytes())
}

fn from_digest(digest: &digest::Digest) -> Hash {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest.as_ref());
    Hash::from_bytes(bytes)
}
