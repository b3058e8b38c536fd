//! The engine of dBFT 2.0: one open height at a time, messages that came too early, restarts.

mod heights;
mod receiving;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use neo_primitives::{BlockBody, Height, PublicKey, Transaction, UInt256, ValidatorIndex};

use super::content::Kind;
use super::height::HeightState;
use super::message::{Draft, Message, OwnMessage};
use super::record::Record;
use super::timing;
use super::verify::{Outcome, VerifyJob};
use crate::engine::{
    self, Actions, Ballots, Connectivity, Engine, Event, HeightStatus, Notice, Now, Protocol,
    Signer, Status, VoteLogState, VotesSeen,
};
use crate::v3::context::HeightContext;
use crate::validators::View;

/// Heights above the open one whose messages are kept.
const BUFFERED_HEIGHTS: u32 = 2;
/// After a lost vote log nothing is voted before a block is this many T younger than the start. No honest
/// validator prepares a block whose timestamp is further ahead of its clock, so that block was made after the
/// start, and every vote of before belongs to it or to one below.
const SILENT_TIMES: u32 = 8;

/// What [`V2Engine::step`] gives.
pub(in crate::v2) type V2Actions = Actions<V2Engine>;

/// What a restart brings back.
pub type Restored = engine::Restored<Record>;

/// Settings of the engine.
#[derive(Clone, Debug, Default)]
pub struct EngineSettings {
    /// Key of this validator; none for one that only watches.
    pub own: Option<PublicKey>,
    /// neo-go's `MaxTimePerBlock`: most time between two blocks while no transaction waits. `None`, or one
    /// that is not above T, makes a block every T.
    pub max_block_time: Option<Duration>,
    /// The rule that this engine breaks.
    #[cfg(feature = "mutation")]
    pub mutation: Option<super::mutation::Mutation>,
}

/// dBFT 2.0 of one node.
pub struct V2Engine {
    settings: EngineSettings,
    stored: Height,
    tip: UInt256,
    open: Option<HeightState>,
    /// The parent that the ledger was asked to open on.
    opening: Option<UInt256>,
    /// Records of heights that are not open yet.
    records: Vec<Record>,
    /// The vote log is lost: silent.
    silent: bool,
    /// Nothing is voted below this height: what was said there is not on record any more.
    votes_from: Height,
    /// Wall clock at the start, in milliseconds.
    began: u64,
    started: bool,
    /// The next height opened is the first of this life.
    fresh: bool,
    /// Verified messages of heights that are not open yet.
    buffered: BTreeMap<(Height, Kind, ValidatorIndex), Message>,
    /// A validator that has stored more than this node, as its messages show.
    ahead: Option<(Height, PublicKey)>,
    /// What messages are checked against while no height is open.
    context: Option<Arc<HeightContext>>,
    last_seen: BTreeMap<PublicKey, Height>,
    /// When the PrepareRequest of the last stored height came.
    previous: Option<(Height, Duration)>,
    connected: BTreeSet<PublicKey>,
    pool_filled: bool,
}

impl Protocol for V2Engine {
    type Message = Message;
    type Draft = Draft;
    type Own = OwnMessage;
    type Record = Record;
    type Job = VerifyJob;
    type Outcome = Outcome;
    /// The protocol knows no proofs of guilt.
    type Evidence = std::convert::Infallible;
}

impl Ballots for V2Engine {
    fn sign(draft: Draft, signer: &dyn Signer) -> OwnMessage {
        OwnMessage::sign(draft, signer)
    }

    fn message(own: &OwnMessage) -> &Message {
        own.message()
    }

    fn binds(message: &Message) -> bool {
        match message.kind() {
            Kind::PrepareRequest | Kind::PrepareResponse | Kind::Commit | Kind::ChangeView => true,
            Kind::RecoveryRequest | Kind::RecoveryMessage => false,
        }
    }

    fn counts(message: &Message) -> bool {
        Self::binds(message)
    }

    fn record(message: Message) -> Record {
        Record::Own(message)
    }
}

impl V2Engine {
    /// An engine that goes on where the records end.
    #[must_use]
    pub fn new(settings: EngineSettings, restored: Restored) -> Self {
        let Restored {
            stored,
            tip,
            mut records,
            log,
        } = restored;
        let last_mark = records
            .iter()
            .rev()
            .find(|record| matches!(record, Record::Silenced | Record::Resumed { .. }));
        let silent = log == VoteLogState::Lost || matches!(last_mark, Some(Record::Silenced));
        let first = records.iter().filter_map(|record| match record {
            Record::Resumed { from } => Some(*from),
            Record::Forgotten { through } => Some(through.next()),
            _ => None,
        });
        let votes_from = first.max().unwrap_or_default();
        records.retain(|record| record.height().is_some_and(|at| at > stored));
        let silent = silent && !mutated!(settings, NeverSilent);
        if mutated!(settings, RestoresNothing) {
            records.clear();
        }
        Self {
            settings,
            stored,
            tip,
            open: None,
            opening: None,
            records,
            silent,
            votes_from,
            began: 0,
            started: false,
            fresh: true,
            buffered: BTreeMap::new(),
            ahead: None,
            context: None,
            last_seen: BTreeMap::new(),
            previous: None,
            connected: BTreeSet::new(),
            pool_filled: false,
        }
    }

    /// The transactions that the open height's proposal of this hash names: what a driver asks other nodes
    /// for when a [`Fetch::Transactions`](crate::engine::Fetch::Transactions) names positions.
    #[must_use]
    pub fn transaction_hashes(&self, block: &UInt256) -> Option<&[UInt256]> {
        self.open.as_ref()?.hashes(block)
    }

    /// A transaction of the open height's block, for other nodes that ask for it: after a restart it may be in
    /// no memory pool.
    #[must_use]
    pub fn transaction(&self, hash: &UInt256) -> Option<Arc<Transaction>> {
        let open = self.open.as_ref()?;
        let body = open.body(&open.block()?)?;
        let mut all = body.transactions.iter();
        all.find(|transaction| transaction.hash() == *hash).cloned()
    }

    fn start(&mut self, now: Now, actions: &mut V2Actions) {
        self.started = true;
        self.began = now.wall_ms;
        if self.silent && self.settings.own.is_some() {
            actions.persist.push(Record::Silenced);
            actions.notices.push(Notice::Silent { until: None });
        }
    }

    fn connectivity(
        &mut self,
        now: Now,
        peer: PublicKey,
        state: Connectivity,
        actions: &mut V2Actions,
    ) {
        let Some(open) = &mut self.open else { return };
        if open.info.validators.index_of(&peer).is_none() {
            return;
        }
        match state {
            Connectivity::Up { .. } => {
                let before = self.connected.len();
                self.connected.insert(peer);
                let count = self.connected.len();
                // What was sent before is lost: with the first peer, and with enough for a quorum.
                let enough = count + 1 == open.info.validators.quorum();
                if count > before && (count == 1 || enough) {
                    open.request_recovery(now, actions);
                }
            }
            Connectivity::Down => {
                self.connected.remove(&peer);
            }
            Connectivity::Quiet => {}
        }
    }
}

impl Engine for V2Engine {
    fn step(&mut self, now: Now, event: Event<Self>) -> V2Actions {
        let mut actions = Actions::default();
        match event {
            Event::Start => self.start(now, &mut actions),
            Event::Received { from, message } => self.receive(from, message, &mut actions),
            Event::Verified(outcome) => self.verified(now, outcome, &mut actions),
            Event::Own(own) => {
                let message = own.into_inner();
                if let Some(open) = self.open_at(message.height()) {
                    open.take_own(now, message, &mut actions);
                }
            }
            Event::Timer(id) => self.timer(now, id, &mut actions),
            Event::Ledger(event) => self.ledger(now, event, &mut actions),
            Event::Fetched(fetched) => self.fetched(now, fetched, &mut actions),
            Event::Connectivity { peer, state } => {
                self.connectivity(now, peer, state, &mut actions);
            }
        }
        self.settle(&mut actions);
        actions
    }

    fn body(&self, hash: &UInt256) -> Option<Arc<BlockBody>> {
        self.open.as_ref()?.body(hash)
    }

    fn status(&self) -> Status {
        let base = self.open.as_ref();
        Status {
            stored: self.stored,
            heights: base.map(height_status).into_iter().collect(),
            voting: self.settings.own.is_some() && !self.silent,
            base_timeout: base.map_or(Duration::ZERO, |open| {
                timing::of_view(timing::unit(open.info.block_time), 0)
            }),
            max_transactions: base.map_or(0, |open| open.info.limits.max_transactions),
            performance: crate::PerformanceMetrics::default(),
        }
    }

    fn footprint(&self) -> usize {
        let open = self.open.as_ref().map_or(0, HeightState::footprint);
        open + self.records.len()
            + self.buffered.len()
            + self.last_seen.len()
            + self.connected.len()
    }
}

fn height_status(open: &HeightState) -> HeightStatus {
    let votes = open.info.validators.indexes().filter_map(|index| {
        let (prepare, commit, asked) = open.seen(index);
        Some(VotesSeen {
            validator: open.info.validators.key(index)?.clone(),
            prepare,
            pre_commit: false,
            commit,
            change_view: asked.map(|view| View(u32::from(view))),
        })
    });
    HeightStatus {
        height: open.height(),
        view: View(u32::from(open.view)),
        phase: open.phase().to_owned(),
        leader: open.primary(),
        // Turns follow from height and view alone: there is nothing to show of anybody's standing.
        order: Vec::new(),
        own_index: open.own(),
        block: open.block(),
        votes: votes.collect(),
    }
}
