//! Peers that do what no correct node does, against a real node. After each attack the node serves a good peer.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures::{AsyncReadExt, StreamExt};
use libp2p::{Multiaddr, PeerId, request_response, swarm::SwarmEvent};
use neo_primitives::{Encode, Magic, PrivateKey, PublicKey, UInt256};
use tokio::time::timeout;

use crate::{
    Endpoint, Identity, NetworkConfig, NetworkEvent, NetworkEvents, NetworkHandle, PeerAddress,
    Priority, SyncRequest, SyncResponse,
    control::Control,
    hello::{HELLO_VERSION, Hello, KeyProof},
    mesh::BehaviourEvent,
    raw_peer::{RawLane, RawPeer, RawStream, framed},
    start,
};

mod channels;
mod greeting;
mod lanes;
mod misdeeds;

const DEADLINE: Duration = Duration::from_secs(20);
const MAGIC: Magic = Magic(77);
const GENESIS: UInt256 = UInt256::from_wire([3; 32]);

async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(DEADLINE, future)
        .await
        .expect("nothing happened in time")
}

fn config(own: Option<&Arc<PrivateKey>>, validators: Vec<PublicKey>) -> NetworkConfig {
    let mut config = NetworkConfig::new(MAGIC, GENESIS, Identity::generate());
    config.listen_quic = Some(([127, 0, 0, 1], 0).into());
    config.listen_tcp = Some(([127, 0, 0, 1], 0).into());
    config.validators = validators;
    if let Some(own) = own {
        config.validator_key = Some(own.clone());
    }
    config
}

/// The node under attack, and a validator key that nobody uses yet.
struct Victim {
    handle: NetworkHandle,
    events: NetworkEvents,
    addresses: Vec<Multiaddr>,
    keys: [Arc<PrivateKey>; 3],
}

impl Victim {
    async fn start(adjust: impl FnOnce(&mut NetworkConfig)) -> Victim {
        let keys: [_; 3] = std::array::from_fn(|_| Arc::new(PrivateKey::generate()));
        let mut config = config(
            Some(&keys[0]),
            keys.iter().map(|key| key.public_key().clone()).collect(),
        );
        adjust(&mut config);
        let (handle, events) = start(config).unwrap();
        let addresses = within(handle.listening()).await;
        Victim {
            handle,
            events,
            addresses,
            keys,
        }
    }

    /// Waits until somebody is refused for this reason.
    async fn refuses(&self, reason: &str) {
        within(async {
            while !self.handle.metrics().refusals.contains_key(reason) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        })
        .await;
    }

    /// A correct validator still gets in and is heard.
    async fn still_serves(mut self) {
        let validators = self
            .keys
            .iter()
            .map(|key| key.public_key().clone())
            .collect();
        let mut config = config(Some(&self.keys[2]), validators);
        let addresses = self
            .addresses
            .iter()
            .cloned()
            .map(Endpoint::Multiaddr)
            .collect();
        config.peers.push(PeerAddress {
            public_key: None,
            addresses,
        });
        let (good, mut events) = start(config).unwrap();
        within(async {
            while !matches!(events.recv().await, Some(NetworkEvent::PeerUp { .. })) {}
        })
        .await;
        assert_eq!(
            good.broadcast_validators(Priority::Commit, Bytes::from_static(b"vote")),
            1
        );
        let heard = within(async {
            loop {
                if let Some(NetworkEvent::Consensus { from, bytes, .. }) = self.events.recv().await
                    && from == *self.keys[2].public_key()
                {
                    return (from, bytes);
                }
            }
        });
        assert_eq!(
            heard.await,
            (
                self.keys[2].public_key().clone(),
                Bytes::from_static(b"vote")
            )
        );
    }
}

/// A raw peer whose test fails when the attack cannot be carried out.
struct Attacker(RawPeer);

impl Attacker {
    async fn connect(victim: &Victim, address: usize) -> Attacker {
        let config = config(None, Vec::new());
        let peer = RawPeer::dial(&config, victim.addresses[address].clone()).await;
        Attacker(peer.expect("connected"))
    }

    async fn open(&mut self, lane: RawLane) -> RawStream {
        self.0.open(lane).await.expect("closed before the attack")
    }

    fn hello(&self, key: Option<&PrivateKey>) -> Hello {
        self.0.hello(key)
    }

    /// Says a proper hello and accepts the victim; returns the control lane.
    async fn greet(&mut self, key: Option<&PrivateKey>) -> RawStream {
        self.0.greet(key).await.expect("closed before the attack")
    }

    /// Writes while the connection lives. The victim may have had enough before the end.
    async fn write(&mut self, stream: &mut RawStream, bytes: &[u8]) {
        self.0.write(stream, bytes).await.expect("written");
    }

    /// Waits until the victim has closed the connection.
    async fn until_cut_off(mut self) {
        assert!(self.0.until_cut_off(DEADLINE).await, "it stays connected");
    }

    /// Runs the connection while something else is awaited.
    async fn meanwhile<T>(&mut self, future: impl Future<Output = T>) -> T {
        self.0.meanwhile(future).await
    }
}
