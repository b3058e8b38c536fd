//! How long a view may take, out of what views took (protocol section 8).

use std::time::Duration;

use super::settings::{TimerSettings, with_jitter};

/// Estimates how long a view takes from the moment its block is due to its decision.
///
/// Jacobson's estimator (SIGCOMM 1988) in microseconds: a smoothed time and a smoothed deviation, of
/// which the base is `srtt + max(4·rttvar, 50 ms)`, the margin from 2/3 to 3/4 of srtt so that delays may
/// double and halve; the upper limit also bounds what f leaders can do that delay their blocks to just
/// below the timer, since four deviations of a mixture are more than its greatest sample. Two more
/// things differ. A sample counts for at most one and a half smoothed times, or `min_timeout`: one block
/// that waited for a partition to heal would otherwise slow the timers of many. And a deviation
/// downwards weighs an eighth, as in Linux (`tcp_rtt_estimator`): a network that becomes faster does not
/// make the timer longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AdaptiveTimer {
    base_timeout: Duration,
    /// In hundredths.
    backoff_multiplier: u32,
    max_retries: u32,
    min_timeout: Duration,
    max_timeout: Duration,
    adaptive: bool,
    smoothed: Option<Smoothed>,
    #[cfg(feature = "mutation")]
    mutation: Option<crate::v3::mutation::Mutation>,
}

/// Fractions of microseconds, so that small differences are not lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Smoothed {
    /// The mean, in eighths of a microsecond.
    srtt_8: u64,
    /// The mean deviation, in quarters of a microsecond: four deviations in microseconds.
    rttvar_4: u64,
}

/// Least distance of the base from the smoothed time.
const MARGIN_US: u64 = 50_000;
/// A sample counts for at most this many halves of the smoothed time.
const MOST_HALVES: u64 = 3;
/// Longest time that is reckoned with, an hour.
const LONGEST_US: u64 = 3_600_000_000;

impl AdaptiveTimer {
    /// A timer that has seen nothing: its base is the configured one.
    #[must_use]
    pub fn new(settings: &TimerSettings) -> Self {
        Self {
            base_timeout: settings.base_timeout,
            backoff_multiplier: settings.backoff_percent(),
            max_retries: settings.max_retries,
            min_timeout: settings.min_timeout,
            max_timeout: settings.max_timeout,
            adaptive: settings.adaptive,
            smoothed: None,
            #[cfg(feature = "mutation")]
            mutation: None,
        }
    }

    /// The same timer with a rule that is broken.
    #[cfg(feature = "mutation")]
    #[must_use]
    pub fn breaking(self, mutation: Option<crate::v3::mutation::Mutation>) -> Self {
        Self { mutation, ..self }
    }

    /// The length of an undisturbed view from the moment its block is due, `base`.
    #[must_use]
    pub fn base_timeout(&self) -> Duration {
        self.base_timeout
    }

    /// Length of a view after `expiries` own timer expiries at this height: `base ·
    /// multiplier^expiries`, capped, plus 0 to 10 % of jitter drawn from `entropy`. After
    /// `max_retries` it grows no more.
    #[must_use]
    pub fn view_timeout(&self, expiries: u32, entropy: u64) -> Duration {
        let mut length = self.base_timeout;
        for _ in 0..expiries.min(self.max_retries) {
            if length >= self.max_timeout {
                break;
            }
            length = length
                .checked_mul(self.backoff_multiplier)
                .map_or(self.max_timeout, |grown| grown / 100);
        }
        with_jitter(length.min(self.max_timeout), entropy)
    }

    /// A view was decided this long after its block was due. Returns whether the base changed.
    pub fn decided(&mut self, took: Duration) -> bool {
        let sample = micros(took);
        let smoothed = match self.smoothed {
            None => Smoothed {
                srtt_8: sample.saturating_mul(8),
                rttvar_4: sample.saturating_mul(2),
            },
            Some(held) => held.with(sample, self.most(held)),
        };
        self.adopt(smoothed)
    }

    /// A view was given up when its timer of this length had run out. Says nothing before the first
    /// decision: a timer that ran out tells how long it was, not how long the network takes.
    pub fn failed(&mut self, length: Duration) -> bool {
        match self.smoothed {
            None => false,
            Some(held) => self.adopt(held.with(micros(length), self.most(held))),
        }
    }

    /// For how much a sample counts at most. Below `min_timeout` no sample raises the base, however many there
    /// are; so where the mean is far below, blocks that become slow are followed at once.
    fn most(&self, held: Smoothed) -> u64 {
        if mutated!(self, UnboundedSamples) {
            return LONGEST_US;
        }
        let most = (held.srtt_8 / 8).saturating_mul(MOST_HALVES) / 2;
        most.max(micros(self.min_timeout)).max(MARGIN_US)
    }

    fn adopt(&mut self, smoothed: Smoothed) -> bool {
        if !self.adaptive {
            return false;
        }
        self.smoothed = Some(smoothed);
        let srtt = smoothed.srtt_8 / 8;
        // So much that a network whose delays double is not given up, and so little that one whose
        // delays halve has no more than four times what it needs.
        let least = (srtt / 3 * 2).max(MARGIN_US);
        let most = (srtt / 4 * 3).max(MARGIN_US);
        let margin = smoothed.rttvar_4.clamp(least, most);
        let base = Duration::from_micros(srtt.saturating_add(margin));
        let base = base.min(self.max_timeout).max(self.min_timeout);
        let changed = base != self.base_timeout;
        self.base_timeout = base;
        changed
    }
}

impl Smoothed {
    fn with(self, sample: u64, most: u64) -> Self {
        let srtt = self.srtt_8 / 8;
        let sample = sample.min(most);
        let deviation = sample.abs_diff(srtt);
        let mean = self.rttvar_4 / 4;
        let grows = deviation.saturating_sub(mean);
        let grows = if sample < srtt { grows / 8 } else { grows };
        let shrinks = mean.saturating_sub(deviation);
        Self {
            srtt_8: (self.srtt_8 - srtt).saturating_add(sample),
            rttvar_4: self.rttvar_4.saturating_add(grows).saturating_sub(shrinks),
        }
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros())
        .unwrap_or(LONGEST_US)
        .min(LONGEST_US)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    fn timer() -> AdaptiveTimer {
        let timer = AdaptiveTimer::new(&TimerSettings::default());
        #[cfg(feature = "mutation")]
        let timer = timer.breaking(crate::v3::mutation::Mutation::of_tests());
        timer
    }

    #[test]
    fn timeouts_grow_up_to_the_cap_and_for_the_retries() {
        let settings = TimerSettings {
            max_timeout: ms(5000),
            ..TimerSettings::default()
        };
        let lengths = |settings| -> Vec<_> {
            let timer = AdaptiveTimer::new(&settings);
            (0..5)
                .map(|e| timer.view_timeout(e, 0).as_millis())
                .collect()
        };
        assert_eq!(lengths(settings), [1000, 2000, 4000, 5000, 5000]);
        let few = TimerSettings {
            max_retries: 1,
            ..settings
        };
        assert_eq!(lengths(few), [1000, 2000, 2000, 2000, 2000]);
        let slowly = TimerSettings {
            backoff_multiplier: 1.29,
            ..settings
        };
        assert_eq!(lengths(slowly), [1000, 1290, 1664, 2146, 2769]);
        let forever = TimerSettings {
            max_timeout: Duration::MAX,
            max_retries: u32::MAX,
            ..settings
        };
        let timer = AdaptiveTimer::new(&forever);
        assert_eq!(timer.view_timeout(u32::MAX, 100), Duration::MAX);
    }

    #[test]
    fn jitter_adds_at_most_a_tenth() {
        for entropy in 0..300 {
            let length = timer().view_timeout(0, entropy);
            assert!((ms(1000)..=ms(1100)).contains(&length), "{length:?}");
        }
        assert_eq!(timer().view_timeout(0, 100), ms(1100));
    }

    #[test]
    fn the_first_block_sets_the_estimate_and_steady_ones_narrow_it() {
        let mut timer = timer();
        assert!(timer.decided(ms(300)));
        assert_eq!(timer.base_timeout(), ms(525), "three quarters above it");
        for _ in 0..100 {
            timer.decided(ms(300));
        }
        assert_eq!(timer.base_timeout(), ms(500), "two thirds above the mean");
        for _ in 0..200 {
            timer.decided(ms(3));
        }
        assert_eq!(timer.base_timeout(), ms(200), "never below the minimum");
    }

    #[test]
    fn a_timer_that_does_not_adapt_stays() {
        let mut fixed = AdaptiveTimer::new(&TimerSettings {
            adaptive: false,
            ..TimerSettings::default()
        });
        let before = fixed;
        assert!(!fixed.decided(ms(5)) && !fixed.failed(ms(900)));
        assert_eq!(fixed, before);
    }

    #[test]
    fn a_failed_view_is_a_sample_of_its_timer_once_something_is_known() {
        let mut timer = timer();
        assert!(!timer.failed(ms(1000)), "tells nothing of the network");
        assert_eq!(timer.base_timeout(), ms(1000));
        timer.decided(ms(200));
        for _ in 0..50 {
            timer.decided(ms(200));
        }
        let calm = timer.base_timeout();
        assert!(timer.failed(calm));
        assert!(timer.base_timeout() > calm);
    }

    /// Empty blocks took nothing when the load comes, and blocks take twice the least timeout.
    #[test]
    fn a_fast_network_that_becomes_slow_is_followed_within_a_few_blocks() {
        let mut timer = timer();
        for _ in 0..100 {
            timer.decided(ms(10));
        }
        let mut given_up = 0;
        for _ in 0..60 {
            if timer.base_timeout() < ms(400) {
                timer.failed(timer.base_timeout());
                given_up += 1;
            }
            timer.decided(ms(400));
        }
        assert!(given_up <= 12, "{given_up} views were given up");
    }

    /// Latency doubles, stays, and halves again: the base is never below the time that the next block
    /// takes by more than the steps of a view make up for, and never above four times that time.
    #[test]
    fn the_base_stays_within_four_decision_times_when_they_double_and_halve() {
        let mut timer = timer();
        for round in 0..40 {
            let took = if round % 2 == 0 { ms(250) } else { ms(500) };
            for block in 0..50 {
                timer.decided(took);
                let base = timer.base_timeout();
                if round > 0 {
                    assert!(base <= took * 4, "round {round}, block {block}: {base:?}");
                    // A view has three steps of about a third each, and each step prolongs it by
                    // its timer (`Pace::progress`): nothing is given up that has just doubled.
                    assert!(
                        base * 3 >= took * 2,
                        "round {round}, block {block}: {base:?}"
                    );
                }
            }
        }
    }

    /// A partition of half a minute ends with one block that took that long, in a view whose timer had grown.
    #[test]
    fn one_long_block_does_not_slow_the_timer() {
        let mut timer = timer();
        for _ in 0..50 {
            timer.decided(ms(300));
        }
        for length in [500, 1_000, 2_000, 4_000, 8_000] {
            timer.failed(ms(length));
        }
        timer.decided(ms(30_000));
        let base = timer.base_timeout();
        assert!(base < ms(1_000), "{base:?}");
        for _ in 0..10 {
            timer.decided(ms(300));
        }
        let base = timer.base_timeout();
        assert!(base < ms(600), "{base:?}");
    }

    /// f of n leaders delay their blocks to just below the timer, for ever.
    #[test]
    fn leaders_that_delay_to_just_below_the_timer_cannot_raise_it_without_end() {
        for (n, f) in [(4, 1), (7, 2), (10, 3), (22, 7)] {
            let mut timer = timer();
            for _ in 0..50 {
                timer.decided(ms(300));
            }
            let mut greatest = Duration::ZERO;
            for height in 0..5_000 {
                // Spread, and all at once.
                let bad = (height * f) % n < f || height % (10 * n) < f;
                let took = if bad { timer.base_timeout() } else { ms(300) };
                timer.decided(took);
                greatest = greatest.max(timer.base_timeout());
            }
            assert!(greatest < ms(300 * 6), "{f} of {n}: {greatest:?}");
        }
    }

    proptest! {
        #[test]
        fn the_base_stays_within_its_limits(samples in prop::collection::vec((any::<bool>(), any::<u64>()), 0..200)) {
            let mut timer = timer();
            for (decided, us) in samples {
                let took = Duration::from_micros(us);
                if decided { timer.decided(took) } else { timer.failed(took) };
                let base = timer.base_timeout();
                prop_assert!((ms(200)..=ms(30_000)).contains(&base));
                prop_assert!(timer.view_timeout(u32::MAX, us) <= ms(33_000));
            }
        }

        /// Whatever came before, the estimate finds back to what blocks take.
        #[test]
        fn the_base_forgets(samples in prop::collection::vec(0_u64..60_000_000, 0..50), took in 1_u64..10_000) {
            let mut timer = timer();
            for us in samples {
                timer.decided(Duration::from_micros(us));
            }
            for _ in 0..400 {
                timer.decided(ms(took));
            }
            prop_assert!(timer.base_timeout() <= (ms(took) * 2).max(ms(200)));
            prop_assert!(timer.base_timeout() >= ms(took));
        }
    }
}
