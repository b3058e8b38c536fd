//! Handshakes, refusals, limits.

use std::time::Duration;

use neo_primitives::{Height, Magic, UInt256};
use tokio::time::timeout;

use super::nodes::{LONG, Node, Puppet, blocks, eventually, free_address, version};
use crate::neo::{
    NeoEvent,
    wire::{Inventory, InventoryKind, Message, Ping},
};

#[tokio::test]
async fn two_nodes_meet_and_measure_each_other() {
    let chain = blocks(3);
    let mut a = Node::start(&chain, &[]);
    let mut b = Node::with(&chain[..1], &[&a], |config| {
        config.timing.ping_interval = Duration::from_millis(20);
    });
    let (nonce, agent, height) = b
        .until(|event| match event {
            NeoEvent::PeerUp {
                nonce,
                user_agent,
                height,
                ..
            } => Some((nonce, user_agent, height)),
            _ => None,
        })
        .await;
    assert_eq!(nonce, a.handle.nonce());
    assert!(agent.starts_with("/neo-dbft:"));
    assert_eq!(height, Some(Height(3)));
    a.until_up().await;
    eventually("a pong comes", || {
        let peers = b.handle.peers();
        peers.iter().any(|peer| peer.round_trip.is_some())
    })
    .await;
    b.handle.shutdown();
    assert_eq!(a.until_down().await.name(), "closed");
}

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
async fn a_node_knows_itself_and_each_peer_once() {
    let node = Node::start(&blocks(0), &[]);
    let own = version(node.handle.nonce());
    let mut mirror = Puppet::connect(&node).await;
    mirror.say(&Message::Version(own)).await;
    mirror.until_closed().await;
    let first = Puppet::join(&node, version(7)).await;
    let mut second = Puppet::connect(&node).await;
    second.say(&Message::Version(version(7))).await;
    second.until_closed().await;
    eventually("both are refused", || {
        let refusals = node.handle.metrics().refusals;
        refusals.contains_key("own_nonce") && refusals.contains_key("same_nonce")
    })
    .await;
    assert_eq!(node.handle.peers().len(), 1, "the first one stays");
    drop(first);
    eventually("its nonce is free again", || node.handle.peers().is_empty()).await;
    Puppet::join(&node, version(7)).await;
}

#[tokio::test]
async fn connections_are_bounded() {
    let node = Node::with(&blocks(0), &[], |config| {
        config.limits.count_loopback = true;
        config.limits.max_per_address = 2;
    });
    let _one = Puppet::join(&node, version(1)).await;
    let _two = Puppet::join(&node, version(2)).await;
    Puppet::connect(&node).await.until_closed().await;
    eventually("the third is refused", || {
        node.handle
            .metrics()
            .refusals
            .contains_key("too_many_from_address")
    })
    .await;
    let node = Node::with(&blocks(0), &[], |config| config.limits.max_peers = 1);
    let _one = Puppet::join(&node, version(1)).await;
    Puppet::connect(&node).await.until_closed().await;
    eventually("the second is refused", || {
        node.handle
            .metrics()
            .refusals
            .contains_key("too_many_peers")
    })
    .await;
}

#[tokio::test]
async fn addresses_lead_to_more_peers() {
    let chain = blocks(0);
    let mut a = Node::start(&chain, &[]);
    let _b = Node::start(&chain, &[&a]);
    a.until_up().await;
    let c = Node::with(&chain, &[&a], |config| config.limits.wanted_peers = 5);
    eventually("c finds b by what a says", || c.handle.peers().len() == 2).await;
}

#[tokio::test]
async fn a_lost_peer_is_dialled_again() {
    let chain = blocks(0);
    let mut a = Node::start(&chain, &[]);
    let address = a.address();
    let mut b = Node::start(&chain, &[&a]);
    b.until_up().await;
    let peer = a.until_up().await;
    a.handle.disconnect(peer, "for the test");
    b.until_down().await;
    b.until_up().await;
    drop(a);
    b.until_down().await;
    eventually("the address is free", || {
        std::net::TcpListener::bind(address).is_ok()
    })
    .await;
    let _again = Node::with(&chain, &[], |config| config.listen = Some(address));
    timeout(LONG, b.until_up()).await.unwrap();
}

#[tokio::test]
async fn our_own_address_is_dialled_once() {
    let chain = blocks(0);
    let port = free_address();
    let node = Node::with(&chain, &[], |config| {
        config.listen = Some(port);
        config.peers = vec![port.to_string()];
    });
    eventually("the own nonce is noticed", || {
        node.handle.metrics().refusals.contains_key("own_nonce")
    })
    .await;
    assert!(node.handle.peers().is_empty());
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

#[tokio::test]
async fn configured_peers_get_in_where_strangers_fill_the_house() {
    let chain = blocks(0);
    let wanted = Node::start(&chain, &[]);
    let address = wanted.address();
    drop(wanted);
    eventually("the address is free", || {
        std::net::TcpListener::bind(address).is_ok()
    })
    .await;
    let node = Node::with(&chain, &[], |config| {
        config.limits.max_peers = 2;
        config.peers = vec![address.to_string()];
    });
    let _strangers = [
        Puppet::join(&node, version(1)).await,
        Puppet::join(&node, version(2)).await,
    ];
    let _wanted = Node::with(&chain, &[], |config| config.listen = Some(address));
    eventually("the configured peer is connected", || {
        node.handle.peers().iter().any(|peer| peer.outbound)
    })
    .await;
}
