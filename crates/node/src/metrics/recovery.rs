//! Catching up and checkpoints in numbers.

use std::time::Duration;

use neo_primitives::Height;
use prometheus_client::{
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

use super::Metrics;
use super::families::{Kind, latency_buckets};

/// Catching up and checkpoints in numbers.
#[derive(Debug)]
pub(super) struct Recovery {
    behind: Gauge,
    fetched: Counter,
    failed: Family<Kind, Counter>,
    checkpoint: Gauge,
    checkpoint_time: Histogram,
    checkpoint_failures: Counter,
}

impl Recovery {
    pub(super) fn new() -> Self {
        Self {
            behind: Gauge::default(),
            fetched: Counter::default(),
            failed: Family::default(),
            checkpoint: Gauge::default(),
            checkpoint_time: Histogram::new(latency_buckets()),
            checkpoint_failures: Counter::default(),
        }
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "blocks_behind",
            "Blocks that peers have and this node has not, while it catches up",
            self.behind.clone(),
        );
        registry.register(
            "blocks_fetched",
            "Blocks that came from other nodes and were verified",
            self.fetched.clone(),
        );
        registry.register(
            "block_fetch_failures",
            "Questions for blocks without a usable answer, by reason",
            self.failed.clone(),
        );
        registry.register(
            "checkpoint_height",
            "Height of the newest checkpoint that this run wrote",
            self.checkpoint.clone(),
        );
        registry.register(
            "checkpoint_seconds",
            "Time to write a checkpoint",
            self.checkpoint_time.clone(),
        );
        registry.register(
            "checkpoint_failures",
            "Checkpoints that could not be written",
            self.checkpoint_failures.clone(),
        );
    }
}

impl Metrics {
    /// Peers have this many blocks more.
    pub(crate) fn behind(&self, blocks: u32) {
        self.recovery.behind.set(i64::from(blocks));
    }

    /// Blocks of another node were verified.
    pub(crate) fn fetched(&self, blocks: usize) {
        self.recovery.fetched.inc_by(blocks as u64);
    }

    /// A question for blocks came to nothing.
    pub(crate) fn fetch_failed(&self, kind: &'static str) {
        self.recovery.failed.get_or_create(&Kind { kind }).inc();
    }

    /// A checkpoint was written.
    pub(crate) fn checkpoint(&self, height: Height, took: Duration) {
        self.recovery.checkpoint.set(i64::from(height.0));
        self.recovery.checkpoint_time.observe(took.as_secs_f64());
    }

    /// A checkpoint could not be written.
    pub(crate) fn checkpoint_failed(&self) {
        self.recovery.checkpoint_failures.inc();
    }
}
