//! How a view is given up and the next one entered (protocol section 5, rule 7).

use super::{CERTIFICATES_TO_ALL, HeightState, Lesson, V3Actions};
use crate::engine::{Notice, Now, Recipient, TimerKind};
use crate::v3::context::MessageKind;
use crate::v3::message::ChangeViewReason;
use crate::v3::phase::Trigger;
use crate::v3::safety::Entitlement;
use crate::v3::votes::KEPT_VIEWS;
use crate::validators::View;

impl HeightState {
    pub(super) fn enter_view(&mut self, now: Now, view: View, actions: &mut V3Actions) {
        if view <= self.view() {
            return;
        }
        self.safety.enter(view);
        self.change_phase(Trigger::ViewEntered, now, actions);
        actions.notices.push(Notice::ViewEntered {
            height: self.info.height,
            view,
        });
        self.begin_view(now, actions);
    }

    pub(super) fn begin_view(&mut self, now: Now, actions: &mut V3Actions) {
        let view = self.view();
        self.proposals = self.proposals.split_off(&view);
        self.votes.forget_below(view);
        if mutated!(self, DropsLosingBodies) {
            self.blocks = crate::v3::blocks::Blocks::default();
        }
        let lowest = View(view.0.saturating_sub(KEPT_VIEWS));
        self.convicted.retain(|(_, _, of)| *of >= lowest);
        self.view_failed = None;
        self.building = None;
        self.candidate = None;
        self.stamp_view();
        let leader = self.leader();
        let known = self.round_trips.get(&leader).copied();
        // A leader that gives up takes everybody with it: it waits for those far from it.
        let own = (self.own == Some(leader)).then_some(self.round_trip);
        self.pace.enter(now, own.or(known).unwrap_or_default());
        self.arm(now, actions);
    }

    /// The current view has no future; the ChangeView follows in [`Self::advance`].
    pub(super) fn fail_view(&mut self, reason: ChangeViewReason) {
        // After n switchovers at a height only timers change the view (protocol section 8).
        let switchovers = usize::try_from(self.view().0).unwrap_or(usize::MAX);
        if reason == ChangeViewReason::Timeout || switchovers < self.info.validators.len() {
            self.view_failed.get_or_insert(reason);
        }
    }

    pub(in crate::v3) fn timer(&mut self, now: Now, kind: TimerKind, actions: &mut V3Actions) {
        match kind {
            TimerKind::Propose => self.pace_proposal(now, actions),
            TimerKind::View => {
                let due = self.pace.is_over(now) && self.decision.is_none();
                if due && self.safety.asked() <= self.view() {
                    let length = self.pace.expire();
                    self.lessons.push(Lesson::Failed(length));
                    self.fail_view(ChangeViewReason::Timeout);
                }
            }
            TimerKind::Resend => {
                let at = now.monotonic.saturating_add(self.resend_after());
                self.set_timer(TimerKind::Resend, Some(at), actions);
                self.resend(actions);
            }
        }
        self.advance(now, actions);
    }

    /// Repeats what rules 6 and 7 say to repeat.
    pub(in crate::v3) fn resend(&mut self, actions: &mut V3Actions) {
        if self.decision.is_some() {
            if let Some(commit) = &self.own_commit {
                actions.resend.push((Recipient::All, commit.clone()));
            }
            return;
        }
        self.repeat_suspicion(actions);
        if self.safety.asked() > self.view()
            && let Some(change) = &self.own_change_view
            // A newer one is still on its way to the vote log: the older target is given up.
            && (change.view == self.safety.asked() || mutated!(self, LowersTarget))
            && !mutated!(self, NeverRepeats)
        {
            let leader = self.info.validators.key(self.leader_of(change.view));
            if self.info.validators.len() > CERTIFICATES_TO_ALL
                && let Some(leader) = leader
            {
                actions
                    .resend
                    .push((Recipient::All, change.without_certificate()));
                actions
                    .resend
                    .push((Recipient::One(leader.clone()), change.clone()));
            } else {
                actions.resend.push((Recipient::All, change.clone()));
            }
        }
    }

    /// What others say about the current view: its leader resigned, M suspect it, or f+1 ask for a
    /// higher one. Rule 7: those alone move this node only when half of its own timer has run.
    pub(super) fn heed_others(&mut self, now: Now) {
        let view = self.view();
        if self.safety.asked() <= view {
            let leader = Some(self.leader()).filter(|leader| Some(*leader) != self.own);
            if self
                .votes
                .change_views_above(view)
                .any(|asked| Some(asked.sender) == leader)
            {
                self.fail_view(ChangeViewReason::LeaderResigned);
            }
            if self.is_given_up() {
                self.fail_view(ChangeViewReason::Suspected);
            }
        }
        let Some(wanted) = self.votes.asked_by(self.enough_to_join()) else {
            return;
        };
        let ripe = self.pace.is_half_over(now);
        if wanted > self.safety.asked().max(view) && ripe {
            self.view_failed.get_or_insert(ChangeViewReason::Joined);
        }
    }

    fn enough_to_join(&self) -> usize {
        self.few() - usize::from(mutated!(self, JoinsTooFew))
    }

    pub(super) fn try_change_view(&mut self, actions: &mut V3Actions) {
        let Some(reason) = self.view_failed else {
            return;
        };
        let target = if reason == ChangeViewReason::Joined {
            self.votes
                .asked_by(self.enough_to_join())
                .map(|view| (view, Entitlement::Joined))
        } else if mutated!(self, SkipsView) {
            Some((self.view().next().next(), Entitlement::Joined))
        } else {
            Some((self.view().next(), Entitlement::CurrentViewFailed))
        };
        self.view_failed = None;
        let Some((to, entitlement)) = target else {
            return;
        };
        let Ok(mut draft) = self.safety.change_view(to, entitlement, reason) else {
            return;
        };
        if self.info.validators.len() > CERTIFICATES_TO_ALL {
            draft = draft.without_certificate();
        }
        // What is repeated leaves behind what is new: the older target would come after this one.
        let (own, height) = (self.own, self.info.height);
        actions.resend.retain(|(_, message)| {
            let mine = message.height == height && Some(message.sender) == own;
            let asks = message.kind() == MessageKind::ChangeView;
            !(mine && asks && message.view < to)
        });
        actions.notices.push(Notice::ViewChangeAsked {
            height: self.info.height,
            view: to,
            reason: match reason {
                ChangeViewReason::Timeout => "timeout",
                ChangeViewReason::Joined => "joined others",
                ChangeViewReason::Equivocation => "the leader equivocated",
                ChangeViewReason::InvalidProposal => "invalid proposal",
                ChangeViewReason::LeaderResigned => "the leader resigned",
                ChangeViewReason::Suspected => "the leader is suspected",
            },
        });
        actions.send.push((Recipient::All, draft));
    }
}
