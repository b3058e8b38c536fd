//! A height that does not get on: which strategy applies, and `Emergency` (protocol section 9).

use std::time::Duration;

use neo_primitives::Height;

use super::{V3Actions, V3Engine};
use crate::engine::{Notice, Now, Recipient};
use crate::v3::recovery::{RecoveryConditions, RecoveryStrategy, SelectionLimits, select_strategy};

impl V3Engine {
    /// Chooses what to do about a height, at each resending.
    pub(super) fn recover(&mut self, now: Now, height: Height, actions: &mut V3Actions) {
        let Some((conditions, limits)) = self.conditions(now, height) else {
            return;
        };
        match select_strategy(&conditions, &limits) {
            Some(RecoveryStrategy::Emergency) if mutated!(self.settings, NoEmergency) => {}
            Some(RecoveryStrategy::Emergency) => {
                let due = self.emergency.is_none_or(|at| {
                    now.monotonic >= at.saturating_add(self.settings.timers.emergency_after)
                });
                if due {
                    self.declare_emergency(now, height, actions);
                } else {
                    self.ask_when_stalled(now, height, actions);
                }
            }
            Some(RecoveryStrategy::PartialView) => {
                if self.ask_when_stalled(now, height, actions) && self.recovering != Some(height) {
                    self.recovering = Some(height);
                    actions.notices.push(Notice::Recovery {
                        height,
                        strategy: RecoveryStrategy::PartialView,
                        cause: "no progress, and something is missing here",
                    });
                }
            }
            // The others are the node's: the engine knows nothing of the store and of checkpoints.
            Some(RecoveryStrategy::FastSync | RecoveryStrategy::FullRecovery) | None => {}
        }
    }

    /// What the engine knows of a height. Its store and vote log are the node's to judge: they count as
    /// whole here, and blocks that are missing are asked for where messages tell of them.
    fn conditions(
        &self,
        now: Now,
        height: Height,
    ) -> Option<(RecoveryConditions, SelectionLimits)> {
        let state = self.open.iter().find(|state| state.height() == height)?;
        let since = |moment: Duration| now.monotonic.saturating_sub(moment);
        let undecided = state.decision.is_none();
        let set = &state.info.validators;
        let own = usize::from(state.own.is_some());
        let others = set.keys().iter().filter(|key| {
            let peer = self.peers.get(key);
            peer.is_some_and(|peer| peer.up && !peer.quiet)
        });
        let ahead = state
            .others_ahead
            .as_ref()
            .is_some_and(|(at, _)| undecided && since(*at) >= state.resend_after());
        let stalled_for = since(state.last_progress);
        let conditions = RecoveryConditions {
            store_intact: true,
            vote_log_intact: true,
            stored: self.stored,
            best_known: self.stored,
            checkpoint: None,
            undecided_for: if undecided {
                since(state.due_since())
            } else {
                Duration::ZERO
            },
            stalled_for: if ahead {
                stalled_for.max(state.stall_after())
            } else {
                stalled_for
            },
            misses_something: ahead || state.misses_something(),
            connected: own + others.count(),
            quorum: state.quorum(),
        };
        let limits = SelectionLimits {
            stall_after: state.stall_after(),
            emergency_after: self.settings.timers.emergency_after,
            ..SelectionLimits::default()
        };
        Some((conditions, limits))
    }

    /// Repeats everything that may bring a decision, asks for everything, dials everybody, and lets the
    /// timers begin anew, once per height.
    fn declare_emergency(&mut self, now: Now, height: Height, actions: &mut V3Actions) {
        self.emergency = Some(now.monotonic);
        let stored = self.stored;
        let Some(state) = self.height_mut(height) else {
            return;
        };
        actions.notices.push(Notice::Recovery {
            height,
            strategy: RecoveryStrategy::Emergency,
            cause: "no decision for long, though a quorum is connected",
        });
        actions.redial = true;
        state.resend_all(stored, actions);
        state.calm(now, actions);
        state.last_request = Some(now.monotonic);
        if let Some(draft) = state.recovery_request(0) {
            actions.send.push((Recipient::All, draft));
        }
    }
}
