//! What the tuning functions look at: the difference between two readings of counters.

use std::time::Duration;

use neo_consensus::tuning::NodeLoad;

/// What was counted since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Totals {
    /// When this was read, since the start.
    pub(super) at: Duration,
    /// Transactions of proposed blocks that were looked up in the own pool.
    pub(super) looked_up: u64,
    /// Those that were not there.
    pub(super) missing: u64,
    /// Transactions that peers pushed.
    pub(super) pushed: u64,
    /// Those that were known already.
    pub(super) repeated: u64,
    /// How long signature checks have waited for a thread, all together.
    pub(super) waited: Duration,
    /// How long signatures have been checked, all together.
    pub(super) worked: Duration,
}

/// How things stand at the second reading.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Moment {
    /// Connected peers.
    pub(super) peers: u64,
    /// How full the fullest queue to one is, in thousandths.
    pub(super) queue_per_mille: u64,
    /// Threads of the verification pool.
    pub(super) threads: u64,
    /// Processors of the machine.
    pub(super) cores: u64,
}

impl Totals {
    /// The load between `before` and this reading.
    pub(super) fn since(&self, before: &Self, moment: Moment) -> NodeLoad {
        let of = |now: u64, before: u64| now.saturating_sub(before);
        let elapsed = micros(self.at.saturating_sub(before.at));
        let waited = micros(self.waited.saturating_sub(before.waited));
        let worked = micros(self.worked.saturating_sub(before.worked));
        NodeLoad {
            peers: small(moment.peers),
            missing_per_mille: per_mille(
                of(self.missing, before.missing),
                of(self.looked_up, before.looked_up),
            ),
            repeated_per_mille: per_mille(
                of(self.repeated, before.repeated),
                of(self.pushed, before.pushed),
            ),
            send_queue_per_mille: small(moment.queue_per_mille),
            // Waiting that adds up to n times the elapsed time is a queue of n, by Little's law.
            verify_queue: small(waited.checked_div(elapsed).unwrap_or(0)),
            verify_busy_per_mille: per_mille(worked, elapsed.saturating_mul(moment.threads)),
            cores: small(moment.cores),
        }
    }
}

/// Thousandths, 0 of nothing.
fn per_mille(part: u64, whole: u64) -> u32 {
    small(
        part.saturating_mul(1_000)
            .checked_div(whole)
            .unwrap_or(0)
            .min(1_000),
    )
}

fn micros(length: Duration) -> u64 {
    u64::try_from(length.as_micros()).unwrap_or(u64::MAX)
}

fn small(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_load_is_what_happened_between_two_readings() {
        let before = Totals {
            at: Duration::from_secs(10),
            looked_up: 1_000,
            missing: 999,
            pushed: 50,
            repeated: 50,
            waited: Duration::from_secs(3),
            worked: Duration::from_secs(5),
        };
        let now = Totals {
            at: Duration::from_secs(12),
            looked_up: 1_200,
            missing: 1_009,
            pushed: 150,
            repeated: 80,
            waited: Duration::from_secs(13),
            worked: Duration::from_secs(8),
        };
        let moment = Moment {
            peers: 6,
            queue_per_mille: 40,
            threads: 2,
            cores: 8,
        };
        let load = now.since(&before, moment);
        let expected = NodeLoad {
            peers: 6,
            missing_per_mille: 50,
            repeated_per_mille: 300,
            send_queue_per_mille: 40,
            verify_queue: 5,
            verify_busy_per_mille: 750,
            cores: 8,
        };
        assert_eq!(load, expected);
        let nothing = now.since(&now, moment);
        assert_eq!((nothing.verify_queue, nothing.missing_per_mille), (0, 0));
    }
}
