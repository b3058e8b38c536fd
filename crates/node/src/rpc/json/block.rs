//! Blocks and headers.

use neo_primitives::{Block, Encode, SignedHeader, UInt256, Witness};
use serde::Serialize;

use super::{WitnessJson, transaction::TransactionJson};

/// The fields that a header and its block share.
#[derive(Serialize)]
pub(in crate::rpc) struct HeaderJson<'a> {
    hash: UInt256,
    size: usize,
    version: u32,
    previousblockhash: UInt256,
    merkleroot: UInt256,
    /// Milliseconds since 1970.
    time: u64,
    /// 16 upper-case hexadecimal digits.
    nonce: String,
    index: u32,
    primary: u8,
    nextconsensus: String,
    witnesses: [WitnessJson<'a>; 1],
    confirmations: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    nextblockhash: Option<UInt256>,
}

/// Where a block stands in the chain.
#[derive(Clone, Copy, Debug)]
pub(in crate::rpc) struct Place {
    /// Height of the stored tip.
    pub(in crate::rpc) tip: u32,
    /// Hash of the block above, unless the block is the tip.
    pub(in crate::rpc) next: Option<UInt256>,
}

impl<'a> HeaderJson<'a> {
    /// A header by itself: its size ends with the witness.
    pub(in crate::rpc) fn of_header(signed: &'a SignedHeader, place: Place) -> Self {
        Self::new(signed, &signed.witness, signed.encoded_len(), place)
    }

    fn new(signed: &SignedHeader, witness: &'a Witness, size: usize, place: Place) -> Self {
        let header = &signed.header;
        Self {
            hash: header.hash(),
            size,
            version: header.version,
            previousblockhash: header.prev_hash,
            merkleroot: header.merkle_root,
            time: header.timestamp,
            nonce: format!("{:016X}", header.nonce),
            index: header.index.0,
            primary: header.primary_index.0,
            nextconsensus: header.next_consensus.to_address(),
            witnesses: [witness.into()],
            confirmations: confirmations(place.tip, header.index.0),
            nextblockhash: place.next,
        }
    }
}

/// A block with its transactions.
#[derive(Serialize)]
pub(in crate::rpc) struct BlockJson<'a> {
    #[serde(flatten)]
    header: HeaderJson<'a>,
    tx: Vec<TransactionJson<'a>>,
}

impl<'a> BlockJson<'a> {
    /// A block of the chain.
    pub(in crate::rpc) fn new(block: &'a Block, place: Place) -> Self {
        let signed = block.signed_header();
        Self {
            header: HeaderJson::new(&signed, &block.witness, block.encoded_len(), place),
            tx: block
                .transactions
                .iter()
                .map(|transaction| TransactionJson::new(transaction))
                .collect(),
        }
    }
}

/// Blocks from one of this height up to the tip, itself included.
pub(in crate::rpc) fn confirmations(tip: u32, height: u32) -> u32 {
    tip.saturating_sub(height).saturating_add(1)
}
