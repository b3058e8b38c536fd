//! Finding the transactions that a proposal names.

use std::{collections::HashMap, sync::Arc};

use neo_primitives::{Transaction, TransactionIds, UInt256, short_id};
use rayon::prelude::*;

use super::EmbeddedLedger;

/// What a short id stands for, as far as the pool tells.
#[derive(Clone, Copy)]
enum Named {
    Nothing,
    One(UInt256),
    Several,
}

impl EmbeddedLedger {
    /// The pooled transactions with these names in the block `hash`, `None` for what is missing or ambiguous.
    pub(super) fn lookup(
        &self,
        hash: &UInt256,
        ids: &TransactionIds,
    ) -> Vec<Option<Arc<Transaction>>> {
        match ids {
            TransactionIds::Full(hashes) => {
                let pool = self.pool.lock();
                hashes
                    .iter()
                    .map(|hash| pool.transactions.get(hash).cloned())
                    .collect()
            }
            TransactionIds::Short(ids) => self.lookup_short(hash, ids),
        }
    }

    fn lookup_short(&self, block: &UInt256, ids: &[[u8; 6]]) -> Vec<Option<Arc<Transaction>>> {
        let mut wanted: HashMap<[u8; 6], Named> = HashMap::with_capacity(ids.len());
        for id in ids {
            // An id that stands twice names two transactions: one of them cannot be told.
            wanted
                .entry(*id)
                .and_modify(|named| *named = Named::Several)
                .or_insert(Named::Nothing);
        }
        if wanted.is_empty() {
            return Vec::new();
        }
        let hashes = self.pool.lock().transactions.hashes();
        let matches: Vec<([u8; 6], UInt256)> = hashes
            .par_iter()
            .with_min_len(1_024)
            .map(|hash| (short_id(block, hash), *hash))
            .filter(|(id, _)| wanted.contains_key(id))
            .collect();
        for (id, hash) in matches {
            if let Some(named) = wanted.get_mut(&id) {
                *named = match named {
                    Named::Nothing => Named::One(hash),
                    Named::One(_) | Named::Several => Named::Several,
                };
            }
        }
        let pool = self.pool.lock();
        ids.iter()
            .map(|id| match wanted.get(id) {
                Some(Named::One(hash)) => pool.transactions.get(hash).cloned(),
                _ => None,
            })
            .collect()
    }
}
