//! Timers, connections, and what is repeated because messages get lost.

use std::collections::BTreeMap;
use std::time::Duration;

use neo_primitives::{Height, PublicKey, ValidatorIndex};

use super::{ANSWER_INTERVAL, MAX_PEERS, Peer, V3Actions, V3Engine};
use crate::engine::{Connectivity, Fetched, Now, Recipient, TimerId, TimerKind};
use crate::v3::context::MessageKind;
use crate::validators::{ValidatorSet, View};

impl V3Engine {
    pub(super) fn peer(&mut self, key: &PublicKey) -> Option<&mut Peer> {
        if !self.peers.contains_key(key) && self.peers.len() >= MAX_PEERS {
            return None;
        }
        Some(self.peers.entry(key.clone()).or_default())
    }

    /// Whether an answer to this peer is due; takes the turn.
    pub(super) fn may_answer(&mut self, key: &PublicKey, now: Now) -> bool {
        let Some(peer) = self.peer(key) else {
            return false;
        };
        let due = peer
            .answered
            .is_none_or(|at| now.monotonic >= at.saturating_add(ANSWER_INTERVAL));
        if due {
            peer.answered = Some(now.monotonic);
        }
        due
    }

    pub(super) fn timer(&mut self, now: Now, id: TimerId, actions: &mut V3Actions) {
        let Some(state) = self.height_mut(id.height) else {
            return;
        };
        state.timer(now, id.kind, actions);
        if id.kind == TimerKind::Resend {
            self.recover(now, id.height, actions);
            self.pay_owed(now, id.height, actions);
            self.ask_for_reports(now, id.height, actions);
        }
    }

    /// Asks all others for what is missing after some time without progress.
    /// Whether it did.
    pub(super) fn ask_when_stalled(
        &mut self,
        now: Now,
        height: Height,
        actions: &mut V3Actions,
    ) -> bool {
        let Some(state) = self.height_mut(height) else {
            return false;
        };
        let since = |moment: Duration| now.monotonic.saturating_sub(moment);
        let patience = state.stall_after();
        let stalled = since(state.last_progress) >= patience && state.misses_something();
        let ahead = state
            .others_ahead
            .as_ref()
            .filter(|(at, _)| state.decision.is_none() && since(*at) >= state.resend_after());
        let asked_lately = state.last_request.is_some_and(|at| since(at) < patience);
        if !(stalled || ahead.is_some()) || asked_lately {
            return false;
        }
        let ahead = ahead.map(|(_, who)| who.clone());
        state.others_ahead = None;
        state.last_request = Some(now.monotonic);
        match (state.recovery_request(0), ahead) {
            (Some(draft), _) => actions.send.push((Recipient::All, draft)),
            // Not a validator of this height, so nobody would know whom to answer: fetch the block.
            (None, Some(who)) => self.fetch_blocks(now, &who, actions),
            (None, None) => {}
        }
        true
    }

    /// Rule 6: the decision for those that voted here after it was known and have not committed since.
    pub(super) fn pay_owed(&mut self, now: Now, height: Height, actions: &mut V3Actions) {
        let stored = self.stored;
        let Some(state) = self.height_mut(height) else {
            return;
        };
        let Some(decision) = state.decision.clone() else {
            return;
        };
        let committed = state.votes.voters(MessageKind::Commit, View::ZERO);
        state.owed.retain(|index, _| !committed.contains(*index));
        let patience = state.resend_after();
        let mut due = Vec::new();
        state.owed.retain(|index, since| {
            let wait = now.monotonic < since.saturating_add(patience);
            if !wait {
                due.push(*index);
            }
            wait
        });
        let key = |index: ValidatorIndex| state.info.validators.key(index).cloned();
        let keys: Vec<_> = due.into_iter().filter_map(key).collect();
        let answer = state.decided_answer(&decision, stored);
        for key in keys {
            self.answer(now, &key, height, answer.clone(), actions);
        }
    }

    /// The longest round trip to a connected validator.
    pub(super) fn round_trip(&self) -> Duration {
        let up = self.peers.values().filter(|peer| peer.up);
        up.map(|peer| peer.round_trip)
            .max()
            .unwrap_or(Duration::ZERO)
    }

    /// Round trips to the connected ones of these validators.
    pub(super) fn round_trips(&self, set: &ValidatorSet) -> BTreeMap<ValidatorIndex, Duration> {
        let up = self.peers.iter().filter(|(_, peer)| peer.up);
        up.filter_map(|(key, peer)| Some((set.index_of(key)?, peer.round_trip)))
            .collect()
    }

    pub(super) fn connectivity(
        &mut self,
        now: Now,
        key: &PublicKey,
        state: Connectivity,
        actions: &mut V3Actions,
    ) {
        let Some(peer) = self.peer(key) else { return };
        let was_up = peer.up;
        peer.quiet = state == Connectivity::Quiet;
        match state {
            Connectivity::Up { round_trip } => {
                peer.up = true;
                peer.was_up = true;
                peer.round_trip = round_trip.min(Duration::from_secs(1));
            }
            Connectivity::Down => peer.up = false,
            // Silence says something of a connection that stands.
            Connectivity::Quiet => {}
        }
        let is_up = peer.up;
        let own = peer.round_trip;
        let longest = self.round_trip();
        for height in &mut self.open {
            height.set_round_trip(longest);
            if is_up {
                height.note_round_trip(key, own);
            }
        }
        if is_up && !was_up {
            // What was sent before the connection is lost to both ends: ask for it.
            for height in &self.open {
                if let Some(draft) = height.recovery_request(0) {
                    actions.send.push((Recipient::One(key.clone()), draft));
                }
            }
        }
        self.heed_presence(now, actions);
    }

    pub(super) fn fetched(&mut self, now: Now, fetched: Fetched, actions: &mut V3Actions) {
        let hash = match &fetched {
            Fetched::Transactions { hash, .. }
            | Fetched::Hashes { hash, .. }
            | Fetched::Nothing { hash } => *hash,
            Fetched::Body(body) => body.hash(),
        };
        self.coming_fetched(&hash, &fetched);
        self.on_block(now, &hash, actions, |state, _| {
            state.take_fetched(fetched.clone())
        });
    }
}
