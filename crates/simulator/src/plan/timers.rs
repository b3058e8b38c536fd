//! The timers of the engines (protocol section 8).

use std::time::Duration;

use neo_consensus::v3::timing::TimerSettings;
use serde::{Deserialize, Serialize};

use super::PlanError;

/// The timers of all engines of a run; what is left out is as in a node without configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Timers {
    /// Least that the time of a view adapts to, in milliseconds.
    pub min_timeout_ms: u64,
    /// Time of a view from the moment its block is due, in milliseconds; until the first blocks when
    /// it adapts.
    pub base_timeout_ms: u64,
    /// Longest timeout, in milliseconds.
    pub max_timeout_ms: u64,
    /// Growth of the timeout with each expiry, in hundredths.
    pub backoff_percent: u32,
    /// Expiries at one height that make it grow.
    pub max_retries: u32,
    /// When an empty block is due at the latest, in milliseconds; 0: like all others.
    pub max_block_time_ms: u64,
    /// Time without a decision after which everything is repeated, in milliseconds.
    pub emergency_after_ms: u64,
    /// Interval of resending, in milliseconds.
    pub resend_interval_ms: u64,
    /// Whether the time of a view follows what views take.
    pub adaptive: bool,
}

impl Default for Timers {
    fn default() -> Self {
        let node = TimerSettings::default();
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Self {
            min_timeout_ms: ms(node.min_timeout),
            base_timeout_ms: ms(node.base_timeout),
            max_timeout_ms: ms(node.max_timeout),
            backoff_percent: 200,
            max_retries: node.max_retries,
            max_block_time_ms: ms(node.max_block_time),
            emergency_after_ms: ms(node.emergency_after),
            resend_interval_ms: ms(node.resend_interval),
            adaptive: node.adaptive,
        }
    }
}

impl Timers {
    /// As an engine takes them.
    #[must_use]
    pub fn settings(&self) -> TimerSettings {
        TimerSettings {
            base_timeout: Duration::from_millis(self.base_timeout_ms),
            min_timeout: Duration::from_millis(self.min_timeout_ms),
            max_timeout: Duration::from_millis(self.max_timeout_ms),
            backoff_multiplier: f64::from(self.backoff_percent) / 100.0,
            max_retries: self.max_retries,
            max_block_time: Duration::from_millis(self.max_block_time_ms),
            emergency_after: Duration::from_millis(self.emergency_after_ms),
            resend_interval: Duration::from_millis(self.resend_interval_ms),
            adaptive: self.adaptive,
        }
    }

    /// Refuses what a node refuses, too.
    pub(super) fn check(&self, block_time_ms: u64) -> Result<(), PlanError> {
        let checked = self.settings().check(Duration::from_millis(block_time_ms));
        checked.map_err(|problem| PlanError::Timers {
            problem: problem.to_string(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_of_a_plan_are_those_of_a_node_unless_it_says_otherwise() {
        assert_eq!(Timers::default().settings(), TimerSettings::default());
        let text = r#"{"base_timeout_ms": 700, "max_retries": 2, "adaptive": false}"#;
        let timers: Timers = serde_json::from_str(text).expect("timers");
        let settings = timers.settings();
        assert_eq!(settings.base_timeout, Duration::from_millis(700));
        assert_eq!((settings.max_retries, settings.adaptive), (2, false));
        assert_eq!(settings.min_timeout, TimerSettings::default().min_timeout);
    }
}
