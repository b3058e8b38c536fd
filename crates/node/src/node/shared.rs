//! What RPC sees of the node, and what it hands in.

use std::sync::Arc;

use bytes::Bytes;
use neo_consensus::engine::Status;
use neo_ledger::Ledger;
use neo_network::NetworkHandle;
use neo_primitives::{Block, Encode, Magic, Transaction};
use tokio::sync::{mpsc, oneshot};

use crate::checks::Checks;
use crate::driver::{Inside, StatusBoard};
use crate::ledger_worker::{Imported, LedgerWorker, unix_ns};
use crate::rpc::{BlockRefused, BlockReply, ConsensusView, PeerEntry, PeerView, Relay};
use crate::security::Security;

/// What RPC sees of the node.
pub(super) struct Shared {
    pub(super) network: NetworkHandle,
    pub(super) ledger: Arc<dyn Ledger>,
    pub(super) worker: LedgerWorker,
    pub(super) inside: mpsc::UnboundedSender<Inside>,
    pub(super) status: Arc<StatusBoard>,
    pub(super) magic: Magic,
    pub(super) security: Arc<Security>,
    /// The verification pool; an observer has none.
    pub(super) checks: Option<Arc<Checks>>,
}

impl ConsensusView for Shared {
    fn status(&self) -> Status {
        self.status.read()
    }
}

impl PeerView for Shared {
    fn connected(&self) -> Vec<PeerEntry> {
        let entry = |peer: neo_network::PeerInfo| {
            let (address, port) = split_address(&peer.address);
            PeerEntry {
                address,
                port,
                user_agent: peer.agent,
                last_known_height: peer.height,
                validator: peer.validator,
                rtt: peer.rtt,
            }
        };
        self.network.peers().into_iter().map(entry).collect()
    }
}

fn split_address(address: &neo_network::Multiaddr) -> (String, u16) {
    let text = address.to_string();
    let parts: Vec<&str> = text.split('/').collect();
    let after = |names: &[&str]| {
        let at = parts.iter().position(|part| names.contains(part))?;
        parts.get(at + 1).map(|part| (*part).to_owned())
    };
    let host = after(&["ip4", "ip6", "dns", "dns4", "dns6"]).unwrap_or_default();
    let port = after(&["udp", "tcp"])
        .and_then(|port| port.parse().ok())
        .unwrap_or(0);
    (host, port)
}

impl Relay for Shared {
    fn transaction(&self, transaction: Arc<Transaction>) {
        self.network
            .gossip_transactions(vec![Bytes::from(transaction.to_bytes())], None);
    }

    fn block(&self, block: Block) -> BlockReply {
        let tip = self.ledger.height();
        let (height, hash) = (block.header.index, block.hash());
        let transactions = block.transactions.len();
        let (worker, inside, magic) = (self.worker.clone(), self.inside.clone(), self.magic);
        Box::pin(async move {
            if height <= tip {
                return Err(BlockRefused::AlreadyStored { height });
            }
            if height > tip.next() {
                return Err(BlockRefused::NotNext {
                    height,
                    next: tip.next(),
                });
            }
            let (done, imported) = oneshot::channel();
            worker.import(vec![Arc::new(block)], move |outcome| {
                let _ = done.send(outcome);
            });
            match imported.await {
                Ok(Imported::Stored { height, hash: tip }) => {
                    let blocks = vec![(height, tip, transactions)];
                    let at_ns = unix_ns();
                    let _ = inside.send(Inside::Imported {
                        height,
                        hash: tip,
                        blocks,
                        at_ns,
                    });
                    Ok(hash)
                }
                Ok(Imported::Refused { error, .. }) => {
                    Err(BlockRefused::Invalid(format!("{error} (network {magic})")))
                }
                Ok(Imported::Failed(error)) => Err(BlockRefused::Unavailable(error.to_string())),
                Err(_) => Err(BlockRefused::Unavailable("the node is stopping".to_owned())),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_peers_are_split() {
        let quic = "/ip4/127.0.0.1/udp/20333/quic-v1".parse().unwrap();
        assert_eq!(split_address(&quic), ("127.0.0.1".to_owned(), 20333));
        let tcp = "/ip6/::1/tcp/9".parse().unwrap();
        assert_eq!(split_address(&tcp), ("::1".to_owned(), 9));
    }
}
