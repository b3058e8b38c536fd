//! How many signature checks run at the same time.

use super::{Adjustment, Bounds, NodeLoad};
use crate::performance::PerformanceMetrics;

/// Threads that work more than this have no room.
const BUSY: u32 = 800;
/// Threads that work less than this are too many.
const IDLE: u32 = 250;

/// The opinion on the number of threads `current`.
///
/// One more while checks queue up behind busy threads and the machine has processors; one less when the
/// threads hardly work, or when executing blocks takes more than half of the block time and nothing
/// queues: then the processors are needed there.
#[must_use]
pub fn tune(
    metrics: &PerformanceMetrics,
    load: &NodeLoad,
    current: u64,
    bounds: Bounds,
) -> Option<Adjustment> {
    let queues = u64::from(load.verify_queue) > current.saturating_mul(4);
    let starved = metrics.phases.execution.saturating_mul(2) > metrics.avg_block_time
        && !metrics.avg_block_time.is_zero();
    let to = if queues && load.verify_busy_per_mille > BUSY {
        current.saturating_add(1)
    } else if load.verify_queue == 0 && (load.verify_busy_per_mille < IDLE || starved) {
        current.saturating_sub(1)
    } else {
        return None;
    };
    let bounds = Bounds {
        most: bounds.most.min(u64::from(load.cores.max(1))),
        ..bounds
    };
    Adjustment::within("verification_parallelism", current, to, bounds, || {
        format!(
            "{} checks waited, threads worked {} of 1000",
            load.verify_queue, load.verify_busy_per_mille
        )
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_number_of_threads_follows_queue_and_work() {
        let bounds = Bounds { least: 1, most: 16 };
        // queue, busy, current, opinion
        let table = [
            (100, 900, 2, Some(3)),
            (100, 500, 2, None),
            (8, 900, 2, None),
            (0, 100, 2, Some(1)),
            (0, 100, 1, None),
            (0, 500, 2, None),
            (1000, 999, 4, None),
        ];
        for (queue, busy, current, expected) in table {
            let load = NodeLoad {
                verify_queue: queue,
                verify_busy_per_mille: busy,
                cores: 4,
                ..NodeLoad::default()
            };
            let opinion = tune(&PerformanceMetrics::default(), &load, current, bounds);
            let to = opinion.map(|adjustment| adjustment.to);
            assert_eq!(to, expected, "{queue} {busy} {current}");
        }
    }

    #[test]
    fn execution_that_needs_the_processors_gets_them() {
        let load = NodeLoad {
            verify_busy_per_mille: 500,
            cores: 4,
            ..NodeLoad::default()
        };
        let mut metrics = PerformanceMetrics {
            avg_block_time: Duration::from_secs(1),
            ..PerformanceMetrics::default()
        };
        let bounds = Bounds { least: 1, most: 16 };
        assert_eq!(tune(&metrics, &load, 3, bounds), None);
        metrics.phases.execution = Duration::from_millis(600);
        assert!(tune(&metrics, &load, 3, bounds).is_some());
    }
}
