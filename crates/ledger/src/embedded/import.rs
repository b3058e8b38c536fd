//! Taking blocks from other nodes.

use std::sync::Arc;

use neo_primitives::{Block, Height, UInt256};
use rayon::prelude::*;

use super::{
    EmbeddedLedger,
    candidates::{Candidates, Parent},
    check::{Funds, check_conflicts_inside, invalid},
};
use crate::{
    contract::VerifiedBlock,
    error::{InvalidBlock, LedgerError},
    execution::Executed,
    state::{Layer, StateView},
};

/// What became of an import.
pub(super) enum Imported {
    /// Everything is stored up to this tip.
    All(Height, UInt256),
    /// A block is not valid; those below it are stored.
    Refused {
        height: Height,
        hash: UInt256,
        error: InvalidBlock,
    },
}

impl EmbeddedLedger {
    /// Verifies, executes and stores blocks in order of height, the valid ones in one commit.
    ///
    /// Limits of a fresh proposal (count, size, system fee) are not applied: enough validators did so.
    pub(super) fn import(
        &self,
        candidates: &mut Candidates,
        blocks: &[Arc<Block>],
    ) -> Result<Imported, LedgerError> {
        let verdicts: Vec<_> = blocks
            .par_iter()
            .map(|block| self.verify_alone(block, candidates))
            .collect();
        self.import_run(candidates, blocks.iter().zip(verdicts))
    }

    /// As [`EmbeddedLedger::import`], of blocks that are verified but for what needs the state.
    pub(super) fn import_verified(
        &self,
        candidates: &mut Candidates,
        blocks: &[VerifiedBlock],
    ) -> Result<Imported, LedgerError> {
        let next = self.rules.next_consensus;
        let verdicts = blocks.iter().map(|verified| {
            let verdict = match &verified.beyond {
                // Verified against other validators than sign here: it counts for nothing.
                _ if verified.signed_by != next => self.verify_stateless_parts(&verified.block),
                None => Ok(()),
                Some((hash, reason)) => Err(InvalidBlock::Transaction {
                    hash: *hash,
                    reason: reason.clone(),
                }),
            };
            (&verified.block, verdict)
        });
        self.import_run(candidates, verdicts)
    }

    fn import_run<'b>(
        &self,
        candidates: &mut Candidates,
        blocks: impl Iterator<Item = (&'b Arc<Block>, Result<(), InvalidBlock>)>,
    ) -> Result<Imported, LedgerError> {
        let mut run = Run::new(self, candidates)?;
        let mut refused = None;
        for (block, verdict) in blocks {
            if let Err(error) = self.append(&mut run, candidates, block, verdict) {
                let (height, hash) = (block.header.index, block.hash());
                refused = Some(match error.of_decided(height, hash) {
                    InvalidBlock::Ledger(error) => Err(*error),
                    error => Ok(Imported::Refused {
                        height,
                        hash,
                        error,
                    }),
                });
                break;
            }
        }
        // What comes before it is sound.
        self.finish(run, candidates)?;
        let tip = candidates.tip();
        refused.unwrap_or(Ok(Imported::All(tip.signed.header.index, tip.hash)))
    }

    /// What can be verified of a block without the state: its witness, its merkle root, the signatures of
    /// its transactions. Blocks that are stored or executed already need less.
    fn verify_alone(&self, block: &Block, candidates: &Candidates) -> Result<(), InvalidBlock> {
        if block.header.index <= candidates.tip().signed.header.index {
            return Ok(());
        }
        self.verify_witness_and_root(block)?;
        if candidates.is_fresh(&block.hash()) {
            return Ok(());
        }
        self.verify_transactions(block)
    }

    /// As [`EmbeddedLedger::verify_alone`], without a look at what is stored or executed.
    pub(super) fn verify_stateless_parts(&self, block: &Block) -> Result<(), InvalidBlock> {
        self.verify_witness_and_root(block)?;
        self.verify_transactions(block)
    }

    /// The transactions of a block whose witness and merkle root hold.
    fn verify_transactions(&self, block: &Block) -> Result<(), InvalidBlock> {
        let pooled = self.pooled_identically(&block.transactions);
        self.verify_stateless(&block.transactions, &pooled)
    }

    fn verify_witness_and_root(&self, block: &Block) -> Result<(), InvalidBlock> {
        let limit = self.config.witness_limit;
        let length = block
            .witness
            .invocation
            .len()
            .max(block.witness.verification.len());
        if u32::try_from(length).map_or(true, |length| length > limit) {
            return Err(InvalidBlock::WitnessLength { length, limit });
        }
        let hash = block.hash();
        self.verifier
            .verify_witness(&self.rules.next_consensus, &block.witness, &hash)?;
        let hashes = block.transaction_hashes();
        if neo_primitives::merkle_root(&hashes) != block.header.merkle_root {
            return Err(InvalidBlock::MerkleRoot(hash));
        }
        check_conflicts_inside(&block.transactions)
    }

    fn append<'b>(
        &self,
        run: &mut Run<'b>,
        candidates: &Candidates,
        block: &'b Arc<Block>,
        verdict: Result<(), InvalidBlock>,
    ) -> Result<(), InvalidBlock> {
        let (hash, height) = (block.hash(), block.header.index);
        if height <= run.parent.header.index {
            let known = match candidates.decided_at(height) {
                Some(decided) => Some(decided),
                None => self.stored_hash(height)?,
            };
            let repeated = run.blocks.iter().any(|(_, executed)| executed.hash == hash);
            return match known {
                Some(decided) if decided != hash && !repeated => {
                    Err(InvalidBlock::OtherBlockDecided { height, decided })
                }
                _ => Ok(()),
            };
        }
        if block.header.prev_hash != run.parent.hash {
            return Err(InvalidBlock::UnknownParent(block.header.prev_hash));
        }
        if let Some(decided) = candidates.decided_at(height)
            && decided != hash
        {
            return Err(InvalidBlock::OtherBlockDecided { height, decided });
        }
        verdict?;
        let executed = match candidates.get(&hash) {
            Some(executed) if candidates.is_fresh(&hash) => Arc::clone(executed),
            _ => self.execute_imported(run, block)?,
        };
        run.push(block, executed);
        Ok(())
    }

    fn execute_imported(
        &self,
        run: &Run<'_>,
        block: &Block,
    ) -> Result<Arc<Executed>, InvalidBlock> {
        self.check_header(&block.header, &run.parent.header)?;
        let view = run.view.with_layers(vec![Arc::clone(&run.merged)]);
        let mut funds = Funds::default();
        for transaction in &block.transactions {
            self.check_alone(transaction, &run.parent, &view)
                .map_err(|reason| invalid(transaction, reason))?;
            funds.spend(transaction, &view)?;
        }
        Ok(Arc::new(self.execute(
            &Arc::new(block.body()),
            &run.parent,
            &view,
        )?))
    }

    /// Stores what was appended, and moves tip and pool.
    fn finish(&self, run: Run<'_>, candidates: &mut Candidates) -> Result<(), LedgerError> {
        if run.blocks.is_empty() {
            return Ok(());
        }
        let head = candidates.head_height();
        let newly: Vec<Arc<Executed>> = run
            .blocks
            .iter()
            .filter(|(_, executed)| executed.body.header.index > head)
            .map(|(_, executed)| Arc::clone(executed))
            .collect();
        self.commit(candidates, &run.blocks)?;
        self.advance_pool(&newly, candidates.decided_layers())
    }
}

/// Blocks that are verified and executed, to be stored together.
struct Run<'b> {
    view: StateView,
    /// All layers of the run in one, so that reading does not slow down with its length.
    merged: Arc<Layer>,
    parent: Parent,
    blocks: Vec<(&'b Block, Arc<Executed>)>,
}

impl<'b> Run<'b> {
    fn new(ledger: &EmbeddedLedger, candidates: &Candidates) -> Result<Self, LedgerError> {
        let tip = candidates.tip();
        Ok(Self {
            view: StateView::new(Vec::new(), ledger.store.as_ref())?,
            merged: Arc::default(),
            parent: Parent {
                hash: tip.hash,
                header: tip.signed.header,
                state_hash: tip.state_hash,
                layers: Vec::new(),
                undecided: 0,
            },
            blocks: Vec::new(),
        })
    }

    fn push(&mut self, block: &'b Block, executed: Arc<Executed>) {
        if let Some(merged) = Arc::get_mut(&mut self.merged) {
            merged.writes.extend(
                executed
                    .layer
                    .writes
                    .iter()
                    .map(|(key, value)| (*key, *value)),
            );
            merged
                .transactions
                .extend(executed.layer.transactions.iter().copied());
        }
        self.parent.hash = executed.hash;
        self.parent.header = executed.body.header;
        self.parent.state_hash = executed.state_hash;
        self.blocks.push((block, executed));
    }
}
