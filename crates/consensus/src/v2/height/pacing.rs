//! The timer of a height.

use std::time::Duration;

use super::{HeightState, V2Actions};
use crate::engine::{LedgerAction, Now, TimerChange, TimerId, TimerKind};
use crate::v2::content::Reason;
use crate::v2::timing;

impl HeightState {
    pub(super) fn set_timer(&mut self, now: Now, after: Duration, actions: &mut V2Actions) {
        let at = now.monotonic.saturating_add(after);
        self.deadline = Some(at);
        let id = TimerId {
            height: self.height(),
            kind: TimerKind::View,
        };
        actions.timers.push(TimerChange { id, at: Some(at) });
    }

    /// Stops all timers of the height.
    pub(in crate::v2) fn stop_timers(&mut self, actions: &mut V2Actions) {
        self.deadline = None;
        for kind in [TimerKind::View, TimerKind::Resend] {
            let height = self.height();
            let id = TimerId { height, kind };
            actions.timers.push(TimerChange { id, at: None });
        }
    }

    /// A good message of the view came: it gets `factor · T / M` more, unless this node has left it or has
    /// committed.
    pub(super) fn extend_timer(&mut self, now: Now, factor: u32, actions: &mut V2Actions) {
        if self.voice.is_none() || self.view_changing() || self.commit_sent() {
            return;
        }
        let Some(deadline) = self.deadline else {
            return;
        };
        let more = timing::extension(self.unit, factor, self.quorum());
        let at = deadline.saturating_add(more);
        if at > now.monotonic {
            self.set_timer(now, at.saturating_sub(now.monotonic), actions);
        }
    }

    /// The timer of a view that begins. A primary that came into it by recovery waits as a backup does.
    pub(super) fn begin_timer(&mut self, now: Now, recovering: bool, actions: &mut V2Actions) {
        if self.voice.is_none() {
            return;
        }
        let after = if self.is_primary() && !recovering {
            let since = self.previous.map(|at| now.monotonic.saturating_sub(at));
            timing::of_primary(self.unit, since)
        } else {
            timing::of_view(self.unit, self.view)
        };
        self.set_timer(now, after, actions);
    }

    /// The timer fired.
    pub(in crate::v2) fn timer(&mut self, now: Now, actions: &mut V2Actions) {
        // One that was moved while it fired comes again.
        let early = self.deadline.is_none_or(|at| at > now.monotonic);
        if self.voice.is_none() || self.sent || early {
            return;
        }
        self.deadline = None;
        let has_proposed = self.building || self.proposal.is_some() || self.cast.preparation;
        if self.is_primary() && !has_proposed && !self.view_changing() {
            if !self.linger(now, actions) {
                self.build(now, actions);
            }
        } else if self.commit_sent() && !mutated!(self, LeavesAfterCommit) {
            self.send_recovery(actions);
            self.set_timer(now, timing::between_recoveries(self.unit), actions);
        } else if !self.linger(now, actions) {
            let missing = self.proposal.as_ref().is_some_and(|held| held.is_missing());
            let reason = if missing {
                Reason::TransactionNotFound
            } else {
                Reason::Timeout
            };
            self.request_change_view(now, reason, actions);
        }
        self.advance(now, actions);
    }

    /// With a greatest block time and an empty pool the first view lasts longer, as in neo-go: the primary
    /// waits for the rest of that time, a backup for twice as much. Gives whether it waits.
    fn linger(&mut self, now: Now, actions: &mut V2Actions) -> bool {
        let more = self
            .max_block_time
            .and_then(|most| most.checked_sub(self.unit));
        let Some(more) = more.filter(|more| !more.is_zero()) else {
            return false;
        };
        let idle = self.view == 0 && !self.filled && self.proposal.is_none() && !self.building;
        if !idle || self.lingered || self.view_changing() {
            return false;
        }
        self.lingered = true;
        self.lingers = true;
        let after = if self.is_primary() { more } else { more * 2 };
        self.set_timer(now, after, actions);
        true
    }

    /// A transaction waits now.
    pub(in crate::v2) fn pool_filled(&mut self, now: Now, actions: &mut V2Actions) {
        self.filled = true;
        if !std::mem::take(&mut self.lingers) || self.proposal.is_some() || self.view > 0 {
            return;
        }
        if self.is_primary() {
            self.build(now, actions);
        } else if !self.view_changing() {
            self.set_timer(now, timing::shifted(self.unit, 1), actions);
        }
    }

    /// Asks the ledger for the own block. The timer runs already as it does after the PrepareRequest: so a
    /// ledger that does not answer ends the view.
    fn build(&mut self, now: Now, actions: &mut V2Actions) {
        let Some(own) = self.own() else { return };
        self.building = true;
        let parent = &self.info.parent;
        actions.ledger.push(LedgerAction::Build {
            parent: self.info.parent_hash,
            primary: own,
            timestamp: now.wall_ms.max(parent.timestamp.saturating_add(1)),
            nonce: now.entropy,
            max_transactions: self.info.limits.max_transactions,
        });
        let after = timing::after_request(self.unit, self.view);
        self.set_timer(now, after, actions);
    }

    /// As [`HeightState::look_again`], while transactions are missing.
    pub(in crate::v2) fn look_again_if_missing(&self, now: Now, actions: &mut V2Actions) {
        if self.proposal.as_ref().is_some_and(|held| held.is_missing()) {
            self.look_again(now, actions);
        }
    }

    /// Comes back a quarter of T later to repeat what may have been lost.
    pub(in crate::v2) fn look_again(&self, now: Now, actions: &mut V2Actions) {
        let id = TimerId {
            height: self.height(),
            kind: TimerKind::Resend,
        };
        let at = Some(now.monotonic.saturating_add(self.unit / 4));
        actions.timers.push(TimerChange { id, at });
    }
}
