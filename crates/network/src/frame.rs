//! Frames of the express and bulk lanes.
//!
//! ```text
//! frame   = length u32 ‖ message*                  length of the messages together
//! message = kind u8 ‖ length u32 ‖ payload
//! batch   = (length u32 ‖ transaction)*            payload of a `Transactions` message
//! ```
//!
//! Integers are little-endian. Kinds 0 to 7 are the priorities; 8 to 10 are in [`crate::kind`].

use std::io;

use bytes::Bytes;
use futures::{AsyncWrite, AsyncWriteExt};

use crate::{evidence::MAX_EVIDENCE, kind::Kind, queue::EXPRESS_ITEM};

/// Bytes in front of each message's payload.
pub(crate) const MESSAGE_HEAD: usize = 5;
/// Longest frame on the express lane: one message of the greatest length.
pub(crate) const EXPRESS_FRAME: usize = MESSAGE_HEAD + EXPRESS_ITEM;
/// Longest frame on the bulk lane.
pub(crate) const BULK_FRAME: usize = 8 << 20;
/// Longest payload of one message.
pub(crate) const MAX_MESSAGE: usize = BULK_FRAME - MESSAGE_HEAD;
/// Longest batch of transactions.
pub(crate) const MAX_BATCH: usize = 512 << 10;
/// Longest frame on the control lane.
pub(crate) const CONTROL_FRAME: usize = 2048;
/// Longest transaction, as Neo N3 limits it.
pub(crate) const MAX_TRANSACTION: usize = neo_primitives::MAX_TRANSACTION_SIZE;

/// Payloads above this length are written from where they are instead of being copied.
const COPY_BELOW: usize = 16 << 10;

/// Bytes of a frame that mean nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FrameError {
    #[error("unknown kind {byte} at offset {offset}")]
    Kind { byte: u8, offset: usize },
    #[error("a message of {length} bytes at offset {offset}, where {remaining} are left")]
    Length {
        length: usize,
        offset: usize,
        remaining: usize,
    },
    #[error("{remaining} bytes at offset {offset} are no message head")]
    Head { offset: usize, remaining: usize },
    #[error("a transaction of {length} bytes, the limit is {MAX_TRANSACTION}")]
    Transaction { length: usize },
    #[error("a batch of {length} bytes, the limit is {MAX_BATCH}")]
    Batch { length: usize },
    #[error(
        "a relayed message of {length} bytes with its head, from {least} to {most} are allowed"
    )]
    Relay {
        length: usize,
        least: usize,
        most: usize,
    },
    #[error("a relayed message of priority {byte}, which is none of consensus")]
    RelayPriority { byte: u8 },
    #[error("evidence of {length} bytes, from 1 to {MAX_EVIDENCE} are allowed")]
    Evidence { length: usize },
}

/// Writes one frame with these messages and flushes it. `scratch` is memory to reuse.
pub(crate) async fn write_frame<W: AsyncWrite + Unpin>(
    io: &mut W,
    messages: &[(Kind, Bytes)],
    scratch: &mut Vec<u8>,
) -> io::Result<()> {
    let length: usize = messages
        .iter()
        .map(|(_, payload)| MESSAGE_HEAD + payload.len())
        .sum();
    scratch.clear();
    scratch.extend_from_slice(&length_prefix(length)?);
    for (kind, payload) in messages {
        scratch.push(kind.byte());
        scratch.extend_from_slice(&length_prefix(payload.len())?);
        if payload.len() <= COPY_BELOW {
            scratch.extend_from_slice(payload);
        } else {
            io.write_all(scratch).await?;
            scratch.clear();
            io.write_all(payload).await?;
        }
    }
    if !scratch.is_empty() {
        io.write_all(scratch).await?;
    }
    io.flush().await
}

fn length_prefix(length: usize) -> io::Result<[u8; 4]> {
    let length = u32::try_from(length).map_err(|_| io::Error::other("a frame exceeds 4 GiB"))?;
    Ok(length.to_le_bytes())
}

/// Goes through the messages of a frame without copying them. Stops at the first error.
pub(crate) struct Messages {
    body: Bytes,
    offset: usize,
}

impl Messages {
    pub(crate) fn new(body: Bytes) -> Self {
        Self { body, offset: 0 }
    }

    fn read(&mut self) -> Result<(Kind, Bytes), FrameError> {
        let rest = self.body.get(self.offset..).unwrap_or_default();
        let Some(([byte, length @ ..], payload)) = rest.split_first_chunk::<MESSAGE_HEAD>() else {
            return Err(FrameError::Head {
                offset: self.offset,
                remaining: rest.len(),
            });
        };
        let kind = Kind::from_byte(*byte).ok_or(FrameError::Kind {
            byte: *byte,
            offset: self.offset,
        })?;
        let length = u32::from_le_bytes(*length) as usize;
        let Some(payload) = payload.get(..length) else {
            return Err(FrameError::Length {
                length,
                offset: self.offset,
                remaining: payload.len(),
            });
        };
        let payload = self.body.slice_ref(payload);
        self.offset += MESSAGE_HEAD + length;
        Ok((kind, payload))
    }
}

impl Iterator for Messages {
    type Item = Result<(Kind, Bytes), FrameError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.offset >= self.body.len() {
            return None;
        }
        let read = self.read();
        if read.is_err() {
            self.offset = self.body.len();
        }
        Some(read)
    }
}

/// The payload of a `Transactions` message.
pub(crate) fn encode_batch<'a>(transactions: impl IntoIterator<Item = &'a Bytes>) -> Bytes {
    let mut out = Vec::new();
    for transaction in transactions {
        let Ok(prefix) = length_prefix(transaction.len()) else {
            continue;
        };
        out.extend_from_slice(&prefix);
        out.extend_from_slice(transaction);
    }
    Bytes::from(out)
}

/// The transactions of a batch, sharing its memory.
pub(crate) fn decode_batch(batch: &Bytes) -> Result<Vec<Bytes>, FrameError> {
    if batch.len() > MAX_BATCH {
        return Err(FrameError::Batch {
            length: batch.len(),
        });
    }
    let mut transactions = Vec::new();
    let mut offset = 0;
    while offset < batch.len() {
        let rest = batch.get(offset..).unwrap_or_default();
        let Some((length, rest)) = rest.split_first_chunk::<4>() else {
            return Err(FrameError::Head {
                offset,
                remaining: rest.len(),
            });
        };
        let length = u32::from_le_bytes(*length) as usize;
        if length == 0 || length > MAX_TRANSACTION {
            return Err(FrameError::Transaction { length });
        }
        let Some(transaction) = rest.get(..length) else {
            return Err(FrameError::Length {
                length,
                offset,
                remaining: rest.len(),
            });
        };
        transactions.push(batch.slice_ref(transaction));
        offset += 4 + length;
    }
    Ok(transactions)
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn written(messages: &[(Kind, Bytes)]) -> Vec<u8> {
        let mut out = Vec::new();
        futures::executor::block_on(write_frame(&mut out, messages, &mut Vec::new())).unwrap();
        out
    }

    proptest! {
        #[test]
        fn frames_come_back(messages in vec((0u8..11, 0usize..40_000), 0..8)) {
            let messages: Vec<_> = messages
                .into_iter()
                .map(|(byte, length)| (Kind::from_byte(byte).unwrap(), Bytes::from(vec![byte; length])))
                .collect();
            let bytes = written(&messages);
            let (prefix, body) = bytes.split_at(4);
            prop_assert_eq!(u32::from_le_bytes(prefix.try_into().unwrap()) as usize, body.len());
            let read: Result<Vec<_>, _> = Messages::new(Bytes::copy_from_slice(body)).collect();
            prop_assert_eq!(read.unwrap(), messages);
        }

        #[test]
        fn no_bytes_panic(bytes in vec(any::<u8>(), 0..300)) {
            let bytes = Bytes::from(bytes);
            let total: usize = Messages::new(bytes.clone()).filter_map(Result::ok).map(|(_, p)| p.len()).sum();
            prop_assert!(total <= bytes.len());
            let _ = decode_batch(&bytes);
        }

        #[test]
        fn batches_come_back(lengths in vec(1usize..2000, 0..20)) {
            let transactions: Vec<_> = lengths.into_iter().map(|n| Bytes::from(vec![n as u8; n])).collect();
            prop_assert_eq!(decode_batch(&encode_batch(&transactions)).unwrap(), transactions);
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let first = |bytes: &[u8]| {
            Messages::new(Bytes::copy_from_slice(bytes))
                .next()
                .unwrap()
                .unwrap_err()
        };
        assert_eq!(
            first(&[11, 0, 0, 0, 0]),
            FrameError::Kind {
                byte: 11,
                offset: 0
            }
        );
        assert_eq!(
            first(&[0, 5, 0, 0, 0, 1]),
            FrameError::Length {
                length: 5,
                offset: 0,
                remaining: 1
            }
        );
        assert_eq!(
            first(&[0, 5]),
            FrameError::Head {
                offset: 0,
                remaining: 2
            }
        );
        let huge = Bytes::from_static(&[0xff, 0xff, 0xff, 0xff, 0]);
        assert_eq!(
            decode_batch(&huge),
            Err(FrameError::Transaction {
                length: u32::MAX as usize
            })
        );
    }
}
