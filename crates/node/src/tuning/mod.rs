//! What a validator adjusts of itself besides what the engine does (protocol section 8): to how many peers a batch of
//! transactions goes first, and how many signatures are checked at a time.
//!
//! The functions and the slowness are those of [`neo_consensus::tuning`]; here are the measurements, and the hands.

mod load;

use std::sync::Arc;
use std::time::Instant;

use neo_consensus::PerformanceMetrics;
use neo_consensus::tuning::{Adjustment, Bounds, Tuned, fan_out, verification};
use neo_network::NetworkHandle;

use self::load::{Moment, Totals};
use crate::checks::Checks;

/// Values that the node may arrive at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TuningBounds {
    /// Peers that a batch of transactions goes to first.
    pub(crate) fan_out: Bounds,
    /// Threads that check signatures.
    pub(crate) threads: Bounds,
}

/// What a network shows of its gossip.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Gossip {
    /// Connected peers.
    pub(crate) peers: u64,
    /// How full the fullest queue to one is, in thousandths.
    pub(crate) queue_per_mille: u64,
    /// Transactions that peers pushed since the start.
    pub(crate) pushed: u64,
    /// Those that were known already.
    pub(crate) repeated: u64,
}

/// A network whose fan-out can be tuned.
pub(crate) trait Tunable {
    /// How its gossip goes.
    fn gossip(&self) -> Gossip;
    /// Batches of transactions go to so many peers first.
    fn set_fan_out(&self, peers: u64);
}

impl Tunable for NetworkHandle {
    fn gossip(&self) -> Gossip {
        let metrics = self.metrics();
        Gossip {
            peers: metrics.peers_up.saturating_sub(metrics.peers_down),
            queue_per_mille: metrics.fullest_queue_per_mille,
            pushed: metrics.transactions,
            repeated: metrics.duplicate_transactions,
        }
    }

    fn set_fan_out(&self, peers: u64) {
        Self::set_fan_out(self, usize::try_from(peers).unwrap_or(usize::MAX));
    }
}

/// Follows the load of a node.
#[derive(Debug)]
pub(crate) struct Tuner<N> {
    network: N,
    checks: Arc<Checks>,
    fan_out: Tuned,
    threads: Tuned,
    cores: u64,
    began: Instant,
    before: Totals,
    looked_up: u64,
    missing: u64,
}

/// As many threads as there are processors, within the bounds; to begin with, and where it is not known, one.
pub(crate) fn first_threads(bounds: Bounds) -> u64 {
    bounds.clamp(cores())
}

fn cores() -> u64 {
    std::thread::available_parallelism()
        .ok()
        .and_then(|cores| u64::try_from(cores.get()).ok())
        .unwrap_or(1)
}

impl<N: Tunable> Tuner<N> {
    /// Begins with everybody getting everything at once, and with the threads that the pool has.
    pub(crate) fn new(network: N, checks: Arc<Checks>, bounds: TuningBounds) -> Self {
        let fan_out = Tuned::new(u64::MAX, bounds.fan_out);
        network.set_fan_out(fan_out.value());
        Self {
            network,
            threads: Tuned::new(checks.threads(), bounds.threads),
            checks,
            fan_out,
            cores: cores(),
            began: Instant::now(),
            before: Totals::default(),
            looked_up: 0,
            missing: 0,
        }
    }

    /// Transactions of a proposed block were looked up in the own pool.
    pub(crate) fn looked_up(&mut self, wanted: usize, missing: usize) {
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        self.looked_up = self.looked_up.saturating_add(count(wanted));
        self.missing = self.missing.saturating_add(count(missing));
    }

    /// A block was decided: looks at the load since the last one, and tells what it changed.
    pub(crate) fn decided(&mut self, performance: &PerformanceMetrics) -> Vec<Adjustment> {
        let gossip = self.network.gossip();
        let now = self.read(gossip);
        let moment = Moment {
            peers: gossip.peers,
            queue_per_mille: gossip.queue_per_mille,
            threads: self.checks.threads(),
            cores: self.cores,
        };
        let load = now.since(&self.before, moment);
        self.before = now;
        let value = self.fan_out.value();
        let opinion = fan_out::tune(performance, &load, value, self.fan_out.bounds());
        let spread = self.fan_out.observe(opinion);
        if let Some(adjustment) = &spread {
            self.network.set_fan_out(adjustment.to);
        }
        let value = self.threads.value();
        let opinion = verification::tune(performance, &load, value, self.threads.bounds());
        let threads = self.threads.observe(opinion).filter(|adjustment| {
            let resized = self.checks.resize(adjustment.to);
            if let Err(error) = &resized {
                tracing::warn!(threads = adjustment.to, %error, "threads cannot be started");
            }
            resized.is_ok()
        });
        spread.into_iter().chain(threads).collect()
    }

    fn read(&self, gossip: Gossip) -> Totals {
        Totals {
            at: self.began.elapsed(),
            looked_up: self.looked_up,
            missing: self.missing,
            pushed: gossip.pushed,
            repeated: gossip.repeated,
            waited: self.checks.waited(),
            worked: self.checks.worked(),
        }
    }

    /// Peers that a batch of transactions goes to first.
    pub(crate) fn fan_out(&self) -> u64 {
        self.fan_out.value()
    }

    /// Threads that check signatures.
    pub(crate) fn threads(&self) -> u64 {
        self.checks.threads()
    }
}

#[cfg(test)]
mod tests;
