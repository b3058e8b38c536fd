//! The queue of events, and the driver of each node.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use neo_primitives::{PublicKey, Transaction};

use super::ledger::{Schedule, ToyLedger};
use super::links::{Links, delay};
use super::node::Node;
use super::oracle::Oracle;
use super::toys::{Rng, ToyCheck, ToySigner, keys, transaction};
use super::{Cluster, Config, Sent, ms};
use crate::engine::{
    Actions, Engine, Event, Fetch, Fetched, LedgerAction, LedgerEvent, Notice, Now, Recipient,
    TimerId,
};
use crate::v3::message::{Message, Payload};
use crate::v3::wire::{self, Hints};
use crate::v3::{Outcome, OwnMessage, Record, V3Engine};
use crate::validators::ValidatorSet;

/// Start of all wall clocks, a little after the toy genesis block.
const EPOCH_MS: u64 = 1_700_000_001_000;

/// What the queue holds.
#[derive(Debug)]
pub(super) enum Item {
    /// Lost when the receiver has crashed meanwhile: its connections went with it.
    Deliver {
        from: usize,
        to: usize,
        life: u64,
        message: Message,
    },
    Verified {
        node: usize,
        life: u64,
        outcome: Outcome,
    },
    Ledger {
        node: usize,
        life: u64,
    },
    Timer {
        node: usize,
        life: u64,
        id: TimerId,
        at: Duration,
    },
    /// The attempt with this number of a fetch reaches a peer.
    Fetch {
        node: usize,
        life: u64,
        fetch: Fetch,
        attempt: usize,
    },
    Fetched {
        node: usize,
        life: u64,
        fetched: Fetched,
    },
    /// A node has been silent for so long that those who watch it notice.
    Quiet {
        node: usize,
    },
    /// An observer looks whether others have more blocks.
    Follow {
        node: usize,
        life: u64,
    },
    Load,
}

impl Cluster {
    /// A cluster of nodes that have not started.
    pub(super) fn asleep(config: Config, seed: u64) -> Self {
        let all = keys(config.validators + config.observers);
        let validators: Vec<usize> = (0..config.validators).collect();
        let set = |members: &[usize]| {
            let members = members.iter().map(|node| all[*node].clone()).collect();
            Arc::new(ValidatorSet::new(members).unwrap())
        };
        let mut sets = BTreeMap::from([(0, set(&validators))]);
        for (from, members) in &config.sets {
            sets.insert(*from, set(members));
        }
        let schedule = Arc::new(Schedule(sets));
        let voters = schedule.keys();
        let node = |key: PublicKey| {
            let mut ledger = ToyLedger::new(
                Arc::clone(&schedule),
                config.block_time,
                config.executes_ahead,
            );
            ledger.block_size = config.block_size;
            let votes = voters.contains(&key);
            Node::new(key, votes, ledger, config.executes_ahead)
        };
        let nodes = all.iter().cloned().map(node).collect();
        let mut cluster = Self {
            seed,
            now: Duration::ZERO,
            rng: Rng::new(seed),
            nodes,
            links: Links::default(),
            relaying: false,
            filter: None,
            oracle: Oracle::new(Arc::clone(&schedule)),
            sent: Vec::new(),
            notices: Vec::new(),
            evidence: Vec::new(),
            liars: BTreeSet::new(),
            mute: BTreeSet::new(),
            fetches: 0,
            builds: Vec::new(),
            checks: Vec::new(),
            queue: BTreeMap::new(),
            sequence: 0,
            transactions: 0,
            redials: 0,
            config,
        };
        cluster.push(Duration::ZERO, Item::Load);
        cluster
    }

    pub(super) fn push(&mut self, after: Duration, item: Item) {
        self.sequence += 1;
        self.queue.insert((self.now + after, self.sequence), item);
    }

    /// Takes the next event if it is due before `end`.
    pub(super) fn step_before(&mut self, end: Duration) -> bool {
        let Some(entry) = self.queue.first_entry() else {
            return false;
        };
        if entry.key().0 > end {
            return false;
        }
        let ((at, _), item) = entry.remove_entry();
        self.now = at;
        self.take(item);
        true
    }

    fn lives(&self, node: usize, life: u64) -> bool {
        self.nodes[node].engine.is_some() && self.nodes[node].life == life
    }

    fn take(&mut self, item: Item) {
        match item {
            Item::Deliver {
                from,
                to,
                life,
                message,
            } => {
                let passes = self
                    .filter
                    .as_mut()
                    .is_none_or(|pass| pass(from, to, &message));
                let way = match self.links.passes(from, to) {
                    true => Some(from),
                    false => self.way_around(from, to),
                };
                if let Some(way) = way.filter(|_| passes && self.lives(to, life)) {
                    let from = self.nodes[way].key.clone();
                    self.handle(to, Event::Received { from, message });
                }
            }
            Item::Verified {
                node,
                life,
                outcome,
            } if self.lives(node, life) => {
                self.handle(node, Event::Verified(outcome));
            }
            Item::Ledger { node, life } if self.lives(node, life) => self.serve_ledger(node),
            Item::Timer { node, life, id, at }
                if self.lives(node, life) && self.nodes[node].timers.get(&id) == Some(&at) =>
            {
                self.nodes[node].timers.remove(&id);
                self.handle(node, Event::Timer(id));
            }
            Item::Fetch {
                node,
                life,
                fetch,
                attempt,
            } if self.lives(node, life) => {
                self.fetch(node, life, fetch, attempt);
            }
            Item::Fetched {
                node,
                life,
                fetched,
            } if self.lives(node, life) => {
                self.handle(node, Event::Fetched(fetched));
            }
            Item::Follow { node, life } if self.lives(node, life) => {
                for peer in self.up() {
                    if self.links.connects(node, peer) {
                        self.import(node, peer);
                    }
                }
                self.push(ms(100), Item::Follow { node, life });
            }
            Item::Quiet { node } => {
                self.fall_silent(node);
                // Whoever begins to watch it later notices, too.
                if !self.links.passes(node, (node + 1) % self.nodes.len()) {
                    self.push(ms(50), Item::Quiet { node });
                }
            }
            Item::Load => {
                for _ in 0..self.config.load {
                    self.submit();
                }
                self.push(ms(100), Item::Load);
            }
            _ => {}
        }
    }

    /// A new transaction that some nodes learn of, and at least one that runs.
    pub(super) fn submit(&mut self) {
        let transaction = self.new_transaction();
        let up = self.up();
        let first = up.get(self.rng.below(up.len() as u64) as usize).copied();
        for node in up {
            if Some(node) == first || self.rng.below(100) < self.config.gossip {
                self.pool(node, Arc::clone(&transaction));
            }
        }
    }

    /// A transaction reaches the pool of a node, which hears of it when it waited for one.
    pub(super) fn pool(&mut self, node: usize, transaction: Arc<Transaction>) {
        let ledger = &mut self.nodes[node].ledger;
        // Only a leader that waits for a transaction asks.
        let was_empty = !self.config.timers.max_block_time.is_zero() && ledger.is_idle();
        ledger.pool.push(transaction);
        if was_empty && !ledger.is_idle() {
            let filled = LedgerEvent::Pool { transactions: 1 };
            self.handle(node, Event::Ledger(filled));
        }
    }

    pub(super) fn new_transaction(&mut self) -> Arc<Transaction> {
        self.transactions += 1;
        transaction(self.transactions)
    }

    fn moment(&mut self, node: usize) -> Now {
        let elapsed = u64::try_from(self.now.as_millis()).unwrap();
        Now {
            monotonic: self.now,
            wall_ms: (EPOCH_MS + elapsed).saturating_add_signed(self.nodes[node].skew),
            entropy: self.rng.next(),
        }
    }

    /// Lets an engine take an event, and then its own messages that follow from it.
    pub(super) fn handle(&mut self, node: usize, event: Event<V3Engine>) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            let now = self.moment(node);
            let Some(engine) = self.nodes[node].engine.as_mut() else {
                return;
            };
            let actions = engine.step(now, event);
            self.carry_out(node, actions, &mut events);
        }
    }

    fn carry_out(
        &mut self,
        node: usize,
        actions: Actions<V3Engine>,
        events: &mut VecDeque<Event<V3Engine>>,
    ) {
        let life = self.nodes[node].life;
        for notice in actions.notices {
            self.note(node, notice);
        }
        if let Some(watch) = actions.watch {
            self.nodes[node].watched = watch;
        }
        self.redials += usize::from(actions.redial);
        for action in actions.ledger {
            let mut work = 0;
            if let LedgerAction::Check { body, .. } = &action {
                work = self.config.per_transaction * body.transactions.len() as u64;
                self.checks.push((self.now, node, body.header.index.0));
            }
            if let LedgerAction::Build { parent, .. } = &action {
                self.builds.push((self.now, node, *parent));
            }
            self.nodes[node].requests.push_back(action);
            let after = delay(&mut self.rng, self.config.ledger) + Duration::from_micros(work);
            self.push(after, Item::Ledger { node, life });
        }
        for fetch in actions.fetch {
            let after = delay(&mut self.rng, self.config.latency);
            self.push(
                after,
                Item::Fetch {
                    node,
                    life,
                    fetch,
                    attempt: 0,
                },
            );
        }
        for job in actions.verify {
            let outcome = job.run(&ToyCheck);
            let after = delay(&mut self.rng, self.config.verify);
            self.push(
                after,
                Item::Verified {
                    node,
                    life,
                    outcome,
                },
            );
        }
        for change in actions.timers {
            let id = change.id;
            match change.at {
                Some(at) => {
                    self.nodes[node].timers.insert(id, at);
                    let after = at.saturating_sub(self.now);
                    self.push(
                        after,
                        Item::Timer {
                            node,
                            life,
                            id,
                            at: self.now + after,
                        },
                    );
                    self.nodes[node].timers.insert(id, self.now + after);
                }
                None => {
                    self.nodes[node].timers.remove(&id);
                }
            }
        }
        for evidence in actions.evidence {
            self.evidence.push((node, evidence));
        }
        let signer = ToySigner(self.nodes[node].key.clone());
        let signed: Vec<_> = actions
            .send
            .into_iter()
            .map(|(to, draft)| (to, OwnMessage::sign(draft, &signer)))
            .collect();
        let mut records = actions.persist;
        let own = signed
            .iter()
            .map(|(_, own)| own.message())
            .filter(|own| binds(own));
        records.extend(own.cloned().map(Record::Own));
        if !records.is_empty() {
            let cut = self.nodes[node].dies_writing.then(|| self.rng.next());
            self.nodes[node].write(&records, cut);
            if cut.is_some() {
                return self.crash(node);
            }
        }
        for (to, own) in signed {
            self.send(node, to, own.message().clone(), false);
            events.push_back(Event::Own(own));
        }
        for (to, message) in actions.resend {
            self.send(node, to, message, true);
        }
    }

    fn note(&mut self, node: usize, notice: Notice) {
        if !self.oracle.byzantine.contains(&node) {
            match &notice {
                Notice::Decided { height, hash, .. } => {
                    self.oracle.agreed(*height, *hash, "decided");
                }
                Notice::TransitionRefused { .. } => {
                    panic!("SEED={}: node {node}: {notice:?}", self.seed)
                }
                _ => {}
            }
        }
        self.notices.push((self.now, node, notice));
    }

    /// What a recovery message says of its sender's store is so, also while the next block is only decided.
    fn assert_true_to_its_store(&self, from: usize, message: &Message) {
        if let Payload::RecoveryMessage(recovery) = &message.payload {
            let stored = self.nodes[from].ledger.height();
            let says = recovery.stored;
            assert!(
                says <= stored,
                "SEED={}: node {from} has {stored} and says {says}",
                self.seed
            );
        }
    }

    /// Who was elected or left has another place, or none, at other heights.
    fn assert_signed_as_of_its_height(&self, from: usize, message: &Message) {
        let set = self.oracle.validators(message.height);
        assert_eq!(
            set.key(message.sender),
            Some(&self.nodes[from].key),
            "SEED={}: node {from} signs for {} as {}",
            self.seed,
            message.height,
            message.sender
        );
    }

    pub(super) fn send(&mut self, from: usize, to: Recipient, message: Message, again: bool) {
        if self.oracle.byzantine.contains(&from) {
            self.oracle.proposed(&message);
        } else {
            self.oracle.sent(from, &message);
            self.assert_true_to_its_store(from, &message);
            self.assert_signed_as_of_its_height(from, &message);
        }
        let receivers = match &to {
            Recipient::All => (0..self.nodes.len()).filter(|node| *node != from).collect(),
            Recipient::One(key) => Vec::from_iter(self.node_of(key).filter(|to| *to != from)),
        };
        for receiver in receivers {
            if self.nodes[receiver].votes {
                self.transmit(from, receiver, message.clone());
            }
        }
        let at = self.now;
        self.sent.push(Sent {
            at,
            from,
            to,
            message,
            again,
        });
    }

    fn transmit(&mut self, from: usize, to: usize, message: Message) {
        let message = if self.config.wire {
            let bytes = wire::encode(&message, Hints::default());
            let (decoded, _) = wire::decode(&bytes).expect("what was encoded decodes");
            assert_eq!(decoded, message);
            decoded
        } else {
            message
        };
        if self.rng.in_a_thousand(self.config.loss) {
            return;
        }
        let copies = if self.rng.in_a_thousand(self.config.duplicate) {
            2
        } else {
            1
        };
        for _ in 0..copies {
            let after = delay(&mut self.rng, self.config.latency);
            self.push(
                after,
                Item::Deliver {
                    from,
                    to,
                    life: self.nodes[to].life,
                    message: message.clone(),
                },
            );
        }
    }
}

/// Messages that bind a validator are durable before they leave.
pub(super) fn binds(message: &Message) -> bool {
    !matches!(
        message.payload,
        Payload::Suspect | Payload::RecoveryRequest(_) | Payload::RecoveryMessage(_)
    )
}
