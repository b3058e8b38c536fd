//! A leader that is not there is left without a timeout (protocol section 8).

use std::collections::BTreeMap;

use neo_primitives::ValidatorIndex;

use super::{HeightState, V3Actions};
use crate::engine::{Notice, Recipient};
use crate::v3::context::MessageKind;
use crate::v3::message::{Draft, Payload};
use crate::validators::View;

/// The own ledger refuses the leader's block.
pub(super) const REFUSED: &str = "the own ledger refuses its block";

impl HeightState {
    /// Which validators are not there, and why.
    pub(in crate::v3) fn set_absent(&mut self, absent: BTreeMap<ValidatorIndex, &'static str>) {
        self.absent = absent;
    }

    /// Suspects the leader when its turn comes while it is absent, or when it goes before its proposal
    /// came. A proposal that is here can be decided without it.
    pub(super) fn heed_absence(&mut self, actions: &mut V3Actions) {
        if self.proposal().is_none()
            && self.safety.asked() <= self.view()
            && let Some(cause) = self.absent.get(&self.leader()).copied()
        {
            self.suspect(cause, actions);
        }
    }

    /// Tells the others that the leader seems gone; once per view, and again while it may be lost.
    pub(in crate::v3) fn suspect(&mut self, cause: &'static str, actions: &mut V3Actions) {
        let view = self.view();
        let leader = self.leader();
        let undecided = self.decision.is_none() && self.suspected < Some(view);
        let leads = self.own == Some(leader);
        if let (true, true, false, Some(own)) = (undecided, self.safety.may_vote(), leads, self.own)
        {
            self.suspected = Some(view);
            let height = self.info.height;
            actions.notices.push(Notice::Suspected {
                height,
                view,
                leader,
                cause,
            });
            let draft = Draft::new(&self.context, own, view, Payload::Suspect);
            actions.send.push((Recipient::All, draft));
        }
    }

    /// The own ledger refuses the block of the current view.
    pub(super) fn refuse_block(&mut self, actions: &mut V3Actions) {
        self.refuses = Some(self.view());
        self.suspect(REFUSED, actions);
    }

    /// Whether the suspicion against the leader of the current view still stands here. It ends when its
    /// proposal comes.
    fn is_suspicious(&self) -> bool {
        let view = self.view();
        self.proposal().is_none() || self.refuses == Some(view)
    }

    /// Whether M validators suspect the leader, and nothing here speaks for it.
    pub(super) fn is_given_up(&self) -> bool {
        let mut enough = self.quorum();
        if mutated!(self, SuspectsTooFew) {
            enough = self.few();
        }
        if mutated!(self, SuspectsAlone) {
            enough = 1;
        }
        self.is_suspicious() && self.votes.suspicions(self.view()) >= enough
    }

    /// Repeats the own suspicion as long as it stands and has had no effect.
    pub(super) fn repeat_suspicion(&self, actions: &mut V3Actions) {
        let view = self.view();
        let stands = self.refuses == Some(view) || self.absent.contains_key(&self.leader());
        if self.suspected != Some(view) || !stands || !self.is_suspicious() {
            return;
        }
        let own = self
            .own
            .and_then(|own| self.votes.held(MessageKind::Suspect, view, own));
        if let Some(message) = own {
            actions.resend.push((Recipient::All, message.clone()));
        }
    }

    /// The validator that leads the next height when the leader of the current view gets its block
    /// decided, and the leaders of this view and of the next one.
    pub(in crate::v3) fn coming_leaders(&self) -> [ValidatorIndex; 3] {
        let view = self.view();
        let leader = self.leader();
        let following = self.info.leaders.next(leader);
        [
            leader,
            self.leader_of(view.next()),
            following.order().leader(View::ZERO),
        ]
    }
}
