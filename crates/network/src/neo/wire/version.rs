//! The first message: who a node is.

use neo_primitives::{
    Decode, DecodeError, Encode, Height, Magic, Reader,
    codec::{var_bytes_len, write_var_bytes},
};

use super::capability::{
    Capability, MAX_CAPABILITIES, MAX_CAPABILITY_BYTES, decode_capabilities, encode_capabilities,
};

/// Most bytes of a user agent.
pub const MAX_USER_AGENT: u64 = 1024;
/// Most bytes of a version.
pub(crate) const MAX_VERSION: usize =
    16 + 3 + MAX_USER_AGENT as usize + 1 + MAX_CAPABILITIES as usize * MAX_CAPABILITY_BYTES;

/// Who a node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// The network.
    pub magic: Magic,
    /// Version of the protocol: 0.
    pub version: u32,
    /// The node's clock in seconds since 1970.
    pub timestamp: u32,
    /// Random number that names the node as long as it runs.
    pub nonce: u32,
    /// The node's program, for instance `/NEO-GO:0.120.0/`; at most 1024 bytes.
    pub user_agent: String,
    /// What it offers, at most 32.
    pub capabilities: Vec<Capability>,
}

impl Version {
    /// The height that the node says; `None` if it is no full node.
    #[must_use]
    pub fn start_height(&self) -> Option<Height> {
        self.capabilities
            .iter()
            .find_map(|capability| match capability {
                Capability::FullNode(height) => Some(*height),
                _ => None,
            })
    }

    /// The TCP port that the node listens on; `None` if it does not.
    #[must_use]
    pub fn tcp_port(&self) -> Option<u16> {
        tcp_port(&self.capabilities)
    }

    /// Whether it takes compressed payloads.
    #[must_use]
    pub fn takes_compressed(&self) -> bool {
        !self.capabilities.contains(&Capability::DisableCompression)
    }
}

/// The port among capabilities; 0 is none.
pub(crate) fn tcp_port(capabilities: &[Capability]) -> Option<u16> {
    capabilities.iter().find_map(|capability| match capability {
        Capability::TcpServer(port) if *port != 0 => Some(*port),
        _ => None,
    })
}

impl Encode for Version {
    fn encode(&self, out: &mut Vec<u8>) {
        for number in [self.magic.0, self.version, self.timestamp, self.nonce] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        write_var_bytes(out, self.user_agent.as_bytes());
        encode_capabilities(&self.capabilities, out);
    }

    fn encoded_len(&self) -> usize {
        let capabilities: usize = self.capabilities.iter().map(Encode::encoded_len).sum();
        let count = neo_primitives::codec::var_int_len(self.capabilities.len() as u64);
        16 + var_bytes_len(self.user_agent.as_bytes()) + count + capabilities
    }
}

impl Decode for Version {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            magic: Magic(r.field("magic").u32()?),
            version: r.field("version").u32()?,
            timestamp: r.field("timestamp").u32()?,
            nonce: r.field("nonce").u32()?,
            user_agent: r.field("user agent").var_string(MAX_USER_AGENT)?.to_owned(),
            capabilities: decode_capabilities(r)?,
        })
    }
}

/// A question whether the other is there, or the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ping {
    /// The sender's last stored block.
    pub last_block: Height,
    /// The sender's clock in seconds since 1970.
    pub timestamp: u32,
    /// A number that the answer repeats.
    pub nonce: u32,
}

impl Encode for Ping {
    fn encode(&self, out: &mut Vec<u8>) {
        for number in [self.last_block.0, self.timestamp, self.nonce] {
            out.extend_from_slice(&number.to_le_bytes());
        }
    }
}

impl Decode for Ping {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            last_block: Height(r.field("last block").u32()?),
            timestamp: r.field("timestamp").u32()?,
            nonce: r.field("nonce").u32()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_version_fits() {
        let longest = Version {
            magic: Magic(1),
            version: 0,
            timestamp: 2,
            nonce: 3,
            user_agent: "x".repeat(1024),
            capabilities: vec![
                Capability::Unknown {
                    kind: 0xf0,
                    data: vec![7; 1024]
                };
                32
            ],
        };
        let bytes = longest.to_bytes();
        assert_eq!(bytes.len(), MAX_VERSION);
        assert_eq!(bytes.len(), longest.encoded_len());
        assert_eq!(Version::from_bytes(&bytes), Ok(longest));
    }

    #[test]
    fn what_a_version_offers() {
        let mut version = Version {
            magic: Magic(1),
            version: 0,
            timestamp: 2,
            nonce: 3,
            user_agent: String::new(),
            capabilities: vec![Capability::TcpServer(0), Capability::DisableCompression],
        };
        assert_eq!(version.tcp_port(), None, "port 0 is no port");
        assert_eq!(version.start_height(), None);
        assert!(!version.takes_compressed());
        version.capabilities = vec![Capability::TcpServer(20), Capability::FullNode(Height(9))];
        assert_eq!(version.tcp_port(), Some(20));
        assert_eq!(version.start_height(), Some(Height(9)));
        assert!(version.takes_compressed());
    }
}
