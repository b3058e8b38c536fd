//! Opening and retiring heights with the ledger (protocol section 10).

use std::time::Duration;

use neo_primitives::{Header, Height, UInt256};

use super::{MAX_OPEN, V3Actions, V3Engine};
use crate::engine::{HeightInfo, LedgerAction, LedgerEvent, Notice, Now, Recipient};
use crate::v3::certificate::Decision;
use crate::v3::height::{HeightState, Opening, Tempo};
use crate::validators::View;

impl V3Engine {
    pub(super) fn ledger(&mut self, now: Now, event: LedgerEvent, actions: &mut V3Actions) {
        match event {
            LedgerEvent::Opened(info) => self.opened(now, info, actions),
            LedgerEvent::Built(body) => {
                let height = body.header.index;
                self.keep_ahead(&body);
                self.on_height(now, height, actions, |state, _| {
                    state.take_candidate(now, body)
                });
            }
            LedgerEvent::Found { hash, transactions } => {
                if let Some(blocks) = self.coming_blocks(&hash) {
                    blocks.found(&hash, transactions.clone());
                }
                let mut transactions = Some(transactions);
                self.on_block(now, &hash, actions, |state, _| {
                    if let Some(transactions) = transactions.take() {
                        state.blocks.found(&hash, transactions);
                    }
                });
            }
            LedgerEvent::Checked { hash, result } => {
                self.coming_checked(&hash, result.is_ok());
                self.on_block(now, &hash, actions, |state, actions| {
                    state.take_check(&hash, result.clone(), actions);
                });
            }
            LedgerEvent::Promoted { .. } => {}
            LedgerEvent::Pool { transactions: 0 } => {}
            LedgerEvent::Pool { .. } => self.pool_filled(now, actions),
            LedgerEvent::Stored { height, hash } => self.stored(now, height, hash, actions),
        }
    }

    /// Transactions wait in a pool that was empty: a leader that waits for one proposes.
    fn pool_filled(&mut self, now: Now, actions: &mut V3Actions) {
        self.pool_filled = true;
        for state in &mut self.open {
            state.pool_filled(now, actions);
            state.advance(now, actions);
        }
    }

    pub(super) fn on_height(
        &mut self,
        now: Now,
        height: Height,
        actions: &mut V3Actions,
        change: impl FnOnce(&mut HeightState, &mut V3Actions),
    ) {
        if let Some(state) = self.height_mut(height) {
            change(state, actions);
            state.advance(now, actions);
        }
    }

    pub(super) fn on_block(
        &mut self,
        now: Now,
        hash: &UInt256,
        actions: &mut V3Actions,
        mut change: impl FnMut(&mut HeightState, &mut V3Actions),
    ) {
        for state in &mut self.open {
            if state.blocks.get(hash).is_some() {
                change(state, actions);
                state.advance(now, actions);
            }
        }
    }

    pub(super) fn opened(&mut self, now: Now, info: HeightInfo, actions: &mut V3Actions) {
        self.opening = None;
        let expected = match self.open.back() {
            None => Some(self.tip),
            Some(state) => state.decision.as_ref().map(Decision::hash),
        };
        let follows = info.height == self.top().next() && Some(info.parent_hash) == expected;
        if !follows || self.open.len() >= MAX_OPEN {
            return;
        }
        let height = info.height;
        if self.terms.opened(height, &info.validators) {
            self.reports_are_void(actions);
        }
        let own = self
            .settings
            .own
            .as_ref()
            .and_then(|key| info.validators.index_of(key));
        let parent_decision = match self.open.back() {
            Some(state) => state.decision.clone(),
            None => self
                .last_decision
                .clone()
                .filter(|(decided, _)| decided.next() == height)
                .map(|(_, decision)| decision),
        };
        let previous_start = match self.open.back() {
            Some(state) => state.started,
            None => self.last_start,
        };
        let previous_start =
            previous_start.unwrap_or_else(|| estimated_start(now, &info.parent, info.block_time));
        let filled = info.pool > 0 || self.pool_filled;
        let round_trips = self.round_trips(&info.validators);
        let leader = info.leaders.order().leader(View::ZERO);
        let tempo = Tempo {
            timer: self.timer,
            lead: self.performance.build_lead(),
            previous_start,
            filled,
            max_transactions: self.max_transactions(info.limits.max_transactions),
            // A leader that gives up takes everybody with it: it waits for those far from it.
            leader_round_trip: match own == Some(leader) {
                true => self.round_trip(),
                false => round_trips.get(&leader).copied().unwrap_or_default(),
            },
        };
        let ahead = self
            .ahead
            .take()
            .filter(|ahead| ahead.parent == info.parent_hash);
        let coming = self.take_coming(&info.parent_hash);
        let opening = Opening {
            info,
            own,
            silent: self.is_silent_at(height),
            tempo,
            parent_decision,
            timers: self.settings.timers,
            #[cfg(feature = "mutation")]
            mutation: self.settings.mutation,
        };
        let mut state = HeightState::open(now, opening, actions);
        if let Some(blocks) = coming {
            state.blocks = blocks;
        }
        if let Some(ahead) = ahead {
            state.expect_candidate(now, ahead.candidate);
        }
        state.set_round_trip(self.round_trip());
        state.set_round_trips(round_trips);
        state.set_stored_height(self.stored);
        state.set_absent(self.absent(now, &state.info.validators));
        let restored: Vec<_> = self
            .records
            .iter()
            .filter(|r| r.height() == Some(height))
            .cloned()
            .collect();
        self.records
            .retain(|record| record.height() != Some(height));
        state.begin(now, restored, actions);
        // What was sent while this node was down is lost to it.
        if std::mem::take(&mut self.fresh_start)
            && self.peers.values().any(|peer| peer.up)
            && let Some(draft) = state.recovery_request(0)
        {
            actions.send.push((Recipient::All, draft));
        }
        self.open.push_back(state);
        self.release(now, height, actions);
    }

    /// Messages that came before their height was open.
    pub(super) fn release(&mut self, now: Now, height: Height, actions: &mut V3Actions) {
        let mut released = Vec::new();
        self.buffered.retain(|(at, from, _), message| {
            if *at == height {
                released.push((from.clone(), message.clone()));
            }
            *at > height
        });
        // A proposal before the votes on it.
        released.sort_by_key(|(_, message)| message.kind());
        for (from, message) in released {
            self.receive_open(now, from, message, actions);
        }
        let coming: Vec<_> = self
            .buffered
            .iter()
            .map(|((_, from, _), message)| (from.clone(), message.clone()))
            .collect();
        for (from, message) in coming {
            self.heed_coming(now, &from, &message, actions);
        }
    }

    pub(super) fn stored(
        &mut self,
        now: Now,
        height: Height,
        hash: UInt256,
        actions: &mut V3Actions,
    ) {
        if height <= self.stored {
            return;
        }
        self.stored = height;
        self.tip = hash;
        self.last_start = None;
        while let Some(mut state) = self.open.pop_front() {
            if state.height() > height {
                self.open.push_front(state);
                break;
            }
            state.stored(now, actions);
            self.measure(now, &state, actions);
            self.last_start = state.started;
            self.last_decision = state.decision.take().map(|decision| (height, decision));
        }
        for state in &mut self.open {
            state.set_stored_height(height);
        }
        // What was opened on a parent that synchronisation skipped over is void.
        if self
            .open
            .front()
            .is_some_and(|state| state.height() != height.next())
        {
            self.open.clear();
        }
        if self.open.is_empty() {
            // Whatever was asked of the ledger, the stored block is the parent now.
            self.opening = None;
        }
        self.records
            .retain(|record| record.height().is_some_and(|at| at > height));
        self.buffered.retain(|(at, _, _), _| *at > height);
        self.forget_coming(height);
        actions.notices.push(Notice::Stored { height, hash });
        self.end_silence(actions);
    }

    /// Stores what is complete, in the order of heights, and opens the next height.
    pub(super) fn settle(&mut self, now: Now, actions: &mut V3Actions) {
        if let Some(state) = self.open.front_mut() {
            state.try_store(now, actions);
        }
        self.learn(actions);
        self.build_ahead(now, actions);
        self.check_coming(now, actions);
        self.watch_leaders(actions);
        if self.opening.is_some() {
            return;
        }
        let parent = match self.open.back() {
            None => Some(self.tip),
            Some(state) if self.settings.executes_ahead && self.open.len() < MAX_OPEN => state
                .decision
                .as_ref()
                .map(Decision::hash)
                .filter(|_| state.is_promoted()),
            Some(_) => None,
        };
        if let Some(parent) = parent {
            self.opening = Some(parent);
            self.pool_filled = false;
            actions.ledger.push(LedgerAction::Open { parent });
        }
    }
}

/// When the block before was proposed, for a node that did not see that: its timestamp says so, as far
/// as the clocks agree. What a wrong clock can do is to shift one block by up to `block_time`. The
/// genesis block was proposed by nobody.
fn estimated_start(now: Now, parent: &Header, block_time: Duration) -> Duration {
    if parent.index == Height(0) {
        return now.monotonic;
    }
    let age = Duration::from_millis(now.wall_ms.saturating_sub(parent.timestamp));
    now.monotonic.saturating_sub(age.min(block_time))
}
