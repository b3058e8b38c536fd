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
    /// Length of a view above 0 after `expiries` own timer expiries at this height: `base ·
    /// multiplier^expiries`, capped, plus 0 to 10 % of jitter drawn from `entropy`.
    #[must_use]
    pub fn view_timeout(&self, expiries: u32, entropy: u64) -> Duration {
        let exponent = i32::try_from(expiries.min(64)).unwrap_or(64);
        let factor = self.backoff_multiplier.max(1.0).powi(exponent);
        let plain = self.base_timeout.as_secs_f64() * factor;
        // What is too long for a duration is longer than the cap.
        let plain = Duration::try_from_secs_f64(plain).unwrap_or(self.max_timeout);
        with_jitter(plain.min(self.max_timeout), entropy)
    }

    /// When the leader of view 0 proposes: `max(decision of h−1, start(h−1) + T)`.
    #[must_use]
    pub fn proposal_due(
        &self,
        opened: Duration,
        previous_start: Duration,
        block_time: Duration,
    ) -> Duration {
        opened.max(previous_start.saturating_add(block_time))
    }

    /// When view 0 is given up: `start(h−1) + T + base`, and never less than `base` after the height
    /// was opened, with jitter.
    #[must_use]
    pub fn first_deadline(
        &self,
        opened: Duration,
        previous_start: Duration,
        block_time: Duration,
        entropy: u64,
    ) -> Duration {
        let due = self.proposal_due(opened, previous_start, block_time);
        due.saturating_add(with_jitter(self.base_timeout, entropy))
    }

    /// How often a vote is repeated to a peer with this round-trip time.
    #[must_use]
    pub fn resend_after(&self, round_trip: Duration) -> Duration {
        self.resend_interval.max(round_trip.saturating_mul(2))
    }
}

fn with_jitter(plain: Duration, entropy: u64) -> Duration {
    let thousandth = u32::try_from(entropy % 101).unwrap_or(0);
    plain.saturating_add(plain.saturating_mul(thousandth) / 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    #[test]
    fn timeouts_grow_up_to_the_cap() {
        let settings = TimerSettings {
            max_timeout: ms(5000),
            ..TimerSettings::default()
        };
        let lengths: Vec<_> = (0..5)
            .map(|e| settings.view_timeout(e, 0).as_millis())
            .collect();
        assert_eq!(lengths, [1000, 2000, 4000, 5000, 5000]);
        assert_eq!(settings.view_timeout(u32::MAX, 0), ms(5000));
        let forever = TimerSettings {
            max_timeout: Duration::MAX,
            ..settings
        };
        assert_eq!(forever.view_timeout(u32::MAX, 100), Duration::MAX);
    }

    #[test]
    fn jitter_adds_at_most_a_tenth() {
        let settings = TimerSettings::default();
        for entropy in 0..300 {
            let length = settings.view_timeout(0, entropy);
            assert!((ms(1000)..=ms(1100)).contains(&length), "{length:?}");
        }
        assert_eq!(settings.view_timeout(0, 100), ms(1100));
    }

    #[test]
    fn consensus_time_is_inside_the_interval() {
        let settings = TimerSettings::default();
        assert_eq!(
            settings.proposal_due(ms(1040), ms(1000), ms(1000)),
            ms(2000)
        );
        assert_eq!(
            settings.proposal_due(ms(2500), ms(1000), ms(1000)),
            ms(2500)
        );
        assert_eq!(
            settings.first_deadline(ms(1040), ms(1000), ms(1000), 0),
            ms(3000)
        );
    }
}
