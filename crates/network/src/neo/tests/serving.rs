//! What others can ask a node.

use neo_primitives::{Height, UInt256};

use super::nodes::{Node, Puppet, blocks, payload, version};
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
