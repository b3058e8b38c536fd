//! The transactions of a proposal, and what the ledger says of the block.

use std::sync::Arc;

use neo_primitives::{Transaction, UInt256};

use super::proposal::Check;
use super::{HeightState, V2Actions};
use crate::engine::{Fetch, LedgerAction, Notice, Now};
use crate::v2::content::Reason;

impl HeightState {
    /// The ledger's answer to the lookup.
    pub(in crate::v2) fn take_found(
        &mut self,
        hash: &UInt256,
        transactions: Vec<Option<Arc<Transaction>>>,
        actions: &mut V2Actions,
    ) {
        let numbered = transactions.into_iter().enumerate();
        let found = numbered.filter_map(|(position, held)| Some((position, held?)));
        self.take_transactions(hash, found, actions);
        self.fetch_missing(actions);
    }

    /// Transactions by position, from wherever.
    pub(in crate::v2) fn take_transactions(
        &mut self,
        hash: &UInt256,
        transactions: impl IntoIterator<Item = (usize, Arc<Transaction>)>,
        actions: &mut V2Actions,
    ) {
        let Some(proposal) = self.proposal.as_mut().filter(|held| held.hash == *hash) else {
            return;
        };
        for (position, transaction) in transactions {
            proposal.insert(position, transaction);
        }
        proposal.complete();
        self.check(actions);
    }

    /// Asks those who have prepared the block for what is missing of it.
    pub(in crate::v2) fn fetch_missing(&self, actions: &mut V2Actions) {
        let Some(proposal) = self.proposal.as_ref().filter(|held| held.is_missing()) else {
            return;
        };
        let positions = proposal.missing();
        let primary = self.primary();
        let others = self.preparations.keys().filter(|index| **index != primary);
        let from = std::iter::once(&primary).chain(others);
        let from = from.filter(|index| Some(**index) != self.own());
        let from = from.filter_map(|index| self.info.validators.key(*index).cloned());
        if !positions.is_empty() {
            actions.fetch.push(Fetch::Transactions {
                hash: proposal.hash,
                positions,
                from: from.collect(),
            });
        }
    }

    /// Lets the ledger check the block, once.
    pub(super) fn check(&mut self, actions: &mut V2Actions) {
        let Some(proposal) = &mut self.proposal else {
            return;
        };
        let Some(body) = proposal.body().cloned() else {
            return;
        };
        if proposal.check == Check::Unasked {
            proposal.check = Check::Asked { fresh: true };
            actions
                .ledger
                .push(LedgerAction::Check { body, fresh: true });
        }
    }

    /// The ledger's answer to a check.
    pub(in crate::v2) fn take_checked(
        &mut self,
        now: Now,
        hash: &UInt256,
        result: Result<(), String>,
        actions: &mut V2Actions,
    ) {
        let limits = self.info.limits;
        let height = self.height();
        let Some(proposal) = self.proposal.as_mut().filter(|held| held.hash == *hash) else {
            return;
        };
        let Check::Asked { fresh } = proposal.check else {
            return;
        };
        let Err(problem) = result else {
            proposal.check = Check::Passed { fresh };
            return;
        };
        proposal.check = Check::Refused { fresh };
        let hash = *hash;
        if !fresh {
            actions.notices.push(Notice::LedgerDisagrees {
                height,
                hash,
                problem,
            });
            return;
        }
        actions.notices.push(Notice::BlockRefused {
            height,
            hash,
            problem,
        });
        let reason = if proposal.fits(&limits) {
            Reason::TransactionInvalid
        } else {
            Reason::BlockRejectedByPolicy
        };
        if !self.commit_sent() && !self.view_changing() {
            self.request_change_view(now, reason, actions);
        }
    }
}
