//! Blocks that a Neo node brought by itself.

use std::sync::Arc;

use neo_attached::AttachedLedger;
use neo_ledger::ChainReader as _;
use tokio::sync::mpsc;

use crate::driver::Inside;
use crate::ledger_worker::unix_ns;

/// Tells the driver of tips that consensus has neither stored nor imported itself. Of many blocks at once it hears of
/// the last.
pub(crate) fn tell_of_tips(ledger: &Arc<AttachedLedger>, inside: mpsc::UnboundedSender<Inside>) {
    // The ledger holds the watcher: it must not hold itself.
    let held = Arc::downgrade(ledger);
    ledger.watch_tip(move |height, hash| {
        let Some(ledger) = held.upgrade() else { return };
        let transactions = match ledger.block(height) {
            Ok(block) => block.map_or(0, |block| block.transactions.len()),
            Err(error) => {
                tracing::warn!(%height, %error, "a block that a Neo node brought cannot be read");
                0
            }
        };
        // The driver ends with the node.
        let _ = inside.send(Inside::Imported {
            height,
            hash,
            blocks: vec![(height, hash, transactions)],
            at_ns: unix_ns(),
        });
    });
}
