//! Real nodes on 127.0.0.1 and ways to wait for what they report.
#![allow(dead_code, clippy::unwrap_used)]

use std::{sync::Arc, time::Duration};

use neo_network::{
    Endpoint, Identity, Multiaddr, NetworkConfig, NetworkEvent, NetworkEvents, NetworkHandle,
    PeerAddress, PeerId, start,
};
use neo_primitives::{Magic, PrivateKey, PublicKey, UInt256};
use tokio::time::timeout;

/// No test waits longer than this for anything.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    Quic,
    Tcp,
}

/// A validator key that can be cloned into a configuration.
pub(crate) fn key() -> Arc<PrivateKey> {
    Arc::new(PrivateKey::generate())
}

pub(crate) fn public(key: &Arc<PrivateKey>) -> PublicKey {
    key.public_key().clone()
}

pub(crate) fn keys(n: usize) -> Vec<Arc<PrivateKey>> {
    (0..n).map(|_| key()).collect()
}

/// A configuration on a free port of 127.0.0.1.
pub(crate) fn config(
    wire: Wire,
    own: Option<&Arc<PrivateKey>>,
    validators: &[Arc<PrivateKey>],
) -> NetworkConfig {
    let mut config = NetworkConfig::new(
        Magic(0x0dbf_7e57),
        UInt256::from_wire([3; 32]),
        Identity::generate(),
    );
    let any = Some(([127, 0, 0, 1], 0).into());
    match wire {
        Wire::Quic => config.listen_quic = any,
        Wire::Tcp => config.listen_tcp = any,
    }
    config.validators = validators.iter().map(public).collect();
    if let Some(own) = own {
        config.validator_key = Some(own.clone());
    }
    config
}

pub(crate) fn dial(addresses: &[Multiaddr]) -> PeerAddress {
    PeerAddress {
        public_key: None,
        addresses: addresses.iter().cloned().map(Endpoint::Multiaddr).collect(),
    }
}

pub(crate) struct Node {
    pub(crate) handle: NetworkHandle,
    pub(crate) events: NetworkEvents,
    pub(crate) addresses: Vec<Multiaddr>,
}

impl Node {
    pub(crate) async fn start(config: NetworkConfig) -> Node {
        let (handle, events) = start(config).unwrap();
        let addresses = within(handle.listening()).await;
        Node {
            handle,
            events,
            addresses,
        }
    }

    pub(crate) fn id(&self) -> PeerId {
        self.handle.peer_id()
    }

    pub(crate) fn dial(&self) -> PeerAddress {
        dial(&self.addresses)
    }

    pub(crate) async fn next(&mut self) -> NetworkEvent {
        within(self.events.recv())
            .await
            .expect("the network has ended")
    }

    /// The first event that `pick` takes; others are dropped.
    pub(crate) async fn wait<T>(&mut self, mut pick: impl FnMut(NetworkEvent) -> Option<T>) -> T {
        within(async {
            loop {
                if let Some(picked) = pick(self.events.recv().await.expect("the network has ended"))
                {
                    return picked;
                }
            }
        })
        .await
    }

    /// Waits for any peer to come up; its id and proven key.
    pub(crate) async fn peer_up(&mut self) -> (PeerId, Option<PublicKey>) {
        self.wait(|event| match event {
            NetworkEvent::PeerUp {
                peer, validator, ..
            } => Some((peer, validator)),
            _ => None,
        })
        .await
    }

    pub(crate) async fn peer_down(&mut self) -> (PeerId, String) {
        self.wait(|event| match event {
            NetworkEvent::PeerDown { peer, reason, .. } => Some((peer, reason)),
            _ => None,
        })
        .await
    }

    pub(crate) async fn consensus(&mut self) -> (PublicKey, Vec<u8>) {
        self.wait(|event| match event {
            NetworkEvent::Consensus { from, bytes, .. } => Some((from, bytes.to_vec())),
            _ => None,
        })
        .await
    }

    pub(crate) async fn transactions(&mut self) -> (PeerId, Vec<Vec<u8>>) {
        self.wait(|event| match event {
            NetworkEvent::Transactions { from, txs } => {
                Some((from, txs.iter().map(|tx| tx.to_vec()).collect()))
            }
            _ => None,
        })
        .await
    }
}

/// Fails the test if the future takes too long.
pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(DEADLINE, future)
        .await
        .expect("nothing happened in time")
}

/// Waits until a counter or state says so.
pub(crate) async fn eventually(mut condition: impl FnMut() -> bool) {
    within(async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
}

/// Two validators that have accepted each other; the second dialled the first.
pub(crate) async fn pair(wire: Wire) -> (Node, Node, Vec<Arc<PrivateKey>>) {
    let keys = keys(2);
    let mut first = Node::start(config(wire, Some(&keys[0]), &keys)).await;
    let mut second = config(wire, Some(&keys[1]), &keys);
    second.peers.push(first.dial());
    let mut second = Node::start(second).await;
    assert_eq!(first.peer_up().await, (second.id(), Some(public(&keys[1]))));
    assert_eq!(second.peer_up().await, (first.id(), Some(public(&keys[0]))));
    (first, second, keys)
}
