//! Headers, blocks, and the bodies that consensus decides before they have a witness.

mod body;
mod header;
mod merkle;
mod named;
mod whole;

pub use body::BlockBody;
pub(crate) use header::expect_one_witness;
pub use header::{Header, SignedHeader};
pub use merkle::{has_duplicates, merkle_root};
pub use named::{ShortId, TransactionIds, short_id};
pub use whole::Block;

use std::sync::Arc;

use crate::codec::{DecodeError, Encode, Reader, var_int_len, write_var_int};
use crate::hash::UInt256;
use crate::transaction::Transaction;

/// Most transactions that the bytes of a block can hold.
pub const MAX_BLOCK_TRANSACTIONS: u64 = 0xffff;

fn decode_transactions(
    r: &mut Reader<'_>,
    witness_limit: u32,
) -> Result<Vec<Arc<Transaction>>, DecodeError> {
    let count = r
        .field("transactions")
        .count(MAX_BLOCK_TRANSACTIONS, Transaction::MIN_SIZE)?;
    r.list(count, |r| {
        Transaction::decode_with_limit(r, witness_limit).map(Arc::new)
    })
}

fn encode_transactions(out: &mut Vec<u8>, transactions: &[Arc<Transaction>]) {
    write_var_int(out, transactions.len() as u64);
    for transaction in transactions {
        transaction.encode(out);
    }
}

fn transactions_len(transactions: &[Arc<Transaction>]) -> usize {
    let bytes: usize = transactions
        .iter()
        .map(|transaction| transaction.size())
        .sum();
    var_int_len(transactions.len() as u64) + bytes
}

fn transaction_hashes(transactions: &[Arc<Transaction>]) -> Vec<UInt256> {
    transactions
        .iter()
        .map(|transaction| transaction.hash())
        .collect()
}
