//! Blocks and headers.

use std::sync::Arc;

use neo_ledger::LedgerError;
use neo_primitives::{Block, Encode, Height, Reader, UInt256};

use crate::rpc::{
    dispatch::Server,
    elsewhere::with_the_node,
    error::RpcError,
    json::{
        base64,
        block::{BlockJson, HeaderJson, Place},
    },
    params::{BlockId, Params, invalid},
    response::{Answer, result},
    view::BlockRefused,
};

/// `getblockcount`, and `getblockheadercount`: the height of the tip and one.
pub(in crate::rpc) fn count(server: &Server, _: &Params<'_>) -> Answer {
    let tip = server.context.ledger.height().0;
    result(&u64::from(tip).saturating_add(1))
}

/// `getbestblockhash`.
pub(in crate::rpc) fn best_hash(server: &Server, _: &Params<'_>) -> Answer {
    result(&server.context.ledger.tip_hash())
}

/// `getblockhash [height]`.
pub(in crate::rpc) fn hash(server: &Server, params: &Params<'_>) -> Answer {
    let height = params.height(0, "height")?;
    match server.context.ledger.block_hash(height)? {
        Some(hash) => result(&hash),
        None => Err(RpcError::UNKNOWN_HEIGHT),
    }
}

/// `getblock [hash or height, verbose]`.
pub(in crate::rpc) fn block(server: &Server, params: &Params<'_>) -> Answer {
    let id = params.block(0, "block hash or height")?;
    let verbose = params.flag(1, "verbose")?;
    let ledger = &server.context.ledger;
    let height = height_of(server, id)?.ok_or(RpcError::UNKNOWN_BLOCK)?;
    if !verbose {
        let bytes = ledger.block_bytes(height)?;
        let bytes = bytes.ok_or_else(|| not_held(server, height, RpcError::UNKNOWN_BLOCK))?;
        return result(&base64(&bytes));
    }
    let block: Option<Arc<Block>> = ledger.block(height)?;
    let block = block.ok_or_else(|| not_held(server, height, RpcError::UNKNOWN_BLOCK))?;
    result(&BlockJson::new(&block, place(server, height)?))
}

/// `getblockheader [hash or height, verbose]`.
pub(in crate::rpc) fn header(server: &Server, params: &Params<'_>) -> Answer {
    let id = params.block(0, "block hash or height")?;
    let verbose = params.flag(1, "verbose")?;
    let height = height_of(server, id)?.ok_or(RpcError::UNKNOWN_BLOCK)?;
    let header = server.context.ledger.header(height)?;
    let header = header.ok_or(RpcError::UNKNOWN_BLOCK)?;
    if !verbose {
        return result(&base64(&header.to_bytes()));
    }
    result(&HeaderJson::of_header(&header, place(server, height)?))
}

/// `getblocksysfee [height]`, as neo-go has it: the sum of the block's system fees in datoshi.
pub(in crate::rpc) fn system_fee(server: &Server, params: &Params<'_>) -> Answer {
    let height = params.height(0, "height")?;
    let block = server.context.ledger.block(height)?;
    let block = block.ok_or_else(|| not_held(server, height, RpcError::UNKNOWN_HEIGHT))?;
    let fees = block
        .transactions
        .iter()
        .map(|transaction| transaction.system_fee().0)
        .fold(0i64, i64::saturating_add);
    result(&fees)
}

/// Why a block is not here: an attached ledger keeps the newest only.
fn not_held(server: &Server, height: Height, unknown: RpcError) -> RpcError {
    let ledger = &server.context.ledger;
    if ledger.executes() || height > ledger.height() {
        return unknown;
    }
    with_the_node("a block that is not kept whole here")
}

fn height_of(server: &Server, id: BlockId) -> Result<Option<Height>, LedgerError> {
    match id {
        BlockId::Height(height) => Ok(Some(height)),
        BlockId::Hash(hash) => server.context.ledger.height_of(&hash),
    }
}

fn place(server: &Server, height: Height) -> Result<Place, LedgerError> {
    let ledger = &server.context.ledger;
    let next: Option<UInt256> = match height.checked_add(1) {
        Some(next) => ledger.block_hash(next)?,
        None => None,
    };
    Ok(Place {
        tip: ledger.height().0,
        next,
    })
}

/// The block of `submitblock [base64]`, when it follows the tip.
///
/// # Errors
/// When it is no block, is stored already, or blocks before it are missing.
pub(in crate::rpc) fn submitted(server: &Server, params: &Params<'_>) -> Result<Block, RpcError> {
    let bytes = params.bytes(0, "block")?;
    let ledger = &server.context.ledger;
    let mut reader = Reader::new(&bytes);
    let block = Block::decode_with_limit(&mut reader, ledger.config().witness_limit)
        .and_then(|block| reader.finish().map(|()| block))
        .map_err(|error| invalid(format!("invalid block: {error}")))?;
    let (height, next) = (block.header.index, ledger.height().next());
    if height < next {
        return Err(BlockRefused::AlreadyStored { height }.into());
    }
    if height > next {
        return Err(BlockRefused::NotNext { height, next }.into());
    }
    Ok(block)
}
