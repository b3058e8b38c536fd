//! Messages reach a validator that cannot be reached directly, proofs reach everybody, and nobody pays for what it
//! passes on.

#![allow(clippy::unwrap_used)]

mod common;

use bytes::Bytes;
use common::{Node, Wire, config, eventually, keys, public};
use neo_network::{MAX_EVIDENCE, NetworkEvent, Priority, SendError};
use neo_primitives::PublicKey;

/// `n` validators of which the last is connected with all others and these with nobody else.
async fn star(n: usize) -> (Vec<Node>, Vec<PublicKey>) {
    let keys = keys(n);
    let hub = Node::start(config(Wire::Quic, Some(&keys[n - 1]), &keys)).await;
    let mut nodes = Vec::new();
    for key in &keys[..n - 1] {
        let mut config = config(Wire::Quic, Some(key), &keys);
        config.peers.push(hub.dial());
        nodes.push(Node::start(config).await);
    }
    nodes.push(hub);
    let names: Vec<_> = keys.iter().map(public).collect();
    for node in &nodes[..n - 1] {
        let handle = node.handle.clone();
        let others = names[..n - 1].to_vec();
        let own = handle.peer(node.id());
        assert!(own.is_none());
        eventually(move || {
            let topology = handle.topology();
            let relayed = topology.validators.iter().filter(|link| link.relayed);
            relayed.filter(|link| others.contains(&link.key)).count() == others.len() - 1
        })
        .await;
    }
    (nodes, names)
}

async fn relayed(node: &mut Node) -> (PublicKey, Option<PublicKey>, Vec<u8>) {
    node.wait(|event| match event {
        NetworkEvent::Consensus {
            from,
            relayed_for,
            bytes,
        } => Some((from, relayed_for, bytes.to_vec())),
        _ => None,
    })
    .await
}

#[tokio::test]
async fn messages_of_a_reach_b_through_c() {
    let (mut nodes, names) = star(3).await;
    let message = Bytes::from_static(b"a prepare of the first");
    let direct = nodes[0]
        .handle
        .broadcast_validators(Priority::Prepare, message.clone());
    assert_eq!(direct, 1, "only the hub is connected");
    let hub = (names[2].clone(), Some(names[0].clone()), message.to_vec());
    assert_eq!(relayed(&mut nodes[1]).await, hub);
    let own = (names[0].clone(), None, message.to_vec());
    assert_eq!(relayed(&mut nodes[2]).await, own);
    // A large one takes the bulk lane, and one alone goes the same way.
    let large = Bytes::from(vec![7; 1 << 20]);
    let asked = nodes[1]
        .handle
        .send_around(&names[0], Priority::Proposal, &large);
    assert_eq!(asked, Ok(1));
    let (from, origin, bytes) = relayed(&mut nodes[0]).await;
    assert_eq!((from, origin), (names[2].clone(), Some(names[1].clone())));
    assert_eq!(bytes.len(), large.len());
    let hub = nodes[2].handle.metrics();
    assert_eq!((hub.relays_passed.messages, hub.relays_dropped), (2, 0));
    assert!(
        nodes
            .iter()
            .all(|node| node.handle.reputations().is_empty())
    );
}

#[tokio::test]
async fn what_two_ways_bring_is_told_once() {
    let keys = keys(4);
    let mut hubs = Vec::new();
    for key in &keys[2..] {
        hubs.push(Node::start(config(Wire::Tcp, Some(key), &keys)).await);
    }
    let mut ends = Vec::new();
    for key in &keys[..2] {
        let mut config = config(Wire::Tcp, Some(key), &keys);
        config.peers.extend(hubs.iter().map(Node::dial));
        ends.push(Node::start(config).await);
    }
    let to = public(&keys[1]);
    let handle = ends[0].handle.clone();
    eventually(|| {
        let asked = handle.send_around(&to, Priority::Commit, &Bytes::from_static(b"first"));
        asked == Ok(2)
    })
    .await;
    let last = Bytes::from_static(b"last");
    assert_eq!(handle.send_around(&to, Priority::Commit, &last), Ok(2));
    let mut seen = Vec::new();
    loop {
        let (_, _, bytes) = relayed(&mut ends[1]).await;
        seen.push(bytes);
        if seen.last().is_some_and(|bytes| *bytes == b"last") {
            break;
        }
    }
    let handle = ends[1].handle.clone();
    let passed = || -> u64 {
        let passed = hubs.iter().map(|hub| hub.handle.metrics());
        passed.map(|metrics| metrics.relays_passed.messages).sum()
    };
    eventually(|| passed() >= 4).await;
    assert_eq!(seen, [b"first".to_vec(), b"last".to_vec()]);
    assert_eq!(handle.metrics().relays_received.messages, 2);
}

#[tokio::test]
async fn there_is_no_second_hop_and_no_way_where_nobody_knows_one() {
    // A chain: the first and the last have no neighbour in common.
    let keys = keys(4);
    let mut nodes: Vec<Node> = Vec::new();
    for key in &keys {
        let mut config = config(Wire::Quic, Some(key), &keys);
        config.peers.extend(nodes.last().map(Node::dial));
        nodes.push(Node::start(config).await);
    }
    let two_away = public(&keys[2]);
    let three_away = public(&keys[3]);
    let message = Bytes::from_static(b"how far?");
    let handle = nodes[0].handle.clone();
    eventually(|| {
        handle
            .send_around(&two_away, Priority::Commit, &message)
            .is_ok()
    })
    .await;
    let far = handle.send_around(&three_away, Priority::Commit, &message);
    assert_eq!(far, Err(SendError::Unreachable(three_away)));
    let (from, origin, _) = relayed(&mut nodes[2]).await;
    assert_eq!((from, origin), (public(&keys[1]), Some(public(&keys[0]))));
    assert_eq!(nodes[2].handle.metrics().relays_passed.messages, 0);
    let wrong = handle.send_around(&two_away, Priority::Transactions, &message);
    assert!(matches!(wrong, Err(SendError::TooLarge { limit: 0, .. })));
    let long = handle.send_around(&two_away, Priority::Commit, &Bytes::from(vec![0; 3 << 20]));
    assert!(matches!(long, Err(SendError::TooLarge { .. })));
}

#[tokio::test]
async fn a_flood_to_be_relayed_is_cut_down_and_nobody_pays_for_it() {
    let keys = keys(3);
    let mut hub = config(Wire::Quic, Some(&keys[2]), &keys);
    hub.limits.rates.relay.burst = 10;
    hub.limits.rates.relay.per_second = 1;
    let hub = Node::start(hub).await;
    let mut ends = Vec::new();
    for key in &keys[..2] {
        let mut config = config(Wire::Quic, Some(key), &keys);
        config.peers.push(hub.dial());
        ends.push(Node::start(config).await);
    }
    let to = public(&keys[1]);
    let message = |n: u32| Bytes::from(n.to_le_bytes().to_vec());
    let handle = ends[0].handle.clone();
    eventually(|| {
        handle
            .send_around(&to, Priority::Commit, &message(0))
            .is_ok()
    })
    .await;
    for n in 1..500 {
        handle
            .send_around(&to, Priority::Commit, &message(n))
            .unwrap();
    }
    eventually(|| hub.handle.metrics().relays_dropped > 400).await;
    assert!(hub.handle.metrics().relays_passed.messages < 50);
    assert!(hub.handle.reputations().is_empty());
    assert!(ends[1].handle.reputations().is_empty());
    // Its own messages are not held up.
    handle.broadcast_validators(Priority::Commit, Bytes::from_static(b"own"));
    let mut hub = hub;
    assert_eq!(hub.consensus().await.1, b"own");
}

#[tokio::test]
async fn proofs_flood_the_network_once() {
    let (mut nodes, _) = star(3).await;
    let proof = Bytes::from(vec![9; 5_000]);
    let proof_of = |event| match event {
        NetworkEvent::Evidence { peer, bytes } => Some((peer, bytes.len())),
        _ => None,
    };
    assert_eq!(nodes[0].handle.broadcast_evidence(proof.clone()), 1);
    assert_eq!(nodes[0].handle.broadcast_evidence(proof.clone()), 0);
    let first = nodes[0].id();
    assert_eq!(nodes[2].wait(proof_of).await, (first, 5_000));
    // The hub has verified it: it goes to whoever does not have it.
    assert_eq!(nodes[2].handle.broadcast_evidence(proof.clone()), 1);
    let hub = nodes[2].id();
    assert_eq!(nodes[1].wait(proof_of).await, (hub, 5_000));
    assert_eq!(nodes[1].handle.broadcast_evidence(proof), 0);
    let long = Bytes::from(vec![0; MAX_EVIDENCE + 1]);
    assert_eq!(nodes[0].handle.broadcast_evidence(long), 0);
    let empty = Bytes::new();
    assert_eq!(nodes[0].handle.broadcast_evidence(empty), 0);
}
