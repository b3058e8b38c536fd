//! The node itself and its peers.

use neo_network::Endpoint;
use neo_primitives::{ADDRESS_VERSION, PublicKey};
use serde::Serialize;

use crate::config::NodeConfig;
use crate::rpc::{
    dispatch::Server,
    params::Params,
    response::{Answer, result},
    view::PeerEntry,
};

/// Program and version, in the form of Neo's user agents.
pub(crate) const USER_AGENT: &str = concat!("/neo-dbft:", env!("CARGO_PKG_VERSION"), "/");

/// Hard forks whose rules the ledger follows, all from the first block on.
const HARD_FORKS: [&str; 6] = [
    "Aspidochelone",
    "Basilisk",
    "Cockatrice",
    "Domovoi",
    "Echidna",
    "Faun",
];

#[derive(Serialize)]
struct VersionJson<'a> {
    tcpport: u16,
    nonce: u32,
    useragent: &'static str,
    rpc: RpcJson,
    protocol: ProtocolJson<'a>,
}

/// Iterators and sessions: no method of this server gives one.
#[derive(Serialize)]
struct RpcJson {
    maxiteratorresultitems: u32,
    sessionenabled: bool,
}

#[derive(Serialize)]
struct ProtocolJson<'a> {
    addressversion: u8,
    network: u32,
    validatorscount: usize,
    msperblock: u64,
    maxtraceableblocks: u32,
    maxvaliduntilblockincrement: u32,
    maxtransactionsperblock: u32,
    memorypoolmaxtransactions: u32,
    initialgasdistribution: i64,
    hardforks: Vec<HardForkJson>,
    standbycommittee: &'a [PublicKey],
    seedlist: Vec<String>,
}

#[derive(Serialize)]
struct HardForkJson {
    name: &'static str,
    blockheight: u32,
}

/// `getversion`.
pub(in crate::rpc) fn version(server: &Server, _: &Params<'_>) -> Answer {
    let NodeConfig { network, p2p, .. } = &*server.context.config;
    let genesis = server.context.ledger.config();
    // Where Neo's own protocol is spoken, that is what Neo's clients mean.
    let (listen, seedlist) = match p2p {
        Some(p2p) => (&p2p.listen, p2p.peers.clone()),
        None => {
            let peers = network.peers.iter().flat_map(|peer| &peer.addresses);
            (&network.listen, peers.map(ToString::to_string).collect())
        }
    };
    result(&VersionJson {
        tcpport: listen.first().map_or(0, |address| address.port()),
        nonce: server.nonce,
        useragent: USER_AGENT,
        rpc: RpcJson {
            maxiteratorresultitems: 100,
            sessionenabled: false,
        },
        protocol: ProtocolJson {
            addressversion: ADDRESS_VERSION,
            network: genesis.magic.0,
            validatorscount: genesis.standby_validators.len(),
            msperblock: genesis.block_time_ms,
            maxtraceableblocks: genesis.max_traceable_blocks,
            maxvaliduntilblockincrement: genesis.max_valid_until_block_increment,
            maxtransactionsperblock: genesis.max_transactions_per_block,
            memorypoolmaxtransactions: genesis.memory_pool_max,
            initialgasdistribution: genesis.initial_gas.0,
            hardforks: HARD_FORKS
                .into_iter()
                .map(|name| HardForkJson {
                    name,
                    blockheight: 0,
                })
                .collect(),
            standbycommittee: genesis.committee(),
            seedlist,
        },
    })
}

/// `getconnectioncount`.
pub(in crate::rpc) fn connection_count(server: &Server, _: &Params<'_>) -> Answer {
    result(&server.context.peers.connected().len())
}

#[derive(Serialize)]
struct PeersJson {
    unconnected: Vec<AddressJson>,
    /// Neo's list of refused peers; it is always empty there, too.
    bad: [AddressJson; 0],
    connected: Vec<PeerJson>,
}

#[derive(Serialize)]
struct AddressJson {
    address: String,
    port: u16,
}

/// A connected peer: address and port as C#, user agent and height as neo-go adds them, and what a validator
/// mesh has besides.
#[derive(Serialize)]
struct PeerJson {
    address: String,
    port: u16,
    useragent: String,
    lastknownheight: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    validator: Option<PublicKey>,
    /// Round-trip time in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    rttms: Option<f64>,
}

impl From<PeerEntry> for PeerJson {
    fn from(peer: PeerEntry) -> Self {
        Self {
            address: peer.address,
            port: peer.port,
            useragent: peer.user_agent,
            lastknownheight: peer.last_known_height.0,
            validator: peer.validator,
            rttms: peer.rtt.map(|rtt| rtt.as_secs_f64() * 1_000.0),
        }
    }
}

/// `getpeers`.
pub(in crate::rpc) fn peers(server: &Server, _: &Params<'_>) -> Answer {
    let connected = server.context.peers.connected();
    let is_connected = |key: &Option<PublicKey>, place: &(String, u16)| {
        connected.iter().any(|peer| {
            let same_key = key.is_some() && peer.validator == *key;
            same_key || (peer.address == place.0 && peer.port == place.1)
        })
    };
    let mut unconnected = Vec::new();
    for peer in &server.context.config.network.peers {
        let places: Vec<(String, u16)> = peer.addresses.iter().filter_map(host_and_port).collect();
        if !places
            .iter()
            .any(|place| is_connected(&peer.public_key, place))
        {
            let addresses = places
                .into_iter()
                .map(|(address, port)| AddressJson { address, port });
            unconnected.extend(addresses);
        }
    }
    let p2p = server.context.config.p2p.iter().flat_map(|p2p| &p2p.peers);
    let p2p = p2p.filter_map(|peer| host_and_port(&peer.parse().ok()?));
    let missing = p2p.filter(|place| !is_connected(&None, place));
    unconnected.extend(missing.map(|(address, port)| AddressJson { address, port }));
    result(&PeersJson {
        unconnected,
        bad: [],
        connected: connected.into_iter().map(PeerJson::from).collect(),
    })
}

/// Host and port of an endpoint; a multiaddress is `/kind/host/transport/port…`.
fn host_and_port(endpoint: &Endpoint) -> Option<(String, u16)> {
    match endpoint {
        Endpoint::HostPort(host, port) => Some((host.clone(), *port)),
        Endpoint::Multiaddr(address) => {
            let text = address.to_string();
            let mut parts = text.split('/').skip(2);
            let host = parts.next()?.to_owned();
            let port = parts.nth(1)?.parse().ok()?;
            Some((host, port))
        }
    }
}

/// What `GET /health` says of a node that lives.
#[derive(Serialize)]
pub(in crate::rpc) struct Health {
    /// Height of the stored tip.
    height: u32,
    /// Connected peers.
    peers: usize,
    /// Whether it votes.
    voting: bool,
}

impl Health {
    pub(in crate::rpc) fn of(server: &Server) -> Self {
        Self {
            height: server.context.ledger.height().0,
            peers: server.context.peers.connected().len(),
            voting: server.context.consensus.status().voting,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_have_a_host_and_a_port() {
        for (text, host, port) in [
            ("127.0.0.1:10333", "127.0.0.1", 10_333),
            ("node.example.org:1", "node.example.org", 1),
            ("[::1]:7", "::1", 7),
            ("/ip4/127.0.0.1/udp/10333/quic-v1", "127.0.0.1", 10_333),
            ("/dns4/node.example.org/tcp/9", "node.example.org", 9),
        ] {
            let endpoint: Endpoint = text.parse().unwrap();
            assert_eq!(host_and_port(&endpoint), Some((host.to_owned(), port)));
        }
    }
}
