//! Checking and executing proposed blocks.

use std::{collections::HashMap, sync::Arc};

use neo_primitives::{BlockBody, Header, Token, Transaction, UInt160};
use rayon::prelude::*;

use super::{
    EmbeddedLedger,
    candidates::{Candidates, Parent},
};
use crate::{
    error::{InvalidBlock, LedgerError},
    execution::{Executed, execute_block},
    mempool::{
        check_conflicts_on_chain, check_expiry, check_fees_and_attributes, excluded_by, fees,
        first_conflict,
    },
    rejected::Rejected,
    state::{StateRead, StateView},
};

impl EmbeddedLedger {
    /// Checks a proposed block, executes it and keeps what it does.
    pub(super) fn check(
        &self,
        candidates: &mut Candidates,
        body: &Arc<BlockBody>,
        fresh: bool,
    ) -> Result<(), InvalidBlock> {
        let hash = body.hash();
        if let Some(decided) = candidates.decided_at(body.header.index) {
            let height = body.header.index;
            return if decided == hash {
                Ok(())
            } else {
                Err(InvalidBlock::OtherBlockDecided { height, decided })
            };
        }
        let executed_before = candidates.get(&hash).is_some();
        if executed_before && (!fresh || candidates.is_fresh(&hash)) {
            return Ok(());
        }
        let parent = candidates
            .parent(&body.header.prev_hash)
            .ok_or(InvalidBlock::UnknownParent(body.header.prev_hash))?;
        let view = StateView::new(parent.layers.clone(), self.store.as_ref())?;
        if fresh {
            self.check_fresh(body, &parent, &view)?;
        } else if !body.fits_merkle_root() {
            return Err(InvalidBlock::MerkleRoot(hash));
        }
        if executed_before {
            candidates.mark_fresh(&hash);
        } else {
            let executed = self.execute(body, &parent, &view)?;
            candidates.insert(Arc::new(executed), fresh);
        }
        Ok(())
    }

    /// Executes a block whose place in the chain must fit, whatever else was checked.
    pub(super) fn execute(
        &self,
        body: &Arc<BlockBody>,
        parent: &Parent,
        view: &StateView,
    ) -> Result<Executed, InvalidBlock> {
        let (found, parent_height) = (body.header.index, parent.header.index);
        if found != parent_height.next() || found == parent_height {
            return Err(InvalidBlock::Index {
                found,
                parent: parent_height,
            });
        }
        execute_block(&self.config, Arc::clone(body), view, &parent.state_hash)
    }

    /// Every rule of a fresh proposal (protocol section 5) but those that need a clock.
    fn check_fresh(
        &self,
        body: &BlockBody,
        parent: &Parent,
        view: &StateView,
    ) -> Result<(), InvalidBlock> {
        self.check_header(&body.header, &parent.header)?;
        self.check_limits(body)?;
        if !body.fits_merkle_root() {
            return Err(InvalidBlock::MerkleRoot(body.hash()));
        }
        let pooled = self.pooled_identically(&body.transactions);
        self.verify_stateless(&body.transactions, &pooled)?;
        self.check_transactions(&body.transactions, &pooled, parent, view)
    }

    /// The header follows its parent and names the right validators.
    pub(super) fn check_header(
        &self,
        header: &Header,
        parent: &Header,
    ) -> Result<(), InvalidBlock> {
        if header.version != 0 {
            return Err(InvalidBlock::Version(header.version));
        }
        if header.index != parent.index.next() || header.index == parent.index {
            return Err(InvalidBlock::Index {
                found: header.index,
                parent: parent.index,
            });
        }
        if header.timestamp <= parent.timestamp {
            return Err(InvalidBlock::Timestamp {
                found: header.timestamp,
                parent: parent.timestamp,
            });
        }
        let validators = self.rules.validators.len();
        if header.primary_index.position() >= validators {
            return Err(InvalidBlock::Primary {
                found: header.primary_index,
                validators,
            });
        }
        if header.next_consensus != self.rules.next_consensus {
            return Err(InvalidBlock::NextConsensus {
                found: header.next_consensus,
                expected: self.rules.next_consensus,
            });
        }
        Ok(())
    }

    /// Count, size, system fee, no transaction twice, no conflicts inside.
    fn check_limits(&self, body: &BlockBody) -> Result<(), InvalidBlock> {
        let transactions = &body.transactions;
        let limits = self.config.limits();
        if transactions.len() > limits.max_transactions as usize {
            return Err(InvalidBlock::TransactionCount {
                count: transactions.len(),
                limit: limits.max_transactions,
            });
        }
        let bytes: usize = transactions
            .iter()
            .map(|transaction| transaction.size())
            .sum();
        let size = bytes.saturating_add(self.config.block_overhead());
        if size > limits.max_block_size as usize {
            return Err(InvalidBlock::Size {
                size,
                limit: limits.max_block_size,
            });
        }
        let fees: i128 = transactions
            .iter()
            .map(|transaction| i128::from(transaction.system_fee().0))
            .sum();
        if fees > i128::from(limits.max_block_system_fee.0) {
            return Err(InvalidBlock::SystemFee {
                fees,
                limit: limits.max_block_system_fee.0,
            });
        }
        check_conflicts_inside(transactions)
    }

    /// Which transactions the pool holds with the same witnesses: they are verified already.
    pub(super) fn pooled_identically(&self, transactions: &[Arc<Transaction>]) -> Vec<bool> {
        let pool = self.pool.lock();
        transactions
            .iter()
            .map(|transaction| {
                pool.transactions
                    .get(&transaction.hash())
                    .is_some_and(|pooled| {
                        Arc::ptr_eq(pooled, transaction)
                            || pooled.witnesses() == transaction.witnesses()
                    })
            })
            .collect()
    }

    pub(super) fn verify_stateless(
        &self,
        transactions: &[Arc<Transaction>],
        verified: &[bool],
    ) -> Result<(), InvalidBlock> {
        let unverified: Vec<_> = transactions
            .iter()
            .zip(verified)
            .filter(|(_, verified)| !**verified)
            .map(|(transaction, _)| transaction)
            .collect();
        // The first in block order, so that every run reports the same.
        let refused = unverified.into_par_iter().find_map_first(|transaction| {
            let reason = self.verifier.verify(transaction).err()?;
            Some(invalid(transaction, reason))
        });
        refused.map_or(Ok(()), Err)
    }

    /// Every transaction is valid on the state after the parent, and the senders can pay them together.
    /// The pool vouches for its own up to the highest decided block.
    fn check_transactions(
        &self,
        transactions: &[Arc<Transaction>],
        pooled: &[bool],
        parent: &Parent,
        view: &StateView,
    ) -> Result<(), InvalidBlock> {
        let point = self.point(parent.header.index);
        let ahead = parent.layers.get(..parent.undecided).unwrap_or_default();
        let mut funds = Funds::default();
        for (transaction, pooled) in transactions.iter().zip(pooled) {
            let check = || -> Result<(), Rejected> {
                check_expiry(transaction, &point)?;
                if *pooled {
                    return excluded_by(ahead, transaction);
                }
                self.check_alone(transaction, parent, view)
            };
            check().map_err(|reason| invalid(transaction, reason))?;
            funds.spend(transaction, view)?;
        }
        Ok(())
    }

    /// What depends on the chain and not on other transactions of the block.
    pub(super) fn check_alone(
        &self,
        transaction: &Transaction,
        parent: &Parent,
        view: &StateView,
    ) -> Result<(), Rejected> {
        let point = self.point(parent.header.index);
        if view.contains_transaction(&transaction.hash())? {
            return Err(Rejected::AlreadyExists(transaction.hash()));
        }
        check_conflicts_on_chain(transaction, &point, view)?;
        check_expiry(transaction, &point)?;
        check_fees_and_attributes(transaction, &point, view)
    }
}

/// No transaction stands twice, none excludes another.
pub(super) fn check_conflicts_inside(
    transactions: &[Arc<Transaction>],
) -> Result<(), InvalidBlock> {
    match first_conflict(transactions) {
        None => Ok(()),
        Some((a, b)) if a == b => Err(InvalidBlock::Duplicate(a)),
        Some((a, b)) => Err(InvalidBlock::Conflict(a, b)),
    }
}

pub(super) fn invalid(transaction: &Transaction, reason: Rejected) -> InvalidBlock {
    match reason {
        Rejected::Unavailable { reason } => LedgerError::Inconsistent(reason).into(),
        reason => InvalidBlock::Transaction {
            hash: transaction.hash(),
            reason,
        },
    }
}

/// What the senders of a block have left.
#[derive(Default)]
pub(super) struct Funds(HashMap<UInt160, u64>);

impl Funds {
    /// The sender pays the fees of one more transaction.
    pub(super) fn spend(
        &mut self,
        transaction: &Transaction,
        view: &StateView,
    ) -> Result<(), InvalidBlock> {
        let sender = transaction.sender();
        let balance = match self.0.get(&sender) {
            Some(left) => *left,
            None => view.balance(Token::Gas, &sender)?,
        };
        let fees = fees(transaction);
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
