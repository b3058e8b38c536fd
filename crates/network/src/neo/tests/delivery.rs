//! How payloads and transactions travel.

use std::time::Duration;

use neo_primitives::{Height, UInt256};

use super::{
    nodes::{Node, blocks, eventually, payload},
    puppet::{Puppet, version},
};
use crate::neo::wire::{Capability, IndexRange, Inventory, InventoryKind, Message};

#[tokio::test]
async fn a_payload_is_pushed_and_then_announced() {
    let chain = blocks(0);
    let mut b = Node::start(&chain, &[]);
    let mut a = Node::start(&chain, &[&b]);
    let mut c = Node::start(&chain, &[&b]);
    a.until_up().await;
    c.until_up().await;
    b.until_up().await;
    b.until_up().await;
    let sent = payload(1, 1);
    assert_eq!(a.handle.broadcast_extensible(sent.clone()), 1);
    assert_eq!(a.handle.broadcast_extensible(sent.clone()), 0, "b has it");
    let came = b.until_payload().await;
    assert_eq!(came, sent);
    assert_eq!(
        b.handle.relay_extensible(came),
        1,
        "c, and not a who sent it"
    );
    assert_eq!(c.until_payload().await, sent);
}

#[tokio::test]
async fn who_connects_later_hears_what_is_still_valid() {
    let chain = blocks(0);
    let mut a = Node::start(&chain, &[]);
    a.handle.broadcast_extensible(payload(1, 1));
    a.handle.broadcast_extensible(payload(2, 2));
    let mut b = Node::start(&chain, &[&a]);
    assert_eq!(b.until_payload().await.data, payload(1, 1).data);
    assert_eq!(b.until_payload().await.data, payload(2, 2).data);
    let peer = a.until_up().await;
    a.handle.disconnect(peer, "for the test");
    b.until_down().await;
    a.handle.stored(&blocks(1)[1].header);
    a.handle.broadcast_extensible(payload(3, 2));
    assert_eq!(
        b.until_payload().await.data,
        payload(3, 2).data,
        "after it came back"
    );
    let mut late = Node::start(&chain, &[&a]);
    assert_eq!(
        late.until_payload().await.data,
        payload(2, 2).data,
        "the first one is over"
    );
}

#[tokio::test]
async fn a_broken_copy_does_not_hide_the_good_one_and_repeats_are_told_once() {
    let mut node = Node::start(&blocks(0), &[]);
    let mut puppet = Puppet::join(&node, version(1)).await;
    let good = payload(1, 1);
    let mut broken = good.clone();
    broken.witness.invocation = vec![1, 2, 3];
    for copy in [&broken, &broken, &good, &good] {
        puppet
            .say(&Message::Extensible(Box::new(copy.clone())))
            .await;
    }
    assert_eq!(node.until_payload().await, broken);
    assert_eq!(node.until_payload().await, good);
    eventually("repeats are counted", || {
        node.handle.metrics().repeated == 2
    })
    .await;
    node.handle.expect_again(&good);
    puppet
        .say(&Message::Extensible(Box::new(good.clone())))
        .await;
    assert_eq!(node.until_payload().await, good, "it was too early before");
}

#[tokio::test]
async fn announced_payloads_are_asked_for_once_until_they_come() {
    let mut node = Node::with(&blocks(0), &[], |config| {
        config.timing.data_timeout = Duration::from_millis(100);
    });
    let mut first = Puppet::join(&node, version(1)).await;
    let mut second = Puppet::join(&node, version(2)).await;
    let sent = payload(1, 1);
    let inventory = Inventory {
        kind: InventoryKind::Extensible,
        hashes: vec![sent.hash()],
    };
    first.say(&Message::Inv(inventory.clone())).await;
    let asked = |message| match message {
        Message::GetData(asked) => Some(asked),
        _ => None,
    };
    assert_eq!(first.until(asked).await, inventory);
    second.say(&Message::Inv(inventory.clone())).await;
    // The first one does not answer: the second one is asked.
    assert_eq!(second.until(asked).await, inventory);
    second
        .say(&Message::Extensible(Box::new(sent.clone())))
        .await;
    assert_eq!(node.until_payload().await, sent);
    // Of no use any more: not asked for again, as the next question shows.
    node.handle.ignore_extensible(sent.hash());
    first.say(&Message::Inv(inventory)).await;
    let other = Inventory {
        kind: InventoryKind::Extensible,
        hashes: vec![payload(2, 1).hash()],
    };
    first.say(&Message::Inv(other.clone())).await;
    assert_eq!(first.until(asked).await, other);
}

#[tokio::test]
async fn not_found_turns_to_the_next_holder() {
    let node = Node::start(&blocks(0), &[]);
    let mut first = Puppet::join(&node, version(1)).await;
    let mut second = Puppet::join(&node, version(2)).await;
    let inventory = Inventory {
        kind: InventoryKind::Transaction,
        hashes: vec![UInt256::from_wire([5; 32])],
    };
    first.say(&Message::Inv(inventory.clone())).await;
    let asked = |message| match message {
        Message::GetData(asked) => Some(asked),
        _ => None,
    };
    first.until(asked).await;
    second.say(&Message::Inv(inventory.clone())).await;
    eventually("the second announcement is read", || {
        let wanted = node.handle.shared.wanted.lock();
        wanted.holders(&(InventoryKind::Transaction, inventory.hashes[0])) == 2
    })
    .await;
    first.say(&Message::NotFound(inventory.clone())).await;
    assert_eq!(second.until(asked).await, inventory);
}

#[tokio::test]
async fn who_is_no_full_node_gets_nothing_relayed() {
    let mut node = Node::start(&blocks(0), &[]);
    let mut light = version(1);
    light.capabilities = vec![Capability::TcpServer(1)];
    let _puppet = Puppet::join(&node, light).await;
    node.until_up().await;
    assert_eq!(node.handle.broadcast_extensible(payload(1, 1)), 0);
    assert_eq!(node.handle.relay_extensible(payload(2, 1)), 0);
    assert_eq!(
        node.handle
            .announce_transactions(&[UInt256::from_wire([1; 32])]),
        0
    );
}

#[tokio::test]
async fn too_many_payloads_of_one_peer_are_dropped() {
    let node = Node::with(&blocks(0), &[], |config| {
        config.limits.extensibles = crate::Rate {
            per_second: 0,
            burst: 3,
        };
    });
    let mut puppet = Puppet::join(&node, version(1)).await;
    for number in 0..10 {
        puppet
            .say(&Message::Extensible(Box::new(payload(number, 1))))
            .await;
    }
    eventually("seven are dropped", || node.handle.metrics().over_rate == 7).await;
}

#[tokio::test]
async fn when_nothing_moves_payloads_are_announced_again() {
    let node = Node::with(&blocks(0), &[], |config| {
        config.timing.repeat_consensus = Some(Duration::from_millis(20));
    });
    let mut puppet = Puppet::join(&node, version(1)).await;
    let sent = payload(1, 1);
    node.handle.broadcast_extensible(sent.clone());
    for _ in 0..3 {
        let told = puppet
            .until(|message| match message {
                Message::Inv(told) => Some(told),
                _ => None,
            })
            .await;
        assert_eq!(told.hashes, [sent.hash()]);
    }
}

#[tokio::test]
async fn forty_peers_get_a_payload_and_a_flood_of_questions_does_not_hold_it_up() {
    let chain = blocks(600);
    let node = Node::start(&chain, &[]);
    let mut puppets = Vec::new();
    for nonce in 0..40 {
        let mut puppet = Puppet::join(&node, version(nonce)).await;
        let all = IndexRange {
            start: Height(1),
            count: None,
        };
        puppet.say(&Message::GetBlockByIndex(all)).await;
        puppets.push(puppet);
    }
    assert_eq!(node.handle.broadcast_extensible(payload(1, 900)), 40);
    for puppet in &mut puppets {
        let mut blocks_before = 0;
        puppet
            .until(|message| match message {
                Message::Block(_) => {
                    blocks_before += 1;
                    None
                }
                Message::Extensible(_) => Some(()),
                _ => None,
            })
            .await;
        assert!(blocks_before <= 500);
    }
    assert!(node.handle.metrics().refusals.is_empty());
}
