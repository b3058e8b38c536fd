//! Building blocks.

use std::{collections::HashSet, sync::Arc};

use neo_ledger::LedgerError;
use neo_primitives::{
    BlockBody, Header, Height, Transaction, UInt256, ValidatorIndex, merkle_root,
};

use crate::{
    error::NodeError,
    headers::Tip,
    selection::{Funds, choose, senders},
    shared::{Member, Shared},
};

/// What a leader writes into the header of its block.
#[derive(Clone, Copy)]
pub(crate) struct Fresh {
    pub(crate) primary: ValidatorIndex,
    pub(crate) timestamp: u64,
    pub(crate) nonce: u64,
}

impl Shared {
    /// A fresh block on `parent` of what the serving node's memory pool holds.
    pub(crate) async fn build(
        &self,
        parent: UInt256,
        fresh: Fresh,
        most: u32,
    ) -> Result<Arc<BlockBody>, LedgerError> {
        let end = self.deadline();
        loop {
            let tip = self.tip();
            if tip.hash != parent {
                return Err(LedgerError::UnknownParent(parent));
            }
            let member = self.serving_until(end).await?;
            match self.build_with(&member, &tip, fresh, most).await {
                Ok(body) => {
                    member.succeeded();
                    return Ok(Arc::new(body));
                }
                Err(error) => self.failed(&member, &error),
            }
        }
    }

    async fn build_with(
        &self,
        member: &Member,
        tip: &Tip,
        fresh: Fresh,
        most: u32,
    ) -> Result<BlockBody, NodeError> {
        let office = self.office_above(member, tip).await?;
        let pool = self.refresh_pool(member).await?;
        if pool != tip.height() {
            return Err(NodeError::Moved {
                endpoint: member.node.endpoint().clone(),
                height: tip.height(),
            });
        }
        let mut limits = office.limits;
        limits.max_transactions = limits.max_transactions.min(most);
        let stored = self.tip_transactions(tip)?;
        let offered: Vec<Arc<Transaction>> = {
            let mirror = self.mirror.lock();
            let held = mirror.order().iter().filter_map(|hash| mirror.get(hash));
            held.filter(|one| !stored.contains(&one.hash()) && is_timely(one, tip.height()))
                .take((limits.max_transactions as usize).saturating_mul(2))
                .cloned()
                .collect()
        };
        let funds = self.funds(member, tip.height(), &offered).await?;
        let overhead = self.config.genesis.block_overhead();
        let transactions = choose(&offered, &limits, overhead, funds);
        let hashes: Vec<UInt256> = transactions.iter().map(|one| one.hash()).collect();
        let header = Header {
            version: 0,
            prev_hash: tip.hash,
            merkle_root: merkle_root(&hashes),
            timestamp: fresh.timestamp,
            nonce: fresh.nonce,
            index: tip.height().next(),
            primary_index: fresh.primary,
            next_consensus: office.next_consensus,
        };
        Ok(BlockBody {
            header,
            transactions,
        })
    }

    /// What the senders of transactions have at a height.
    pub(crate) async fn funds(
        &self,
        member: &Member,
        height: Height,
        transactions: &[Arc<Transaction>],
    ) -> Result<Funds, NodeError> {
        let senders = senders(transactions);
        let balances = member.node.gas(height, &senders).await?;
        Ok(Funds::new(senders.into_iter().zip(balances)))
    }

    /// Transactions of the tip: neo-go lists them for a moment after it has stored the block.
    pub(crate) fn tip_transactions(&self, tip: &Tip) -> Result<HashSet<UInt256>, NodeError> {
        let block = self
            .headers
            .block(tip.height())
            .map_err(|error| NodeError::Store(Box::new(error)))?;
        Ok(block
            .map(|block| block.transaction_hashes().into_iter().collect())
            .unwrap_or_default())
    }
}

/// It has not expired in the block above `height`. The node has verified everything else of it.
fn is_timely(transaction: &Transaction, height: Height) -> bool {
    transaction.valid_until() > height
}
