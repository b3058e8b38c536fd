//! Transactions of other nodes: verified in batches, and passed on when valid.

use std::sync::Arc;

use bytes::Bytes;
use neo_ledger::Ledger;
use neo_network::{NetworkHandle, PeerId};
use tokio::sync::mpsc;

use crate::fetcher::decode_transaction;
use crate::metrics::Metrics;

/// Batches that wait for verification; more are dropped, and found again with the block.
pub(crate) const QUEUE: usize = 256;

/// A batch from one peer.
pub(crate) type Batch = (PeerId, Vec<Bytes>);

/// Verifies batches on a thread of its own until the channel closes.
pub(crate) fn admit(
    mut batches: mpsc::Receiver<Batch>,
    ledger: Arc<dyn Ledger>,
    network: NetworkHandle,
    metrics: Arc<Metrics>,
    witness_limit: u32,
) -> std::io::Result<std::thread::JoinHandle<()>> {
    std::thread::Builder::new()
        .name("gossip".to_owned())
        .spawn(move || {
            while let Some((from, bytes)) = batches.blocking_recv() {
                let mut transactions = Vec::with_capacity(bytes.len());
                let mut encoded = Vec::with_capacity(bytes.len());
                for one in bytes {
                    match decode_transaction(&one, witness_limit) {
                        Ok(transaction) => {
                            transactions.push(transaction);
                            encoded.push(one);
                        }
                        Err(error) => {
                            metrics.verification_failed("transaction");
                            tracing::debug!(peer = %from, %error, "undecodable transaction");
                        }
                    }
                }
                let network = network.clone();
                ledger.submit(
                    transactions,
                    Box::new(move |results| {
                        let accepted: Vec<Bytes> = results
                            .into_iter()
                            .zip(encoded)
                            .filter(|(result, _)| result.is_ok())
                            .map(|(_, bytes)| bytes)
                            .collect();
                        if !accepted.is_empty() {
                            network.gossip_transactions(accepted, Some(from));
                        }
                    }),
                );
            }
        })
}
