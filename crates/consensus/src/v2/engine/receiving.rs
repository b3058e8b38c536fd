//! Messages, timers and what was fetched.

use neo_primitives::{Height, PublicKey};

use super::{BUFFERED_HEIGHTS, V2Actions, V2Engine};
use crate::engine::{Fetch, Fetched, Now, TimerId, TimerKind};
use crate::v2::message::Message;
use crate::v2::verify::{Input, Outcome, VerifyJob};

impl V2Engine {
    /// Has a message checked if it can matter.
    pub(super) fn receive(&mut self, from: PublicKey, message: Message, actions: &mut V2Actions) {
        let at = message.height();
        if at <= self.stored {
            return;
        }
        let open = self.open.as_ref().filter(|open| open.height() == at);
        let job = match (open, &self.context) {
            (Some(open), _) if open.sent => return,
            (Some(open), _) => VerifyJob::message(&open.context, from, message, open.known()),
            (None, Some(context)) => VerifyJob::ahead(context, from, message),
            (None, None) => return,
        };
        actions.verify.push(job);
    }

    pub(super) fn verified(&mut self, now: Now, outcome: Outcome, actions: &mut V2Actions) {
        let Outcome {
            height,
            from,
            accepted,
            ..
        } = outcome;
        for input in accepted {
            match input.into_inner() {
                Input::Ahead(message) => self.take_ahead(now, from.clone(), message, actions),
                input => {
                    if let Some(open) = self.open_at(height) {
                        open.take(now, input, actions);
                    }
                }
            }
        }
    }

    /// A message of a later height: its sender has stored what this node is still busy with.
    fn take_ahead(&mut self, now: Now, from: PublicKey, message: Message, actions: &mut V2Actions) {
        let at = message.height();
        if self.open.as_ref().is_some_and(|open| open.height() == at) {
            return self.receive(from, message, actions);
        }
        if at <= self.stored {
            return;
        }
        let key = message.claimed_key();
        if at.0.saturating_sub(self.stored.0) <= BUFFERED_HEIGHTS + 1 {
            let place = (at, message.kind(), message.validator());
            self.buffered.insert(place, message);
        }
        if let (Some(open), Some(key)) = (&self.open, key)
            && at > open.height()
        {
            if self.ahead.is_none() {
                open.look_again(now, actions);
            }
            self.ahead = Some((at, key));
        }
    }

    /// Messages that came before their height was open: a proposal before what names it.
    pub(super) fn release(&mut self, height: Height, actions: &mut V2Actions) {
        let mut released = Vec::new();
        self.buffered.retain(|(at, _, _), message| {
            if *at == height {
                released.push(message.clone());
            }
            *at > height
        });
        for message in released {
            if let Some(key) = message.claimed_key() {
                self.receive(key, message, actions);
            }
        }
    }

    pub(super) fn timer(&mut self, now: Now, id: TimerId, actions: &mut V2Actions) {
        let ahead = self.ahead.take();
        let Some(open) = self.open.as_mut().filter(|open| open.height() == id.height) else {
            self.ahead = ahead;
            return;
        };
        match id.kind {
            TimerKind::View => {
                self.ahead = ahead;
                open.timer(now, actions);
            }
            TimerKind::Resend => {
                let height = open.height();
                if let Some((at, from)) = ahead.filter(|(at, _)| *at > height) {
                    let start = height;
                    actions.fetch.push(Fetch::Blocks {
                        start,
                        from: from.clone(),
                    });
                    self.ahead = Some((at, from));
                    open.look_again(now, actions);
                } else {
                    open.look_again_if_missing(now, actions);
                }
                open.fetch_missing(actions);
            }
            TimerKind::Propose => self.ahead = ahead,
        }
    }

    pub(super) fn fetched(&mut self, now: Now, fetched: Fetched, actions: &mut V2Actions) {
        let Some(open) = &mut self.open else { return };
        match fetched {
            Fetched::Transactions { hash, transactions } => {
                let positions = transactions.into_iter();
                let placed = positions.filter_map(|(position, transaction)| {
                    Some((usize::try_from(position).ok()?, transaction))
                });
                open.take_transactions(&hash, placed, actions);
                open.advance(now, actions);
            }
            Fetched::Body(body) => {
                let hash = body.hash();
                let all = body.transactions.iter().cloned().enumerate();
                open.take_transactions(&hash, all, actions);
                open.advance(now, actions);
            }
            // The next look comes with the timer.
            Fetched::Nothing { .. } | Fetched::Hashes { .. } => {}
        }
    }
}
