//! Transactions that are given to the node.

use std::time::Duration;

use neo_ledger::{Ledger as _, Rejected, store::MemoryStore};
use neo_primitives::{Height, Signer, Transaction, UInt160, UInt256, Witness, WitnessScope};
use tokio::sync::oneshot;

use super::{attach_with, config, open};
use crate::{
    AttachedLedger,
    fake::{Draft, FakeNode, Network},
};

type Results = Vec<Result<UInt256, Rejected>>;

/// Gives transactions to the node; what comes of it comes later.
fn submit(ledger: &AttachedLedger, transactions: Vec<Transaction>) -> oneshot::Receiver<Results> {
    let (sender, receiver) = oneshot::channel();
    let reply = move |results| {
        let _ = sender.send(results);
    };
    ledger.submit(transactions, Box::new(reply));
    receiver
}

/// A transaction nearly as long as one may be.
fn long(nonce: u32) -> Transaction {
    let mut unsigned = Draft::new(1, nonce).signed().unsigned().clone();
    unsigned.valid_until = Height(1_000);
    unsigned.script = vec![0x11; 65_000];
    let account = |number| Signer::new(UInt160::from_wire([number; 20]), WitnessScope::NONE);
    unsigned.signers = (1..17).map(account).collect();
    let witness = Witness {
        invocation: vec![0x11; 1_024],
        verification: vec![0x11; 1_024],
    };
    unsigned.into_signed(vec![witness; 16]).unwrap()
}

#[tokio::test]
async fn many_long_transactions_fit_what_a_node_takes_at_once() {
    let network = Network::new();
    let node = FakeNode::start(&network).await;
    let mut config = config(&network, &[&node]);
    config.timing.timeout = Duration::from_secs(30);
    config.timing.patience = Duration::from_secs(30);
    let ledger = attach_with(config, Box::new(MemoryStore::new())).await;
    open(&ledger).await;
    let transactions: Vec<Transaction> = (0..50).map(long).collect();
    let hashes: Vec<_> = transactions.iter().map(|one| Ok(one.hash())).collect();
    assert_eq!(submit(&ledger, transactions).await.unwrap(), hashes);
}
