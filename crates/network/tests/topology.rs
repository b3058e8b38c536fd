//! Watched validators, partitions, fan-out, bans.

#![allow(clippy::unwrap_used)]

mod common;

use std::{collections::BTreeSet, time::Duration};

use bytes::Bytes;
use common::{Node, Wire, config, eventually, keys, pair, public};
use neo_network::{NetworkEvent, Offence};

#[tokio::test]
async fn who_is_watched_beats_faster_and_is_not_given_up() {
    let (first, second, keys) = pair(Wire::Quic).await;
    let beats = |node: &Node| node.handle.metrics().control_received.messages;
    first.handle.set_watched(vec![public(&keys[1])]);
    let before = (beats(&first), beats(&second));
    eventually(|| beats(&first) > before.0 + 20 && beats(&second) > before.1 + 20).await;
    let info = first.handle.peer(second.id()).unwrap();
    assert!(!info.quiet);
    assert_eq!(first.handle.metrics().quiet, 0);
    let topology = first.handle.topology();
    assert_eq!((topology.reachable, topology.needed), (2, 2));
    assert!(topology.validators[0].connected && topology.validators[0].last_heard.is_some());
}

#[tokio::test]
async fn a_silent_one_is_told_of_and_taken_back() {
    let keys = keys(2);
    // It wants to hear less often than it expects to.
    let mut impatient = config(Wire::Quic, Some(&keys[0]), &keys);
    impatient.timing.watch_heartbeat = Duration::from_millis(600);
    impatient.timing.heartbeat = Duration::from_millis(600);
    impatient.timing.quiet_after = Duration::from_millis(150);
    let mut first = Node::start(impatient).await;
    let mut second = config(Wire::Quic, Some(&keys[1]), &keys);
    second.timing.heartbeat = Duration::from_millis(600);
    second.peers.push(first.dial());
    let _second = Node::start(second).await;
    first.peer_up().await;
    first.handle.set_watched(vec![public(&keys[1])]);
    let silent = first
        .wait(|event| match event {
            NetworkEvent::Quiet { validator, silent } => {
                assert_eq!(validator, public(&keys[1]));
                Some(silent)
            }
            _ => None,
        })
        .await;
    assert!(silent >= Duration::from_millis(150));
    first
        .wait(|event| match event {
            NetworkEvent::Heard { validator } => {
                assert_eq!(validator, public(&keys[1]));
                Some(())
            }
            NetworkEvent::PeerDown { reason, .. } => panic!("{reason}"),
            _ => None,
        })
        .await;
}

#[tokio::test]
async fn a_partition_is_noticed_and_healed_by_dialling() {
    let keys = keys(4);
    let mut watcher = config(Wire::Quic, Some(&keys[0]), &keys);
    watcher.timing.redial_max = Duration::from_secs(3600);
    watcher.timing.redial_min = Duration::from_secs(3600);
    let mut others = Vec::new();
    for key in &keys[1..3] {
        others.push(Node::start(config(Wire::Quic, Some(key), &keys)).await);
    }
    watcher.peers.extend(others.iter().map(Node::dial));
    let mut watcher = Node::start(watcher).await;
    eventually(|| watcher.handle.topology().reachable == 3).await;
    assert!(!watcher.handle.topology().partitioned);
    // The connection is closed; no ordinary redial is due for an hour.
    watcher.handle.disconnect(others[0].id());
    let (reachable, needed) = watcher
        .wait(|event| match event {
            NetworkEvent::Partition { reachable, needed } => Some((reachable, needed)),
            _ => None,
        })
        .await;
    assert_eq!((reachable, needed), (2, 3));
    let reachable = watcher
        .wait(|event| match event {
            NetworkEvent::Healed { reachable, .. } => Some(reachable),
            _ => None,
        })
        .await;
    assert_eq!(reachable, 3);
    let metrics = watcher.handle.metrics();
    assert_eq!((metrics.partitions, metrics.partitioned), (1, false));
}

#[tokio::test]
async fn with_a_small_fan_out_everybody_still_gets_everything() {
    let keys = keys(4);
    let mut source = Node::start(config(Wire::Quic, Some(&keys[0]), &keys)).await;
    let mut others = Vec::new();
    for key in &keys[1..] {
        let mut config = config(Wire::Quic, Some(key), &keys);
        config.peers.push(source.dial());
        others.push(Node::start(config).await);
    }
    let mut stranger = config(Wire::Tcp, None, &keys);
    stranger.listen_tcp = Some(([127, 0, 0, 1], 0).into());
    stranger.peers.push(source.dial());
    others.push(Node::start(stranger).await);
    for _ in 0..4 {
        source.peer_up().await;
    }
    source.handle.set_fan_out(1);
    source.handle.set_watched(vec![public(&keys[2])]);
    let sent: BTreeSet<Vec<u8>> = (0..300_u32).map(|n| n.to_le_bytes().to_vec()).collect();
    for chunk in sent.iter().collect::<Vec<_>>().chunks(50) {
        let batch = chunk.iter().map(|tx| Bytes::from(tx.to_vec())).collect();
        source.handle.gossip_transactions(batch, None);
    }
    for node in &mut others {
        let mut got = BTreeSet::new();
        while got.len() < sent.len() {
            for transaction in node.transactions().await.1 {
                assert!(got.insert(transaction), "told twice");
            }
        }
        assert_eq!(got, sent);
    }
    assert!(source.handle.metrics().late_batches > 0);
}

#[tokio::test]
async fn a_validator_that_is_reported_often_enough_stays_out_for_a_while() {
    let keys = keys(4);
    let mut first = config(Wire::Quic, Some(&keys[0]), &keys);
    // Over before the mesh looks at its bans by itself.
    first.limits.reputation.ban = Duration::from_millis(20);
    let mut first = Node::start(first).await;
    let mut culprit = config(Wire::Quic, Some(&keys[1]), &keys);
    culprit.peers.push(first.dial());
    let _culprit = Node::start(culprit).await;
    first.peer_up().await;
    let key = public(&keys[1]);
    for _ in 0..3 {
        first.handle.report(&key, Offence::ForgedSignature);
    }
    let told = first
        .wait(|event| match event {
            NetworkEvent::Offended {
                culprit, offence, ..
            } => Some((culprit.validator, offence)),
            NetworkEvent::Banned { .. } => panic!("not yet"),
            _ => None,
        })
        .await;
    assert_eq!(told, (Some(key.clone()), Offence::ForgedSignature));
    // Points fade from the first moment, so four times a quarter is not quite enough.
    for _ in 0..2 {
        first.handle.report(&key, Offence::Undecodable);
    }
    let banned = first
        .wait(|event| match event {
            NetworkEvent::Banned {
                culprit, number, ..
            } => Some((culprit.validator, culprit.peer.is_some(), number)),
            _ => None,
        })
        .await;
    assert_eq!(banned, (Some(key.clone()), true, 1));
    let free = first
        .wait(|event| match event {
            NetworkEvent::Unbanned { culprit } => Some(culprit.validator),
            _ => None,
        })
        .await;
    assert_eq!(free, Some(key.clone()));
    let is_back = first.peer_up().await.1;
    assert_eq!(is_back, Some(key));
    assert_eq!(first.handle.reputations()[0].bans, 1);
}
