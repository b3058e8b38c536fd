//! Where a peer is reached: host and port, or a multiaddress.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    str::FromStr,
};

use libp2p::{
    Multiaddr,
    multiaddr::{self, Protocol},
};
use neo_primitives::PublicKey;

/// A peer that is dialled, and redialled, as long as the node runs.
#[derive(Clone, Debug)]
pub struct PeerAddress {
    /// Its validator key where that is known; saves a dial when the peer came to us first.
    pub public_key: Option<PublicKey>,
    /// Where to try, in this order.
    pub addresses: Vec<Endpoint>,
}

impl PeerAddress {
    /// A peer of unknown key at one place.
    #[must_use]
    pub fn at(endpoint: Endpoint) -> Self {
        Self {
            public_key: None,
            addresses: vec![endpoint],
        }
    }
}

/// One place to dial.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// `host:port`; tried over QUIC (UDP), then over TCP. The host may be a name.
    HostPort(String, u16),
    /// A multiaddress with an IP address or a DNS name, for instance `/ip4/127.0.0.1/udp/10333/quic-v1`.
    Multiaddr(Multiaddr),
}

/// Text that names no place to dial.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// Starts with a slash but is no multiaddress.
    #[error("`{text}` is not a multiaddress: {reason}")]
    Multiaddr {
        /// What was given.
        text: String,
        /// What the parser said.
        reason: String,
    },
    /// A multiaddress over neither QUIC nor TCP.
    #[error("`{text}` must be /ip4, /ip6 or /dns, then /udp/PORT/quic-v1 or /tcp/PORT")]
    Transport {
        /// What was given.
        text: String,
    },
    /// Neither a multiaddress nor `host:port`.
    #[error("`{text}` is neither host:port nor a multiaddress")]
    HostPort {
        /// What was given.
        text: String,
    },
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        if text.starts_with('/') {
            let address: Multiaddr =
                text.parse()
                    .map_err(|error: multiaddr::Error| EndpointError::Multiaddr {
                        text: text.to_owned(),
                        reason: error.to_string(),
                    })?;
            if transport_of(&address).is_none() {
                return Err(EndpointError::Transport {
                    text: text.to_owned(),
                });
            }
            return Ok(Endpoint::Multiaddr(address));
        }
        if let Ok(address) = text.parse::<SocketAddr>() {
            return Ok(Endpoint::from(address));
        }
        let malformed = || EndpointError::HostPort {
            text: text.to_owned(),
        };
        let (host, port) = text.rsplit_once(':').ok_or_else(malformed)?;
        let port: u16 = port.parse().map_err(|_| malformed())?;
        let named = !host.is_empty()
            && host
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.' || b == b'_');
        if !named || port == 0 {
            return Err(malformed());
        }
        Ok(Endpoint::HostPort(host.to_owned(), port))
    }
}

impl From<SocketAddr> for Endpoint {
    fn from(address: SocketAddr) -> Self {
        Endpoint::HostPort(address.ip().to_string(), address.port())
    }
}

impl From<Multiaddr> for Endpoint {
    fn from(address: Multiaddr) -> Self {
        Endpoint::Multiaddr(address)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Endpoint::HostPort(host, port) if host.contains(':') => write!(f, "[{host}]:{port}"),
            Endpoint::HostPort(host, port) => write!(f, "{host}:{port}"),
            Endpoint::Multiaddr(address) => address.fmt(f),
        }
    }
}

/// The two ways to reach a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Quic,
    Tcp,
}

/// The transport of `host / udp or tcp [/ quic-v1]`, `None` for anything else.
pub(crate) fn transport_of(address: &Multiaddr) -> Option<Transport> {
    let mut parts = address.iter();
    match parts.next()? {
        Protocol::Ip4(_)
        | Protocol::Ip6(_)
        | Protocol::Dns(_)
        | Protocol::Dns4(_)
        | Protocol::Dns6(_) => {}
        _ => return None,
    }
    let transport = match (parts.next()?, parts.next()) {
        (Protocol::Udp(_), Some(Protocol::QuicV1)) => Transport::Quic,
        (Protocol::Tcp(_), None) => return Some(Transport::Tcp),
        (Protocol::Tcp(_), Some(Protocol::P2p(_))) => Transport::Tcp,
        _ => return None,
    };
    match (transport, parts.next()) {
        (_, None) => Some(transport),
        (Transport::Quic, Some(Protocol::P2p(_))) => Some(transport),
        _ => None,
    }
}

/// The QUIC multiaddress of a socket address.
pub(crate) fn quic(address: SocketAddr) -> Multiaddr {
    Multiaddr::from(address.ip())
        .with(Protocol::Udp(address.port()))
        .with(Protocol::QuicV1)
}

/// The TCP multiaddress of a socket address.
pub(crate) fn tcp(address: SocketAddr) -> Multiaddr {
    Multiaddr::from(address.ip()).with(Protocol::Tcp(address.port()))
}

/// A key that sorts QUIC addresses before others.
pub(crate) fn quic_first(address: &Multiaddr) -> bool {
    transport_of(address) != Some(Transport::Quic)
}

/// The IP address that a multiaddress begins with.
pub(crate) fn ip_of(address: &Multiaddr) -> Option<IpAddr> {
    match address.iter().next()? {
        Protocol::Ip4(ip) => Some(ip.into()),
        Protocol::Ip6(ip) => Some(ip.into()),
        _ => None,
    }
}

/// `address` with its first component replaced by `ip`.
pub(crate) fn with_ip(address: &Multiaddr, ip: IpAddr) -> Multiaddr {
    let mut result = Multiaddr::from(ip);
    for part in address.iter().skip(1) {
        result.push(part);
    }
    result
}

/// The dialable addresses of an endpoint, names looked up; QUIC comes first.
pub(crate) async fn resolve(endpoint: &Endpoint) -> std::io::Result<Vec<Multiaddr>> {
    match endpoint {
        Endpoint::HostPort(host, port) => {
            let found: Vec<SocketAddr> = match host.parse::<IpAddr>() {
                Ok(ip) => vec![SocketAddr::new(ip, *port)],
                Err(_) => tokio::net::lookup_host((host.as_str(), *port))
                    .await?
                    .collect(),
            };
            Ok(found
                .into_iter()
                .flat_map(|address| [quic(address), tcp(address)])
                .collect())
        }
        Endpoint::Multiaddr(address) => {
            let wants = |ip: &IpAddr| match address.iter().next() {
                Some(Protocol::Dns4(_)) => ip.is_ipv4(),
                Some(Protocol::Dns6(_)) => ip.is_ipv6(),
                _ => true,
            };
            match address.iter().next() {
                Some(Protocol::Dns(host) | Protocol::Dns4(host) | Protocol::Dns6(host)) => {
                    let found = tokio::net::lookup_host((host.as_ref(), 0)).await?;
                    Ok(found
                        .map(|a| a.ip())
                        .filter(wants)
                        .map(|ip| with_ip(address, ip))
                        .collect())
                }
                _ => Ok(vec![address.clone()]),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_and_port_in_all_forms() {
        for (text, host, port) in [
            ("127.0.0.1:10333", "127.0.0.1", 10333),
            ("[::1]:10333", "::1", 10333),
            ("node-1.example:20333", "node-1.example", 20333),
        ] {
            let endpoint: Endpoint = text.parse().unwrap();
            assert_eq!(endpoint, Endpoint::HostPort(host.to_owned(), port));
            assert_eq!(endpoint.to_string(), text);
        }
    }

    #[test]
    fn text_that_names_no_place() {
        for text in [
            "",
            "localhost",
            "localhost:",
            "localhost:0",
            "localhost:70000",
            ":10333",
            "a b:1",
            "/ip4/1.2.3/tcp/1",
        ] {
            assert!(text.parse::<Endpoint>().is_err(), "{text}");
        }
        let error = "/ip4/1.2.3.4/udp/9".parse::<Endpoint>().unwrap_err();
        assert!(matches!(error, EndpointError::Transport { .. }), "{error}");
    }

    #[test]
    fn transports_are_recognised() {
        let of = |text: &str| transport_of(&text.parse().unwrap());
        assert_eq!(of("/ip4/1.2.3.4/udp/9/quic-v1"), Some(Transport::Quic));
        assert_eq!(of("/dns4/a.example/tcp/9"), Some(Transport::Tcp));
        assert_eq!(of("/ip6/::1/tcp/9/ws"), None);
        assert_eq!(of("/memory/5"), None);
    }

    #[tokio::test]
    async fn a_host_is_tried_over_quic_first() {
        let found = resolve(&"127.0.0.1:9".parse().unwrap()).await.unwrap();
        let text: Vec<_> = found.iter().map(ToString::to_string).collect();
        assert_eq!(
            text,
            ["/ip4/127.0.0.1/udp/9/quic-v1", "/ip4/127.0.0.1/tcp/9"]
        );
        let found = resolve(&"/dns4/localhost/tcp/9".parse().unwrap())
            .await
            .unwrap();
        assert_eq!(found, ["/ip4/127.0.0.1/tcp/9".parse().unwrap()]);
    }
}
