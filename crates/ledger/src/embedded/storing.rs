//! Deciding blocks and storing them.

use std::sync::Arc;

use neo_primitives::{Block, Height, UInt256};

use super::{EmbeddedLedger, Tip, candidates::Candidates, record::write_block};
use crate::{
    error::{InvalidBlock, LedgerError},
    execution::Executed,
    state::StateView,
    store::Batch,
};

impl EmbeddedLedger {
    /// The block is decided: competitors go, and the pool moves on.
    pub(super) fn promote(
        &self,
        candidates: &mut Candidates,
        hash: &UInt256,
    ) -> Result<(), LedgerError> {
        if *hash == candidates.tip().hash {
            return Ok(());
        }
        let Some(executed) = candidates.get(hash) else {
            return Err(LedgerError::UnknownBlock(*hash));
        };
        if candidates.decided_at(executed.body.header.index) == Some(*hash) {
            return Ok(());
        }
        let newly = candidates
            .decide(hash)
            .ok_or(LedgerError::UnknownBlock(*hash))?;
        self.advance_pool(&newly, candidates.decided_layers())
    }

    /// Stores a decided block with its witness, which consensus made. Returns the new tip.
    pub(super) fn store_block(
        &self,
        candidates: &mut Candidates,
        block: &Block,
    ) -> Result<(Height, UInt256), LedgerError> {
        let hash = block.hash();
        let tip = candidates.tip();
        let (height, tip_height) = (block.header.index, tip.signed.header.index);
        if height <= tip_height && self.stored_hash(height)? == Some(hash) {
            return Ok((tip_height, tip.hash));
        }
        let decided = candidates.decided_at(height);
        if block.header.prev_hash != tip.hash || decided.is_some_and(|decided| decided != hash) {
            return Err(LedgerError::NotNext {
                hash,
                height,
                tip: tip_height,
            });
        }
        if candidates.get(&hash).is_none() {
            self.execute_decided(candidates, block)
                .map_err(|error| decided_invalid(hash, error.of_decided(height, hash)))?;
        }
        self.promote(candidates, &hash)?;
        let executed = candidates
            .get(&hash)
            .cloned()
            .ok_or(LedgerError::UnknownBlock(hash))?;
        self.commit(candidates, &[(block, executed)])?;
        Ok((height, hash))
    }

    fn execute_decided(
        &self,
        candidates: &mut Candidates,
        block: &Block,
    ) -> Result<(), InvalidBlock> {
        let body = Arc::new(block.body());
        if !body.fits_merkle_root() {
            return Err(InvalidBlock::MerkleRoot(body.hash()));
        }
        let prev_hash = body.header.prev_hash;
        let parent = candidates
            .parent(&prev_hash)
            .ok_or(InvalidBlock::UnknownParent(prev_hash))?;
        let view = StateView::new(parent.layers.clone(), self.store.as_ref())?;
        let executed = self.execute(&body, &parent, &view)?;
        candidates.insert(Arc::new(executed), false);
        Ok(())
    }

    /// Writes consecutive blocks above the tip in one durable commit, and moves the tip.
    pub(super) fn commit(
        &self,
        candidates: &mut Candidates,
        blocks: &[(&Block, Arc<Executed>)],
    ) -> Result<(), LedgerError> {
        let mut batch = Batch::new();
        for (block, executed) in blocks {
            write_block(&mut batch, block, executed);
        }
        self.store.commit(batch)?;
        for (block, executed) in blocks {
            let tip = Tip {
                hash: executed.hash,
                signed: block.signed_header(),
                state_hash: executed.state_hash,
            };
            *self.tip.write() = tip.clone();
            candidates.stored(tip);
        }
        self.pool.lock().layers = candidates.decided_layers();
        Ok(())
    }
}

/// A decided block that is not valid here; failures of the ledger itself stay what they are.
fn decided_invalid(hash: UInt256, error: InvalidBlock) -> LedgerError {
    match error {
        InvalidBlock::Ledger(error) => *error,
        error => LedgerError::InvalidDecision {
            hash,
            error: Box::new(error),
        },
    }
}
