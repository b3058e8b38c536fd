//! Transactions of a proposal that reach the Neo node by its own ways.

use std::sync::Arc;
use std::time::Duration;

use neo_ledger::{Ledger, LedgerAnswer, LedgerRequest};
use neo_primitives::TransactionIds;
use tokio::sync::{oneshot, watch};

use crate::p2p::Missing;

/// How often it is looked whether the Neo node has them now.
const LOOK: Duration = Duration::from_millis(100);

/// While a proposal of dBFT 2.0 misses transactions, looks for them in the Neo node's pool. Peers that were asked may
/// not have had them, and nobody tells of what that node gets from its own peers.
pub(crate) struct Arrivals {
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) missing: Arc<Missing>,
}

impl Arrivals {
    /// Works until the node stops.
    pub(crate) async fn run(self, mut stopped: watch::Receiver<bool>) {
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = look.tick() => {}
                _ = stopped.changed() => return,
            }
            tokio::select! {
                () = self.look() => {}
                _ = stopped.changed() => return,
            }
        }
    }

    async fn look(&self) {
        let Some((hash, hashes)) = self.missing.wanted() else {
            return;
        };
        let (reply, answer) = oneshot::channel();
        let ids = TransactionIds::Full(hashes);
        self.ledger.request(
            LedgerRequest::Lookup { hash, ids },
            Box::new(move |answer| {
                // The node is stopping.
                let _ = reply.send(answer);
            }),
        );
        if let Ok(LedgerAnswer::Found { transactions, .. }) = answer.await {
            // What is not looked for any more is not taken.
            for transaction in transactions.iter().flatten() {
                self.missing.offer(transaction);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use neo_consensus::engine::Fetched;
    use neo_primitives::{Token, UInt160, UInt256};
    use tokio::sync::mpsc;

    use super::*;
    use crate::driver::Inside;
    use crate::rpc::testing::{Chain, signed, transfer, treasury};

    #[tokio::test]
    async fn what_comes_to_the_pool_while_a_proposal_misses_it_goes_to_the_engine() {
        let chain = Chain::new();
        let (inside, mut driver) = mpsc::unbounded_channel();
        let missing = Arc::new(Missing::new(inside));
        let arrivals = Arrivals {
            ledger: chain.ledger.clone(),
            missing: Arc::clone(&missing),
        };
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(arrivals.run(stopped));
        let to = UInt160::from_wire([1; 20]);
        let transaction = signed(transfer(Token::Gas, treasury(), to, 1, 1));
        let block = UInt256::from_wire([5; 32]);
        let hashes = [UInt256::ZERO, transaction.hash()];
        missing.look_for(block, &[1], &hashes);
        chain.submit(vec![transaction.clone()]);
        let Some(Inside::Fetched(Fetched::Transactions { hash, transactions })) =
            driver.recv().await
        else {
            panic!("it is in the pool");
        };
        assert_eq!((hash, transactions[0].0), (block, 1));
        assert_eq!(*transactions[0].1, transaction);
        assert_eq!(missing.wanted(), None);
        stop.send(true).unwrap();
        task.await.unwrap();
    }
}
