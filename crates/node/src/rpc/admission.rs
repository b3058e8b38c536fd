//! The way of transactions into the memory pool.
//!
//! One thread takes whatever waits and submits it together, so that signatures of transactions that came at the
//! same moment are verified in parallel and the pool is locked once. Nothing is delayed: a transaction that comes
//! alone goes alone, and while a batch is verified the next one gathers.

use std::sync::Arc;

use neo_ledger::{Ledger, Rejected};
use neo_primitives::{Transaction, UInt256};
use tokio::sync::{mpsc, oneshot};

use super::{error::RpcError, view::Relay};
use crate::metrics::Metrics;

/// Most transactions that are submitted together.
const MAX_TOGETHER: usize = 1_024;

/// What comes of a transaction.
pub(super) type Admitted = oneshot::Receiver<Result<UInt256, Rejected>>;

struct Waiting {
    transaction: Transaction,
    reply: oneshot::Sender<Result<UInt256, Rejected>>,
}

/// The queue of transactions that wait for admission.
#[derive(Clone)]
pub(super) struct Admission {
    queue: mpsc::Sender<Waiting>,
    capacity: usize,
}

impl Admission {
    /// Starts the thread that admits. It ends when the last clone is dropped.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(super) fn start<L: Ledger>(
        ledger: Arc<L>,
        relay: Arc<dyn Relay>,
        metrics: Arc<Metrics>,
        capacity: usize,
    ) -> std::io::Result<Self> {
        let (queue, waiting) = mpsc::channel(capacity);
        std::thread::Builder::new()
            .name("rpc-admission".into())
            .spawn(move || admit_all(waiting, ledger.as_ref(), relay.as_ref(), &metrics))?;
        Ok(Self { queue, capacity })
    }

    /// Queues a transaction.
    ///
    /// # Errors
    /// When the queue is full, or the node is stopping.
    pub(super) fn submit(&self, transaction: Transaction) -> Result<Admitted, RpcError> {
        let (reply, admitted) = oneshot::channel();
        match self.queue.try_send(Waiting { transaction, reply }) {
            Ok(()) => Ok(admitted),
            Err(mpsc::error::TrySendError::Full(_)) => {
                let data = format!("{} transactions wait for admission, try again", self.capacity);
                Err(RpcError::POOL_FULL.with(data))
            }
            Err(mpsc::error::TrySendError::Closed(_)) => Err(stopping()),
        }
    }
}

/// The answer to a transaction that will not be looked at any more.
pub(super) fn stopping() -> RpcError {
    RpcError::INTERNAL.with("the node takes no transactions any more")
}

fn admit_all(
    mut waiting: mpsc::Receiver<Waiting>,
    ledger: &dyn Ledger,
    relay: &dyn Relay,
    metrics: &Metrics,
) {
    let mut together = Vec::with_capacity(MAX_TOGETHER);
    while waiting.blocking_recv_many(&mut together, MAX_TOGETHER) > 0 {
        let (transactions, replies): (Vec<_>, Vec<_>) = together
            .drain(..)
            .map(|one| (one.transaction, one.reply))
            .unzip();
        metrics.admission_batch(transactions.len());
        for (result, reply) in submit(ledger, transactions).into_iter().zip(replies) {
            metrics.admission(result.as_ref().map_or_else(|reason| reason.code().0, |_| 0));
            if let Ok(hash) = &result
                && let Some(transaction) = ledger.pooled(hash)
            {
                relay.transaction(transaction);
            }
            // Who asked may be gone by now.
            let _ = reply.send(result);
        }
    }
}

/// The outcome of a submission, whichever thread the ledger answers on.
fn submit(ledger: &dyn Ledger, transactions: Vec<Transaction>) -> Vec<Result<UInt256, Rejected>> {
    let count = transactions.len();
    let (answer, answered) = std::sync::mpsc::sync_channel(1);
    ledger.submit(
        transactions,
        Box::new(move |results| {
            // The receiver waits below.
            let _ = answer.send(results);
        }),
    );
    answered.recv().unwrap_or_else(|_| {
        let reason = "the ledger gave no answer".to_owned();
        vec![Err(Rejected::Unavailable { reason }); count]
    })
}
