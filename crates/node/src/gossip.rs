//! Transactions of other nodes: verified, and passed on when valid.

use std::sync::Arc;

use bytes::Bytes;
use neo_ledger::{Ledger, Rejected};
use neo_network::neo::NeoPeerId;
use neo_network::{Offence, PeerId};
use neo_primitives::{Encode as _, Transaction, UInt256};
use tokio::sync::mpsc;

use crate::answers::decode_transaction;
use crate::metrics::Metrics;
use crate::neighbours::Neighbours;
use crate::p2p::Missing;

/// Batches that wait for verification; more are dropped, and found again with the block.
pub(crate) const QUEUE: usize = 256;

/// Bad transactions of a batch that are reported; a batch of nothing else is enough for a ban by itself.
const MAX_REPORTED: usize = 64;

/// Transactions from one peer.
#[derive(Debug)]
pub(crate) enum Batch {
    /// Out of the mesh.
    Mesh(PeerId, Vec<Bytes>),
    /// Out of Neo N3's P2P, where they come one by one.
    P2p(NeoPeerId, Arc<Transaction>),
}

/// Where transactions came from.
#[derive(Clone, Copy, Debug)]
enum Origin {
    Mesh(PeerId),
    P2p(NeoPeerId),
}

/// What is wrong with a transaction whatever the state.
fn offence<T>(result: &Result<T, Rejected>) -> Option<&Rejected> {
    match result {
        Err(
            rejected @ (Rejected::InvalidSignature { .. }
            | Rejected::WitnessOfAnother { .. }
            | Rejected::OverSize { .. }),
        ) => Some(rejected),
        _ => None,
    }
}

/// Verifies batches on a thread of its own until the channel closes.
pub(crate) fn admit(
    mut batches: mpsc::Receiver<Batch>,
    ledger: Arc<dyn Ledger>,
    neighbours: Neighbours,
    missing: Arc<Missing>,
    metrics: Arc<Metrics>,
    witness_limit: u32,
) -> std::io::Result<std::thread::JoinHandle<()>> {
    std::thread::Builder::new()
        .name("gossip".to_owned())
        .spawn(move || {
            while let Some(batch) = batches.blocking_recv() {
                let (origin, transactions, bad) = read(batch, witness_limit, &metrics);
                let encoded: Vec<_> = transactions
                    .iter()
                    .map(|one| (one.hash(), Bytes::from(one.to_bytes())))
                    .collect();
                let (neighbours, missing) = (neighbours.clone(), Arc::clone(&missing));
                ledger.submit(
                    transactions,
                    Box::new(move |results| {
                        let hashes = admitted(&neighbours, origin, bad, encoded, results);
                        // A proposal may have begun to miss it while it waited here.
                        for hash in hashes.iter().filter(|hash| missing.wants(hash)) {
                            if let Some(transaction) = neighbours.chain.pooled(hash) {
                                missing.offer(&transaction);
                            }
                        }
                    }),
                );
            }
        })
}

/// The transactions of a batch, and how many more were none.
fn read(batch: Batch, witness_limit: u32, metrics: &Metrics) -> (Origin, Vec<Transaction>, usize) {
    let (from, bytes) = match batch {
        Batch::P2p(from, transaction) => {
            let transaction = Arc::unwrap_or_clone(transaction);
            return (Origin::P2p(from), vec![transaction], 0);
        }
        Batch::Mesh(from, bytes) => (from, bytes),
    };
    let mut transactions = Vec::with_capacity(bytes.len());
    let mut bad = 0_usize;
    for one in bytes {
        match decode_transaction(&one, witness_limit) {
            Ok(transaction) => transactions.push(transaction),
            Err(error) => {
                bad += 1;
                metrics.verification_failed("transaction");
                tracing::debug!(peer = %from, %error, "undecodable transaction");
            }
        }
    }
    (Origin::Mesh(from), transactions, bad)
}

/// The pool has answered: gives what it has taken.
fn admitted(
    neighbours: &Neighbours,
    origin: Origin,
    bad: usize,
    encoded: Vec<(UInt256, Bytes)>,
    results: Vec<Result<UInt256, Rejected>>,
) -> Vec<UInt256> {
    match origin {
        Origin::Mesh(from) => {
            let forged = results.iter().filter_map(offence).count();
            if let Some(mesh) = &neighbours.mesh {
                // Nodes pass on only what they have verified.
                for _ in 0..bad.saturating_add(forged).min(MAX_REPORTED) {
                    mesh.report(from, Offence::InvalidTransaction);
                }
            }
        }
        Origin::P2p(from) => {
            for (result, (hash, _)) in results.iter().zip(&encoded) {
                let Some(problem) = offence(result) else {
                    continue;
                };
                // neo-go and C# drop it, and so do we; it is not asked for again.
                tracing::warn!(peer = %from, transaction = %hash, %problem, "transaction refused");
                if let Some(p2p) = &neighbours.p2p {
                    p2p.ignore_transaction(*hash);
                }
            }
        }
    }
    let (hashes, accepted): (Vec<UInt256>, Vec<Bytes>) = results
        .into_iter()
        .zip(encoded)
        .filter(|(result, _)| result.is_ok())
        .map(|(_, transaction)| transaction)
        .unzip();
    if hashes.is_empty() {
        return hashes;
    }
    if let Some(p2p) = &neighbours.p2p {
        p2p.announce_transactions(&hashes);
    }
    if let Some(mesh) = &neighbours.mesh {
        let but = match origin {
            Origin::Mesh(from) => Some(from),
            Origin::P2p(_) => None,
        };
        mesh.gossip_transactions(accepted, but);
    }
    hashes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_no_state_makes_valid_is_held_against_its_sender() {
        let forged = Err::<(), _>(Rejected::InvalidSignature { index: 0 });
        assert!(offence(&forged).is_some());
        let late = Err::<(), _>(Rejected::AlreadyExists(UInt256::ZERO));
        assert!(offence(&late).is_none() && offence(&Ok(())).is_none());
    }
}
