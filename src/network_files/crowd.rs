//! What nodes have to be told when many of them share a machine.
//!
//! All validators are connected with all others: n of them hold n(n−1)/2 connections, each with heartbeats in both
//! directions, and begin with as many handshakes. What is nothing for 100 machines is more than one machine can do.

use neo_node::config::{ConsensusConfig, NetworkSection};

use super::plan::NEO_VALIDATORS;

/// Heartbeats a second that all nodes of a machine send at most.
const HEARTBEATS: u64 = 10_000;
/// Handshakes that all nodes of a machine begin at a time.
const HANDSHAKES: usize = 256;
/// What a height may take at first for each validator, in milliseconds; later the timer follows what it takes.
const BASE_MS: u64 = 100;

/// Settings of nodes that share a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Crowd {
    pub(super) heartbeat_ms: u64,
    pub(super) max_dials: usize,
    pub(super) base_timeout_ms: u64,
    pub(super) emergency_after_ms: u64,
}

impl Crowd {
    /// For this many validators; the defaults as long as Neo's nodes can read their blocks.
    pub(super) fn of(validators: usize) -> Self {
        let (network, consensus) = (NetworkSection::default(), ConsensusConfig::default());
        let usual = Self {
            heartbeat_ms: network.heartbeat_ms,
            max_dials: network.max_dials,
            base_timeout_ms: consensus.base_timeout_ms,
            emergency_after_ms: consensus.emergency_after_ms,
        };
        if validators <= NEO_VALIDATORS {
            return usual;
        }
        let n = u64::try_from(validators).unwrap_or(u64::MAX);
        let heartbeats = n.saturating_mul(n.saturating_sub(1));
        let base_timeout_ms = n.saturating_mul(BASE_MS);
        Self {
            heartbeat_ms: usual
                .heartbeat_ms
                .max(heartbeats.saturating_mul(1_000) / HEARTBEATS),
            max_dials: (HANDSHAKES / validators.max(1)).clamp(2, usual.max_dials),
            base_timeout_ms,
            emergency_after_ms: usual.emergency_after_ms.max(6 * base_timeout_ms),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crowd_beats_slower_dials_less_and_waits_longer() {
        let few = Crowd::of(22);
        assert_eq!((few.heartbeat_ms, few.max_dials), (100, 64));
        assert_eq!(
            (few.base_timeout_ms, few.emergency_after_ms),
            (1_000, 10_000)
        );
        let many = Crowd::of(100);
        assert_eq!((many.heartbeat_ms, many.max_dials), (990, 2));
        assert_eq!(
            (many.base_timeout_ms, many.emergency_after_ms),
            (10_000, 60_000)
        );
        let most = Crowd::of(255);
        assert_eq!((most.heartbeat_ms, most.max_dials), (6_477, 2));
    }
}
