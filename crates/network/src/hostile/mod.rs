//! Peers that do what no correct node does, against a real node. After each attack the node serves a good peer.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures::{AsyncReadExt, AsyncWriteExt, StreamExt};
use libp2p::{
    Multiaddr, PeerId, Stream, Swarm, request_response,
    swarm::{ConnectionId, SwarmEvent},
};
use neo_primitives::{Encode, Height, Magic, PrivateKey, PublicKey, UInt256};
use tokio::time::timeout;

use crate::{
    Endpoint, Identity, NetworkConfig, NetworkEvent, NetworkEvents, NetworkHandle, PeerAddress,
    Priority, SyncRequest, SyncResponse,
    control::Control,
    frame::{BULK_FRAME, CONTROL_FRAME, EXPRESS_FRAME},
    hello::{HELLO_VERSION, Hello, KeyProof},
    lanes::{Lane, LaneEvent},
    mesh::{Behaviour, BehaviourEvent},
    start,
    start::build_swarm,
};

mod greeting;
mod lanes;

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

/// A peer that speaks the transports well and our protocols as the test says.
struct Attacker {
    swarm: Swarm<Behaviour>,
    id: PeerId,
    victim: PeerId,
    connection: ConnectionId,
    /// Read and thrown away so that the victim's writers never wait.
    theirs: Vec<Stream>,
    closed: bool,
}

impl Attacker {
    async fn connect(victim: &Victim, address: usize) -> Attacker {
        let config = config(None, Vec::new());
        let mut swarm = build_swarm(&config).unwrap();
        swarm.dial(victim.addresses[address].clone()).unwrap();
        let connection = within(async {
            loop {
                if let SwarmEvent::ConnectionEstablished { connection_id, .. } =
                    swarm.select_next_some().await
                {
                    return connection_id;
                }
            }
        })
        .await;
        let id = config.identity.peer_id();
        Attacker {
            swarm,
            id,
            victim: victim.handle.peer_id(),
            connection,
            theirs: Vec::new(),
            closed: false,
        }
    }

    async fn open(&mut self, lane: Lane) -> Stream {
        self.swarm
            .behaviour_mut()
            .lanes
            .open(self.victim, self.connection, lane);
        within(async {
            loop {
                match self.swarm.select_next_some().await {
                    SwarmEvent::Behaviour(BehaviourEvent::Lanes((
                        _,
                        LaneEvent::Opened(_, stream),
                    ))) => return stream,
                    SwarmEvent::Behaviour(BehaviourEvent::Lanes((
                        _,
                        LaneEvent::Incoming(_, stream),
                    ))) => self.theirs.push(stream),
                    SwarmEvent::ConnectionClosed { .. } => panic!("closed before the attack"),
                    _ => {}
                }
            }
        })
        .await
    }

    fn hello(&self, key: Option<&PrivateKey>) -> Hello {
        Hello {
            magic: MAGIC,
            version: HELLO_VERSION,
            genesis: GENESIS,
            instance: 9,
            height: Height(0),
            tip: GENESIS,
            proof: key.map(|key| KeyProof::make(key, MAGIC, &self.id, &self.victim)),
            listen: vec![vec![1, 2, 3], vec![0xff; 100]],
            agent: "attacker".to_owned(),
        }
    }

    /// Says a proper hello and accepts the victim; returns the control lane.
    async fn greet(&mut self, key: Option<&PrivateKey>) -> Stream {
        let mut control = self.open(Lane::Control).await;
        let hello = self.hello(key).to_bytes();
        self.write(&mut control, &framed(&hello)).await;
        let role = Control::Role {
            consensus: key.is_some(),
        }
        .to_bytes();
        self.write(&mut control, &framed(&role)).await;
        control
    }

    /// Writes while the swarm runs. The victim may have had enough before the end.
    async fn write(&mut self, stream: &mut Stream, bytes: &[u8]) {
        let writing = async {
            stream.write_all(bytes).await?;
            stream.flush().await
        };
        let _ = within(self.meanwhile(writing)).await;
    }

    /// Takes one event of the swarm.
    async fn turn(&mut self) {
        match self.swarm.select_next_some().await {
            SwarmEvent::Behaviour(BehaviourEvent::Lanes((_, LaneEvent::Incoming(_, stream)))) => {
                self.theirs.push(stream)
            }
            SwarmEvent::ConnectionClosed { connection_id, .. }
                if connection_id == self.connection =>
            {
                self.closed = true
            }
            _ => {}
        }
    }

    /// Waits until the victim has closed the connection.
    async fn until_cut_off(mut self) {
        while !self.closed {
            within(self.turn()).await;
        }
    }

    /// Runs the swarm while something else is awaited.
    async fn meanwhile<T>(&mut self, future: impl Future<Output = T>) -> T {
        tokio::pin!(future);
        loop {
            tokio::select! {
                done = &mut future => return done,
                () = self.turn() => {}
            }
        }
    }
}

fn framed(body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32).to_le_bytes()[..], body].concat()
}
