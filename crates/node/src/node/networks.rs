//! The networks that a node is in.

use std::sync::Arc;

use neo_ledger::{ChainReader, Ledger};
use neo_network::NetworkEvents;
use neo_network::neo::NeoEvents;

use super::error::NodeError;
use super::opening::network_config;
use crate::bodies::Bodies;
use crate::config::NodeConfig;
use crate::neighbours::Neighbours;
use crate::neo_chain::LedgerChain;
use crate::p2p::settings;
use crate::voting_key::VotingKey;

/// The networks, and what comes out of them.
pub(super) struct Networks {
    pub(super) neighbours: Neighbours,
    pub(super) mesh_events: Option<NetworkEvents>,
    pub(super) p2p_events: Option<NeoEvents>,
}

impl Networks {
    /// Listens and dials: in the mesh with dBFT 3.0, in Neo N3's P2P where it is configured.
    pub(super) fn open(
        config: &NodeConfig,
        ledger: &Arc<dyn Ledger>,
        key: Option<&VotingKey>,
        bodies: &Arc<Bodies>,
    ) -> Result<Self, NodeError> {
        let (mut mesh, mut mesh_events) = (None, None);
        if !config.protocol.is_dbft_2() {
            let (handle, events) =
                neo_network::start(network_config(config, ledger.as_ref(), key)?)?;
            (mesh, mesh_events) = (Some(handle), Some(events));
        }
        let chain: Arc<dyn ChainReader> = ledger.clone();
        let (mut p2p, mut p2p_events) = (None, None);
        if let Some(section) = &config.p2p {
            let read = LedgerChain::with_bodies(Arc::clone(&chain), Arc::clone(bodies));
            let settings = settings(&config.protocol, section);
            let (handle, events) = neo_network::neo::start(settings, Arc::new(read))?;
            (p2p, p2p_events) = (Some(handle), Some(events));
        }
        Ok(Self {
            neighbours: Neighbours { mesh, p2p, chain },
            mesh_events,
            p2p_events,
        })
    }
}
