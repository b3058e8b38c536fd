//! Transactions that are given to the node.

use std::{sync::Arc, time::Duration};

use neo_ledger::{Ledger as _, Rejected, store::MemoryStore};
use neo_primitives::{Height, Signer, Transaction, UInt160, UInt256, Witness, WitnessScope};
use tokio::sync::oneshot;

use super::{attach, attach_with, config, open};
use crate::{
    AttachedLedger,
    fake::{Bend, Draft, FakeNode, Mood, Network},
    submitting::AT_A_TIME,
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

fn reason(results: &Results) -> &str {
    match &results[0] {
        Err(Rejected::Unavailable { reason }) => reason,
        other => panic!("{other:?}"),
    }
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

#[tokio::test]
async fn a_node_that_does_not_take_transactions_serves_consensus_still() {
    let network = Network::new();
    let node = FakeNode::start(&network).await;
    let ledger = attach(&network, &[&node]).await;
    open(&ledger).await;
    let fault = Bend::Error(-32_603, "Internal error");
    node.set(|inside| inside.bends.insert("sendrawtransaction", fault));
    let changes = ledger.shared().changes();
    let given = vec![Draft::new(1, 1).signed().as_ref().clone()];
    let results = submit(&ledger, given).await.unwrap();
    assert!(reason(&results).contains("Internal error"), "{results:?}");
    assert!(!changes.has_changed().unwrap());
    assert!(ledger.nodes()[0].serves);
    let sent = |call: &&String| *call == "sendrawtransaction";
    let sent = node.set(|inside| inside.calls.iter().filter(sent).count());
    assert_eq!(sent, 1);
}

/// A ledger whose node has fallen silent and has the first submissions.
async fn stalled() -> (FakeNode, AttachedLedger, Vec<oneshot::Receiver<Results>>) {
    let network = Network::new();
    let node = FakeNode::start(&network).await;
    let mut config = config(&network, &[&node]);
    config.timing.timeout = Duration::from_secs(30);
    let ledger = attach_with(config, Box::new(MemoryStore::new())).await;
    open(&ledger).await;
    node.set(|inside| inside.mood = Mood::Silent);
    let one = |nonce| vec![Arc::unwrap_or_clone(Draft::new(1, nonce).signed())];
    let waiting = (0..AT_A_TIME as u32).map(|nonce| submit(&ledger, one(nonce)));
    let waiting = waiting.collect();
    (node, ledger, waiting)
}

#[tokio::test]
async fn a_node_that_stalls_is_given_few_submissions_at_a_time() {
    let (_node, ledger, waiting) = stalled().await;
    let one = vec![Arc::unwrap_or_clone(Draft::new(2, 1).signed())];
    let results = submit(&ledger, one).await.unwrap();
    assert!(reason(&results).contains("at a time"), "{results:?}");
    drop(waiting);
}

#[tokio::test]
async fn what_waits_for_a_node_that_stalls_is_bounded() {
    let (_node, ledger, waiting) = stalled().await;
    let many = |from: u32| -> Vec<Transaction> { (from..from + 90).map(long).collect() };
    let first = submit(&ledger, many(0));
    let results = submit(&ledger, many(100)).await.unwrap();
    assert_eq!(results.len(), 90);
    assert!(reason(&results).contains("bytes"), "{results:?}");
    drop((waiting, first));
}
