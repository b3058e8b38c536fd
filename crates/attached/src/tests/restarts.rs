//! The store: a restart goes on where it was, and knows whose chain it holds.

use std::{path::Path, sync::Arc};

use neo_ledger::{
    ChainReader as _, LedgerAnswer, LedgerError, LedgerRequest,
    store::{ChainStore, MemoryStore, RedbStore},
};
use neo_primitives::{Height, Magic, UInt256};

use super::{ask, attach_with, config, open, reaches, until};
use crate::{
    AttachedLedger, NodeState, Trusted,
    fake::{Draft, FakeNode, Mood, Network},
};

fn store(directory: &Path) -> Box<dyn ChainStore> {
    Box::new(RedbStore::open(&directory.join("headers")).unwrap())
}

/// Ends a ledger and waits for the store to be free.
async fn end(ledger: AttachedLedger) {
    let closed = ledger.closed();
    drop(ledger);
    closed.await;
}

#[tokio::test]
async fn a_restart_goes_on_without_a_node_and_brings_it_what_it_lost() {
    let network = Network::new();
    let node = FakeNode::start(&network).await;
    let directory = tempfile::tempdir().unwrap();
    let config = config(&network, &[&node]);
    let blocks = network.blocks(&network.genesis(), 20);
    for block in &blocks {
        node.take(block);
    }
    let ledger = attach_with(config.clone(), store(directory.path())).await;
    reaches(&ledger, 20).await;
    let decided = network.sign(&network.body(&blocks[19].header, vec![Draft::new(1, 1).signed()]));
    let request = LedgerRequest::Store {
        block: Arc::new(decided.clone()),
    };
    node.set(|inside| inside.mood = Mood::Down);
    assert!(matches!(
        ask(&ledger, request).await,
        LedgerAnswer::Stored {
            height: Height(21),
            ..
        }
    ));
    end(ledger).await;

    // The node never got the block, and is down at first.
    let ledger = attach_with(config, store(directory.path())).await;
    assert_eq!(ledger.tip_hash(), decided.hash());
    assert_eq!(
        ledger.block(Height(21)).unwrap().unwrap().as_ref(),
        &decided
    );
    assert_eq!(
        ledger.header(Height(7)).unwrap().unwrap().hash(),
        blocks[6].hash()
    );
    assert_eq!(node.height(), 20);
    node.set(|inside| inside.mood = Mood::Honest);
    assert_eq!(open(&ledger).await.height, Height(22));
    assert_eq!(node.height(), 21);
}

#[tokio::test]
async fn the_store_of_another_network_is_refused() {
    let network = Network::new();
    let node = FakeNode::start(&network).await;
    let directory = tempfile::tempdir().unwrap();
    let config = config(&network, &[&node]);
    end(attach_with(config.clone(), store(directory.path())).await).await;
    let mut other = config.clone();
    other.genesis.magic = Magic(1);
    let refused = AttachedLedger::open(other, store(directory.path())).await;
    assert!(matches!(
        refused.err(),
        Some(LedgerError::OtherNetwork { .. })
    ));
    let mut other = config.clone();
    other.genesis.standby_validators.pop();
    let refused = AttachedLedger::open(other, store(directory.path())).await;
    assert!(matches!(
        refused.err(),
        Some(LedgerError::OtherNetwork { .. })
    ));
    let mut none = config;
    none.nodes.clear();
    let refused = AttachedLedger::open(none, store(directory.path())).await;
    assert!(matches!(refused.err(), Some(LedgerError::NoNode(_))));
}

#[tokio::test]
async fn a_chain_begins_at_a_trusted_block() {
    let network = Network::new();
    let node = FakeNode::start(&network).await;
    let blocks = network.blocks(&network.genesis(), 140);
    for block in &blocks {
        node.take(block);
    }
    let trusted = Trusted {
        height: Height(130),
        hash: blocks[129].hash(),
        from: Height(20),
    };
    let mut config = config(&network, &[&node]);
    config.trusted = Some(trusted);
    let ledger = attach_with(config.clone(), Box::new(MemoryStore::new())).await;
    assert_eq!(
        (ledger.lowest(), ledger.height()),
        (Height(20), Height(130))
    );
    assert_eq!(
        ledger.header(Height(20)).unwrap().unwrap().hash(),
        blocks[19].hash()
    );
    assert!(ledger.header(Height(19)).unwrap().is_none());
    reaches(&ledger, 140).await;

    // Another block at its height, one below that does not lead to it, and too many below.
    config.timing.patience = std::time::Duration::from_millis(50);
    let refused = |config| async {
        AttachedLedger::open(config, Box::new(MemoryStore::new()))
            .await
            .err()
    };
    let mut other = config.clone();
    other.trusted = Some(Trusted {
        hash: UInt256::ZERO,
        ..trusted
    });
    let error = refused(other).await.unwrap().to_string();
    assert!(error.contains("its block 130 is"), "{error}");
    let body = network.body(&blocks[49].header, vec![Draft::new(1, 1).signed()]);
    node.set(|inside| inside.blocks[51] = network.sign(&body));
    let error = refused(config.clone()).await.unwrap().to_string();
    assert!(
        error.contains("its block 130 is not valid: parent"),
        "{error}"
    );
    config.trusted = Some(Trusted {
        height: Height(30_000),
        from: Height(0),
        ..trusted
    });
    let error = refused(config).await.unwrap().to_string();
    assert!(error.contains("at most 20000"), "{error}");
}

#[tokio::test]
async fn old_blocks_are_kept_as_headers() {
    let network = Network::new();
    let node = FakeNode::start(&network).await;
    let mut config = config(&network, &[&node]);
    config.kept_blocks = 3;
    let ledger = attach_with(config, Box::new(MemoryStore::new())).await;
    for block in network.blocks(&network.genesis(), 6) {
        let request = LedgerRequest::Store {
            block: Arc::new(block),
        };
        assert!(matches!(
            ask(&ledger, request).await,
            LedgerAnswer::Stored { .. }
        ));
    }
    let whole: Vec<u32> = (1..7)
        .filter(|height| ledger.block(Height(*height)).unwrap().is_some())
        .collect();
    assert_eq!(whole, [4, 5, 6]);
    assert!((0..7).all(|height| ledger.header(Height(height)).unwrap().is_some()));
}

#[tokio::test]
async fn a_block_that_does_not_follow_is_fatal_and_a_forged_one_too() {
    let network = Network::new();
    let node = FakeNode::start(&network).await;
    let ledger = attach_with(config(&network, &[&node]), Box::new(MemoryStore::new())).await;
    until(&ledger, |ledger| {
        ledger.nodes()[0].state != NodeState::Unknown
    })
    .await;
    let blocks = network.blocks(&network.genesis(), 2);
    let forged = network.sign_by(&network.body(&network.genesis(), Vec::new()), &[5, 6, 7, 8]);
    for (block, not_next) in [(&blocks[1], true), (&forged, false)] {
        let request = LedgerRequest::Store {
            block: Arc::new(block.clone()),
        };
        let LedgerAnswer::Failed { error, .. } = ask(&ledger, request).await else {
            panic!("stored");
        };
        assert!(error.is_fatal());
        assert_eq!(
            matches!(error, LedgerError::NotNext { .. }),
            not_next,
            "{error}"
        );
        assert_eq!(
            matches!(error, LedgerError::InvalidDecision { .. }),
            !not_next,
            "{error}"
        );
    }
    assert_eq!(ledger.height(), Height(0));
}
