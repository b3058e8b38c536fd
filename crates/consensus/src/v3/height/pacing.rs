//! When the views of a height propose, and when they are given up (protocol section 8).

use std::time::Duration;

use super::{HeightState, V3Actions};
use crate::engine::{HeightInfo, Now, TimerKind};
use crate::v3::timing::{AdaptiveTimer, TimerSettings};
use crate::validators::View;

/// What the timing of a height begins with.
#[derive(Clone, Copy, Debug, Hash)]
pub(in crate::v3) struct Tempo {
    /// With the base that this height uses.
    pub(in crate::v3) timer: AdaptiveTimer,
    /// How long before it is due a block has to be asked for.
    pub(in crate::v3) lead: Duration,
    /// When the previous height saw its first valid proposal.
    pub(in crate::v3) previous_start: Duration,
    /// Transactions wait in the own memory pool.
    pub(in crate::v3) filled: bool,
    /// Most transactions that the own leader can afford.
    pub(in crate::v3) max_transactions: u32,
    /// Round trip to the leader of view 0, as far as it is known; of the leader itself the longest one.
    pub(in crate::v3) leader_round_trip: Duration,
}

/// The moments of the current view.
#[derive(Clone, Copy, Debug, Hash)]
pub(super) struct Pace {
    timer: AdaptiveTimer,
    lead: Duration,
    /// When a block with transactions is due: `start(h−1) + T`.
    due: Duration,
    /// An empty block is not due yet, and no transaction is known (`max_block_time`).
    idle: bool,
    /// When the current view was entered.
    began: Duration,
    /// From when on its timer counts: its block is due.
    origin: Duration,
    /// How far its leader is away.
    way: Duration,
    /// Length of its timer, the way of its proposal included.
    length: Duration,
    /// When it is given up.
    ends: Duration,
    /// Own timer expiries at this height.
    expiries: u32,
    /// The growth of the timer was taken back once already (`Emergency`).
    calmed: bool,
}

impl Pace {
    /// View 0 of a height.
    pub(super) fn open(now: Now, tempo: &Tempo, timers: &TimerSettings, info: &HeightInfo) -> Self {
        let at = now.monotonic;
        let due = tempo.previous_start.saturating_add(info.block_time);
        let empty_due = tempo.previous_start.saturating_add(timers.max_block_time);
        let idle = !tempo.filled && empty_due > due.max(at);
        let origin = if idle { empty_due } else { due.max(at) };
        let way = way(&tempo.timer, tempo.leader_round_trip);
        let length = tempo.timer.view_timeout(0, now.entropy);
        let length = length.saturating_add(way);
        Self {
            timer: tempo.timer,
            lead: tempo.lead.min(info.block_time / 2),
            due,
            idle,
            began: at,
            origin,
            way,
            length,
            ends: origin.saturating_add(length),
            expiries: 0,
            calmed: false,
        }
    }

    /// A later view: it proposes when it is entered, and no sooner than view 0 would have. Its leader is
    /// this round trip away.
    pub(super) fn enter(&mut self, now: Now, round_trip: Duration) {
        self.idle = false;
        self.began = now.monotonic;
        self.origin = now.monotonic.max(self.due);
        self.way = way(&self.timer, round_trip);
        self.length = self.timeout(now);
        self.ends = self.origin.saturating_add(self.length);
    }

    /// The node was down while this height was under way: its block is due already.
    pub(super) fn was_begun_before(&mut self, now: Now) {
        self.idle = false;
        self.due = self.due.min(now.monotonic);
        self.origin = self.origin.min(now.monotonic);
        self.ends = self.origin.saturating_add(self.length);
    }

    /// A transaction came to an empty pool: the block is due after all.
    fn wake(&mut self, now: Now) {
        if self.idle {
            self.idle = false;
            self.origin = self.origin.min(now.monotonic.max(self.due));
            self.ends = self.origin.saturating_add(self.length);
        }
    }

    /// The view got on: its valid proposal came, or its prepared certificate. What is left of it gets
    /// the whole time again, so that a network that has become slow costs no view that works. There are
    /// two such steps, so a view lasts at most three times its timer.
    fn progress(&mut self, now: Now) {
        let at = now.monotonic;
        if self.idle {
            self.idle = false;
            self.origin = self.origin.min(at);
            self.ends = at.saturating_add(self.length);
        }
        self.ends = self.ends.max(at.saturating_add(self.length));
    }

    fn timeout(&self, now: Now) -> Duration {
        let length = self.timer.view_timeout(self.expiries, now.entropy);
        length.saturating_add(self.way)
    }

    /// Counts an expiry; the length of the timer that ran out.
    pub(super) fn expire(&mut self) -> Duration {
        self.expiries = self.expiries.saturating_add(1);
        self.length
    }

    /// Takes the growth back, once per height, and lets the view begin anew.
    fn calm(&mut self, now: Now) -> bool {
        if self.calmed || self.expiries == 0 {
            return false;
        }
        self.calmed = true;
        self.expiries = 0;
        self.length = self.timeout(now);
        self.ends = self.ends.min(now.monotonic.saturating_add(self.length));
        true
    }

    /// Whether half of the view's own timer has run (rule 7, joining).
    pub(super) fn is_half_over(&self, now: Now) -> bool {
        let half = self.ends.saturating_sub(self.began) / 2;
        now.monotonic >= self.began.saturating_add(half)
    }

    /// Whether the view's time is over.
    pub(super) fn is_over(&self, now: Now) -> bool {
        now.monotonic >= self.ends
    }

    /// From when on the current view's timer counts.
    pub(super) fn origin(&self) -> Duration {
        self.origin
    }

    /// When the current view is given up.
    pub(super) fn ends(&self) -> Duration {
        self.ends
    }
}

/// What a view gets for the way of its leader's proposal: the base is a mean over all leaders, and without
/// this a far one would be given up when delays double. At most half the base, whatever a peer makes of its
/// heartbeats.
fn way(timer: &AdaptiveTimer, round_trip: Duration) -> Duration {
    round_trip.min(timer.base_timeout()) / 2
}

impl HeightState {
    /// Arms the timers of a view that begins.
    pub(super) fn arm(&mut self, now: Now, actions: &mut V3Actions) {
        self.set_timer(TimerKind::View, Some(self.pace.ends()), actions);
        self.set_timer(TimerKind::Propose, None, actions);
        self.pace_proposal(now, actions);
    }

    /// The leader's own moments: it asks for its block so early that it is there when it is due, and no
    /// earlier, so that the transactions of the interval get in.
    pub(super) fn pace_proposal(&mut self, now: Now, actions: &mut V3Actions) {
        self.proposal_due = now.monotonic >= self.pace.origin;
        if self.own != Some(self.leader()) || self.silent || self.proposal_due {
            return;
        }
        let early = self.pace.origin.saturating_sub(self.pace.lead);
        let next = if now.monotonic >= early {
            if self.chooses_freely() {
                self.own_candidate(now, actions);
            }
            self.pace.origin
        } else {
            early
        };
        self.set_timer(TimerKind::Propose, Some(next), actions);
    }

    /// Whether this node may still propose in its view, and a block of its choice.
    fn chooses_freely(&self) -> bool {
        let view = self.view();
        if !self.safety.may_propose() || self.decision.is_some() {
            return false;
        }
        let held = self.view_change.as_ref().filter(|held| held.view == view);
        view == View::ZERO || held.is_some_and(|held| held.prepared.is_none())
    }

    /// How long until the block of this view is due.
    pub(super) fn until_due(&self, now: Now) -> Duration {
        self.pace.origin.saturating_sub(now.monotonic)
    }

    /// Transactions wait in a pool that was empty.
    pub(in crate::v3) fn pool_filled(&mut self, now: Now, actions: &mut V3Actions) {
        if self.pace.idle && self.decision.is_none() {
            self.pace.wake(now);
            self.first_origin = self.pace.origin;
            // A block that was asked for meanwhile is empty.
            self.building = None;
            self.candidate = None;
            self.arm(now, actions);
        }
    }

    /// The current view got on.
    pub(super) fn view_got_on(&mut self, now: Now, actions: &mut V3Actions) {
        self.pace.progress(now);
        self.set_timer(TimerKind::View, Some(self.pace.ends()), actions);
    }

    /// Whether a candidate that was built before the opening is what view 0 needs: not when an empty
    /// block has to wait.
    pub(super) fn is_due_when_opened(&self) -> bool {
        !self.pace.idle
    }

    /// Takes the growth of the timer back, once per height.
    pub(in crate::v3) fn calm(&mut self, now: Now, actions: &mut V3Actions) {
        if self.pace.calm(now) {
            self.set_timer(TimerKind::View, Some(self.pace.ends()), actions);
        }
    }

    /// Since when a decision is overdue: from when the first block was due.
    pub(in crate::v3) fn due_since(&self) -> Duration {
        self.first_origin
    }

    /// Whether the block of the next height will be due as soon as this one is decided.
    pub(in crate::v3) fn next_is_due(&self, now: Now, lead: Duration) -> bool {
        let began = self.started.unwrap_or(self.opened_at);
        let lead = lead.min(self.info.block_time / 2);
        now.monotonic.saturating_add(lead) >= began.saturating_add(self.info.block_time)
    }

    /// When the block of the next height will be due.
    pub(in crate::v3) fn until_next_is_due(&self, now: Now) -> Duration {
        let began = self.started.unwrap_or(self.opened_at);
        let due = began.saturating_add(self.info.block_time);
        due.saturating_sub(now.monotonic)
    }
}
