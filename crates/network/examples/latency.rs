//! How long a vote takes from one node to another on this machine, and what a load of transactions costs.
//!
//! ```text
//! cargo run --release -p neo-network --example latency
//! ```

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use neo_network::{
    Endpoint, Identity, NetworkConfig, NetworkEvent, NetworkEvents, NetworkHandle, PeerAddress,
    Priority, start,
};
use neo_primitives::{Magic, PrivateKey, UInt256};

const VOTES: u32 = 2000;
const VOTE_BYTES: usize = 200;
const RATE: u32 = 2000;
const LOAD_SECONDS: u32 = 5;

type Node = (NetworkHandle, NetworkEvents);

/// `n` validators that know each other.
async fn mesh(n: usize, tcp: bool) -> Vec<Node> {
    let keys: Vec<_> = (0..n).map(|_| Arc::new(PrivateKey::generate())).collect();
    let mut nodes: Vec<Node> = Vec::new();
    let mut places = Vec::new();
    for own in &keys {
        let mut config = NetworkConfig::new(Magic(1), UInt256::ZERO, Identity::generate());
        let any = Some(([127, 0, 0, 1], 0).into());
        match tcp {
            true => config.listen_tcp = any,
            false => config.listen_quic = any,
        }
        config.validators = keys.iter().map(|key| key.public_key().clone()).collect();
        config.validator_key = Some(own.clone());
        config.peers = places.clone();
        let (handle, events) = start(config).expect("a free port");
        let addresses = handle
            .listening()
            .await
            .into_iter()
            .map(Endpoint::Multiaddr)
            .collect();
        places.push(PeerAddress {
            public_key: None,
            addresses,
        });
        nodes.push((handle, events));
    }
    for (_, events) in &mut nodes {
        let mut up = 0;
        while up + 1 < n {
            if let Some(NetworkEvent::PeerUp { .. }) = events.recv().await {
                up += 1;
            }
        }
    }
    nodes
}

/// One-way times of votes that leave one every `gap`.
async fn votes(tcp: bool, gap: Duration) {
    let mut nodes = mesh(2, tcp).await;
    let (_receiver, mut events) = nodes.pop().expect("two nodes");
    let (sender, _own_events) = nodes.pop().expect("two nodes");
    let epoch = Instant::now();
    let receiver = tokio::spawn(async move {
        let mut micros = Vec::new();
        while micros.len() < VOTES as usize {
            let Some(NetworkEvent::Consensus { bytes, .. }) = events.recv().await else {
                continue;
            };
            let sent = bytes
                .get(..8)
                .and_then(|b| b.try_into().ok())
                .map_or(0, u64::from_le_bytes);
            micros.push((epoch.elapsed().as_nanos() as u64).saturating_sub(sent) / 1000);
        }
        micros
    });
    for _ in 0..VOTES {
        let mut vote = vec![0; VOTE_BYTES];
        vote[..8].copy_from_slice(&(epoch.elapsed().as_nanos() as u64).to_le_bytes());
        sender.broadcast_validators(Priority::Commit, Bytes::from(vote));
        tokio::time::sleep(gap).await;
    }
    let mut micros = receiver.await.expect("the receiver ends");
    micros.sort_unstable();
    let at = |share: usize| micros[(micros.len() - 1) * share / 100];
    let wire = if tcp { "tcp " } else { "quic" };
    println!(
        "{wire} {VOTE_BYTES} B one way, one every {gap:?}: p50 {} us, p99 {} us, max {} us",
        at(50),
        at(99),
        at(100)
    );
}

/// CPU time of this process in seconds.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let ticks = |at: usize| {
        fields
            .get(at)
            .and_then(|f| f.parse::<f64>().ok())
            .unwrap_or(0.0)
    };
    (ticks(11) + ticks(12)) / 100.0
}

/// `RATE` transactions a second into one of `n` nodes each in turn, all nodes in this process.
async fn load(n: usize, rate: u32) {
    let mut nodes = mesh(n, false).await;
    let expected = rate * LOAD_SECONDS * (n as u32 - 1);
    let handles: Vec<_> = nodes.iter().map(|(handle, _)| handle.clone()).collect();
    let before = cpu();
    let started = Instant::now();
    let counting: Vec<_> = nodes
        .drain(..)
        .map(|(_alive, mut events)| {
            tokio::spawn(async move {
                let mut count = 0u32;
                loop {
                    match tokio::time::timeout(Duration::from_secs(2), events.recv()).await {
                        Ok(Some(NetworkEvent::Transactions { txs, .. })) => {
                            count += txs.len() as u32
                        }
                        Ok(Some(_)) => {}
                        Ok(None) | Err(_) => return count,
                    }
                }
            })
        })
        .collect();
    let mut number = 0u32;
    for tick in 0..LOAD_SECONDS * 100 {
        let due = rate * (tick + 1) / 100;
        while number < due {
            let mut transaction = vec![0; 250];
            transaction[..4].copy_from_slice(&number.to_le_bytes());
            if let Some(handle) = handles.get(number as usize % handles.len()) {
                handle.gossip_transactions(vec![Bytes::from(transaction)], None);
            }
            number += 1;
        }
        tokio::time::sleep_until((started + Duration::from_millis(10) * (tick + 1)).into()).await;
    }
    let used = cpu() - before;
    let mut received = 0;
    for count in counting {
        received += count.await.unwrap_or(0);
    }
    let per_second = used / f64::from(LOAD_SECONDS);
    println!(
        "{n} nodes, {rate} tx/s of 250 B: {received} of {expected} received, {per_second:.3} CPU s a second for all nodes"
    );
}

#[tokio::main]
async fn main() {
    for tcp in [false, true] {
        votes(tcp, Duration::from_millis(1)).await;
        votes(tcp, Duration::ZERO).await;
    }
    for n in [4, 7] {
        load(n, 0).await;
        load(n, RATE).await;
    }
}
