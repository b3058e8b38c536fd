//! Who answers at an address, asked by somebody who says nothing.

#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use common::{Node, Wire, config, keys, public, within};
use neo_network::{Endpoint, ProbeError, probe, probe_neo};
use neo_primitives::{Magic, UInt256};

const LONG: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_validator_proves_its_key_over_both_transports() {
    for wire in [Wire::Quic, Wire::Tcp] {
        let keys = keys(1);
        let config = config(wire, Some(&keys[0]), &keys);
        let (magic, genesis) = (config.magic, config.genesis_hash);
        let node = Node::start(config).await;
        let endpoint = Endpoint::Multiaddr(node.addresses[0].clone());
        let greeted = within(probe(magic, genesis, &endpoint, LONG))
            .await
            .unwrap();
        assert_eq!(greeted.key, Some(public(&keys[0])));
        assert_eq!(greeted.peer, node.id());
        // Another network gets no greeting, and it is said which is which.
        let other = within(probe(Magic(7), genesis, &endpoint, LONG))
            .await
            .unwrap_err();
        assert!(matches!(other, ProbeError::Other { .. }), "{other}");
        assert!(other.to_string().contains('7'), "{other}");
        let genesis = UInt256::from_wire([4; 32]);
        let other = within(probe(magic, genesis, &endpoint, LONG))
            .await
            .unwrap_err();
        assert!(matches!(other, ProbeError::Other { .. }), "{other}");
    }
}

#[tokio::test]
async fn nobody_is_named_with_every_attempt() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let endpoint: Endpoint = address.to_string().parse().unwrap();
    let asked = probe(Magic(7), UInt256::ZERO, &endpoint, Duration::from_secs(1));
    let error = within(asked).await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains("quic-v1") && text.contains("/tcp/"), "{text}");
    let error = within(probe_neo(Magic(7), &address.to_string(), LONG)).await;
    assert!(
        matches!(error, Err(ProbeError::Unreachable { .. })),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_neo_node_tells_its_version_without_being_told_ours() {
    use neo_network::neo::wire::{Capability, Message, Version, frame};
    use tokio::io::AsyncWriteExt as _;
    let version = Version {
        magic: Magic(7),
        version: 0,
        timestamp: 1,
        nonce: 2,
        user_agent: "/NEO-GO:0.120.0/".to_owned(),
        capabilities: vec![Capability::FullNode(neo_primitives::Height(12))],
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let said = frame(&Message::Version(version.clone()), false);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            stream.write_all(&said).await.unwrap();
        }
    });
    let seen = within(probe_neo(Magic(7), &address, LONG)).await.unwrap();
    assert_eq!(seen, version);
    let error = within(probe_neo(Magic(8), &address, LONG)).await;
    assert!(matches!(error, Err(ProbeError::Other { .. })), "{error:?}");
}

#[tokio::test]
async fn what_is_no_neo_node_is_somebody_else() {
    use tokio::io::AsyncWriteExt as _;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"SSH-2.0-OpenSSH_9.6\r\n").await.unwrap();
        std::future::pending::<()>().await;
    });
    let error = within(probe_neo(Magic(7), &address, LONG)).await;
    assert!(matches!(error, Err(ProbeError::Other { .. })), "{error:?}");
}
