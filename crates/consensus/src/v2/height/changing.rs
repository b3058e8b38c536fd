//! ChangeView, and entering a view.

use std::collections::BTreeMap;

use neo_primitives::ValidatorIndex;

use super::{HeightState, V2Actions};
use crate::engine::{Notice, Now};
use crate::v2::content::{Body, ChangeView, Reason};
use crate::v2::message::Message;
use crate::v2::record::Record;
use crate::v2::timing;
use crate::validators::View;

impl HeightState {
    /// Forgets the view that was and begins this one.
    pub(super) fn begin_view(
        &mut self,
        now: Now,
        view: u8,
        recovering: bool,
        actions: &mut V2Actions,
    ) {
        if view > 0 {
            let asks = |message: &&Message| {
                let asked = message.content().new_view();
                asked.is_some_and(|asked| asked >= view)
            };
            let all = self.change_views.iter();
            let all = all.filter(|(_, message)| asks(message));
            self.justifying = all
                .map(|(index, message)| (*index, message.clone()))
                .collect();
            actions.notices.push(Notice::ViewEntered {
                height: self.height(),
                view: View(u32::from(view)),
            });
            actions.persist.push(Record::Context {
                height: self.height(),
                view,
                messages: self.justifying.values().cloned().collect(),
            });
        }
        self.view = view;
        self.proposal = None;
        self.candidate = None;
        self.building = false;
        self.lingered = false;
        self.lingers = false;
        self.preparations.clear();
        self.cast.preparation = false;
        self.begin_timer(now, recovering, actions);
        for message in self.of_this_view() {
            self.take_message(now, message, false, None, actions);
        }
    }

    /// Preparations that came before their view began: the request before what names it.
    fn of_this_view(&mut self) -> Vec<Message> {
        let view = self.view;
        let later = std::mem::take(&mut self.later);
        let (now, later) = later
            .into_iter()
            .filter(|(_, message)| message.view() >= view)
            .partition::<BTreeMap<_, _>, _>(|(_, message)| message.view() == view);
        self.later = later;
        now.into_values().collect()
    }

    /// Asks for the next view, or for help where that one cannot be had.
    pub(super) fn request_change_view(
        &mut self,
        now: Now,
        reason: Reason,
        actions: &mut V2Actions,
    ) {
        let bound = self.commit_sent() && !mutated!(self, LeavesAfterCommit);
        if self.voice.is_none() || bound {
            return;
        }
        let after = timing::after_change_view(self.unit, self.view);
        self.set_timer(now, after, actions);
        let Some(next) = self.view.checked_add(1) else {
            return self.request_recovery(now, actions);
        };
        if self.more_than_f_committed_or_lost() {
            return self.request_recovery(now, actions);
        }
        self.ask_for(now, next, reason, actions);
    }

    fn ask_for(&mut self, now: Now, next: u8, reason: Reason, actions: &mut V2Actions) {
        self.cast.change_view = self.cast.change_view.max(next);
        actions.notices.push(Notice::ViewChangeAsked {
            height: self.height(),
            view: View(u32::from(next)),
            reason: reason.name(),
        });
        let change = ChangeView {
            timestamp: now.wall_ms,
            reason,
            // The ledger does not say which transaction it refuses; neo-go leaves the list empty, too.
            rejected: reason.has_rejected().then(Vec::new),
        };
        self.draft(Body::ChangeView(change), actions);
    }

    pub(super) fn take_change_view(
        &mut self,
        now: Now,
        message: Message,
        recovered: bool,
        actions: &mut V2Actions,
    ) {
        let Some(asked) = message.content().new_view() else {
            return;
        };
        // Who asks for a view that is over has missed something; so has who cannot know of a Commit.
        if (asked <= self.view || self.commit_sent()) && !recovered {
            self.answer(now, &message, actions);
        }
        if self.commit_sent() {
            return;
        }
        let validator = message.validator();
        let held = self.change_views.get(&validator);
        let held = held.and_then(|held| held.content().new_view());
        if held.is_some_and(|held| asked <= held) {
            return;
        }
        if self.own() == Some(validator) {
            self.cast.change_view = self.cast.change_view.max(asked);
        }
        self.change_views.insert(validator, message);
        self.check_expected_view(now, recovered, actions);
    }

    pub(super) fn take_own_change_view(
        &mut self,
        now: Now,
        own: ValidatorIndex,
        message: Message,
        actions: &mut V2Actions,
    ) {
        if let Some(asked) = message.content().new_view()
            && asked >= self.view
            && self.view > 0
        {
            self.justifying.insert(own, message.clone());
        }
        self.change_views.insert(own, message);
        self.check_expected_view(now, false, actions);
    }

    /// Enters the greatest view that M validators ask for, or a higher one.
    fn check_expected_view(&mut self, now: Now, recovering: bool, actions: &mut V2Actions) {
        if self.commit_sent() || self.sent {
            return;
        }
        let asked = self.change_views.values();
        let mut asked: Vec<_> = asked
            .filter_map(|message| message.content().new_view())
            .collect();
        asked.sort_unstable_by(|one, other| other.cmp(one));
        let fewer = usize::from(mutated!(self, EntersOnFewer));
        let agreed = self.quorum().checked_sub(1 + fewer);
        let agreed = agreed.and_then(|place| asked.get(place)).copied();
        let Some(agreed) = agreed.filter(|agreed| *agreed > self.view) else {
            return;
        };
        if self.voice.is_some() && self.cast.change_view < agreed {
            // Tells the others that this node comes along; its number is the view after its own.
            let next = self.view.saturating_add(1);
            self.ask_for(now, next, Reason::ChangeAgreement, actions);
        }
        self.begin_view(now, agreed, recovering, actions);
    }
}
