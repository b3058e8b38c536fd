//! What a frame says.

use bytes::Bytes;
use neo_primitives::{
    Block, Decode, DecodeError, Encode, ExtensiblePayload, Reader, SignedHeader, Transaction,
    codec::{write_var_bytes, write_var_int},
};

use super::{
    addresses::{NodeAddress, decode_addresses},
    command::Command,
    filter::{FilterLoad, MAX_FILTER_ELEMENT, MerkleBlock},
    inventory::Inventory,
    ranges::{HashRange, IndexRange, MAX_HEADERS},
    version::{Ping, Version},
};

/// Bytes of the shortest header with its witness.
const MIN_HEADER: usize = neo_primitives::Header::SIZE + 3;

/// A message of Neo N3's P2P protocol.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Message {
    /// Who the sender is.
    Version(Version),
    /// The other's version is accepted.
    Verack,
    /// Asks for addresses.
    GetAddr,
    /// Up to 200 addresses.
    Addr(Vec<NodeAddress>),
    /// Are you there?
    Ping(Ping),
    /// I am.
    Pong(Ping),
    /// Asks for headers.
    GetHeaders(IndexRange),
    /// One to 2000 headers.
    Headers(Vec<SignedHeader>),
    /// Asks for hashes of blocks.
    GetBlocks(HashRange),
    /// Asks for the hashes of the pool.
    Mempool,
    /// Announces.
    Inv(Inventory),
    /// Asks for what was announced.
    GetData(Inventory),
    /// Asks for blocks.
    GetBlockByIndex(IndexRange),
    /// What was asked for is not there.
    NotFound(Inventory),
    /// A transaction.
    Transaction(Box<Transaction>),
    /// A block.
    Block(Box<Block>),
    /// A message of a service.
    Extensible(Box<ExtensiblePayload>),
    /// Ignored.
    Reject(Bytes),
    /// Sets a bloom filter.
    FilterLoad(FilterLoad),
    /// Adds an element of at most 520 bytes to it.
    FilterAdd(Vec<u8>),
    /// Removes it.
    FilterClear,
    /// What a filter matches.
    MerkleBlock(Box<MerkleBlock>),
    /// Ignored.
    Alert(Bytes),
    /// A command that means nothing here, ignored.
    Other {
        /// Its code.
        code: u8,
        /// What it brought.
        payload: Bytes,
    },
}

impl Message {
    /// The command that carries it.
    #[must_use]
    pub fn command(&self) -> Command {
        match self {
            Self::Version(_) => Command::Version,
            Self::Verack => Command::Verack,
            Self::GetAddr => Command::GetAddr,
            Self::Addr(_) => Command::Addr,
            Self::Ping(_) => Command::Ping,
            Self::Pong(_) => Command::Pong,
            Self::GetHeaders(_) => Command::GetHeaders,
            Self::Headers(_) => Command::Headers,
            Self::GetBlocks(_) => Command::GetBlocks,
            Self::Mempool => Command::Mempool,
            Self::Inv(_) => Command::Inv,
            Self::GetData(_) => Command::GetData,
            Self::GetBlockByIndex(_) => Command::GetBlockByIndex,
            Self::NotFound(_) => Command::NotFound,
            Self::Transaction(_) => Command::Transaction,
            Self::Block(_) => Command::Block,
            Self::Extensible(_) => Command::Extensible,
            Self::Reject(_) => Command::Reject,
            Self::FilterLoad(_) => Command::FilterLoad,
            Self::FilterAdd(_) => Command::FilterAdd,
            Self::FilterClear => Command::FilterClear,
            Self::MerkleBlock(_) => Command::MerkleBlock,
            Self::Alert(_) => Command::Alert,
            Self::Other { code, .. } => Command::Other(*code),
        }
    }

    /// The payload's bytes, without frame and compression.
    #[must_use]
    pub fn payload(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Self::Version(version) => version.encode(&mut out),
            Self::Verack | Self::GetAddr | Self::Mempool | Self::FilterClear => {}
            Self::Addr(addresses) => encode_list(addresses, &mut out),
            Self::Ping(ping) | Self::Pong(ping) => ping.encode(&mut out),
            Self::GetHeaders(range) | Self::GetBlockByIndex(range) => range.encode(&mut out),
            Self::Headers(headers) => encode_list(headers, &mut out),
            Self::GetBlocks(range) => range.encode(&mut out),
            Self::Inv(inventory) | Self::GetData(inventory) | Self::NotFound(inventory) => {
                inventory.encode(&mut out);
            }
            Self::Transaction(transaction) => transaction.encode(&mut out),
            Self::Block(block) => block.encode(&mut out),
            Self::Extensible(payload) => payload.encode(&mut out),
            Self::FilterLoad(filter) => filter.encode(&mut out),
            Self::FilterAdd(element) => write_var_bytes(&mut out, element),
            Self::MerkleBlock(block) => block.encode(&mut out),
            Self::Reject(payload) | Self::Alert(payload) | Self::Other { payload, .. } => {
                out.extend_from_slice(payload);
            }
        }
        out
    }

    /// Reads a payload.
    ///
    /// # Errors
    /// [`DecodeError`]: the first field that is wrong, and what is wrong with it. Bytes after the end are refused.
    pub fn from_payload(command: Command, bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(bytes);
        let message = Self::decode(command, &mut r)?;
        r.finish()?;
        Ok(message)
    }

    fn decode(command: Command, r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match command {
            Command::Version => Self::Version(Version::decode(r)?),
            Command::Verack => Self::Verack,
            Command::GetAddr => Self::GetAddr,
            Command::Addr => Self::Addr(decode_addresses(r)?),
            Command::Ping => Self::Ping(Ping::decode(r)?),
            Command::Pong => Self::Pong(Ping::decode(r)?),
            Command::GetHeaders => Self::GetHeaders(IndexRange::decode(r)?),
            Command::Headers => Self::Headers(decode_headers(r)?),
            Command::GetBlocks => Self::GetBlocks(HashRange::decode(r)?),
            Command::Mempool => Self::Mempool,
            Command::Inv => Self::Inv(Inventory::decode(r)?),
            Command::GetData => Self::GetData(Inventory::decode(r)?),
            Command::GetBlockByIndex => Self::GetBlockByIndex(IndexRange::decode(r)?),
            Command::NotFound => Self::NotFound(Inventory::decode(r)?),
            Command::Transaction => Self::Transaction(Box::new(Transaction::decode(r)?)),
            Command::Block => Self::Block(Box::new(Block::decode(r)?)),
            Command::Extensible => Self::Extensible(Box::new(ExtensiblePayload::decode(r)?)),
            Command::Reject => Self::Reject(rest(r)?),
            Command::FilterLoad => Self::FilterLoad(FilterLoad::decode(r)?),
            Command::FilterAdd => Self::FilterAdd(
                r.field("filter element")
                    .var_bytes(MAX_FILTER_ELEMENT)?
                    .to_vec(),
            ),
            Command::FilterClear => Self::FilterClear,
            Command::MerkleBlock => Self::MerkleBlock(Box::new(MerkleBlock::decode(r)?)),
            Command::Alert => Self::Alert(rest(r)?),
            Command::Other(code) => Self::Other {
                code,
                payload: rest(r)?,
            },
        })
    }
}

fn rest(r: &mut Reader<'_>) -> Result<Bytes, DecodeError> {
    Ok(Bytes::copy_from_slice(r.bytes(r.remaining())?))
}

fn encode_list<T: Encode>(items: &[T], out: &mut Vec<u8>) {
    write_var_int(out, items.len() as u64);
    for item in items {
        item.encode(out);
    }
}

fn decode_headers(r: &mut Reader<'_>) -> Result<Vec<SignedHeader>, DecodeError> {
    let count = r
        .field("header count")
        .count(MAX_HEADERS as u64, MIN_HEADER)?;
    if count == 0 {
        return Err(r.invalid("no header"));
    }
    r.list(count, SignedHeader::decode)
}
