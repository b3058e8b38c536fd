//! What others can ask a node.

use std::time::Duration;

use neo_primitives::{Height, UInt256};

use super::{
    nodes::{Node, blocks, payload},
    puppet::{Puppet, version},
};
use crate::neo::wire::{Capability, HashRange, IndexRange, Inventory, InventoryKind, Message};

fn range(start: u32, count: Option<u16>) -> IndexRange {
    IndexRange {
        start: Height(start),
        count,
    }
}

#[tokio::test]
async fn headers_and_blocks_and_hashes() {
    let chain = blocks(1200);
    let node = Node::start(&chain, &[]);
    let mut puppet = Puppet::join(&node, version(1)).await;
    let headers = |message| match message {
        Message::Headers(headers) => Some(headers),
        _ => None,
    };
    puppet.say(&Message::GetHeaders(range(1, None))).await;
    let all = puppet.until(headers).await;
    assert_eq!(all.len(), 1200);
    assert_eq!(all[0], chain[1].signed_header());
    puppet.say(&Message::GetHeaders(range(1199, Some(9)))).await;
    assert_eq!(puppet.until(headers).await.len(), 2);

    puppet.say(&Message::GetBlockByIndex(range(2, None))).await;
    for expected in &chain[2..502] {
        let block = puppet
            .until(|message| match message {
                Message::Block(block) => Some(block),
                _ => None,
            })
            .await;
        assert_eq!(*block, *expected);
    }
    let hashes = |message| match message {
        Message::Inv(inventory) if inventory.kind == InventoryKind::Block => Some(inventory.hashes),
        _ => None,
    };
    let after = chain[3].hash();
    let question = HashRange { after, count: None };
    puppet.say(&Message::GetBlocks(question)).await;
    let told = puppet.until(hashes).await;
    assert_eq!(told.len(), 500, "the 500 blocks were all that came before");
    assert_eq!(told[0], chain[4].hash());
    let question = HashRange {
        after,
        count: Some(2),
    };
    puppet.say(&Message::GetBlocks(question)).await;
    assert_eq!(puppet.until(hashes).await.len(), 2);
}

#[tokio::test]
async fn data_by_hash_and_what_is_not_there() {
    let chain = blocks(5);
    let node = Node::start(&chain, &[]);
    let sent = payload(1, 9);
    node.handle.broadcast_extensible(sent.clone());
    let mut high = version(1);
    high.capabilities = vec![Capability::FullNode(Height(5))];
    let mut puppet = Puppet::join(&node, high).await;
    let nowhere = UInt256::from_wire([9; 32]);
    for (kind, hash) in [
        (InventoryKind::Block, chain[3].hash()),
        (InventoryKind::Extensible, sent.hash()),
    ] {
        let question = Inventory {
            kind,
            hashes: vec![nowhere, hash],
        };
        puppet.say(&Message::GetData(question)).await;
        let (mut found, mut missing) = (false, Vec::new());
        while !found || missing.is_empty() {
            puppet
                .until(|message| match message {
                    Message::Block(block) => {
                        found = *block == chain[3];
                        Some(())
                    }
                    Message::Extensible(payload) => {
                        found = *payload == sent;
                        Some(())
                    }
                    Message::NotFound(inventory) => {
                        missing = inventory.hashes;
                        Some(())
                    }
                    _ => None,
                })
                .await;
        }
        assert_eq!(missing, [nowhere]);
    }
}

#[tokio::test]
async fn who_asks_and_does_not_read_is_cut_off() {
    let mut node = Node::with(&blocks(0), &[], |config| {
        config.timing.write_timeout = Duration::from_millis(500);
        config.limits.queue_bytes = 1 << 20;
    });
    let mut hashes = Vec::new();
    for number in 0..200u8 {
        let hash = UInt256::from_wire([number; 32]);
        let noise: Vec<u8> = (0..100_000u32)
            .map(|n| (n.wrapping_mul(0x9e37_79b1) >> 24) as u8)
            .collect();
        node.chain.pool.write().insert(hash, noise.into());
        hashes.push(hash);
    }
    let mut puppet = Puppet::join(&node, version(1)).await;
    let question = Inventory {
        kind: InventoryKind::Transaction,
        hashes,
    };
    for _ in 0..5 {
        puppet.say(&Message::GetData(question.clone())).await;
    }
    assert_eq!(node.until_down().await.name(), "slow_reader");
    assert!(
        node.handle.metrics().dropped_out > 0,
        "the queue is bounded"
    );
}

#[tokio::test]
async fn a_hash_that_is_asked_for_many_times_at_once_is_served_once() {
    let chain = blocks(1);
    let node = Node::start(&chain, &[]);
    let mut puppet = Puppet::join(&node, version(1)).await;
    let question = Inventory {
        kind: InventoryKind::Block,
        hashes: vec![chain[1].hash(); 500],
    };
    puppet.say(&Message::GetData(question)).await;
    puppet.say(&Message::GetHeaders(range(1, None))).await;
    let mut served = 0;
    puppet
        .until(|message| match message {
            Message::Block(_) => {
                served += 1;
                None
            }
            Message::Headers(_) => Some(()),
            _ => None,
        })
        .await;
    assert_eq!(served, 1);
}

#[tokio::test]
async fn compression_is_used_unless_the_peer_declines() {
    let chain = blocks(600);
    let node = Node::start(&chain, &[]);
    let mut plain = version(2);
    plain.capabilities.push(Capability::DisableCompression);
    for (version, compressed) in [(version(1), true), (plain, false)] {
        let mut puppet = Puppet::join(&node, version).await;
        puppet.say(&Message::GetHeaders(range(1, None))).await;
        let flag = loop {
            let (bytes, message) = puppet.next().await.unwrap();
            if matches!(message, Message::Headers(_)) {
                break bytes[0];
            }
        };
        assert_eq!(flag == 1, compressed);
    }
}
