//! What reaches the driver, and why it ends.

use neo_consensus::engine::{Connectivity, Fetched};
use neo_consensus::vote_log::LogError;
use neo_ledger::LedgerError;
use neo_primitives::{Height, PublicKey, UInt256};

use crate::ledger_worker::Report;

/// What reaches the driver from inside the node, whatever the protocol.
#[expect(
    clippy::large_enum_variant,
    reason = "a handful wait at a time, and most are reports"
)]
#[derive(Debug)]
pub(crate) enum Inside {
    /// The ledger answered.
    Ledger(Report),
    /// A fetch ended.
    Fetched(Fetched),
    /// Blocks of other nodes became durable.
    Imported {
        height: Height,
        hash: UInt256,
        blocks: Vec<(Height, UInt256, usize)>,
        at_ns: u64,
    },
    /// A validator's connection changed.
    Connectivity(PublicKey, Connectivity),
}

/// Why the driver ended.
#[derive(Debug, thiserror::Error)]
pub enum DriverError {
    /// Votes cannot be made durable, so none may be sent.
    #[error("{0}; the node stops voting and ends, so that it never contradicts itself")]
    VoteLog(#[from] LogError),
    /// The ledger cannot go on.
    #[error("ledger, on {request}: {error}")]
    Ledger {
        /// What was asked of it.
        request: &'static str,
        /// What failed.
        error: LedgerError,
    },
}
