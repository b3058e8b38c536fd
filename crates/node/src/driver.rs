//! The one task around the engine: takes events, lets the engine step, and carries out its actions
//! in their order. It decides nothing.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use neo_consensus::engine::{
    Actions, Connectivity, Engine, Event, Fetch, Fetched, LedgerEvent, Notice, Now, Recipient,
    Status, TimerId,
};
use neo_consensus::v3::context::MessageKind;
use neo_consensus::v3::wire::{self, Hints};
use neo_consensus::v3::{Message, Outcome, Record, V3Engine};
use neo_consensus::vote_log::{LogError, VoteLog};
use neo_driver::interference::leaving;
use neo_driver::{Ballot, Content};
use neo_ledger::LedgerError;
use neo_network::{NetworkHandle, Priority};
use neo_primitives::{Height, PrivateKey, PublicKey, UInt256};
use parking_lot::RwLock;
use tokio::sync::{mpsc, watch};

use crate::bodies::Bodies;
use crate::checks::Checks;
use crate::events::{EventSink, NodeEvent};
use crate::intrusion::{Intrusion, KeySigner};
use crate::lanes;
use crate::ledger_worker::{LedgerWorker, Report, unix_ns};
use crate::metrics::Metrics;
use crate::security::Security;
use crate::tuning::Tuner;
use crate::vote_log_file::FileMedium;

/// The status is renewed this often while nobody looks at it.
const STATUS_INTERVAL: Duration = Duration::from_millis(500);
/// After somebody looked, it is renewed with every event for this long.
const STATUS_INTEREST: Duration = Duration::from_secs(10);
/// Blocks of other nodes that come in everyday business: those of the open heights.
const MAX_OPEN_BLOCKS: usize = 2;
/// Blocks whose moments are remembered until they are stored.
const MAX_MOMENTS: usize = 64;

/// What reaches the driver from inside the node.
#[derive(Debug)]
pub(crate) enum Inside {
    /// A signature check ended.
    Verified(Outcome),
    /// The ledger answered.
    Ledger(Report),
    /// A fetch ended.
    Fetched(Fetched),
    /// Blocks of other nodes became durable.
    Imported {
        height: Height,
        hash: UInt256,
        blocks: Vec<(Height, UInt256, usize)>,
        at_ns: u64,
    },
    /// A validator's connection changed.
    Connectivity(PublicKey, Connectivity),
}

/// A message of a validator on its way into the driver.
#[derive(Clone, Debug)]
pub(crate) struct Delivered {
    /// Whose connection it came over.
    pub(crate) from: PublicKey,
    /// The message.
    pub(crate) bytes: Bytes,
    /// Whether it is another validator's, which that one passed on.
    pub(crate) relayed: bool,
}

/// Why the driver ended.
#[derive(Debug, thiserror::Error)]
pub enum DriverError {
    /// Votes cannot be made durable, so none may be sent.
    #[error("{0}; the node stops voting and ends, so that it never contradicts itself")]
    VoteLog(#[from] LogError),
    /// The ledger cannot go on.
    #[error("ledger, on {request}: {error}")]
    Ledger {
        /// What was asked of it.
        request: &'static str,
        /// What failed.
        error: LedgerError,
    },
}

/// Everything the driver works with.
pub(crate) struct Parts {
    pub(crate) engine: V3Engine,
    pub(crate) key: PrivateKey,
    pub(crate) log: VoteLog<FileMedium>,
    pub(crate) ledger: LedgerWorker,
    pub(crate) network: NetworkHandle,
    pub(crate) checks: Arc<Checks>,
    pub(crate) tuner: Tuner<NetworkHandle>,
    pub(crate) fetches: mpsc::UnboundedSender<Fetch>,
    pub(crate) bodies: Arc<Bodies>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) events: EventSink,
    pub(crate) status: Arc<StatusBoard>,
    pub(crate) security: Arc<Security>,
    pub(crate) inside: mpsc::UnboundedSender<Inside>,
    /// A Byzantine validator's will; an honest node has none.
    pub(crate) intrusion: Option<Intrusion>,
}

/// The engine's state as RPC shows it. Making it costs a little, so it is only kept fresh while somebody looks.
#[derive(Debug, Default)]
pub(crate) struct StatusBoard {
    status: RwLock<Status>,
    looked: RwLock<Option<Instant>>,
}

impl StatusBoard {
    /// The status now.
    pub(crate) fn read(&self) -> Status {
        *self.looked.write() = Some(Instant::now());
        self.status.read().clone()
    }

    pub(crate) fn write(&self, status: Status) {
        *self.status.write() = status;
    }

    /// For an observer, which has only a height.
    pub(crate) fn set_stored(&self, height: Height) {
        self.status.write().stored = height;
    }

    fn is_watched(&self) -> bool {
        self.looked
            .read()
            .is_some_and(|at| at.elapsed() < STATUS_INTEREST)
    }
}

/// When a block passed its stations, for metrics.
#[derive(Clone, Copy, Debug)]
struct Moments {
    proposed: Instant,
    view: u32,
    decided: Option<Duration>,
    witnessed: Option<Duration>,
    transactions: usize,
}

pub(crate) struct Driver {
    parts: Parts,
    began: Instant,
    timers: BTreeMap<TimerId, Duration>,
    moments: BTreeMap<Height, Moments>,
    last_block: Option<Instant>,
    status_at: Option<Instant>,
    /// A PreCommit or Commit has left since the start.
    voted: bool,
    pub(crate) view_changes: u64,
}

impl Driver {
    pub(crate) fn new(parts: Parts) -> Self {
        Self {
            parts,
            began: Instant::now(),
            timers: BTreeMap::new(),
            moments: BTreeMap::new(),
            last_block: None,
            status_at: None,
            voted: false,
            view_changes: 0,
        }
    }

    /// Runs until `stop` changes or an error makes going on unsafe.
    pub(crate) async fn run(
        mut self,
        mut inside: mpsc::UnboundedReceiver<Inside>,
        mut messages: mpsc::Receiver<Delivered>,
        mut stop: watch::Receiver<bool>,
    ) -> Result<u64, DriverError> {
        self.handle(Event::Start)?;
        loop {
            let next = self.timers.values().min().map(|at| self.began + *at);
            let intrusion = self.parts.intrusion.as_ref().map(Intrusion::wake);
            let wake = next.into_iter().chain(intrusion).min();
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
        if let Some(intrusion) = &mut self.parts.intrusion {
            let leaving = intrusion.due(&|hash| self.parts.engine.body(hash), Instant::now());
            self.leave(leaving);
        }
        Ok(())
    }

    fn receive(&mut self, delivered: Delivered) -> Result<(), DriverError> {
        let Delivered {
            from,
            bytes,
            relayed,
        } = delivered;
        match wire::decode(&bytes) {
            Ok((message, _)) => {
                self.parts.security.received(&from, &message, relayed);
                self.parts
                    .metrics
                    .message_received(lanes::name(message.kind()), bytes.len());
                if let Some(intrusion) = &mut self.parts.intrusion {
                    let (keep, leaving) =
                        intrusion.incoming(&|hash| self.parts.engine.body(hash), &from, &message);
                    self.leave(leaving);
                    if !keep {
                        return Ok(());
                    }
                }
                self.handle(Event::Received { from, message })
            }
            Err(error) => {
                self.parts.metrics.verification_failed("envelope");
                self.parts.security.undecodable(&from, relayed);
                tracing::warn!(peer = %from, %error, "undecodable consensus message");
                Ok(())
            }
        }
    }

    fn take(&mut self, event: Inside) -> Result<(), DriverError> {
        match event {
            Inside::Verified(outcome) => {
                self.parts.security.verified(&outcome);
                for refused in &outcome.refused {
                    self.parts.metrics.verification_failed("signature");
                    tracing::warn!(peer = %outcome.from, height = %outcome.height, %refused,
                        "consensus message dropped");
                }
                self.handle(Event::Verified(outcome))
            }
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
                    self.report_block(height, hash, at_ns, transactions);
                    if few {
                        tracing::info!(%height, %hash, transactions, "block stored");
                    }
                }
                self.parts.network.set_status(height, hash);
                self.handle(Event::Ledger(LedgerEvent::Stored { height, hash }))
            }
            Inside::Ledger(Report::Event(event)) => {
                if let LedgerEvent::Found { transactions, .. } = &event {
                    let missing = transactions.iter().filter(|found| found.is_none()).count();
                    self.parts.tuner.looked_up(transactions.len(), missing);
                }
                self.handle(Event::Ledger(event))
            }
            Inside::Ledger(Report::Stored {
                height,
                hash,
                at_ns,
                took,
            }) => {
                self.parts.metrics.block_store(took);
                let transactions = self.moments.get(&height).map_or(0, |m| m.transactions);
                self.report_block(height, hash, at_ns, transactions);
                tracing::info!(%height, %hash, transactions, "block stored");
                self.parts.network.set_status(height, hash);
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

    fn report_block(&mut self, height: Height, hash: UInt256, at_ns: u64, transactions: usize) {
        let moments = self.moments.remove(&height);
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
            view: moments.map(|moments| moments.view),
            decision_us: moments.and_then(|moments| moments.decided).map(micros),
            witness_us: moments.and_then(|moments| moments.witnessed).map(micros),
        });
    }

    /// Lets the engine take an event, and then its own messages that follow from it.
    fn handle(&mut self, event: Event<V3Engine>) -> Result<(), DriverError> {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            let now = self.now();
            if let (Some(intrusion), Event::Ledger(event)) = (&self.parts.intrusion, &event) {
                intrusion.learn(event);
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
        actions: Actions<V3Engine>,
        events: &mut VecDeque<Event<V3Engine>>,
    ) -> Result<(), DriverError> {
        for notice in actions.notices {
            self.note(notice);
        }
        for action in actions.ledger {
            if let neo_consensus::engine::LedgerAction::Check { body, .. } = &action {
                self.parts.bodies.insert(body);
            }
            self.parts.ledger.consensus(action);
        }
        for fetch in actions.fetch {
            let _ = self.parts.fetches.send(fetch);
        }
        for job in actions.verify {
            let inside = self.parts.inside.clone();
            self.parts.checks.spawn(job, move |outcome| {
                let _ = inside.send(Inside::Verified(outcome));
            });
        }
        for change in actions.timers {
            match change.at {
                Some(at) => self.timers.insert(change.id, at),
                None => self.timers.remove(&change.id),
            };
        }
        if let Some(validators) = actions.watch {
            self.parts.network.set_watched(validators);
        }
        if actions.redial {
            self.parts.network.redial_now();
        }
        for evidence in &actions.evidence {
            self.parts.metrics.evidence();
            self.parts.security.convict(evidence);
            tracing::error!(validator = %evidence.culprit(), kind = lanes::name(evidence.kind()),
                form = evidence.guilt.name(), %evidence, "a validator broke the protocol");
        }
        self.vote(actions.persist, actions.send, actions.resend, events)
    }

    /// Signs, makes durable, then sends, then hands the own votes back (protocol section 5, rule 8). What is
    /// repeated leaves behind the new.
    fn vote(
        &mut self,
        records: Vec<Record>,
        drafts: Vec<(Recipient, neo_consensus::v3::Draft)>,
        resend: Vec<(Recipient, Message)>,
        events: &mut VecDeque<Event<V3Engine>>,
    ) -> Result<(), DriverError> {
        let ballot = Ballot::<V3Engine>::sign(records, drafts, &KeySigner(&self.parts.key));
        for record in ballot.records() {
            if let Record::Body(body) = record {
                self.parts.bodies.insert(body);
            }
        }
        if !ballot.records().is_empty() {
            let began = Instant::now();
            self.parts.log.append(ballot.records())?;
            self.parts.metrics.vote_log_sync(began.elapsed());
        }
        if let Some(intrusion) = &mut self.parts.intrusion {
            let leaving = intrusion.outgoing(
                &|hash| self.parts.engine.body(hash),
                leaving(&ballot, resend),
            );
            self.leave(leaving);
        } else {
            for (recipient, message) in ballot.outgoing() {
                self.send(recipient, message);
            }
            for (recipient, message) in &resend {
                self.send(recipient, message);
            }
        }
        self.tell_first_vote(&ballot);
        events.extend(ballot.into_own().map(Event::Own));
        Ok(())
    }

    fn tell_first_vote(&mut self, ballot: &Ballot) {
        let decides = |message: &&Message| {
            matches!(message.kind(), MessageKind::PreCommit | MessageKind::Commit)
        };
        if self.voted {
            return;
        }
        let mut left = ballot.outgoing().map(|(_, message)| message);
        if let Some(vote) = left.find(decides) {
            let (height, t_ns) = (vote.height, unix_ns());
            self.voted = true;
            self.parts
                .events
                .emit(NodeEvent::FirstVote { height, t_ns });
        }
    }

    /// Sends what an intrusion lets out. Bytes that are no message go the way of votes.
    fn leave(&self, leaving: Vec<(Recipient, Content)>) {
        for (recipient, content) in leaving {
            match content {
                Content::Message(message) => self.send(&recipient, &message),
                Content::Bytes(bytes) => {
                    self.deliver(&recipient, Priority::Prepare, Bytes::from(bytes));
                }
            }
        }
    }

    fn send(&self, recipient: &Recipient, message: &Message) {
        let priority = lanes::priority(message);
        let hints = Hints {
            timestamp_ns: unix_ns(),
            priority: u32::try_from(priority.index()).unwrap_or(u32::MAX),
        };
        let bytes = Bytes::from(wire::encode(message, hints));
        let length = bytes.len();
        for _ in 0..self.deliver(recipient, priority, bytes) {
            self.parts
                .metrics
                .message_sent(lanes::name(message.kind()), length);
        }
    }

    /// Hands bytes to the network; gives the number of receivers.
    fn deliver(&self, recipient: &Recipient, priority: Priority, bytes: Bytes) -> usize {
        let network = &self.parts.network;
        match recipient {
            Recipient::All => network.broadcast_validators(priority, bytes),
            Recipient::One(key) => {
                let sent = network.send(key.clone(), priority, bytes.clone());
                // Through others, if there is no connection.
                let sent = sent.or_else(|_| network.send_around(key, priority, &bytes).map(drop));
                usize::from(sent.is_ok())
            }
        }
    }

    /// Adjusts what the node tunes to how the last blocks went.
    fn tune(&mut self) {
        let performance = self.parts.engine.status().performance;
        for adjustment in self.parts.tuner.decided(&performance) {
            self.note(Notice::Adjusted {
                parameter: adjustment.parameter,
                from: adjustment.from,
                to: adjustment.to,
                cause: adjustment.cause,
            });
        }
        let tuner = &self.parts.tuner;
        self.parts
            .metrics
            .set_tuning(tuner.fan_out(), tuner.threads());
    }

    fn note(&mut self, notice: Notice) {
        self.parts.security.notice(&notice);
        match notice {
            Notice::Opened { height } => {
                tracing::debug!(%height, "height opened");
                let status = self.parts.engine.status();
                let opened = status.heights.iter().find(|open| open.height == height);
                if let Some(opened) = opened {
                    self.parts.security.opened(opened);
                }
            }
            Notice::Proposed { height, view, hash } => {
                tracing::debug!(%height, %view, %hash, "proposal");
                if self.moments.len() >= MAX_MOMENTS {
                    self.moments.pop_first();
                }
                let moments = Moments {
                    proposed: Instant::now(),
                    view: view.0,
                    decided: None,
                    witnessed: None,
                    transactions: 0,
                };
                self.moments.entry(height).or_insert(moments);
            }
            Notice::Decided { height, view, hash } => {
                tracing::debug!(%height, %view, %hash, "decided");
                if let Some(moments) = self.moments.get_mut(&height) {
                    let latency = moments.proposed.elapsed();
                    moments.decided = Some(latency);
                    moments.view = view.0;
                    self.parts.metrics.decision(latency);
                }
                self.tune();
            }
            Notice::Witnessed { height, hash } => {
                let body = self.parts.engine.body(&hash);
                if let Some(moments) = self.moments.get_mut(&height) {
                    let latency = moments.proposed.elapsed();
                    moments.witnessed = Some(latency);
                    moments.transactions = body.map_or(0, |body| body.transactions.len());
                    self.parts.metrics.witness(latency);
                }
            }
            Notice::Stored { height, .. } => {
                self.parts.bodies.retire(height);
                if let Err(error) = self.parts.log.prune::<Record>(height) {
                    tracing::warn!(%error, "old vote log segments stay");
                }
            }
            Notice::ViewChangeAsked {
                height,
                view,
                reason,
            } => {
                tracing::warn!(%height, %view, reason, "asking for a new view");
            }
            Notice::ViewEntered { height, view } => {
                self.view_changes += 1;
                self.parts.metrics.view_change(view);
                tracing::warn!(%height, %view, "new view");
            }
            Notice::BlockRefused {
                height,
                hash,
                problem,
            } => {
                tracing::warn!(%height, %hash, problem, "proposal refused");
            }
            Notice::TransitionRefused { height, what } => {
                self.parts.metrics.dropped("transition");
                tracing::error!(%height, what, "transition outside the table refused");
            }
            Notice::LedgerDisagrees {
                height,
                hash,
                problem,
            } => {
                tracing::error!(%height, %hash, problem,
                    "the validators agreed on a block that this ledger refuses");
            }
            Notice::Silent { until } => {
                match until {
                    None => tracing::error!(
                        "the vote log is missing, damaged or a copy: this validator is silent until it \
                         knows how far the others are"
                    ),
                    Some(until) => tracing::warn!(%until, "silent until this height is stored"),
                }
                let t_ns = unix_ns();
                self.parts.events.emit(NodeEvent::Silent { until, t_ns });
            }
            Notice::Voting { from } => {
                tracing::info!(%from, "voting again");
                let t_ns = unix_ns();
                self.parts.events.emit(NodeEvent::Voting { from, t_ns });
            }
            Notice::Suspected {
                height,
                view,
                leader,
                cause,
            } => tracing::warn!(%height, %view, leader = leader.0, cause, "the leader seems gone"),
            Notice::Adjusted {
                parameter,
                from,
                to,
                cause,
            } => {
                self.parts.metrics.adjusted(parameter);
                tracing::info!(parameter, from, to, cause, "adjusted");
            }
            Notice::Recovery {
                height,
                strategy,
                cause,
            } => tracing::warn!(%height, strategy = strategy.name(), cause, "recovering"),
        }
    }
}

/// The lane of consensus messages that the summary counts.
pub(crate) const CONSENSUS_LANES: [Priority; 6] = [
    Priority::Commit,
    Priority::ViewChange,
    Priority::PreCommit,
    Priority::Prepare,
    Priority::Proposal,
    Priority::Recovery,
];
