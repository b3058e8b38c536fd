//! The two networks that a node may be in: the mesh of dBFT 3.0, and Neo N3's P2P.

use std::sync::Arc;

use bytes::Bytes;
use neo_ledger::ChainReader;
use neo_network::NetworkHandle;
use neo_network::neo::NeoHandle;
use neo_primitives::{Encode as _, Height, Transaction, UInt256};

/// All who are told of new blocks and transactions.
#[derive(Clone)]
pub(crate) struct Neighbours {
    /// The mesh; none with dBFT 2.0.
    pub(crate) mesh: Option<NetworkHandle>,
    /// Neo N3's P2P, where it is spoken.
    pub(crate) p2p: Option<NeoHandle>,
    /// Where headers are read that are told.
    pub(crate) chain: Arc<dyn ChainReader>,
}

impl Neighbours {
    /// The tip is at this block now.
    pub(crate) fn stored(&self, height: Height, hash: UInt256) {
        if let Some(mesh) = &self.mesh {
            mesh.set_status(height, hash);
        }
        let Some(p2p) = &self.p2p else { return };
        match self.chain.header(height) {
            Ok(Some(signed)) => p2p.stored(&signed.header),
            Ok(None) => tracing::error!(%height, "the header of a stored block is missing"),
            Err(error) => tracing::error!(%height, %error, "a stored header cannot be read"),
        }
    }

    /// Passes on a transaction that the memory pool has taken from a client.
    pub(crate) fn pass_on(&self, transaction: &Transaction) {
        if let Some(mesh) = &self.mesh {
            mesh.gossip_transactions(vec![Bytes::from(transaction.to_bytes())], None);
        }
        if let Some(p2p) = &self.p2p {
            p2p.announce_transactions(&[transaction.hash()]);
        }
    }
}
