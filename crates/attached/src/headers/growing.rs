//! Appending what is verified.

use std::sync::Arc;

use neo_ledger::{
    InvalidBlock, LedgerError,
    store::{Batch, StoreError, Table},
};
use neo_primitives::{
    Block, Encode as _, Header, Height, SignedHeader, merkle_root, parse_multisig_script,
    verify_witness,
};

use super::{Headers, Tip, key};

/// Why the chain does not grow.
#[derive(Debug)]
pub(crate) enum NotAppended {
    /// The header or block is not valid on the tip.
    Invalid(Height, InvalidBlock),
    /// The store failed.
    Failed(LedgerError),
}

impl From<StoreError> for NotAppended {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

impl Headers {
    /// Verifies headers above the tip and stores them. Those at or below it must be the ones that are held.
    pub(crate) fn append(&self, headers: &[SignedHeader]) -> Result<(), NotAppended> {
        self.grow(headers.iter().map(|signed| (signed.clone(), None)))
    }

    /// As [`Headers::append`], of whole blocks.
    pub(crate) fn append_blocks(&self, blocks: &[Arc<Block>]) -> Result<(), NotAppended> {
        self.grow(
            blocks
                .iter()
                .map(|block| (block.signed_header(), Some(block.as_ref()))),
        )
    }

    /// Appends until one is not valid; what is valid is stored in any case.
    fn grow<'b>(
        &self,
        links: impl Iterator<Item = (SignedHeader, Option<&'b Block>)>,
    ) -> Result<(), NotAppended> {
        let _growing = self.growing.lock();
        let mut batch = Batch::new();
        let mut tip = self.tip();
        let mut refused = None;
        for (signed, block) in links {
            let height = signed.header.index;
            let link = if height <= tip.height() {
                self.hold(&tip, &signed, block)?
            } else {
                self.link(&tip, &signed, block)
            };
            match link {
                Ok(None) => {}
                Ok(Some(record)) => {
                    batch.put(Table::Blocks, key(height), record);
                    if block.is_some() {
                        self.prune(&mut batch, height)?;
                    }
                    if height > tip.height() {
                        let hash = signed.hash();
                        batch.put(Table::BlockHeights, *hash.as_wire(), key(height));
                        tip = Tip { hash, signed };
                    }
                }
                Err(error) => {
                    refused = Some(NotAppended::Invalid(height, error));
                    break;
                }
            }
        }
        if !batch.is_empty() {
            self.store.commit(batch)?;
            *self.tip.write() = tip;
        }
        refused.map_or(Ok(()), Err)
    }

    /// The record of a block above the tip.
    fn link(
        &self,
        tip: &Tip,
        signed: &SignedHeader,
        block: Option<&Block>,
    ) -> Result<Option<Vec<u8>>, InvalidBlock> {
        self.follows(tip, signed)?;
        match block {
            None => Ok(Some(signed.to_bytes())),
            Some(block) => fits_merkle_root(block).map(|()| Some(block.to_bytes())),
        }
    }

    /// The record of a block that is held already, if it gains its transactions by this one. Its witness stays the one
    /// that was verified.
    fn hold(
        &self,
        tip: &Tip,
        signed: &SignedHeader,
        block: Option<&Block>,
    ) -> Result<Result<Option<Vec<u8>>, InvalidBlock>, NotAppended> {
        let height = signed.header.index;
        let known = if height == tip.height() {
            Some(tip.signed.clone())
        } else {
            self.header(height).map_err(NotAppended::Failed)?
        };
        let Some(known) = known else {
            return Ok(Ok(None));
        };
        let decided = known.hash();
        if decided != signed.hash() {
            return Ok(Err(InvalidBlock::OtherBlockDecided { height, decided }));
        }
        let Some(block) = block else {
            return Ok(Ok(None));
        };
        if self
            .block_bytes(height)
            .map_err(NotAppended::Failed)?
            .is_some()
            || tip.height().0.saturating_sub(height.0) >= self.kept_blocks
        {
            return Ok(Ok(None));
        }
        Ok(fits_merkle_root(block)
            .map(|()| Some(Block::from_body(&block.body(), known.witness).to_bytes())))
    }

    /// The block that is too old to be kept whole becomes its header.
    fn prune(&self, batch: &mut Batch, height: Height) -> Result<(), NotAppended> {
        let Some(old) = height.0.checked_sub(self.kept_blocks).map(Height) else {
            return Ok(());
        };
        if self
            .block_bytes(old)
            .map_err(NotAppended::Failed)?
            .is_some()
            && let Some(signed) = self.header(old).map_err(NotAppended::Failed)?
        {
            batch.put(Table::Blocks, key(old), signed.to_bytes());
        }
        Ok(())
    }

    /// The header stands on the tip and is signed by the account that the tip names.
    fn follows(&self, tip: &Tip, signed: &SignedHeader) -> Result<(), InvalidBlock> {
        let (header, parent) = (&signed.header, &tip.signed.header);
        if header.version != 0 {
            return Err(InvalidBlock::Version(header.version));
        }
        if header.index != parent.index.next() {
            return Err(InvalidBlock::Index {
                found: header.index,
                parent: parent.index,
            });
        }
        if header.prev_hash != tip.hash {
            return Err(InvalidBlock::UnknownParent(header.prev_hash));
        }
        if header.timestamp <= parent.timestamp {
            return Err(InvalidBlock::Timestamp {
                found: header.timestamp,
                parent: parent.timestamp,
            });
        }
        self.signed_by(signed, parent)
    }

    /// The witness is that of the account that `parent` names, and the primary is one of its validators.
    pub(crate) fn signed_by(
        &self,
        signed: &SignedHeader,
        parent: &Header,
    ) -> Result<(), InvalidBlock> {
        let witness = &signed.witness;
        let length = witness.invocation.len().max(witness.verification.len());
        if u32::try_from(length).map_or(true, |length| length > self.witness_limit) {
            return Err(InvalidBlock::WitnessLength {
                length,
                limit: self.witness_limit,
            });
        }
        verify_witness(&parent.next_consensus, witness, self.magic, &signed.hash())?;
        // A network of one validator has a 1-of-1 account.
        let validators =
            parse_multisig_script(&witness.verification).map_or(1, |(_, keys)| keys.len());
        if signed.header.primary_index.position() >= validators {
            return Err(InvalidBlock::Primary {
                found: signed.header.primary_index,
                validators,
            });
        }
        Ok(())
    }
}

fn fits_merkle_root(block: &Block) -> Result<(), InvalidBlock> {
    if merkle_root(&block.transaction_hashes()) == block.header.merkle_root {
        return Ok(());
    }
    Err(InvalidBlock::MerkleRoot(block.hash()))
}
