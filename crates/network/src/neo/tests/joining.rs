//! Who gets in, and who finds whom.

use std::time::Duration;

use neo_primitives::Height;
use tokio::time::timeout;

use super::{
    nodes::{LONG, Node, blocks, eventually, free_address},
    puppet::{Puppet, version},
};
use crate::neo::{NeoEvent, wire::Message};

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
