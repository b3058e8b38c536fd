//! What `flood` does below consensus: junk transactions and requests, as many as the connection takes.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use neo_network::{NetworkHandle, PeerId, SyncRequest};
use neo_primitives::{
    Datoshi, Encode as _, Height, PrivateKey, Signature, Signer, UInt256, UnsignedTransaction,
    WitnessScope, single_signature_witness,
};
use tokio::sync::Semaphore;
use tokio::time::{MissedTickBehavior, interval};

/// Between two loads of junk.
const INTERVAL: Duration = Duration::from_millis(50);
/// Junk transactions in a load: 2,000 a second.
const TRANSACTIONS: usize = 100;
/// Requests in a load, to each peer: 400 a second.
const REQUESTS: usize = 20;
/// Requests that may be unanswered at a time.
const UNANSWERED: usize = 512;

/// Starts the flood within the running runtime; it ends with that.
pub(super) fn start(network: NetworkHandle) {
    tokio::spawn(run(network));
}

async fn run(network: NetworkHandle) {
    let unanswered = Arc::new(Semaphore::new(UNANSWERED));
    let key = PrivateKey::generate();
    let mut loads = interval(INTERVAL);
    loads.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        loads.tick().await;
        let junk = (0..TRANSACTIONS).map(|_| junk(&key)).collect();
        network.gossip_transactions(junk, None);
        for peer in network.peers() {
            for _ in 0..REQUESTS {
                let Ok(permit) = Arc::clone(&unanswered).try_acquire_owned() else {
                    break;
                };
                let network = network.clone();
                tokio::spawn(async move {
                    ask(&network, peer.peer_id, request()).await;
                    drop(permit);
                });
            }
        }
    }
}

/// What comes back is of no interest.
async fn ask(network: &NetworkHandle, peer: PeerId, request: SyncRequest) {
    let what = request.describe();
    if let Err(error) = network.request(peer, request).await {
        tracing::trace!(what, %error, "a request of the flood failed");
    }
}

/// Something expensive to look for, mostly in vain.
fn request() -> SyncRequest {
    let hash = UInt256::from_wire(rand::random());
    match rand::random::<u8>() % 5 {
        0 => SyncRequest::Blocks {
            start: Height(1),
            count: neo_network::MAX_SYNC_BLOCKS,
        },
        1 => SyncRequest::Body { hash },
        2 => SyncRequest::Hashes { block: hash },
        3 => SyncRequest::Positions {
            block: hash,
            positions: (0..1_000).collect(),
        },
        _ => SyncRequest::Transactions {
            hashes: (0..500)
                .map(|_| UInt256::from_wire(rand::random()))
                .collect(),
        },
    }
}

/// A transaction that no pool takes: bytes without a meaning, or one with a signature that somebody has to check
/// before it shows.
fn junk(key: &PrivateKey) -> Bytes {
    if rand::random() {
        let bytes: Vec<u8> = rand::random::<[u8; 32]>().repeat(8);
        return Bytes::from(bytes);
    }
    let unsigned = UnsignedTransaction {
        nonce: rand::random(),
        system_fee: Datoshi(1),
        network_fee: Datoshi(10_000_000),
        valid_until: Height(1_000),
        signers: vec![Signer::new(
            key.public_key().script_hash(),
            WitnessScope::CALLED_BY_ENTRY,
        )],
        attributes: Vec::new(),
        script: vec![0x11],
    };
    let mut signature = [1; 64];
    signature[..32].copy_from_slice(&rand::random::<[u8; 32]>());
    let witness = single_signature_witness(Signature(signature), key.public_key());
    match unsigned.into_signed(vec![witness]) {
        Ok(transaction) => Bytes::from(transaction.to_bytes()),
        Err(_) => Bytes::from_static(&[0xff; 64]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use neo_primitives::{Reader, Transaction};

    #[test]
    fn some_junk_can_be_read_and_some_cannot() {
        let key = PrivateKey::generate();
        let read = |bytes: &Bytes| {
            let mut reader = Reader::new(bytes);
            Transaction::decode_with_limit(&mut reader, 1_024).is_ok()
        };
        let junk: Vec<_> = (0..200).map(|_| junk(&key)).collect();
        let readable = junk.iter().filter(|bytes| read(bytes)).count();
        assert!((20..=180).contains(&readable), "{readable}");
    }

    #[test]
    fn requests_are_within_what_the_mesh_carries() {
        for _ in 0..100 {
            match request() {
                SyncRequest::Transactions { hashes } => {
                    assert!(hashes.len() <= neo_network::MAX_SYNC_TRANSACTIONS);
                }
                SyncRequest::Positions { positions, .. } => {
                    assert!(positions.len() <= neo_network::MAX_SYNC_TRANSACTIONS);
                }
                _ => {}
            }
        }
    }
}
