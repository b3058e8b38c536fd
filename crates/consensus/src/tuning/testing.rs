//! What tests of tuning functions have in common.

use std::time::Duration;

use super::{Adjustment, Bounds, NodeLoad, Tuned};
use crate::performance::{PerformanceMetrics, PhaseDurations};

/// A tuning function of the node.
pub(super) type Tune = fn(&PerformanceMetrics, &NodeLoad, u64, Bounds) -> Option<Adjustment>;

/// The value that a function wants under this load, if another one.
pub(super) fn wanted(tune: Tune, load: &NodeLoad, current: u64, bounds: Bounds) -> Option<u64> {
    let opinion = tune(&PerformanceMetrics::default(), load, current, bounds);
    opinion.map(|adjustment| adjustment.to)
}

/// Blocks of a second of which one phase takes six tenths.
pub(super) fn slow_phase(set: fn(&mut PhaseDurations, Duration)) -> PerformanceMetrics {
    let mut metrics = PerformanceMetrics {
        avg_block_time: Duration::from_secs(1),
        ..PerformanceMetrics::default()
    };
    set(&mut metrics.phases, Duration::from_millis(600));
    metrics
}

/// Where a value went.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settling {
    /// It in the end.
    pub(super) value: u64,
    /// How often it changed.
    pub(super) moves: u32,
    /// How often of these after the first tenth.
    pub(super) late: u32,
}

/// Follows a function over 20,000 blocks. `load` gets the value of the moment and a noise of 50 to 150 per cent.
pub(super) fn settle(
    tune: Tune,
    first: u64,
    bounds: Bounds,
    load: impl Fn(u64, u32) -> NodeLoad,
) -> Settling {
    let mut tuned = Tuned::new(first, bounds);
    let (mut moves, mut late) = (0, 0);
    let mut noise = 0x9e37_79b9_u64;
    for block in 0..20_000 {
        noise = noise
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let load = load(
            tuned.value(),
            50 + u32::try_from((noise >> 33) % 101).unwrap(),
        );
        let opinion = tune(&PerformanceMetrics::default(), &load, tuned.value(), bounds);
        if tuned.observe(opinion).is_some() {
            moves += 1;
            late += u32::from(block >= 2_000);
        }
    }
    Settling {
        value: tuned.value(),
        moves,
        late,
    }
}
