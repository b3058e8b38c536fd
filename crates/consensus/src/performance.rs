//! What consensus took lately: the figures that tuning works with and operators see.

use std::time::Duration;

/// How the last blocks went. Averages are over a bounded window of recent blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PerformanceMetrics {
    /// Mean time between the decisions of two blocks.
    pub avg_block_time: Duration,
    /// View changes per thousand blocks.
    pub view_change_frequency: u32,
    /// Blocks decided here by consensus since the start.
    pub successful_blocks: u64,
    /// Views given up here since the start.
    pub failed_views: u64,
    /// Where the time of a block went.
    pub phases: PhaseDurations,
}

/// Mean length of each part of a block's way. Zero where nothing was measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PhaseDurations {
    /// From asking the own ledger for a block until it was built; only while leading.
    pub build: Duration,
    /// From the moment a proposal was due until it was seen.
    pub proposal: Duration,
    /// From the proposal until its transactions were here: dissemination.
    pub dissemination: Duration,
    /// From asking the own ledger until it had checked and executed the block.
    pub execution: Duration,
    /// From the proposal to the prepared certificate.
    pub prepare: Duration,
    /// From the prepared certificate to the decision.
    pub pre_commit: Duration,
    /// From the decision to the complete witness.
    pub commit: Duration,
    /// From the witness to the durable block.
    pub storage: Duration,
}
