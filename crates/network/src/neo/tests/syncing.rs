//! Fetching the chain.

use std::time::Duration;

use neo_primitives::{Block, Height};

use super::{
    nodes::{Node, blocks, eventually},
    puppet::{Puppet, version},
};
use crate::neo::wire::{Capability, Message, Version};

#[tokio::test]
async fn a_node_catches_up_from_two_and_follows() {
    let chain = blocks(2305);
    let mut a = Node::start(&chain[..2301], &[]);
    let mut b = Node::start(&chain[..2301], &[]);
    let mut c = Node::start(&chain[..1], &[&a, &b]);
    c.follow(2300).await;
    for node in [&a, &b] {
        let sent = node.handle.metrics().bytes_out;
        assert!(sent > 50_000, "both send blocks: {sent}");
    }
    a.until_up().await;
    b.until_up().await;
    // New blocks come by announcement.
    for block in &chain[2301..] {
        for node in [&a, &b] {
            node.chain.blocks.write().push(block.clone());
            node.handle.stored(&block.header);
        }
        c.follow(block.header.index.0).await;
    }
    assert_eq!(c.chain.blocks.read()[..], chain[..]);
    assert!(!c.handle.is_behind());
}

fn at_height(height: u32) -> Version {
    Version {
        capabilities: vec![Capability::FullNode(Height(height))],
        ..version(1)
    }
}

#[tokio::test]
async fn who_says_what_it_does_not_have_is_cut_off_and_others_are_asked() {
    let chain = blocks(30);
    let mut node = Node::with(&chain[..1], &[], |config| {
        config.timing.sync_timeout = Duration::from_millis(100);
    });
    let mut liar = Puppet::join(&node, at_height(1_000_000)).await;
    let reason = node.until_down().await;
    assert_eq!(reason.name(), "no_blocks", "{reason}");
    liar.until_closed().await;
    let honest = Node::start(&chain, &[&node]);
    node.follow(30).await;
    assert_eq!(honest.handle.peers().len(), 1);
}

#[tokio::test]
async fn forged_headers_and_blocks_end_the_connection() {
    let chain = blocks(3);
    let forged = |change: &dyn Fn(&mut Block)| {
        let mut block = chain[1].clone();
        change(&mut block);
        block
    };
    let unsigned = forged(&|block| block.header.nonce = 5);
    let detached = forged(&|block| block.header.prev_hash = chain[2].hash());
    for (block, field) in [(unsigned, "witness"), (detached, "previous hash")] {
        for by_headers in [true, false] {
            let mut node = Node::start(&chain[..1], &[]);
            let mut puppet = Puppet::join(&node, at_height(3)).await;
            puppet
                .until(|message| matches!(message, Message::GetHeaders(_)).then_some(()))
                .await;
            let says = match by_headers {
                true => Message::Headers(vec![block.signed_header()]),
                false => Message::Block(Box::new(block.clone())),
            };
            puppet.say(&says).await;
            puppet.until_closed().await;
            let reason = node.until_down().await;
            assert_eq!(reason.name(), "bad_header");
            assert!(reason.to_string().contains(field), "{reason}");
        }
    }
}

#[tokio::test]
async fn a_block_is_announced_to_who_does_not_have_it() {
    let chain = blocks(1);
    let node = Node::start(&chain[..1], &[]);
    let mut low = Puppet::join(&node, at_height(0)).await;
    node.chain.blocks.write().push(chain[1].clone());
    node.handle.stored(&chain[1].header);
    let hash = chain[1].hash();
    let told = low
        .until(|message| match message {
            Message::Inv(inventory) => Some(inventory.hashes),
            _ => None,
        })
        .await;
    assert_eq!(told, [hash]);
    eventually("the version tells the new height", || {
        node.handle.height() == Height(1)
    })
    .await;
}

#[tokio::test]
async fn heights_are_asked_for_when_the_node_wants_to_know() {
    let chain = blocks(1);
    let node = Node::with(&chain[..1], &[], |config| {
        config.timing.ping_interval = Duration::from_secs(3600);
    });
    let mut puppet = Puppet::join(&node, at_height(0)).await;
    let pinged = puppet.until(|message| matches!(message, Message::Ping(_)).then_some(()));
    let wish = async {
        let mut pause = tokio::time::interval(Duration::from_millis(20));
        loop {
            pause.tick().await;
            node.handle.ask_heights();
        }
    };
    tokio::select! {
        () = pinged => {}
        () = wish => {}
    }
}
