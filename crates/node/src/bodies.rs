//! Blocks of the open heights, for other nodes that ask for their transactions.

use std::collections::BTreeMap;
use std::sync::Arc;

use neo_primitives::{BlockBody, Height, Transaction, UInt256};
use parking_lot::RwLock;

/// Most blocks kept; the oldest heights go first.
const MAX_BODIES: usize = 32;

/// Bodies by height and hash.
#[derive(Debug, Default)]
pub(crate) struct Bodies(RwLock<BTreeMap<(Height, UInt256), Arc<BlockBody>>>);

impl Bodies {
    pub(crate) fn insert(&self, body: &Arc<BlockBody>) {
        let mut bodies = self.0.write();
        bodies.insert((body.header.index, body.hash()), Arc::clone(body));
        if bodies.len() > MAX_BODIES {
            bodies.pop_first();
        }
    }

    /// Takes over what a vote log brought back: who prepared a block serves it in its next life, too
    /// (protocol section 5, rule 9).
    pub(crate) fn restore<'a>(
        &self,
        recorded: impl Iterator<Item = &'a Arc<BlockBody>>,
        stored: Height,
    ) {
        recorded
            .filter(|body| body.header.index > stored)
            .for_each(|body| self.insert(body));
    }

    /// A transaction of one of the blocks: after a restart it may be in no memory pool.
    pub(crate) fn transaction(&self, hash: &UInt256) -> Option<Arc<Transaction>> {
        let bodies = self.0.read();
        let mut all = bodies.values().flat_map(|body| &body.transactions);
        all.find(|transaction| transaction.hash() == *hash).cloned()
    }

    pub(crate) fn get(&self, hash: &UInt256) -> Option<Arc<BlockBody>> {
        let bodies = self.0.read();
        bodies
            .iter()
            .find(|((_, held), _)| held == hash)
            .map(|(_, body)| Arc::clone(body))
    }

    /// Forgets heights that are stored: those are served from the store.
    pub(crate) fn retire(&self, stored: Height) {
        let mut bodies = self.0.write();
        *bodies = bodies.split_off(&(stored.next(), UInt256::ZERO));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answers::tests::body as empty;
    use crate::rpc::testing::{signed, transfer, treasury};
    use neo_primitives::{Token, UInt160};

    fn body(height: u32) -> Arc<BlockBody> {
        Arc::new(empty(height))
    }

    #[test]
    fn a_prepared_block_is_served_after_a_restart_until_it_is_stored() {
        let bodies = Bodies::default();
        let recorded = [5, 6].map(body);
        bodies.restore(recorded.iter(), Height(5));
        assert_eq!(bodies.get(&body(5).hash()), None);
        assert_eq!(bodies.get(&body(6).hash()), Some(body(6)));
        bodies.retire(Height(6));
        assert_eq!(bodies.get(&body(6).hash()), None);
    }

    #[test]
    fn transactions_of_prepared_blocks_are_found() {
        let to = UInt160::from_wire([1; 20]);
        let transaction = Arc::new(signed(transfer(Token::Gas, treasury(), to, 1, 1)));
        let mut block = empty(6);
        block.transactions.push(Arc::clone(&transaction));
        let bodies = Bodies::default();
        assert!(bodies.transaction(&transaction.hash()).is_none());
        bodies.insert(&Arc::new(block));
        assert_eq!(bodies.transaction(&transaction.hash()), Some(transaction));
    }
}
