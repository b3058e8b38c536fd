//! The memory pool at the highest decided block, and admission to it.

use std::{collections::HashMap, sync::Arc};

use neo_primitives::{Height, Transaction, UInt256};
use rayon::prelude::*;

use super::EmbeddedLedger;
use crate::{
    error::LedgerError,
    execution::Executed,
    mempool::{ChainPoint, Mempool},
    rejected::Rejected,
    state::{Layer, StateView},
};

/// Transactions that are admitted while the pool stays locked.
const ADMISSION_CHUNK: usize = 256;

/// Fewer transactions are verified where they came in: handing them to other threads takes longer.
const PARALLEL_FROM: usize = 3;

/// The memory pool with the point of the chain that it is verified against.
pub(super) struct Pool {
    pub(super) transactions: Mempool,
    /// Height of the highest decided block.
    pub(super) height: Height,
    /// Decided blocks that may not be stored yet, newest first.
    pub(super) layers: Vec<Arc<Layer>>,
}

impl EmbeddedLedger {
    /// The state that the pool is verified against.
    pub(super) fn pool_view(&self, pool: &Pool) -> Result<StateView, LedgerError> {
        StateView::new(pool.layers.clone(), self.store.as_ref())
    }

    pub(super) fn point(&self, height: Height) -> ChainPoint<'_> {
        ChainPoint {
            config: &self.config,
            height,
            committee_address: self.rules.committee_address,
        }
    }

    /// Blocks were decided, lowest first: the pool moves on to the last one. `layers` are the decided
    /// blocks that are not stored yet.
    pub(super) fn advance_pool(
        &self,
        newly: &[Arc<Executed>],
        layers: Vec<Arc<Layer>>,
    ) -> Result<(), LedgerError> {
        let mut pool = self.pool.lock();
        pool.layers = layers;
        let Some(last) = newly.last() else {
            return Ok(());
        };
        pool.height = last.body.header.index;
        let view = self.pool_view(&pool)?;
        for executed in newly {
            let height = pool.height.0;
            let transactions = &executed.body.transactions;
            pool.transactions
                .block_decided(height, transactions, &executed.layer, &view)?;
        }
        Ok(())
    }

    /// Verifies transactions and takes the valid ones into the pool.
    pub(super) fn admit(&self, transactions: Vec<Transaction>) -> Vec<Result<UInt256, Rejected>> {
        let transactions: Vec<Arc<Transaction>> = transactions.into_iter().map(Arc::new).collect();
        let repeats = repeats(&transactions);
        let mut results = self.check_known(&transactions);
        let unverified: Vec<usize> = results
            .iter()
            .enumerate()
            .filter(|(position, result)| result.is_ok() && !repeats.contains_key(position))
            .map(|(position, _)| position)
            .collect();
        let verify = |position: usize| {
            let transaction = transactions.get(position)?;
            Some((position, self.verifier.verify(transaction)))
        };
        let verified: Vec<(usize, Result<(), Rejected>)> = if unverified.len() < PARALLEL_FROM {
            unverified.into_iter().filter_map(verify).collect()
        } else {
            unverified.into_par_iter().filter_map(verify).collect()
        };
        for chunk in verified.chunks(ADMISSION_CHUNK) {
            self.admit_verified(&transactions, chunk, &mut results);
        }
        for (position, first) in repeats {
            let outcome = match results.get(first) {
                Some(Ok(hash)) => Err(Rejected::AlreadyInPool(*hash)),
                Some(Err(error)) => Err(error.clone()),
                None => continue,
            };
            if let Some(result) = results.get_mut(position) {
                *result = outcome;
            }
        }
        results
    }

    /// What needs no signature check to be refused: known transactions.
    fn check_known(&self, transactions: &[Arc<Transaction>]) -> Vec<Result<UInt256, Rejected>> {
        let pool = self.pool.lock();
        let view = match self.pool_view(&pool) {
            Ok(view) => view,
            Err(error) => {
                let refusal = Rejected::from(error);
                return transactions.iter().map(|_| Err(refusal.clone())).collect();
            }
        };
        let point = self.point(pool.height);
        transactions
            .iter()
            .map(|transaction| {
                pool.transactions
                    .check_known(transaction, &point, &view)
                    .map(|()| transaction.hash())
            })
            .collect()
    }

    fn admit_verified(
        &self,
        transactions: &[Arc<Transaction>],
        verified: &[(usize, Result<(), Rejected>)],
        results: &mut [Result<UInt256, Rejected>],
    ) {
        let mut pool = self.pool.lock();
        let was_empty = pool.transactions.len() == 0;
        let view = self.pool_view(&pool);
        let point = self.point(pool.height);
        for (position, verdict) in verified {
            let (Some(transaction), Some(result)) =
                (transactions.get(*position), results.get_mut(*position))
            else {
                continue;
            };
            let admitted = verdict.clone().and_then(|()| match &view {
                Ok(view) => pool
                    .transactions
                    .admit(Arc::clone(transaction), &point, view),
                Err(error) => Err(Rejected::Unavailable {
                    reason: error.to_string(),
                }),
            });
            *result = admitted.map(|()| transaction.hash());
        }
        let waiting = pool.transactions.len();
        drop(view);
        drop(pool);
        if was_empty
            && waiting > 0
            && let Some(watcher) = self.pool_watcher.read().as_ref()
        {
            watcher(u32::try_from(waiting).unwrap_or(u32::MAX));
        }
    }
}

/// Positions of transactions that stand earlier in the list already, with the first position.
fn repeats(transactions: &[Arc<Transaction>]) -> HashMap<usize, usize> {
    let mut first: HashMap<UInt256, usize> = HashMap::with_capacity(transactions.len());
    let mut repeats = HashMap::new();
    for (position, transaction) in transactions.iter().enumerate() {
        let earlier = *first.entry(transaction.hash()).or_insert(position);
        if earlier != position && transactions.get(earlier) == Some(transaction) {
            repeats.insert(position, earlier);
        }
    }
    repeats
}
