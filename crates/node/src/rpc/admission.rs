//! The way of transactions into the memory pool.
//!
//! One thread takes whatever waits and submits it together, so that signatures of transactions that came at the
//! same moment are verified in parallel and the pool is locked once. Nothing is delayed: a transaction that comes
//! alone goes alone, and while a batch is verified the next one gathers.

use std::sync::Arc;

use neo_ledger::{ChainReader, EmbeddedLedger, Ledger, Rejected, SubmitReply};
use neo_primitives::{Transaction, UInt256};
use tokio::sync::{mpsc, oneshot};

use super::{error::RpcError, view::Relay};
use crate::metrics::Metrics;

/// Most transactions that are submitted together.
const MAX_TOGETHER: usize = 1_024;

/// What comes of a transaction.
pub(super) type Admitted = oneshot::Receiver<Result<UInt256, Rejected>>;

/// The part of a ledger that admission needs.
pub(super) trait Submit: Send + Sync + 'static {
    /// Verifies transactions and takes the valid ones; `reply` gets one outcome for each.
    fn submit(&self, transactions: Vec<Transaction>, reply: SubmitReply);

    /// A transaction of the memory pool.
    fn pooled(&self, hash: &UInt256) -> Option<Arc<Transaction>>;
}

impl Submit for EmbeddedLedger {
    fn submit(&self, transactions: Vec<Transaction>, reply: SubmitReply) {
        Ledger::submit(self, transactions, reply);
    }

    fn pooled(&self, hash: &UInt256) -> Option<Arc<Transaction>> {
        ChainReader::pooled(self, hash)
    }
}

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
    pub(super) fn start<L: Submit>(
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
                let data = format!(
                    "{} transactions wait for admission, try again",
                    self.capacity
                );
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
    ledger: &dyn Submit,
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
fn submit(ledger: &dyn Submit, transactions: Vec<Transaction>) -> Vec<Result<UInt256, Rejected>> {
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

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use neo_ledger::EmbeddedLedger;
    use neo_primitives::{Token, UInt160};
    use parking_lot::Mutex;

    use super::*;
    use crate::rpc::testing::{Chain, signed, transfer, treasury};

    fn transaction(nonce: u32) -> Transaction {
        let to = UInt160::from_wire([1; 20]);
        signed(transfer(Token::Gas, treasury(), to, 1, nonce))
    }

    /// Waits at a gate before each submission and remembers how many came together.
    struct Gated {
        ledger: Arc<EmbeddedLedger>,
        gate: Barrier,
        sizes: Mutex<Vec<usize>>,
    }

    impl Submit for Gated {
        fn submit(&self, transactions: Vec<Transaction>, reply: SubmitReply) {
            self.sizes.lock().push(transactions.len());
            self.gate.wait();
            self.gate.wait();
            Ledger::submit(self.ledger.as_ref(), transactions, reply);
        }

        fn pooled(&self, hash: &UInt256) -> Option<Arc<Transaction>> {
            ChainReader::pooled(self.ledger.as_ref(), hash)
        }
    }

    #[test]
    fn what_waits_goes_together_and_what_does_not_fit_is_refused() {
        let chain = Chain::new();
        let context = chain.context();
        let ledger = Arc::new(Gated {
            ledger: Arc::clone(&chain.ledger),
            gate: Barrier::new(2),
            sizes: Mutex::default(),
        });
        let relay = Arc::clone(&context.relay);
        let admission =
            Admission::start(Arc::clone(&ledger), relay, Arc::clone(&context.metrics), 3).unwrap();
        let first = admission.submit(transaction(1)).unwrap();
        // The first one is being verified: the queue is empty again, and nothing leaves it.
        ledger.gate.wait();
        let waiting: Vec<_> = (2..5)
            .map(|nonce| admission.submit(transaction(nonce)).unwrap())
            .collect();
        let error = admission.submit(transaction(5)).unwrap_err();
        assert_eq!(error.code(), -502);
        assert!(error.data().unwrap().starts_with("3 transactions wait"));
        ledger.gate.wait();
        assert!(first.blocking_recv().unwrap().is_ok());
        ledger.gate.wait();
        ledger.gate.wait();
        for one in waiting {
            assert!(one.blocking_recv().unwrap().is_ok());
        }
        assert_eq!(*ledger.sizes.lock(), [1, 3]);
        assert_eq!(chain.relayed().len(), 4);
    }

    /// A ledger that gives no answer.
    struct Silent;

    impl Submit for Silent {
        fn submit(&self, _: Vec<Transaction>, _: SubmitReply) {}

        fn pooled(&self, _: &UInt256) -> Option<Arc<Transaction>> {
            None
        }
    }

    #[test]
    fn a_ledger_without_an_answer_refuses() {
        let context = Chain::new().context();
        let relay = Arc::clone(&context.relay);
        let admission = Admission::start(Arc::new(Silent), relay, context.metrics, 3).unwrap();
        let admitted = admission.submit(transaction(1)).unwrap();
        let refused = admitted.blocking_recv().unwrap().unwrap_err();
        assert_eq!(refused.code().0, -500);
    }
}
