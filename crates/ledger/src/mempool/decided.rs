//! What a decided block takes out of the pool.

use std::sync::Arc;

use neo_primitives::{Token, Transaction, UInt160, UInt256};

use super::{
    Mempool,
    pool::{conflicts, fees, shares_signer},
};
use crate::{
    error::LedgerError,
    state::{Layer, StateKey, StateRead, StateView},
};

impl Mempool {
    /// A block of `height` was decided: its transactions leave, and with them what they exclude, what
    /// expired, and what the senders can no longer pay.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub(crate) fn block_decided(
        &mut self,
        height: u32,
        transactions: &[Arc<Transaction>],
        layer: &Layer,
        view: &StateView,
    ) -> Result<(), LedgerError> {
        for included in transactions {
            self.remove(&included.hash());
        }
        for included in transactions {
            let naming = self
                .naming
                .get(&included.hash())
                .into_iter()
                .flatten()
                .copied();
            let mut excluded: Vec<UInt256> = naming.collect();
            excluded.extend(conflicts(included).filter(|hash| {
                self.get(hash)
                    .is_some_and(|pooled| shares_signer(included, pooled))
            }));
            for hash in excluded {
                self.remove(&hash);
            }
        }
        while let Some((valid_until, hash)) = self.by_expiry.first().copied() {
            if valid_until > height {
                break;
            }
            self.remove(&hash);
        }
        for key in layer.writes.keys() {
            if let StateKey::Account(Token::Gas, sender) = key {
                self.drop_unpaid(sender, view)?;
            }
        }
        Ok(())
    }

    /// Keeps, best first, what a sender's balance pays.
    fn drop_unpaid(&mut self, sender: &UInt160, view: &StateView) -> Result<(), LedgerError> {
        let Some(pending) = self.by_sender.get(sender) else {
            return Ok(());
        };
        let balance = u128::from(view.balance(Token::Gas, sender)?);
        if pending.fees <= balance {
            return Ok(());
        }
        let mut sum: u128 = 0;
        let mut unpaid = Vec::new();
        for priority in &pending.transactions {
            let Some(transaction) = self.by_priority.get(priority) else {
                continue;
            };
            let with = sum.saturating_add(fees(transaction).into());
            if with > balance {
                unpaid.push(*priority.hash());
            } else {
                sum = with;
            }
        }
        for hash in unpaid {
            self.remove(&hash);
        }
        Ok(())
    }
}
