//! Complete blocks.

use std::sync::Arc;

use super::{
    BlockBody, Header, SignedHeader, decode_transactions, encode_transactions, has_duplicates,
    merkle_root, transaction_hashes, transactions_len,
};
use crate::codec::{Decode, DecodeError, Encode, Reader};
use crate::hash::UInt256;
use crate::transaction::Transaction;
use crate::witness::{DEFAULT_WITNESS_LIMIT, Witness};

/// A Neo N3 block: `header ‖ 01 ‖ witness ‖ varint n ‖ transactions`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// The header.
    pub header: Header,
    /// Signatures of the account that the block before names.
    pub witness: Witness,
    /// The transactions in block order.
    pub transactions: Vec<Arc<Transaction>>,
}

impl Block {
    /// The block's hash.
    pub fn hash(&self) -> UInt256 {
        self.header.hash()
    }

    /// The transactions' hashes in block order.
    pub fn transaction_hashes(&self) -> Vec<UInt256> {
        transaction_hashes(&self.transactions)
    }

    /// The header with its witness.
    pub fn signed_header(&self) -> SignedHeader {
        SignedHeader {
            header: self.header,
            witness: self.witness.clone(),
        }
    }

    /// The block without its witness.
    pub fn body(&self) -> BlockBody {
        BlockBody {
            header: self.header,
            transactions: self.transactions.clone(),
        }
    }

    /// A body with the witness it has got.
    pub fn from_body(body: &BlockBody, witness: Witness) -> Self {
        Self {
            header: body.header,
            witness,
            transactions: body.transactions.clone(),
        }
    }

    /// Reads a block whose witness scripts, also those of transactions, have at most `limit` bytes each. Like
    /// Neo, it refuses repeated transactions and a merkle root that is not theirs.
    ///
    /// # Errors
    /// [`DecodeError`].
    pub fn decode_with_limit(r: &mut Reader<'_>, limit: u32) -> Result<Self, DecodeError> {
        let SignedHeader { header, witness } = SignedHeader::decode_with_limit(r, limit)?;
        let transactions = decode_transactions(r, limit)?;
        let hashes = transaction_hashes(&transactions);
        r.field("block");
        let root = merkle_root(&hashes);
        if root != header.merkle_root {
            return Err(r.invalid(format!(
                "the merkle root is {}, its transactions have {root}",
                header.merkle_root
            )));
        }
        if has_duplicates(&hashes) {
            return Err(r.invalid("a transaction is there twice"));
        }
        Ok(Self {
            header,
            witness,
            transactions,
        })
    }
}

impl Encode for Block {
    fn encode(&self, out: &mut Vec<u8>) {
        out.reserve(self.encoded_len());
        self.header.encode(out);
        out.push(1);
        self.witness.encode(out);
        encode_transactions(out, &self.transactions);
    }

    fn encoded_len(&self) -> usize {
        Header::SIZE + 1 + self.witness.encoded_len() + transactions_len(&self.transactions)
    }
}

impl Decode for Block {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Self::decode_with_limit(r, DEFAULT_WITNESS_LIMIT)
    }
}
