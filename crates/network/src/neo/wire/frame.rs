//! Frames: `flags u8 ‖ command u8 ‖ payload`, the payload with its length before it.
//!
//! Bit 0 of the flags says that the payload is compressed ([`super::lz4`]); other bits mean nothing. A frame has
//! neither checksum nor magic.

use bytes::{BufMut, Bytes, BytesMut};
use neo_primitives::{
    DecodeError,
    codec::{var_int_len, write_var_int},
};

use super::{
    command::Command,
    lz4::{self, Lz4Error},
    message::Message,
};

/// The flag of a compressed payload.
const COMPRESSED: u8 = 0x01;

/// Why a frame cannot be read. Each names the command, so that the log can say what a peer did wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// Longer than the command allows.
    #[error("{command} with a payload of {length} bytes, the limit is {limit}")]
    Oversized {
        /// The command.
        command: Command,
        /// What the frame announces.
        length: u64,
        /// Bytes allowed.
        limit: usize,
    },
    /// The compressed payload is bad.
    #[error("{command}: {error}")]
    Compression {
        /// The command.
        command: Command,
        /// What is wrong.
        error: Lz4Error,
    },
    /// The payload is malformed.
    #[error("{command}: {error}")]
    Malformed {
        /// The command.
        command: Command,
        /// The field, and what is wrong with it.
        error: DecodeError,
    },
}

/// What stands before a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHead {
    /// Whether the payload is compressed.
    pub compressed: bool,
    /// What it holds.
    pub command: Command,
    /// Its bytes in the frame.
    pub length: usize,
}

impl FrameHead {
    /// Reads the head at the beginning of `bytes` and says how long it is; `None` if it is not all there yet. The
    /// payload's length has been checked against the command's limit.
    ///
    /// # Errors
    /// [`FrameError::Oversized`].
    pub fn read(bytes: &[u8]) -> Result<Option<(Self, usize)>, FrameError> {
        let [flags, code, first, rest @ ..] = bytes else {
            return Ok(None);
        };
        let command = Command::from_code(*code);
        // The reference takes lengths in any form here; no hash depends on it.
        let (length, used) = match first {
            0xfd => match rest.first_chunk::<2>() {
                Some(chunk) => (u64::from(u16::from_le_bytes(*chunk)), 5),
                None => return Ok(None),
            },
            0xfe => match rest.first_chunk::<4>() {
                Some(chunk) => (u64::from(u32::from_le_bytes(*chunk)), 7),
                None => return Ok(None),
            },
            0xff => match rest.first_chunk::<8>() {
                Some(chunk) => (u64::from_le_bytes(*chunk), 11),
                None => return Ok(None),
            },
            short => (u64::from(*short), 3),
        };
        let limit = command.limit();
        match usize::try_from(length) {
            Ok(length) if length <= limit => {
                let head = Self {
                    compressed: flags & COMPRESSED != 0,
                    command,
                    length,
                };
                Ok(Some((head, used)))
            }
            _ => Err(FrameError::Oversized {
                command,
                length,
                limit,
            }),
        }
    }

    /// Reads the payload that followed this head.
    ///
    /// # Errors
    /// [`FrameError`].
    pub fn open(&self, payload: &[u8]) -> Result<Message, FrameError> {
        self.open_within(payload, self.command.limit())
    }

    /// As [`FrameHead::open`] with at most `limit` bytes once uncompressed.
    ///
    /// # Errors
    /// [`FrameError`].
    pub fn open_within(&self, payload: &[u8], limit: usize) -> Result<Message, FrameError> {
        let command = self.command;
        let malformed = |error| FrameError::Malformed { command, error };
        if !self.compressed {
            return Message::from_payload(command, payload).map_err(malformed);
        }
        let payload = lz4::decompress(payload, limit)
            .map_err(|error| FrameError::Compression { command, error })?;
        Message::from_payload(command, &payload).map_err(malformed)
    }
}

/// The frame of a message, compressed where `compress` says that the other takes that and it is worth it.
#[must_use]
pub fn frame(message: &Message, compress: bool) -> Bytes {
    frame_payload(message.command(), &message.payload(), compress)
}

/// The frame of a payload that is bytes already.
#[must_use]
pub(crate) fn frame_payload(command: Command, payload: &[u8], compress: bool) -> Bytes {
    let packed = compress.then(|| lz4::compress(command, payload)).flatten();
    let flags = if packed.is_some() { COMPRESSED } else { 0 };
    let payload = packed.as_deref().unwrap_or(payload);
    let mut head = vec![flags, command.code()];
    write_var_int(&mut head, payload.len() as u64);
    let mut out = BytesMut::with_capacity(2 + var_int_len(payload.len() as u64) + payload.len());
    out.put_slice(&head);
    out.put_slice(payload);
    out.freeze()
}

/// Reads one message from the beginning of `bytes` and says how many bytes it took; `None` if the frame is not
/// complete.
///
/// # Errors
/// [`FrameError`].
pub fn read_frame(bytes: &[u8]) -> Result<Option<(Message, usize)>, FrameError> {
    let Some((head, used)) = FrameHead::read(bytes)? else {
        return Ok(None);
    };
    let Some(payload) = bytes.get(used..).and_then(|rest| rest.get(..head.length)) else {
        return Ok(None);
    };
    Ok(Some((head.open(payload)?, used + head.length)))
}
