//! What a node answers about a proposal, or fails to: no vote comes of anything but a verdict.

use std::time::Duration;

use neo_ledger::LedgerError;
use neo_ledger::store::MemoryStore;
use neo_primitives::{BlockBody, Encode as _, UInt256};
use serde_json::{Value, json};

use super::{attach_with, check, config, open};
use crate::AttachedLedger;
use crate::fake::{Bend, Draft, FakeNode, Inside, Mood, Network, key};

/// An impatient ledger, and a proposal of one transaction that its node has not seen.
struct Asked {
    network: Network,
    node: FakeNode,
    ledger: AttachedLedger,
    body: BlockBody,
}

impl Asked {
    async fn new() -> Self {
        let network = Network::new();
        let node = FakeNode::start(&network).await;
        let sender = key(1).public_key().script_hash();
        node.set(|inside| inside.gas = [(sender, 1_000)].into());
        let mut config = config(&network, &[&node]);
        config.timing.timeout = Duration::from_millis(150);
        config.timing.patience = Duration::from_millis(100);
        let ledger = attach_with(config, Box::new(MemoryStore::new())).await;
        open(&ledger).await;
        let transaction = Draft::new(1, 1).signed();
        let body = network.body(&network.genesis(), vec![transaction]);
        Self {
            network,
            node,
            ledger,
            body,
        }
    }

    fn hash(&self) -> UInt256 {
        self.body.transactions[0].hash()
    }

    /// After the change there is no verdict, and the error names the node and these; without it there is one.
    async fn nothing_is_said(self, change: impl FnOnce(&mut Inside), expected: &[&str]) {
        let honest = self.node.set(|inside| inside.clone());
        self.node.set(change);
        let error = check(&self.ledger, &self.body).await.unwrap_err();
        let LedgerError::NoNode(problem) = &error else {
            panic!("{error}");
        };
        assert!(!error.is_fatal());
        let endpoint = self.node.endpoint.to_string();
        for part in expected.iter().chain([&endpoint.as_str()]) {
            assert!(problem.contains(part), "{part}: {problem}");
        }
        self.node.set(|inside| *inside = honest);
        // It may rest for a moment after its failure.
        super::until(&self.ledger, |ledger| ledger.nodes()[0].serves).await;
        check(&self.ledger, &self.body).await.unwrap().unwrap();
    }

    async fn bent(self, method: &'static str, bend: Bend, expected: &[&str]) {
        let change = |inside: &mut Inside| {
            inside.bends.insert(method, bend);
        };
        self.nothing_is_said(change, expected).await;
    }
}

#[tokio::test]
async fn a_transaction_that_the_node_takes_is_valid() {
    let asked = Asked::new().await;
    check(&asked.ledger, &asked.body).await.unwrap().unwrap();
    let pooled = asked.node.set(|inside| inside.pool.clone());
    assert_eq!(pooled[0].hash(), asked.hash());
}

#[tokio::test]
async fn a_node_that_is_down_or_slow_or_talks_nonsense_gives_no_verdict() {
    let mood = |mood: Mood| move |inside: &mut Inside| inside.mood = mood;
    let asked = Asked::new().await;
    asked.nothing_is_said(mood(Mood::Down), &[]).await;
    let asked = Asked::new().await;
    let slow = &["did not answer", "within 150ms"];
    asked.nothing_is_said(mood(Mood::Silent), slow).await;
    for text in ["<html>", "{\"result\":1", "[]", "null"] {
        let asked = Asked::new().await;
        asked.nothing_is_said(mood(Mood::Says(text)), &[]).await;
    }
}

#[tokio::test]
async fn only_the_transactions_own_hash_says_that_it_was_taken() {
    for (result, field) in [
        (Value::Null, "sendrawtransaction: result: "),
        (json!(true), "sendrawtransaction: result: "),
        (json!({}), "missing field `hash`"),
        (json!({"hash": "0x12"}), "sendrawtransaction: hash: "),
        (
            json!({"hash": UInt256::ZERO}),
            "sendrawtransaction: hash: is 0x00",
        ),
    ] {
        let asked = Asked::new().await;
        let bend = Bend::Result(result);
        asked.bent("sendrawtransaction", bend, &[field]).await;
    }
}

#[tokio::test]
async fn what_a_node_cannot_do_says_nothing_of_a_transaction() {
    for (code, message) in [
        (-32_601, "Method not found"),
        (-32_603, "Internal error"),
        (-600, "Access denied"),
    ] {
        let asked = Asked::new().await;
        let bend = Bend::Error(code, message);
        let expected = format!("sendrawtransaction refused: {message} ({code})");
        asked.bent("sendrawtransaction", bend, &[&expected]).await;
    }
}

#[tokio::test]
async fn a_listing_or_a_pooled_transaction_that_cannot_be() {
    let listing = |verified: Value| Bend::Result(json!({"height": 0, "verified": verified}));
    let asked = Asked::new().await;
    let wrong = listing(json!(["0x12"]));
    asked
        .bent("getrawmempool", wrong, &["getrawmempool: verified[0]"])
        .await;
    let asked = Asked::new().await;
    let wrong = Bend::Result(json!({"height": -1, "verified": []}));
    asked
        .bent("getrawmempool", wrong, &["getrawmempool: height"])
        .await;
    // It says that it has verified the transaction, and shows another one or none.
    let other = Draft::new(2, 1).signed();
    for (shown, field) in [
        (json!("!"), "getrawtransaction: result: is not Base64"),
        (json!("AAAA"), "getrawtransaction: result: "),
        (
            json!(base64(&other.to_bytes())),
            "getrawtransaction: result: is transaction",
        ),
    ] {
        let asked = Asked::new().await;
        let listed = listing(json!([asked.hash()]));
        let change = |inside: &mut Inside| {
            inside.bends.insert("getrawmempool", listed);
            inside
                .bends
                .insert("getrawtransaction", Bend::Result(shown));
        };
        asked.nothing_is_said(change, &[field]).await;
    }
}

#[tokio::test]
async fn balances_that_cannot_be() {
    for (stored, field) in [
        (json!("!"), "getstorage: result: is not Base64"),
        (json!("AAAA"), "getstorage"),
    ] {
        let asked = Asked::new().await;
        // The block before is opened already: only the sender's GAS is asked for.
        let bend = Bend::Result(stored);
        asked.bent("getstorage", bend, &[field]).await;
    }
}

#[tokio::test]
async fn another_genesis_block_shows_while_a_proposal_is_checked() {
    let asked = Asked::new().await;
    let genesis = asked.network.genesis().hash();
    let change = |inside: &mut Inside| {
        inside.blocks[0].header.nonce = 1;
        inside
            .bends
            .insert("sendrawtransaction", Bend::Error(-32_603, "moved"));
    };
    asked.nothing_is_said(change, &[&genesis.to_string()]).await;
}

fn base64(bytes: &[u8]) -> String {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    STANDARD.encode(bytes)
}
