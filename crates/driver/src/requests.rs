//! What an engine asks of a ledger, in the ledger's words, and the answers in the engine's.
//!
//! Neither of the two crates may use the other, so both name these things; here they meet.

use std::sync::Arc;

use neo_consensus::engine::{BlockLimits, HeightInfo, LedgerAction, LedgerEvent, Witnessed};
use neo_consensus::v3::leader::LeaderState;
use neo_consensus::{ValidatorSet, engine};
use neo_ledger::{LedgerAnswer, LedgerError, LedgerRequest};
use neo_primitives::{Block, Magic, UInt256};

/// The request that an engine's action stands for.
#[must_use]
pub fn to_request(action: LedgerAction) -> LedgerRequest {
    match action {
        LedgerAction::Open { parent } => LedgerRequest::Open { parent },
        LedgerAction::Build {
            parent,
            primary,
            timestamp,
            nonce,
            max_transactions,
        } => LedgerRequest::Build {
            parent,
            primary,
            timestamp,
            nonce,
            max_transactions,
        },
        LedgerAction::Lookup { hash, ids } => LedgerRequest::Lookup { hash, ids },
        LedgerAction::Check { body, fresh } => LedgerRequest::Check { body, fresh },
        LedgerAction::Promote { hash } => LedgerRequest::Promote { hash },
        LedgerAction::Store { block } => {
            let Witnessed { body, witness } = *block;
            let transactions = body.transactions.clone();
            let block = Arc::new(Block {
                header: body.header,
                witness,
                transactions,
            });
            LedgerRequest::Store { block }
        }
    }
}

/// What of an action its answer does not repeat.
#[derive(Clone, Copy, Debug)]
pub struct Question {
    checked: Option<UInt256>,
}

/// An answer as its driver needs it.
#[derive(Debug)]
pub enum Answered {
    /// For the engine. A stored block is among these.
    Event(LedgerEvent),
    /// The request failed in a way that a node can live with.
    Refused {
        /// Name of the request.
        request: &'static str,
        /// What failed.
        error: LedgerError,
    },
    /// The ledger cannot go on: its disk is full, or its store is broken.
    Fatal {
        /// Name of the request.
        request: &'static str,
        /// What failed.
        error: LedgerError,
    },
}

impl Question {
    /// The question that an action puts.
    #[must_use]
    pub fn of(action: &LedgerAction) -> Self {
        let checked = match action {
            LedgerAction::Check { body, .. } => Some(body.hash()),
            _ => None,
        };
        Self { checked }
    }

    /// The answer to it, from a ledger of the network `magic`. `leaders` says who leads the height that
    /// opens: [`Leaders::at`](crate::Leaders::at) of the one kept for this ledger.
    #[must_use]
    pub fn answered(
        self,
        answer: LedgerAnswer,
        magic: Magic,
        leaders: impl FnOnce(&neo_ledger::HeightInfo) -> Result<LeaderState, LedgerError>,
    ) -> Answered {
        let event = match answer {
            LedgerAnswer::Opened(info) => {
                match leaders(&info).and_then(|state| height_info(info, magic, state)) {
                    Ok(info) => LedgerEvent::Opened(info),
                    Err(error) => {
                        return Answered::Fatal {
                            request: "open",
                            error,
                        };
                    }
                }
            }
            LedgerAnswer::Built(body) => LedgerEvent::Built(body),
            LedgerAnswer::Found { hash, transactions } => LedgerEvent::Found { hash, transactions },
            LedgerAnswer::Checked { hash, result } => LedgerEvent::Checked {
                hash,
                result: result.map_err(|error| error.to_string()),
            },
            LedgerAnswer::Promoted { hash } => LedgerEvent::Promoted { hash },
            LedgerAnswer::Stored { height, hash } => LedgerEvent::Stored { height, hash },
            LedgerAnswer::ImportRefused { .. } => {
                return Answered::Refused {
                    request: "import",
                    error: LedgerError::Inconsistent(
                        "an import was answered to consensus".to_owned(),
                    ),
                };
            }
            LedgerAnswer::Failed { request, error } => {
                if error.is_fatal() {
                    return Answered::Fatal { request, error };
                }
                // A block that cannot be checked must not be voted for.
                match self.checked {
                    Some(hash) => LedgerEvent::Checked {
                        hash,
                        result: Err(error.to_string()),
                    },
                    None => return Answered::Refused { request, error },
                }
            }
        };
        Answered::Event(event)
    }
}

fn height_info(
    info: neo_ledger::HeightInfo,
    magic: Magic,
    leaders: LeaderState,
) -> Result<HeightInfo, LedgerError> {
    let validators = ValidatorSet::new(info.validators)
        .map_err(|error| LedgerError::Inconsistent(error.to_string()))?;
    Ok(engine::HeightInfo {
        height: info.height,
        parent: info.parent,
        parent_hash: info.parent_hash,
        magic,
        validators: Arc::new(validators),
        next_consensus: info.next_consensus,
        block_time: info.block_time,
        limits: BlockLimits {
            max_transactions: info.limits.max_transactions,
            max_block_size: info.limits.max_block_size,
            max_block_system_fee: info.limits.max_block_system_fee,
        },
        pool: info.pool,
        leaders,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use neo_primitives::{BlockBody, Header, Height, UInt160, ValidatorIndex};

    fn body() -> Arc<BlockBody> {
        Arc::new(BlockBody {
            header: Header {
                version: 0,
                prev_hash: UInt256::ZERO,
                merkle_root: UInt256::ZERO,
                timestamp: 1,
                nonce: 2,
                index: Height(3),
                primary_index: ValidatorIndex(0),
                next_consensus: UInt160::ZERO,
            },
            transactions: vec![],
        })
    }

    fn unasked(_: &neo_ledger::HeightInfo) -> Result<LeaderState, LedgerError> {
        panic!("no height opens")
    }

    fn failed(request: &'static str) -> LedgerAnswer {
        LedgerAnswer::Failed {
            request,
            error: LedgerError::UnknownBlock(UInt256::ZERO),
        }
    }

    #[test]
    fn a_block_that_could_not_be_checked_counts_as_refused() {
        let action = LedgerAction::Check {
            body: body(),
            fresh: true,
        };
        let answered = Question::of(&action).answered(failed("check"), Magic(1), unasked);
        let Answered::Event(LedgerEvent::Checked { hash, result }) = answered else {
            panic!("{answered:?}");
        };
        assert_eq!((hash, result.is_err()), (body().hash(), true));
    }

    #[test]
    fn other_failures_are_refusals() {
        let action = LedgerAction::Promote {
            hash: UInt256::ZERO,
        };
        let answered = Question::of(&action).answered(failed("promote"), Magic(1), unasked);
        assert!(matches!(
            answered,
            Answered::Refused {
                request: "promote",
                ..
            }
        ));
    }
}
