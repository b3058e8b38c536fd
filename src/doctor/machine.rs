//! What the machine gives: ports and open files.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener, UdpSocket};

use neo_node::config::NodeConfig;
use rustix::process::{Resource, getrlimit};

use super::finding::Finding;
use crate::exit::Exit;

const PORTS: &str = "port";
const OPEN_FILES: &str = "open-files";

/// Files besides connections: store, logs, libraries, what the runtime uses.
const OTHER_FILES: u64 = 128;

/// Tries each port that the node listens on. `runs` if this node was seen to run: then its ports are taken by it.
pub(super) fn ports(config: &NodeConfig, runs: bool) -> Vec<Finding> {
    let mut all = Vec::new();
    for at in &config.network.listen {
        all.push(port("network.listen (UDP)", *at, runs, &|at| {
            UdpSocket::bind(at).map(drop)
        }));
        all.push(tcp("network.listen (TCP)", *at, runs));
    }
    let p2p = config.p2p.iter().flat_map(|p2p| &p2p.listen);
    all.extend(p2p.map(|at| tcp("p2p.listen", *at, runs)));
    let rpc = config.rpc.iter().map(|rpc| rpc.listen);
    all.extend(rpc.map(|at| tcp("rpc.listen", at, runs)));
    let metrics = config.metrics.iter().map(|metrics| metrics.listen);
    all.extend(metrics.map(|at| tcp("metrics.listen", at, runs)));
    all
}

fn tcp(key: &str, at: SocketAddr, runs: bool) -> Finding {
    port(key, at, runs, &|at| TcpListener::bind(at).map(drop))
}

fn port(
    key: &str,
    at: SocketAddr,
    runs: bool,
    bind: &dyn Fn(SocketAddr) -> std::io::Result<()>,
) -> Finding {
    let finding = match bind(at) {
        Ok(()) => Finding::ok(PORTS, key, format!("{at} is free")),
        Err(error) if error.kind() == ErrorKind::AddrInUse && runs => Finding::ok(
            PORTS,
            key,
            format!("{at} is taken by this node, which runs"),
        ),
        Err(error) => {
            let mend = match error.kind() {
                ErrorKind::AddrInUse => {
                    format!(
                        "stop the process that has port {}, or set {key} to another",
                        at.port()
                    )
                }
                ErrorKind::AddrNotAvailable => {
                    format!("{} is no address of this machine: mend {key}", at.ip())
                }
                ErrorKind::PermissionDenied => {
                    format!("ports below 1024 need a privilege: set {key} to another")
                }
                _ => format!("mend {key}"),
            };
            Finding::fail(PORTS, Exit::Busy, key, format!("{at}: {error}"), mend)
        }
    };
    finding.limit("free, or this node's")
}

/// The limit of open files against what the configuration lets come.
pub(super) fn open_files(config: &NodeConfig) -> Finding {
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    judge_files(config, limit)
}

/// Without room for the validators nothing works; without room for all RPC connections, some wait.
pub(super) fn judge_files(config: &NodeConfig, limit: u64) -> Finding {
    let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    let network = &config.network;
    let validators = count(config.protocol.genesis.standby_validators.len());
    let p2p = config.p2p.as_ref().map_or(0, |p2p| count(p2p.max_peers));
    // Each connection may be there twice while one replaces the other.
    let peers = validators + count(network.peers.len()) + count(network.max_strangers) + p2p;
    let least = OTHER_FILES.saturating_add(peers.saturating_mul(2));
    let rpc = config
        .rpc
        .as_ref()
        .map_or(0, |rpc| count(rpc.max_connections));
    let good = least.saturating_add(rpc);
    let place = "ulimit -n";
    let mend =
        format!("raise it to {good}: LimitNOFILE= of the systemd unit, or `ulimit -n {good}`");
    let finding = if limit < least {
        Finding::fail(OPEN_FILES, Exit::Failure, place, limit, mend)
    } else if limit < good {
        let mend = format!("{mend}; or lower rpc.max_connections");
        Finding::warn(OPEN_FILES, place, limit, mend)
    } else {
        Finding::ok(OPEN_FILES, place, limit)
    };
    finding.limit(format!("{least}, better {good}"))
}
