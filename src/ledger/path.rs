//! The nodes that a proof consists of. Where their hashes are kept, in memory or in tiles, does not matter here.

use std::iter;

use super::hash::Hash;
use super::merkle::node_hash;

/// One hash of a proof, named by its position in the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Node {
    /// The root of a whole subtree of `2^height` entries, the `position`-th of its row from the left, from 0.
    Whole { height: u8, position: u64 },
    /// The root over the entries right of the last whole subtree of `height`: fewer than `2^height` of them.
    Edge { height: u8 },
}

/// The nodes of an inclusion proof, from the entry's sibling up (RFC 6962 2.1.1). `None` if there is no such entry.
pub(super) fn inclusion(index: u64, size: u64) -> Option<impl Iterator<Item = Node>> {
    (index < size).then(|| climb(0, index, size))
}

/// The nodes of a consistency proof, from the bottom up (RFC 6962 2.1.2). `None` if the tree would have shrunk.
pub(super) fn consistency(old_size: u64, new_size: u64) -> Option<Vec<Node>> {
    if old_size > new_size {
        return None;
    }
    if old_size == 0 || old_size == new_size {
        return Some(Vec::new());
    }
    // Starts at the old tree's last whole subtree: the old root vouches for the rest of the old tree.
    let (mut height, mut position) = (0, old_size - 1);
    while position & 1 == 1 {
        position >>= 1;
        height += 1;
    }
    let mut nodes = Vec::new();
    if position != 0 {
        nodes.push(Node::Whole { height, position });
    }
    nodes.extend(climb(height, position, new_size));
    Some(nodes)
}

/// The whole subtrees that a tree of `size` entries consists of, from the lowest up, below `height` only. There is one
/// for each bit set in `size`.
pub(super) fn peaks(size: u64, height: u8) -> impl Iterator<Item = (u8, u64)> {
    (0..height).filter_map(move |height| {
        let count = size.checked_shr(u32::from(height))?;
        (count & 1 == 1).then(|| (height, count - 1))
    })
}

/// Joins peaks, from the lowest up, into one hash over all of them. `None` if there are none.
pub(super) fn join(peaks: impl Iterator<Item = Hash>) -> Option<Hash> {
    peaks.reduce(|right, left| node_hash(left, right))
}

/// The siblings on the way from a whole subtree to the root of a tree of `size` entries.
fn climb(mut height: u8, mut position: u64, size: u64) -> impl Iterator<Item = Node> {
    // INVARIANT: `last` is the row's last node, whole or not; the root's row has only node 0.
    let mut last = (size - 1) >> height;
    iter::from_fn(move || {
        while last > 0 {
            let (row, sibling, row_last) = (height, position ^ 1, last);
            height += 1;
            position >>= 1;
            last >>= 1;
            if sibling < size >> row {
                return Some(Node::Whole { height: row, position: sibling });
            }
            if sibling == row_last {
                return Some(Node::Edge { height: row });
            }
            // The row's last node has no sibling: it represents its parent and adds no hash.
        }
        None
    })
}
