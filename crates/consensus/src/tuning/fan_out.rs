//! To how many peers a batch of transactions is pushed at once; the others get it by request or later.

use super::{Adjustment, Bounds, NodeLoad};
use crate::performance::PerformanceMetrics;

/// More missing transactions than this are too many: each costs a request while a block waits.
const MISSING_TOO_MANY: u32 = 20;
/// Fewer than this are none.
const MISSING_NONE: u32 = 5;
/// A queue to a peer that is fuller than this delays votes.
const QUEUE_TOO_FULL: u32 = 750;
/// A queue that is emptier than this has room for more.
const QUEUE_ROOM: u32 = 500;
/// When more of what peers push is known already, somebody pushes in vain.
const MOSTLY_REPEATED: u32 = 800;

/// The opinion on the fan-out `current`.
///
/// Full queues lower it by a quarter. Transactions that blocks have and the pool has not raise it by a quarter, while
/// the queues have room. Where hardly anything is missing, most of what comes is known already, and the bodies of
/// blocks come together within a tenth of the block time, it falls by one.
#[must_use]
pub fn tune(
    metrics: &PerformanceMetrics,
    load: &NodeLoad,
    current: u64,
    bounds: Bounds,
) -> Option<Adjustment> {
    let step = (current / 4).max(1);
    let late = metrics.phases.dissemination.saturating_mul(10) > metrics.avg_block_time
        && !metrics.avg_block_time.is_zero();
    let lacking = load.missing_per_mille > MISSING_TOO_MANY;
    let to = if load.send_queue_per_mille > QUEUE_TOO_FULL {
        current.saturating_sub(step)
    } else if lacking && load.send_queue_per_mille < QUEUE_ROOM {
        current.saturating_add(step)
    } else if load.missing_per_mille < MISSING_NONE
        && load.repeated_per_mille > MOSTLY_REPEATED
        && !late
    {
        current.saturating_sub(1)
    } else {
        return None;
    };
    let bounds = bounds.capped(load.peers.into());
    Adjustment::within("fan_out", current, to, bounds, || {
        format!(
            "{} of 1000 transactions were missing, {} of 1000 came twice, queues {} of 1000 full",
            load.missing_per_mille, load.repeated_per_mille, load.send_queue_per_mille
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Settling, settle, slow_phase, wanted};
    use super::*;

    const BOUNDS: Bounds = Bounds { least: 3, most: 64 };

    fn load(missing: u32, repeated: u32, queue: u32) -> NodeLoad {
        NodeLoad {
            peers: 20,
            missing_per_mille: missing,
            repeated_per_mille: repeated,
            send_queue_per_mille: queue,
            ..NodeLoad::default()
        }
    }

    #[test]
    fn the_fan_out_follows_what_is_missing_and_what_the_queues_bear() {
        // missing, repeated, queue, current, opinion
        let table = [
            (100, 0, 0, 8, Some(10)),
            (100, 0, 600, 8, None),
            (100, 0, 800, 8, Some(6)),
            (10, 900, 0, 8, None),
            (0, 900, 0, 8, Some(7)),
            (0, 500, 0, 8, None),
            (0, 900, 0, 3, None),
            (100, 0, 0, 20, None),
        ];
        for (missing, repeated, queue, current, expected) in table {
            let to = wanted(tune, &load(missing, repeated, queue), current, BOUNDS);
            assert_eq!(to, expected, "{missing} {repeated} {queue} {current}");
        }
    }

    #[test]
    fn blocks_that_come_together_slowly_keep_the_fan_out() {
        let repeated = load(0, 950, 0);
        assert!(wanted(tune, &repeated, 8, BOUNDS).is_some());
        let slow = slow_phase(|phases, length| phases.dissemination = length);
        assert_eq!(tune(&slow, &repeated, 8, BOUNDS), None);
    }

    /// Fewer than a dozen peers are too few, more of them push in vain, and everything that is measured is off by up
    /// to half.
    #[test]
    fn the_fan_out_settles_under_a_noisy_load() {
        for first in [3, 20] {
            let settled = settle(tune, first, BOUNDS, |fan_out, noise| {
                let missing = if fan_out < 12 { 60 } else { 3 };
                let repeated = u32::try_from(fan_out * 50).unwrap();
                load(missing * noise / 100, repeated.min(1000) * noise / 100, 0)
            });
            let Settling { value, moves, late } = settled;
            assert!((10..=20).contains(&value), "from {first}: {settled:?}");
            assert!(moves < 40 && late <= 2, "from {first}: {settled:?}");
        }
    }
}
