//! Transactions of a proposal that are on their way.

use std::collections::HashMap;
use std::sync::Arc;

use neo_consensus::engine::Fetched;
use neo_primitives::{Transaction, UInt256};
use parking_lot::Mutex;
use tokio::sync::mpsc;

use crate::driver::Inside;

/// The transactions that the proposal of the open height misses: whichever way one of them comes, the engine gets it
/// at once.
#[derive(Debug)]
pub(crate) struct Missing {
    places: Mutex<Places>,
    inside: mpsc::UnboundedSender<Inside>,
}

#[derive(Debug, Default)]
struct Places {
    block: Option<UInt256>,
    positions: HashMap<UInt256, u32>,
}

impl Missing {
    /// Nothing is looked for; what will be goes to the driver this way.
    pub(crate) fn new(inside: mpsc::UnboundedSender<Inside>) -> Self {
        Self {
            places: Mutex::default(),
            inside,
        }
    }

    /// From now on these positions of this block are looked for, and nothing else. Gives the hashes that stand there.
    pub(crate) fn look_for(
        &self,
        block: UInt256,
        positions: &[u32],
        all: &[UInt256],
    ) -> Vec<UInt256> {
        let named = positions.iter().filter_map(|position| {
            let hash = all.get(usize::try_from(*position).ok()?)?;
            Some((*hash, *position))
        });
        let mut places = self.places.lock();
        places.block = Some(block);
        places.positions = named.collect();
        places.positions.keys().copied().collect()
    }

    /// Whether a transaction is looked for.
    pub(crate) fn wants(&self, hash: &UInt256) -> bool {
        self.places.lock().positions.contains_key(hash)
    }

    /// A transaction is here: the engine gets it, if it is looked for.
    pub(crate) fn offer(&self, transaction: &Arc<Transaction>) {
        let mut places = self.places.lock();
        let Some(hash) = places.block else { return };
        if let Some(position) = places.positions.remove(&transaction.hash()) {
            let fetched = Fetched::Transactions {
                hash,
                transactions: vec![(position, Arc::clone(transaction))],
            };
            let _ = self.inside.send(Inside::Fetched(fetched));
        }
    }

    /// What is looked for: the block, and the hashes of its transactions that are not here. `None` for nothing.
    pub(crate) fn wanted(&self) -> Option<(UInt256, Vec<UInt256>)> {
        let places = self.places.lock();
        let block = places.block?;
        let hashes: Vec<UInt256> = places.positions.keys().copied().collect();
        (!hashes.is_empty()).then_some((block, hashes))
    }

    /// Nothing is looked for any more.
    pub(crate) fn forget(&self) {
        *self.places.lock() = Places::default();
    }
}

#[cfg(test)]
mod tests {
    use neo_primitives::{Token, UInt160};

    use super::*;
    use crate::rpc::testing::{signed, transfer, treasury};

    fn transaction(nonce: u32) -> Arc<Transaction> {
        let to = UInt160::from_wire([1; 20]);
        Arc::new(signed(transfer(Token::Gas, treasury(), to, 1, nonce)))
    }

    #[test]
    fn what_was_looked_for_goes_to_the_engine_once() {
        let (inside, mut driver) = mpsc::unbounded_channel();
        let missing = Missing::new(inside);
        let mut came = |transaction: &Arc<Transaction>| {
            missing.offer(transaction);
            match driver.try_recv() {
                Ok(Inside::Fetched(fetched)) => Some(fetched),
                _ => None,
            }
        };
        let all: Vec<_> = (0..3).map(transaction).collect();
        let hashes: Vec<_> = all.iter().map(|transaction| transaction.hash()).collect();
        assert!(came(&all[1]).is_none());
        let block = UInt256::from_wire([5; 32]);
        // Positions beyond the block are nobody's.
        let asked = missing.look_for(block, &[1, 2, 9], &hashes);
        assert_eq!(asked.len(), 2);
        assert!(asked.contains(&hashes[1]) && asked.contains(&hashes[2]));
        assert!(missing.wants(&hashes[1]) && !missing.wants(&hashes[0]));
        assert!(came(&all[0]).is_none());
        assert_eq!(
            missing.wanted().map(|(of, hashes)| (of, hashes.len())),
            Some((block, 2))
        );
        let Some(Fetched::Transactions { hash, transactions }) = came(&all[2]) else {
            panic!("it was looked for");
        };
        assert_eq!((hash, transactions[0].0), (block, 2));
        assert!(came(&all[2]).is_none(), "once is enough");
        assert_eq!(missing.wanted(), Some((block, vec![hashes[1]])));
        missing.forget();
        assert_eq!(missing.wanted(), None);
        assert!(came(&all[1]).is_none());
    }
}
