//! Blocks that are not kept whole any more come from the node, for those who are far behind.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use neo_ledger::{ChainReader as _, store::MemoryStore};
use neo_primitives::{Block, Encode as _, Height};
use serde_json::json;

use super::{attach_with, config, reaches};
use crate::{
    AttachedLedger,
    fake::{Bend, Draft, FakeNode, Mood, Network},
};

/// Asked on a thread that may block, as peers' questions are.
async fn fetched(ledger: &Arc<AttachedLedger>, height: u32) -> Option<Vec<u8>> {
    let ledger = Arc::clone(ledger);
    let fetch = move || ledger.fetch_block_bytes(Height(height)).unwrap();
    tokio::task::spawn_blocking(fetch).await.unwrap()
}

#[tokio::test]
async fn an_old_block_is_fetched_and_is_the_one_that_was_signed() {
    let network = Network::new();
    let node = FakeNode::start(&network).await;
    let mut blocks: Vec<Block> = Vec::new();
    for nonce in 0..6 {
        let parent = blocks
            .last()
            .map_or(network.genesis(), |block| block.header);
        // Every other block is empty.
        let transactions = (nonce % 2 == 0).then(|| Draft::new(1, nonce).signed());
        let body = network.body(&parent, transactions.into_iter().collect());
        blocks.push(network.sign(&body));
    }
    for block in &blocks {
        node.take(block);
    }
    let mut config = config(&network, &[&node]);
    config.kept_blocks = 2;
    let ledger = attach_with(config, Box::new(MemoryStore::new())).await;
    let ledger = Arc::new(ledger);
    reaches(&ledger, 6).await;
    assert_eq!(
        ledger.block_bytes(Height(1)).unwrap(),
        None,
        "kept as a header"
    );
    for block in &blocks {
        let height = block.header.index.0;
        assert_eq!(
            fetched(&ledger, height).await,
            Some(block.to_bytes()),
            "{height}"
        );
    }
    assert_eq!(
        fetched(&ledger, 0).await,
        Some(network.config.genesis_block().to_bytes())
    );
    assert_eq!(fetched(&ledger, 7).await, None, "there is none");

    // Another block, one with other transactions, one with another witness.
    let serve = |block: &Block| {
        let bytes = STANDARD.encode(block.to_bytes());
        node.set(|inside| inside.bends.insert("getblock", Bend::Result(json!(bytes))));
    };
    serve(&blocks[2]);
    assert_eq!(fetched(&ledger, 1).await, None);
    let mut rewitnessed = blocks[0].clone();
    rewitnessed.witness = blocks[1].witness.clone();
    serve(&rewitnessed);
    assert_eq!(
        fetched(&ledger, 1).await,
        Some(blocks[0].to_bytes()),
        "the witness that was verified"
    );
    let mut emptied = blocks[0].clone();
    emptied.transactions.clear();
    serve(&emptied);
    assert_eq!(fetched(&ledger, 1).await, None);
    // A node that does not answer is waited for no longer than its timeout. What is empty needs no node.
    node.set(|inside| inside.mood = Mood::Silent);
    assert_eq!(fetched(&ledger, 3).await, None);
    assert_eq!(fetched(&ledger, 2).await, Some(blocks[1].to_bytes()));
}
