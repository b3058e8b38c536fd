//! When a leader proposes and when a view is given up (protocol section 8).
//!
//! Times are durations since the start of the process, handed in with every event; the jitter
//! comes from the entropy of the event. Nothing here reads a clock.

use std::hash::{Hash, Hasher};
use std::time::Duration;

/// Timer settings of a node. Local: they need not agree between validators.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TimerSettings {
    /// How long a view may take from the moment its block is due, `base`.
    pub base_timeout: Duration,
    /// Growth of the timeout with each own expiry at one height.
    pub backoff_multiplier: f64,
    /// Longest timeout of a view, the cap of the growth.
    pub max_timeout: Duration,
    /// Interval of resending, at least; twice the round-trip time when that is longer.
    pub resend_interval: Duration,
}

impl Hash for TimerSettings {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Self {
            base_timeout,
            backoff_multiplier,
            max_timeout,
            resend_interval,
        } = self;
        (base_timeout, max_timeout, resend_interval).hash(state);
        backoff_multiplier.to_bits().hash(state);
    }
}

impl Default for TimerSettings {
    fn default() -> Self {
        Self {
            base_timeout: Duration::from_millis(1000),
            backoff_multiplier: 2.0,
            max_timeout: Duration::from_secs(30),
            resend_interval: Duration::from_millis(100),
        }
    }
}

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
