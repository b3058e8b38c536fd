//! The own clock: against other nodes' clocks, against block times, and against one that is never set.

use std::time::{Duration, Instant, SystemTime};

use neo_node::config::NodeConfig;

use super::asking::{ClockOffset, Seen};
use super::finding::Finding;
use crate::exit::Exit;

const CLOCK: &str = "clock";
const STEADY: &str = "clock-steady";

/// Difference above which an operator should know, in seconds.
const GOOD_OFFSET: f64 = 1.0;
/// How far the clock may go astray from the monotonic one during the examination.
const MOST_DRIFT: Duration = Duration::from_millis(50);
const MEND: &str =
    "synchronise the clock (chrony, systemd-timesyncd) before starting; compare with `timedatectl`";

/// Both clocks of this machine, read at one moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading {
    /// The clock that blocks are stamped with.
    pub(super) wall: SystemTime,
    /// The one that is never set.
    pub(super) steady: Instant,
}

impl Reading {
    /// Reads both.
    pub(super) fn now() -> Self {
        Self {
            wall: SystemTime::now(),
            steady: Instant::now(),
        }
    }
}

/// Whether the clock ran evenly between two readings.
pub(super) fn steady(begin: Reading, end: Reading) -> Finding {
    let steady = end.steady.saturating_duration_since(begin.steady);
    let drift = match end.wall.duration_since(begin.wall) {
        Ok(wall) => wall.abs_diff(steady),
        Err(back) => back.duration() + steady,
    };
    let place = "this machine";
    let value = format!(
        "{:.1} ms off after {:.1} s",
        drift.as_secs_f64() * 1e3,
        steady.as_secs_f64()
    );
    let finding = match drift > MOST_DRIFT {
        true => {
            let mend = "something sets the clock in steps: let it be slewed (chrony `makestep` at the start only)";
            Finding::warn(STEADY, place, value, mend)
        }
        false => Finding::ok(STEADY, place, value),
    };
    finding.limit(format!("{MOST_DRIFT:?}"))
}

/// The own clock against the others' dates and newest blocks.
pub(super) fn compare(config: &NodeConfig, all: &[Seen], now: SystemTime) -> Vec<Finding> {
    // A proposal more than 8 · max(T, 1 s) ahead of the own clock is not voted for; two clocks that are half of that
    // off in opposite directions are there.
    let block_time = config
        .protocol
        .genesis
        .block_time()
        .max(Duration::from_secs(1));
    let most = block_time.as_secs_f64() * 4.0;
    let limit = format!("{most:.1} s, better {GOOD_OFFSET:.1} s");
    let mut offsets: Vec<ClockOffset> = all.iter().filter_map(|seen| seen.clock).collect();
    offsets.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
    let dates = match offsets.get(offsets.len() / 2) {
        Some(median) => {
            let value = format!(
                "{:+.1} s (give or take {:.1} s) against the clocks of {} node(s)",
                -median.seconds,
                median.uncertainty,
                offsets.len()
            );
            let least = (median.seconds.abs() - median.uncertainty).max(0.0);
            judge(least, most, "this machine", value)
        }
        None => Finding::not_checked(CLOCK, "this machine", "no node told its date: give --other"),
    };
    let mut found = vec![dates.limit(&limit)];
    let now_ms = now
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    if let Some(newest) = all.iter().max_by_key(|seen| seen.tip_ms) {
        let ahead = Duration::from_millis(newest.tip_ms)
            .saturating_sub(now_ms)
            .as_secs_f64();
        let value = match ahead > 0.0 {
            true => format!("a block {} is {ahead:.1} s in the future", newest.height),
            false => format!("block {} is in the past", newest.height),
        };
        found.push(judge(ahead, most, &newest.endpoint, value).limit(limit));
    }
    found
}

fn judge(off: f64, most: f64, place: impl std::fmt::Display, value: String) -> Finding {
    if off > most {
        Finding::fail(CLOCK, Exit::Failure, place, value, MEND)
    } else if off > GOOD_OFFSET {
        Finding::warn(CLOCK, place, value, MEND)
    } else {
        Finding::ok(CLOCK, place, value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::State;

    #[test]
    fn a_clock_that_is_set_is_noticed() {
        let begin = Reading::now();
        let after = |wall_ms: u64, steady_ms: u64| Reading {
            wall: begin.wall + Duration::from_millis(wall_ms),
            steady: begin.steady + Duration::from_millis(steady_ms),
        };
        assert_eq!(steady(begin, after(1_000, 1_010)).state, State::Ok);
        assert_eq!(steady(begin, after(4_000, 1_000)).state, State::Warn);
        let mut back = after(0, 1_000);
        back.wall = begin.wall - Duration::from_secs(5);
        let found = steady(begin, back);
        assert_eq!(found.state, State::Warn);
        assert!(found.value.starts_with("6000.0 ms"), "{found:?}");
    }
}
