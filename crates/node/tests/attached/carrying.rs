//! Neo nodes that are not connected with each other: transactions and blocks travel through the validators alone.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use neo_primitives::{Encode as _, PrivateKey, Token, transfer_script};
use serde_json::json;

use crate::fake::{self, Draft, FakeNode};
use crate::neo_go::NeoGo;
use crate::network;
use crate::nodes::{Running, validators};

/// Two of four validators on each of two Neo nodes.
async fn started(
    version: u32,
    genesis: &neo_ledger::GenesisConfig,
    keys: &[PrivateKey],
    (one, other): (&str, &str),
) -> (Vec<crate::nodes::Validator>, Vec<Running>) {
    let addresses = [one, one, other, other].map(str::to_owned);
    let all = validators(version, genesis, keys, &addresses);
    let mut running: Vec<Running> = all.iter().map(|one| one.start()).collect();
    for node in &mut running {
        node.reaches(1).await;
    }
    (all, running)
}

async fn stop(running: Vec<Running>) {
    for node in running {
        node.stop().await;
    }
}

/// A transaction that only one of two scripted Neo nodes has is decided by all: the other node gives its verdict.
async fn scripted(version: u32) {
    let network = fake::Network::new();
    let (one, other) = (
        FakeNode::start(&network).await,
        FakeNode::start(&network).await,
    );
    let transaction = Draft::new(9, 1).signed();
    let sender = transaction.sender();
    for node in [&one, &other] {
        node.set(|inside| {
            inside.block_time_ms = 300;
            inside.gas.insert(sender, 1_000_000);
        });
    }
    let keys: Vec<_> = (1..5).map(fake::key).collect();
    let addresses = [&one, &other].map(|node| {
        let address = node.endpoint.to_string();
        address.trim_start_matches("http://").to_owned()
    });
    let addresses = (addresses[0].as_str(), addresses[1].as_str());
    let (_folders, mut running) = started(version, &network.config, &keys, addresses).await;
    one.set(|inside| inside.pool.push(Arc::clone(&transaction)));
    for node in &mut running {
        node.busy_block().await;
    }
    other.set(|inside| {
        let sent = inside.calls.iter().any(|call| call == "sendrawtransaction");
        assert!(sent, "the other node was asked");
    });
    stop(running).await;
    for node in [one, other] {
        node.set(|inside| {
            let with = |block: &&neo_primitives::Block| !block.transactions.is_empty();
            let block = inside.blocks.iter().find(with).unwrap();
            assert_eq!(block.transactions, [Arc::clone(&transaction)]);
        });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proposals_transactions_reach_the_other_node_with_dbft_3() {
    scripted(3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proposals_transactions_reach_the_other_node_with_dbft_2() {
    scripted(2).await;
}

/// The same with neo-go: both execute it, with the same result.
async fn real(version: u32) {
    const GAS: u64 = 100_000_000;
    let network = network::Network::new();
    let (one, other) = (NeoGo::start(&network.config), NeoGo::start(&network.config));
    let keys: Vec<_> = (1..5).map(network::key).collect();
    let addresses = (one.address(), other.address());
    let (_folders, mut running) = started(version, &network.config, &keys, addresses).await;
    for node in [&one, &other] {
        assert_eq!(node.call("getconnectioncount", json!([])), json!(0));
    }
    let user = network::key(50).public_key().script_hash();
    let script = transfer_script(Token::Gas, &network.treasury(), &user, 3 * GAS, true);
    let transfer = network.by_treasury(script, 1, GAS as i64);
    let bytes = STANDARD.encode(transfer.to_bytes());
    one.call("sendrawtransaction", json!([bytes]));
    let mut stored = Vec::new();
    for node in &mut running {
        stored.push(node.busy_block().await);
    }
    let first = &stored[0];
    assert!(stored.iter().all(|other| other.hash == first.hash));
    // The height above opens when the Neo node has the block.
    for node in &mut running {
        node.reaches(first.height.0 + 1).await;
    }
    let logs = [&one, &other].map(|node| node.call("getapplicationlog", json!([transfer.hash()])));
    assert_eq!(
        logs[0]["executions"][0]["vmstate"],
        json!("HALT"),
        "{}",
        logs[0]
    );
    assert_eq!(logs[0], logs[1]);
    for node in [&one, &other] {
        assert_eq!(node.call("getconnectioncount", json!([])), json!(0));
    }
    stop(running).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn neo_go_nodes_that_do_not_know_each_other_execute_what_one_was_given_with_dbft_3() {
    real(3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn neo_go_nodes_that_do_not_know_each_other_execute_what_one_was_given_with_dbft_2() {
    real(2).await;
}
