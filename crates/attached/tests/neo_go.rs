//! The attached ledger before real neo-go nodes whose consensus is off. This test holds the validators' keys: it signs
//! what the ledgers build and check.

#![allow(clippy::unwrap_used)]

#[path = "../../ledger/tests/common/neo_go.rs"]
mod neo_go;
mod network;

use std::{sync::Arc, time::Duration};

use neo_attached::{AttachedConfig, AttachedLedger, NodeState, Timing};
use neo_ledger::{ChainReader as _, store::MemoryStore};
use neo_primitives::{
    Attribute, CallFlags, Height, PublicKey, ScriptBuilder, Token, consensus_address,
    transfer_script,
};
use serde_json::json;

use neo_go::NeoGo;
use network::{Network, key};

const GAS: u64 = 100_000_000;

async fn attach(network: &Network, nodes: &[&NeoGo]) -> AttachedLedger {
    let endpoints = nodes
        .iter()
        .map(|node| node.address().parse().unwrap())
        .collect();
    let config = AttachedConfig {
        timing: Timing {
            poll: Duration::from_millis(20),
            // A node on a busy machine is not slow on purpose.
            timeout: Duration::from_secs(20),
            patience: Duration::from_secs(40),
            ..Timing::default()
        },
        ..AttachedConfig::new(network.config.clone(), endpoints)
    };
    AttachedLedger::open(config, Box::new(MemoryStore::new()))
        .await
        .unwrap()
}

fn call(method: &str, push: impl FnOnce(&mut ScriptBuilder) -> usize) -> Vec<u8> {
    let mut script = ScriptBuilder::new();
    let arguments = push(&mut script);
    script.call(&Token::Neo.hash(), method, arguments, CallFlags::ALL);
    script.into_bytes()
}

fn register(candidate: u8) -> Vec<u8> {
    call("registerCandidate", |script| {
        script.bytes(key(candidate).public_key().as_bytes());
        1
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blocks_are_built_checked_and_stored_by_neo_go() {
    let network = Network::new();
    let (one, other) = (NeoGo::start(&network.config), NeoGo::start(&network.config));
    let ledger = attach(&network, &[&one]).await;
    let second = attach(&network, &[&other]).await;
    let info = network::open(&ledger).await;
    assert_eq!(info.height, Height(1));
    assert_eq!(info.block_time, Duration::from_secs(1));
    assert_eq!(info.limits.max_transactions, 512);

    // A transfer goes to one node's pool, from there into a block; the other node never saw it.
    let user = key(50).public_key().script_hash();
    let script = transfer_script(Token::Gas, &network.treasury(), &user, 3 * GAS, true);
    let transfer = network.by_treasury(script, 1, GAS as i64);
    network::submit(&ledger, &[&transfer])
        .await
        .remove(0)
        .unwrap();
    let body = network::build(&ledger, 1).await;
    assert_eq!(body.transactions, [Arc::clone(&transfer)]);
    network::check(&second, &body).await.unwrap();
    let block = network.sign(&body);
    network::store(&ledger, &block).await;
    network::import(&second, &block).await;
    assert_eq!(network::open(&ledger).await.height, Height(2));
    assert_eq!(network::open(&second).await.height, Height(2));
    let balance = one.call("getnep17balances", json!([user.to_address()]));
    assert_eq!(
        balance["balance"][0]["amount"],
        json!((3 * GAS).to_string())
    );
    assert_eq!(one.call("getbestblockhash", json!([])), json!(block.hash()));
    assert_eq!(
        other.call("getbestblockhash", json!([])),
        json!(block.hash())
    );

    // Included once is not included again.
    let again = network.body(&block.header, vec![Arc::clone(&transfer)]);
    let refused = network::check(&ledger, &again).await.unwrap_err();
    assert!(
        refused.to_string().contains("already on the chain"),
        "{refused}"
    );

    // Each node has another of two transactions that the sender cannot both pay for: either is valid.
    let dear = |nonce| network.by_key(50, vec![0x11], nonce, 2 * GAS as i64);
    let (first, rival) = (dear(1), dear(2));
    network::submit(&ledger, &[&first]).await.remove(0).unwrap();
    network::submit(&second, &[&rival]).await.remove(0).unwrap();
    let with = |transactions| network.body(&block.header, transactions);
    network::check(&second, &with(vec![Arc::clone(&first)]))
        .await
        .unwrap();
    let both = with(vec![Arc::clone(&first), Arc::clone(&rival)]);
    let refused = network::check(&second, &both).await.unwrap_err();
    assert!(refused.to_string().contains("fees are"), "{refused}");

    // The same with two transactions of which one excludes the other.
    let plain = network.by_treasury(vec![0x11], 3, 1_000_000);
    let excluding = network.by_treasury_with(
        vec![0x11],
        4,
        1_000_000,
        vec![Attribute::Conflicts(plain.hash())],
    );
    network::submit(&ledger, &[&plain]).await.remove(0).unwrap();
    network::submit(&second, &[&excluding])
        .await
        .remove(0)
        .unwrap();
    network::check(&second, &with(vec![Arc::clone(&plain)]))
        .await
        .unwrap();
    let both = with(vec![Arc::clone(&plain), Arc::clone(&excluding)]);
    let refused = network::check(&second, &both).await.unwrap_err();
    assert!(refused.to_string().contains("conflicts with"), "{refused}");

    // What neo-go refuses for the transaction's own sake is refused.
    let poor = network.by_key(51, vec![0x11], 1, 1);
    let refused = network::check(&ledger, &with(vec![poor]))
        .await
        .unwrap_err();
    assert!(
        refused.to_string().contains("datoshi, fees are"),
        "{refused}"
    );
    let forged = network.forged(&plain);
    let refused = network::check(&ledger, &with(vec![forged]))
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("signature"), "{refused}");
    let strange = network.forged(&network.by_treasury(vec![0x11], 5, 1_000_000));
    let refused = network::check(&ledger, &with(vec![strange]))
        .await
        .unwrap_err();
    assert!(
        refused.to_string().contains("the Neo node refuses it"),
        "{refused}"
    );

    // The node that ends does not serve; the one that is configured behind it does.
    let both_nodes = attach(&network, &[&one, &other]).await;
    assert_eq!(network::open(&both_nodes).await.height, Height(2));
    drop(one);
    let body = network::build(&both_nodes, 2).await;
    assert_eq!(body.header.index, Height(2));
    let nodes = both_nodes.nodes();
    assert!(
        matches!(nodes[0].state, NodeState::Unusable { .. }),
        "{nodes:?}"
    );
    assert!(nodes[1].serves, "{nodes:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn elections_end_as_neo_go_computes_them() {
    let network = Network::new();
    let node = NeoGo::start(&network.config);
    let ledger = attach(&network, &[&node]).await;
    let mut chain = network::Chain::new(&network, &ledger, &node);
    let standby = consensus_address(&network.config.standby_validators);
    let candidates: Vec<u8> = (11..16).collect();
    let set = |numbers: &[u8]| -> Vec<PublicKey> {
        let mut keys: Vec<PublicKey> = numbers
            .iter()
            .map(|number| key(*number).public_key().clone())
            .collect();
        keys.sort();
        keys
    };
    // The committee of four is renewed with every fourth block.
    let funding: Vec<_> = candidates
        .iter()
        .map(|number| {
            let to = key(*number).public_key().script_hash();
            let script = transfer_script(Token::Gas, &network.treasury(), &to, 2_000 * GAS, true);
            network.by_treasury(script, u32::from(*number), GAS as i64)
        })
        .collect();
    assert_eq!(chain.grow(funding).await, standby);
    let fee = 1_001 * GAS as i64;
    let registering = candidates[..4]
        .iter()
        .map(|number| network.by_key(*number, register(*number), 1, fee));
    assert_eq!(chain.grow(registering.collect()).await, standby);
    let vote = |candidate: Option<u8>, nonce| {
        let script = call("vote", |script| {
            match candidate {
                Some(number) => script.bytes(key(number).public_key().as_bytes()),
                None => script.null(),
            };
            script.hash(&network.treasury());
            2
        });
        network.by_treasury(script, nonce, 2 * GAS as i64)
    };
    assert_eq!(chain.grow(vec![vote(Some(13), 100)]).await, standby);
    let elected = set(&candidates[..4]);
    assert_eq!(
        chain.grow(vec![]).await,
        consensus_address(&elected),
        "block 4"
    );
    assert_eq!(chain.open().await, elected);

    // A fifth candidate with all votes displaces the highest key of those without.
    let registering = network.by_key(15, register(15), 1, fee);
    chain.grow(vec![registering]).await;
    chain.grow(vec![vote(Some(15), 101)]).await;
    chain.grow(vec![]).await;
    let mut rest = elected.clone();
    rest.truncate(3);
    rest.extend(set(&[15]));
    rest.sort();
    assert_eq!(
        chain.grow(vec![]).await,
        consensus_address(&rest),
        "block 8"
    );
    assert_eq!(chain.open().await, rest);

    // Without votes the turnout is too low: the standby validators come back.
    chain.grow(vec![vote(None, 102)]).await;
    chain.grow(vec![]).await;
    chain.grow(vec![]).await;
    assert_eq!(chain.grow(vec![]).await, standby, "block 12");
    assert_eq!(consensus_address(&chain.open().await), standby);
    assert_eq!(ledger.height(), Height(12));

    // Who begins now verifies the whole chain, over every change of the validators.
    let newcomer = attach(&network, &[&node]).await;
    assert_eq!(network::open(&newcomer).await.height, Height(13));
    assert_eq!(newcomer.tip_hash(), ledger.tip_hash());
}
