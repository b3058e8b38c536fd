//! Addresses of nodes.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use neo_primitives::{Decode, DecodeError, Encode, Reader};

use super::{
    capability::{
        Capability, MAX_CAPABILITIES, MAX_CAPABILITY_BYTES, decode_capabilities,
        encode_capabilities,
    },
    version::tcp_port,
};

/// Most addresses of one message.
pub const MAX_ADDRESSES: usize = 200;
/// Most bytes of one address.
pub(crate) const MAX_ADDRESS_BYTES: usize =
    4 + 16 + 1 + MAX_CAPABILITIES as usize * MAX_CAPABILITY_BYTES;

/// Where a node is, and what it offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeAddress {
    /// When it was seen, in seconds since 1970.
    pub timestamp: u32,
    /// Where.
    pub ip: IpAddr,
    /// What it offers; the port is the one of [`Capability::TcpServer`].
    pub capabilities: Vec<Capability>,
}

impl NodeAddress {
    /// Where to connect to; `None` if it takes no TCP connections.
    #[must_use]
    pub fn socket(&self) -> Option<SocketAddr> {
        Some(SocketAddr::new(self.ip, tcp_port(&self.capabilities)?))
    }
}

impl Encode for NodeAddress {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.timestamp.to_le_bytes());
        let ip = match self.ip {
            IpAddr::V4(ip) => ip.to_ipv6_mapped(),
            IpAddr::V6(ip) => ip,
        };
        out.extend_from_slice(&ip.octets());
        encode_capabilities(&self.capabilities, out);
    }
}

impl Decode for NodeAddress {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            timestamp: r.field("address timestamp").u32()?,
            ip: IpAddr::V6(Ipv6Addr::from(r.field("IP address").array::<16>()?)).to_canonical(),
            capabilities: decode_capabilities(r)?,
        })
    }
}

/// Reads up to 200 addresses. C# refuses an empty list; neo-go reads it, and neo-mamba sends it when asked.
pub(crate) fn decode_addresses(r: &mut Reader<'_>) -> Result<Vec<NodeAddress>, DecodeError> {
    let count = r.field("address count").count(MAX_ADDRESSES as u64, 21)?;
    r.list(count, NodeAddress::decode)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ip_4_is_mapped_into_ip_6() {
        let address = NodeAddress {
            timestamp: 1,
            ip: "10.1.2.3".parse().unwrap(),
            capabilities: vec![Capability::TcpServer(10333)],
        };
        let bytes = address.to_bytes();
        assert_eq!(
            hex::encode(&bytes[4..20]),
            "00000000000000000000ffff0a010203"
        );
        assert_eq!(NodeAddress::from_bytes(&bytes), Ok(address.clone()));
        assert_eq!(address.socket(), Some("10.1.2.3:10333".parse().unwrap()));
    }

    #[test]
    fn a_list_has_up_to_200() {
        assert_eq!(decode_addresses(&mut Reader::new(&[0])), Ok(vec![]));
        assert!(matches!(
            decode_addresses(&mut Reader::new(&[201])),
            Err(DecodeError::TooLarge { limit: 200, .. })
        ));
    }
}
