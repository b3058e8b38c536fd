//! The order of the memory pool.

use std::cmp::{Ordering, Reverse};

use neo_primitives::{Attribute, Transaction, UInt256};

/// Place of a transaction in the pool; the least comes first into a block.
///
/// Neo's order (neo-project/neo `PoolItem.CompareTo`): the `HighPriority` attribute, network fee per byte
/// (rounded down), network fee, lower hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Priority {
    high: bool,
    fee_per_byte: i64,
    network_fee: i64,
    hash: UInt256,
}

impl Priority {
    /// The place of a transaction.
    pub(crate) fn of(transaction: &Transaction) -> Self {
        let size = i64::try_from(transaction.size()).unwrap_or(i64::MAX).max(1);
        let network_fee = transaction.network_fee().0;
        Self {
            high: transaction
                .attributes()
                .iter()
                .any(|attribute| matches!(attribute, Attribute::HighPriority)),
            fee_per_byte: network_fee / size,
            network_fee,
            hash: transaction.hash(),
        }
    }

    /// Hash of the transaction.
    pub(crate) fn hash(&self) -> &UInt256 {
        &self.hash
    }

    fn key(&self) -> (Reverse<bool>, Reverse<i64>, Reverse<i64>, UInt256) {
        (
            Reverse(self.high),
            Reverse(self.fee_per_byte),
            Reverse(self.network_fee),
            self.hash,
        )
    }
}

impl Ord for Priority {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

impl PartialOrd for Priority {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn priority(high: bool, fee_per_byte: i64, network_fee: i64, hash: u8) -> Priority {
        Priority {
            high,
            fee_per_byte,
            network_fee,
            hash: UInt256::from_wire([hash; 32]),
        }
    }

    #[test]
    fn neos_order() {
        let mut all = [
            priority(false, 10, 900, 1),
            priority(false, 10, 1_000, 2),
            priority(true, 1, 1, 9),
            priority(false, 11, 5, 3),
            priority(false, 10, 1_000, 1),
        ];
        all.sort();
        let order: Vec<_> = all
            .iter()
            .map(|p| (p.high, p.fee_per_byte, p.network_fee))
            .collect();
        assert_eq!(
            order,
            [
                (true, 1, 1),
                (false, 11, 5),
                (false, 10, 1_000),
                (false, 10, 1_000),
                (false, 10, 900)
            ]
        );
        assert!(all[2].hash < all[3].hash);
    }
}
