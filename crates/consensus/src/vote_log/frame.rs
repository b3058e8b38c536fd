//! Frames: the bytes of records and of a segment's header.

use neo_primitives::{DecodeError, Magic, PublicKey, Reader, UInt256};

use super::{LogError, MAX_RECORD};

const FORMAT: u32 = 1;
const FRAME_HEADER: usize = 8;

/// Whose log it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Network magic.
    pub magic: Magic,
    /// Hash of the genesis block.
    pub genesis: UInt256,
    /// The validator.
    pub validator: PublicKey,
}

pub(super) fn frame(body: &[u8], out: &mut Vec<u8>) -> Result<(), LogError> {
    let length = u32::try_from(body.len())
        .ok()
        .filter(|_| body.len() <= MAX_RECORD)
        .ok_or(LogError::TooLong { length: body.len() })?;
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&checksum(length, body).to_le_bytes());
    out.extend_from_slice(body);
    Ok(())
}

fn checksum(length: u32, body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&length.to_le_bytes());
    hasher.update(body);
    hasher.finalize()
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let word = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes([word[0], word[1], word[2], word[3]]))
}

/// The body of the frame at `at`, and where the next one begins.
pub(super) fn frame_at(bytes: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let length = word(bytes, at)?;
    let sum = word(bytes, at + 4)?;
    let begin = at + FRAME_HEADER;
    let end = begin.checked_add(usize::try_from(length).ok()?)?;
    let body = bytes.get(begin..end)?;
    (!body.is_empty() && checksum(length, body) == sum).then_some((body, end))
}

pub(super) fn header(
    identity: &Identity,
    instance: Option<u64>,
    after_loss: bool,
) -> Result<Vec<u8>, LogError> {
    let mut body = b"dbft3 votes".to_vec();
    body.extend_from_slice(&FORMAT.to_le_bytes());
    body.extend_from_slice(&identity.magic.0.to_le_bytes());
    body.extend_from_slice(identity.genesis.as_wire());
    body.extend_from_slice(identity.validator.as_bytes());
    body.extend_from_slice(&instance.unwrap_or(0).to_le_bytes());
    body.push(u8::from(after_loss));
    let mut out = Vec::new();
    frame(&body, &mut out)?;
    Ok(out)
}

pub(super) struct Header {
    pub(super) magic: Magic,
    pub(super) genesis: UInt256,
    pub(super) validator: Vec<u8>,
    pub(super) instance: u64,
    pub(super) after_loss: bool,
}

pub(super) fn read_header(body: &[u8]) -> Result<Header, DecodeError> {
    let mut reader = Reader::new(body);
    if reader.field("mark of a vote log").bytes(11)? != b"dbft3 votes" {
        return Err(reader.invalid("no vote log"));
    }
    let format = reader.field("format").u32()?;
    if format != FORMAT {
        return Err(reader.invalid(format!(
            "vote log format {format}, this node knows {FORMAT}"
        )));
    }
    let header = Header {
        magic: Magic(reader.field("magic").u32()?),
        genesis: UInt256::from_wire(reader.field("genesis").array()?),
        validator: reader.field("validator").bytes(33)?.to_vec(),
        instance: reader.field("instance").u64()?,
        after_loss: reader.field("after a loss").bool()?,
    };
    reader.finish()?;
    Ok(header)
}

impl Identity {
    pub(super) fn require(&self, header: &Header) -> Result<(), LogError> {
        let foreign = |what, found: String, expected: String| {
            Err(LogError::Foreign {
                what,
                found,
                expected,
            })
        };
        if header.magic != self.magic {
            return foreign("network", header.magic.to_string(), self.magic.to_string());
        }
        if header.genesis != self.genesis {
            return foreign(
                "genesis block",
                header.genesis.to_string(),
                self.genesis.to_string(),
            );
        }
        if header.validator != self.validator.as_bytes() {
            let hex = header
                .validator
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            return foreign("validator", hex, self.validator.to_string());
        }
        Ok(())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    End,
    Torn,
    Bad,
}

/// A bad frame is torn when nothing valid follows it, and damage otherwise.
pub(super) fn stop_kind(bytes: &[u8], at: usize) -> Stop {
    let later = at.saturating_add(1)..bytes.len().saturating_sub(FRAME_HEADER);
    // A frame shorter than the smallest record is a chance match in garbage.
    let follows = later.into_iter().any(|from| {
        word(bytes, from).is_some_and(|length| length > 4) && frame_at(bytes, from).is_some()
    });
    if follows { Stop::Bad } else { Stop::Torn }
}
