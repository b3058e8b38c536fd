//! The clocks of a node, which run too fast or too slow and may show a wrong time.

use std::time::Duration;

use super::queue::Ns;

/// Wall time at the start of every run: a moment of November 2023, in milliseconds since 1970.
const EPOCH_MS: i128 = 1_700_000_000_000;
const NS_PER_MS: i128 = 1_000_000;
const MILLION: i128 = 1_000_000;

/// What a node's clocks show.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    /// True time of the last adjustment.
    base: Ns,
    /// What the monotonic clock showed then, in nanoseconds.
    monotonic: i128,
    /// What the wall clock showed then, in nanoseconds since 1970.
    wall: i128,
    /// Millionths by which both run too fast.
    ppm: i32,
    /// Milliseconds by which the wall clock was set ahead.
    skew_ms: i64,
}

impl Clock {
    /// A clock whose monotonic time begins now.
    pub(super) fn new(now: Ns, skew_ms: i64, ppm: i32) -> Self {
        let mut clock = Self {
            base: now,
            monotonic: 0,
            wall: 0,
            ppm,
            skew_ms,
        };
        clock.set(now, skew_ms);
        clock
    }

    /// Begins a new monotonic time, as a new process does.
    pub(super) fn restart(&mut self, now: Ns) {
        self.adjust(now);
        self.monotonic = 0;
    }

    /// Sets the wall clock to so many milliseconds ahead of the true time.
    pub(super) fn set(&mut self, now: Ns, skew_ms: i64) {
        self.adjust(now);
        self.skew_ms = skew_ms;
        self.wall = EPOCH_MS * NS_PER_MS + i128::from(now) + i128::from(skew_ms) * NS_PER_MS;
    }

    /// Changes how fast both clocks run.
    pub(super) fn drift(&mut self, now: Ns, ppm: i32) {
        self.adjust(now);
        self.ppm = ppm;
    }

    pub(super) fn skew_ms(&self) -> i64 {
        self.skew_ms
    }

    pub(super) fn ppm(&self) -> i32 {
        self.ppm
    }

    fn adjust(&mut self, now: Ns) {
        let elapsed = self.elapsed(now);
        self.monotonic += elapsed;
        self.wall += elapsed;
        self.base = now;
    }

    fn elapsed(&self, now: Ns) -> i128 {
        let truly = i128::from(now.saturating_sub(self.base));
        truly + truly * i128::from(self.ppm) / MILLION
    }

    /// The monotonic clock.
    pub(super) fn monotonic(&self, now: Ns) -> Duration {
        let ns = self.monotonic + self.elapsed(now);
        Duration::from_nanos(u64::try_from(ns).unwrap_or(0))
    }

    /// The wall clock in milliseconds since 1970.
    pub(super) fn wall_ms(&self, now: Ns) -> u64 {
        let ns = self.wall + self.elapsed(now);
        u64::try_from(ns / NS_PER_MS).unwrap_or(0)
    }

    /// The true time at which the monotonic clock shows `at`; the last moment of time for what never comes.
    pub(super) fn when(&self, at: Duration) -> Ns {
        let wanted = i128::try_from(at.as_nanos()).unwrap_or(i128::MAX / 2) - self.monotonic;
        if wanted <= 0 {
            return self.base;
        }
        let speed = MILLION + i128::from(self.ppm);
        let wait = (wanted.saturating_mul(MILLION) + speed - 1) / speed.max(1);
        let guess = i128::from(self.base) + wait;
        let guess = u64::try_from(guess).unwrap_or(u64::MAX);
        // Rounding of the way back can fall one nanosecond short.
        if self.monotonic(guess) < at {
            guess.saturating_add(1)
        } else {
            guess
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_found_again_whatever_the_drift() {
        for ppm in [-100_000, -37, 0, 1, 99_999] {
            let mut clock = Clock::new(5, 0, ppm);
            clock.restart(1_000);
            for at in [0, 1, 999, 1_000_000, 123_456_789_123] {
                let at = Duration::from_nanos(at);
                let when = clock.when(at);
                assert!(clock.monotonic(when) >= at, "{ppm} {at:?}");
                assert!(
                    when == 1_000 || clock.monotonic(when - 2) < at,
                    "{ppm} {at:?}"
                );
            }
        }
    }

    #[test]
    fn clocks_never_go_back_when_their_speed_changes() {
        let mut clock = Clock::new(0, 100, 50_000);
        let before = clock.monotonic(2_000_000_000);
        clock.drift(2_000_000_000, -50_000);
        assert_eq!(clock.monotonic(2_000_000_000), before);
        assert_eq!(before, Duration::from_millis(2_100));
        clock.set(2_000_000_000, 0);
        assert_eq!(clock.wall_ms(2_000_000_000), 1_700_000_002_000);
    }
}
