//! An answer to a question for blocks: read and verified.

use std::sync::Arc;

use bytes::Bytes;
use neo_ledger::{Ledger, VerifiedBlock};
use neo_network::Offence;
use neo_primitives::{Block, Height, Reader};
use rayon::prelude::*;

/// What an answer is worth.
#[derive(Debug)]
pub(super) enum Answer {
    /// Consecutive blocks from the first height on, verified but for what needs the state, and their bytes.
    Blocks(Vec<VerifiedBlock>, usize),
    /// What no honest node sends.
    Lie(Offence, String),
}

/// Reads and verifies the blocks of an answer. One bad block makes all of it a lie: whoever sends it has not verified
/// what it stores.
pub(super) fn examine(
    ledger: &dyn Ledger,
    start: Height,
    count: u16,
    bytes: &[Bytes],
    witness_limit: u32,
) -> Answer {
    if bytes.len() > usize::from(count) {
        let problem = format!("{} blocks where {count} were asked for", bytes.len());
        return Answer::Lie(Offence::InvalidAnswer, problem);
    }
    let read: Result<Vec<Block>, _> = bytes
        .par_iter()
        .map(|bytes| {
            let mut reader = Reader::new(bytes);
            let block = Block::decode_with_limit(&mut reader, witness_limit)?;
            reader.finish().map(|()| block)
        })
        .collect();
    let blocks = match read {
        Ok(blocks) => blocks,
        Err(error) => {
            let problem = format!("an undecodable block: {error}");
            return Answer::Lie(Offence::InvalidAnswer, problem);
        }
    };
    let mut expected = start;
    for block in &blocks {
        if block.header.index != expected {
            let found = block.header.index;
            let problem = format!("block {found} where {expected} was asked for");
            return Answer::Lie(Offence::InvalidAnswer, problem);
        }
        expected = expected.next();
    }
    // Cheap, and a gap in the chain makes signatures not worth checking.
    let linked = blocks
        .array_windows()
        .all(|[a, b]| b.header.prev_hash == a.hash());
    if !linked {
        let problem = "blocks that do not follow each other".to_owned();
        return Answer::Lie(Offence::InvalidBlock, problem);
    }
    let verified: Result<Vec<VerifiedBlock>, _> = blocks
        .into_par_iter()
        .map(|block| {
            let height = block.header.index;
            let verified = ledger.verify(Arc::new(block));
            verified.map_err(|error| format!("block {height}: {error}"))
        })
        .collect();
    match verified {
        Ok(blocks) => Answer::Blocks(blocks, bytes.iter().map(Bytes::len).sum()),
        Err(problem) => Answer::Lie(Offence::InvalidBlock, problem),
    }
}
