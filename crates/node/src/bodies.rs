//! Blocks of the open heights, for other nodes that ask for their transactions.

use std::collections::BTreeMap;
use std::sync::Arc;

use neo_primitives::{BlockBody, Height, UInt256};
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
