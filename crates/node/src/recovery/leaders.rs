//! The state of the leader order that goes into a checkpoint.

use neo_driver::Leaders;
use neo_ledger::{ChainReader, EmbeddedLedger, HeightInfo, LedgerError};
use neo_primitives::Header;

/// The encoded state of the leader order for the height above a stored block.
///
/// # Errors
/// When the store cannot be read.
pub fn state_above(ledger: &EmbeddedLedger, tip: &Header) -> Result<Vec<u8>, LedgerError> {
    let config = ledger.config();
    let info = HeightInfo {
        height: tip.index.next(),
        parent: *tip,
        parent_hash: tip.hash(),
        validators: ledger.validators()?,
        next_consensus: tip.next_consensus,
        block_time: config.block_time(),
        limits: config.limits(),
        pool: 0,
    };
    Ok(Leaders::new().at(ledger, &info)?.encode())
}
