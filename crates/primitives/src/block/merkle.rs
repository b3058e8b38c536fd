//! The merkle root of transaction hashes.

use std::collections::HashSet;

use crate::hash::{UInt256, double_sha256};

/// Root of a tree whose nodes are the double SHA-256 of both children; an odd node is paired with itself. No
/// hashes give zero, one hash is its own root.
///
/// Repeating the last hashes of a list can leave the root as it is, so a root names a list only together with the
/// rule that no hash is there twice ([`has_duplicates`]).
pub fn merkle_root(hashes: &[UInt256]) -> UInt256 {
    let mut level = hashes.to_vec();
    while level.len() > 1 {
        level = level.chunks(2).map(parent).collect();
    }
    level.first().copied().unwrap_or_default()
}

fn parent(children: &[UInt256]) -> UInt256 {
    let mut pair = [0u8; 64];
    for (half, child) in pair
        .chunks_exact_mut(32)
        .zip(children.iter().chain(children.last()))
    {
        half.copy_from_slice(child.as_wire());
    }
    UInt256::from_wire(double_sha256(&pair))
}

/// Whether a hash is there twice.
pub fn has_duplicates(hashes: &[UInt256]) -> bool {
    let mut seen = HashSet::with_capacity(hashes.len());
    !hashes.iter().all(|hash| seen.insert(hash))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(byte: u8) -> UInt256 {
        UInt256::from_wire([byte; 32])
    }

    fn node(left: UInt256, right: UInt256) -> UInt256 {
        let bytes = [left.as_wire().as_slice(), right.as_wire()].concat();
        UInt256::from_wire(double_sha256(&bytes))
    }

    #[test]
    fn small_trees() {
        let [a, b, c, d, e] = [1, 2, 3, 4, 5].map(leaf);
        assert_eq!(merkle_root(&[]), UInt256::ZERO);
        assert_eq!(merkle_root(&[a]), a);
        assert_eq!(merkle_root(&[a, b]), node(a, b));
        assert_eq!(merkle_root(&[a, b, c]), node(node(a, b), node(c, c)));
        assert_eq!(merkle_root(&[a, b, c, d]), node(node(a, b), node(c, d)));
        let (ab, cd, ee) = (node(a, b), node(c, d), node(e, e));
        assert_eq!(
            merkle_root(&[a, b, c, d, e]),
            node(node(ab, cd), node(ee, ee))
        );
    }

    #[test]
    fn repeated_tails_share_a_root_and_are_seen() {
        let [a, b, c] = [1, 2, 3].map(leaf);
        assert_eq!(merkle_root(&[a, b, c]), merkle_root(&[a, b, c, c]));
        assert!(has_duplicates(&[a, b, c, c]));
        assert!(!has_duplicates(&[a, b, c]));
        assert!(!has_duplicates(&[]));
    }
}
