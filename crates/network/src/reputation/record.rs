//! What is held against one subject. Integers only; times in microseconds of the network's clock.

use std::{collections::BTreeMap, time::Duration};

use super::{BAN_POINTS, Culprit, Offence, Reputation};
use crate::config::ReputationLimits;

/// Points are counted in thousandths, so that their decay is smooth.
const MILLI: u64 = 1_000;

#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) culprit: Culprit,
    milli: u64,
    at_us: u64,
    offences: BTreeMap<Offence, u64>,
    bans: u32,
    banned_until_us: Option<u64>,
    /// Until when the latest ban was counted, or forgotten.
    history_us: u64,
    told_us: Option<u64>,
    untold: u32,
}

fn micros(length: Duration) -> u64 {
    u64::try_from(length.as_micros()).unwrap_or(u64::MAX)
}

/// Halves with each half-life, in a straight line in between.
fn decayed(milli: u64, elapsed_us: u64, half_life: Duration) -> u64 {
    let half = micros(half_life).max(1);
    let Some(left) = u32::try_from(elapsed_us / half)
        .ok()
        .and_then(|times| milli.checked_shr(times))
    else {
        return 0;
    };
    let rest = u128::from(elapsed_us % half);
    let lost = u128::from(left) * rest / (2 * u128::from(half));
    left.saturating_sub(u64::try_from(lost).unwrap_or(u64::MAX))
}

impl Record {
    pub(super) fn new(culprit: Culprit, now_us: u64) -> Self {
        Self {
            culprit,
            milli: 0,
            at_us: now_us,
            offences: BTreeMap::new(),
            bans: 0,
            banned_until_us: None,
            history_us: now_us,
            told_us: None,
            untold: 0,
        }
    }

    /// Adds an offence; returns the points that are left of all.
    pub(super) fn add(&mut self, offence: Offence, now_us: u64, limits: &ReputationLimits) -> u32 {
        self.milli = self
            .milli_now(now_us, limits)
            .saturating_add(u64::from(offence.weight()).saturating_mul(MILLI));
        self.at_us = self.at_us.max(now_us);
        let times = self.offences.entry(offence).or_default();
        *times = times.saturating_add(1);
        self.untold = self.untold.saturating_add(1);
        self.points(now_us, limits)
    }

    fn milli_now(&self, now_us: u64, limits: &ReputationLimits) -> u64 {
        let elapsed = now_us.saturating_sub(self.at_us);
        decayed(self.milli, elapsed, limits.half_life)
    }

    pub(super) fn points(&self, now_us: u64, limits: &ReputationLimits) -> u32 {
        u32::try_from(self.milli_now(now_us, limits) / MILLI).unwrap_or(u32::MAX)
    }

    pub(super) fn score(&self, now_us: u64, limits: &ReputationLimits) -> u8 {
        let points = self.points(now_us, limits).min(BAN_POINTS);
        u8::try_from(BAN_POINTS.saturating_sub(points)).unwrap_or(0)
    }

    /// How many offences the node has not been told of, if it is time to tell.
    pub(super) fn tell(&mut self, now_us: u64, every_us: u64) -> Option<u32> {
        let due = self
            .told_us
            .is_none_or(|at| now_us.saturating_sub(at) >= every_us);
        due.then(|| {
            self.told_us = Some(now_us);
            std::mem::take(&mut self.untold)
        })
    }

    /// Begins a ban: the first of the history lasts `first`, each further one twice as long, none more than
    /// `longest`. Returns its length and its number.
    pub(super) fn ban(
        &mut self,
        now_us: u64,
        first: Duration,
        longest: Duration,
        history: Duration,
    ) -> (Duration, u32) {
        let forgotten = now_us.saturating_sub(self.history_us) / micros(history).max(1);
        let forgotten = u32::try_from(forgotten).unwrap_or(u32::MAX);
        let before = self.bans.saturating_sub(forgotten);
        let factor = 1_u32.checked_shl(before).unwrap_or(u32::MAX);
        let length = first.saturating_mul(factor).min(longest);
        let until = now_us.saturating_add(micros(length));
        self.bans = before.saturating_add(1);
        self.banned_until_us = Some(until);
        self.history_us = until;
        self.milli = 0;
        (length, self.bans)
    }

    pub(super) fn bans(&self) -> u32 {
        self.bans
    }

    pub(super) fn remaining(&self, now_us: u64) -> Option<Duration> {
        let remaining = self.banned_until_us?.checked_sub(now_us)?;
        (remaining > 0).then(|| Duration::from_micros(remaining))
    }

    pub(super) fn is_banned(&self, now_us: u64) -> bool {
        self.remaining(now_us).is_some()
    }

    /// Ends a ban whose time is over.
    pub(super) fn release(&mut self, now_us: u64) -> Option<Culprit> {
        if self.banned_until_us? > now_us {
            return None;
        }
        self.banned_until_us = None;
        Some(self.culprit.clone())
    }

    pub(super) fn show(&self, now_us: u64, limits: &ReputationLimits) -> Reputation {
        Reputation {
            culprit: self.culprit.clone(),
            score: self.score(now_us, limits),
            offences: self.offences.iter().map(|(o, n)| (*o, *n)).collect(),
            bans: self.bans,
            banned_for: self.remaining(now_us),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_halve_in_a_smooth_line() {
        let half = Duration::from_secs(60);
        let after = |seconds: u64| decayed(100_000, seconds * 1_000_000, half);
        assert_eq!(
            [0, 30, 60, 90, 120, 600].map(after),
            [100_000, 75_000, 50_000, 37_500, 25_000, 97]
        );
        assert_eq!(decayed(u64::MAX, u64::MAX, half), 0);
        assert_eq!(
            decayed(5, 1, Duration::ZERO),
            2,
            "no half-life at all is a short one"
        );
    }

    #[test]
    fn bans_grow_with_history_up_to_a_bound_and_history_fades() {
        let (first, longest, history) = (
            Duration::from_secs(30),
            Duration::from_secs(200),
            Duration::from_secs(3600),
        );
        let mut record = Record::new(Culprit::default(), 1);
        let mut now_us = 1;
        let mut lengths = Vec::new();
        for _ in 0..5 {
            let (length, _) = record.ban(now_us, first, longest, history);
            lengths.push(length.as_secs());
            now_us += micros(length);
        }
        assert_eq!(lengths, [30, 60, 120, 200, 200]);
        now_us += 4 * micros(history);
        let (length, number) = record.ban(now_us, first, longest, history);
        assert_eq!((length.as_secs(), number), (60, 2));
        now_us += micros(length) + 100 * micros(history);
        assert_eq!(record.ban(now_us, first, longest, history), (first, 1));
    }

    #[test]
    fn the_node_is_told_once_a_second_of_all_that_happened() {
        let limits = ReputationLimits::default();
        let mut record = Record::new(Culprit::default(), 1);
        record.add(Offence::Flood, 10, &limits);
        assert_eq!(record.tell(10, 1_000_000), Some(1));
        for _ in 0..3 {
            record.add(Offence::Flood, 20, &limits);
            assert_eq!(record.tell(20, 1_000_000), None);
        }
        record.add(Offence::Flood, 1_000_010, &limits);
        assert_eq!(record.tell(1_000_010, 1_000_000), Some(4));
    }
}
