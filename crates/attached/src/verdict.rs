//! Verdicts of the node on the transactions of a proposal.

use std::{collections::HashSet, sync::Arc};

use neo_ledger::{InvalidBlock, Rejected};
use neo_primitives::{Transaction, UInt256, verify_witness};

use crate::{
    error::NodeError,
    headers::Tip,
    shared::{Member, Shared},
};

/// Why a proposal got no vote.
pub(crate) enum NoVerdict {
    /// It is not valid.
    Invalid(InvalidBlock),
    /// The node could not say.
    Node(NodeError),
}

impl From<InvalidBlock> for NoVerdict {
    fn from(error: InvalidBlock) -> Self {
        Self::Invalid(error)
    }
}

impl From<NodeError> for NoVerdict {
    fn from(error: NodeError) -> Self {
        Self::Node(error)
    }
}

impl Shared {
    /// Each transaction is in the node's verified pool with the same witnesses, or the node takes it now.
    pub(crate) async fn ask_for_verdicts(
        &self,
        member: &Member,
        tip: &Tip,
        transactions: &[Arc<Transaction>],
    ) -> Result<(), NoVerdict> {
        let unlisted = self.unlisted(member, tip, transactions).await?;
        if unlisted.is_empty() {
            return Ok(());
        }
        let is_neo_go = member.version().is_some_and(|version| version.is_neo_go);
        let verdicts = member.node.send(&unlisted).await?;
        self.taken(&unlisted, &verdicts);
        let mut again = Vec::new();
        for (transaction, verdict) in unlisted.iter().zip(verdicts) {
            match verdict {
                Ok(_) => {}
                Err(Rejected::AlreadyInPool(_)) => again.push(Arc::clone(transaction)),
                // neo-go asks its pool last: the transaction itself is valid. The pool's other transactions say nothing
                // about this block, and whether the sender can pay for all of it is checked here.
                Err(Rejected::ByNode { code, message })
                    if is_neo_go && is_about_pool(code, &message) => {}
                Err(reason) => return Err(refused(transaction, reason).into()),
            }
        }
        if again.is_empty() {
            return Ok(());
        }
        // It came to the pool meanwhile; or it waits there to be verified again, which is no verdict.
        let unlisted = self.unlisted(member, tip, &again).await?;
        match unlisted.first() {
            None => Ok(()),
            Some(transaction) => {
                let reason = Rejected::ByNode {
                    code: -503,
                    message: "in the memory pool, but not verified on this height".to_owned(),
                };
                Err(refused(transaction, reason).into())
            }
        }
    }

    /// Those of the transactions that the node's pool does not list as verified on the tip. The listed ones must have
    /// the witnesses that the node has verified, or other valid ones of standard form.
    async fn unlisted(
        &self,
        member: &Member,
        tip: &Tip,
        transactions: &[Arc<Transaction>],
    ) -> Result<Vec<Arc<Transaction>>, NoVerdict> {
        let listing = member.node.listing().await?;
        if listing.height != tip.height() {
            return Err(NodeError::Moved {
                endpoint: member.node.endpoint().clone(),
                height: tip.height(),
            }
            .into());
        }
        let listed: HashSet<UInt256> = listing.verified.into_iter().collect();
        let (listed, unlisted): (Vec<_>, Vec<_>) = transactions
            .iter()
            .cloned()
            .partition(|one| listed.contains(&one.hash()));
        let differs: Vec<Arc<Transaction>> = {
            let mirror = self.mirror.lock();
            let same = |one: &Arc<Transaction>| {
                let held = mirror.get(&one.hash());
                held.is_some_and(|held| held.witnesses() == one.witnesses())
            };
            listed.into_iter().filter(|one| !same(one)).collect()
        };
        let hashes: Vec<UInt256> = differs.iter().map(|one| one.hash()).collect();
        let pooled = member.node.transactions(&hashes).await?;
        for (transaction, pooled) in differs.iter().zip(pooled) {
            let same = pooled.is_some_and(|pooled| pooled.witnesses() == transaction.witnesses());
            if !same {
                self.check_witnesses(transaction)?;
            }
        }
        Ok(unlisted)
    }

    /// Witnesses of standard form over the transaction; others cannot be verified here.
    fn check_witnesses(&self, transaction: &Transaction) -> Result<(), InvalidBlock> {
        let magic = self.config.genesis.magic;
        let pairs = transaction.signers().iter().zip(transaction.witnesses());
        for (index, (signer, witness)) in pairs.enumerate() {
            verify_witness(&signer.account, witness, magic, &transaction.hash())
                .map_err(|_| refused(transaction, Rejected::InvalidSignature { index }))?;
        }
        Ok(())
    }
}

pub(crate) fn refused(transaction: &Transaction, reason: Rejected) -> InvalidBlock {
    InvalidBlock::Transaction {
        hash: transaction.hash(),
        reason,
    }
}

/// Refusals of neo-go that come from its memory pool: full, fees of the sender's pooled transactions, conflicts with
/// them (neo-go `Blockchain.verifyAndPoolTx`). A transaction's own script chooses some of the words of other refusals, so
/// only what neo-go puts first counts: in its data, which follows the message of the code.
fn is_about_pool(code: i64, message: &str) -> bool {
    const POOL: &str = "mempool: ";
    match code {
        -502 | -511 => true,
        -500 => {
            let data = message.split_once(": ").map_or("", |(_, data)| data);
            message.starts_with(POOL) || data.starts_with(POOL)
        }
        _ => false,
    }
}
