//! What bad input gets.

use std::time::Duration;

use neo_primitives::{Height, Magic, UInt256};

use super::{
    nodes::{Node, blocks, eventually},
    puppet::{Puppet, version},
};
use crate::neo::wire::{Inventory, InventoryKind, Message, Ping};

/// What a peer says, and what it is told to have done.
async fn refused(name: &str, field: &str, says: Vec<Message>, joins: bool) {
    let mut node = Node::start(&blocks(0), &[]);
    let mut puppet = match joins {
        true => Puppet::join(&node, version(1)).await,
        false => Puppet::connect(&node).await,
    };
    for message in says {
        puppet.say(&message).await;
    }
    puppet.until_closed().await;
    eventually(name, || {
        node.handle.metrics().refusals.get(name) == Some(&1)
    })
    .await;
    assert!(node.handle.peers().is_empty());
    if joins {
        let reason = node.until_down().await.to_string();
        assert!(reason.contains(field), "{reason} names {field}");
    }
}

#[tokio::test]
async fn who_breaks_the_handshake_is_cut_off() {
    let mut foreign = version(1);
    foreign.magic = Magic(43);
    refused("magic", "", vec![Message::Version(foreign)], false).await;
    let ping = Message::Ping(Ping {
        last_block: Height(0),
        timestamp: 0,
        nonce: 0,
    });
    refused("unexpected_command", "", vec![ping.clone()], false).await;
    let early = vec![Message::Version(version(1)), ping];
    refused("unexpected_command", "", early, false).await;
}

#[tokio::test]
async fn who_breaks_the_protocol_later_is_cut_off() {
    let again = || vec![Message::Version(version(1))];
    refused("unexpected_command", "Version", again(), true).await;
    refused("unexpected_command", "Verack", vec![Message::Verack], true).await;
    let pong = Message::Pong(Ping {
        last_block: Height(0),
        timestamp: 0,
        nonce: 0,
    });
    refused("unexpected_pong", "pong", vec![pong], true).await;
    let many = Message::Inv(Inventory {
        kind: InventoryKind::Transaction,
        hashes: vec![UInt256::from_wire([1; 32]); 501],
    });
    refused("oversized_frame", "Inv", vec![many], true).await;
}

#[tokio::test]
async fn bad_bytes_end_the_connection_and_name_the_field() {
    for (name, field, bytes) in [
        (
            "malformed_payload",
            "hash count",
            &[0, 0x27, 2, 0x2b, 0xfc][..],
        ),
        (
            "malformed_payload",
            "inventory type",
            &[0, 0x28, 2, 0x99, 0],
        ),
        (
            "malformed_payload",
            "count",
            &[0, 0x20, 6, 0, 0, 0, 0, 0, 0],
        ),
        ("oversized_frame", "Block", &[0, 0x2c, 0xfe, 0, 0, 0, 2]),
        ("bad_compression", "Ping", &[1, 0x18, 5, 255, 0, 0, 0, 1]),
    ] {
        let mut node = Node::start(&blocks(0), &[]);
        let mut puppet = Puppet::join(&node, version(1)).await;
        puppet.write(bytes).await;
        puppet.until_closed().await;
        let reason = node.until_down().await;
        assert_eq!(reason.name(), name, "{reason}");
        assert!(reason.to_string().contains(field), "{reason} names {field}");
    }
}

#[tokio::test]
async fn slow_handshakes_and_silence_end() {
    let mut node = Node::with(&blocks(0), &[], |config| {
        config.timing.handshake_timeout = Duration::from_millis(100);
        config.timing.ping_interval = Duration::from_millis(10);
        config.timing.ping_timeout = Duration::from_millis(100);
    });
    let mut silent = Puppet::connect(&node).await;
    silent.until_closed().await;
    let mut half = Puppet::connect(&node).await;
    half.say(&Message::Version(version(1))).await;
    half.until_closed().await;
    eventually("both are counted", || {
        node.handle.metrics().refusals.get("handshake_timeout") == Some(&2)
    })
    .await;
    // Answers no ping.
    let mut deaf = Puppet::join(&node, version(1)).await;
    deaf.until_closed().await;
    assert_eq!(node.until_down().await.name(), "ping_timeout");
}

#[tokio::test]
async fn any_command_with_any_payload_is_survived() {
    let node = Node::start(&blocks(3), &[]);
    let payloads: [&[u8]; 5] = [
        &[],
        &[0; 12],
        &[0xff; 9],
        &[0x2b, 1, 7],
        &[1, 0, 0, 0, 0x10, 0, 0, 0, 0x2e],
    ];
    for code in 0..=u8::MAX {
        let mut puppet = Puppet::join(&node, version(code.into())).await;
        for flags in [0, 1, 0xfe] {
            for payload in payloads {
                let head = [flags, code, payload.len() as u8];
                // The node may have hung up.
                puppet.try_write(&[&head, payload].concat()).await;
            }
        }
    }
    eventually("all connections are released", || {
        node.handle.shared.connections() == 0
    })
    .await;
    Puppet::join(&node, version(1)).await;
}
