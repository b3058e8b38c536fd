//! Timers, and delays that change over time.

use super::Mix;
use crate::plan::{Latency, Swing, Timers};

/// Longest view of a run, in milliseconds: several have to fit between healing and bound.
const MAX_TIMEOUT_MS: u64 = 2_500;

impl Mix {
    /// Timers around a base that fits the network, and sometimes far from it. They grow to what the
    /// network needs in any case: timers that never do are no fault that a protocol could survive.
    pub(super) fn timers(&mut self, fitting_ms: u64) {
        let random = &mut self.random;
        let mut timers = Timers {
            adaptive: random.percent(85),
            base_timeout_ms: fitting_ms + random.below(300),
            max_timeout_ms: MAX_TIMEOUT_MS,
            min_timeout_ms: *random.pick(&[20, 50, 100, 200]).unwrap_or(&200),
            resend_interval_ms: *random.pick(&[50, 100, 100, 200]).unwrap_or(&100),
            ..Timers::default()
        };
        match random.below(10) {
            0 => timers.base_timeout_ms = random.between(50, fitting_ms),
            1 => timers.base_timeout_ms = random.between(1_500, MAX_TIMEOUT_MS),
            _ => {}
        }
        timers.min_timeout_ms = timers.min_timeout_ms.min(timers.base_timeout_ms);
        timers.backoff_percent = *random.pick(&[150, 200, 200, 300]).unwrap_or(&200);
        let needed = fitting_ms.max(timers.base_timeout_ms) * 2;
        let mut grown = timers.base_timeout_ms;
        timers.max_retries = 0;
        while grown < needed.min(MAX_TIMEOUT_MS) {
            grown = grown * u64::from(timers.backoff_percent) / 100;
            timers.max_retries += 1;
        }
        timers.max_retries += u32::try_from(random.below(4)).unwrap_or(0);
        let least = timers.base_timeout_ms.max(timers.resend_interval_ms);
        timers.emergency_after_ms = least + *random.pick(&[500, 3_000, 10_000]).unwrap_or(&3_000);
        let block_time = self.plan.block_time_ms;
        if random.percent(20) {
            timers.max_block_time_ms = block_time.max(10) + random.below(1_500);
        }
        self.plan.timers = timers;
    }

    /// Delays that grow and shrink, at once or evenly.
    pub(super) fn swing(&mut self) {
        if !self.random.percent(25) {
            return;
        }
        let wide = matches!(self.plan.network.latency, Latency::Wan { .. });
        let most = if wide { 200 } else { 400 };
        self.plan.network.swing = Some(Swing {
            period_ms: self.random.between(1_000, 15_000),
            least_percent: u32::try_from(self.random.between(50, 100)).unwrap_or(100),
            most_percent: u32::try_from(self.random.between(100, most)).unwrap_or(100),
            gradual: self.random.percent(50),
        });
    }
}
