//! What the operator asks of the new node's surroundings: the Neo node that it runs beside, and the other validators.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use neo_primitives::PublicKey;
use serde_json::{Value, json};

/// The Neo node that goes on running, and keeps the chain.
#[derive(Clone, Debug, Default)]
pub(crate) struct Beside {
    /// Addresses of the JSON-RPC servers to use; none means that of the imported node.
    pub(crate) nodes: Vec<String>,
    /// Where the new node's own JSON-RPC listens.
    pub(crate) rpc: Option<SocketAddr>,
    /// Where its metrics listen.
    pub(crate) metrics: Option<SocketAddr>,
}

/// The mesh of dBFT 3.0, of which no other node's configuration knows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mesh {
    /// Where to listen.
    pub(crate) listen: Option<SocketAddr>,
    /// The other validators.
    pub(crate) peers: Vec<MeshPeer>,
}

/// Another validator's node: `HOST:PORT`, or `KEY@HOST:PORT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MeshPeer {
    key: Option<PublicKey>,
    address: String,
}

impl FromStr for MeshPeer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (key, address) = match text.split_once('@') {
            None => (None, text),
            Some((key, address)) => {
                let read = key.parse();
                let read =
                    read.map_err(|error| format!("{key:?} is no validator's key: {error}"))?;
                (Some(read), address)
            }
        };
        match address.parse() {
            Ok(neo_network::Endpoint::HostPort(_, _)) => Ok(Self {
                key,
                address: address.to_owned(),
            }),
            _ => Err(format!("{address:?} is no HOST:PORT")),
        }
    }
}

impl MeshPeer {
    /// As it stands in our configuration.
    pub(super) fn document(&self) -> Value {
        let mut peer = json!({"addresses": [self.address]});
        if let Some(key) = &self.key {
            peer["public_key"] = json!(key);
        }
        peer
    }
}

/// The other validators as the seeds of a network give them, where each runs on a machine of its own: their hosts, at the
/// port that this one listens on. `None` where hosts are shared or local, so that ports cannot be the same.
pub(super) fn peers_at(seeds: &[Value], port: u16) -> Option<Vec<MeshPeer>> {
    let mut hosts = BTreeSet::new();
    for seed in seeds {
        let (host, _) = seed.as_str()?.rsplit_once(':')?;
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let local = host == "localhost" || bare.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
        if local || !hosts.insert(host) {
            return None;
        }
    }
    let peer = |host: &&str| MeshPeer {
        key: None,
        address: format!("{host}:{port}"),
    };
    (!hosts.is_empty()).then(|| hosts.iter().map(peer).collect())
}

/// Where a node on this machine is reached that listens on an address, which may be all of them.
pub(super) fn reached_at(listens: SocketAddr) -> SocketAddr {
    let ip = match listens.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listens.port())
}

/// What becomes of one of our keys when the foreign one stays in force at the Neo node.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// As without a Neo node.
    Ours,
    /// It says where the Neo node's JSON-RPC is.
    NodeRpc,
    /// It says where the Neo node's P2P is.
    NodeP2p,
    /// It is the Neo node's; why.
    Stays(&'static str),
}

impl Beside {
    /// What becomes of a key.
    pub(super) fn fate(&self, protocol: u32, to: &str) -> Fate {
        let (section, _) = to.split_once('.').unwrap_or((to, ""));
        match (section, to) {
            (_, "p2p.listen") if protocol == 2 => Fate::NodeP2p,
            ("p2p", _) if protocol != 2 => {
                Fate::Stays("the Neo node speaks with these; dBFT 3.0 has a mesh of its own")
            }
            (_, "rpc.listen") if self.nodes.is_empty() => Fate::NodeRpc,
            (_, "rpc.listen") => {
                Fate::Stays("the Neo node listens there; --node names the nodes to use")
            }
            ("rpc", _) if self.rpc.is_none() => {
                Fate::Stays("the Neo node serves JSON-RPC; --rpc gives this one a server, too")
            }
            (_, "metrics.listen") => {
                Fate::Stays("the Neo node listens there; --metrics gives this one an address")
            }
            _ => Fate::Ours,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "02b3622bf4017bdfe317c58aed5f4c753f206b7db896046fa7d774bbc4bf7f8dc2";

    #[test]
    fn a_peer_is_an_address_with_or_without_a_key() {
        let peer: MeshPeer = "a.example:7001".parse().unwrap();
        assert_eq!(peer.document(), json!({"addresses": ["a.example:7001"]}));
        let peer: MeshPeer = format!("{KEY}@[::1]:7001").parse().unwrap();
        let document = json!({"addresses": ["[::1]:7001"], "public_key": KEY});
        assert_eq!(peer.document(), document);
        for (text, problem) in [
            ("a.example", "is no HOST:PORT"),
            ("02@a.example:1", "\"02\" is no validator's key"),
            ("/ip4/1.2.3.4/tcp/1", "is no HOST:PORT"),
        ] {
            let error = text.parse::<MeshPeer>().unwrap_err();
            assert!(error.contains(problem), "{error}");
        }
    }

    #[test]
    fn seeds_on_machines_of_their_own_give_the_mesh() {
        let of = |seeds: &[&str]| {
            let seeds: Vec<Value> = seeds.iter().map(|seed| json!(seed)).collect();
            let peers = peers_at(&seeds, 7_001);
            peers.map(|peers| {
                peers
                    .into_iter()
                    .map(|peer| peer.address)
                    .collect::<Vec<_>>()
            })
        };
        let two = of(&["b.example:10333", "10.0.0.1:10334"]).unwrap();
        assert_eq!(two, ["10.0.0.1:7001", "b.example:7001"]);
        assert_eq!(
            of(&["b.example:10333", "b.example:10334"]),
            None,
            "ports differ"
        );
        assert_eq!(of(&["b.example:10333", "127.0.0.1:10334"]), None);
        assert_eq!(of(&["localhost:10333"]), None);
        assert_eq!(of(&["[::1]:10333"]), None);
        assert_eq!(of(&[]), None);
    }

    #[test]
    fn what_listens_everywhere_is_reached_here() {
        for (listens, reached) in [
            ("0.0.0.0:10332", "127.0.0.1:10332"),
            ("[::]:10332", "[::1]:10332"),
            ("10.1.2.3:10332", "10.1.2.3:10332"),
        ] {
            let listens: SocketAddr = listens.parse().unwrap();
            assert_eq!(reached_at(listens).to_string(), reached);
        }
    }
}
