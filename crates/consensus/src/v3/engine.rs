//! The engine of dBFT 3.0: the open heights, what is buffered for later ones, and answers to those
//! that lag behind (protocol sections 5, 9 and 10).

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use neo_primitives::{BlockBody, Height, PublicKey, UInt256, ValidatorIndex};

use super::certificate::Decision;
use super::context::MessageKind;
use super::evidence::Evidence;
use super::height::{HeightState, Opening};
use super::message::{Draft, Message, Payload};
use super::record::Record;
use super::recovery::stored_answer;
use super::timing::TimerSettings;
use super::verify::{Input, Outcome, OwnMessage, VerifyJob};
use crate::engine::{
    Actions, Connectivity, Engine, Event, Fetch, Fetched, HeightInfo, HeightStatus, LedgerAction,
    LedgerEvent, Notice, Now, Protocol, Recipient, Status, TimerId, TimerKind, VotesSeen,
};
use crate::validators::View;

/// Heights open at once: one decided and on its way to storage, one voted on.
const MAX_OPEN: usize = 2;
/// Heights above the open ones whose votes are buffered.
const BUFFERED_HEIGHTS: u32 = 2;
/// Answers to one peer are at least this far apart.
const ANSWER_INTERVAL: Duration = Duration::from_millis(50);
/// Requests for blocks to one peer are at least this far apart.
const SYNC_INTERVAL: Duration = Duration::from_millis(100);
/// How often a silent validator asks for the heights of the others.
const NONCE_INTERVAL: Duration = Duration::from_secs(1);
/// Blocks above the reported height that end the silence (rule 8).
const SILENT_BLOCKS: u32 = 2;
/// Peers whose rates are remembered; validators of two sets fit.
const MAX_PEERS: usize = 512;

type V3Actions = Actions<V3Engine>;

/// What the vote log holds of the past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VoteLogState {
    /// All of it.
    Intact,
    /// It is missing, damaged, or a copy: this node must not vote yet (rule 8).
    Lost,
}

/// What a restart brings back.
#[derive(Clone, Debug)]
pub struct Restored {
    /// Height of the stored tip.
    pub stored: Height,
    /// Its hash.
    pub tip: UInt256,
    /// Records of the vote log, oldest first.
    pub records: Vec<Record>,
    /// Whether those are all.
    pub log: VoteLogState,
}

/// Settings of the engine.
#[derive(Clone, Debug)]
pub struct EngineSettings {
    /// Key of this validator; none for an observer.
    pub own: Option<PublicKey>,
    /// Whether the ledger can execute a block before its parent is stored.
    pub executes_ahead: bool,
    /// Timers.
    pub timers: TimerSettings,
}

#[derive(Clone, Debug, Default)]
struct Peer {
    answered: Option<Duration>,
    synced: Option<Duration>,
    round_trip: Duration,
    up: bool,
    /// Kinds of messages it sent for the last stored height it is still busy with.
    stale: Option<(Height, Vec<MessageKind>)>,
}

/// Silence after a lost vote log.
#[derive(Clone, Debug, Default)]
struct Silence {
    nonce: u64,
    asked: Option<Duration>,
    reports: BTreeMap<ValidatorIndex, Height>,
    until: Option<Height>,
}

/// dBFT 3.0 of one node.
#[derive(Clone, Debug)]
pub struct V3Engine {
    settings: EngineSettings,
    stored: Height,
    tip: UInt256,
    open: VecDeque<HeightState>,
    opening: Option<UInt256>,
    records: Vec<Record>,
    silence: Option<Silence>,
    buffered: BTreeMap<(Height, PublicKey, MessageKind), Message>,
    peers: BTreeMap<PublicKey, Peer>,
    /// When the last retired height saw its first valid proposal.
    last_start: Option<Duration>,
    last_decision: Option<(Height, Decision)>,
}

impl Protocol for V3Engine {
    type Message = Message;
    type Draft = Draft;
    type Own = OwnMessage;
    type Record = Record;
    type Job = VerifyJob;
    type Outcome = Outcome;
    type Evidence = Evidence;
}

impl V3Engine {
    /// An engine that continues where the stored tip and the vote log left off.
    #[must_use]
    pub fn new(settings: EngineSettings, restored: Restored) -> Self {
        let mut silent = restored.log == VoteLogState::Lost;
        for record in &restored.records {
            match record {
                Record::Silenced => silent = true,
                Record::Resumed { .. } => silent = false,
                _ => {}
            }
        }
        let stored = restored.stored;
        let mut records = restored.records;
        records.retain(|record| record.height().is_some_and(|height| height > stored));
        Self {
            settings,
            stored,
            tip: restored.tip,
            open: VecDeque::new(),
            opening: None,
            records,
            silence: silent.then(Silence::default),
            buffered: BTreeMap::new(),
            peers: BTreeMap::new(),
            last_start: None,
            last_decision: None,
        }
    }

    fn height_mut(&mut self, height: Height) -> Option<&mut HeightState> {
        self.open.iter_mut().find(|state| state.height() == height)
    }

    fn top(&self) -> Height {
        self.open.back().map_or(self.stored, HeightState::height)
    }

    fn peer(&mut self, key: &PublicKey) -> Option<&mut Peer> {
        if !self.peers.contains_key(key) && self.peers.len() >= MAX_PEERS {
            return None;
        }
        Some(self.peers.entry(key.clone()).or_default())
    }

    /// Whether an answer to this peer is due; takes the turn.
    fn may_answer(&mut self, key: &PublicKey, now: Now) -> bool {
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

    fn start(&mut self, now: Now, actions: &mut V3Actions) {
        if let Some(silence) = &mut self.silence {
            silence.nonce = now.entropy | 1;
            actions.persist.push(Record::Silenced);
            actions.notices.push(Notice::Silent { until: None });
        }
        self.settle(now, actions);
    }

    // ---- messages ---------------------------------------------------------------------------

    fn receive(&mut self, now: Now, from: PublicKey, message: Message, actions: &mut V3Actions) {
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
        self.buffer(from, message, actions);
    }

    /// A recovery message also tells what its sender has stored.
    fn hint_of_blocks(
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

    fn fetch_blocks(&mut self, now: Now, from: &PublicKey, actions: &mut V3Actions) {
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
    fn receive_stale(
        &mut self,
        now: Now,
        from: &PublicKey,
        message: &Message,
        actions: &mut V3Actions,
    ) {
        let kind = message.kind();
        if kind == MessageKind::RecoveryMessage {
            return;
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
        let stored = self.stored;
        if let Some(state) = self.open.front()
            && let Some(own) = state.own
        {
            let draft = stored_answer(&state.context, own, message, stored);
            actions.send.push((Recipient::One(from.clone()), draft));
        }
    }

    fn buffer(&mut self, from: PublicKey, message: Message, actions: &mut V3Actions) {
        let kind = message.kind();
        if kind == MessageKind::RecoveryMessage {
            return;
        }
        if let Some(below) = message.height.previous()
            && let Some(state) = self.height_mut(below)
            && state.decision.is_none()
        {
            // It carries what decided the height below, or shows that somebody knows.
            state.others_ahead = true;
            if let Payload::Proposal(proposal) = &message.payload
                && let Some(decision) = &proposal.parent
            {
                let job = VerifyJob::decision(&state.context, from.clone(), decision.clone());
                actions.verify.push(job);
            }
        }
        self.buffered.insert((message.height, from, kind), message);
    }

    fn receive_open(
        &mut self,
        now: Now,
        from: PublicKey,
        message: Message,
        actions: &mut V3Actions,
    ) {
        self.answer_laggard(now, &from, &message, actions);
        let Some(state) = self.height_mut(message.height) else {
            return;
        };
        if state.wants(&message) {
            let context = Arc::clone(&state.context);
            actions
                .verify
                .push(VerifyJob::message(&context, from, message));
        }
    }

    /// Rules 6 and 7: who votes below what is known here gets the certificate that proves it.
    fn answer_laggard(
        &mut self,
        now: Now,
        from: &PublicKey,
        message: &Message,
        actions: &mut V3Actions,
    ) {
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
            if kind != MessageKind::ChangeView {
                // Its own PreCommit quorum is probably on the way: look again at the next resending.
                let index = state.info.validators.index_of(from);
                index.into_iter().for_each(|index| state.owed.insert(index));
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
        if let Some(answer) = state.answer_to_lower_view(busy_in, stored) {
            self.answer(now, from, message.height, answer, actions);
        }
    }

    fn answer(
        &mut self,
        now: Now,
        to: &PublicKey,
        height: Height,
        answer: super::message::RecoveryMessage,
        actions: &mut V3Actions,
    ) {
        if self.may_answer(to, now)
            && let Some(state) = self.height_mut(height)
        {
            state.forward(Recipient::One(to.clone()), answer, actions);
        }
    }

    fn verified(&mut self, now: Now, outcome: Outcome, actions: &mut V3Actions) {
        let height = outcome.height;
        for input in outcome.accepted {
            self.take(now, height, &outcome.from, input.into_inner(), actions);
        }
        if let Some(state) = self.height_mut(height) {
            state.advance(now, actions);
        }
    }

    fn take(
        &mut self,
        now: Now,
        height: Height,
        from: &PublicKey,
        input: Input,
        actions: &mut V3Actions,
    ) {
        let stored = self.stored;
        let Some(state) = self.height_mut(height) else {
            return;
        };
        match input {
            Input::Message(message) => {
                if state.own == Some(message.sender) && !state.safety.covers(&message) {
                    // An own vote that the log does not know: it is an old copy.
                    return self.lose_voice(now, actions);
                }
                match &message.payload {
                    Payload::RecoveryRequest(request) => {
                        let (sender, view) = (message.sender, message.view);
                        let answer = state.recovery_answer(sender, view, request, stored);
                        if let Some(answer) = answer {
                            self.answer(now, from, height, answer, actions);
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
            } => {
                state.take_malformed_proposal(view, sender, problem, actions);
            }
            Input::ViewChange(certificate) => state.take_view_change(now, certificate, actions),
            Input::Prepared(certificate) => state.take_prepared(now, certificate, actions),
            Input::Decision(decision) => state.take_decision(now, decision, actions),
            Input::Report {
                validator,
                nonce,
                stored,
            } => {
                self.take_report(validator, nonce, stored, actions);
            }
        }
    }

    // ---- silence after a lost vote log ------------------------------------------------------

    fn lose_voice(&mut self, now: Now, actions: &mut V3Actions) {
        if self.silence.is_some() {
            return;
        }
        self.silence = Some(Silence {
            nonce: now.entropy | 1,
            ..Silence::default()
        });
        for state in &mut self.open {
            state.silence();
        }
        actions.persist.push(Record::Silenced);
        actions.notices.push(Notice::Silent { until: None });
    }

    fn take_report(
        &mut self,
        validator: ValidatorIndex,
        nonce: u64,
        stored: Height,
        actions: &mut V3Actions,
    ) {
        let Some(silence) = &mut self.silence else {
            return;
        };
        let Some(state) = self.open.front() else {
            return;
        };
        if silence.nonce != nonce || silence.until.is_some() || state.own == Some(validator) {
            return;
        }
        silence.reports.insert(validator, stored);
        if silence.reports.len() >= state.quorum() {
            let greatest = silence
                .reports
                .values()
                .max()
                .copied()
                .unwrap_or(self.stored);
            let until = Height(greatest.0.saturating_add(SILENT_BLOCKS));
            silence.until = Some(until);
            actions.notices.push(Notice::Silent { until: Some(until) });
        }
    }

    fn end_silence(&mut self, actions: &mut V3Actions) {
        let until = self.silence.as_ref().and_then(|silence| silence.until);
        if until.is_some_and(|until| self.stored >= until) {
            self.silence = None;
            // Heights that were opened in silence stay silent.
            let from = self.top().next();
            actions.persist.push(Record::Resumed { from });
            actions.notices.push(Notice::Voting { from });
        }
    }

    // ---- ledger -----------------------------------------------------------------------------

    fn ledger(&mut self, now: Now, event: LedgerEvent, actions: &mut V3Actions) {
        match event {
            LedgerEvent::Opened(info) => self.opened(now, info, actions),
            LedgerEvent::Built(body) => {
                let height = body.header.index;
                self.on_height(now, height, actions, |state, _| state.take_candidate(body));
            }
            LedgerEvent::Found { hash, transactions } => {
                let mut transactions = Some(transactions);
                self.on_block(now, &hash, actions, |state, _| {
                    if let Some(transactions) = transactions.take() {
                        state.blocks.found(&hash, transactions);
                    }
                });
            }
            LedgerEvent::Checked { hash, result } => {
                self.on_block(now, &hash, actions, |state, actions| {
                    state.take_check(&hash, result.clone(), actions);
                });
            }
            LedgerEvent::Promoted { .. } => {}
            LedgerEvent::Stored { height, hash } => self.stored(now, height, hash, actions),
        }
    }

    fn on_height(
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

    fn on_block(
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

    fn opened(&mut self, now: Now, info: HeightInfo, actions: &mut V3Actions) {
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
        let previous_start = self
            .open
            .back()
            .map_or(self.last_start, |state| {
                state.started.or(Some(state.opened_at))
            })
            .unwrap_or(now.monotonic);
        let opening = Opening {
            info,
            own,
            silent: self.silence.is_some(),
            previous_start,
            parent_decision,
            timers: self.settings.timers,
        };
        let mut state = HeightState::open(now, opening, actions);
        state.set_round_trip(self.round_trip());
        let restored: Vec<_> = self
            .records
            .iter()
            .filter(|r| r.height() == Some(height))
            .cloned()
            .collect();
        self.records
            .retain(|record| record.height() != Some(height));
        state.begin(now, restored, actions);
        self.open.push_back(state);
        self.release(now, height, actions);
    }

    /// Messages that came before their height was open.
    fn release(&mut self, now: Now, height: Height, actions: &mut V3Actions) {
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
    }

    fn stored(&mut self, now: Now, height: Height, hash: UInt256, actions: &mut V3Actions) {
        if height <= self.stored {
            return;
        }
        self.stored = height;
        self.tip = hash;
        self.last_start = Some(now.monotonic);
        while let Some(mut state) = self.open.pop_front() {
            if state.height() > height {
                self.open.push_front(state);
                break;
            }
            state.stored(now, actions);
            self.last_start = Some(state.started.unwrap_or(state.opened_at));
            self.last_decision = state.decision.take().map(|decision| (height, decision));
        }
        // What was opened on a parent that synchronisation skipped over is void.
        if self
            .open
            .front()
            .is_some_and(|state| state.height() != height.next())
        {
            self.open.clear();
        }
        // An opening that was asked for on an older tip is refused by the ledger or void.
        if self.open.is_empty() {
            self.opening = None;
        }
        self.records
            .retain(|record| record.height().is_some_and(|at| at > height));
        self.buffered.retain(|(at, _, _), _| *at > height);
        actions.notices.push(Notice::Stored { height, hash });
        self.end_silence(actions);
    }

    /// Stores what is complete, in the order of heights, and opens the next height.
    fn settle(&mut self, now: Now, actions: &mut V3Actions) {
        if let Some(state) = self.open.front_mut() {
            state.try_store(now, actions);
        }
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
            actions.ledger.push(LedgerAction::Open { parent });
        }
    }

    // ---- timers and connections -------------------------------------------------------------

    fn timer(&mut self, now: Now, id: TimerId, actions: &mut V3Actions) {
        let Some(state) = self.height_mut(id.height) else {
            return;
        };
        state.timer(now, id.kind, actions);
        if id.kind == TimerKind::Resend {
            self.ask_when_stalled(now, id.height, actions);
            self.pay_owed(now, id.height, actions);
            self.ask_for_reports(now, id.height, actions);
        }
    }

    /// Asks all others for what is missing after some time without progress.
    fn ask_when_stalled(&mut self, now: Now, height: Height, actions: &mut V3Actions) {
        let Some(state) = self.height_mut(height) else {
            return;
        };
        let patience = state.stall_after();
        let since = |moment: Duration| now.monotonic.saturating_sub(moment);
        let stalled = since(state.last_progress) >= patience;
        let asked_lately = state.last_request.is_some_and(|at| since(at) < patience);
        if !asked_lately
            && (state.others_ahead || (stalled && state.misses_something()))
            && let Some(draft) = state.recovery_request(0)
        {
            state.others_ahead = false;
            state.last_request = Some(now.monotonic);
            actions.send.push((Recipient::All, draft));
        }
    }

    /// Rule 6: the decision for those that voted here after it was known and have not committed.
    fn pay_owed(&mut self, now: Now, height: Height, actions: &mut V3Actions) {
        let stored = self.stored;
        let Some(state) = self.height_mut(height) else {
            return;
        };
        let Some(decision) = state.decision.clone() else {
            return;
        };
        let committed = state.votes.voters(MessageKind::Commit, View::ZERO);
        let owed = std::mem::take(&mut state.owed);
        let keys: Vec<_> = owed
            .iter()
            .filter(|index| !committed.contains(*index))
            .filter_map(|index| state.info.validators.key(index).cloned())
            .collect();
        let answer = state.decided_answer(&decision, stored);
        for key in keys {
            self.answer(now, &key, height, answer.clone(), actions);
        }
    }

    fn ask_for_reports(&mut self, now: Now, height: Height, actions: &mut V3Actions) {
        let front = self.open.front().map(HeightState::height) == Some(height);
        let (Some(silence), Some(state)) = (&mut self.silence, self.open.front()) else {
            return;
        };
        let due = silence
            .asked
            .is_none_or(|at| now.monotonic >= at.saturating_add(NONCE_INTERVAL));
        if front
            && due
            && silence.until.is_none()
            && let Some(draft) = state.recovery_request(silence.nonce)
        {
            silence.asked = Some(now.monotonic);
            actions.send.push((Recipient::All, draft));
        }
    }

    /// The longest round trip to a connected validator.
    fn round_trip(&self) -> Duration {
        let up = self.peers.values().filter(|peer| peer.up);
        up.map(|peer| peer.round_trip)
            .max()
            .unwrap_or(Duration::ZERO)
    }

    fn connectivity(
        &mut self,
        now: Now,
        key: &PublicKey,
        state: Connectivity,
        actions: &mut V3Actions,
    ) {
        let Some(peer) = self.peer(key) else { return };
        let was_up = peer.up;
        match state {
            Connectivity::Up { round_trip } => {
                peer.up = true;
                peer.round_trip = round_trip.min(Duration::from_secs(1));
            }
            Connectivity::Down => peer.up = false,
        }
        let is_up = peer.up;
        let round_trip = self.round_trip();
        for height in &mut self.open {
            height.set_round_trip(round_trip);
        }
        if is_up && !was_up {
            // What was sent before the connection is lost to both ends: ask for it.
            for height in &self.open {
                if let Some(draft) = height.recovery_request(0) {
                    actions.send.push((Recipient::One(key.clone()), draft));
                }
            }
        } else if was_up && !is_up {
            let voted = self
                .open
                .iter_mut()
                .find(|height| height.decision.is_none());
            if let Some(height) = voted {
                height.peer_down(key, actions);
                height.advance(now, actions);
            }
        }
    }

    fn fetched(&mut self, now: Now, fetched: Fetched, actions: &mut V3Actions) {
        let hash = match &fetched {
            Fetched::Transactions { hash, .. }
            | Fetched::Hashes { hash, .. }
            | Fetched::Nothing { hash } => *hash,
            Fetched::Body(body) => body.hash(),
        };
        self.on_block(now, &hash, actions, |state, _| {
            state.take_fetched(fetched.clone())
        });
    }
}

impl Engine for V3Engine {
    fn step(&mut self, now: Now, event: Event<Self>) -> V3Actions {
        let mut actions = Actions::default();
        match event {
            Event::Start => self.start(now, &mut actions),
            Event::Received { from, message } => self.receive(now, from, message, &mut actions),
            Event::Verified(outcome) => self.verified(now, outcome, &mut actions),
            Event::Own(own) => {
                let message = own.into_inner();
                let height = message.height;
                self.on_height(now, height, &mut actions, |state, actions| {
                    state.take_own(now, message, actions);
                });
            }
            Event::Timer(id) => self.timer(now, id, &mut actions),
            Event::Ledger(event) => self.ledger(now, event, &mut actions),
            Event::Fetched(fetched) => self.fetched(now, fetched, &mut actions),
            Event::Connectivity { peer, state } => {
                self.connectivity(now, &peer, state, &mut actions);
            }
        }
        self.settle(now, &mut actions);
        actions
    }

    fn body(&self, hash: &UInt256) -> Option<Arc<BlockBody>> {
        self.open.iter().find_map(|state| state.blocks.body(hash))
    }

    fn status(&self) -> Status {
        Status {
            stored: self.stored,
            heights: self.open.iter().map(height_status).collect(),
            voting: self.silence.is_none() && self.settings.own.is_some(),
        }
    }
}

fn height_status(state: &HeightState) -> HeightStatus {
    let view = state.view();
    let votes = state.info.validators.indexes().filter_map(|index| {
        let seen = |kind, view| state.votes.held(kind, view, index).is_some();
        let change_view = state
            .votes
            .change_views_above(View::ZERO)
            .find(|held| held.sender == index);
        Some(VotesSeen {
            validator: state.info.validators.key(index)?.clone(),
            prepare: seen(MessageKind::Prepare, view),
            pre_commit: seen(MessageKind::PreCommit, view),
            commit: seen(MessageKind::Commit, View::ZERO),
            change_view: change_view.map(|held| held.view),
        })
    });
    let proposed = state.proposal().and_then(Message::block);
    HeightStatus {
        height: state.height(),
        view,
        phase: state.phase.to_string(),
        leader: state.leader(),
        own_index: state.own,
        block: state.decision.as_ref().map(Decision::hash).or(proposed),
        votes: votes.collect(),
    }
}
