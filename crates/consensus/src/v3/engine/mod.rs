//! The engine of dBFT 3.0: the open heights, what is buffered for later ones, and answers to those
//! that lag behind (protocol sections 5, 9 and 10).

mod adapting;
mod ahead;
mod coming;
mod emergency;
mod fingerprint;
mod heights;
mod peers;
mod receiving;
mod silence;
mod terms;
mod watching;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use neo_primitives::{BlockBody, Height, PublicKey, UInt256, ValidatorIndex};

use crate::engine::{
    self, Actions, Ballots, Engine, Event, HeightStatus, Notice, Now, Protocol, Signer, Status,
    VotesSeen,
};
use crate::performance::Performance;
use crate::tuning::Bounds;
use crate::v3::certificate::Decision;
use crate::v3::context::MessageKind;
use crate::v3::evidence::Evidence;
use crate::v3::height::HeightState;
use crate::v3::leader::{LeaderState, Standing};
use crate::v3::message::{Draft, Message, Payload};
use crate::v3::record::Record;
use crate::v3::timing::{AdaptiveTimer, TimerSettings};
use crate::v3::verify::{Outcome, OwnMessage, VerifyJob};
use crate::validators::View;

use adapting::BlockSize;
use ahead::Ahead;
pub(in crate::v3) use ahead::BuildOrder;
use coming::Coming;
use terms::Terms;

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
/// Blocks above the reported height that end the silence (rule 8). With two open heights a vote at
/// height x follows a decision at x−1 by validators of which f+1 honest ones have stored x−3 at least,
/// and one of them reports: three blocks above what it says cover x.
const SILENT_BLOCKS: u32 = 3;
/// Messages kept for heights that are not open yet: of two heights, of one kind each, of 255 validators.
const MAX_BUFFERED: usize = 2 * 7 * 255;
/// Fewer transactions than this are in no block because of tuning.
const LEAST_TRANSACTIONS: u64 = 16;
/// Peers whose rates are remembered; validators of two sets fit.
const MAX_PEERS: usize = 512;

pub use crate::engine::VoteLogState;

type V3Actions = Actions<V3Engine>;

/// What a restart brings back.
pub type Restored = engine::Restored<Record>;

/// Settings of the engine.
#[derive(Clone, Debug)]
pub struct EngineSettings {
    /// Key of this validator; none for an observer.
    pub own: Option<PublicKey>,
    /// Whether the ledger can execute a block before its parent is stored.
    pub executes_ahead: bool,
    /// Timers.
    pub timers: TimerSettings,
    /// Least and most transactions that tuning puts into an own block; the network's limit holds too.
    pub transactions: Bounds,
    /// The rule that this engine breaks.
    #[cfg(feature = "mutation")]
    pub mutation: Option<crate::v3::mutation::Mutation>,
}

impl EngineSettings {
    /// Settings of a node with this key, or of an observer.
    #[must_use]
    pub fn new(own: Option<PublicKey>, executes_ahead: bool, timers: TimerSettings) -> Self {
        Self {
            own,
            executes_ahead,
            timers,
            transactions: Bounds {
                least: LEAST_TRANSACTIONS,
                most: u64::from(u32::MAX),
            },
            #[cfg(feature = "mutation")]
            mutation: None,
        }
    }
}

#[derive(Clone, Debug, Default)]
struct Peer {
    answered: Option<Duration>,
    asked: Option<Duration>,
    synced: Option<Duration>,
    round_trip: Duration,
    up: bool,
    /// Its connection stands, and nothing comes over it.
    quiet: bool,
    was_up: bool,
    /// Kinds of messages it sent for the last stored height it is still busy with.
    stale: Option<(Height, Vec<MessageKind>)>,
}

/// Silence after a lost vote log.
#[derive(Clone, Debug, Default, Hash)]
struct Silence {
    nonce: u64,
    asked: Option<Duration>,
    reports: BTreeMap<PublicKey, Height>,
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
    terms: Terms,
    /// A block for the height that opens next.
    ahead: Option<Ahead>,
    /// The block of the next height, which is checked before that is open.
    coming: Option<Coming>,
    /// No height was opened since the start.
    fresh_start: bool,
    records: Vec<Record>,
    silence: Option<Silence>,
    /// First height voted on: those below were opened in a silence, or the log forgot them (rule 8).
    votes_from: Height,
    /// Greatest height that the vote log said anything about at the start. A store that was put back lies below it.
    reach: Height,
    buffered: BTreeMap<(Height, PublicKey, MessageKind), Message>,
    peers: BTreeMap<PublicKey, Peer>,
    /// When the last retired height saw its first valid proposal.
    last_start: Option<Duration>,
    last_decision: Option<(Height, Decision)>,
    /// How long views may take, over all heights.
    timer: AdaptiveTimer,
    performance: Performance,
    /// Transactions of the own blocks; none before the first height says what the network allows.
    block_size: Option<BlockSize>,
    /// Transactions came to an empty pool since the ledger was asked for the next height.
    pool_filled: bool,
    /// When the node started.
    began: Option<Duration>,
    watched: Vec<PublicKey>,
    /// When everything was repeated last, and of which height partial recovery was reported.
    emergency: Option<Duration>,
    /// The base of the timers that was told last.
    reported_base: Duration,
    recovering: Option<Height>,
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

impl Ballots for V3Engine {
    fn sign(draft: Draft, signer: &dyn Signer) -> OwnMessage {
        OwnMessage::sign(draft, signer)
    }

    fn message(own: &OwnMessage) -> &Message {
        own.message()
    }

    fn binds(message: &Message) -> bool {
        match message.payload {
            Payload::Proposal(_)
            | Payload::Prepare { .. }
            | Payload::PreCommit { .. }
            | Payload::Commit { .. }
            | Payload::ChangeView(_) => true,
            Payload::Suspect | Payload::RecoveryRequest(_) | Payload::RecoveryMessage(_) => false,
        }
    }

    fn counts(message: &Message) -> bool {
        Self::binds(message) || message.payload == Payload::Suspect
    }

    fn record(message: Message) -> Record {
        Record::Own(message)
    }
}

impl V3Engine {
    /// An engine that continues where the stored tip and the vote log left off.
    #[must_use]
    pub fn new(settings: EngineSettings, restored: Restored) -> Self {
        let mut silent = false;
        let mut votes_from = Height(0);
        for record in &restored.records {
            match record {
                Record::Silenced => silent = true,
                Record::Resumed { from } => {
                    silent = false;
                    votes_from = *from;
                }
                // Where the store was put back, heights open again of which the log knows nothing any more.
                Record::Forgotten { through } => votes_from = votes_from.max(through.next()),
                _ => {}
            }
        }
        let reach = restored.records.iter().filter_map(Record::reach).max();
        // What is lost now is no matter of what an earlier run went through.
        silent |= restored.log == VoteLogState::Lost;
        let stored = restored.stored;
        let mut records = restored.records;
        records.retain(|record| record.height().is_some_and(|height| height > stored));
        if mutated!(settings, RestoresNothing) {
            records.clear();
        }
        silent &= !mutated!(settings, NeverSilent);
        let timer = AdaptiveTimer::new(&settings.timers);
        #[cfg(feature = "mutation")]
        let timer = timer.breaking(settings.mutation);
        Self {
            settings,
            stored,
            tip: restored.tip,
            open: VecDeque::new(),
            opening: None,
            terms: Terms::default(),
            ahead: None,
            coming: None,
            fresh_start: true,
            records,
            silence: silent.then(Silence::default),
            votes_from,
            reach: reach.unwrap_or_default(),
            buffered: BTreeMap::new(),
            peers: BTreeMap::new(),
            last_start: None,
            last_decision: None,
            timer,
            performance: Performance::default(),
            block_size: None,
            pool_filled: false,
            began: None,
            watched: Vec::new(),
            emergency: None,
            reported_base: timer.base_timeout(),
            recovering: None,
        }
    }

    fn height_mut(&mut self, height: Height) -> Option<&mut HeightState> {
        self.open.iter_mut().find(|state| state.height() == height)
    }

    fn top(&self) -> Height {
        self.open.back().map_or(self.stored, HeightState::height)
    }

    fn start(&mut self, now: Now, actions: &mut V3Actions) {
        self.began = Some(now.monotonic);
        if let Some(silence) = &mut self.silence {
            silence.nonce = now.entropy | 1;
            actions.persist.push(Record::Silenced);
            actions.notices.push(Notice::Silent { until: None });
        }
        self.settle(now, actions);
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
        #[cfg(feature = "mutation")]
        crate::v3::mutation::bend(self.settings.mutation, &mut actions);
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
            base_timeout: self.timer.base_timeout(),
            max_transactions: self.open.back().map_or(0, |state| {
                self.max_transactions(state.info.limits.max_transactions)
            }),
            performance: self.performance.metrics(),
        }
    }

    fn footprint(&self) -> usize {
        let open: usize = self.open.iter().map(HeightState::footprint).sum();
        let measured = self.performance.len() + self.watched.len() + self.coming_len();
        open + self.buffered.len() + self.peers.len() + self.records.len() + measured
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
        order: standings(&state.info.leaders),
        own_index: state.own,
        block: state.decision.as_ref().map(Decision::hash).or(proposed),
        votes: votes.collect(),
    }
}

fn standings(leaders: &LeaderState) -> Vec<(ValidatorIndex, Standing)> {
    let one = |index: ValidatorIndex| {
        let standing = leaders.standings().get(usize::from(index.0))?;
        Some((index, *standing))
    };
    leaders.order().iter().filter_map(one).collect()
}
