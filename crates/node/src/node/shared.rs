//! What RPC sees of the node, and what it hands in.

use std::sync::Arc;

use neo_consensus::engine::Status;
use neo_ledger::Ledger;
use neo_network::NetworkHandle;
use neo_network::neo::{NeoHandle, NeoPeerInfo};
use neo_primitives::{Block, Magic, PublicKey, Transaction};
use tokio::sync::{mpsc, oneshot};

use crate::checks::Checks;
use crate::driver::{Inside, StatusBoard};
use crate::ledger_worker::{Imported, LedgerWorker, unix_ns};
use crate::neighbours::Neighbours;
use crate::p2p::{Gate, Heard, Missing};
use crate::rpc::{BlockRefused, BlockReply, ConsensusView, PeerEntry, PeerView, Relay};
use crate::security::Security;

/// What RPC sees of the node.
pub(super) struct Shared {
    pub(super) neighbours: Neighbours,
    pub(super) ledger: Arc<dyn Ledger>,
    pub(super) worker: LedgerWorker,
    pub(super) inside: mpsc::UnboundedSender<Inside>,
    pub(super) missing: Arc<Missing>,
    pub(super) status: Arc<StatusBoard>,
    pub(super) magic: Magic,
    pub(super) security: Arc<Security>,
    /// The verification pool of dBFT 3.0, whose threads are tuned; an observer has none.
    pub(super) checks: Option<Arc<Checks>>,
    /// What dBFT 2.0 hears of the validators.
    pub(super) hearing: Option<Hearing>,
}

/// Of whom a node of dBFT 2.0 hears.
pub(super) struct Hearing {
    pub(super) heard: Arc<Heard>,
    /// Knows who the validators are.
    pub(super) gate: Arc<Gate>,
    /// This node's own key, if it votes.
    pub(super) own: Option<PublicKey>,
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
        let mesh = self.neighbours.mesh.iter().flat_map(NetworkHandle::peers);
        let p2p = self.neighbours.p2p.iter().flat_map(NeoHandle::peers);
        mesh.map(entry).chain(p2p.map(entry_of)).collect()
    }
}

fn entry_of(peer: NeoPeerInfo) -> PeerEntry {
    PeerEntry {
        address: peer.address.ip().to_string(),
        port: peer.address.port(),
        user_agent: peer.user_agent,
        last_known_height: peer.height.unwrap_or_default(),
        // Nobody says so in Neo N3's P2P.
        validator: None,
        rtt: peer.round_trip,
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
        self.missing.offer(&transaction);
        self.neighbours.pass_on(&transaction);
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
