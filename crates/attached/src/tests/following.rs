//! The chain: what nodes bring, and what they are brought.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use neo_ledger::{ChainReader as _, Ledger as _, LedgerAnswer, LedgerError, LedgerRequest};
use neo_primitives::{Encode as _, Height, UInt160, Witness, consensus_address};
use serde_json::json;
use tokio::sync::mpsc;

use super::{ask, asked, attach, open, problem, reaches, until};
use crate::{
    NodeState,
    fake::{Bend, Draft, FakeNode, Network, with_witness},
};

#[tokio::test]
async fn a_height_opens_with_what_the_node_says_and_the_chain_proves() {
    let network = Network::new();
    let node = FakeNode::start(&network).await;
    node.set(|inside| (inside.block_time_ms, inside.max_transactions) = (1_500, 77));
    let ledger = attach(&network, &[&node]).await;
    assert!(!ledger.executes_ahead());
    let info = open(&ledger).await;
    assert_eq!(info.height, Height(1));
    assert_eq!(info.parent_hash, network.genesis().hash());
    let mut sorted = network.config.standby_validators.clone();
    sorted.sort();
    assert_eq!(info.validators, sorted);
    assert_eq!(info.next_consensus, consensus_address(&sorted));
    assert_eq!(info.block_time.as_millis(), 1_500);
    assert_eq!(info.limits.max_transactions, 77);
    assert_eq!(ledger.committee().unwrap(), network.config.committee());
    assert_eq!(ledger.validators().unwrap(), sorted);
    assert!(ledger.nodes()[0].serves);
}

#[tokio::test]
async fn blocks_of_a_node_are_followed_and_told_of() {
    let network = Network::new();
    let node = FakeNode::start(&network).await;
    let blocks = network.blocks(&network.genesis(), 130);
    for block in &blocks[..120] {
        node.take(block);
    }
    let ledger = attach(&network, &[&node]).await;
    let (told, mut tips) = mpsc::unbounded_channel();
    ledger.watch_tip(move |height, hash| told.send((height, hash)).unwrap());
    reaches(&ledger, 120).await;
    for block in &blocks[120..] {
        node.take(block);
    }
    reaches(&ledger, 130).await;
    assert_eq!(ledger.tip_hash(), blocks[129].hash());
    assert_eq!(
        ledger.header(Height(60)).unwrap().unwrap().hash(),
        blocks[59].hash()
    );
    assert_eq!(
        ledger.height_of(&blocks[59].hash()).unwrap(),
        Some(Height(60))
    );
    let mut last = Height(0);
    while let Ok((height, _)) = tips.try_recv() {
        assert!(height > last);
        last = height;
    }
    assert_eq!(last, Height(130));
    // The last ones are asked for whole, older ones not.
    assert!(ledger.block(Height(130)).unwrap().is_some());
    assert!(ledger.block(Height(60)).unwrap().is_none());
}

#[tokio::test]
async fn a_decided_block_is_stored_and_the_next_height_opens_once_the_node_has_it() {
    let network = Network::new();
    let node = FakeNode::start(&network).await;
    let ledger = attach(&network, &[&node]).await;
    open(&ledger).await;
    node.set(|inside| inside.takes_blocks = false);
    let block = Arc::new(network.blocks(&network.genesis(), 1).remove(0));
    let request = LedgerRequest::Store {
        block: Arc::clone(&block),
    };
    let answer = ask(&ledger, request.clone()).await;
    assert!(
        matches!(answer, LedgerAnswer::Stored { height: Height(1), hash } if hash == block.hash())
    );
    assert_eq!(ledger.block(Height(1)).unwrap().as_ref(), Some(&block));
    let opening = asked(
        &ledger,
        LedgerRequest::Open {
            parent: block.hash(),
        },
    );
    // The node refuses the block: it is behind, and the height waits.
    until(&ledger, |ledger| {
        !matches!(ledger.nodes()[0].state, NodeState::Synchronised { .. })
    })
    .await;
    assert_eq!(node.height(), 0);
    assert!(!ledger.nodes()[0].serves);
    node.set(|inside| inside.takes_blocks = true);
    let LedgerAnswer::Opened(info) = opening.await.unwrap() else {
        panic!("not opened");
    };
    assert_eq!(info.height, Height(2));
    assert_eq!(node.height(), 1);
    // Said again, nothing changes.
    assert!(matches!(
        ask(&ledger, request).await,
        LedgerAnswer::Stored {
            height: Height(1),
            ..
        }
    ));
}

#[tokio::test]
async fn a_height_that_is_over_does_not_open() {
    let network = Network::new();
    let node = FakeNode::start(&network).await;
    node.set(|inside| inside.mood = crate::fake::Mood::Silent);
    let ledger = attach(&network, &[&node]).await;
    let parent = ledger.tip_hash();
    let waiting = asked(&ledger, LedgerRequest::Open { parent });
    node.set(|inside| inside.mood = crate::fake::Mood::Honest);
    let blocks = network.blocks(&network.genesis(), 2);
    let request = LedgerRequest::ImportMany {
        blocks: blocks.iter().cloned().map(Arc::new).collect(),
    };
    let imported = ask(&ledger, request).await;
    assert!(matches!(
        imported,
        LedgerAnswer::Stored {
            height: Height(2),
            ..
        }
    ));
    match waiting.await.unwrap() {
        LedgerAnswer::Failed {
            error: LedgerError::UnknownParent(hash),
            ..
        } => {
            assert_eq!(hash, parent);
        }
        // Opened before the import, when the node was quick.
        LedgerAnswer::Opened(info) => assert_eq!(info.height, Height(1)),
        other => panic!("{other:?}"),
    }
    assert_eq!(open(&ledger).await.height, Height(3));
    assert_eq!(node.height(), 2, "the node was given both");
}

#[tokio::test]
async fn headers_that_the_validators_did_not_sign_are_not_believed() {
    let network = Network::new();
    let honest = network.blocks(&network.genesis(), 1).remove(0);
    let body = network.body(&network.genesis(), Vec::new());
    // Signed by others, by too few, over other bytes, below the parent's time, by no validator's primary.
    let strangers = network.sign_by(&body, &[5, 6, 7, 8]);
    let mut bent = honest.clone();
    bent.header.nonce += 1;
    let mut early = body.clone();
    early.header.timestamp = network.genesis().timestamp;
    let mut late_version = body.clone();
    late_version.header.version = 1;
    let mut primary = body.clone();
    primary.header.primary_index = neo_primitives::ValidatorIndex(4);
    for (block, problem_is) in [
        (strangers, "witness"),
        (bent, "witness"),
        (network.sign(&early), "timestamp"),
        (network.sign(&late_version), "version"),
        (network.sign(&primary), "primary index is 4"),
    ] {
        let liar = FakeNode::start(&network).await;
        liar.take(&block);
        let ledger = attach(&network, &[&liar]).await;
        let problem = problem(&ledger, 0).await;
        assert!(problem.contains(problem_is), "{problem}");
        assert!(problem.contains(&liar.endpoint.to_string()), "{problem}");
        assert_eq!(ledger.height(), Height(0));
    }
}

#[tokio::test]
async fn a_node_that_refuses_our_copy_of_a_block_goes_on_with_that_of_its_peers() {
    let network = Network::new();
    let node = FakeNode::start(&network).await;
    let ledger = attach(&network, &[&node]).await;
    node.set(|inside| inside.takes_blocks = false);
    // The validators' signatures do not cover the witnesses of transactions.
    let body = network.body(&network.genesis(), vec![Draft::new(1, 1).signed()]);
    let block = network.sign(&body);
    let other = Witness {
        invocation: Vec::new(),
        verification: vec![0x11],
    };
    let mut spoiled = block.clone();
    spoiled.transactions[0] = with_witness(&block.transactions[0], other);
    let request = LedgerRequest::Import {
        block: Arc::new(spoiled),
    };
    let imported = ask(&ledger, request).await;
    assert!(matches!(imported, LedgerAnswer::Stored { hash, .. } if hash == block.hash()));
    let problem = problem(&ledger, 0).await;
    assert!(problem.contains("submitblock refused"), "{problem}");
    node.take(&block);
    until(&ledger, |ledger| ledger.nodes()[0].serves).await;
    assert_eq!(open(&ledger).await.height, Height(2));
}

#[tokio::test]
async fn a_known_block_in_place_of_the_next_one_is_an_error() {
    let network = Network::new();
    let genesis = network.config.genesis_block();
    for (blocks, method, shown) in [
        (1, "getblock", genesis.to_bytes()),
        (10, "getblockheader", genesis.signed_header().to_bytes()),
    ] {
        let node = FakeNode::start(&network).await;
        for block in network.blocks(&network.genesis(), blocks) {
            node.take(&block);
        }
        let shown = Bend::Result(json!(STANDARD.encode(shown)));
        node.set(|inside| inside.bends.insert(method, shown));
        let ledger = attach(&network, &[&node]).await;
        let problem = problem(&ledger, 0).await;
        let expected = format!("{method}: result: is of block 0, not 1");
        assert!(problem.contains(&expected), "{problem}");
        assert_eq!(ledger.height(), Height(0));
    }
}

#[tokio::test]
async fn a_long_chain_is_not_followed_further_by_what_was_dropped() {
    let network = Network::new();
    let node = FakeNode::start(&network).await;
    let blocks = network.blocks(&network.genesis(), 500);
    for block in &blocks {
        node.take(block);
    }
    let ledger = attach(&network, &[&node]).await;
    let closed = ledger.closed();
    until(&ledger, |ledger| ledger.height() > Height(0)).await;
    drop(ledger);
    closed.await;
    let asked = |call: &&String| *call == "getblockheader";
    let asked = node.set(|inside| inside.calls.iter().filter(asked).count());
    assert!(asked < 450, "{asked} headers were asked for");
}

#[tokio::test]
async fn another_chain_is_noticed_at_any_height() {
    let network = Network::new();
    let (good, fork) = (
        FakeNode::start(&network).await,
        FakeNode::start(&network).await,
    );
    let block = network.blocks(&network.genesis(), 1).remove(0);
    good.take(&block);
    let ledger = attach(&network, &[&good]).await;
    reaches(&ledger, 1).await;
    let mut other = network.body(&network.genesis(), Vec::new());
    other.header.nonce = 8;
    good.set(|inside| inside.blocks[1] = network.sign(&other));
    let problem = problem(&ledger, 0).await;
    assert!(problem.contains("the validators signed"), "{problem}");
    drop(fork);
}

#[tokio::test]
async fn the_next_signers_are_those_that_the_block_before_names() {
    let network = Network::new();
    let node = FakeNode::start(&network).await;
    let mut body = network.body(&network.genesis(), Vec::new());
    body.header.next_consensus = UInt160::from_wire([9; 20]);
    let first = network.sign(&body);
    node.take(&first);
    node.take(&network.sign(&network.body(&first.header, Vec::new())));
    let ledger = attach(&network, &[&node]).await;
    let problem = problem(&ledger, 0).await;
    assert!(problem.contains("block 2 is not valid"), "{problem}");
    assert_eq!(ledger.height(), Height(1));
}

#[tokio::test]
async fn imported_blocks_are_verified_and_transactions_are_kept() {
    let network = Network::new();
    let node = FakeNode::start(&network).await;
    let ledger = attach(&network, &[&node]).await;
    let body = network.body(&network.genesis(), vec![Draft::new(1, 1).signed()]);
    let block = network.sign(&body);
    let verified = ledger.verify(Arc::new(block.clone())).unwrap();
    let request = LedgerRequest::ImportVerified {
        blocks: vec![verified],
    };
    let answer = ask(&ledger, request).await;
    assert!(matches!(
        answer,
        LedgerAnswer::Stored {
            height: Height(1),
            ..
        }
    ));
    assert_eq!(ledger.block(Height(1)).unwrap().unwrap().as_ref(), &block);
    let strangers = network.sign_by(&network.body(&block.header, Vec::new()), &[5, 6, 7, 8]);
    let request = LedgerRequest::Import {
        block: Arc::new(strangers.clone()),
    };
    match ask(&ledger, request).await {
        LedgerAnswer::ImportRefused {
            height,
            hash,
            error,
        } => {
            assert_eq!((height, hash), (Height(2), strangers.hash()));
            assert!(error.to_string().contains("witness"), "{error}");
        }
        other => panic!("{other:?}"),
    }
}
