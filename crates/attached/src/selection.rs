//! What a block of several transactions must keep: room, no conflicts inside, senders that can pay for all.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use neo_ledger::{BlockLimits, InvalidBlock};
use neo_primitives::{Attribute, Transaction, UInt160, UInt256};

/// What the senders of a block have left, in datoshi.
pub(crate) struct Funds(HashMap<UInt160, u64>);

impl Funds {
    /// Senders with their GAS at the block below.
    pub(crate) fn new(balances: impl IntoIterator<Item = (UInt160, u64)>) -> Self {
        Self(balances.into_iter().collect())
    }

    /// The sender pays system and network fee of one more transaction.
    pub(crate) fn spend(&mut self, transaction: &Transaction) -> Result<(), InvalidBlock> {
        let sender = transaction.sender();
        let balance = self.0.get(&sender).copied().unwrap_or(0);
        // Neither is negative and their sum fits: the transaction would not have been decoded.
        let fees = transaction
            .system_fee()
            .checked_add(transaction.network_fee())
            .and_then(|fees| u64::try_from(fees.0).ok())
            .unwrap_or(u64::MAX);
        let left = balance.checked_sub(fees).ok_or(InvalidBlock::UnpaidFees {
            hash: transaction.hash(),
            sender,
            balance,
            fees,
        })?;
        self.0.insert(sender, left);
        Ok(())
    }
}

/// The senders of transactions, each once.
pub(crate) fn senders<'t>(
    transactions: impl IntoIterator<Item = &'t Arc<Transaction>>,
) -> Vec<UInt160> {
    let mut seen = HashSet::new();
    transactions
        .into_iter()
        .map(|transaction| transaction.sender())
        .filter(|sender| seen.insert(*sender))
        .collect()
}

fn conflicts(transaction: &Transaction) -> impl Iterator<Item = &UInt256> {
    transaction
        .attributes()
        .iter()
        .filter_map(|attribute| match attribute {
            Attribute::Conflicts(hash) => Some(hash),
            _ => None,
        })
}

/// No transaction stands twice, none excludes another.
pub(crate) fn check_conflicts(transactions: &[Arc<Transaction>]) -> Result<(), InvalidBlock> {
    let mut hashes = HashSet::with_capacity(transactions.len());
    for transaction in transactions {
        if !hashes.insert(transaction.hash()) {
            return Err(InvalidBlock::Duplicate(transaction.hash()));
        }
    }
    for transaction in transactions {
        if let Some(other) = conflicts(transaction).find(|other| hashes.contains(*other)) {
            return Err(InvalidBlock::Conflict(transaction.hash(), *other));
        }
    }
    Ok(())
}

/// Count, bytes and system fees of a block, of which `overhead` bytes are no transactions.
pub(crate) fn check_limits(
    transactions: &[Arc<Transaction>],
    limits: &BlockLimits,
    overhead: usize,
) -> Result<(), InvalidBlock> {
    if transactions.len() > limits.max_transactions as usize {
        return Err(InvalidBlock::TransactionCount {
            count: transactions.len(),
            limit: limits.max_transactions,
        });
    }
    let bytes: usize = transactions.iter().map(|one| one.size()).sum();
    let size = bytes.saturating_add(overhead);
    if size > limits.max_block_size as usize {
        return Err(InvalidBlock::Size {
            size,
            limit: limits.max_block_size,
        });
    }
    let fees = transactions
        .iter()
        .map(|one| i128::from(one.system_fee().0));
    let fees: i128 = fees.sum();
    if fees > i128::from(limits.max_block_system_fee.0) {
        return Err(InvalidBlock::SystemFee {
            fees,
            limit: limits.max_block_system_fee.0,
        });
    }
    Ok(())
}

/// The first of these transactions, in their order, that fit into a block together.
pub(crate) fn choose(
    offered: &[Arc<Transaction>],
    limits: &BlockLimits,
    overhead: usize,
    mut funds: Funds,
) -> Vec<Arc<Transaction>> {
    let mut chosen: Vec<Arc<Transaction>> = Vec::new();
    let mut hashes = HashSet::new();
    let mut excluded: HashSet<UInt256> = HashSet::new();
    let mut bytes = overhead;
    let mut fees = 0i64;
    for transaction in offered {
        if chosen.len() >= limits.max_transactions as usize {
            break;
        }
        let with_bytes = bytes.saturating_add(transaction.size());
        let with_fees = fees.saturating_add(transaction.system_fee().0);
        if with_bytes > limits.max_block_size as usize || with_fees > limits.max_block_system_fee.0
        {
            break;
        }
        let hash = transaction.hash();
        let conflicting = hashes.contains(&hash)
            || excluded.contains(&hash)
            || conflicts(transaction).any(|other| hashes.contains(other));
        if conflicting || funds.spend(transaction).is_err() {
            continue;
        }
        hashes.insert(hash);
        excluded.extend(conflicts(transaction).copied());
        (bytes, fees) = (with_bytes, with_fees);
        chosen.push(Arc::clone(transaction));
    }
    chosen
}
