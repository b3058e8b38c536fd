//! Carrying out requests of consensus.

use std::sync::Arc;

use neo_primitives::{
    Block, BlockBody, Header, Magic, Transaction, UInt256, ValidatorIndex, merkle_root,
};

use super::{EmbeddedLedger, candidates::Candidates, import::Imported};
use crate::{
    contract::{
        HeightInfo, Ledger, LedgerAnswer, LedgerRequest, PoolWatcher, Reply, SubmitReply,
        VerifiedBlock,
    },
    error::{InvalidBlock, LedgerError},
    mempool::{Selection, SelectionLimits},
    reader::ChainReader,
    state::StateView,
};

/// What a leader writes into the header of its block.
struct Fresh {
    primary: ValidatorIndex,
    timestamp: u64,
    nonce: u64,
}

impl Ledger for EmbeddedLedger {
    fn executes_ahead(&self) -> bool {
        true
    }

    fn magic(&self) -> Magic {
        self.config.magic
    }

    fn verify(&self, block: Arc<Block>) -> Result<VerifiedBlock, InvalidBlock> {
        let beyond = match self.verify_stateless_parts(&block) {
            Ok(()) => None,
            Err(InvalidBlock::Transaction { hash, reason }) if reason.is_beyond() => {
                Some((hash, reason))
            }
            Err(error) => return Err(error),
        };
        Ok(VerifiedBlock {
            block,
            signed_by: self.rules.next_consensus,
            beyond,
        })
    }

    fn request(&self, request: LedgerRequest, reply: Reply) {
        let name = request.name();
        let answer = self
            .answer(request)
            .unwrap_or_else(|error| LedgerAnswer::Failed {
                request: name,
                error,
            });
        match &answer {
            LedgerAnswer::Failed { error, .. } if error.is_fatal() => {
                tracing::error!(request = name, %error, "the ledger failed");
            }
            LedgerAnswer::Failed { error, .. } => {
                tracing::debug!(request = name, %error, "the ledger refused a request");
            }
            _ => {}
        }
        reply(answer);
    }

    fn submit(&self, transactions: Vec<Transaction>, reply: SubmitReply) {
        reply(self.admit(transactions));
    }

    fn watch_pool(&self, watcher: PoolWatcher) {
        *self.pool_watcher.write() = Some(watcher);
    }
}

impl EmbeddedLedger {
    fn answer(&self, request: LedgerRequest) -> Result<LedgerAnswer, LedgerError> {
        let candidates = || self.candidates.lock();
        match request {
            LedgerRequest::Open { parent } => self.open_height(&candidates(), &parent),
            LedgerRequest::Build {
                parent,
                primary,
                timestamp,
                nonce,
                max_transactions,
            } => {
                let header = Fresh {
                    primary,
                    timestamp,
                    nonce,
                };
                self.build(&candidates(), &parent, header, max_transactions)
            }
            LedgerRequest::Lookup { hash, ids } => Ok(LedgerAnswer::Found {
                hash,
                transactions: self.lookup(&hash, &ids),
            }),
            LedgerRequest::Check { body, fresh } => {
                match self.check(&mut candidates(), &body, fresh) {
                    // A ledger that fails says nothing about the block.
                    Err(InvalidBlock::Ledger(error)) if error.is_fatal() => Err(*error),
                    result => Ok(LedgerAnswer::Checked {
                        hash: body.hash(),
                        result,
                    }),
                }
            }
            LedgerRequest::Promote { hash } => {
                self.promote(&mut candidates(), &hash)?;
                Ok(LedgerAnswer::Promoted { hash })
            }
            LedgerRequest::Store { block } => {
                let (height, hash) = self.store_block(&mut candidates(), &block)?;
                Ok(LedgerAnswer::Stored { height, hash })
            }
            LedgerRequest::Import { block } => {
                Ok(imported(self.import(&mut candidates(), &[block])?))
            }
            LedgerRequest::ImportMany { blocks } => {
                Ok(imported(self.import(&mut candidates(), &blocks)?))
            }
            LedgerRequest::ImportVerified { blocks } => {
                Ok(imported(self.import_verified(&mut candidates(), &blocks)?))
            }
        }
    }

    fn open_height(
        &self,
        candidates: &Candidates,
        parent: &UInt256,
    ) -> Result<LedgerAnswer, LedgerError> {
        let parent = candidates
            .parent(parent)
            .ok_or(LedgerError::UnknownParent(*parent))?;
        Ok(LedgerAnswer::Opened(HeightInfo {
            height: parent.header.index.next(),
            parent: parent.header,
            parent_hash: parent.hash,
            validators: self.rules.validators.clone(),
            next_consensus: self.rules.next_consensus,
            block_time: self.config.block_time(),
            limits: self.config.limits(),
            pool: u32::try_from(self.pool_len()).unwrap_or(u32::MAX),
        }))
    }

    fn build(
        &self,
        candidates: &Candidates,
        parent: &UInt256,
        fresh: Fresh,
        max_transactions: u32,
    ) -> Result<LedgerAnswer, LedgerError> {
        let parent = candidates
            .parent(parent)
            .ok_or(LedgerError::UnknownParent(*parent))?;
        let view = StateView::new(parent.layers.clone(), self.store.as_ref())?;
        let room = self.config.max_block_size as usize;
        let selection = Selection {
            limits: SelectionLimits {
                transactions: max_transactions.min(self.config.max_transactions_per_block) as usize,
                bytes: room.saturating_sub(self.config.block_overhead()),
                system_fee: self.config.max_block_system_fee.0,
            },
            parent: parent.header.index,
            view: &view,
            ahead: parent.layers.get(..parent.undecided).unwrap_or_default(),
        };
        let transactions = selection.choose(&self.pool.lock().transactions)?;
        let hashes: Vec<UInt256> = transactions
            .iter()
            .map(|transaction| transaction.hash())
            .collect();
        let header = Header {
            version: 0,
            prev_hash: parent.hash,
            merkle_root: merkle_root(&hashes),
            timestamp: fresh.timestamp,
            nonce: fresh.nonce,
            index: parent.header.index.next(),
            primary_index: fresh.primary,
            next_consensus: self.rules.next_consensus,
        };
        Ok(LedgerAnswer::Built(Arc::new(BlockBody {
            header,
            transactions,
        })))
    }
}

fn imported(imported: Imported) -> LedgerAnswer {
    match imported {
        Imported::All(height, hash) => LedgerAnswer::Stored { height, hash },
        Imported::Refused {
            height,
            hash,
            error,
        } => LedgerAnswer::ImportRefused {
            height,
            hash,
            error,
        },
    }
}
