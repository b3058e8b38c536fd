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
                if let Some(NetworkEvent::Consensus { from, bytes }) = self.events.recv().await {
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

/// Greets as a validator or stranger, then sends `bytes` on `lane`; the victim refuses for `reason`.
async fn attack(lane: Lane, as_validator: bool, bytes: &[u8], reason: &str) {
    for address in 0..2 {
        let victim =
            Victim::start(|config| config.timing.frame_timeout = Duration::from_millis(200)).await;
        let mut attacker = Attacker::connect(&victim, address).await;
        let key = victim.keys[1].clone();
        let control = attacker.greet(as_validator.then_some(&key)).await;
        // Kept open: the end of a stream would be another kind of news.
        let mut stream = match lane {
            Lane::Control => control,
            Lane::Express | Lane::Bulk => attacker.open(lane).await,
        };
        attacker.write(&mut stream, bytes).await;
        attacker.meanwhile(victim.refuses(reason)).await;
        attacker.until_cut_off().await;
        victim.still_serves().await;
        drop(stream);
    }
}

#[tokio::test]
async fn an_impostor_is_refused_and_banned() {
    let victim = Victim::start(|_| {}).await;
    let mut attacker = Attacker::connect(&victim, 0).await;
    let stolen = victim.keys[1].public_key().clone();
    let mut hello = attacker.hello(Some(&PrivateKey::generate()));
    hello.proof.as_mut().unwrap().key = *stolen.as_bytes();
    let mut control = attacker.open(Lane::Control).await;
    attacker
        .write(&mut control, &framed(&hello.to_bytes()))
        .await;
    attacker.meanwhile(victim.refuses("impostor")).await;
    assert_eq!(victim.handle.metrics().bans, 1);
    attacker.swarm.dial(victim.addresses[0].clone()).unwrap();
    attacker.meanwhile(victim.refuses("banned")).await;
    assert!(victim.handle.peers().is_empty());
    victim.still_serves().await;
}

#[tokio::test]
async fn the_proof_of_another_connection_is_worth_nothing() {
    let victim = Victim::start(|_| {}).await;
    let mut attacker = Attacker::connect(&victim, 1).await;
    let mut hello = attacker.hello(None);
    hello.proof = Some(KeyProof::make(
        victim.keys[1].as_ref(),
        MAGIC,
        &PeerId::random(),
        &attacker.victim,
    ));
    let mut control = attacker.open(Lane::Control).await;
    attacker
        .write(&mut control, &framed(&hello.to_bytes()))
        .await;
    attacker.meanwhile(victim.refuses("impostor")).await;
    attacker.until_cut_off().await;
    victim.still_serves().await;
}

#[tokio::test]
async fn who_says_nothing_has_to_go() {
    let victim =
        Victim::start(|config| config.timing.hello_timeout = Duration::from_millis(100)).await;
    let mut attacker = Attacker::connect(&victim, 0).await;
    attacker.meanwhile(victim.refuses("hello_timeout")).await;
    attacker.until_cut_off().await;
    victim.still_serves().await;
}

#[tokio::test]
async fn a_hello_in_drops_has_to_go() {
    let victim =
        Victim::start(|config| config.timing.frame_timeout = Duration::from_millis(100)).await;
    let mut attacker = Attacker::connect(&victim, 1).await;
    let mut control = attacker.open(Lane::Control).await;
    attacker.write(&mut control, &[200, 0]).await;
    attacker.meanwhile(victim.refuses("slow_frame")).await;
    attacker.until_cut_off().await;
    victim.still_serves().await;
}

#[tokio::test]
async fn garbage_instead_of_a_hello() {
    let victim = Victim::start(|_| {}).await;
    let mut attacker = Attacker::connect(&victim, 0).await;
    let mut control = attacker.open(Lane::Control).await;
    attacker.write(&mut control, &framed(&[0xa5; 500])).await;
    attacker.meanwhile(victim.refuses("malformed_hello")).await;
    attacker.until_cut_off().await;
    victim.still_serves().await;
}

#[tokio::test]
async fn a_hello_of_another_version_is_named() {
    let victim = Victim::start(|_| {}).await;
    let mut attacker = Attacker::connect(&victim, 0).await;
    let mut hello = attacker.hello(None);
    hello.version = HELLO_VERSION + 1;
    let mut control = attacker.open(Lane::Control).await;
    attacker
        .write(&mut control, &framed(&hello.to_bytes()))
        .await;
    attacker.meanwhile(victim.refuses("version")).await;
    victim.still_serves().await;
}

#[tokio::test]
async fn a_frame_longer_than_its_lane_allows() {
    for (lane, limit) in [
        (Lane::Control, CONTROL_FRAME),
        (Lane::Express, EXPRESS_FRAME),
        (Lane::Bulk, BULK_FRAME),
    ] {
        attack(
            lane,
            true,
            &(limit as u32 + 1).to_le_bytes(),
            "oversized_frame",
        )
        .await;
    }
}

#[tokio::test]
async fn a_frame_that_means_nothing() {
    for lane in [Lane::Control, Lane::Express, Lane::Bulk] {
        attack(lane, true, &framed(&[0xa5; 300]), "malformed_frame").await;
    }
}

#[tokio::test]
async fn a_frame_that_never_ends() {
    for lane in [Lane::Express, Lane::Bulk] {
        attack(lane, true, &[0, 16, 0, 0, 1, 2, 3], "slow_frame").await;
    }
}

#[tokio::test]
async fn transactions_on_the_consensus_lane() {
    attack(
        Lane::Express,
        true,
        &framed(&[Priority::Transactions as u8, 0, 0, 0, 0]),
        "malformed_frame",
    )
    .await;
}

#[tokio::test]
async fn a_stranger_that_votes_until_cut_off() {
    for lane in [Lane::Express, Lane::Bulk] {
        attack(
            lane,
            false,
            &framed(&[Priority::Commit as u8, 1, 0, 0, 0, 7]),
            "stranger_on_consensus_lane",
        )
        .await;
    }
}

#[tokio::test]
async fn a_flood_of_control_frames() {
    let beats = framed(&Control::Role { consensus: true }.to_bytes()).repeat(2000);
    attack(Lane::Control, true, &beats, "control_flood").await;
}

#[tokio::test]
async fn a_lane_that_is_opened_twice() {
    let victim = Victim::start(|_| {}).await;
    let mut attacker = Attacker::connect(&victim, 0).await;
    let mut first = attacker.greet(None).await;
    attacker.write(&mut first, &[]).await;
    let mut second = attacker.open(Lane::Control).await;
    attacker.write(&mut second, &[1]).await;
    attacker.meanwhile(victim.refuses("second_lane")).await;
    attacker.until_cut_off().await;
    victim.still_serves().await;
}

#[tokio::test]
async fn an_answer_that_does_not_fit_its_question() {
    let victim = Victim::start(|_| {}).await;
    let mut attacker = Attacker::connect(&victim, 0).await;
    let _control = attacker.greet(None).await;
    let handle = victim.handle.clone();
    let id = attacker.id;
    attacker
        .meanwhile(async {
            while handle.peer(id).is_none() {
                tokio::time::sleep(Duration::from_millis(2)).await
            }
        })
        .await;
    let asking = handle.request(id, SyncRequest::Body { hash: GENESIS });
    tokio::pin!(asking);
    let error = within(async {
        loop {
            tokio::select! {
                answer = &mut asking => return answer.unwrap_err(),
                event = attacker.swarm.select_next_some() => {
                    let SwarmEvent::Behaviour(BehaviourEvent::Sync(request_response::Event::Message {
                        message: request_response::Message::Request { channel, .. }, ..
                    })) = event else { continue };
                    let _ = attacker.swarm.behaviour_mut().sync.send_response(channel, SyncResponse::Blocks(vec![]));
                }
            }
        }
    })
    .await;
    assert!(
        matches!(error, crate::RequestError::Mismatch { .. }),
        "{error}"
    );
    victim.still_serves().await;
}

#[tokio::test]
async fn requests_before_the_hello_are_refused() {
    let victim = Victim::start(|_| {}).await;
    let mut attacker = Attacker::connect(&victim, 0).await;
    let to = attacker.victim;
    attacker
        .swarm
        .behaviour_mut()
        .sync
        .send_request(&to, SyncRequest::Body { hash: GENESIS });
    let refused = async {
        while victim.handle.metrics().requests_refused == 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    within(attacker.meanwhile(refused)).await;
    victim.still_serves().await;
}

#[tokio::test]
async fn garbage_on_the_bare_sockets() {
    let victim = Victim::start(|_| {}).await;
    let port = |address: &Multiaddr, position: usize| -> u16 {
        address
            .to_string()
            .split('/')
            .nth(position)
            .unwrap()
            .parse()
            .unwrap()
    };
    let udp = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for length in [1, 20, 1200] {
        for fill in [0x00, 0xc0, 0xff] {
            udp.send_to(
                &vec![fill; length],
                ("127.0.0.1", port(&victim.addresses[0], 4)),
            )
            .await
            .unwrap();
        }
    }
    for _ in 0..20 {
        let mut tcp = tokio::net::TcpStream::connect(("127.0.0.1", port(&victim.addresses[1], 4)))
            .await
            .unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut tcp, &[0xff; 4000])
            .await
            .unwrap();
    }
    victim.still_serves().await;
}

#[tokio::test]
async fn a_peer_that_does_not_read_loses_the_least_first() {
    let mut victim = Victim::start(|config| {
        config.limits.queue_bytes = 1 << 20;
        config.timing.write_timeout = Duration::from_secs(60);
    })
    .await;
    let mut attacker = Attacker::connect(&victim, 0).await;
    let key = victim.keys[1].clone();
    let _control = attacker.greet(Some(&key)).await;
    let up = async {
        while !matches!(
            victim.events.recv().await,
            Some(NetworkEvent::PeerUp { .. })
        ) {}
    };
    attacker.meanwhile(up).await;
    let handle = victim.handle.clone();
    // More than the windows of the transport hold, while nobody reads.
    let dropped = async {
        while handle.metrics().dropped[Priority::Sync.index()].messages == 0 {
            handle
                .send(
                    attacker_id(&key),
                    Priority::Sync,
                    Bytes::from(vec![1; 256 << 10]),
                )
                .unwrap();
            tokio::task::yield_now().await;
        }
    };
    within(attacker.meanwhile(dropped)).await;
    for _ in 0..100 {
        handle
            .send(
                attacker_id(&key),
                Priority::Commit,
                Bytes::from(vec![2; 200]),
            )
            .unwrap();
    }
    assert_eq!(
        handle.metrics().dropped[Priority::Commit.index()].messages,
        0
    );
    // The consensus lane is not held up by the bulk lane.
    let express = attacker.theirs.len();
    assert!(express > 0);
    let sent = async {
        while handle.metrics().sent[Priority::Commit.index()].messages < 100 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    within(attacker.meanwhile(sent)).await;
    let mut first = [0; 1];
    for stream in &mut attacker.theirs {
        let _ = futures::poll!(std::pin::pin!(stream.read(&mut first)));
    }
    victim.still_serves().await;
}

fn attacker_id(key: &Arc<PrivateKey>) -> PublicKey {
    key.public_key().clone()
}
