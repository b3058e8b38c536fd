//! Requests for blocks, bodies and transactions, and their answers.
//!
//! One byte says what it is, then follow Neo-style fields: little-endian integers, variable-length counts.
//! Every count is bounded by the bytes that are there.

use bytes::Bytes;
use neo_primitives::{
    Decode, DecodeError, Encode, Height, Reader, UInt256,
    codec::{var_bytes_len, var_int_len, write_var_bytes, write_var_int},
};

/// Most blocks in one answer.
pub const MAX_SYNC_BLOCKS: u16 = 500;
/// Most transactions in one request.
pub const MAX_SYNC_TRANSACTIONS: usize = 4096;
/// Most transaction hashes in one answer: more than a block can hold.
pub const MAX_SYNC_HASHES: usize = 65_536;
/// Longest request in bytes: the hashes of [`MAX_SYNC_TRANSACTIONS`] and a little.
pub const MAX_SYNC_REQUEST: usize = 32 * MAX_SYNC_TRANSACTIONS + 16;
/// Longest answer in bytes.
pub const MAX_SYNC_RESPONSE: usize = 16 << 20;

/// What a peer is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyncRequest {
    /// Up to `count` blocks from `start` upwards, in order.
    Blocks {
        /// Height of the first block.
        start: Height,
        /// How many, at most [`MAX_SYNC_BLOCKS`].
        count: u16,
    },
    /// Header and transactions of a proposed block.
    Body {
        /// The block's hash.
        hash: UInt256,
    },
    /// The transaction hashes of a proposed block, in order.
    Hashes {
        /// The block's hash.
        block: UInt256,
    },
    /// Transactions by hash.
    Transactions {
        /// Their hashes, at most [`MAX_SYNC_TRANSACTIONS`].
        hashes: Vec<UInt256>,
    },
    /// Transactions of a proposed block by their positions in it. Answered by
    /// [`SyncResponse::Transactions`].
    Positions {
        /// The block's hash.
        block: UInt256,
        /// Positions, at most [`MAX_SYNC_TRANSACTIONS`].
        positions: Vec<u32>,
    },
}

/// The answer to the [`SyncRequest`] of the same name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyncResponse {
    /// Encoded blocks; fewer than asked for where the peer has no more or the answer is full.
    Blocks(Vec<Bytes>),
    /// The encoded body, if the peer has it.
    Body(Option<Bytes>),
    /// The hashes, if the peer has that block.
    Hashes(Option<Vec<UInt256>>),
    /// One entry for each hash asked for, in that order.
    Transactions(Vec<Option<Bytes>>),
}

impl SyncRequest {
    /// What is asked, in a few words.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            SyncRequest::Blocks { start, count } => format!("{count} blocks from {start}"),
            SyncRequest::Body { hash } => format!("the body of {hash}"),
            SyncRequest::Hashes { block } => format!("the transaction hashes of {block}"),
            SyncRequest::Transactions { hashes } => format!("{} transactions", hashes.len()),
            SyncRequest::Positions { block, positions } => {
                format!("{} transactions of {block}", positions.len())
            }
        }
    }

    /// Whether the request keeps its own limits.
    pub(crate) fn within_limits(&self) -> bool {
        match self {
            SyncRequest::Blocks { count, .. } => (1..=MAX_SYNC_BLOCKS).contains(count),
            SyncRequest::Body { .. } | SyncRequest::Hashes { .. } => true,
            SyncRequest::Transactions { hashes } => hashes.len() <= MAX_SYNC_TRANSACTIONS,
            SyncRequest::Positions { positions, .. } => positions.len() <= MAX_SYNC_TRANSACTIONS,
        }
    }

    /// Whether `response` is of the kind asked for, and not more than was asked for.
    pub(crate) fn fits(&self, response: &SyncResponse) -> bool {
        match (self, response) {
            (SyncRequest::Blocks { count, .. }, SyncResponse::Blocks(blocks)) => {
                blocks.len() <= usize::from(*count)
            }
            (SyncRequest::Body { .. }, SyncResponse::Body(_))
            | (SyncRequest::Hashes { .. }, SyncResponse::Hashes(_)) => true,
            (SyncRequest::Transactions { hashes }, SyncResponse::Transactions(found)) => {
                hashes.len() == found.len()
            }
            (SyncRequest::Positions { positions, .. }, SyncResponse::Transactions(found)) => {
                positions.len() == found.len()
            }
            _ => false,
        }
    }
}

impl SyncResponse {
    /// What is answered, in a few words.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            SyncResponse::Blocks(blocks) => format!("{} blocks", blocks.len()),
            SyncResponse::Body(body) => format!("{} body", if body.is_some() { "a" } else { "no" }),
            SyncResponse::Hashes(hashes) => hashes
                .as_ref()
                .map_or_else(|| "no hashes".to_owned(), |h| format!("{} hashes", h.len())),
            SyncResponse::Transactions(found) => format!("{} transactions", found.len()),
        }
    }

    /// Reads an answer; its byte strings share the memory of `bytes`.
    ///
    /// # Errors
    /// For anything that [`Encode::encode`] would not have written.
    pub fn decode_shared(bytes: &Bytes) -> Result<Self, DecodeError> {
        let mut r = Reader::new(bytes);
        let limit = MAX_SYNC_RESPONSE as u64;
        let tag = r.field("sync response").u8()?;
        let response = match tag {
            0 => {
                let count = r.field("blocks").var_int(u64::from(MAX_SYNC_BLOCKS))?;
                let mut blocks = Vec::new();
                for _ in 0..count {
                    blocks.push(bytes.slice_ref(r.field("block").var_bytes(limit)?));
                }
                SyncResponse::Blocks(blocks)
            }
            1 => SyncResponse::Body(optional(&mut r, bytes)?),
            2 => SyncResponse::Hashes(match r.field("hashes present").bool()? {
                true => Some(read_hashes(&mut r, MAX_SYNC_HASHES)?),
                false => None,
            }),
            3 => {
                let count = r
                    .field("transactions")
                    .var_int(MAX_SYNC_TRANSACTIONS as u64)?;
                let mut found = Vec::new();
                for _ in 0..count {
                    found.push(optional(&mut r, bytes)?);
                }
                SyncResponse::Transactions(found)
            }
            other => return Err(r.invalid(format!("response type {other}"))),
        };
        r.finish()?;
        Ok(response)
    }
}

fn optional(r: &mut Reader<'_>, bytes: &Bytes) -> Result<Option<Bytes>, DecodeError> {
    match r.field("present").bool()? {
        true => Ok(Some(
            bytes.slice_ref(r.field("bytes").var_bytes(MAX_SYNC_RESPONSE as u64)?),
        )),
        false => Ok(None),
    }
}

fn read_hashes(r: &mut Reader<'_>, most: usize) -> Result<Vec<UInt256>, DecodeError> {
    let count = r.field("hashes").var_int(most as u64)?;
    let mut hashes = Vec::new();
    for _ in 0..count {
        hashes.push(UInt256::from_wire(r.field("hash").array()?));
    }
    Ok(hashes)
}

fn write_hashes(out: &mut Vec<u8>, hashes: &[UInt256]) {
    write_var_int(out, hashes.len() as u64);
    for hash in hashes {
        out.extend_from_slice(hash.as_wire());
    }
}

fn write_optional(out: &mut Vec<u8>, bytes: Option<&Bytes>) {
    out.push(u8::from(bytes.is_some()));
    if let Some(bytes) = bytes {
        write_var_bytes(out, bytes);
    }
}

impl Encode for SyncRequest {
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            SyncRequest::Blocks { start, count } => {
                out.push(0);
                out.extend_from_slice(&start.0.to_le_bytes());
                out.extend_from_slice(&count.to_le_bytes());
            }
            SyncRequest::Body { hash } => {
                out.push(1);
                out.extend_from_slice(hash.as_wire());
            }
            SyncRequest::Hashes { block } => {
                out.push(2);
                out.extend_from_slice(block.as_wire());
            }
            SyncRequest::Transactions { hashes } => {
                out.push(3);
                write_hashes(out, hashes);
            }
            SyncRequest::Positions { block, positions } => {
                out.push(4);
                out.extend_from_slice(block.as_wire());
                write_var_int(out, positions.len() as u64);
                for position in positions {
                    out.extend_from_slice(&position.to_le_bytes());
                }
            }
        }
    }
}

impl Decode for SyncRequest {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let request = match r.field("sync request").u8()? {
            0 => SyncRequest::Blocks {
                start: Height(r.field("start").u32()?),
                count: r.field("count").u16()?,
            },
            1 => SyncRequest::Body {
                hash: UInt256::from_wire(r.field("hash").array()?),
            },
            2 => SyncRequest::Hashes {
                block: UInt256::from_wire(r.field("block").array()?),
            },
            3 => SyncRequest::Transactions {
                hashes: read_hashes(r, MAX_SYNC_TRANSACTIONS)?,
            },
            4 => {
                let block = UInt256::from_wire(r.field("block").array()?);
                let count = r
                    .field("positions")
                    .count(MAX_SYNC_TRANSACTIONS as u64, 4)?;
                let mut positions = Vec::with_capacity(count);
                for _ in 0..count {
                    positions.push(r.field("position").u32()?);
                }
                SyncRequest::Positions { block, positions }
            }
            other => return Err(r.invalid(format!("request type {other}"))),
        };
        match request.within_limits() {
            true => Ok(request),
            false => Err(r.invalid(format!(
                "{} is outside 1 to {MAX_SYNC_BLOCKS}",
                request.describe()
            ))),
        }
    }
}

impl Encode for SyncResponse {
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            SyncResponse::Blocks(blocks) => {
                out.push(0);
                write_var_int(out, blocks.len() as u64);
                for block in blocks {
                    write_var_bytes(out, block);
                }
            }
            SyncResponse::Body(body) => {
                out.push(1);
                write_optional(out, body.as_ref());
            }
            SyncResponse::Hashes(hashes) => {
                out.push(2);
                out.push(u8::from(hashes.is_some()));
                if let Some(hashes) = hashes {
                    write_hashes(out, hashes);
                }
            }
            SyncResponse::Transactions(found) => {
                out.push(3);
                write_var_int(out, found.len() as u64);
                for entry in found {
                    write_optional(out, entry.as_ref());
                }
            }
        }
    }

    /// Exact; at most [`MAX_SYNC_RESPONSE`] can be sent.
    fn encoded_len(&self) -> usize {
        1 + match self {
            SyncResponse::Blocks(blocks) => {
                var_int_len(blocks.len() as u64)
                    + blocks.iter().map(|b| var_bytes_len(b)).sum::<usize>()
            }
            SyncResponse::Body(body) => 1 + body.as_ref().map_or(0, |b| var_bytes_len(b)),
            SyncResponse::Hashes(hashes) => {
                1 + hashes
                    .as_ref()
                    .map_or(0, |h| var_int_len(h.len() as u64) + 32 * h.len())
            }
            SyncResponse::Transactions(found) => {
                let each =
                    |entry: &Option<Bytes>| 1 + entry.as_ref().map_or(0, |b| var_bytes_len(b));
                var_int_len(found.len() as u64) + found.iter().map(each).sum::<usize>()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, option, prelude::*};

    use super::*;

    fn hash() -> impl Strategy<Value = UInt256> {
        any::<[u8; 32]>().prop_map(UInt256::from_wire)
    }

    fn request() -> impl Strategy<Value = SyncRequest> {
        prop_oneof![
            (any::<u32>(), 1..=MAX_SYNC_BLOCKS).prop_map(|(start, count)| SyncRequest::Blocks {
                start: Height(start),
                count
            }),
            hash().prop_map(|hash| SyncRequest::Body { hash }),
            hash().prop_map(|block| SyncRequest::Hashes { block }),
            vec(hash(), 0..20).prop_map(|hashes| SyncRequest::Transactions { hashes }),
            (hash(), vec(any::<u32>(), 0..20))
                .prop_map(|(block, positions)| SyncRequest::Positions { block, positions }),
        ]
    }

    fn response() -> impl Strategy<Value = SyncResponse> {
        let bytes = || vec(any::<u8>(), 0..300).prop_map(Bytes::from);
        prop_oneof![
            vec(bytes(), 0..20).prop_map(SyncResponse::Blocks),
            option::of(bytes()).prop_map(SyncResponse::Body),
            option::of(vec(hash(), 0..20)).prop_map(SyncResponse::Hashes),
            vec(option::of(bytes()), 0..20).prop_map(SyncResponse::Transactions),
        ]
    }

    proptest! {
        #[test]
        fn requests_come_back(request in request()) {
            let bytes = request.to_bytes();
            prop_assert!(bytes.len() <= MAX_SYNC_REQUEST);
            prop_assert_eq!(SyncRequest::from_bytes(&bytes).unwrap(), request);
        }

        #[test]
        fn responses_come_back(response in response()) {
            let bytes = Bytes::from(response.to_bytes());
            prop_assert_eq!(bytes.len(), response.encoded_len());
            prop_assert_eq!(SyncResponse::decode_shared(&bytes).unwrap(), response);
        }

        #[test]
        fn no_input_panics(bytes in vec(any::<u8>(), 0..200)) {
            let _ = SyncRequest::from_bytes(&bytes);
            let _ = SyncResponse::decode_shared(&Bytes::from(bytes));
        }

        #[test]
        fn a_cut_response_is_an_error(response in response(), cut in any::<prop::sample::Index>()) {
            let bytes = Bytes::from(response.to_bytes());
            let cut = cut.index(bytes.len());
            prop_assert!(SyncResponse::decode_shared(&bytes.slice(..cut)).is_err());
        }
    }

    #[test]
    fn answers_must_fit_their_question() {
        let two = SyncRequest::Transactions {
            hashes: vec![UInt256::ZERO; 2],
        };
        assert!(two.fits(&SyncResponse::Transactions(vec![None, None])));
        assert!(!two.fits(&SyncResponse::Transactions(vec![None])));
        assert!(!two.fits(&SyncResponse::Body(None)));
        let blocks = SyncRequest::Blocks {
            start: Height(5),
            count: 1,
        };
        assert!(blocks.fits(&SyncResponse::Blocks(vec![])));
        assert!(!blocks.fits(&SyncResponse::Blocks(vec![Bytes::new(), Bytes::new()])));
    }

    #[test]
    fn limits_of_requests_are_checked() {
        for count in [0, MAX_SYNC_BLOCKS + 1] {
            let bytes = SyncRequest::Blocks {
                start: Height(1),
                count,
            }
            .to_bytes();
            assert!(SyncRequest::from_bytes(&bytes).is_err(), "{count}");
        }
        let many = SyncRequest::Transactions {
            hashes: vec![UInt256::ZERO; MAX_SYNC_TRANSACTIONS + 1],
        };
        assert!(!many.within_limits());
        assert!(SyncRequest::from_bytes(&many.to_bytes()).is_err());
    }
}
