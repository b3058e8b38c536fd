//! How a proposal names the transactions of its block without carrying them.

use crate::hash::{UInt256, sha256};

/// First 6 bytes of SHA-256(block hash ‖ transaction hash), both in wire order.
pub type ShortId = [u8; 6];

/// The short id of a transaction in the block with this hash (protocol section 3). It depends on the block, so
/// nobody can prepare transactions that share one.
#[must_use]
pub fn short_id(block: &UInt256, transaction: &UInt256) -> ShortId {
    let mut bytes = [0; 64];
    let (front, back) = bytes.split_at_mut(32);
    front.copy_from_slice(block.as_wire());
    back.copy_from_slice(transaction.as_wire());
    let mut id = [0; 6];
    id.copy_from_slice(sha256(&bytes).split_at(6).0);
    id
}

/// The transactions of a proposed block, in block order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransactionIds {
    /// By short ids, which the merkle root confirms.
    Short(Vec<ShortId>),
    /// By full hashes, where short ids collided.
    Full(Vec<UInt256>),
}

impl TransactionIds {
    /// How many transactions are named.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Short(ids) => ids.len(),
            Self::Full(hashes) => hashes.len(),
        }
    }

    /// Whether no transaction is named.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_id_depends_on_block_and_transaction() {
        let hash = |byte| UInt256::from_wire([byte; 32]);
        let id = short_id(&hash(1), &hash(2));
        assert_ne!(id, short_id(&hash(3), &hash(2)));
        assert_ne!(id, short_id(&hash(1), &hash(3)));
        let digest = sha256(&[[1; 32], [2; 32]].concat());
        assert_eq!(id[..], digest[..6]);
    }
}
