//! Checks the two proofs about a tree by RFC 9162 section 2.1: an entry is in it, and it extends an older tree.

use super::hash::Hash;
use super::merkle::{empty_root, node_hash};

/// Why a proof is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The entry cannot be in a tree of that size.
    #[error("index {index} is not in a tree of {size} entries")]
    Outside {
        /// The index to be proven, from 0.
        index: u64,
        /// The tree's size, in entries.
        size: u64,
    },
    /// A log only grows, so an older tree is never the larger one.
    #[error("a tree of {new_size} entries cannot extend one of {old_size}")]
    Shrunk {
        /// Entries in the older tree.
        old_size: u64,
        /// Entries in the newer tree.
        new_size: u64,
    },
    /// The proof has more or fewer hashes than there are levels to cross.
    #[error("the proof has the wrong number of hashes")]
    Length,
    /// The hashes lead to another root: the entry, its index, the proof or the root was changed.
    #[error("the proof leads to another root")]
    Root,
}

/// Checks that `leaf` is entry `index` of the tree of `size` entries under `root` (RFC 9162 2.1.3.2).
///
/// A root does not bind its size: for some sizes the same path leads to the same root. So `size` and `root` MUST come
/// from one checkpoint, whose signature binds them.
pub fn verify_inclusion(leaf: Hash, index: u64, size: u64, proof: &[Hash], root: Hash) -> Result<(), ProofError> {
    if index >= size {
        return Err(ProofError::Outside { index, size });
    }
    let mut position = index;
    let mut last = size - 1;
    let mut node = leaf;
    for sibling in proof {
        if last == 0 {
            return Err(ProofError::Length);
        }
        if position & 1 == 1 || position == last {
            node = node_hash(*sibling, node);
            skip_levels_without_sibling(&mut position, &mut last);
        } else {
            node = node_hash(node, *sibling);
        }
        position >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(ProofError::Length);
    }
    if node == root { Ok(()) } else { Err(ProofError::Root) }
}

/// Checks that the tree under `new_root` begins with exactly the entries under `old_root` (RFC 9162 2.1.4.2).
///
/// Every tree extends the empty tree and itself, both with an empty proof. As with inclusion, each size and root MUST
/// come from one checkpoint.
pub fn verify_consistency(
    old_size: u64,
    old_root: Hash,
    new_size: u64,
    new_root: Hash,
    proof: &[Hash],
) -> Result<(), ProofError> {
    if old_size > new_size {
        return Err(ProofError::Shrunk { old_size, new_size });
    }
    if old_size == 0 || old_size == new_size {
        if !proof.is_empty() {
            return Err(ProofError::Length);
        }
        let holds =
            old_size == new_size && old_root == new_root || old_size == 0 && new_size != 0 && old_root == empty_root();
        return if holds { Ok(()) } else { Err(ProofError::Root) };
    }
    // If the old tree is one whole subtree of the new one, its root is the first hash, so the proof omits it.
    let (first, rest) = if old_size.is_power_of_two() {
        (old_root, proof)
    } else {
        let (first, rest) = proof.split_first().ok_or(ProofError::Length)?;
        (*first, rest)
    };
    let mut position = old_size - 1;
    let mut last = new_size - 1;
    while position & 1 == 1 {
        position >>= 1;
        last >>= 1;
    }
    let (mut old_node, mut new_node) = (first, first);
    for sibling in rest {
        if last == 0 {
            return Err(ProofError::Length);
        }
        if position & 1 == 1 || position == last {
            old_node = node_hash(*sibling, old_node);
            new_node = node_hash(*sibling, new_node);
            skip_levels_without_sibling(&mut position, &mut last);
        } else {
            new_node = node_hash(new_node, *sibling);
        }
        position >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(ProofError::Length);
    }
    if old_node == old_root && new_node == new_root { Ok(()) } else { Err(ProofError::Root) }
}

/// The last node of a row represents its parent until it is a right child. Those levels add no hash to a proof.
fn skip_levels_without_sibling(position: &mut u64, last: &mut u64) {
    while *position & 1 == 0 && *position != 0 {
        *position >>= 1;
        *last >>= 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ledger::leaf_hash;
    use crate::ledger::oracle::{Oracle, leaf};

    /// The eight entries and nine roots of the test vectors of Certificate Transparency's reference log.
    const ENTRIES: [&str; 8] =
        ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
    const ROOTS: [&str; 9] = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    const NODE_1: &str = "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7";
    const NODE_23: &str = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e";
    const NODE_4: &str = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b";
    const NODE_45: &str = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a";
    const NODE_67: &str = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0";
    const NODE_4567: &str = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4";

    fn known(hex: &str) -> Hash {
        Hash::try_from(hex::decode(hex).unwrap().as_slice()).unwrap()
    }

    fn known_root(size: u64) -> Hash {
        known(ROOTS[usize::try_from(size).unwrap()])
    }

    #[test]
    fn known_trees_have_their_known_roots() {
        assert_eq!(empty_root(), known_root(0));
        let mut tree = crate::ledger::Tree::empty();
        for (entry, root) in ENTRIES.iter().zip(&ROOTS[1..]) {
            tree.append(leaf_hash(&hex::decode(entry).unwrap()));
            assert_eq!(tree.root(), known(root));
        }
    }

    #[test]
    fn known_inclusion_proofs_verify() {
        let check = |index: usize, size: u64, proof: &[&str]| {
            let leaf = leaf_hash(&hex::decode(ENTRIES[index]).unwrap());
            let proof: Vec<_> = proof.iter().map(|hash| known(hash)).collect();
            let index = u64::try_from(index).unwrap();
            assert_eq!(verify_inclusion(leaf, index, size, &proof, known_root(size)), Ok(()));
        };
        check(0, 1, &[]);
        check(0, 8, &[NODE_1, NODE_23, NODE_4567]);
        check(5, 8, &[NODE_4, NODE_67, ROOTS[4]]);
        check(2, 3, &[ROOTS[2]]);
    }

    #[test]
    fn known_consistency_proofs_verify() {
        let check = |old: u64, new: u64, proof: &[&str]| {
            let proof: Vec<_> = proof.iter().map(|hash| known(hash)).collect();
            let (old_root, new_root) = (known_root(old), known_root(new));
            assert_eq!(verify_consistency(old, old_root, new, new_root, &proof), Ok(()));
        };
        check(0, 8, &[]);
        check(8, 8, &[]);
        check(1, 8, &[NODE_1, NODE_23, NODE_4567]);
        check(6, 8, &[NODE_45, NODE_67, ROOTS[4]]);
        check(2, 5, &[NODE_23, NODE_4]);
    }

    #[test]
    fn impossible_places_are_refused() {
        let root = known_root(1);
        let outside = Err(ProofError::Outside { index: 1, size: 1 });
        assert_eq!(verify_inclusion(root, 1, 1, &[], root), outside);
        let outside = Err(ProofError::Outside { index: 0, size: 0 });
        assert_eq!(verify_inclusion(root, 0, 0, &[], empty_root()), outside);
        let far = u64::MAX;
        let refused = verify_inclusion(root, far - 1, far, &[root; 63], root);
        assert_eq!(refused, Err(ProofError::Root));
        let refused = verify_inclusion(root, far - 1, far, &[root; 64], root);
        assert_eq!(refused, Err(ProofError::Length));
        // A node below the root presented as the root: the path ends too early.
        let (left, early) = (known_root(2), Err(ProofError::Length));
        assert_eq!(verify_inclusion(left, 0, 2, &[], left), early);
        assert_eq!(verify_consistency(2, left, 3, left, &[]), early);
        let shrunk = Err(ProofError::Shrunk { old_size: 2, new_size: 1 });
        assert_eq!(verify_consistency(2, root, 1, root, &[]), shrunk);
        let refused = verify_consistency(0, root, 1, root, &[]);
        assert_eq!(refused, Err(ProofError::Root));
        let refused = verify_consistency(0, empty_root(), 1, root, &[root]);
        assert_eq!(refused, Err(ProofError::Length));
        let refused = verify_consistency(1, root, 1, known_root(2), &[]);
        assert_eq!(refused, Err(ProofError::Root));
        let refused = verify_consistency(3, root, 4, root, &[]);
        assert_eq!(refused, Err(ProofError::Length));
    }

    /// `tlog_tiles`, which shares no code with ours or with `ct-merkle`, accepts our proofs, and we accept those of `ct-merkle`.
    #[test]
    fn other_implementations_and_ours_agree() {
        let theirs = |hash: &Hash| tlog_tiles::Hash(*hash.as_bytes());
        let all = |hashes: &[Hash]| hashes.iter().map(theirs).collect::<Vec<_>>();
        let mut tree = crate::ledger::Tree::empty();
        for size in 1..=70_u64 {
            tree.append(leaf(size - 1));
            let (oracle, root) = (Oracle::of(size), tree.root());
            assert_eq!(root, oracle.root());
            for index in 0..size {
                let proof = tree.prove_inclusion(index).unwrap();
                assert_eq!(proof, oracle.inclusion(index));
                assert_eq!(verify_inclusion(leaf(index), index, size, &proof, root), Ok(()));
                tlog_tiles::check_record(&all(&proof), size, theirs(&root), index, theirs(&leaf(index))).unwrap();
            }
            for old in 1..size {
                let (proof, old_root) = (oracle.consistency(old), Oracle::of(old).root());
                assert_eq!(verify_consistency(old, old_root, size, root, &proof), Ok(()));
                tlog_tiles::check_tree(&all(&proof), size, theirs(&root), old, theirs(&old_root)).unwrap();
            }
        }
    }

    fn flip(hash: Hash, bit: usize) -> Hash {
        let mut bytes = *hash.as_bytes();
        bytes[bit / 8] ^= 1 << (bit % 8);
        Hash::from_bytes(bytes)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_changed_inclusion_proof_is_refused(
            size in 1_u64..600,
            place in any::<prop::sample::Index>(),
            bit in 0_usize..256,
            other_size in 1_u64..600,
        ) {
            let index = u64::try_from(place.index(usize::try_from(size).unwrap())).unwrap();
            let oracle = Oracle::of(size);
            let (leaf, root) = (leaf(index), oracle.root());
            let proof = oracle.inclusion(index);
            prop_assert_eq!(verify_inclusion(leaf, index, size, &proof, root), Ok(()));
            let refused = |leaf, index, size, proof: &[Hash], root| {
                verify_inclusion(leaf, index, size, proof, root).is_err()
            };
            prop_assert!(refused(flip(leaf, bit), index, size, &proof, root));
            prop_assert!(refused(leaf, index, size, &proof, flip(root, bit)));
            prop_assert!(refused(leaf, index ^ (1 << (bit % 64)), size, &proof, root));
            if other_size != size {
                prop_assert!(refused(leaf, index, other_size, &proof, Oracle::of(other_size).root()));
            }
            for place in 0..proof.len() {
                let mut changed = proof.clone();
                changed[place] = flip(changed[place], bit);
                prop_assert!(refused(leaf, index, size, &changed, root));
                changed.remove(place);
                prop_assert!(refused(leaf, index, size, &changed, root));
            }
            let longer = [proof.as_slice(), &[root]].concat();
            prop_assert!(refused(leaf, index, size, &longer, root));
        }

        #[test]
        fn a_changed_consistency_proof_is_refused(
            old in 1_u64..300,
            added in 1_u64..300,
            bit in 0_usize..256,
            other in 0_u64..600,
        ) {
            let new = old + added;
            let mut oracle = Oracle::of(old);
            let old_root = oracle.root();
            oracle.grow_to(new);
            let new_root = oracle.root();
            let proof = oracle.consistency(old);
            prop_assert_eq!(verify_consistency(old, old_root, new, new_root, &proof), Ok(()));
            let refused = |old, old_root, new, new_root, proof: &[Hash]| {
                verify_consistency(old, old_root, new, new_root, proof).is_err()
            };
            prop_assert!(refused(old, flip(old_root, bit), new, new_root, &proof));
            prop_assert!(refused(old, old_root, new, flip(new_root, bit), &proof));
            let other_root = Oracle::of(other).root();
            if other != old {
                prop_assert!(refused(other, other_root, new, new_root, &proof) || other == 0 && proof.is_empty());
            }
            if other != new {
                prop_assert!(refused(old, old_root, other, other_root, &proof));
            }
            for place in 0..proof.len() {
                let mut changed = proof.clone();
                changed[place] = flip(changed[place], bit);
                prop_assert!(refused(old, old_root, new, new_root, &changed));
                changed.remove(place);
                prop_assert!(refused(old, old_root, new, new_root, &changed));
            }
            let longer = [proof.as_slice(), &[new_root]].concat();
            prop_assert!(refused(old, old_root, new, new_root, &longer));
        }
    }
}
