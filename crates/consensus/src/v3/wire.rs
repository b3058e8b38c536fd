//! The protobuf envelope `ConsensusMessageV3` and its compression (protocol section 3).

use neo_primitives::{DecodeError, Encode, Height, Reader, Signature, ValidatorIndex};
use prost::Message as _;

use super::context::MessageKind;
use super::message::{Message, Payload};
use crate::validators::View;

#[allow(missing_docs, unreachable_pub, clippy::all)]
mod proto {
    include!(concat!(env!("OUT_DIR"), "/neo.consensus.v3.rs"));
}

/// The envelope's `version`.
pub const PROTOCOL_VERSION: u32 = 3;
/// Payloads longer than this are compressed when that makes them shorter, in bytes.
pub const COMPRESSION_THRESHOLD: usize = 1024;
/// Greatest length of a payload before compression, in bytes.
pub const MAX_PAYLOAD: usize = 2 << 20;
/// Greatest length of an encoded envelope, in bytes.
pub const MAX_ENVELOPE: usize = MAX_PAYLOAD + 1024;
/// Greatest number of extensions, and of bytes in one.
const MAX_EXTENSIONS: usize = 16;

/// Unsigned hints of an envelope: for statistics and scheduling, never for a rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hints {
    /// When it left the sender, nanoseconds since 1970.
    pub timestamp_ns: u64,
    /// Lane it was sent in, 0 is the most urgent.
    pub priority: u32,
}

/// Why bytes are no consensus message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// Longer than any message.
    #[error("envelope of {length} bytes, the limit is {MAX_ENVELOPE}")]
    TooLong {
        /// Its length.
        length: usize,
    },
    /// Not protobuf of this schema.
    #[error("not a ConsensusMessageV3: {0}")]
    Protobuf(String),
    /// Another version of the protocol.
    #[error("protocol version {0}, this node speaks {PROTOCOL_VERSION}")]
    Version(u32),
    /// A type this version does not know.
    #[error("message type {0} is unknown")]
    Kind(i32),
    /// A field outside its range.
    #[error("{field} is {value}, the limit is {limit}")]
    Range {
        /// Name of the field.
        field: &'static str,
        /// Its value or length.
        value: u64,
        /// Its limit.
        limit: u64,
    },
    /// Both or neither of the two payload fields.
    #[error("exactly one of payload and compressed_payload must be set, unless both are empty")]
    Payloads,
    /// The compressed payload does not unpack to its declared length.
    #[error("compressed payload: {0}")]
    Compression(String),
    /// The payload itself.
    #[error("{kind:?} payload: {error}")]
    Payload {
        /// Kind of the message.
        kind: MessageKind,
        /// What is wrong with it.
        error: DecodeError,
    },
}

/// The bytes of a message on the wire.
#[must_use]
pub fn encode(message: &Message, hints: Hints) -> Vec<u8> {
    let plain = message.payload.to_bytes();
    let (payload, compressed_payload) = if plain.len() > COMPRESSION_THRESHOLD {
        let packed = lz4_flex::block::compress_prepend_size(&plain);
        if packed.len() < plain.len() {
            (Vec::new(), packed)
        } else {
            (plain, Vec::new())
        }
    } else {
        (plain, Vec::new())
    };
    proto::ConsensusMessageV3 {
        version: PROTOCOL_VERSION,
        view_number: message.view.0,
        block_height: message.height.0,
        r#type: i32::from(message.kind() as u8),
        payload,
        signature: message.signature.0.to_vec(),
        timestamp_ns: hints.timestamp_ns,
        priority: hints.priority,
        compressed_payload,
        extensions: Vec::new(),
        sender: u32::from(message.sender.0),
    }
    .encode_to_vec()
}

fn within(field: &'static str, value: usize, limit: usize) -> Result<(), EnvelopeError> {
    if value <= limit {
        Ok(())
    } else {
        Err(EnvelopeError::Range {
            field,
            value: value as u64,
            limit: limit as u64,
        })
    }
}

/// Reads a message. Unknown protobuf fields and extensions are skipped, unknown types refused.
///
/// # Errors
/// What is wrong with the bytes, naming field, value and limit.
pub fn decode(bytes: &[u8]) -> Result<(Message, Hints), EnvelopeError> {
    if bytes.len() > MAX_ENVELOPE {
        return Err(EnvelopeError::TooLong {
            length: bytes.len(),
        });
    }
    let envelope = proto::ConsensusMessageV3::decode(bytes)
        .map_err(|error| EnvelopeError::Protobuf(error.to_string()))?;
    if envelope.version != PROTOCOL_VERSION {
        return Err(EnvelopeError::Version(envelope.version));
    }
    let kind = u8::try_from(envelope.r#type)
        .ok()
        .and_then(MessageKind::from_number)
        .ok_or(EnvelopeError::Kind(envelope.r#type))?;
    let signature: [u8; 64] =
        envelope
            .signature
            .as_slice()
            .try_into()
            .map_err(|_| EnvelopeError::Range {
                field: "length of signature",
                value: envelope.signature.len() as u64,
                limit: 64,
            })?;
    let sender = u8::try_from(envelope.sender).map_err(|_| EnvelopeError::Range {
        field: "sender",
        value: u64::from(envelope.sender),
        limit: 255,
    })?;
    within(
        "number of extensions",
        envelope.extensions.len(),
        MAX_EXTENSIONS,
    )?;
    let payload = plain_payload(envelope.payload, &envelope.compressed_payload)?;
    let height = Height(envelope.block_height);
    let mut reader = Reader::new(&payload);
    let payload = Payload::decode(&mut reader, kind, height)
        .and_then(|payload| reader.finish().map(|()| payload))
        .map_err(|error| EnvelopeError::Payload { kind, error })?;
    let message = Message {
        height,
        view: View(envelope.view_number),
        sender: ValidatorIndex(sender),
        signature: Signature(signature),
        payload,
    };
    let hints = Hints {
        timestamp_ns: envelope.timestamp_ns,
        priority: envelope.priority,
    };
    Ok((message, hints))
}

fn plain_payload(plain: Vec<u8>, compressed: &[u8]) -> Result<Vec<u8>, EnvelopeError> {
    if compressed.is_empty() {
        within("length of payload", plain.len(), MAX_PAYLOAD)?;
        return Ok(plain);
    }
    if !plain.is_empty() {
        return Err(EnvelopeError::Payloads);
    }
    let (length, packed) = lz4_flex::block::uncompressed_size(compressed)
        .map_err(|error| EnvelopeError::Compression(error.to_string()))?;
    within("declared length of compressed_payload", length, MAX_PAYLOAD)?;
    // LZ4 cannot pack better than 255 to 1, so a false length cannot take more memory than that.
    within(
        "declared length of compressed_payload",
        length,
        packed.len().saturating_mul(255),
    )?;
    let payload = lz4_flex::block::decompress(packed, length)
        .map_err(|error| EnvelopeError::Compression(error.to_string()))?;
    within(
        "declared length of compressed_payload",
        length,
        payload.len(),
    )?;
    Ok(payload)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::v3::testing::arbitrary;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn decodes_what_it_encodes(message in arbitrary::message()) {
            let hints = Hints { timestamp_ns: 7, priority: 2 };
            let bytes = encode(&message, hints);
            prop_assert_eq!(decode(&bytes).unwrap(), (message, hints));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = decode(&bytes);
        }

        #[test]
        fn no_flipped_byte_makes_it_panic(
            message in arbitrary::message(), at in any::<prop::sample::Index>(), value in any::<u8>()
        ) {
            let mut bytes = encode(&message, Hints::default());
            let at = at.index(bytes.len());
            bytes[at] = value;
            let _ = decode(&bytes);
        }
    }

    fn suspect() -> proto::ConsensusMessageV3 {
        proto::ConsensusMessageV3 {
            version: 3,
            r#type: 7,
            signature: vec![1; 64],
            ..Default::default()
        }
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        assert!(decode(&suspect().encode_to_vec()).is_ok());
        let with = |change: &dyn Fn(&mut proto::ConsensusMessageV3)| {
            let mut envelope = suspect();
            change(&mut envelope);
            decode(&envelope.encode_to_vec())
        };
        assert_eq!(with(&|e| e.version = 2), Err(EnvelopeError::Version(2)));
        assert_eq!(with(&|e| e.r#type = 9), Err(EnvelopeError::Kind(9)));
        assert!(matches!(
            with(&|e| e.sender = 256),
            Err(EnvelopeError::Range { .. })
        ));
        assert!(matches!(
            with(&|e| e.signature = vec![1; 63]),
            Err(EnvelopeError::Range { .. })
        ));
        assert!(matches!(
            with(&|e| e.payload = vec![1]),
            Err(EnvelopeError::Payload { .. })
        ));
        assert!(decode(&vec![0; MAX_ENVELOPE + 1]).is_err());
    }

    #[test]
    fn skips_unknown_fields_and_extensions() {
        let mut bytes = suspect().encode_to_vec();
        bytes.extend([0xf8, 0x07, 1]); // field 127, varint 1
        assert!(decode(&bytes).is_ok());
        let mut extended = suspect();
        extended.extensions.push(proto::Extension {
            id: 9,
            value: vec![1, 2],
        });
        assert!(decode(&extended.encode_to_vec()).is_ok());
        extended.extensions = vec![proto::Extension::default(); 17];
        assert!(decode(&extended.encode_to_vec()).is_err());
    }

    #[test]
    fn a_false_length_takes_no_memory() {
        let mut envelope = suspect();
        envelope.compressed_payload = (MAX_PAYLOAD as u32).to_le_bytes().to_vec();
        envelope.compressed_payload.extend([0; 16]);
        assert!(matches!(
            decode(&envelope.encode_to_vec()),
            Err(EnvelopeError::Range {
                field: "declared length of compressed_payload",
                ..
            })
        ));
    }
}
