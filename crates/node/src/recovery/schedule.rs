//! Checkpoints while the node runs: one whenever enough blocks were stored since the last.

use std::sync::Arc;
use std::time::{Duration, Instant};

use neo_audit::{Entry, Kind};
use neo_ledger::checkpoint::{CheckpointError, CheckpointFolder, Written};
use neo_ledger::{ChainReader, EmbeddedLedger};
use neo_primitives::Height;
use tokio::sync::watch;

use super::leaders::state_above;
use crate::config::CheckpointConfig;
use crate::metrics::Metrics;
use crate::security::Security;

/// How often it is looked whether one is due.
const LOOK: Duration = Duration::from_millis(500);
/// After one that took so long, the next begins this many times as long later at the earliest: writing takes a tenth of
/// a disk's time at most, also while blocks come in by the thousand.
const REST: u32 = 10;
/// Shortest time between two.
const LEAST_REST: Duration = Duration::from_secs(1);
/// Time between attempts after one failed.
const AFTER_FAILURE: Duration = Duration::from_secs(60);

/// Writes checkpoints of a running node.
pub(crate) struct Schedule {
    pub(crate) ledger: Arc<EmbeddedLedger>,
    pub(crate) folder: CheckpointFolder,
    pub(crate) config: CheckpointConfig,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) security: Arc<Security>,
}

impl Schedule {
    /// Works until the node stops.
    pub(crate) async fn run(self, mut stopped: watch::Receiver<bool>) {
        if self.config.interval == 0 {
            let _ = stopped.changed().await;
            return;
        }
        let mut last = self.last();
        let mut not_before = Instant::now();
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = look.tick() => {}
                _ = stopped.changed() => return,
            }
            let due = is_due(self.ledger.height(), last, self.config.interval);
            if !due || Instant::now() < not_before {
                continue;
            }
            let began = Instant::now();
            let (ledger, folder, keep) = (
                Arc::clone(&self.ledger),
                self.folder.clone(),
                self.config.keep,
            );
            let written = tokio::task::spawn_blocking(move || {
                let leaders = |tip: &_| state_above(&ledger, tip);
                ledger.write_checkpoint(&folder, keep, &leaders, &mut |_| {})
            });
            let Ok(written) = written.await else { return };
            let took = began.elapsed();
            self.report(&written, took);
            not_before = Instant::now()
                + match &written {
                    Ok(_) => took.saturating_mul(REST).max(LEAST_REST),
                    Err(_) => AFTER_FAILURE,
                };
            if let Ok(written) = written {
                last = written.manifest.height;
            }
        }
    }

    /// Height of the newest checkpoint of this chain that is there.
    fn last(&self) -> Height {
        let stored = self.ledger.height();
        let heights = self.folder.heights().unwrap_or_default();
        let own = heights.into_iter().find(|height| *height <= stored);
        own.unwrap_or_default()
    }

    fn report(&self, written: &Result<Written, CheckpointError>, took: Duration) {
        match written {
            Ok(written) => {
                let height = written.manifest.height;
                let path = written.path.display();
                let bytes = written.manifest.size();
                tracing::info!(%height, %path, bytes, ?took, removed = written.removed.len(), "checkpoint written");
                self.metrics.checkpoint(height, took);
                let entry = Entry::new(Kind::Checkpoint);
                let entry = entry.with("height", height.0).text("path", path);
                self.security
                    .record(entry.text("tip", written.manifest.tip).with("bytes", bytes));
            }
            Err(error) => {
                tracing::error!(%error, "no checkpoint could be written; the older ones stay");
                self.metrics.checkpoint_failed();
                let entry = Entry::new(Kind::Checkpoint).text("error", error);
                self.security.record(entry.alike("failed"));
            }
        }
    }
}

/// Whether so many blocks were stored since the last one.
fn is_due(stored: Height, last: Height, interval: u32) -> bool {
    stored.0.saturating_sub(last.0) >= interval
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_due_after_as_many_blocks_as_configured() {
        assert!(!is_due(Height(999), Height(0), 1_000));
        assert!(is_due(Height(1_000), Height(0), 1_000));
        assert!(!is_due(Height(1_500), Height(1_000), 1_000));
        // The chain was put back below the newest checkpoint.
        assert!(!is_due(Height(500), Height(1_000), 1));
    }
}
