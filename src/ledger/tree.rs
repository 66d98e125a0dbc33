//! The growing edge of a log, in memory: appends entries, computes the root, hands out changed tiles, proves the batch.

use std::fmt;
use std::sync::OnceLock;

use super::hash::Hash;
use super::merkle::{SIZE_MAX, empty_root, node_hash};
use super::path::{self, Node};
use super::tiles::{TILE_HEIGHT, TILE_LEVELS, TILE_WIDTH, TileError, TileId, check_size, locate};

/// The right edge of a log's Merkle tree, in the hands of its one writer.
///
/// A **batch** is what is appended between two calls of [`Tree::take_changed`]. From its first entry until the first
/// entry of the next, the tree keeps every tile the batch touched, at every level. An entry's proof needs only tiles at
/// or right of those that were filling when the batch began, so the whole batch can be proven without the store.
///
/// Clone it before a batch whose commit may fail: the clone is the tree to go on with. It is a few tiles large.
#[derive(Clone)]
pub struct Tree {
    size: u64,
    /// The hashes that are kept of each row of the tree, by height.
    // INVARIANT: there is a row for each height of which the tree has a whole subtree, and no other.
    rows: Vec<Row>,
    /// The size when this batch began.
    batch_start: u64,
    /// Whether this batch's tiles were handed out. If so, the next entry begins another batch.
    taken: bool,
    /// The hash of the edge below each height, and last the root. Computed once for all proofs of a batch.
    edges: OnceLock<Vec<Option<Hash>>>,
}

impl Tree {
    /// The tree of a log without entries.
    pub fn empty() -> Self {
        Self { size: 0, rows: Vec::new(), batch_start: 0, taken: true, edges: OnceLock::new() }
    }

    /// Restores the tree of `size` entries from its rightmost partial tiles, one read a level.
    ///
    /// As with [`super::prove_inclusion`], `read` may answer with longer tiles. Nothing here can tell whether the
    /// hashes are the right ones: compare [`Tree::root`] with the stored head before appending.
    pub fn load<E>(size: u64, mut read: impl FnMut(TileId) -> Result<Vec<Hash>, E>) -> Result<Self, TileError<E>> {
        check_size(size)?;
        let mut tree = Self::empty();
        tree.size = size;
        tree.batch_start = size;
        for level in 0..TILE_LEVELS {
            let base = level * TILE_HEIGHT;
            let (index, width) = locate(size >> base);
            let mut hashes = Vec::new();
            if width > 0 {
                let tile = TileId { level, index };
                hashes = read(tile).map_err(TileError::Read)?;
                if hashes.len() < width {
                    let len = hashes.len();
                    return Err(TileError::Short { tile, len });
                }
                hashes.truncate(width);
            }
            for inside in 0..TILE_HEIGHT {
                if size >> (base + inside) == 0 {
                    return Ok(tree);
                }
                let parents = hashes.as_chunks().0.iter();
                let parents = parents.map(|[left, right]| node_hash(*left, *right));
                let parents = parents.collect();
                tree.rows.push(Row::new(index << (TILE_HEIGHT - inside), hashes));
                hashes = parents;
            }
        }
        Ok(tree)
    }

    /// Adds an entry's [`super::leaf_hash`] and returns its index. Hashes one node per entry on average.
    pub fn append(&mut self, leaf: Hash) -> u64 {
        debug_assert!(self.size < SIZE_MAX);
        if self.taken {
            self.begin_batch();
        }
        let index = self.size;
        self.size += 1;
        self.edges = OnceLock::new();
        let mut node = leaf;
        for row in &mut self.rows {
            row.hashes.push(node);
            match row.peak.take() {
                // A left child waits for its sibling; a right child makes their parent, one row up.
                None => {
                    row.peak = Some(node);
                    return index;
                }
                Some(left) => node = node_hash(left, node),
            }
        }
        self.rows.push(Row::new(0, vec![node]));
        index
    }

    /// Entries in the tree; the next entry's index.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root over all entries: one hash per level, computed once per batch.
    pub fn root(&self) -> Hash {
        let root = self.edges().last().copied().flatten();
        root.unwrap_or_else(empty_root)
    }

    /// Every tile that this batch changed or completed, whole and in order, to be written in the batch's transaction.
    /// Ends the batch. Its proofs remain available until the next entry.
    pub fn take_changed(&mut self) -> Vec<(TileId, Vec<Hash>)> {
        if self.taken {
            return Vec::new();
        }
        self.taken = true;
        let mut changed = Vec::new();
        for (level, row) in (0..).zip(self.rows.iter().step_by(usize::from(TILE_HEIGHT))) {
            let base = level * TILE_HEIGHT;
            if self.size >> base == self.batch_start >> base {
                break;
            }
            // INVARIANT: a batch's rows begin with the tile that was being filled when it began, so every kept tile has
            // changed.
            let tiles = row.hashes.chunks(TILE_WIDTH).map(<[Hash]>::to_vec);
            for (index, hashes) in (row.first >> TILE_HEIGHT..).zip(tiles) {
                changed.push((TileId { level, index }, hashes));
            }
        }
        changed
    }

    /// The part of a tile that is kept, for a reader that looks here before it asks the store. `None` if nothing is
    /// kept.
    pub fn tile(&self, tile: TileId) -> Option<&[Hash]> {
        let row = usize::from(tile.level) * usize::from(TILE_HEIGHT);
        let row = self.rows.get(row)?;
        let ahead = tile.index.checked_sub(row.first >> TILE_HEIGHT)?;
        row.hashes.chunks(TILE_WIDTH).nth(usize::try_from(ahead).ok()?)
    }

    /// The inclusion proof of entry `index` in the current tree.
    ///
    /// Available for every entry of the batch (see [`Tree`]). For older entries whose tiles are no longer kept it is
    /// `None`: use [`super::prove_inclusion`], which reads the store.
    pub fn prove_inclusion(&self, index: u64) -> Option<Vec<Hash>> {
        // Reserved at once: a batch takes hundreds of proofs, and growing each took longer than finding its hashes.
        let mut proof = Vec::with_capacity(self.rows.len());
        for node in path::inclusion(index, self.size)? {
            proof.push(self.node(node)?);
        }
        Some(proof)
    }

    /// The hash of entry `index`, if it is kept.
    pub(super) fn leaf(&self, index: u64) -> Option<Hash> {
        self.whole(0, index)
    }

    /// The root over the first `size` entries, if the necessary nodes are kept.
    pub(super) fn root_at(&self, size: u64) -> Option<Hash> {
        let hashes: Option<Vec<_>> =
            path::peaks(size, 64).map(|(height, position)| self.whole(height, position)).collect();
        Some(path::join(hashes?.into_iter()).unwrap_or_else(empty_root))
    }

    /// Drops the tiles that the last batch completed.
    fn begin_batch(&mut self) {
        self.taken = false;
        self.batch_start = self.size;
        for (height, row) in (0..).zip(&mut self.rows) {
            let (level, inside) = (height / TILE_HEIGHT, height % TILE_HEIGHT);
            let (index, _) = locate(self.size >> (level * TILE_HEIGHT));
            row.keep_from(index << (TILE_HEIGHT - inside));
        }
    }

    fn node(&self, node: Node) -> Option<Hash> {
        match node {
            Node::Whole { height, position } => self.whole(height, position),
            Node::Edge { height } => self.edges().get(usize::from(height)).copied().flatten(),
        }
    }

    fn whole(&self, height: u8, position: u64) -> Option<Hash> {
        let row = self.rows.get(usize::from(height))?;
        let ahead = usize::try_from(position.checked_sub(row.first)?).ok()?;
        row.hashes.get(ahead).copied()
    }

    fn edges(&self) -> &[Option<Hash>] {
        self.edges.get_or_init(|| {
            let mut edges = vec![None];
            let mut edge = None;
            for row in &self.rows {
                edge = path::join(edge.into_iter().chain(row.peak));
                edges.push(edge);
            }
            edges
        })
    }
}

impl fmt::Debug for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tree").field("size", &self.size).field("root", &self.root()).finish_non_exhaustive()
    }
}

/// The whole subtrees of one height, starting with the tile that is being filled.
#[derive(Clone)]
struct Row {
    /// The position in the row of the first kept hash. A tile begins there.
    first: u64,
    hashes: Vec<Hash>,
    /// The last hash if it has no right sibling yet: one of the tree's peaks.
    peak: Option<Hash>,
}

impl Row {
    fn new(first: u64, hashes: Vec<Hash>) -> Self {
        let odd = hashes.len() % 2 == 1;
        let peak = hashes.last().copied().filter(|_| odd);
        Self { first, hashes, peak }
    }

    fn keep_from(&mut self, first: u64) {
        let len = self.hashes.len();
        let past = usize::try_from(first.saturating_sub(self.first)).unwrap_or(len);
        self.hashes.drain(..past.min(len));
        self.first = first;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ledger::oracle::{Oracle, Stored, leaf};

    /// Appends a batch and checks that all of it can be proven without the store, before and after its tiles are taken.
    fn check_batch(stored: &mut Stored, tree: &mut Tree, size: u64, checked: impl Fn(u64) -> bool) {
        let start = tree.size();
        for index in start..size {
            tree.append(leaf(index));
        }
        let before: Vec<_> = (start..size).map(|index| tree.prove_inclusion(index)).collect();
        stored.grow(tree, size);
        for (index, before) in (start..size).zip(before) {
            let proof = tree.prove_inclusion(index);
            assert_eq!(proof, before);
            if checked(index) {
                let from_tiles = crate::ledger::prove_inclusion(index, size, stored.read());
                assert_eq!(proof, from_tiles.ok(), "{index} of {size}");
            }
        }
        assert_eq!(tree.prove_inclusion(size), None);
        for (tile, hashes) in &stored.0 {
            let kept = tree.tile(*tile);
            assert!(kept.is_none() || kept == Some(hashes), "{tile}");
        }
    }

    #[test]
    fn a_batch_across_two_levels_of_tiles_is_proven_without_the_store() {
        let (mut stored, mut tree) = (Stored::default(), Tree::empty());
        stored.grow(&mut tree, 65_400);
        check_batch(&mut stored, &mut tree, 65_900, |index| index % 50 == 0);
        assert_eq!(tree.size(), 65_900);
        assert_eq!(tree.root(), crate::ledger::root_at(65_900, stored.read()).unwrap());
        // The next batch drops what the last one completed.
        tree.append(leaf(65_900));
        assert_eq!(tree.prove_inclusion(65_400), None);
        assert!(tree.rows.iter().all(|row| row.hashes.len() <= TILE_WIDTH + 1));
        assert!(tree.prove_inclusion(65_900).is_some());
    }

    #[test]
    fn tiles_are_taken_once() {
        let mut tree = Tree::empty();
        assert_eq!(tree.take_changed(), []);
        tree.append(leaf(0));
        let first = TileId { level: 0, index: 0 };
        assert_eq!(tree.take_changed(), [(first, vec![leaf(0)])]);
        assert_eq!(tree.take_changed(), []);
        tree.append(leaf(1));
        assert_eq!(tree.take_changed(), [(first, vec![leaf(0), leaf(1)])]);
    }

    #[test]
    fn only_changed_tiles_are_taken() {
        let mut tree = Tree::empty();
        Stored::default().grow(&mut tree, 300);
        let mut taken = |size| {
            let mut stored = Stored::default();
            stored.grow(&mut tree, size);
            stored.0.keys().map(TileId::to_string).collect::<Vec<_>>()
        };
        assert_eq!(taken(301), ["0/1"]);
        assert_eq!(taken(511), ["0/1"]);
        assert_eq!(taken(512), ["0/1", "1/0"]);
        assert_eq!(taken(513), ["0/2"]);
        assert_eq!(taken(1100), ["0/2", "0/3", "0/4", "1/0"]);
    }

    #[test]
    fn a_store_behind_its_head_does_not_load() {
        let stored = Stored::of(300);
        let refused = Tree::load(301, stored.read()).unwrap_err();
        assert_eq!(refused.to_string(), "tile 0/1 has only 44 hashes");
        let refused = Tree::load(600, stored.read()).unwrap_err();
        assert!(matches!(refused, TileError::Read(_)));
        let refused = Tree::load(u64::MAX, stored.read()).unwrap_err();
        assert!(matches!(refused, TileError::TooLarge { .. }));
    }

    #[test]
    fn a_tree_loads_at_every_tile_boundary() {
        let stored = Stored::of(66_100);
        for size in [0, 1, 255, 256, 257, 512, 65_535, 65_536, 65_537, 66_048] {
            let mut loaded = Tree::load(size, stored.read()).unwrap();
            assert_eq!(loaded.root(), crate::ledger::root_at(size, stored.read()).unwrap());
            let mut grown = Stored(stored.0.clone());
            grown.grow(&mut loaded, 66_100.min(size + 600));
            let root = crate::ledger::root_at(loaded.size(), stored.read()).unwrap();
            assert_eq!(loaded.root(), root, "{size}");
        }
    }

    #[test]
    fn debug_is_short() {
        let debug = format!("{:?}", Tree::empty());
        assert!(debug.starts_with("Tree { size: 0, root: e3b0c442"), "{debug}");
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_batches_with_any_restarts_make_the_same_tree(
            batches in prop::collection::vec((0_u64..300, any::<bool>()), 1..6),
        ) {
            let (mut oracle, mut stored) = (Oracle::default(), Stored::default());
            let mut tree = Tree::empty();
            for (added, restart) in batches {
                let size = tree.size() + added;
                check_batch(&mut stored, &mut tree, size, |_| true);
                oracle.grow_to(size);
                prop_assert_eq!(tree.root(), oracle.root());
                prop_assert_eq!(&stored, &Stored::of(size));
                if restart {
                    tree = Tree::load(size, stored.read()).unwrap();
                    prop_assert_eq!(tree.root(), oracle.root());
                }
            }
        }
    }
}
