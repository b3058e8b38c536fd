//! Percentiles and intervals.

use std::time::Duration;

use neo_primitives::Height;
use serde::Serialize;

use super::events::BlockEvent;

/// Median and 99th percentile in milliseconds; none without samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Percentiles {
    /// Half of the samples are at most this.
    pub(crate) p50: Option<f64>,
    /// 99 of 100 samples are at most this.
    pub(crate) p99: Option<f64>,
}

impl Percentiles {
    /// Of samples in nanoseconds.
    pub(crate) fn of_nanos(mut samples: Vec<u64>) -> Self {
        samples.sort_unstable();
        let at = |percent| percentile(&samples, percent).map(millis);
        Self {
            p50: at(50),
            p99: at(99),
        }
    }
}

/// The nearest-rank percentile of sorted samples: the smallest sample that `percent` of them do not exceed.
pub(super) fn percentile(sorted: &[u64], percent: usize) -> Option<u64> {
    let rank = sorted.len().saturating_mul(percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied()
}

/// Nanoseconds as milliseconds with three decimals.
pub(crate) fn millis(nanos: u64) -> f64 {
    // Microseconds of a century fit the 53 bits of a double.
    nanos.div_euclid(1_000) as f64 / 1_000.0
}

/// A ratio with three decimals, as summaries show it; 0 for nothing divided by nothing.
pub(crate) fn ratio(of: f64, by: f64) -> f64 {
    if by > 0.0 {
        (of / by * 1_000.0).round() / 1_000.0
    } else {
        0.0
    }
}

/// Time from each block to the next at one node, in nanoseconds: of the second block on, so that the time in which
/// the network came up is not among them. Where a height is missing there is no interval.
pub(crate) fn block_intervals(blocks: &[BlockEvent]) -> Vec<u64> {
    let follows = |before: Height, after: Height| before.next() == after;
    blocks
        .array_windows()
        .filter(|[before, after]| follows(before.height, after.height))
        .map(|[before, after]| after.t_ns.saturating_sub(before.t_ns))
        .collect()
}

/// How block intervals lie to their target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Pace {
    /// Number of intervals that were looked at.
    pub(crate) intervals: usize,
    /// Those longer than 1.5 target block times.
    pub(crate) over_1_5: usize,
    /// Those longer than 2.5 target block times.
    pub(crate) over_2_5: usize,
    /// The longest, in milliseconds.
    pub(crate) longest_ms: Option<f64>,
}

impl Pace {
    /// Of intervals in nanoseconds, against a target; with a target of 0 none is too long.
    pub(crate) fn of(intervals: &[u64], target: Duration) -> Self {
        let over = |tenths: u32| {
            let limit = target.saturating_mul(tenths) / 10;
            let slow = |interval: &&u64| Duration::from_nanos(**interval) > limit;
            intervals
                .iter()
                .filter(slow)
                .filter(|_| !target.is_zero())
                .count()
        };
        Self {
            intervals: intervals.len(),
            over_1_5: over(15),
            over_2_5: over(25),
            longest_ms: intervals.iter().max().map(|longest| millis(*longest)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use neo_primitives::UInt256;
    use proptest::prelude::*;

    const MS: u64 = 1_000_000;

    fn of_millis(samples: impl IntoIterator<Item = u64>) -> Percentiles {
        Percentiles::of_nanos(samples.into_iter().map(|sample| sample * MS).collect())
    }

    #[test]
    fn nearest_rank() {
        let hundred = of_millis((1..=100).rev());
        assert_eq!((hundred.p50, hundred.p99), (Some(50.0), Some(99.0)));
        let thirty = of_millis(1..=30);
        assert_eq!((thirty.p50, thirty.p99), (Some(15.0), Some(30.0)));
        let two = of_millis([8, 2]);
        assert_eq!((two.p50, two.p99), (Some(2.0), Some(8.0)));
        assert_eq!(of_millis([]), Percentiles::default());
        let text = serde_json::to_string(&Percentiles::default()).unwrap();
        assert_eq!(text, r#"{"p50":null,"p99":null}"#);
    }

    #[test]
    fn intervals_begin_with_the_second_block_and_skip_gaps() {
        let block = |height, t_ns| BlockEvent {
            height: Height(height),
            hash: UInt256::ZERO,
            t_ns,
            transactions: 0,
            view: None,
            decision_us: None,
            witness_us: None,
        };
        let blocks = [
            block(1, 5_000),
            block(2, 6_000),
            block(3, 7_500),
            block(5, 9_000),
            block(6, 9_100),
        ];
        assert_eq!(block_intervals(&blocks), [1_000, 1_500, 100]);
        assert!(block_intervals(&blocks[..1]).is_empty());
    }

    #[test]
    fn long_intervals_are_counted_against_the_target() {
        let target = Duration::from_secs(1);
        let pace = Pace::of(&[1_000 * MS, 1_500 * MS, 1_501 * MS, 2_600 * MS], target);
        assert_eq!((pace.intervals, pace.over_1_5, pace.over_2_5), (4, 2, 1));
        assert_eq!(pace.longest_ms, Some(2_600.0));
        assert_eq!(Pace::of(&[5], Duration::ZERO).over_1_5, 0);
        assert_eq!(Pace::of(&[], target).longest_ms, None);
    }

    #[test]
    fn ratios_of_nothing_are_zero() {
        assert_eq!(ratio(5.0, 0.0), 0.0);
        assert_eq!(ratio(2.0, 3.0), 0.667);
    }

    proptest! {
        #[test]
        fn percentiles_are_samples_with_the_right_share_below(samples in prop::collection::vec(0u64..1_000, 1..300)) {
            let found = of_millis(samples.clone());
            for (value, percent) in [(found.p50.unwrap(), 50), (found.p99.unwrap(), 99)] {
                let value = value as u64;
                prop_assert!(samples.contains(&value));
                let at_most = samples.iter().filter(|sample| **sample <= value).count();
                let below = samples.iter().filter(|sample| **sample < value).count();
                prop_assert!(at_most * 100 >= samples.len() * percent);
                prop_assert!(below * 100 < samples.len() * percent);
            }
        }
    }
}
