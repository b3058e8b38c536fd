//! Building blocks, and checking those of others.

use std::{collections::HashSet, sync::Arc};

use neo_ledger::{InvalidBlock, LedgerError, Rejected};
use neo_primitives::{
    BlockBody, Header, Height, Transaction, UInt256, ValidatorIndex, merkle_root, verify_witness,
};

use crate::{
    error::NodeError,
    headers::Tip,
    selection::{Funds, check_conflicts, check_limits, choose, senders},
    shared::{Member, Office, Shared},
};

/// What a leader writes into the header of its block.
#[derive(Clone, Copy)]
pub(crate) struct Fresh {
    pub(crate) primary: ValidatorIndex,
    pub(crate) timestamp: u64,
    pub(crate) nonce: u64,
}

/// Why a proposal got no vote.
enum NoVerdict {
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
                Ok(body) => return Ok(Arc::new(body)),
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

    /// Checks a proposed block and remembers it if it may be voted for.
    pub(crate) async fn check(
        &self,
        body: Arc<BlockBody>,
        fresh: bool,
    ) -> Result<Result<(), InvalidBlock>, LedgerError> {
        let end = self.deadline();
        loop {
            let tip = self.tip();
            if let Err(error) = self.check_place(&tip, &body)? {
                return Ok(Err(error));
            }
            let hash = body.hash();
            let decided = body.header.index <= tip.height();
            if decided || self.checked(&hash).is_some_and(|checked| checked || !fresh) {
                return Ok(Ok(()));
            }
            if !fresh {
                if !body.fits_merkle_root() {
                    return Ok(Err(InvalidBlock::MerkleRoot(hash)));
                }
                self.remember(body, false);
                return Ok(Ok(()));
            }
            let member = self.serving_until(end).await?;
            match self.check_with(&member, &tip, &body).await {
                Ok(()) => {
                    self.remember(body, true);
                    return Ok(Ok(()));
                }
                Err(NoVerdict::Invalid(error)) => return Ok(Err(error)),
                Err(NoVerdict::Node(error)) => self.failed(&member, &error),
            }
        }
    }

    /// The block stands on the tip, or is the one of its height.
    fn check_place(
        &self,
        tip: &Tip,
        body: &BlockBody,
    ) -> Result<Result<(), InvalidBlock>, LedgerError> {
        let height = body.header.index;
        if height <= tip.height() {
            let decided = self.headers.header(height)?.map(|known| known.hash());
            return Ok(match decided {
                Some(decided) if decided == body.hash() => Ok(()),
                Some(decided) => Err(InvalidBlock::OtherBlockDecided { height, decided }),
                None => Err(InvalidBlock::UnknownParent(body.header.prev_hash)),
            });
        }
        if body.header.prev_hash != tip.hash {
            return Ok(Err(InvalidBlock::UnknownParent(body.header.prev_hash)));
        }
        Ok(Ok(()))
    }

    /// Every rule of a fresh proposal but those that need a clock.
    async fn check_with(
        &self,
        member: &Member,
        tip: &Tip,
        body: &BlockBody,
    ) -> Result<(), NoVerdict> {
        let office = self.office_above(member, tip).await?;
        check_header(&body.header, tip, &office)?;
        let transactions = &body.transactions;
        check_limits(
            transactions,
            &office.limits,
            self.config.genesis.block_overhead(),
        )?;
        if !body.fits_merkle_root() {
            return Err(InvalidBlock::MerkleRoot(body.hash()).into());
        }
        check_conflicts(transactions)?;
        if transactions.is_empty() {
            return Ok(());
        }
        let stored = self.tip_transactions(tip)?;
        for transaction in transactions {
            if stored.contains(&transaction.hash()) {
                let reason = Rejected::AlreadyExists(transaction.hash());
                return Err(refused(transaction, reason).into());
            }
        }
        self.ask_for_verdicts(member, tip, transactions).await?;
        let mut funds = self.funds(member, tip.height(), transactions).await?;
        for transaction in transactions {
            funds.spend(transaction)?;
        }
        Ok(())
    }

    /// Each transaction is in the node's verified pool with the same witnesses, or the node takes it now.
    async fn ask_for_verdicts(
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

    /// What the senders of transactions have at a height.
    async fn funds(
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
    fn tip_transactions(&self, tip: &Tip) -> Result<HashSet<UInt256>, NodeError> {
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

fn refused(transaction: &Transaction, reason: Rejected) -> InvalidBlock {
    InvalidBlock::Transaction {
        hash: transaction.hash(),
        reason,
    }
}

/// Refusals of neo-go that come from its memory pool: full, fees of the sender's pooled transactions, conflicts with
/// them (neo-go `Blockchain.verifyAndPoolTx`).
fn is_about_pool(code: i64, message: &str) -> bool {
    match code {
        -502 | -511 => true,
        -500 => message.contains("mempool: "),
        _ => false,
    }
}

fn check_header(header: &Header, tip: &Tip, office: &Office) -> Result<(), InvalidBlock> {
    let parent = &tip.signed.header;
    if header.version != 0 {
        return Err(InvalidBlock::Version(header.version));
    }
    if header.index != parent.index.next() {
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
    let validators = office.validators.len();
    if header.primary_index.position() >= validators {
        return Err(InvalidBlock::Primary {
            found: header.primary_index,
            validators,
        });
    }
    if header.next_consensus != office.next_consensus {
        return Err(InvalidBlock::NextConsensus {
            found: header.next_consensus,
            expected: office.next_consensus,
        });
    }
    Ok(())
}
