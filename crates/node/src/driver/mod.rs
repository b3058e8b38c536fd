//! The one task around the engine: takes events, lets the engine step, and carries out its actions
//! in their order. It decides nothing.
//!
//! It is the same for dBFT 3.0 and 2.0. What the protocols do differently is behind [`Voice`]: how messages travel,
//! and what only one of them has. The order in which own messages are signed, made durable, sent and counted is here,
//! once.
//!
//! | part      | what it holds                                            |
//! |-----------|----------------------------------------------------------|
//! | `voice`   | what a protocol adds                                     |
//! | `mesh`    | dBFT 3.0: lanes of the mesh, security, tuning            |
//! | `neo`     | dBFT 2.0: extensible payloads in Neo N3's P2P            |
//! | `pen`     | who signs: a key, or a remote signer                     |
//! | `inside`  | what reaches the driver, why it ends                     |
//! | `notices` | what the engine notices: logs, metrics, events           |
//! | `moments` | when blocks passed their stations                        |
//! | `status`  | the engine's state for RPC                               |

mod inside;
mod mesh;
mod moments;
mod neo;
mod notices;
mod pen;
mod status;
mod voice;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use neo_consensus::engine::{
    Actions, Engine, Event, Fetched, LedgerAction, LedgerEvent, Now, Protocol, Recipient, TimerId,
};
use neo_consensus::vote_log::VoteLog;
use neo_driver::Ballot;
use neo_primitives::{Height, UInt256};
use neo_signer::Remote as _;
use tokio::sync::{mpsc, watch};

pub use self::inside::DriverError;
pub(crate) use self::inside::Inside;
pub(crate) use self::mesh::{CONSENSUS_LANES, Delivered, Mesh};
use self::moments::Moments;
pub(crate) use self::neo::{Neo, Sent};
pub(crate) use self::pen::Pen;
use self::pen::{Asked, Signed};
pub(crate) use self::status::StatusBoard;
pub(crate) use self::voice::Voice;
use self::voice::{MessageOf, OutcomeOf, RecordOf};
use crate::bodies::Bodies;
use crate::elsewhere::Elsewhere;
use crate::events::{EventSink, NodeEvent};
use crate::ledger_worker::{LedgerWorker, Report, unix_ns};
use crate::metrics::Metrics;
use crate::neighbours::Neighbours;
use crate::security::Security;
use crate::vote_log_file::FileMedium;

/// The status is renewed this often while nobody looks at it.
const STATUS_INTERVAL: Duration = Duration::from_millis(500);
/// Blocks of other nodes that come in everyday business: those of the open heights.
const MAX_OPEN_BLOCKS: usize = 2;

/// Everything the driver works with.
pub(crate) struct Parts<V: Voice> {
    pub(crate) engine: V::Protocol,
    pub(crate) voice: V,
    pub(crate) pen: Pen<V::Protocol>,
    pub(crate) log: VoteLog<FileMedium>,
    pub(crate) ledger: LedgerWorker,
    pub(crate) neighbours: Neighbours,
    pub(crate) bodies: Arc<Bodies>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) events: EventSink,
    pub(crate) status: Arc<StatusBoard>,
    pub(crate) security: Arc<Security>,
    pub(crate) elsewhere: Elsewhere,
}

/// Drafts and messages with whom they are for.
type Addressed<T> = Vec<(Recipient, T)>;

pub(crate) struct Driver<V: Voice> {
    parts: Parts<V>,
    began: Instant,
    timers: BTreeMap<TimerId, Duration>,
    moments: Moments,
    last_block: Option<Instant>,
    /// The last block that was told of.
    reported: Option<Height>,
    status_at: Option<Instant>,
    /// A vote that decides has left since the start.
    voted: bool,
    view_changes: u64,
    outcomes: mpsc::UnboundedSender<OutcomeOf<V>>,
    checked: mpsc::UnboundedReceiver<OutcomeOf<V>>,
}

impl<V: Voice> Driver<V> {
    pub(crate) fn new(parts: Parts<V>) -> Self {
        let (outcomes, checked) = mpsc::unbounded_channel();
        Self {
            parts,
            began: Instant::now(),
            timers: BTreeMap::new(),
            moments: Moments::default(),
            last_block: None,
            reported: None,
            status_at: None,
            voted: false,
            view_changes: 0,
            outcomes,
            checked,
        }
    }

    /// Runs until `stop` changes or an error makes going on unsafe.
    pub(crate) async fn run(
        mut self,
        mut inside: mpsc::UnboundedReceiver<Inside>,
        mut messages: mpsc::Receiver<V::Delivered>,
        mut stop: watch::Receiver<bool>,
    ) -> Result<u64, DriverError> {
        self.handle(Event::Start)?;
        loop {
            let next = self.timers.values().min().map(|at| self.began + *at);
            let wake = next.into_iter().chain(self.parts.voice.wake()).min();
            let wake = wake.map(tokio::time::Instant::from_std);
            let timer = async {
                match wake {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                _ = stop.changed() => return Ok(self.view_changes),
                Some(event) = inside.recv() => self.take(event)?,
                Some(outcome) = self.checked.recv() => {
                    self.parts.voice.checked(&outcome);
                    self.handle(Event::Verified(outcome))?;
                }
                signed = self.parts.pen.signed() => {
                    let mut events = VecDeque::new();
                    self.cast(signed, &mut events)?;
                    self.follow(events)?;
                }
                Some(delivered) = messages.recv() => self.receive(delivered)?,
                () = timer => self.fire()?,
            }
        }
    }

    fn now(&self) -> Now {
        Now {
            monotonic: self.began.elapsed(),
            wall_ms: unix_ns() / 1_000_000,
            entropy: rand::random(),
        }
    }

    fn fire(&mut self) -> Result<(), DriverError> {
        let now = self.began.elapsed();
        let due: Vec<_> = self
            .timers
            .iter()
            .filter(|(_, at)| **at <= now)
            .map(|(id, _)| *id)
            .collect();
        for id in due {
            self.timers.remove(&id);
            self.handle(Event::Timer(id))?;
        }
        self.parts.voice.due(&self.parts.engine);
        Ok(())
    }

    fn receive(&mut self, delivered: V::Delivered) -> Result<(), DriverError> {
        match self.parts.voice.receive(&self.parts.engine, delivered) {
            Some((from, message)) => self.handle(Event::Received { from, message }),
            None => Ok(()),
        }
    }

    fn take(&mut self, event: Inside) -> Result<(), DriverError> {
        match event {
            Inside::Fetched(fetched) => {
                if let Fetched::Body(body) = &fetched {
                    tracing::debug!(hash = %body.hash(), "body fetched");
                }
                self.handle(Event::Fetched(fetched))
            }
            Inside::Connectivity(peer, state) => self.handle(Event::Connectivity { peer, state }),
            Inside::Imported {
                height,
                hash,
                blocks,
                at_ns,
            } => {
                // A long way is told of by whoever goes it.
                let few = blocks.len() <= MAX_OPEN_BLOCKS;
                for (height, hash, transactions) in blocks {
                    let new = self.report_block(height, hash, at_ns, transactions);
                    if few && new {
                        tracing::info!(%height, %hash, transactions, "block stored");
                        self.parts.elsewhere.look(height);
                    }
                }
                self.parts.neighbours.stored(height, hash);
                self.handle(Event::Ledger(LedgerEvent::Stored { height, hash }))
            }
            Inside::Ledger(Report::Event(event)) => self.handle(Event::Ledger(event)),
            Inside::Ledger(Report::Stored {
                height,
                hash,
                at_ns,
                took,
            }) => {
                self.parts.metrics.block_store(took);
                let transactions = self.moments.transactions(height);
                if self.report_block(height, hash, at_ns, transactions) {
                    tracing::info!(%height, %hash, transactions, "block stored");
                }
                self.parts.neighbours.stored(height, hash);
                self.handle(Event::Ledger(LedgerEvent::Stored { height, hash }))
            }
            Inside::Ledger(Report::Refused { request, error }) => {
                tracing::warn!(request, %error, "the ledger refused a request");
                Ok(())
            }
            Inside::Ledger(Report::Fatal { request, error }) => {
                Err(DriverError::Ledger { request, error })
            }
        }
    }

    /// Tells of a stored block, once: what consensus stores may come from other nodes at the same moment. False if it
    /// was told of before.
    fn report_block(
        &mut self,
        height: Height,
        hash: UInt256,
        at_ns: u64,
        transactions: usize,
    ) -> bool {
        if self.reported >= Some(height) {
            return false;
        }
        self.reported = Some(height);
        let stations = self.moments.stored(height);
        let now = Instant::now();
        let interval = self.last_block.map(|last| now.duration_since(last));
        self.last_block = Some(now);
        self.parts
            .metrics
            .block_stored(height, transactions, interval);
        let micros = |length: Duration| u64::try_from(length.as_micros()).unwrap_or(u64::MAX);
        self.parts.events.emit(NodeEvent::Block {
            height,
            hash,
            t_ns: at_ns,
            transactions,
            view: stations.map(|stations| stations.view),
            decision_us: stations.and_then(|stations| stations.decided).map(micros),
            witness_us: stations.and_then(|stations| stations.witnessed).map(micros),
        });
        true
    }

    /// Lets the engine take an event, and then its own messages that follow from it.
    fn handle(&mut self, event: Event<V::Protocol>) -> Result<(), DriverError> {
        self.follow(VecDeque::from([event]))
    }

    fn follow(&mut self, mut events: VecDeque<Event<V::Protocol>>) -> Result<(), DriverError> {
        while let Some(event) = events.pop_front() {
            let now = self.now();
            if let Event::Ledger(event) = &event {
                self.parts.voice.learn(event);
            }
            let actions = self.parts.engine.step(now, event);
            self.carry_out(actions, &mut events)?;
        }
        let old = self
            .status_at
            .is_none_or(|at| at.elapsed() >= STATUS_INTERVAL);
        if old || self.parts.status.is_watched() {
            self.renew_status();
        }
        Ok(())
    }

    fn renew_status(&mut self) {
        self.status_at = Some(Instant::now());
        let status = self.parts.engine.status();
        self.parts.metrics.set_status(&status);
        self.parts.status.write(status);
    }

    fn carry_out(
        &mut self,
        actions: Actions<V::Protocol>,
        events: &mut VecDeque<Event<V::Protocol>>,
    ) -> Result<(), DriverError> {
        for notice in actions.notices {
            self.note(notice);
        }
        for action in actions.ledger {
            if let LedgerAction::Check { body, .. } = &action {
                self.parts.bodies.insert(body);
            }
            self.parts.ledger.consensus(action);
        }
        for fetch in actions.fetch {
            self.parts.voice.fetch(&self.parts.engine, fetch);
        }
        for job in actions.verify {
            let outcomes = self.outcomes.clone();
            self.parts.voice.check(job, move |outcome| {
                let _ = outcomes.send(outcome);
            });
        }
        for change in actions.timers {
            match change.at {
                Some(at) => self.timers.insert(change.id, at),
                None => self.timers.remove(&change.id),
            };
        }
        if let Some(validators) = actions.watch {
            self.parts.voice.watch(validators);
        }
        if actions.redial {
            self.parts.voice.redial();
        }
        for evidence in &actions.evidence {
            self.parts.voice.convict(evidence);
        }
        self.vote(actions.persist, actions.send, actions.resend, events)
    }

    /// Signs, makes durable, then sends, then hands the own votes back (protocol section 5, rule 8). What is
    /// repeated leaves behind the new.
    fn vote(
        &mut self,
        records: Vec<RecordOf<V>>,
        drafts: Addressed<<V::Protocol as Protocol>::Draft>,
        again: Addressed<MessageOf<V>>,
        events: &mut VecDeque<Event<V::Protocol>>,
    ) -> Result<(), DriverError> {
        let drafts = drafts.into_iter().map(|(to, draft)| {
            let header = V::Protocol::signs(&draft);
            let body = header.and_then(|hash| self.parts.engine.body(&hash));
            (to, draft, body)
        });
        let asked = Asked {
            records,
            drafts: drafts.collect(),
            again,
            counts: true,
        };
        match self.parts.pen.take(asked) {
            Some(signed) => self.cast(signed, events),
            None => Ok(()),
        }
    }

    /// Makes what is signed durable, sends it, and hands it to the engine.
    fn cast(
        &mut self,
        signed: Signed<V::Protocol>,
        events: &mut VecDeque<Event<V::Protocol>>,
    ) -> Result<(), DriverError> {
        let Signed { ballot, again, .. } = signed;
        for body in ballot.records().iter().filter_map(V::body) {
            self.parts.bodies.insert(body);
        }
        if !ballot.records().is_empty() {
            let began = Instant::now();
            self.parts.log.append(ballot.records())?;
            self.parts.elsewhere.learn(ballot.records());
            self.parts.metrics.vote_log_sync(began.elapsed());
        }
        self.parts.voice.leave(&self.parts.engine, &ballot, again);
        self.tell_first_vote(&ballot);
        events.extend(ballot.into_own().map(Event::Own));
        Ok(())
    }

    fn tell_first_vote(&mut self, ballot: &Ballot<V::Protocol>) {
        if self.voted {
            return;
        }
        let mut left = ballot.outgoing().map(|(_, message)| message);
        if let Some(height) = left.find_map(V::decides) {
            self.voted = true;
            let t_ns = unix_ns();
            self.parts
                .events
                .emit(NodeEvent::FirstVote { height, t_ns });
        }
    }
}
