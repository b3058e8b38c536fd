//! Round-trip times and signs of life from heartbeats.

use std::{
    sync::atomic::{AtomicU16, Ordering::Relaxed},
    time::Duration,
};

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::control::Control;

/// A round trip above this is no measurement.
const LONGEST_US: u64 = 60_000_000;

/// The heartbeats of one connection.
#[derive(Debug, Default)]
pub(crate) struct Pulse {
    /// Stamp and arrival of the remote's last heartbeat.
    last: Mutex<Option<(u64, u64)>>,
    /// How often, in milliseconds, the remote wants to hear from us; 0 if it does not say.
    wanted_ms: AtomicU16,
    /// Rings when that changes.
    pub(crate) hurry: Notify,
}

/// Nobody is heard more often than this, whatever it wants.
const LEAST_PACE: Duration = Duration::from_millis(20);

impl Pulse {
    /// Notes how often the remote wants to hear from us.
    pub(crate) fn wanted(&self, wanted_ms: u16) {
        if self.wanted_ms.swap(wanted_ms, Relaxed) != wanted_ms {
            self.hurry.notify_one();
        }
    }

    /// The pause between two heartbeats: as usual, or shorter if the remote wants so.
    pub(crate) fn pace(&self, usual: Duration) -> Duration {
        match self.wanted_ms.load(Relaxed) {
            0 => usual,
            ms => usual.min(Duration::from_millis(u64::from(ms)).max(LEAST_PACE)),
        }
    }

    /// The heartbeat to send now. `wanted` is the pause that we want the remote to make at most, if any.
    pub(crate) fn beat(&self, now_us: u64, wanted: Option<Duration>) -> Control {
        let (echo_us, held) = match *self.last.lock() {
            Some((stamp, arrival)) => (stamp, now_us.saturating_sub(arrival)),
            None => (0, 0),
        };
        Control::Heartbeat {
            stamp_us: now_us,
            echo_us,
            held_us: u32::try_from(held).unwrap_or(u32::MAX),
            wanted_ms: wanted.map_or(0, |pause| {
                u16::try_from(pause.as_millis()).unwrap_or(u16::MAX).max(1)
            }),
        }
    }

    /// Takes the remote's heartbeat; returns the round trip in microseconds if it echoes one of ours.
    pub(crate) fn heard(
        &self,
        stamp_us: u64,
        echo_us: u64,
        held_us: u32,
        now_us: u64,
    ) -> Option<u64> {
        *self.last.lock() = Some((stamp_us, now_us));
        if echo_us == 0 {
            return None;
        }
        let sample = now_us
            .checked_sub(echo_us)?
            .checked_sub(u64::from(held_us))?;
        (sample <= LONGEST_US).then_some(sample)
    }
}

/// After how long a silence a peer is down.
pub(crate) fn patience(dead_after: Duration, rtt: Option<Duration>) -> Duration {
    dead_after.max(rtt.unwrap_or_default().saturating_mul(3))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(control: Control) -> (u64, u64, u32) {
        match control {
            Control::Heartbeat {
                stamp_us,
                echo_us,
                held_us,
                ..
            } => (stamp_us, echo_us, held_us),
            other => panic!("no heartbeat: {other:?}"),
        }
    }

    #[test]
    fn the_time_an_echo_was_held_is_not_in_the_round_trip() {
        let (ours, theirs) = (Pulse::default(), Pulse::default());
        let (stamp, echo, held) = fields(ours.beat(1_000, None));
        assert_eq!(theirs.heard(stamp, echo, held, 500_000), None);
        let (stamp, echo, held) = fields(theirs.beat(590_000, None));
        assert_eq!((echo, held), (1_000, 90_000));
        assert_eq!(ours.heard(stamp, echo, held, 91_300), Some(300));
    }

    #[test]
    fn impossible_echoes_are_no_measurement() {
        let pulse = Pulse::default();
        assert_eq!(pulse.heard(1, 5_000, 0, 4_000), None);
        assert_eq!(pulse.heard(1, 3_000, 2_000, 4_000), None);
        assert_eq!(pulse.heard(1, 1, 0, u64::MAX), None);
    }

    #[test]
    fn a_remote_that_watches_us_sets_the_pace_within_bounds() {
        let pulse = Pulse::default();
        let usual = Duration::from_millis(100);
        assert_eq!(pulse.pace(usual), usual);
        for (wanted, pace) in [(50, 50), (1, 20), (200, 100), (0, 100)] {
            pulse.wanted(wanted);
            assert_eq!(pulse.pace(usual), Duration::from_millis(pace));
        }
        let wish = |wanted| match pulse.beat(1, wanted) {
            Control::Heartbeat { wanted_ms, .. } => wanted_ms,
            other => panic!("no heartbeat: {other:?}"),
        };
        assert_eq!(wish(None), 0);
        assert_eq!(wish(Some(Duration::from_millis(50))), 50);
        assert_eq!(wish(Some(Duration::from_secs(1000))), u16::MAX);
    }

    #[test]
    fn slow_links_get_more_patience() {
        let second = Duration::from_secs(1);
        assert_eq!(patience(second, None), second);
        assert_eq!(
            patience(second, Some(Duration::from_millis(400))),
            Duration::from_millis(1200)
        );
    }
}
