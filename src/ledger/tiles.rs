//! The stored tree: tiles of up to 256 hashes (C2SP tlog-tiles, height 8), and proofs read from them.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;

use super::hash::Hash;
use super::merkle::{SIZE_MAX, empty_root, node_hash};
use super::path::{self, Node};

/// Hashes in a full tile.
pub const TILE_WIDTH: usize = 256;

/// Levels of the tree that one tile spans: `2^8` is [`TILE_WIDTH`].
pub(super) const TILE_HEIGHT: u8 = 8;

/// Levels of tiles in the largest log.
pub(super) const TILE_LEVELS: u8 = 8;

/// Identifies a tile. Hash `i` of tile `index` at `level` is the root over the `256^level` entries from `(index * 256 +
/// i) * 256^level` on. Level 0 holds the hashes of the entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TileId {
    /// 0 at the entries, up to 7.
    pub level: u8,
    /// 0 for the oldest.
    pub index: u64,
}

impl fmt::Display for TileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.level, self.index)
    }
}

/// Why stored tiles give no answer. `E` is the reader's own error.
#[derive(Debug, thiserror::Error)]
pub enum TileError<E> {
    /// The store failed.
    #[error("a tile could not be read")]
    Read(#[source] E),
    /// The tiles are behind the store's head: hashes of a tree of this size are missing.
    #[error("tile {tile} has only {len} hashes")]
    Short {
        /// The tile that is too short.
        tile: TileId,
        /// The hashes it has.
        len: usize,
    },
    /// The entry is not in the tree.
    #[error("index {index} is not in a tree of {size} entries")]
    Outside {
        /// The index asked for, from 0.
        index: u64,
        /// The tree's size, in entries.
        size: u64,
    },
    /// The older tree is larger than the newer one.
    #[error("a tree of {new_size} entries cannot extend one of {old_size}")]
    Shrunk {
        /// Entries in the older tree.
        old_size: u64,
        /// Entries in the newer tree.
        new_size: u64,
    },
    /// The size is above [`SIZE_MAX`].
    #[error("a tree of {size} entries is too large")]
    TooLarge {
        /// The size asked for, in entries.
        size: u64,
    },
}

/// The inclusion proof of entry `index` in the tree of `size` entries, read from tiles (RFC 6962 2.1.1).
///
/// `read` may return a tile longer than it was at `size`: only hashes over the first `size` entries are used. Each tile
/// is read at most once.
pub fn prove_inclusion<E>(
    index: u64,
    size: u64,
    read: impl FnMut(TileId) -> Result<Vec<Hash>, E>,
) -> Result<Vec<Hash>, TileError<E>> {
    let mut tiles = Tiles::new(size, read)?;
    let nodes = path::inclusion(index, size).ok_or(TileError::Outside { index, size })?;
    nodes.map(|node| tiles.node(node)).collect()
}

/// The proof that the tree of `new_size` entries extends that of `old_size` (RFC 6962 2.1.2). Reads as
/// [`prove_inclusion`] does. Empty if there is nothing to prove: from no entries, or to the same size.
pub fn prove_consistency<E>(
    old_size: u64,
    new_size: u64,
    read: impl FnMut(TileId) -> Result<Vec<Hash>, E>,
) -> Result<Vec<Hash>, TileError<E>> {
    let mut tiles = Tiles::new(new_size, read)?;
    let nodes = path::consistency(old_size, new_size).ok_or(TileError::Shrunk { old_size, new_size })?;
    nodes.into_iter().map(|node| tiles.node(node)).collect()
}

/// The root over the first `size` entries. Reads as [`prove_inclusion`] does.
pub fn root_at<E>(size: u64, read: impl FnMut(TileId) -> Result<Vec<Hash>, E>) -> Result<Hash, TileError<E>> {
    let mut tiles = Tiles::new(size, read)?;
    Ok(tiles.join_peaks(64)?.unwrap_or_else(empty_root))
}

/// How many hashes of a tile there are in a tree of `size` entries, 0 to 256.
pub fn tile_width(tile: TileId, size: u64) -> usize {
    let of_level = size.checked_shr(u32::from(tile.level).saturating_mul(u32::from(TILE_HEIGHT))).unwrap_or(0);
    let (filling, width) = locate(of_level);
    match tile.index.cmp(&filling) {
        Ordering::Less => TILE_WIDTH,
        Ordering::Equal => width,
        Ordering::Greater => 0,
    }
}

/// The stored form of a tile: its hashes one after another (C2SP tlog-tiles).
pub fn tile_to_bytes(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(Hash::as_bytes).copied().collect()
}

/// Reads [`tile_to_bytes`] back. `None` unless these are 1 to 256 whole hashes.
pub fn tile_from_bytes(bytes: &[u8]) -> Option<Vec<Hash>> {
    let (hashes, rest) = bytes.as_chunks::<32>();
    let fits = rest.is_empty() && (1..=TILE_WIDTH).contains(&hashes.len());
    fits.then(|| hashes.iter().copied().map(Hash::from_bytes).collect())
}

/// Where a row's node is stored: the index of its tile, and its slot in the tile.
pub(super) fn locate(position: u64) -> (u64, usize) {
    let [slot, ..] = position.to_le_bytes();
    (position >> TILE_HEIGHT, usize::from(slot))
}

/// Refuses sizes beyond any log before anything is computed from them.
pub(super) fn check_size<E>(size: u64) -> Result<(), TileError<E>> {
    if size > SIZE_MAX {
        return Err(TileError::TooLarge { size });
    }
    Ok(())
}

/// The tiles of a tree of `size` entries, read on demand and kept for one proof.
struct Tiles<E, R: FnMut(TileId) -> Result<Vec<Hash>, E>> {
    size: u64,
    read: R,
    kept: BTreeMap<TileId, Vec<Hash>>,
}

impl<E, R: FnMut(TileId) -> Result<Vec<Hash>, E>> Tiles<E, R> {
    fn new(size: u64, read: R) -> Result<Self, TileError<E>> {
        check_size(size)?;
        let kept = BTreeMap::new();
        Ok(Self { size, read, kept })
    }

    fn node(&mut self, node: Node) -> Result<Hash, TileError<E>> {
        match node {
            Node::Whole { height, position } => self.whole(height, position),
            // INVARIANT: a path names an edge only if there are entries right of the last whole subtree.
            Node::Edge { height } => Ok(self.join_peaks(height)?.unwrap_or_else(empty_root)),
        }
    }

    fn join_peaks(&mut self, height: u8) -> Result<Option<Hash>, TileError<E>> {
        let hashes: Result<Vec<_>, _> =
            path::peaks(self.size, height).map(|(height, position)| self.whole(height, position)).collect();
        Ok(path::join(hashes?.into_iter()))
    }

    /// The root of a whole subtree, computed from its part of the tile.
    fn whole(&mut self, height: u8, position: u64) -> Result<Hash, TileError<E>> {
        let (level, inside) = (height / TILE_HEIGHT, height % TILE_HEIGHT);
        let (index, slot) = locate(position << inside);
        let id = TileId { level, index };
        let tile = match self.kept.entry(id) {
            Entry::Occupied(kept) => kept.into_mut(),
            Entry::Vacant(free) => free.insert((self.read)(id).map_err(TileError::Read)?),
        };
        tile.get(slot..slot + (1 << inside))
            .and_then(subtree_root)
            .ok_or(TileError::Short { tile: id, len: tile.len() })
    }
}

/// The root over the hashes of a whole subtree. Their number is a power of two.
fn subtree_root(hashes: &[Hash]) -> Option<Hash> {
    match hashes {
        [] => None,
        [hash] => Some(*hash),
        _ => {
            let (left, right) = hashes.split_at(hashes.len() / 2);
            Some(node_hash(subtree_root(left)?, subtree_root(right)?))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ledger::oracle::{Oracle, Stored, leaf};
    use crate::ledger::{Tree, verify_consistency, verify_inclusion};

    /// Sizes around those at which a tile, or a level of tiles, is completed.
    const EDGES: [u64; 12] = [1, 2, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537, 65_792, 66_000];

    #[test]
    fn proofs_across_every_tile_boundary_are_those_of_the_oracle() {
        let (mut oracle, mut tree, mut stored) = (Oracle::default(), Tree::empty(), Stored::default());
        let mut roots = Vec::new();
        for size in EDGES {
            oracle.grow_to(size);
            stored.grow(&mut tree, size);
            assert_eq!(tree.root(), oracle.root(), "{size}");
            assert_eq!(root_at(size, stored.read()).unwrap(), oracle.root());
            for index in EDGES.map(|edge| edge - 1) {
                if index < size {
                    let proof = prove_inclusion(index, size, stored.read()).unwrap();
                    assert_eq!(proof, oracle.inclusion(index), "{index} of {size}");
                }
            }
            for (old_size, _) in &roots {
                let proof = prove_consistency(*old_size, size, stored.read()).unwrap();
                assert_eq!(proof, oracle.consistency(*old_size), "{old_size} to {size}");
            }
            roots.push((size, tree.root()));
        }
        // The store has grown, so the older trees are now read from longer tiles.
        for (size, root) in &roots {
            assert_eq!(root_at(*size, stored.read()).unwrap(), *root);
            let proof = prove_inclusion(size - 1, *size, stored.read()).unwrap();
            assert_eq!(verify_inclusion(leaf(size - 1), size - 1, *size, &proof, *root), Ok(()));
            for (old_size, old_root) in roots.iter().filter(|(old_size, _)| old_size < size) {
                let proof = prove_consistency(*old_size, *size, stored.read()).unwrap();
                let verified = verify_consistency(*old_size, *old_root, *size, *root, &proof);
                assert_eq!(verified, Ok(()), "{old_size} to {size}");
            }
        }
    }

    #[test]
    fn the_tiles_of_70_000_entries_are_those_of_the_specification() {
        let stored = Stored::of(70_000);
        let widths = |level| {
            let tiles = stored.0.iter().filter(move |(tile, _)| tile.level == level);
            tiles.map(|(_, hashes)| hashes.len()).collect::<Vec<_>>()
        };
        assert_eq!(widths(0), [vec![256; 273], vec![112]].concat());
        assert_eq!(widths(1), [256, 17]);
        assert_eq!(widths(2), [1]);
        assert_eq!(stored.0.keys().map(|tile| tile.level).max(), Some(2));
    }

    #[test]
    fn a_tile_is_as_wide_as_the_tree_has_filled_it() {
        let stored = Stored::of(70_000);
        for (tile, hashes) in &stored.0 {
            assert_eq!(tile_width(*tile, 70_000), hashes.len(), "{tile}");
        }
        for (level, index) in [(0, 274), (1, 2), (2, 1), (3, 0), (8, 0), (u8::MAX, 0), (0, u64::MAX)] {
            let width = tile_width(TileId { level, index }, 70_000);
            assert_eq!(width, usize::from(level == 2 && index == 0), "{level}/{index}");
        }
        assert_eq!(tile_width(TileId { level: 0, index: 0 }, 0), 0);
    }

    #[test]
    fn what_cannot_be_proven_is_refused() {
        let stored = Stored::of(300);
        let refused = prove_inclusion(300, 300, stored.read()).unwrap_err();
        assert_eq!(refused.to_string(), "index 300 is not in a tree of 300 entries");
        let refused = prove_consistency(301, 300, stored.read()).unwrap_err();
        assert!(matches!(refused, TileError::Shrunk { .. }));
        let refused = root_at(u64::MAX, stored.read()).unwrap_err();
        assert!(matches!(refused, TileError::TooLarge { .. }));
        let refused = root_at(301, stored.read()).unwrap_err();
        assert_eq!(refused.to_string(), "tile 0/1 has only 44 hashes");
        let refused = root_at(304, stored.read()).unwrap_err();
        assert_eq!(refused.to_string(), "tile 0/1 has only 44 hashes");
        let refused = root_at(600, stored.read()).unwrap_err();
        assert!(matches!(refused, TileError::Read(_)));
        assert_eq!(root_at(0, stored.read()).unwrap(), empty_root());
    }

    #[test]
    fn only_1_to_256_whole_hashes_are_read_as_a_tile() {
        for len in [0, 1, 31, 33, 257 * 32] {
            assert_eq!(tile_from_bytes(&vec![0; len]), None, "{len}");
        }
        for len in [1, 2, 256] {
            let tile: Vec<_> = (0..len).map(leaf).collect();
            assert_eq!(tile_from_bytes(&tile_to_bytes(&tile)), Some(tile));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn proofs_from_longer_tiles_are_those_of_the_oracle(
            old in 1_u64..700,
            added in 0_u64..300,
            later in 0_u64..300,
            place in any::<prop::sample::Index>(),
        ) {
            let size = old + added;
            let index = u64::try_from(place.index(usize::try_from(size).unwrap())).unwrap();
            let stored = Stored::of(size + later);
            let oracle = Oracle::of(size);
            prop_assert_eq!(root_at(size, stored.read()).unwrap(), oracle.root());
            let proof = prove_inclusion(index, size, stored.read()).unwrap();
            prop_assert_eq!(&proof, &oracle.inclusion(index));
            let proof = prove_consistency(old, size, stored.read()).unwrap();
            if added > 0 {
                prop_assert_eq!(proof, oracle.consistency(old));
            } else {
                prop_assert!(proof.is_empty());
            }
        }
    }
}
