//! The pool itself.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use neo_primitives::{Attribute, Datoshi, Token, Transaction, UInt160, UInt256};

use super::{
    priority::Priority,
    state_checks::{self, ChainPoint},
};
use crate::{
    rejected::Rejected,
    state::{StateRead, StateView},
};

/// Verified transactions in the order in which blocks take them.
#[derive(Default)]
pub(crate) struct Mempool {
    capacity: u32,
    pub(super) by_priority: BTreeMap<Priority, Arc<Transaction>>,
    by_hash: HashMap<UInt256, Priority>,
    pub(super) by_sender: HashMap<UInt160, Pending>,
    /// Pooled transactions that name a hash in `Conflicts`, by that hash.
    pub(super) naming: HashMap<UInt256, HashSet<UInt256>>,
    pub(super) by_expiry: BTreeSet<(u32, UInt256)>,
}

/// What one sender has in the pool.
#[derive(Default)]
pub(super) struct Pending {
    pub(super) fees: u128,
    pub(super) transactions: BTreeSet<Priority>,
}

/// System and network fee of a transaction.
pub(crate) fn fees(transaction: &Transaction) -> u64 {
    let sum = transaction
        .system_fee()
        .0
        .saturating_add(transaction.network_fee().0);
    u64::try_from(sum).unwrap_or(0)
}

/// Hashes that a transaction excludes.
pub(crate) fn conflicts(transaction: &Transaction) -> impl Iterator<Item = &UInt256> {
    transaction
        .attributes()
        .iter()
        .filter_map(|attribute| match attribute {
            Attribute::Conflicts(hash) => Some(hash),
            _ => None,
        })
}

fn signs(transaction: &Transaction, account: &UInt160) -> bool {
    transaction
        .signers()
        .iter()
        .any(|signer| signer.account == *account)
}

pub(super) fn shares_signer(a: &Transaction, b: &Transaction) -> bool {
    a.signers().iter().any(|signer| signs(b, &signer.account))
}

impl Mempool {
    /// An empty pool for `capacity` transactions.
    pub(crate) fn new(capacity: u32) -> Self {
        Self {
            capacity,
            ..Self::default()
        }
    }

    /// Number of transactions.
    pub(crate) fn len(&self) -> usize {
        self.by_priority.len()
    }

    /// A pooled transaction.
    pub(crate) fn get(&self, hash: &UInt256) -> Option<&Arc<Transaction>> {
        self.by_priority.get(self.by_hash.get(hash)?)
    }

    /// Hashes of all transactions, best first.
    pub(crate) fn hashes(&self) -> Vec<UInt256> {
        self.by_priority
            .keys()
            .map(|priority| *priority.hash())
            .collect()
    }

    /// All transactions, best first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Transaction>> {
        self.by_priority.values()
    }

    /// Takes a transaction whose stateless checks passed, after those that need the state, in the order of
    /// neo-project/neo `MemoryPool.TryAdd`. Transactions that it replaces leave.
    ///
    /// # Errors
    /// Why it is refused; the pool is unchanged then.
    pub(crate) fn admit(
        &mut self,
        transaction: Arc<Transaction>,
        point: &ChainPoint<'_>,
        view: &StateView,
    ) -> Result<(), Rejected> {
        let hash = transaction.hash();
        self.check_known(&transaction, point, view)?;
        let replaced = self.conflicting(&transaction)?;
        state_checks::check_expiry(&transaction, point)?;
        self.check_balance(&transaction, &replaced, view)?;
        state_checks::check_fees_and_attributes(&transaction, point, view)?;
        if transaction.system_fee() > point.config.max_block_system_fee {
            return Err(Rejected::SystemFeeAboveBlock {
                fee: transaction.system_fee(),
                limit: point.config.max_block_system_fee,
            });
        }
        let priority = Priority::of(&transaction);
        let remaining = self.len().saturating_sub(replaced.len());
        if remaining >= self.capacity as usize {
            let last = self
                .by_priority
                .keys()
                .rev()
                .find(|last| !replaced.contains(last.hash()))
                .copied();
            match last {
                Some(last) if priority < last => self.remove(&last.hash().to_owned()),
                _ => {
                    return Err(Rejected::PoolFull {
                        capacity: self.capacity,
                    });
                }
            };
        }
        for conflicting in &replaced {
            self.remove(conflicting);
        }
        debug_assert!(!self.by_hash.contains_key(&hash));
        self.insert(priority, transaction);
        Ok(())
    }

    /// The checks that come first, also before signatures: pooled, on the chain, excluded by the chain.
    ///
    /// # Errors
    /// Why the transaction is refused.
    pub(crate) fn check_known(
        &self,
        transaction: &Transaction,
        point: &ChainPoint<'_>,
        view: &StateView,
    ) -> Result<(), Rejected> {
        let hash = transaction.hash();
        if self.by_hash.contains_key(&hash) {
            return Err(Rejected::AlreadyInPool(hash));
        }
        if view.contains_transaction(&hash)? {
            return Err(Rejected::AlreadyExists(hash));
        }
        state_checks::check_conflicts_on_chain(transaction, point, view)
    }

    /// Pooled transactions that a newcomer replaces: those that name it, and those that it names.
    fn conflicting(&self, newcomer: &Transaction) -> Result<Vec<UInt256>, Rejected> {
        let mut replaced = Vec::new();
        let mut needed: i128 = 0;
        let refused = |needed: i128| Rejected::ConflictsInPool {
            fee: newcomer.network_fee(),
            needed: Datoshi(i64::try_from(needed).unwrap_or(i64::MAX)),
        };
        for hash in self.naming.get(&newcomer.hash()).into_iter().flatten() {
            if let Some(pooled) = self.get(hash) {
                if signs(pooled, &newcomer.sender()) {
                    needed = needed.saturating_add(pooled.network_fee().0.into());
                }
                replaced.push(*hash);
            }
        }
        for hash in conflicts(newcomer) {
            if let Some(pooled) = self.get(hash) {
                needed = needed.saturating_add(pooled.network_fee().0.into());
                if !shares_signer(newcomer, pooled) {
                    return Err(refused(needed));
                }
                if !replaced.contains(hash) {
                    replaced.push(*hash);
                }
            }
        }
        if needed != 0 && needed >= i128::from(newcomer.network_fee().0) {
            return Err(refused(needed));
        }
        Ok(replaced)
    }

    fn check_balance(
        &self,
        transaction: &Transaction,
        replaced: &[UInt256],
        view: &StateView,
    ) -> Result<(), Rejected> {
        let sender = transaction.sender();
        let pending = self
            .by_sender
            .get(&sender)
            .map_or(0, |pending| pending.fees);
        let freed: u128 = replaced
            .iter()
            .filter_map(|hash| self.get(hash))
            .filter(|replaced| replaced.sender() == sender)
            .map(|replaced| u128::from(fees(replaced)))
            .sum();
        let needed = pending
            .saturating_sub(freed)
            .saturating_add(fees(transaction).into());
        let balance = view.balance(Token::Gas, &sender)?;
        if needed > u128::from(balance) {
            return Err(Rejected::InsufficientFunds {
                sender,
                balance: Datoshi(i64::try_from(balance).unwrap_or(i64::MAX)),
                needed,
            });
        }
        Ok(())
    }

    fn insert(&mut self, priority: Priority, transaction: Arc<Transaction>) {
        let hash = transaction.hash();
        let pending = self.by_sender.entry(transaction.sender()).or_default();
        pending.fees = pending.fees.saturating_add(fees(&transaction).into());
        pending.transactions.insert(priority);
        for excluded in conflicts(&transaction) {
            self.naming.entry(*excluded).or_default().insert(hash);
        }
        self.by_expiry.insert((transaction.valid_until().0, hash));
        self.by_hash.insert(hash, priority);
        self.by_priority.insert(priority, transaction);
    }

    /// Takes a transaction out.
    pub(crate) fn remove(&mut self, hash: &UInt256) -> Option<Arc<Transaction>> {
        let priority = self.by_hash.remove(hash)?;
        let transaction = self.by_priority.remove(&priority)?;
        let sender = transaction.sender();
        if let Some(pending) = self.by_sender.get_mut(&sender) {
            pending.fees = pending.fees.saturating_sub(fees(&transaction).into());
            pending.transactions.remove(&priority);
            if pending.transactions.is_empty() {
                self.by_sender.remove(&sender);
            }
        }
        for excluded in conflicts(&transaction) {
            if let Some(naming) = self.naming.get_mut(excluded) {
                naming.remove(hash);
                if naming.is_empty() {
                    self.naming.remove(excluded);
                }
            }
        }
        self.by_expiry.remove(&(transaction.valid_until().0, *hash));
        Some(transaction)
    }
}
