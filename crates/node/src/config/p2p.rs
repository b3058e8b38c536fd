//! The section of Neo N3's own P2P protocol.

use std::net::SocketAddr;

use neo_network::Endpoint;
use neo_network::neo::NeoConfig;
use neo_primitives::Magic;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ConfigError;
use super::check::{conflict, within};

/// Neo N3's own P2P protocol, which neo-go and C# nodes speak. dBFT 2.0 needs it; beside dBFT 3.0 it serves full nodes
/// and wallets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct P2pSection {
    /// Address to listen on, over TCP; none for a node that only dials.
    #[schemars(with = "Vec<String>", length(max = 1))]
    pub listen: Vec<SocketAddr>,
    /// Peers that are dialled until they are connected, as `host:port`.
    #[schemars(length(max = 1_024))]
    pub peers: Vec<String>,
    /// Most connected peers.
    #[schemars(range(min = 1, max = 10_000))]
    pub max_peers: usize,
    /// With fewer peers the node dials addresses that it has heard of.
    #[schemars(range(max = 10_000))]
    pub wanted_peers: usize,
    /// Most connections with one address; loopback addresses are not counted.
    #[schemars(range(min = 1, max = 10_000))]
    pub max_per_address: usize,
    /// Whether compressed payloads are sent, and asked for.
    pub compression: bool,
}

impl Default for P2pSection {
    fn default() -> Self {
        let network = NeoConfig::new(Magic(0));
        Self {
            listen: Vec::new(),
            peers: Vec::new(),
            max_peers: network.limits.max_peers,
            wanted_peers: network.limits.wanted_peers,
            max_per_address: network.limits.max_per_address,
            compression: network.compression,
        }
    }
}

impl P2pSection {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        within("p2p.listen: number of addresses", self.listen.len(), 0, 1)?;
        within("p2p.peers: number of peers", self.peers.len(), 0, 1_024)?;
        within("p2p.max_peers", self.max_peers, 1, 10_000)?;
        within("p2p.wanted_peers", self.wanted_peers, 0, self.max_peers)?;
        within("p2p.max_per_address", self.max_per_address, 1, 10_000)?;
        for (position, peer) in self.peers.iter().enumerate() {
            if !matches!(peer.parse(), Ok(Endpoint::HostPort(_, _))) {
                let at = format!("p2p.peers[{position}]");
                return Err(conflict(at, format!("`{peer}` is not host:port")));
            }
        }
        Ok(())
    }
}
