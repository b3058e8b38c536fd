//! Transactions of a proposal that are on their way.

use std::collections::HashMap;
use std::sync::Arc;

use neo_consensus::engine::Fetched;
use neo_primitives::{Transaction, UInt256};
use parking_lot::Mutex;

/// The transactions that the proposal of the open height misses: whichever way one of them comes, the engine gets it
/// at once, ahead of its way through the memory pool.
#[derive(Debug, Default)]
pub(crate) struct Missing(Mutex<Places>);

#[derive(Debug, Default)]
struct Places {
    block: Option<UInt256>,
    positions: HashMap<UInt256, u32>,
}

impl Missing {
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
        let mut places = self.0.lock();
        places.block = Some(block);
        places.positions = named.collect();
        places.positions.keys().copied().collect()
    }

    /// A transaction came: what the engine makes of it, if it was looked for.
    pub(crate) fn came(&self, transaction: &Arc<Transaction>) -> Option<Fetched> {
        let mut places = self.0.lock();
        let hash = places.block?;
        let position = places.positions.remove(&transaction.hash())?;
        Some(Fetched::Transactions {
            hash,
            transactions: vec![(position, Arc::clone(transaction))],
        })
    }

    /// Nothing is looked for any more.
    pub(crate) fn forget(&self) {
        *self.0.lock() = Places::default();
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
        let missing = Missing::default();
        let all: Vec<_> = (0..3).map(transaction).collect();
        let hashes: Vec<_> = all.iter().map(|transaction| transaction.hash()).collect();
        assert!(missing.came(&all[1]).is_none());
        let block = UInt256::from_wire([5; 32]);
        // Positions beyond the block are nobody's.
        let asked = missing.look_for(block, &[1, 2, 9], &hashes);
        assert_eq!(asked.len(), 2);
        assert!(asked.contains(&hashes[1]) && asked.contains(&hashes[2]));
        assert!(missing.came(&all[0]).is_none());
        let Some(Fetched::Transactions { hash, transactions }) = missing.came(&all[2]) else {
            panic!("it was looked for");
        };
        assert_eq!((hash, transactions[0].0), (block, 2));
        assert!(missing.came(&all[2]).is_none(), "once is enough");
        missing.forget();
        assert!(missing.came(&all[1]).is_none());
    }
}
