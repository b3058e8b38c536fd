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

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::genesis::genesis_block;
    use crate::transaction::strategy::transaction;

    fn block(transactions: Vec<Transaction>) -> Block {
        let mut block = genesis_block(&[]);
        block.transactions = transactions.into_iter().map(Arc::new).collect();
        block.header.merkle_root = merkle_root(&block.transaction_hashes());
        block
    }

    fn is_refused(read: &Result<Block, DecodeError>) -> bool {
        matches!(read, Err(DecodeError::Invalid { field: "block", .. }))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn blocks_and_bodies_come_back(transactions in vec(transaction(), 0..6)) {
            let block = block(transactions);
            let bytes = block.to_bytes();
            prop_assert_eq!(bytes.len(), block.encoded_len());
            prop_assert_eq!(Block::from_bytes(&bytes), Ok(block.clone()));
            let body = block.body();
            prop_assert!(body.fits_merkle_root());
            let bytes = body.to_bytes();
            prop_assert_eq!(bytes.len(), body.encoded_len());
            prop_assert_eq!(BlockBody::from_bytes(&bytes), Ok(body.clone()));
            prop_assert_eq!(Block::from_body(&body, block.witness.clone()), block);
        }

        #[test]
        fn a_cut_or_changed_block_is_refused_or_comes_back(
            transactions in vec(transaction(), 0..3),
            at: prop::sample::Index,
            byte: u8,
        ) {
            let mut bytes = block(transactions).to_bytes();
            let at = at.index(bytes.len());
            prop_assert!(Block::from_bytes(&bytes[..at]).is_err());
            bytes[at] = byte;
            if let Ok(read) = Block::from_bytes(&bytes) {
                prop_assert_eq!(read.to_bytes(), bytes);
            }
        }

        #[test]
        fn another_root_or_a_repeated_tail_is_refused(transactions in vec(transaction(), 3)) {
            let mut twice = block(transactions);
            twice.transactions.push(twice.transactions[2].clone());
            prop_assert_eq!(merkle_root(&twice.transaction_hashes()), twice.header.merkle_root);
            let refused = Block::from_bytes(&twice.to_bytes());
            prop_assert!(is_refused(&refused));
            prop_assert!(!twice.body().fits_merkle_root());
            twice.transactions.truncate(2);
            let refused = Block::from_bytes(&twice.to_bytes());
            prop_assert!(is_refused(&refused));
            prop_assert!(!twice.body().fits_merkle_root());
        }
    }

    #[test]
    fn a_count_without_transactions_takes_no_memory() {
        let mut bytes = genesis_block(&[]).to_bytes();
        bytes.pop();
        bytes.extend([0xfd, 0xff, 0xff]);
        assert!(matches!(
            Block::from_bytes(&bytes),
            Err(DecodeError::UnexpectedEnd {
                field: "transactions",
                ..
            })
        ));
    }

    #[test]
    fn a_raised_witness_limit_reads_longer_witnesses() {
        let mut block = genesis_block(&[]);
        block.witness.invocation = vec![0; 2000];
        let bytes = block.to_bytes();
        assert!(matches!(
            Block::from_bytes(&bytes),
            Err(DecodeError::TooLarge {
                value: 2000,
                limit: 1024,
                ..
            })
        ));
        let mut r = Reader::new(&bytes);
        assert_eq!(Block::decode_with_limit(&mut r, 2000), Ok(block));
    }
}
