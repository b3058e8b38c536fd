//! Giving transactions of peers and clients to the serving node, so that it stays free for consensus.

use std::sync::Arc;

use neo_ledger::Rejected;
use neo_primitives::{Transaction, UInt256};
use tokio::{sync::Semaphore, time::timeout_at};

use crate::shared::Shared;

/// Submissions that the node has at a time.
pub(crate) const AT_A_TIME: usize = 4;

/// Bytes of transactions that wait or are under way, at most.
const MAX_BYTES: u32 = 16 << 20;

/// What a transaction takes besides its bytes, about.
const OVERHEAD: usize = 512;

/// How much is given to nodes, and waits to be.
pub(crate) struct Submitting {
    turns: Semaphore,
    bytes: Semaphore,
}

impl Submitting {
    pub(crate) fn new() -> Self {
        Self {
            turns: Semaphore::new(AT_A_TIME),
            bytes: Semaphore::new(MAX_BYTES as usize),
        }
    }
}

/// Gives transactions to the serving node. Whoever sends them has no say in whether the node serves consensus: when it
/// does not take them in time, they are refused, and no more.
pub(crate) async fn submit(
    shared: &Shared,
    transactions: &[Arc<Transaction>],
) -> Vec<Result<UInt256, Rejected>> {
    match send(shared, transactions).await {
        Ok(verdicts) => {
            shared.taken(transactions, &verdicts);
            verdicts
        }
        Err(reason) => {
            tracing::debug!(count = transactions.len(), %reason, "transactions were not given on");
            let refused = || {
                Err(Rejected::Unavailable {
                    reason: reason.clone(),
                })
            };
            transactions.iter().map(|_| refused()).collect()
        }
    }
}

async fn send(
    shared: &Shared,
    transactions: &[Arc<Transaction>],
) -> Result<Vec<Result<UInt256, Rejected>>, String> {
    let bytes = transactions.iter().fold(OVERHEAD, |sum, transaction| {
        sum.saturating_add(transaction.size())
            .saturating_add(OVERHEAD)
    });
    // One that is longer than all the room goes when it is alone.
    let bytes = u32::try_from(bytes).unwrap_or(MAX_BYTES).min(MAX_BYTES);
    let _room = shared
        .submitting
        .bytes
        .try_acquire_many(bytes)
        .map_err(|_| format!("{MAX_BYTES} bytes of transactions wait for a Neo node already"))?;
    let end = shared.deadline();
    let _turn = match timeout_at(end, shared.submitting.turns.acquire()).await {
        Ok(Ok(turn)) => turn,
        // The second is of a closed semaphore, which this one never is.
        Err(_) | Ok(Err(_)) => {
            return Err(format!(
                "a Neo node is given transactions {AT_A_TIME} times at a time, and has not answered"
            ));
        }
    };
    let member = shared.serving_until(end).await;
    let member = member.map_err(|error| error.to_string())?;
    let verdicts = member.node.send(transactions).await;
    verdicts.map_err(|error| error.to_string())
}
