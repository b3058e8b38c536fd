//! What peers answer, read and judged.

use std::sync::Arc;

use bytes::Bytes;
use neo_network::Offence;
use neo_primitives::{BlockBody, DecodeError, Reader, Transaction, UInt256};

/// An answer that no honest node gives, in whatever state it is: one that lacks something says so.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BadAnswer {
    /// A block was asked for by its hash, and another one came.
    #[error("the block {got} came for {asked}")]
    AnotherBlock {
        /// Hash that was asked for.
        asked: UInt256,
        /// Hash of what came.
        got: UInt256,
    },
    /// What came for a block is none.
    #[error("what came for the block {asked} is no block: {error}")]
    NoBlock {
        /// Hash that was asked for.
        asked: UInt256,
        /// What is wrong with it.
        error: DecodeError,
    },
    /// What came for a transaction of a block is none.
    #[error("what came for transaction {position} of a block is none: {error}")]
    NoTransaction {
        /// Its position.
        position: u32,
        /// What is wrong with it.
        error: DecodeError,
    },
}

impl BadAnswer {
    /// What it is charged as.
    pub(crate) fn offence(&self) -> Offence {
        match self {
            Self::AnotherBlock { .. } | Self::NoBlock { .. } => Offence::InvalidBlock,
            Self::NoTransaction { .. } => Offence::InvalidAnswer,
        }
    }
}

/// Reads one transaction and nothing behind it.
pub(crate) fn decode_transaction(
    bytes: &[u8],
    witness_limit: u32,
) -> Result<Transaction, DecodeError> {
    let mut reader = Reader::new(bytes);
    let transaction = Transaction::decode_with_limit(&mut reader, witness_limit)?;
    reader.finish()?;
    Ok(transaction)
}

/// Reads the body of the block with this hash.
pub(crate) fn body_of(
    asked: &UInt256,
    bytes: &[u8],
    witness_limit: u32,
) -> Result<BlockBody, BadAnswer> {
    let mut reader = Reader::new(bytes);
    let body = BlockBody::decode_with_limit(&mut reader, witness_limit)
        .and_then(|body| reader.finish().map(|()| body));
    match body {
        Ok(body) if body.hash() == *asked => Ok(body),
        Ok(body) => Err(BadAnswer::AnotherBlock {
            asked: *asked,
            got: body.hash(),
        }),
        Err(error) => Err(BadAnswer::NoBlock {
            asked: *asked,
            error,
        }),
    }
}

/// Transactions by their positions in a block, and the first thing that is wrong with the answer, if anything is.
/// Whether they are those of the block only the whole of it shows.
pub(crate) fn transactions_of(
    positions: &[u32],
    found: Vec<Option<Bytes>>,
    witness_limit: u32,
) -> (Vec<(u32, Arc<Transaction>)>, Option<BadAnswer>) {
    let mut bad = None;
    let mut transactions = Vec::with_capacity(found.len());
    for (position, bytes) in positions.iter().copied().zip(found) {
        let Some(bytes) = bytes else { continue };
        match decode_transaction(&bytes, witness_limit) {
            Ok(transaction) => transactions.push((position, Arc::new(transaction))),
            Err(error) => {
                bad.get_or_insert(BadAnswer::NoTransaction { position, error });
            }
        }
    }
    (transactions, bad)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::rpc::testing::{signed, transfer, treasury};
    use neo_primitives::{Encode as _, Header, Height, Token, UInt160, ValidatorIndex};

    pub(crate) const LIMIT: u32 = 1_024;

    /// An empty block of this height.
    pub(crate) fn body(height: u32) -> BlockBody {
        BlockBody {
            header: Header {
                version: 0,
                prev_hash: UInt256::ZERO,
                merkle_root: UInt256::ZERO,
                timestamp: 1,
                nonce: 2,
                index: Height(height),
                primary_index: ValidatorIndex(0),
                next_consensus: UInt160::ZERO,
            },
            transactions: vec![],
        }
    }

    #[test]
    fn a_block_is_the_one_that_was_asked_for_or_an_offence() {
        let (asked, other) = (body(5), body(6));
        let hash = asked.hash();
        assert_eq!(body_of(&hash, &asked.to_bytes(), LIMIT).unwrap(), asked);
        let another = body_of(&hash, &other.to_bytes(), LIMIT).unwrap_err();
        assert!(another.to_string().contains(&other.hash().to_string()));
        assert_eq!(another.offence(), Offence::InvalidBlock);
        let mut longer = asked.to_bytes();
        longer.push(0);
        for junk in [longer, vec![], vec![0xa5; 40]] {
            let bad = body_of(&hash, &junk, LIMIT).unwrap_err();
            assert!(matches!(bad, BadAnswer::NoBlock { .. }), "{bad}");
            assert_eq!(bad.offence(), Offence::InvalidBlock);
        }
    }

    #[test]
    fn who_lacks_transactions_is_not_charged_and_who_makes_them_up_is_once() {
        let to = UInt160::from_wire([1; 20]);
        let sound = signed(transfer(Token::Gas, treasury(), to, 1, 1));
        let bytes = || Some(Bytes::from(sound.to_bytes()));
        let junk = || Some(Bytes::from_static(b"junk"));
        let (found, bad) = transactions_of(&[3, 8], vec![None, None], LIMIT);
        assert!(found.is_empty() && bad.is_none(), "it may have lost them");
        let (found, bad) = transactions_of(&[3, 8, 9], vec![junk(), bytes(), junk()], LIMIT);
        assert_eq!(found.len(), 1, "what is sound is used");
        assert_eq!((found[0].0, found[0].1.hash()), (8, sound.hash()));
        let bad = bad.unwrap();
        assert!(matches!(bad, BadAnswer::NoTransaction { position: 3, .. }));
        assert_eq!(bad.offence(), Offence::InvalidAnswer);
    }
}
