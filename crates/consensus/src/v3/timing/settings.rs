//! What a node is configured with.
//!
//! Times are durations since the start of the process, handed in with every event; the jitter
//! comes from the entropy of the event. Nothing here reads a clock.

use std::hash::{Hash, Hasher};
use std::time::Duration;

/// Timer settings of a node. Local: they need not agree between validators.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TimerSettings {
    /// How long a view may take from the moment its block is due, `base`. With `adaptive` only until
    /// the first blocks show how long it takes.
    pub base_timeout: Duration,
    /// Least that `base` adapts to.
    pub min_timeout: Duration,
    /// Longest timeout of a view, the cap of estimate and growth.
    pub max_timeout: Duration,
    /// Growth of the timeout with each own expiry at one height, from 1 to 10; hundredths count.
    pub backoff_multiplier: f64,
    /// Expiries at one height after which its timeout grows no more.
    pub max_retries: u32,
    /// How long after the block before it an empty block is due at the latest; the leader waits for a
    /// transaction until then. Zero: empty blocks are due like all others.
    pub max_block_time: Duration,
    /// Without a decision for this long, though M validators are connected, everything is repeated
    /// (protocol section 9, `Emergency`).
    pub emergency_after: Duration,
    /// Interval of resending, at least; twice the round-trip time when that is longer.
    pub resend_interval: Duration,
    /// Whether `base` follows the time that views take.
    pub adaptive: bool,
}

impl Hash for TimerSettings {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Self {
            base_timeout,
            min_timeout,
            max_timeout,
            backoff_multiplier,
            max_retries,
            max_block_time,
            emergency_after,
            resend_interval,
            adaptive,
        } = self;
        (base_timeout, min_timeout, max_timeout, max_retries).hash(state);
        (max_block_time, emergency_after, resend_interval, adaptive).hash(state);
        backoff_multiplier.to_bits().hash(state);
    }
}

impl Default for TimerSettings {
    fn default() -> Self {
        Self {
            base_timeout: Duration::from_millis(1000),
            min_timeout: Duration::from_millis(200),
            max_timeout: Duration::from_secs(30),
            backoff_multiplier: 2.0,
            max_retries: 5,
            max_block_time: Duration::ZERO,
            emergency_after: Duration::from_secs(10),
            resend_interval: Duration::from_millis(100),
            adaptive: true,
        }
    }
}

/// Timer settings that cannot work.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum TimerProblem {
    /// A value is outside its limits.
    #[error("{field} is {value}, it has to be from {least} to {most}")]
    Range {
        /// Name of the setting.
        field: &'static str,
        /// Its value.
        value: String,
        /// Least that is possible.
        least: String,
        /// Most that is possible.
        most: String,
    },
    /// Two values do not go together.
    #[error("{field} is {value}, that is less than {other}, {bound}")]
    Less {
        /// Name of the setting.
        field: &'static str,
        /// Its value.
        value: String,
        /// The setting that it must reach.
        other: &'static str,
        /// Its value.
        bound: String,
    },
}

impl TimerProblem {
    /// Name of the setting that has to be changed.
    #[must_use]
    pub fn field(&self) -> &'static str {
        match self {
            Self::Range { field, .. } | Self::Less { field, .. } => field,
        }
    }
}

/// Shortest time that any of the settings may have.
const SHORTEST: Duration = Duration::from_millis(10);
/// Longest time that any of the settings may have.
const LONGEST: Duration = Duration::from_secs(3600);

impl TimerSettings {
    /// Refuses settings that contradict each other or that no network can run with.
    ///
    /// # Errors
    /// The first problem, with the name of the setting, its value and the limit.
    pub fn check(&self, block_time: Duration) -> Result<(), TimerProblem> {
        let within = |field, value: Duration, least: Duration, most: Duration| {
            let text = |length: Duration| format!("{length:?}");
            if (least..=most).contains(&value) {
                return Ok(());
            }
            Err(TimerProblem::Range {
                field,
                value: text(value),
                least: text(least),
                most: text(most),
            })
        };
        let reaches = |field, value: Duration, other, bound: Duration| {
            if value >= bound {
                return Ok(());
            }
            Err(TimerProblem::Less {
                field,
                value: format!("{value:?}"),
                other,
                bound: format!("{bound:?}"),
            })
        };
        within("min_timeout", self.min_timeout, SHORTEST, LONGEST)?;
        within("base_timeout", self.base_timeout, SHORTEST, LONGEST)?;
        within("max_timeout", self.max_timeout, SHORTEST, LONGEST)?;
        within(
            "resend_interval",
            self.resend_interval,
            SHORTEST,
            Duration::from_secs(60),
        )?;
        within("emergency_after", self.emergency_after, SHORTEST, LONGEST)?;
        let multiplier = self.backoff_multiplier;
        if !(1.0..=10.0).contains(&multiplier) {
            return Err(TimerProblem::Range {
                field: "backoff_multiplier",
                value: multiplier.to_string(),
                least: "1".to_owned(),
                most: "10".to_owned(),
            });
        }
        if self.max_retries > MOST_RETRIES {
            return Err(TimerProblem::Range {
                field: "max_retries",
                value: self.max_retries.to_string(),
                least: "0".to_owned(),
                most: MOST_RETRIES.to_string(),
            });
        }
        reaches(
            "base_timeout",
            self.base_timeout,
            "min_timeout",
            self.min_timeout,
        )?;
        reaches(
            "max_timeout",
            self.max_timeout,
            "base_timeout",
            self.base_timeout,
        )?;
        reaches(
            "emergency_after",
            self.emergency_after,
            "base_timeout",
            self.base_timeout,
        )?;
        reaches(
            "emergency_after",
            self.emergency_after,
            "resend_interval",
            self.resend_interval,
        )?;
        if !self.max_block_time.is_zero() {
            reaches(
                "max_block_time",
                self.max_block_time,
                "the block time",
                block_time,
            )?;
            within("max_block_time", self.max_block_time, SHORTEST, LONGEST)?;
        }
        Ok(())
    }
}

/// More expiries at one height than this say nothing more.
const MOST_RETRIES: u32 = 64;

impl TimerSettings {
    /// The multiplier in hundredths: decisions are made with integers.
    pub(super) fn backoff_percent(&self) -> u32 {
        let hundredths = (self.backoff_multiplier * 100.0).round();
        // A float becomes the nearest number there is; settings are checked to be from 1 to 10.
        (hundredths as u32).clamp(100, 1000)
    }

    /// How often a vote is repeated to a peer with this round-trip time.
    #[must_use]
    pub fn resend_after(&self, round_trip: Duration) -> Duration {
        self.resend_interval.max(round_trip.saturating_mul(2))
    }
}

/// Adds 0 to 10 % drawn from `entropy`.
pub(super) fn with_jitter(plain: Duration, entropy: u64) -> Duration {
    let thousandth = u32::try_from(entropy % 101).unwrap_or(0);
    plain.saturating_add(plain.saturating_mul(thousandth) / 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    fn problem(change: impl FnOnce(&mut TimerSettings)) -> String {
        let mut settings = TimerSettings::default();
        change(&mut settings);
        let refused = settings.check(ms(1000)).expect_err("impossible");
        refused.to_string()
    }

    #[test]
    fn the_defaults_are_possible() {
        for block_time in [0, 500, 1000] {
            assert_eq!(TimerSettings::default().check(ms(block_time)), Ok(()));
        }
    }

    #[test]
    fn impossible_settings_are_refused_with_value_and_limit() {
        let cases = [
            (
                problem(|s| s.min_timeout = ms(2000)),
                "base_timeout is 1s, that is less than min_timeout, 2s",
            ),
            (
                problem(|s| s.max_timeout = ms(900)),
                "max_timeout is 900ms, that is less than base_timeout, 1s",
            ),
            (
                problem(|s| s.max_block_time = ms(999)),
                "max_block_time is 999ms, that is less than the block time, 1s",
            ),
            (
                problem(|s| s.emergency_after = ms(500)),
                "emergency_after is 500ms, that is less than base_timeout, 1s",
            ),
            (
                problem(|s| s.resend_interval = ms(20_000)),
                "emergency_after is 10s, that is less than resend_interval, 20s",
            ),
            (
                problem(|s| s.resend_interval = Duration::ZERO),
                "resend_interval is 0ns, it has to be from 10ms to 60s",
            ),
            (
                problem(|s| s.min_timeout = Duration::ZERO),
                "min_timeout is 0ns, it has to be from 10ms to 3600s",
            ),
            (
                problem(|s| s.backoff_multiplier = f64::NAN),
                "backoff_multiplier is NaN, it has to be from 1 to 10",
            ),
            (
                problem(|s| s.backoff_multiplier = 0.5),
                "backoff_multiplier is 0.5, it has to be from 1 to 10",
            ),
            (
                problem(|s| s.max_retries = 65),
                "max_retries is 65, it has to be from 0 to 64",
            ),
        ];
        for (said, expected) in cases {
            assert_eq!(said, expected);
        }
    }
}
