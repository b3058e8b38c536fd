//! What a node offers.

use neo_primitives::{
    Decode, DecodeError, Encode, Height, Reader,
    codec::{var_bytes_len, write_var_bytes},
};

/// Most capabilities of a node.
pub const MAX_CAPABILITIES: u64 = 32;
/// Most bytes of a capability that is not known here.
pub const MAX_CAPABILITY_DATA: u64 = 1024;
/// Most bytes of one capability: type, length, data.
pub(crate) const MAX_CAPABILITY_BYTES: usize = 1 + 3 + MAX_CAPABILITY_DATA as usize;

/// One thing that a node offers: a type and its data.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Capability {
    /// Takes connections on this TCP port.
    TcpServer(u16),
    /// Takes web socket connections on this port.
    WsServer(u16),
    /// Must be sent nothing compressed.
    DisableCompression,
    /// Relays and serves blocks; its height when it said so.
    FullNode(Height),
    /// Serves all blocks from the first on.
    ArchivalNode,
    /// Something unknown, kept as it came.
    Unknown {
        /// Its type.
        kind: u8,
        /// Its data.
        data: Vec<u8>,
    },
}

impl Capability {
    /// The byte on the wire.
    #[must_use]
    pub fn kind(&self) -> u8 {
        match self {
            Self::TcpServer(_) => 0x01,
            Self::WsServer(_) => 0x02,
            Self::DisableCompression => 0x03,
            Self::FullNode(_) => 0x10,
            Self::ArchivalNode => 0x11,
            Self::Unknown { kind, .. } => *kind,
        }
    }
}

impl Encode for Capability {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.kind());
        match self {
            Self::TcpServer(port) | Self::WsServer(port) => {
                out.extend_from_slice(&port.to_le_bytes());
            }
            Self::DisableCompression | Self::ArchivalNode => out.push(0),
            Self::FullNode(height) => out.extend_from_slice(&height.0.to_le_bytes()),
            Self::Unknown { data, .. } => write_var_bytes(out, data),
        }
    }

    fn encoded_len(&self) -> usize {
        1 + match self {
            Self::TcpServer(_) | Self::WsServer(_) => 2,
            Self::DisableCompression | Self::ArchivalNode => 1,
            Self::FullNode(_) => 4,
            Self::Unknown { data, .. } => var_bytes_len(data),
        }
    }
}

impl Decode for Capability {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match r.field("capability type").u8()? {
            0x01 => Self::TcpServer(r.field("TCP port").u16()?),
            0x02 => Self::WsServer(r.field("web socket port").u16()?),
            0x03 => {
                zero(r.field("compression capability"))?;
                Self::DisableCompression
            }
            0x10 => Self::FullNode(Height(r.field("start height").u32()?)),
            0x11 => {
                zero(r.field("archive capability"))?;
                Self::ArchivalNode
            }
            kind => Self::Unknown {
                kind,
                data: r
                    .field("capability data")
                    .var_bytes(MAX_CAPABILITY_DATA)?
                    .to_vec(),
            },
        })
    }
}

/// Capabilities without data have one zero byte, which C# reads as empty data.
fn zero(r: &mut Reader<'_>) -> Result<(), DecodeError> {
    match r.u8()? {
        0 => Ok(()),
        other => Err(r.invalid(format!("{other:#04x} where 0 must stand"))),
    }
}

/// Reads a list of capabilities. Two of a known type are refused, as the reference does.
pub(crate) fn decode_capabilities(r: &mut Reader<'_>) -> Result<Vec<Capability>, DecodeError> {
    let count = r.field("capability count").count(MAX_CAPABILITIES, 2)?;
    let capabilities = r.list(count, Capability::decode)?;
    let mut seen = [false; 256];
    for capability in &capabilities {
        if matches!(capability, Capability::Unknown { .. }) {
            continue;
        }
        if std::mem::replace(&mut seen[usize::from(capability.kind())], true) {
            return Err(r
                .field("capabilities")
                .invalid(format!("{:#04x} is there twice", capability.kind())));
        }
    }
    Ok(capabilities)
}

/// Appends a list of capabilities.
pub(crate) fn encode_capabilities(capabilities: &[Capability], out: &mut Vec<u8>) {
    neo_primitives::codec::write_var_int(out, capabilities.len() as u64);
    for capability in capabilities {
        capability.encode(out);
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    /// Any capability.
    pub(crate) fn capability() -> impl Strategy<Value = Capability> {
        prop_oneof![
            any::<u16>().prop_map(Capability::TcpServer),
            any::<u16>().prop_map(Capability::WsServer),
            Just(Capability::DisableCompression),
            any::<u32>().prop_map(|height| Capability::FullNode(Height(height))),
            Just(Capability::ArchivalNode),
            (0xf0u8.., vec(any::<u8>(), 0..40))
                .prop_map(|(kind, data)| Capability::Unknown { kind, data }),
        ]
    }

    /// Capabilities without a repeated one.
    pub(crate) fn capabilities() -> impl Strategy<Value = Vec<Capability>> {
        vec(capability(), 0..8).prop_map(|mut list| {
            let mut kinds = std::collections::HashSet::new();
            list.retain(|c| matches!(c, Capability::Unknown { .. }) || kinds.insert(c.kind()));
            list
        })
    }

    /// C# `UT_UnknownCapability`.
    #[test]
    fn an_unknown_capability_is_kept() {
        let bytes = hex::decode("ff03010203").unwrap();
        let read = Capability::from_bytes(&bytes).unwrap();
        assert_eq!(
            read,
            Capability::Unknown {
                kind: 0xff,
                data: vec![1, 2, 3]
            }
        );
        assert_eq!(read.to_bytes(), bytes);
    }

    #[test]
    fn known_ones_come_once_unknown_ones_as_often_as_they_like() {
        let mut bytes = Vec::new();
        let unknown = Capability::Unknown {
            kind: 0xf0,
            data: vec![],
        };
        let mut list = vec![unknown.clone(), unknown, Capability::TcpServer(1)];
        encode_capabilities(&list, &mut bytes);
        assert_eq!(
            decode_capabilities(&mut Reader::new(&bytes)),
            Ok(list.clone())
        );
        list.push(Capability::TcpServer(2));
        bytes.clear();
        encode_capabilities(&list, &mut bytes);
        let error = decode_capabilities(&mut Reader::new(&bytes)).unwrap_err();
        assert!(error.to_string().contains("0x01 is there twice"), "{error}");
    }

    #[test]
    fn more_than_32_are_refused_before_they_are_read() {
        let error = decode_capabilities(&mut Reader::new(&[33])).unwrap_err();
        assert!(matches!(
            error,
            DecodeError::TooLarge {
                value: 33,
                limit: 32,
                ..
            }
        ));
    }
}
