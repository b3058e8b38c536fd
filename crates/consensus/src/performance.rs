//! What consensus took lately: the figures that tuning works with and operators see.

use std::collections::VecDeque;
use std::time::Duration;

use neo_primitives::Height;

/// How the last blocks went. Averages are over a bounded window of recent blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PerformanceMetrics {
    /// Mean time between the decisions of two blocks.
    pub avg_block_time: Duration,
    /// View changes per thousand blocks.
    pub view_change_frequency: u32,
    /// Blocks decided here by consensus since the start.
    pub successful_blocks: u64,
    /// Views given up here since the start.
    pub failed_views: u64,
    /// Where the time of a block went.
    pub phases: PhaseDurations,
}

/// Mean length of each part of a block's way. Zero where nothing was measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PhaseDurations {
    /// From asking the own ledger for a block until it was built; only while leading.
    pub build: Duration,
    /// From the moment a proposal was due until it was seen.
    pub proposal: Duration,
    /// From the proposal until its transactions were here: dissemination.
    pub dissemination: Duration,
    /// From asking the own ledger until it had checked and executed the block.
    pub execution: Duration,
    /// From the proposal to the prepared certificate.
    pub prepare: Duration,
    /// From the prepared certificate to the decision.
    pub pre_commit: Duration,
    /// From the decision to the complete witness.
    pub commit: Duration,
    /// From the witness to the durable block.
    pub storage: Duration,
}

/// How one block went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BlockTimes {
    pub(crate) height: Height,
    /// When it was decided here.
    pub(crate) decided: Duration,
    /// Views of its height that were left before.
    pub(crate) views: u32,
    pub(crate) transactions: u32,
    pub(crate) phases: PhaseDurations,
}

/// Blocks that averages are made of.
const WINDOW: usize = 32;
/// Builds that the next one is estimated from.
const BUILDS: usize = 8;

/// Collects how blocks went.
#[derive(Clone, Debug, Default)]
pub(crate) struct Performance {
    blocks: VecDeque<BlockTimes>,
    builds: VecDeque<Duration>,
    successful_blocks: u64,
    failed_views: u64,
}

impl Performance {
    /// A block that was decided and is stored now.
    pub(crate) fn block(&mut self, times: BlockTimes) {
        self.successful_blocks = self.successful_blocks.saturating_add(1);
        if self.blocks.len() >= WINDOW {
            self.blocks.pop_front();
        }
        self.blocks.push_back(times);
    }

    /// A view that was given up here.
    pub(crate) fn failed_view(&mut self) {
        self.failed_views = self.failed_views.saturating_add(1);
    }

    /// The own ledger built a block in this time.
    pub(crate) fn built(&mut self, took: Duration) {
        if self.builds.len() >= BUILDS {
            self.builds.pop_front();
        }
        self.builds.push_back(took);
    }

    /// How long before a block is due it should be asked for: twice the longest of the last builds.
    pub(crate) fn build_lead(&self) -> Duration {
        let longest = self.builds.iter().max().copied().unwrap_or_default();
        longest.saturating_mul(2)
    }

    /// Number of values held.
    pub(crate) fn len(&self) -> usize {
        self.blocks.len() + self.builds.len()
    }

    /// The figures for operators and tuning.
    pub(crate) fn metrics(&self) -> PerformanceMetrics {
        let mean = |of: fn(&PhaseDurations) -> Duration| {
            let lengths = self.blocks.iter().map(|block| of(&block.phases));
            average(lengths.filter(|length| !length.is_zero()))
        };
        let pairs = self.blocks.iter().zip(self.blocks.iter().skip(1));
        let intervals = pairs
            .filter(|(one, next)| one.height.next() == next.height)
            .map(|(one, next)| next.decided.saturating_sub(one.decided));
        let views: u64 = self.blocks.iter().map(|block| u64::from(block.views)).sum();
        let blocks = u64::try_from(self.blocks.len()).unwrap_or(u64::MAX).max(1);
        PerformanceMetrics {
            avg_block_time: average(intervals),
            view_change_frequency: u32::try_from(views.saturating_mul(1000) / blocks)
                .unwrap_or(u32::MAX),
            successful_blocks: self.successful_blocks,
            failed_views: self.failed_views,
            phases: PhaseDurations {
                build: mean(|phases| phases.build),
                proposal: mean(|phases| phases.proposal),
                dissemination: mean(|phases| phases.dissemination),
                execution: mean(|phases| phases.execution),
                prepare: mean(|phases| phases.prepare),
                pre_commit: mean(|phases| phases.pre_commit),
                commit: mean(|phases| phases.commit),
                storage: mean(|phases| phases.storage),
            },
        }
    }
}

fn average(lengths: impl Iterator<Item = Duration>) -> Duration {
    let (sum, count) = lengths.fold((Duration::ZERO, 0_u32), |(sum, count), length| {
        (sum.saturating_add(length), count.saturating_add(1))
    });
    sum / count.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    fn times(height: u32, decided: u64, views: u32) -> BlockTimes {
        BlockTimes {
            height: Height(height),
            decided: ms(decided),
            views,
            transactions: 1,
            phases: PhaseDurations {
                prepare: ms(20),
                execution: ms(u64::from(height % 2) * 10),
                ..PhaseDurations::default()
            },
        }
    }

    #[test]
    fn averages_are_over_a_bounded_window_and_counts_are_not() {
        let mut performance = Performance::default();
        for height in 0..100 {
            let views = u32::from(height % 4 == 0);
            performance.block(times(height, u64::from(height) * 1_050, views));
            performance.built(ms(u64::from(height)));
        }
        performance.failed_view();
        assert_eq!(performance.len(), WINDOW + BUILDS);
        let metrics = performance.metrics();
        assert_eq!(metrics.avg_block_time, ms(1_050));
        assert_eq!(metrics.view_change_frequency, 250);
        assert_eq!((metrics.successful_blocks, metrics.failed_views), (100, 1));
        assert_eq!(metrics.phases.prepare, ms(20));
        assert_eq!(metrics.phases.execution, ms(10), "where it was measured");
        assert_eq!(metrics.phases.build, Duration::ZERO);
        assert_eq!(performance.build_lead(), ms(198));
    }

    #[test]
    fn blocks_that_were_fetched_in_between_are_no_interval() {
        let mut performance = Performance::default();
        for (height, decided) in [(1, 1_000), (2, 2_000), (50, 90_000), (51, 91_000)] {
            performance.block(times(height, decided, 0));
        }
        assert_eq!(performance.metrics().avg_block_time, ms(1_000));
        assert_eq!(
            Performance::default().metrics(),
            PerformanceMetrics::default()
        );
    }
}
