//! Blocks of the open heights, for other nodes that ask for their transactions.

use std::collections::BTreeMap;
use std::sync::Arc;

use neo_consensus::v3::Record;
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

    /// Takes over what a vote log brought back: who prepared a block serves it in its next life, too
    /// (protocol section 5, rule 9).
    pub(crate) fn restore(&self, records: &[Record], stored: Height) {
        let held = records.iter().filter_map(|record| match record {
            Record::Body(body) if body.header.index > stored => Some(body),
            _ => None,
        });
        held.for_each(|body| self.insert(body));
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

    fn body(height: u32) -> Arc<BlockBody> {
        Arc::new(empty(height))
    }

    #[test]
    fn a_prepared_block_is_served_after_a_restart_until_it_is_stored() {
        let bodies = Bodies::default();
        let records = [5, 6].map(|height| Record::Body(body(height)));
        bodies.restore(&records, Height(5));
        assert_eq!(bodies.get(&body(5).hash()), None);
        assert_eq!(bodies.get(&body(6).hash()), Some(body(6)));
        bodies.retire(Height(6));
        assert_eq!(bodies.get(&body(6).hash()), None);
    }
}
