//! Messages of others: open, stale and coming heights, and answers to those that lag behind.

use std::sync::Arc;

use neo_primitives::{Height, PublicKey};

use super::{ANSWER_INTERVAL, BUFFERED_HEIGHTS, MAX_BUFFERED, SYNC_INTERVAL, V3Actions, V3Engine};
use crate::engine::{Fetch, Now, Recipient};
use crate::v3::context::{HeightContext, MessageKind};
use crate::v3::message::{Draft, Message, Payload, RecoveryMessage};
use crate::v3::recovery::stored_answer;
use crate::v3::verify::{Input, Outcome, VerifyJob};
use crate::validators::View;

impl V3Engine {
    pub(super) fn receive(
        &mut self,
        now: Now,
        from: PublicKey,
        message: Message,
        actions: &mut V3Actions,
    ) {
        self.heard(now, &from, actions);
        self.hint_of_blocks(now, &from, &message, actions);
        if message.height <= self.stored {
            return self.receive_stale(now, &from, &message, actions);
        }
        if self
            .open
            .iter()
            .any(|state| state.height() == message.height)
        {
            return self.receive_open(now, from, message, actions);
        }
        let top = self.top();
        if message.height.0.saturating_sub(top.0) > BUFFERED_HEIGHTS {
            // Anything later only tells that this node is behind.
            return self.fetch_blocks(now, &from, actions);
        }
        self.buffer(now, from, message, actions);
    }

    /// Whether one validator brings the message of another (section 9, the second channel). What it says of its sender
    /// is nothing but a claim until the signature is verified.
    fn is_relayed(&self, from: &PublicKey, message: &Message) -> bool {
        self.terms
            .at(message.height)
            .and_then(|validators| validators.index_of(from))
            .is_some_and(|index| index != message.sender)
    }

    /// A recovery message also tells what its sender has stored.
    pub(super) fn hint_of_blocks(
        &mut self,
        now: Now,
        from: &PublicKey,
        message: &Message,
        actions: &mut V3Actions,
    ) {
        if let Payload::RecoveryMessage(recovery) = &message.payload
            && recovery.stored > self.stored
        {
            self.fetch_blocks(now, from, actions);
        }
    }

    pub(super) fn fetch_blocks(&mut self, now: Now, from: &PublicKey, actions: &mut V3Actions) {
        let start = self.stored.next();
        let Some(peer) = self.peer(from) else { return };
        if peer
            .synced
            .is_none_or(|at| now.monotonic >= at.saturating_add(SYNC_INTERVAL))
        {
            peer.synced = Some(now.monotonic);
            actions.fetch.push(Fetch::Blocks {
                start,
                from: from.clone(),
            });
        }
    }

    /// Somebody is busy with a height that is stored here (rule 6). Single late votes are the end of
    /// every normal height; who asks, or repeats itself, gets an answer.
    pub(super) fn receive_stale(
        &mut self,
        now: Now,
        from: &PublicKey,
        message: &Message,
        actions: &mut V3Actions,
    ) {
        let kind = message.kind();
        // Without an open height there is nothing to sign an answer for, nor is it known who brings what of
        // others: nobody loses a turn by it.
        if kind == MessageKind::RecoveryMessage || self.open.is_empty() {
            return;
        }
        if self.is_relayed(from, message) {
            return self.report_to_signer(now, from, message, actions);
        }
        let asks = matches!(kind, MessageKind::RecoveryRequest | MessageKind::ChangeView);
        let Some(peer) = self.peer(from) else { return };
        let repeated = match &mut peer.stale {
            Some((height, kinds)) if *height == message.height => {
                let seen = kinds.contains(&kind);
                if !seen {
                    kinds.push(kind);
                }
                seen
            }
            other => {
                *other = Some((message.height, vec![kind]));
                false
            }
        };
        if !(asks || repeated) || !self.may_answer(from, now) {
            return;
        }
        if let Some(draft) = self.stored_answer(message) {
            actions.send.push((Recipient::One(from.clone()), draft));
        }
    }

    /// The answer to one who is busy with a height that is stored here, by its validators. Who was not among them has
    /// nothing to say to it, who has left office since has.
    fn stored_answer(&self, message: &Message) -> Option<Draft> {
        let validators = Arc::clone(self.terms.at(message.height)?);
        let own = validators.index_of(self.settings.own.as_ref()?)?;
        let context = HeightContext {
            validators,
            ..(*self.open.front()?.context).clone()
        };
        let (stored, vouches) = (self.stored, self.vouches());
        Some(stored_answer(&context, own, message, stored, vouches))
    }

    /// Another validator brings the request of one that may have no other way to learn what is stored here: a
    /// silence ends with the reports of M others (rule 8). Nothing shows at a stored height whether the signer
    /// said it, so the answer takes the turn of who brings it, and nobody can use up that of another.
    fn report_to_signer(
        &mut self,
        now: Now,
        from: &PublicKey,
        message: &Message,
        actions: &mut V3Actions,
    ) {
        let validators = self.terms.at(message.height);
        let signer = validators.and_then(|validators| validators.key(message.sender));
        let other = signer.filter(|signer| self.settings.own.as_ref() != Some(*signer));
        let Some(signer) = other.cloned() else { return };
        if message.kind() != MessageKind::RecoveryRequest || !self.may_answer(from, now) {
            return;
        }
        let signer = if mutated!(self.settings, AnswersBearer) {
            from.clone()
        } else {
            signer
        };
        if let Some(draft) = self.stored_answer(message) {
            actions.send.push((Recipient::One(signer), draft));
        }
    }

    pub(super) fn buffer(
        &mut self,
        now: Now,
        from: PublicKey,
        message: Message,
        actions: &mut V3Actions,
    ) {
        let kind = message.kind();
        let relayed = self.is_relayed(&from, &message);
        let key = (message.height, from, kind);
        let known = self.buffered.contains_key(&key);
        if relayed && known {
            // The place belongs to the relaying validator's own message.
            return;
        }
        if kind == MessageKind::RecoveryMessage || (!known && self.buffered.len() >= MAX_BUFFERED) {
            return;
        }
        if !known {
            self.heed_coming(now, &key.1, &message, actions);
        }
        self.buffered.insert(key, message);
    }

    /// A message of a coming height carries what decided the height below it, or shows that somebody
    /// knows (rule 6).
    pub(super) fn heed_coming(
        &mut self,
        now: Now,
        from: &PublicKey,
        message: &Message,
        actions: &mut V3Actions,
    ) {
        let undecided = self.open.iter_mut().find(|state| state.decision.is_none());
        let Some(state) = undecided.filter(|state| state.height() < message.height) else {
            return;
        };
        state
            .others_ahead
            .get_or_insert_with(|| (now.monotonic, from.clone()));
        if state.height().next() == message.height
            && let Payload::Proposal(proposal) = &message.payload
            && let Some(decision) = &proposal.parent
        {
            let job = VerifyJob::decision(&state.context, from.clone(), decision.clone());
            actions.verify.push(job);
        }
    }

    pub(super) fn receive_open(
        &mut self,
        now: Now,
        from: PublicKey,
        message: Message,
        actions: &mut V3Actions,
    ) {
        self.answer_laggard(now, &from, &message, actions);
        if mutated!(self.settings, BelievesRelays) && self.is_relayed(&from, &message) {
            let (height, input) = (message.height, Input::Message(message));
            self.take(now, height, &from, input, actions);
            if let Some(state) = self.height_mut(height) {
                state.advance(now, actions);
            }
            return;
        }
        let nonce = self.silence.as_ref().map(|silence| silence.nonce);
        let Some(state) = self.height_mut(message.height) else {
            return;
        };
        let mut message = message;
        if let Payload::RecoveryMessage(recovery) = &mut message.payload
            && Some(recovery.nonce) != nonce
        {
            let Some(sifted) = state.sift(recovery) else {
                return;
            };
            *recovery = Arc::new(sifted);
        }
        if state.wants(&message) {
            let context = Arc::clone(&state.context);
            actions
                .verify
                .push(VerifyJob::message(&context, from, message));
        }
    }

    /// Rules 6 and 7: who votes below what is known here gets the certificate that proves it.
    pub(super) fn answer_laggard(
        &mut self,
        now: Now,
        from: &PublicKey,
        message: &Message,
        actions: &mut V3Actions,
    ) {
        if self.is_relayed(from, message) {
            // An answer would go to the relaying validator, which needs none.
            return;
        }
        let stored = self.stored;
        let kind = message.kind();
        let recovery = matches!(
            kind,
            MessageKind::RecoveryRequest | MessageKind::RecoveryMessage
        );
        let Some(state) = self.height_mut(message.height) else {
            return;
        };
        if recovery || kind == MessageKind::Commit {
            return;
        }
        if let Some(decision) = state.decision.clone() {
            if kind != MessageKind::ChangeView || mutated!(state, SilentWhenDecided) {
                // Its own PreCommit quorum is probably on the way: look again at the next resending.
                let index = state.info.validators.index_of(from);
                if let Some(index) = index {
                    state.owed.entry(index).or_insert(now.monotonic);
                }
                return;
            }
            let answer = state.decided_answer(&decision, stored);
            return self.answer(now, from, message.height, answer, actions);
        }
        // A ChangeView leaves the view before the one it asks for.
        let busy_in = if kind == MessageKind::ChangeView {
            View(message.view.0.saturating_sub(1))
        } else {
            message.view
        };
        if let Some(answer) = state.answer_to_lower_view(busy_in, stored)
            && !mutated!(state, SilentToLowerViews)
        {
            self.answer(now, from, message.height, answer, actions);
        }
    }

    pub(super) fn answer(
        &mut self,
        now: Now,
        to: &PublicKey,
        height: Height,
        answer: RecoveryMessage,
        actions: &mut V3Actions,
    ) {
        if self.may_answer(to, now)
            && let Some(state) = self.height_mut(height)
        {
            state.forward(Recipient::One(to.clone()), answer, actions);
        }
    }

    pub(super) fn verified(&mut self, now: Now, outcome: Outcome, actions: &mut V3Actions) {
        let height = outcome.height;
        for input in outcome.accepted {
            self.take(now, height, &outcome.from, input.into_inner(), actions);
        }
        // Before anything is voted on what was learned.
        if self
            .height_mut(height)
            .is_some_and(|state| state.voice_in_doubt)
        {
            self.lose_voice(now, actions);
        }
        if let Some(state) = self.height_mut(height) {
            state.advance(now, actions);
        }
    }

    pub(super) fn take(
        &mut self,
        now: Now,
        height: Height,
        from: &PublicKey,
        input: Input,
        actions: &mut V3Actions,
    ) {
        let (stored, vouches) = (self.stored, self.vouches());
        let Some(state) = self.height_mut(height) else {
            return;
        };
        match input {
            Input::Message(message) if !state.concerns(&message) => {}
            Input::Message(message) => {
                if state.own == Some(message.sender)
                    && !state.safety.covers(message.kind(), message.view)
                {
                    // An own vote that the log does not know: it is an old copy.
                    return self.lose_voice(now, actions);
                }
                match &message.payload {
                    Payload::RecoveryRequest(request) => {
                        let view = message.view;
                        // By its signature, whoever brought it.
                        let asker = state.info.validators.key(message.sender);
                        let asker = asker.filter(|_| !mutated!(state, AnswersBearer));
                        let asker = asker.unwrap_or(from).clone();
                        let answer = state.recovery_answer(view, request, stored, vouches);
                        let lacks = state.lacks_what_is_held(view, request);
                        if let Some(answer) = answer {
                            self.answer(now, &asker, height, answer, actions);
                        }
                        if lacks {
                            self.ask_back(now, &asker, height, actions);
                        }
                    }
                    Payload::Proposal(_) => state.take_proposal(now, message, actions),
                    _ => state.take_vote(message, actions),
                }
            }
            Input::MalformedProposal {
                view,
                sender,
                problem,
                proof,
            } => {
                // Parts of a justification are unsigned, and whoever relays it can spoil them: the leader
                // answers for what it signed, or what came from itself.
                let direct = state.info.validators.key(sender) == Some(from);
                if direct || proof.is_some() {
                    state.take_malformed_proposal(view, sender, problem, actions);
                }
                if let Some(evidence) = proof {
                    state.convict(*evidence, actions);
                }
            }
            Input::ViewChange(certificate) => state.take_view_change(now, certificate, actions),
            Input::Prepared(certificate) => state.take_prepared(now, certificate, actions),
            Input::Decision(decision) => state.take_decision(now, decision, actions),
            Input::Report {
                validator,
                nonce,
                stored,
            } => {
                if let Some(key) = state.info.validators.key(validator).cloned() {
                    self.take_report(height, key, nonce, stored, actions);
                }
            }
        }
    }

    /// Who asks shows what it has: asks for that.
    fn ask_back(&mut self, now: Now, key: &PublicKey, height: Height, actions: &mut V3Actions) {
        let Some(peer) = self.peer(key) else { return };
        if peer
            .asked
            .is_some_and(|at| now.monotonic < at.saturating_add(ANSWER_INTERVAL))
        {
            return;
        }
        peer.asked = Some(now.monotonic);
        let draft = self
            .height_mut(height)
            .and_then(|state| state.recovery_request(0));
        if let Some(draft) = draft {
            actions.send.push((Recipient::One(key.clone()), draft));
        }
    }
}
