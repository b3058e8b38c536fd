//! What is known of one validator.

use std::collections::VecDeque;
use std::time::Duration;

use neo_primitives::Height;

use super::fault::{Counted, LEADS, Leaky, WINDOW};

/// How far apart statuses are kept.
const STEP: Duration = Duration::from_millis(100);
/// Statuses kept: those of more than [`SETTLES`].
const STATUSES: usize = 16;
/// A status overtakes votes; after so long all that was sent before it has arrived, unless this node is the slow one.
const SETTLES: Duration = Duration::from_secs(1);

/// How a validator did at one height.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Its header signature came in time, or its votes did where it was not connected all the time.
    Good,
    /// Its header signature came late.
    Late,
    /// It voted; its header signature did not come.
    NoCommit,
    /// Nothing came although it was connected and has stored the block.
    Nothing,
    /// Nothing came, and it has not stored the block.
    Behind,
    /// Nothing came, and it was not connected.
    Away,
}

/// Totals since the start, for operators.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Totals {
    /// Heights at which its header signature came in time.
    pub in_time: u64,
    /// Heights at which it came late.
    pub late: u64,
    /// Heights at which it did not come, whatever else did.
    pub missing: u64,
    /// Views that failed under its lead.
    pub failed_views: u64,
    /// Messages and parts of messages that were refused.
    pub refused: u64,
    /// Messages from its connection.
    pub messages: u64,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Watched {
    /// Since when it is connected without a break.
    pub(super) connected: Option<Duration>,
    pub(super) round_trip: Duration,
    /// The last heights, newest last.
    pub(super) verdicts: VecDeque<Verdict>,
    /// The last views it led, newest last: whether they failed.
    pub(super) leads: VecDeque<bool>,
    counts: [Leaky; Counted::ALL.len()],
    statuses: VecDeque<(Duration, Height)>,
    settled: Height,
    /// Messages of the current period.
    pub(super) recent: u64,
    pub(super) totals: Totals,
}

impl Watched {
    pub(super) fn judge(&mut self, verdict: Verdict) {
        if self.verdicts.len() >= WINDOW {
            self.verdicts.pop_front();
        }
        self.verdicts.push_back(verdict);
        let total = match verdict {
            Verdict::Good => &mut self.totals.in_time,
            Verdict::Late => &mut self.totals.late,
            _ => &mut self.totals.missing,
        };
        *total = total.saturating_add(1);
    }

    pub(super) fn led(&mut self, failed: bool) {
        if self.leads.len() >= LEADS {
            self.leads.pop_front();
        }
        self.leads.push_back(failed);
        if failed {
            self.totals.failed_views = self.totals.failed_views.saturating_add(1);
        }
    }

    pub(super) fn count(&mut self, now: Duration, what: Counted) {
        if let Some(leaky) = self.counts.get_mut(what as usize) {
            leaky.add(now, what.forgets(), 2 * what.begin());
        }
    }

    pub(super) fn counted(&mut self, now: Duration, what: Counted) -> u64 {
        let leaky = self.counts.get_mut(what as usize);
        leaky.map_or(0, |leaky| leaky.now(now, what.forgets()))
    }

    /// It says that it has stored this height.
    pub(super) fn status(&mut self, now: Duration, stored: Height) {
        self.settle(now);
        if let Some((at, last)) = self.statuses.back_mut()
            && (now.saturating_sub(*at) < STEP || *last == stored)
        {
            // The time stays: a later height must not make an earlier one settle sooner, nor later for ever.
            if now.saturating_sub(*at) < STEP {
                *last = stored;
            }
            return;
        }
        if self.statuses.len() >= STATUSES {
            self.statuses.pop_front();
        }
        self.statuses.push_back((now, stored));
    }

    /// What it says it has stored.
    pub(super) fn stored(&self) -> Height {
        self.statuses
            .back()
            .map_or(Height(0), |(_, stored)| *stored)
    }

    /// What it had stored so long ago that nothing it sent before is still under way.
    pub(super) fn settled(&mut self, now: Duration) -> Height {
        self.settle(now);
        self.settled
    }

    fn settle(&mut self, now: Duration) {
        for (at, stored) in &self.statuses {
            if now.saturating_sub(*at) >= SETTLES {
                self.settled = *stored;
            }
        }
    }

    pub(super) fn verdicts_of(&self, kind: Verdict) -> usize {
        self.verdicts
            .iter()
            .filter(|verdict| **verdict == kind)
            .count()
    }

    pub(super) fn failed_leads(&self) -> usize {
        self.leads.iter().filter(|failed| **failed).count()
    }
}
