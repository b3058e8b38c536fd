//! Validators find, bind and keep each other.

#![allow(clippy::unwrap_used)]

mod common;

use std::time::{Duration, Instant};

use bytes::Bytes;
use common::{Node, Wire, config, eventually, keys, pair, public, within};
use neo_network::{Endpoint, NetworkError, NetworkEvent, PeerAddress, Priority, SendError, start};
use neo_primitives::{Height, Magic, UInt256};

async fn bound_both_ways(wire: Wire) {
    let (mut first, mut second, keys) = pair(wire).await;
    first
        .handle
        .send(
            public(&keys[1]),
            Priority::Commit,
            Bytes::from_static(b"a commit"),
        )
        .unwrap();
    assert_eq!(
        second.consensus().await,
        (public(&keys[0]), b"a commit".to_vec())
    );
    assert_eq!(
        second
            .handle
            .broadcast_validators(Priority::Prepare, Bytes::from_static(b"a prepare")),
        1
    );
    assert_eq!(
        first.consensus().await,
        (public(&keys[1]), b"a prepare".to_vec())
    );
    let info = first.handle.peer(second.id()).unwrap();
    assert_eq!(info.validator, Some(public(&keys[1])));
    assert!(!info.outgoing);
    let metrics = first.handle.metrics();
    assert_eq!(metrics.sent[Priority::Commit.index()].messages, 1);
    assert_eq!(metrics.received[Priority::Prepare.index()].bytes, 9);
}

#[tokio::test]
async fn a_connection_is_bound_to_its_validators_over_quic() {
    bound_both_ways(Wire::Quic).await;
}

#[tokio::test]
async fn a_connection_is_bound_to_its_validators_over_tcp() {
    bound_both_ways(Wire::Tcp).await;
}

#[tokio::test]
async fn tcp_is_tried_where_quic_does_not_answer() {
    let keys = keys(2);
    let mut first = Node::start(config(Wire::Tcp, Some(&keys[0]), &keys)).await;
    let port =
        first.addresses[0]
            .iter()
            .find_map(|part| match part.to_string().strip_prefix("/tcp/") {
                Some(port) => port.parse::<u16>().ok(),
                None => None,
            });
    let mut second = config(Wire::Quic, Some(&keys[1]), &keys);
    second.timing.dial_timeout = Duration::from_millis(200);
    second.peers.push(PeerAddress::at(Endpoint::HostPort(
        "127.0.0.1".to_owned(),
        port.unwrap(),
    )));
    let second = Node::start(second).await;
    assert_eq!(first.peer_up().await.0, second.id());
}

#[tokio::test]
async fn four_that_dial_each_other_end_with_one_connection_each() {
    let keys = keys(4);
    let sockets: Vec<_> = (0..4)
        .map(|_| std::net::UdpSocket::bind("127.0.0.1:0").unwrap())
        .collect();
    let places: Vec<_> = sockets.iter().map(|s| s.local_addr().unwrap()).collect();
    drop(sockets);
    let mut nodes = Vec::new();
    for own in 0..4 {
        let mut config = config(Wire::Quic, Some(&keys[own]), &keys);
        config.listen_quic = Some(places[own]);
        config.peers = places
            .iter()
            .map(|place| PeerAddress::at(Endpoint::from(*place)))
            .collect();
        nodes.push(Node::start(config).await);
    }
    for node in &mut nodes {
        for _ in 0..3 {
            node.peer_up().await;
        }
    }
    for (sender, node) in nodes.iter().enumerate() {
        assert_eq!(
            node.handle
                .broadcast_validators(Priority::Proposal, Bytes::from(vec![sender as u8])),
            3
        );
    }
    for node in &mut nodes {
        let mut heard = 0;
        while heard < 3 {
            match node.next().await {
                NetworkEvent::Consensus { .. } => heard += 1,
                NetworkEvent::PeerDown { peer, reason, .. } => panic!("{peer} went down: {reason}"),
                _ => {}
            }
        }
        assert_eq!(node.handle.peers().len(), 3);
    }
}

#[tokio::test]
async fn a_large_proposal_and_a_vote_both_arrive() {
    let (first, mut second, keys) = pair(Wire::Quic).await;
    let large = Bytes::from(vec![7; 3 << 20]);
    first
        .handle
        .send(public(&keys[1]), Priority::Proposal, large.clone())
        .unwrap();
    first
        .handle
        .send(
            public(&keys[1]),
            Priority::Commit,
            Bytes::from_static(b"vote"),
        )
        .unwrap();
    let mut lengths = [
        second.consensus().await.1.len(),
        second.consensus().await.1.len(),
    ];
    lengths.sort_unstable();
    assert_eq!(lengths, [4, large.len()]);
    let refused = first.handle.send(
        public(&keys[1]),
        Priority::Recovery,
        Bytes::from(vec![0; 9 << 20]),
    );
    assert!(matches!(refused, Err(SendError::TooLarge { length, .. }) if length == 9 << 20));
}

#[tokio::test]
async fn heartbeats_measure_the_round_trip() {
    let (first, second, keys) = pair(Wire::Quic).await;
    eventually(|| {
        first
            .handle
            .peer(public(&keys[1]))
            .is_some_and(|p| p.rtt.is_some())
    })
    .await;
    eventually(|| {
        second
            .handle
            .peer(first.id())
            .is_some_and(|p| p.rtt.is_some())
    })
    .await;
    let rtt = first.handle.peers()[0].rtt.unwrap();
    assert!(rtt < Duration::from_secs(1), "{rtt:?}");
    assert!(first.handle.metrics().control_received.messages > 0);
}

#[tokio::test]
async fn statuses_reach_the_others() {
    let (first, mut second, _) = pair(Wire::Quic).await;
    let tip = UInt256::from_wire([9; 32]);
    first.handle.set_status(Height(77), tip);
    let status = second
        .wait(|event| match event {
            NetworkEvent::Status { peer, height, tip } => Some((peer, height, tip)),
            _ => None,
        })
        .await;
    assert_eq!(status, (first.id(), Height(77), tip));
    assert_eq!(second.handle.peer(first.id()).unwrap().height, Height(77));
}

#[tokio::test]
async fn an_orderly_end_is_seen_at_once() {
    let (first, mut second, _) = pair(Wire::Quic).await;
    let asked = Instant::now();
    within(first.handle.shutdown()).await;
    second.peer_down().await;
    assert!(asked.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let keys = keys(1);
    for wire in [Wire::Quic, Wire::Tcp] {
        let udp = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let tcp = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut config = config(wire, Some(&keys[0]), &keys);
        let taken = match wire {
            Wire::Quic => udp.local_addr().unwrap(),
            Wire::Tcp => tcp.local_addr().unwrap(),
        };
        match wire {
            Wire::Quic => config.listen_quic = Some(taken),
            Wire::Tcp => config.listen_tcp = Some(taken),
        }
        let error = start(config).unwrap_err();
        assert!(error.to_string().contains(&taken.to_string()), "{error}");
        match error {
            NetworkError::Listen {
                address, source, ..
            } => {
                assert_eq!(address, taken);
                assert_eq!(source.kind(), std::io::ErrorKind::AddrInUse);
            }
            other => panic!("{other}"),
        }
    }
}

#[tokio::test]
async fn two_nodes_cannot_share_a_tcp_port() {
    let keys = keys(1);
    let first = Node::start(config(Wire::Tcp, Some(&keys[0]), &keys)).await;
    let port: u16 = first.addresses[0]
        .to_string()
        .rsplit('/')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    let mut second = config(Wire::Tcp, None, &keys);
    second.listen_tcp = Some(([127, 0, 0, 1], port).into());
    assert!(matches!(
        start(second),
        Err(NetworkError::Listen {
            transport: "tcp",
            ..
        })
    ));
}

#[tokio::test]
async fn another_network_is_refused_on_both_sides() {
    let keys = keys(2);
    let first = Node::start(config(Wire::Quic, Some(&keys[0]), &keys)).await;
    let mut second = config(Wire::Quic, Some(&keys[1]), &keys);
    second.magic = Magic(5);
    second.peers.push(first.dial());
    let second = Node::start(second).await;
    for node in [&first, &second] {
        eventually(|| node.handle.metrics().refusals.contains_key("magic")).await;
        assert!(node.handle.peers().is_empty());
        assert_eq!(
            node.handle.metrics().bans,
            0,
            "a wrong configuration is no offence"
        );
    }
}

#[tokio::test]
async fn another_chain_is_refused() {
    let keys = keys(2);
    let first = Node::start(config(Wire::Tcp, Some(&keys[0]), &keys)).await;
    let mut second = config(Wire::Tcp, Some(&keys[1]), &keys);
    second.genesis_hash = UInt256::from_wire([4; 32]);
    second.peers.push(first.dial());
    let second = Node::start(second).await;
    for node in [&first, &second] {
        eventually(|| node.handle.metrics().refusals.contains_key("genesis")).await;
    }
}

#[tokio::test]
async fn a_key_that_runs_twice_is_refused() {
    let keys = keys(2);
    let first = Node::start(config(Wire::Quic, Some(&keys[0]), &keys)).await;
    let mut second = config(Wire::Quic, Some(&keys[0]), &keys);
    second.peers.push(first.dial());
    let second = Node::start(second).await;
    for node in [&first, &second] {
        eventually(|| node.handle.metrics().refusals.contains_key("own_key")).await;
    }
}

#[tokio::test]
async fn outside_a_runtime_there_is_an_error_and_no_panic() {
    let result = std::thread::spawn(|| start(config(Wire::Quic, None, &[])).map(|_| ()))
        .join()
        .unwrap();
    assert!(matches!(result, Err(NetworkError::NoRuntime)));
}
