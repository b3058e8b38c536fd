//! Nodes that are down, slow, of another network, behind, or that talk nonsense.

use std::time::Duration;

use neo_ledger::{ChainReader as _, LedgerAnswer, LedgerError, LedgerRequest};
use neo_primitives::Height;
use serde_json::json;

use super::{ask, asked, attach, build, open, problem, reaches, until};
use crate::{
    NodeState,
    fake::{Bend, FakeNode, Inside, Mood, Network},
};

/// Changes a node, expects this of the problem, and that a height opens once the node is mended.
async fn unusable(change: impl FnOnce(&mut Inside), expected: &[&str]) {
    let network = Network::new();
    let node = FakeNode::start(&network).await;
    node.set(change);
    let ledger = attach(&network, &[&node]).await;
    let parent = ledger.tip_hash();
    let opening = asked(&ledger, LedgerRequest::Open { parent });
    let problem = problem(&ledger, 0).await;
    for part in expected {
        assert!(problem.contains(part), "{part}: {problem}");
    }
    assert!(problem.contains(&node.endpoint.to_string()), "{problem}");
    assert!(!ledger.nodes()[0].serves);
    node.set(|inside| *inside = network.inside());
    assert!(matches!(opening.await.unwrap(), LedgerAnswer::Opened(_)));
}

#[tokio::test]
async fn of_another_network() {
    unusable(
        |inside| inside.magic.0 = 1,
        &["protocol.network is 1, the network of this validator has 4242"],
    )
    .await;
    unusable(
        |inside| inside.validators = 7,
        &["protocol.validatorscount is 7", "has 4"],
    )
    .await;
    unusable(
        |inside| {
            inside.standby.pop();
        },
        &["protocol.standbycommittee is ["],
    )
    .await;
    unusable(
        |inside| inside.blocks[0].header.nonce = 1,
        &["its block 0 is 0x"],
    )
    .await;
}

#[tokio::test]
async fn the_first_look_tells_another_network_from_a_node_that_is_down() {
    let network = Network::new();
    let nodes = [
        FakeNode::start(&network).await,
        FakeNode::start(&network).await,
        FakeNode::start(&network).await,
        FakeNode::start(&network).await,
    ];
    nodes[0].set(|inside| inside.magic.0 = 1);
    nodes[1].set(|inside| inside.blocks[0].header.nonce = 1);
    nodes[2].set(|inside| inside.mood = Mood::Down);
    let ledger = attach(&network, &[&nodes[0], &nodes[1], &nodes[2], &nodes[3]]).await;
    let reports = ledger.first_look(Duration::from_secs(60)).await;
    assert!(matches!(reports[0].state, NodeState::Foreign { .. }));
    assert!(matches!(reports[1].state, NodeState::Foreign { .. }));
    assert!(matches!(reports[2].state, NodeState::Unusable { .. }));
    assert!(matches!(reports[3].state, NodeState::Synchronised { .. }));
    assert!(reports[0].to_string().contains("protocol.network is 1"));
    // Nobody waits longer than that for one that says nothing.
    nodes[3].set(|inside| inside.mood = Mood::Silent);
    let ledger = attach(&network, &[&nodes[3]]).await;
    let reports = ledger.first_look(Duration::from_millis(1)).await;
    assert_eq!(reports[0].state, NodeState::Unknown);
}

#[tokio::test]
async fn down_and_slow() {
    unusable(|inside| inside.mood = Mood::Down, &[]).await;
    unusable(
        |inside| inside.mood = Mood::Silent,
        &["did not answer getversion within"],
    )
    .await;
}

#[tokio::test]
async fn nonsense() {
    for text in [
        "<html>",
        "{}",
        "[]",
        "[1]",
        "null",
        "[{\"id\":1}]",
        "{\"error\":{\"code\":-1,\"message\":\"x\"}}",
    ] {
        unusable(|inside| inside.mood = Mood::Says(text), &["getversion"]).await;
    }
}

#[tokio::test]
async fn fields_that_cannot_be_are_named() {
    let version = |change: fn(&mut serde_json::Value)| {
        let config = Network::new().config;
        let mut version = json!({
            "useragent": "/Neo:3.9.0/",
            "protocol": {"network": config.magic, "msperblock": 1_000, "maxtransactionsperblock": 512,
                "validatorscount": 4, "standbycommittee": config.committee},
        });
        change(&mut version);
        Bend::Result(version)
    };
    for (method, bend, expected) in [
        (
            "getversion",
            Bend::Result(json!({})),
            &["getversion", "useragent"][..],
        ),
        (
            "getversion",
            version(|v| v["protocol"]["msperblock"] = json!(-1)),
            &["protocol.msperblock"],
        ),
        (
            "getversion",
            version(|v| v["protocol"]["msperblock"] = json!(0)),
            &["protocol.msperblock: 0 is not in"],
        ),
        (
            "getversion",
            version(|v| v["protocol"]["msperblock"] = json!("1s")),
            &["protocol.msperblock"],
        ),
        (
            "getversion",
            version(|v| v["protocol"]["maxtransactionsperblock"] = json!(0)),
            &["maxtransactionsperblock: 0"],
        ),
        (
            "getversion",
            version(|v| v["protocol"]["standbycommittee"][1] = json!("02")),
            &["protocol.standbycommittee[1]"],
        ),
        (
            "getblockcount",
            Bend::Result(json!(0)),
            &["getblockcount", "no genesis"],
        ),
        (
            "getblockcount",
            Bend::Result(json!("1")),
            &["getblockcount: result"],
        ),
        (
            "getblockhash",
            Bend::Result(json!("0x12")),
            &["getblockhash: result"],
        ),
        (
            "getblockhash",
            Bend::Error(-100, "Unknown block"),
            &["getblockhash refused: Unknown block"],
        ),
        (
            "getstorage",
            Bend::Result(json!("!")),
            &["getstorage: result: is not Base64"],
        ),
        (
            "getstorage",
            Bend::Result(json!("AAAA")),
            &["getstorage: result"],
        ),
        (
            "getstorage",
            Bend::Result(json!("AA==")),
            &["getstorage: committee"],
        ),
        (
            "getstorage",
            Bend::Result(json!("QAA=")),
            &["committee: has 0 members, 7 are configured"],
        ),
        (
            "getrawmempool",
            Bend::Result(json!({"height": 0, "verified": ["0x"]})),
            &["getrawmempool: verified[0]"],
        ),
    ] {
        unusable(
            |inside| {
                inside.bends.insert(method, bend);
            },
            expected,
        )
        .await;
    }
}

#[tokio::test]
async fn the_validators_that_a_node_names_must_have_the_account_that_the_chain_names() {
    unusable(
        |inside| inside.committee.rotate_left(1),
        &["its block 0 is not valid: next consensus"],
    )
    .await;
}

#[tokio::test]
async fn an_answer_beyond_the_bound_is_not_read() {
    let network = Network::new();
    let node = FakeNode::start(&network).await;
    let blocks = network.blocks(&network.genesis(), 50);
    for block in &blocks {
        node.take(block);
    }
    let mut config = super::config(&network, &[&node]);
    config.max_answer = 10_000;
    let store = Box::new(neo_ledger::store::MemoryStore::new());
    let ledger = super::attach_with(config, store).await;
    let problem = problem(&ledger, 0).await;
    assert!(problem.contains("length limit"), "{problem}");
}

#[tokio::test]
async fn the_first_synchronised_node_serves_and_the_next_takes_over() {
    let network = Network::new();
    let (first, second) = (
        FakeNode::start(&network).await,
        FakeNode::start(&network).await,
    );
    let ledger = attach(&network, &[&first, &second]).await;
    let serves =
        |position: usize| move |ledger: &crate::AttachedLedger| ledger.nodes()[position].serves;
    until(&ledger, serves(0)).await;
    first.set(|inside| inside.mood = Mood::Down);
    until(&ledger, serves(1)).await;
    open(&ledger).await;
    first.set(|inside| inside.mood = Mood::Honest);
    until(&ledger, serves(0)).await;
    // A node that is behind the other does not serve.
    let block = network.blocks(&network.genesis(), 1).remove(0);
    first.set(|inside| inside.takes_blocks = false);
    second.take(&block);
    reaches(&ledger, 1).await;
    until(&ledger, serves(1)).await;
    assert_eq!(open(&ledger).await.height, Height(2));
    let states: Vec<NodeState> = ledger.nodes().into_iter().map(|node| node.state).collect();
    assert_eq!(states[1], NodeState::Synchronised { height: Height(1) });
    // The ledger holds the block and brings it up to date as soon as it takes it.
    first.set(|inside| inside.takes_blocks = true);
    until(&ledger, serves(0)).await;
    assert_eq!(first.height(), 1);
}

#[tokio::test]
async fn without_a_node_nothing_is_said() {
    let network = Network::new();
    let node = FakeNode::start(&network).await;
    node.set(|inside| inside.mood = Mood::Down);
    let mut config = super::config(&network, &[&node]);
    config.timing.patience = std::time::Duration::from_millis(30);
    let store = Box::new(neo_ledger::store::MemoryStore::new());
    let ledger = super::attach_with(config, store).await;
    let body = network.body(&network.genesis(), Vec::new());
    let error = super::check(&ledger, &body).await.unwrap_err();
    assert!(
        matches!(&error, LedgerError::NoNode(problems) if problems.contains(&node.endpoint.to_string())),
        "{error}"
    );
    assert!(!error.is_fatal());
    let answer = ask(&ledger, build(ledger.tip_hash())).await;
    assert!(matches!(
        answer,
        LedgerAnswer::Failed {
            error: LedgerError::NoNode(_),
            ..
        }
    ));
    assert!(ledger.balances(&neo_primitives::UInt160::ZERO).is_err());
    // A height that waits is told when the ledger ends.
    let parent = ledger.tip_hash();
    let opening = asked(&ledger, LedgerRequest::Open { parent });
    drop(ledger);
    assert!(matches!(
        opening.await.unwrap(),
        LedgerAnswer::Failed { .. }
    ));
}

#[tokio::test]
async fn a_node_whose_answers_fail_is_left_alone_for_a_while() {
    let network = Network::new();
    let (first, second) = (
        FakeNode::start(&network).await,
        FakeNode::start(&network).await,
    );
    // It stands well, and says nonsense when it matters.
    let nonsense = Bend::Result(json!("!"));
    first.set(|inside| inside.bends.insert("getstorage", nonsense));
    let mut config = super::config(&network, &[&first, &second]);
    config.timing.backoff_min = std::time::Duration::from_secs(3_600);
    config.timing.backoff_max = config.timing.backoff_min;
    let store = Box::new(neo_ledger::store::MemoryStore::new());
    let ledger = super::attach_with(config, store).await;
    until(&ledger, |ledger| ledger.nodes()[0].serves).await;
    open(&ledger).await;
    assert!(problem(&ledger, 0).await.contains("is not Base64"));
    let calls = |node: &FakeNode| node.set(|inside| inside.calls.len());
    let before = calls(&first);
    // Many looks at the other one later nobody has asked the first one again.
    let looks = calls(&second) + 60;
    while calls(&second) < looks {
        ledger.shared().nudge();
        tokio::task::yield_now().await;
    }
    assert_eq!(calls(&first), before);
    assert!(ledger.nodes()[1].serves);
}

#[tokio::test]
async fn a_node_that_froze_is_reported_where_the_chain_has_left_it() {
    let network = Network::new();
    let node = FakeNode::start(&network).await;
    let mut config = super::config(&network, &[&node]);
    config.timing.timeout = Duration::from_secs(3_600);
    let store = Box::new(neo_ledger::store::MemoryStore::new());
    let ledger = super::attach_with(config, store).await;
    until(&ledger, |ledger| ledger.nodes()[0].serves).await;
    node.set(|inside| inside.mood = Mood::Silent);
    let block = std::sync::Arc::new(network.blocks(&network.genesis(), 1).remove(0));
    let stored = ask(&ledger, LedgerRequest::Import { block }).await;
    assert!(matches!(stored, LedgerAnswer::Stored { .. }), "{stored:?}");
    let report = &ledger.nodes()[0];
    assert!(!report.serves);
    let (height, tip) = (Height(0), Height(1));
    assert_eq!(report.state, NodeState::Behind { height, tip });
    assert!(report.to_string().contains("the chain is at 1"));
}
