//! Transactions of other nodes: verified in batches, and passed on when valid.

use std::sync::Arc;

use bytes::Bytes;
use neo_ledger::{Ledger, Rejected};
use neo_network::{NetworkHandle, Offence, PeerId};
use tokio::sync::mpsc;

use crate::answers::decode_transaction;
use crate::metrics::Metrics;

/// Batches that wait for verification; more are dropped, and found again with the block.
pub(crate) const QUEUE: usize = 256;

/// Bad transactions of a batch that are reported; a batch of nothing else is enough for a ban by itself.
const MAX_REPORTED: usize = 64;

/// A batch from one peer.
pub(crate) type Batch = (PeerId, Vec<Bytes>);

/// Whether a transaction is valid on no state at all.
fn is_offence<T>(result: &Result<T, Rejected>) -> bool {
    matches!(
        result,
        Err(Rejected::InvalidSignature { .. }
            | Rejected::WitnessOfAnother { .. }
            | Rejected::OverSize { .. })
    )
}

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
                let mut bad = 0_usize;
                for one in bytes {
                    match decode_transaction(&one, witness_limit) {
                        Ok(transaction) => {
                            transactions.push(transaction);
                            encoded.push(one);
                        }
                        Err(error) => {
                            bad += 1;
                            metrics.verification_failed("transaction");
                            tracing::debug!(peer = %from, %error, "undecodable transaction");
                        }
                    }
                }
                let network = network.clone();
                ledger.submit(
                    transactions,
                    Box::new(move |results| {
                        let forged = results.iter().filter(|result| is_offence(result)).count();
                        // Nodes pass on only what they have verified.
                        for _ in 0..bad.saturating_add(forged).min(MAX_REPORTED) {
                            network.report(from, Offence::InvalidTransaction);
                        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use neo_primitives::UInt256;

    #[test]
    fn only_what_no_state_makes_valid_is_held_against_its_sender() {
        let forged = Err::<(), _>(Rejected::InvalidSignature { index: 0 });
        assert!(is_offence(&forged));
        let late = Err::<(), _>(Rejected::AlreadyExists(UInt256::ZERO));
        assert!(!is_offence(&late) && !is_offence(&Ok(())));
    }
}
