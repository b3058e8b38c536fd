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
    let bounds = bounds.capped(load.cores.max(1).into());
    Adjustment::within("verification_parallelism", current, to, bounds, || {
        format!(
            "{} checks waited, threads worked {} of 1000",
            load.verify_queue, load.verify_busy_per_mille
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Settling, settle, slow_phase, wanted};
    use super::*;

    const BOUNDS: Bounds = Bounds { least: 1, most: 16 };

    fn load(queue: u32, busy: u32, cores: u32) -> NodeLoad {
        NodeLoad {
            verify_queue: queue,
            verify_busy_per_mille: busy,
            cores,
            ..NodeLoad::default()
        }
    }

    #[test]
    fn the_number_of_threads_follows_queue_and_work() {
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
            let to = wanted(tune, &load(queue, busy, 4), current, BOUNDS);
            assert_eq!(to, expected, "{queue} {busy} {current}");
        }
    }

    #[test]
    fn execution_that_needs_the_processors_gets_them() {
        let half = load(0, 500, 4);
        assert_eq!(wanted(tune, &half, 3, BOUNDS), None);
        let slow = slow_phase(|phases, length| phases.execution = length);
        assert!(tune(&slow, &half, 3, BOUNDS).is_some());
    }

    /// Checks that keep three threads busy, give or take half: enough threads, not all of the sixteen, and no end of
    /// changes.
    #[test]
    fn the_number_of_threads_settles_under_a_noisy_load() {
        for first in [1, 16] {
            let settled = settle(tune, first, BOUNDS, |threads, noise| {
                let work = 3_000 * noise / 100;
                let threads = u32::try_from(threads).unwrap();
                let queue = work.saturating_sub(1_000 * threads) / 10;
                load(queue, (work / threads).min(1_000), 16)
            });
            let Settling { value, moves, late } = settled;
            assert!((2..=12).contains(&value), "from {first}: {settled:?}");
            assert!(moves < 40 && late <= 2, "from {first}: {settled:?}");
        }
    }
}
