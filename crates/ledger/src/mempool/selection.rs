//! Choosing the transactions of a block.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use neo_primitives::{Attribute, Height, Token, Transaction, UInt160, UInt256};

use super::{
    Mempool,
    pool::{conflicts, fees},
};
use crate::{
    error::LedgerError,
    rejected::Rejected,
    state::{Layer, StateKey, StateRead, StateView},
};

/// What a block has room for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SelectionLimits {
    /// Most transactions.
    pub(crate) transactions: usize,
    /// Bytes of all transactions.
    pub(crate) bytes: usize,
    /// Sum of system fees, in datoshi.
    pub(crate) system_fee: i64,
}

/// Where the block will stand.
pub(crate) struct Selection<'a> {
    /// What it has room for.
    pub(crate) limits: SelectionLimits,
    /// Height of its parent.
    pub(crate) parent: Height,
    /// State after its parent.
    pub(crate) view: &'a StateView,
    /// Blocks below it that the pool does not know of: executed ahead, not decided.
    pub(crate) ahead: &'a [Arc<Layer>],
}

impl Selection<'_> {
    /// The best transactions of the pool that are valid together on the parent, best first.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub(crate) fn choose(&self, pool: &Mempool) -> Result<Vec<Arc<Transaction>>, LedgerError> {
        let mut chosen = Vec::new();
        let mut bytes = 0usize;
        let mut system_fee = 0i64;
        let mut funds: HashMap<UInt160, u64> = HashMap::new();
        for transaction in pool.iter() {
            if chosen.len() >= self.limits.transactions {
                break;
            }
            if !self.is_possible(transaction) {
                continue;
            }
            let with_bytes = bytes.saturating_add(transaction.size());
            let with_fee = system_fee.saturating_add(transaction.system_fee().0);
            if with_bytes > self.limits.bytes || with_fee > self.limits.system_fee {
                break;
            }
            let sender = transaction.sender();
            let left = match funds.get(&sender) {
                Some(left) => *left,
                None => self.view.balance(Token::Gas, &sender)?,
            };
            let Some(left) = left.checked_sub(fees(transaction)) else {
                continue;
            };
            funds.insert(sender, left);
            bytes = with_bytes;
            system_fee = with_fee;
            chosen.push(Arc::clone(transaction));
        }
        Ok(chosen)
    }

    /// Not expired, and not excluded by the blocks ahead. The pool knows everything below those.
    fn is_possible(&self, transaction: &Transaction) -> bool {
        let too_early = transaction.attributes().iter().any(|attribute| {
            matches!(attribute, Attribute::NotValidBefore(height) if *height > self.parent)
        });
        if transaction.valid_until() <= self.parent || too_early {
            return false;
        }
        excluded_by(self.ahead, transaction).is_ok()
    }
}

/// A pooled transaction is not excluded by blocks that the pool does not know of.
///
/// # Errors
/// It is in one of them, names one of their transactions in `Conflicts`, or is named by one.
pub(crate) fn excluded_by(ahead: &[Arc<Layer>], transaction: &Transaction) -> Result<(), Rejected> {
    let hash = transaction.hash();
    for layer in ahead {
        if layer.transactions.contains(&hash) {
            return Err(Rejected::AlreadyExists(hash));
        }
        let named = transaction.signers().iter().any(|signer| {
            layer
                .writes
                .contains_key(&StateKey::Conflict(hash, signer.account))
        });
        if named {
            return Err(Rejected::ConflictsOnChain(hash));
        }
        if let Some(included) =
            conflicts(transaction).find(|excluded| layer.transactions.contains(*excluded))
        {
            let reason = format!("transaction {included} is on the chain");
            return Err(Rejected::InvalidAttribute {
                attribute: "Conflicts",
                reason,
            });
        }
    }
    Ok(())
}

/// The first transaction that stands twice, or that another excludes.
pub(crate) fn first_conflict(transactions: &[Arc<Transaction>]) -> Option<(UInt256, UInt256)> {
    let mut hashes = HashSet::with_capacity(transactions.len());
    for transaction in transactions {
        if !hashes.insert(transaction.hash()) {
            return Some((transaction.hash(), transaction.hash()));
        }
    }
    transactions.iter().find_map(|transaction| {
        conflicts(transaction)
            .find(|excluded| hashes.contains(*excluded))
            .map(|excluded| (transaction.hash(), *excluded))
    })
}
