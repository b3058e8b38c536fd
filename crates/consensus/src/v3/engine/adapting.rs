//! The engine adjusts itself: the base of its timers, the size of its own blocks.

use std::collections::VecDeque;
use std::time::Duration;

use super::{V3Actions, V3Engine};
use crate::engine::{Notice, Now};
use crate::performance::BlockTimes;
use crate::tuning::block_size::{BlockCost, budget, tune};
use crate::tuning::{Bounds, Tuned};
use crate::v3::height::{HeightState, Lesson};

/// Blocks whose mean cost tuning goes by.
const COSTS: usize = 8;

/// The own transaction limit and what recent blocks cost.
#[derive(Clone, Debug, Hash)]
pub(super) struct BlockSize {
    tuned: Tuned,
    costs: VecDeque<(u32, Duration)>,
}

impl BlockSize {
    fn new(network: u32, bounds: Bounds) -> Self {
        let bounds = Bounds {
            least: bounds.least.min(u64::from(network)),
            most: bounds.most.min(u64::from(network)),
        };
        Self {
            tuned: Tuned::new(bounds.most, bounds),
            costs: VecDeque::new(),
        }
    }

    fn limit(&self) -> u32 {
        u32::try_from(self.tuned.value()).unwrap_or(u32::MAX)
    }

    /// What the transactions of a block took: to get them here, to check and execute them, and where it
    /// was measured to choose them.
    fn observe(&mut self, times: &BlockTimes, block_time: Duration) -> Option<Notice> {
        let phases = &times.phases;
        let took = phases
            .build
            .saturating_add(phases.dissemination)
            .saturating_add(phases.execution);
        if self.costs.len() >= COSTS {
            self.costs.pop_front();
        }
        self.costs.push_back((times.transactions, took));
        let blocks = u32::try_from(self.costs.len()).unwrap_or(u32::MAX);
        let transactions: u64 = self.costs.iter().map(|(count, _)| u64::from(*count)).sum();
        let sum: Duration = self.costs.iter().map(|(_, took)| *took).sum();
        let cost = BlockCost {
            transactions: transactions / u64::from(blocks),
            took: sum / blocks,
        };
        let bounds = self.tuned.bounds();
        let opinion = tune(&cost, budget(block_time), self.tuned.value(), bounds);
        let moved = self.tuned.observe(opinion)?;
        // The blocks before say nothing of the new limit.
        self.costs.clear();
        Some(Notice::Adjusted {
            parameter: moved.parameter,
            from: moved.from,
            to: moved.to,
            cause: moved.cause,
        })
    }
}

impl V3Engine {
    /// Takes what the open heights learned in this step.
    pub(super) fn learn(&mut self, actions: &mut V3Actions) {
        for state in &mut self.open {
            for lesson in state.take_lessons() {
                match lesson {
                    Lesson::Decided(took) => {
                        self.timer.decided(took);
                    }
                    Lesson::Failed(length) => {
                        self.performance.failed_view();
                        self.timer.failed(length);
                    }
                    Lesson::Built(took) => self.performance.built(took),
                }
            }
        }
        let after = self.timer.base_timeout();
        if is_noteworthy(self.reported_base, after) {
            let millis = |length: Duration| u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
            actions.notices.push(Notice::Adjusted {
                parameter: "base_timeout_ms",
                from: millis(self.reported_base),
                to: millis(after),
                cause: "what views took from their block being due to their decision".to_owned(),
            });
            self.reported_base = after;
        }
    }

    /// How long a view may take now from the moment its block is due, without growth and jitter.
    #[must_use]
    pub fn base_timeout(&self) -> Duration {
        self.timer.base_timeout()
    }

    /// A height is stored: how it went.
    pub(super) fn measure(&mut self, now: Now, state: &HeightState, actions: &mut V3Actions) {
        let Some(times) = state.times(now) else {
            return;
        };
        self.performance.block(times);
        let network = state.info.limits.max_transactions;
        let bounds = self.settings.transactions;
        let size = self
            .block_size
            .get_or_insert_with(|| BlockSize::new(network, bounds));
        actions
            .notices
            .extend(size.observe(&times, state.info.block_time));
    }

    /// Most transactions of an own block, where the network allows this many.
    pub(super) fn max_transactions(&self, network: u32) -> u32 {
        match &self.block_size {
            Some(size) => size.limit().min(network),
            None => {
                let bounds = self.settings.transactions;
                BlockSize::new(network, bounds).limit()
            }
        }
    }
}

/// Every sample moves the base a little; what differs by an eighth from what was told last is told.
fn is_noteworthy(told: Duration, now: Duration) -> bool {
    told.abs_diff(now) > told / 8
}
