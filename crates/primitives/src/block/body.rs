//! A block before its witness.

use std::sync::Arc;

use super::{
    Header, decode_transactions, encode_transactions, has_duplicates, merkle_root,
    transaction_hashes, transactions_len,
};
use crate::codec::{Decode, DecodeError, Encode, Reader};
use crate::hash::UInt256;
use crate::transaction::Transaction;
use crate::witness::DEFAULT_WITNESS_LIMIT;

/// What a proposal names: a header and its transactions. Bytes: `header ‖ varint n ‖ transactions`.
///
/// Decoding does not compare the merkle root; ask [`BlockBody::fits_merkle_root`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BlockBody {
    /// The header.
    pub header: Header,
    /// The transactions in block order.
    pub transactions: Vec<Arc<Transaction>>,
}

impl BlockBody {
    /// The block's hash.
    pub fn hash(&self) -> UInt256 {
        self.header.hash()
    }

    /// The transactions' hashes in block order.
    pub fn transaction_hashes(&self) -> Vec<UInt256> {
        transaction_hashes(&self.transactions)
    }

    /// Whether these are the transactions that the header names: none twice, and their root is the header's.
    pub fn fits_merkle_root(&self) -> bool {
        let hashes = self.transaction_hashes();
        merkle_root(&hashes) == self.header.merkle_root && !has_duplicates(&hashes)
    }

    /// Reads a body whose transactions' witness scripts have at most `limit` bytes each.
    ///
    /// # Errors
    /// [`DecodeError`].
    pub fn decode_with_limit(r: &mut Reader<'_>, limit: u32) -> Result<Self, DecodeError> {
        Ok(Self {
            header: Header::decode(r)?,
            transactions: decode_transactions(r, limit)?,
        })
    }
}

impl Encode for BlockBody {
    fn encode(&self, out: &mut Vec<u8>) {
        out.reserve(self.encoded_len());
        self.header.encode(out);
        encode_transactions(out, &self.transactions);
    }

    fn encoded_len(&self) -> usize {
        Header::SIZE + transactions_len(&self.transactions)
    }
}

impl Decode for BlockBody {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Self::decode_with_limit(r, DEFAULT_WITNESS_LIMIT)
    }
}
