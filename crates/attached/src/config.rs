//! What an attached ledger is told.

use std::time::Duration;

use neo_ledger::GenesisConfig;
use neo_primitives::{Height, UInt256};
use neo_rpc::Endpoint;

/// Blocks below the tip that are kept whole, unless told otherwise.
pub const KEPT_BLOCKS: u32 = 2_000;

/// Everything that [`crate::AttachedLedger::open`] needs besides a store.
#[derive(Clone, Debug)]
pub struct AttachedConfig {
    /// The network, as its nodes are configured. Block time and most transactions are the nodes' own.
    pub genesis: GenesisConfig,
    /// JSON-RPC servers of Neo nodes, the preferred one first; at least one.
    pub nodes: Vec<Endpoint>,
    /// A block to begin at instead of genesis, when the store is empty.
    pub trusted: Option<Trusted>,
    /// Intervals and timeouts.
    pub timing: Timing,
    /// Longest answer of a node that is read, in bytes.
    pub max_answer: usize,
    /// Blocks below the tip that are kept whole, to bring a node that is behind up to date and to serve peers.
    pub kept_blocks: u32,
}

impl AttachedConfig {
    /// The network `genesis`, kept by these nodes, with default timing and bounds.
    #[must_use]
    pub fn new(genesis: GenesisConfig, nodes: Vec<Endpoint>) -> Self {
        Self {
            genesis,
            nodes,
            trusted: None,
            timing: Timing::default(),
            max_answer: 16 << 20,
            kept_blocks: KEPT_BLOCKS,
        }
    }
}

/// A block that the operator vouches for. From it on, headers are verified by their witnesses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trusted {
    /// Its height.
    pub height: Height,
    /// Its hash.
    pub hash: UInt256,
    /// The lowest header that is fetched with it, at most 20,000 below; it is proved by the chain of hashes. The leader
    /// order of dBFT 3.0 needs those from the last multiple of 10,000 on.
    pub from: Height,
}

/// Intervals and timeouts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// How often each node is looked at.
    pub poll: Duration,
    /// Longest wait for one answer of a node.
    pub timeout: Duration,
    /// A node that failed is looked at again after this at first, and after twice as long each time.
    pub backoff_min: Duration,
    /// But at least this often.
    pub backoff_max: Duration,
    /// How long a request of consensus tries nodes before it gives up. Only [`neo_ledger::LedgerRequest::Open`] waits
    /// without end.
    pub patience: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            poll: Duration::from_millis(200),
            timeout: Duration::from_secs(3),
            backoff_min: Duration::from_millis(250),
            backoff_max: Duration::from_secs(5),
            patience: Duration::from_secs(6),
        }
    }
}

/// Waits that grow with each failure.
#[derive(Debug)]
pub(crate) struct Backoff {
    next: Duration,
    timing: Timing,
}

impl Backoff {
    pub(crate) fn new(timing: Timing) -> Self {
        Self {
            next: timing.backoff_min,
            timing,
        }
    }

    /// The wait after one more failure.
    pub(crate) fn failed(&mut self) -> Duration {
        let wait = self.next.min(self.timing.backoff_max);
        self.next = wait.saturating_mul(2);
        wait
    }

    /// It works again.
    pub(crate) fn succeeded(&mut self) {
        self.next = self.timing.backoff_min;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_bound_and_begin_anew() {
        let mut backoff = Backoff::new(Timing::default());
        let waits: Vec<u128> = (0..7).map(|_| backoff.failed().as_millis()).collect();
        assert_eq!(waits, [250, 500, 1_000, 2_000, 4_000, 5_000, 5_000]);
        backoff.succeeded();
        assert_eq!(backoff.failed(), Timing::default().backoff_min);
    }
}
