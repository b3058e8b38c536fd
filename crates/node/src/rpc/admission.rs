//! The way of transactions into the memory pool.
//!
//! One thread takes whatever waits and submits it together, so that signatures of transactions that came at the
//! same moment are verified in parallel and the pool is locked once. Nothing is delayed: a transaction that comes
//! when nothing waits is admitted in place, and while some are verified the next batch gathers.

use std::sync::Arc;

use neo_ledger::{ChainReader, Ledger, Rejected, SubmitReply};
use neo_primitives::{Transaction, UInt256};
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

use super::{error::RpcError, view::Relay};
use crate::metrics::Metrics;

/// Most transactions that are submitted together.
const MAX_TOGETHER: usize = 1_024;

/// What comes of a transaction.
type Outcome = Result<UInt256, Rejected>;

/// A transaction on its way.
pub(super) enum Admitted {
    /// Nothing else waited, and this is the outcome.
    Now(Outcome),
    /// The outcome of a batch that others share.
    Soon(oneshot::Receiver<Outcome>),
}

/// The part of a ledger that admission needs.
pub(super) trait Submit: Send + Sync + 'static {
    /// Verifies transactions and takes the valid ones; `reply` gets one outcome for each.
    fn submit(&self, transactions: Vec<Transaction>, reply: SubmitReply);

    /// Whether outcomes are there before `submit` returns.
    fn answers_at_once(&self) -> bool;

    /// A transaction of the memory pool.
    fn pooled(&self, hash: &UInt256) -> Option<Arc<Transaction>>;
}

impl Submit for Arc<dyn Ledger> {
    fn submit(&self, transactions: Vec<Transaction>, reply: SubmitReply) {
        Ledger::submit(self.as_ref(), transactions, reply);
    }

    fn answers_at_once(&self) -> bool {
        self.executes()
    }

    fn pooled(&self, hash: &UInt256) -> Option<Arc<Transaction>> {
        ChainReader::pooled(self.as_ref(), hash)
    }
}

struct Waiting {
    transaction: Transaction,
    reply: oneshot::Sender<Outcome>,
}

/// The way into the pool.
struct Gate {
    ledger: Arc<dyn Submit>,
    relay: Arc<dyn Relay>,
    metrics: Arc<Metrics>,
    /// Held while transactions are verified, so that others gather meanwhile.
    busy: Mutex<()>,
}

/// The queue of transactions that wait for admission.
#[derive(Clone)]
pub(super) struct Admission {
    gate: Arc<Gate>,
    queue: mpsc::Sender<Waiting>,
}

impl Admission {
    /// Starts the thread that admits. It ends when the last clone is dropped.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(super) fn start(
        ledger: Arc<dyn Submit>,
        relay: Arc<dyn Relay>,
        metrics: Arc<Metrics>,
        capacity: usize,
    ) -> std::io::Result<Self> {
        let (queue, waiting) = mpsc::channel(capacity);
        let gate = Arc::new(Gate {
            ledger,
            relay,
            metrics,
            busy: Mutex::new(()),
        });
        let behind = Arc::clone(&gate);
        std::thread::Builder::new()
            .name("rpc-admission".into())
            .spawn(move || behind.admit_waiting(waiting))?;
        Ok(Self { gate, queue })
    }

    /// Admits a transaction. One that comes `alone`, when nothing else waits or is being verified, is verified
    /// right here: that takes a fraction of the time of waking another thread twice, and this one was to wait.
    ///
    /// # Errors
    /// When the queue is full, or the node is stopping.
    pub(super) fn submit(
        &self,
        transaction: Transaction,
        alone: bool,
    ) -> Result<Admitted, RpcError> {
        // Waiting here for a ledger that answers on a thread of this runtime could hold that very thread up.
        if alone
            && self.gate.ledger.answers_at_once()
            && self.queue.capacity() == self.queue.max_capacity()
            && let Some(_busy) = self.gate.busy.try_lock()
        {
            let outcome = self.gate.admit(vec![transaction]).pop();
            return outcome.map(Admitted::Now).ok_or_else(stopping);
        }
        let (reply, outcome) = oneshot::channel();
        match self.queue.try_send(Waiting { transaction, reply }) {
            Ok(()) => Ok(Admitted::Soon(outcome)),
            Err(mpsc::error::TrySendError::Full(_)) => {
                let waiting = self.queue.max_capacity();
                let data = format!("{waiting} transactions wait for admission, try again");
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

impl Gate {
    /// Admits what waits, all of it together, until nobody can queue any more.
    fn admit_waiting(&self, mut waiting: mpsc::Receiver<Waiting>) {
        let mut together = Vec::with_capacity(MAX_TOGETHER);
        while waiting.blocking_recv_many(&mut together, MAX_TOGETHER) > 0 {
            let busy = self.busy.lock();
            // What came while the lock was awaited goes along.
            while together.len() < MAX_TOGETHER
                && let Ok(one) = waiting.try_recv()
            {
                together.push(one);
            }
            let (transactions, replies): (Vec<_>, Vec<_>) = together
                .drain(..)
                .map(|one| (one.transaction, one.reply))
                .unzip();
            let outcomes = self.admit(transactions);
            drop(busy);
            for (outcome, reply) in outcomes.into_iter().zip(replies) {
                // Who asked may be gone by now.
                let _ = reply.send(outcome);
            }
        }
    }

    /// Verifies transactions, takes the valid ones into the pool and passes them on.
    fn admit(&self, transactions: Vec<Transaction>) -> Vec<Outcome> {
        self.metrics.admission_batch(transactions.len());
        let outcomes = submit(self.ledger.as_ref(), transactions);
        for outcome in &outcomes {
            let code = outcome
                .as_ref()
                .map_or_else(|reason| reason.code().0, |_| 0);
            self.metrics.admission(code);
            if let Ok(hash) = outcome
                && let Some(transaction) = self.ledger.pooled(hash)
            {
                self.relay.transaction(transaction);
            }
        }
        outcomes
    }
}

/// The outcome of a submission, whichever thread the ledger answers on.
fn submit(ledger: &dyn Submit, transactions: Vec<Transaction>) -> Vec<Outcome> {
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

    fn outcome(admitted: Admitted) -> Outcome {
        match admitted {
            Admitted::Now(outcome) => outcome,
            Admitted::Soon(outcome) => outcome.blocking_recv().unwrap(),
        }
    }

    #[test]
    fn what_comes_alone_is_admitted_in_place() {
        let chain = Chain::new();
        let context = chain.context();
        let ledger: Arc<dyn Ledger> = chain.ledger.clone();
        let ledger = Arc::new(ledger) as Arc<dyn Submit>;
        let admission = Admission::start(ledger, context.relay, context.metrics, 1).unwrap();
        let admitted = admission.submit(transaction(1), true).unwrap();
        assert!(matches!(admitted, Admitted::Now(Ok(_))));
        assert_eq!(chain.relayed(), [transaction(1).hash()]);
        let admitted = admission.submit(transaction(1), true).unwrap();
        assert!(matches!(
            admitted,
            Admitted::Now(Err(Rejected::AlreadyInPool(_)))
        ));
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

        fn answers_at_once(&self) -> bool {
            true
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
        let gated = Arc::clone(&ledger) as Arc<dyn Submit>;
        let admission = Admission::start(gated, relay, Arc::clone(&context.metrics), 3).unwrap();
        let first = admission.submit(transaction(1), false).unwrap();
        // The first one is being verified: the queue is empty again, and nothing leaves it.
        ledger.gate.wait();
        let waiting: Vec<_> = (2..5)
            .map(|nonce| admission.submit(transaction(nonce), true).unwrap())
            .collect();
        let error = admission.submit(transaction(5), true).err().unwrap();
        assert_eq!(error.code(), -502);
        assert!(error.data().unwrap().starts_with("3 transactions wait"));
        ledger.gate.wait();
        assert!(outcome(first).is_ok());
        ledger.gate.wait();
        ledger.gate.wait();
        for one in waiting {
            assert!(outcome(one).is_ok());
        }
        assert_eq!(*ledger.sizes.lock(), [1, 3]);
        assert_eq!(chain.relayed().len(), 4);
    }

    /// A ledger that gives no answer.
    struct Silent;

    impl Submit for Silent {
        fn submit(&self, _: Vec<Transaction>, _: SubmitReply) {}

        fn answers_at_once(&self) -> bool {
            true
        }

        fn pooled(&self, _: &UInt256) -> Option<Arc<Transaction>> {
            None
        }
    }

    #[test]
    fn a_ledger_without_an_answer_refuses() {
        let context = Chain::new().context();
        let relay = Arc::clone(&context.relay);
        let admission = Admission::start(Arc::new(Silent), relay, context.metrics, 3).unwrap();
        for alone in [true, false] {
            let admitted = admission.submit(transaction(1), alone).unwrap();
            assert_eq!(outcome(admitted).unwrap_err().code().0, -500);
        }
    }
}
