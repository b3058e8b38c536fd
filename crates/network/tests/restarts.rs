//! A validator's process is killed and started anew. The victim is this test binary, run again.

#![allow(clippy::unwrap_used)]

mod common;

use std::{
    env,
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use common::{Node, Wire, config, eventually, keys, public};
use neo_network::{Endpoint, Identity, NetworkEvent, PeerAddress, Priority, start};
use neo_primitives::PrivateKey;

const ROLE: &str = "NEO_NETWORK_TEST_VICTIM";

/// What the victim is told: which wire, where to listen, whom to dial, its identity file, and both validator keys.
struct Orders {
    wire: Wire,
    listen: SocketAddr,
    dial: Option<String>,
    identity: String,
    keys: Vec<Arc<PrivateKey>>,
}

fn wif(key: &PrivateKey) -> String {
    key.to_wif().to_string()
}

impl Orders {
    fn write(&self) -> String {
        let wire = if self.wire == Wire::Tcp {
            "tcp"
        } else {
            "quic"
        };
        let dial = self.dial.as_deref().unwrap_or("nobody");
        [
            wire,
            &self.listen.to_string(),
            dial,
            &self.identity,
            &wif(&self.keys[0]),
            &wif(&self.keys[1]),
        ]
        .join(" ")
    }

    fn read(text: &str) -> Orders {
        let fields: Vec<&str> = text.split(' ').collect();
        let key = |wif: &str| Arc::new(PrivateKey::from_wif(wif).unwrap());
        Orders {
            wire: if fields[0] == "tcp" {
                Wire::Tcp
            } else {
                Wire::Quic
            },
            listen: fields[1].parse().unwrap(),
            dial: Some(fields[2].to_owned()).filter(|dial| dial != "nobody"),
            identity: fields[3].to_owned(),
            keys: vec![key(fields[4]), key(fields[5])],
        }
    }

    fn spawn(&self) -> Victim {
        let child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "the_victim", "--nocapture"])
            .env(ROLE, self.write())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Victim(child)
    }
}

struct Victim(Child);

impl Victim {
    /// As `kill -9` does.
    fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The victim's process; as a test of its own it has nothing to do.
#[tokio::test]
async fn the_victim() {
    let Ok(orders) = env::var(ROLE) else { return };
    let orders = Orders::read(&orders);
    let mut config = config(orders.wire, Some(&orders.keys[1]), &orders.keys);
    match orders.wire {
        Wire::Quic => config.listen_quic = Some(orders.listen),
        Wire::Tcp => config.listen_tcp = Some(orders.listen),
    }
    config.identity = Identity::load_or_create(Path::new(&orders.identity)).unwrap();
    if let Some(dial) = orders.dial {
        config.peers.push(PeerAddress::at(dial.parse().unwrap()));
    }
    let (handle, mut events) = start(config).unwrap();
    while let Some(event) = events.recv().await {
        if let NetworkEvent::Consensus { bytes, .. } = event {
            handle.broadcast_validators(Priority::Prepare, bytes);
        }
    }
}

fn free_port() -> SocketAddr {
    std::net::UdpSocket::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
}

/// The victim answers a vote.
async fn answers(witness: &mut Node, keys: &[Arc<PrivateKey>]) {
    witness
        .handle
        .send(
            public(&keys[1]),
            Priority::Commit,
            Bytes::from_static(b"alive?"),
        )
        .unwrap();
    assert_eq!(
        witness.consensus().await,
        (public(&keys[1]), b"alive?".to_vec())
    );
}

/// Kills and restarts a victim that dials the witness; it listens on the same port and has the same identity.
async fn restarted(wire: Wire) {
    let keys = keys(2);
    let folder = tempfile::tempdir().unwrap();
    let mut witness = Node::start(config(wire, Some(&keys[0]), &keys)).await;
    let orders = Orders {
        wire,
        listen: free_port(),
        dial: Some(witness.addresses[0].to_string()),
        identity: folder.path().join("identity").display().to_string(),
        keys: keys.clone(),
    };
    let mut victim = orders.spawn();
    let (id, proven) = witness.peer_up().await;
    assert_eq!(proven, Some(public(&keys[1])));
    answers(&mut witness, &keys).await;
    for _ in 0..3 {
        victim.kill();
        let killed = Instant::now();
        victim = orders.spawn();
        let (down, reason) = witness.peer_down().await;
        let known_after = killed.elapsed();
        assert_eq!(down, id);
        assert_eq!(witness.peer_up().await, (id, Some(public(&keys[1]))));
        answers(&mut witness, &keys).await;
        println!(
            "{wire:?}: down after {known_after:?} ({reason}), answers {:?} after the kill",
            killed.elapsed()
        );
    }
}

#[tokio::test]
async fn a_killed_and_restarted_validator_is_back_over_quic() {
    restarted(Wire::Quic).await;
}

#[tokio::test]
async fn a_killed_and_restarted_validator_is_back_over_tcp() {
    restarted(Wire::Tcp).await;
}

/// A victim that does not dial: the witness finds out that it is dead, and dials until it is back.
#[tokio::test]
async fn a_dead_validator_is_found_by_its_silence_and_dialled_until_it_is_back() {
    let keys = keys(2);
    let folder = tempfile::tempdir().unwrap();
    let orders = Orders {
        wire: Wire::Quic,
        listen: free_port(),
        dial: None,
        identity: folder.path().join("identity").display().to_string(),
        keys: keys.clone(),
    };
    let mut config = config(Wire::Quic, Some(&keys[0]), &keys);
    config.timing.dead_after = Duration::from_millis(800);
    config.timing.dial_timeout = Duration::from_millis(300);
    let quic = format!("/ip4/127.0.0.1/udp/{}/quic-v1", orders.listen.port());
    config
        .peers
        .push(PeerAddress::at(quic.parse::<Endpoint>().unwrap()));
    let mut witness = Node::start(config).await;
    let victim = orders.spawn();
    witness.peer_up().await;
    answers(&mut witness, &keys).await;
    let failures = witness.handle.metrics().dial_failures;
    victim.kill();
    let killed = Instant::now();
    let (_, reason) = witness.peer_down().await;
    println!("found dead after {:?}: {reason}", killed.elapsed());
    assert!(reason.starts_with("silent for"), "{reason}");
    eventually(|| witness.handle.metrics().dial_failures > failures).await;
    let _victim = orders.spawn();
    witness.peer_up().await;
    answers(&mut witness, &keys).await;
}
