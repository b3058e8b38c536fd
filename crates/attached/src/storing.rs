//! Storing blocks here, and giving them to the nodes.

use std::sync::Arc;

use neo_ledger::{InvalidBlock, LedgerAnswer, LedgerError};
use neo_primitives::{Block, UInt256};

use crate::{
    following::blocking,
    headers::{NotAppended, Tip},
    shared::{NodeState, Shared},
};

/// The decided block was checked, or is stored already. Nothing competes with it: no height is executed ahead.
pub(crate) fn promote(shared: &Shared, hash: UInt256) -> Result<LedgerAnswer, LedgerError> {
    if shared.checked(&hash).is_some() || shared.headers.height_of(&hash)?.is_some() {
        return Ok(LedgerAnswer::Promoted { hash });
    }
    Err(LedgerError::UnknownBlock(hash))
}

/// Stores a decided block here, durably, and gives it to the nodes. The height above opens when one has it.
pub(crate) async fn store(
    shared: &Arc<Shared>,
    block: Arc<Block>,
) -> Result<LedgerAnswer, LedgerError> {
    let (hash, height) = (block.hash(), block.header.index);
    match append(shared, vec![Arc::clone(&block)]).await {
        Ok(tip) => {
            distribute(shared, block);
            Ok(stored(&tip))
        }
        Err(NotAppended::Failed(error)) => Err(error),
        Err(NotAppended::Invalid(
            _,
            InvalidBlock::Index { .. } | InvalidBlock::UnknownParent(_),
        )) => Err(LedgerError::NotNext {
            hash,
            height,
            tip: shared.tip().height(),
        }),
        Err(NotAppended::Invalid(_, error)) => Err(LedgerError::InvalidDecision {
            hash,
            error: Box::new(error),
        }),
    }
}

pub(crate) async fn import(
    shared: &Arc<Shared>,
    blocks: Vec<Arc<Block>>,
) -> Result<LedgerAnswer, LedgerError> {
    let given = blocks.clone();
    match append(shared, blocks).await {
        Ok(tip) => {
            // The newest goes out at once; what a node lacks below is found when it is looked at.
            match (given.last(), given.len()) {
                (Some(block), 1) => distribute(shared, Arc::clone(block)),
                _ => shared.nudge(),
            }
            Ok(stored(&tip))
        }
        Err(NotAppended::Failed(error)) => Err(error),
        Err(NotAppended::Invalid(height, error)) => {
            shared.nudge();
            let refused = given.iter().find(|block| block.header.index == height);
            Ok(LedgerAnswer::ImportRefused {
                height,
                hash: refused.map(|block| block.hash()).unwrap_or_default(),
                error,
            })
        }
    }
}

fn stored(tip: &Tip) -> LedgerAnswer {
    LedgerAnswer::Stored {
        height: tip.height(),
        hash: tip.hash,
    }
}

async fn append(shared: &Arc<Shared>, blocks: Vec<Arc<Block>>) -> Result<Tip, NotAppended> {
    let store = Arc::clone(shared);
    blocking(move || store.headers.append_blocks(&blocks)).await?;
    shared.changed();
    Ok(shared.tip())
}

/// Gives a block to every node that can take it; whichever cannot is brought up to date later.
fn distribute(shared: &Arc<Shared>, block: Arc<Block>) {
    for member in &shared.members {
        if matches!(
            member.state(),
            NodeState::Unusable { .. } | NodeState::Foreign { .. }
        ) {
            continue;
        }
        let (member, block) = (Arc::clone(member), Arc::clone(&block));
        tokio::spawn(async move {
            if let Err(error) = member.node.submit_block(&block).await {
                tracing::debug!(%error, "a Neo node does not take a block yet");
            }
            member.nudge.notify_one();
        });
    }
}
