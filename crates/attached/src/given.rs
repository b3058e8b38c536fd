//! Transactions that the node has just taken from here: its next listing of its pool tells of them, consensus and peers
//! need them before.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use neo_primitives::{Transaction, UInt256};

/// Bytes of transactions that are held, at most; the oldest go first.
const MAX_BYTES: usize = 32 << 20;

/// Listings that a transaction is held for. One may have been under way when the node took it.
const LISTINGS: u8 = 3;

#[derive(Default)]
pub(crate) struct Given {
    held: HashMap<UInt256, (Arc<Transaction>, u8)>,
    /// The held ones by age.
    order: VecDeque<UInt256>,
    bytes: usize,
}

impl Given {
    /// The node has taken a transaction.
    pub(crate) fn add(&mut self, transaction: Arc<Transaction>) {
        let hash = transaction.hash();
        if self.held.contains_key(&hash) {
            return;
        }
        self.bytes = self.bytes.saturating_add(transaction.size());
        self.held.insert(hash, (transaction, 0));
        self.order.push_back(hash);
        while self.bytes > MAX_BYTES {
            let Some(oldest) = self.order.pop_front() else {
                return;
            };
            if let Some((gone, _)) = self.held.remove(&oldest) {
                self.bytes = self.bytes.saturating_sub(gone.size());
            }
        }
    }

    pub(crate) fn get(&self, hash: &UInt256) -> Option<&Arc<Transaction>> {
        self.held.get(hash).map(|(transaction, _)| transaction)
    }

    pub(crate) fn hashes(&self) -> impl Iterator<Item = &UInt256> {
        self.order.iter()
    }

    /// The node has listed its pool. Gives those that are in it; the others wait for some more listings.
    pub(crate) fn listed(&mut self, is_listed: impl Fn(&UInt256) -> bool) -> Vec<Arc<Transaction>> {
        let mut listed = Vec::new();
        let mut bytes = 0_usize;
        self.held.retain(|hash, (transaction, listings)| {
            if is_listed(hash) {
                listed.push(Arc::clone(transaction));
                return false;
            }
            *listings = listings.saturating_add(1);
            let stays = *listings < LISTINGS;
            if stays {
                bytes = bytes.saturating_add(transaction.size());
            }
            stays
        });
        self.bytes = bytes;
        let held = &self.held;
        self.order.retain(|hash| held.contains_key(hash));
        listed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Draft;

    #[test]
    fn a_transaction_is_held_until_it_is_listed_or_was_not_for_long() {
        let mut given = Given::default();
        let (one, other) = (Draft::new(1, 1).signed(), Draft::new(1, 2).signed());
        given.add(Arc::clone(&one));
        given.add(Arc::clone(&other));
        given.add(Arc::clone(&other));
        assert_eq!(given.order.len(), 2);
        assert!(given.listed(|_| false).is_empty());
        assert_eq!(given.listed(|hash| *hash == one.hash()), [Arc::clone(&one)]);
        assert!(given.get(&one.hash()).is_none());
        assert_eq!(given.get(&other.hash()), Some(&other));
        assert!(given.listed(|_| false).is_empty());
        assert!(given.get(&other.hash()).is_none());
        assert_eq!((given.order.len(), given.bytes), (0, 0));
    }

    #[test]
    fn the_oldest_go_when_there_are_too_many_bytes() {
        let mut given = Given::default();
        let all: Vec<_> = (0..3).map(|nonce| Draft::new(1, nonce).signed()).collect();
        given.add(Arc::clone(&all[0]));
        given.add(Arc::clone(&all[1]));
        // As if one more had been as long as all the room.
        given.bytes = MAX_BYTES + all[0].size();
        given.add(Arc::clone(&all[2]));
        assert!(given.get(&all[0].hash()).is_none() && given.get(&all[1].hash()).is_none());
        assert_eq!(given.hashes().count(), given.held.len());
        assert_eq!(given.bytes, MAX_BYTES);
        assert!(given.get(&all[2].hash()).is_some());
    }
}
