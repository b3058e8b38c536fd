//! Ports of the nodes of one machine.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};

/// Where free ports are looked for: below the range from which operating systems take ports of outgoing
/// connections, so that nothing takes one between the search and the start of the node.
const SEARCH: std::ops::Range<u16> = 10_000..32_000;

/// Distance between the ports of two nodes that are numbered from a base.
const STRIDE: u16 = 10;

/// The ports of one node, all on 127.0.0.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NodePorts {
    /// Consensus and peers: QUIC over UDP, and TCP.
    pub(crate) network: u16,
    /// JSON-RPC.
    pub(crate) rpc: u16,
    /// Prometheus.
    pub(crate) metrics: u16,
}

impl NodePorts {
    /// Ports `base`, `base + 1`, `base + 2` for node 0, ten higher for each further node.
    ///
    /// # Errors
    /// If a port would be 0 or above 65,535.
    pub(crate) fn from_base(base: u16, nodes: usize) -> Result<Vec<Self>, String> {
        let beyond = || {
            format!(
                "--base-port {base} leaves no room for {nodes} nodes: each takes {STRIDE} ports, the last is 65535"
            )
        };
        if base == 0 {
            return Err("--base-port 0 is no port".to_owned());
        }
        (0..nodes)
            .map(|index| {
                let offset = u16::try_from(index).ok()?.checked_mul(STRIDE)?;
                let network = base.checked_add(offset)?;
                Some(Self {
                    network,
                    rpc: network.checked_add(1)?,
                    metrics: network.checked_add(2)?,
                })
            })
            .collect::<Option<_>>()
            .ok_or_else(beyond)
    }

    /// Those of the Neo nodes beside nodes whose ports are numbered from a base: the middle of each one's ten.
    ///
    /// # Errors
    /// If a port would be above 65,535.
    pub(crate) fn all_beside(nodes: &[Self]) -> Result<Vec<Self>, String> {
        let up = |port: u16| port.checked_add(STRIDE / 2);
        let beside = |node: &Self| {
            Some(Self {
                network: up(node.network)?,
                rpc: up(node.rpc)?,
                metrics: up(node.metrics)?,
            })
        };
        let all: Option<_> = nodes.iter().map(beside).collect();
        all.ok_or_else(|| {
            let nodes = nodes.len();
            format!("no room for the Neo nodes beside {nodes} nodes: the last port is 65535")
        })
    }

    /// Ports that nothing on this machine uses now.
    ///
    /// # Errors
    /// If there are not enough.
    pub(crate) fn free(nodes: usize) -> Result<Vec<Self>, String> {
        let first = SEARCH.start + rand::random::<u16>() % (SEARCH.end - SEARCH.start);
        let mut free = (first..SEARCH.end)
            .chain(SEARCH.start..first)
            .filter(|port| is_free(*port));
        let mut next = || free.next();
        (0..nodes)
            .map(|_| {
                Some(Self {
                    network: next()?,
                    rpc: next()?,
                    metrics: next()?,
                })
            })
            .collect::<Option<_>>()
            .ok_or_else(|| {
                format!(
                    "fewer than {} free ports in {SEARCH:?}",
                    nodes.saturating_mul(3)
                )
            })
    }

    /// The first of the ports that something uses.
    pub(crate) fn taken(&self) -> Option<u16> {
        [self.network, self.rpc, self.metrics]
            .into_iter()
            .find(|port| !is_free(*port))
    }
}

/// A port of this machine's loopback interface.
pub(crate) fn local(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

fn is_free(port: u16) -> bool {
    TcpListener::bind(local(port)).is_ok() && UdpSocket::bind(local(port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbered_from_a_base() {
        let ports = NodePorts::from_base(20_330, 2).unwrap();
        assert_eq!(
            ports[1],
            NodePorts {
                network: 20_340,
                rpc: 20_341,
                metrics: 20_342
            }
        );
        assert!(NodePorts::from_base(65_523, 2).is_ok());
        for (base, nodes) in [(65_524, 2), (65_535, 1), (1, 70_000)] {
            let error = NodePorts::from_base(base, nodes).unwrap_err();
            assert!(
                error.contains(&base.to_string()) && error.contains("65535"),
                "{error}"
            );
        }
        assert!(NodePorts::from_base(0, 1).is_err());
    }

    #[test]
    fn free_ports_are_distinct_and_free() {
        let ports = NodePorts::free(8).unwrap();
        let mut all: Vec<u16> = ports
            .iter()
            .flat_map(|p| [p.network, p.rpc, p.metrics])
            .collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 24);
        assert!(all.iter().all(|port| SEARCH.contains(port)));
        let held = TcpListener::bind(local(ports[0].rpc)).unwrap();
        assert_eq!(ports[0].taken(), Some(ports[0].rpc));
        drop(held);
    }
}
