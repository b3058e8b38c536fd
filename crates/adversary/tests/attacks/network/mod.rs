//! A small network of real engines, some of them with an adversary at the door. One thread, virtual
//! time, one seed.

mod ledger;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use neo_adversary::{Adversary, Attack, Collusion, Content, Outgoing, Surroundings};
use neo_consensus::engine::{
    Actions, Connectivity, Engine, Event, Fetch, Fetched, LedgerEvent, Notice, Now, Recipient,
    TimerId,
};
use neo_consensus::v3::context::HeightContext;
use neo_consensus::v3::evidence::Evidence;
use neo_consensus::v3::evidence::archive::VoteArchive;
use neo_consensus::v3::timing::TimerSettings;
use neo_consensus::v3::wire;
use neo_consensus::v3::{
    EngineSettings, Message, Outcome, OwnMessage, Payload, Record, Restored, V3Engine, VoteLogState,
};
use neo_consensus::{ValidatorSet, View};
use neo_invariants::ideal::{IdealCheck, IdealSigner};
use neo_primitives::{Height, PrivateKey, PublicKey, UInt256, ValidatorIndex};

use ledger::{Ledger, genesis};

pub(crate) use ledger::MAGIC;

pub(crate) const fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

const EPOCH_MS: u64 = 1_700_000_001_000;
const TICK: Duration = ms(20);

enum Item {
    Deliver {
        from: usize,
        to: usize,
        content: Content,
    },
    Verified(usize, Outcome),
    Ledger(usize, LedgerEvent),
    Timer(usize, TimerId, Duration),
    Fetched(usize, Fetched),
    Tick(usize),
}

pub(crate) struct Node {
    pub(crate) key: PublicKey,
    engine: V3Engine,
    pub(crate) ledger: Ledger,
    timers: BTreeMap<TimerId, Duration>,
    pub(crate) adversary: Option<Adversary>,
    pub(crate) records: Vec<Record>,
}

/// One message that left a node with an adversary, or would have left it.
pub(crate) struct Sent {
    pub(crate) at: Duration,
    pub(crate) outgoing: Outgoing,
}

/// Whether a message on its way from one node to another arrives.
type Filter = Box<dyn FnMut(usize, usize, &Message) -> bool>;

pub(crate) struct Network {
    pub(crate) now: Duration,
    pub(crate) set: Arc<ValidatorSet>,
    pub(crate) nodes: Vec<Node>,
    queue: BTreeMap<(Duration, u64), Item>,
    sequence: u64,
    random: u64,
    /// What adversaries let out.
    pub(crate) bent: Vec<Sent>,
    /// What their engines wanted to send.
    pub(crate) meant: Vec<Sent>,
    /// What left on the adversaries' own initiative.
    pub(crate) ticked: Vec<Sent>,
    /// Every message that honest nodes sent.
    pub(crate) honest: Vec<(usize, Message)>,
    pub(crate) evidence: Vec<(usize, Evidence)>,
    pub(crate) notices: Vec<(usize, Notice)>,
    pub(crate) decided: BTreeMap<u32, BTreeSet<UInt256>>,
    pub(crate) refused: usize,
    pub(crate) undecodable: usize,
    /// Which messages arrive.
    pub(crate) filter: Filter,
}

pub(crate) fn keys(count: usize) -> Vec<PublicKey> {
    let key = |i: usize| {
        let bytes = [u8::try_from(i).unwrap() + 1; 32];
        PrivateKey::from_bytes(&bytes).unwrap().public_key().clone()
    };
    let mut keys: Vec<_> = (0..count).map(key).collect();
    keys.sort();
    keys
}

impl Network {
    /// `count` validators; node number and validator index are the same.
    pub(crate) fn new(count: usize, liars: &[(usize, &[Attack])], seed: u64) -> Self {
        Self::with_block_time(count, liars, seed, ms(30))
    }

    pub(crate) fn with_block_time(
        count: usize,
        liars: &[(usize, &[Attack])],
        seed: u64,
        block_time: Duration,
    ) -> Self {
        let keys = keys(count);
        let set = Arc::new(ValidatorSet::new(keys.clone()).unwrap());
        let collusion = Collusion::new();
        for (liar, _) in liars {
            collusion.join(&keys[*liar]);
        }
        let timers = TimerSettings {
            base_timeout: ms(300),
            max_timeout: ms(2_000),
            resend_interval: ms(50),
            ..TimerSettings::default()
        };
        let node = |(index, key): (usize, &PublicKey)| {
            let liar = liars.iter().find(|(liar, _)| *liar == index);
            let adversary = liar.map(|(_, attacks)| {
                Adversary::new(attacks, seed ^ index as u64)
                    .colluding(collusion.clone())
                    .aiming_at(timers)
            });
            let restored = Restored {
                stored: Height(0),
                tip: genesis().hash(),
                records: Vec::new(),
                log: VoteLogState::Intact,
            };
            let settings = EngineSettings::new(Some(key.clone()), true, timers);
            Node {
                key: key.clone(),
                engine: V3Engine::new(settings, restored),
                ledger: Ledger::new(&set, block_time),
                timers: BTreeMap::new(),
                adversary,
                records: Vec::new(),
            }
        };
        let nodes: Vec<_> = keys.iter().enumerate().map(node).collect();
        let mut network = Self {
            now: ms(0),
            set,
            nodes,
            queue: BTreeMap::new(),
            sequence: 0,
            random: seed,
            bent: Vec::new(),
            meant: Vec::new(),
            ticked: Vec::new(),
            honest: Vec::new(),
            evidence: Vec::new(),
            notices: Vec::new(),
            decided: BTreeMap::new(),
            refused: 0,
            undecodable: 0,
            filter: Box::new(|_, _, _| true),
        };
        for index in 0..count {
            for other in 0..count {
                if other != index {
                    let peer = network.nodes[other].key.clone();
                    let state = Connectivity::Up { round_trip: ms(2) };
                    network.handle(index, Event::Connectivity { peer, state });
                }
            }
            network.handle(index, Event::Start);
            network.push(TICK, Item::Tick(index));
        }
        network
    }

    fn draw(&mut self) -> u64 {
        self.random = self
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.random >> 20
    }

    fn push(&mut self, after: Duration, item: Item) {
        self.sequence += 1;
        self.queue.insert((self.now + after, self.sequence), item);
    }

    fn now(&mut self) -> Now {
        Now {
            monotonic: self.now,
            wall_ms: EPOCH_MS + u64::try_from(self.now.as_millis()).unwrap(),
            entropy: self.draw(),
        }
    }

    pub(crate) fn honest_nodes(&self) -> Vec<usize> {
        (0..self.nodes.len())
            .filter(|node| self.nodes[*node].adversary.is_none())
            .collect()
    }

    pub(crate) fn lowest(&self) -> u32 {
        let heights = self.honest_nodes().into_iter();
        heights
            .map(|node| self.nodes[node].ledger.height())
            .min()
            .unwrap()
    }

    pub(crate) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while self.step(end) {}
        self.now = end;
    }

    /// Runs until all honest nodes have stored a height.
    pub(crate) fn until_stored(&mut self, height: u32, within: Duration) {
        let end = self.now + within;
        while self.lowest() < height {
            assert!(
                self.step(end),
                "only {} of {height} stored after {within:?}",
                self.lowest()
            );
        }
    }

    fn step(&mut self, end: Duration) -> bool {
        let Some(entry) = self
            .queue
            .first_entry()
            .filter(|entry| entry.key().0 <= end)
        else {
            return false;
        };
        let ((at, _), item) = entry.remove_entry();
        self.now = at;
        match item {
            Item::Deliver { from, to, content } => self.deliver(from, to, content),
            Item::Verified(node, outcome) => self.handle(node, Event::Verified(outcome)),
            Item::Ledger(node, event) => self.ledger_event(node, event),
            Item::Timer(node, id, at) => {
                if self.nodes[node].timers.get(&id) == Some(&at) {
                    self.nodes[node].timers.remove(&id);
                    self.handle(node, Event::Timer(id));
                }
            }
            Item::Fetched(node, fetched) => self.handle(node, Event::Fetched(fetched)),
            Item::Tick(node) => {
                let now = self.now();
                let sent =
                    self.with_adversary(node, now, |adversary, around| adversary.tick(around));
                let sent = sent.unwrap_or_default();
                for outgoing in &sent {
                    self.ticked.push(Sent {
                        at: self.now,
                        outgoing: outgoing.clone(),
                    });
                }
                self.leave(node, sent);
                self.push(TICK, Item::Tick(node));
            }
        }
        true
    }

    fn with_adversary<T>(
        &mut self,
        node: usize,
        now: Now,
        act: impl FnOnce(&mut Adversary, &Surroundings<'_>) -> T,
    ) -> Option<T> {
        let Node {
            key,
            engine,
            ledger,
            adversary,
            ..
        } = &mut self.nodes[node];
        let adversary = adversary.as_mut()?;
        let signer = IdealSigner::new(key.clone());
        let bodies = |hash: &UInt256| engine.body(hash).or_else(|| ledger.body(hash));
        let around = Surroundings {
            now,
            own: key,
            signer: &signer,
            bodies: &bodies,
        };
        Some(act(adversary, &around))
    }

    fn deliver(&mut self, from: usize, to: usize, content: Content) {
        let message = match content {
            Content::Message(message) => message,
            Content::Bytes(bytes) => match wire::decode(&bytes) {
                Ok((message, _)) => message,
                Err(_) => {
                    self.undecodable += 1;
                    return;
                }
            },
        };
        let key = self.nodes[from].key.clone();
        let now = self.now();
        let reaction = self.with_adversary(to, now, |adversary, around| {
            adversary.incoming(around, &key, &message)
        });
        let keep = reaction.as_ref().is_none_or(|reaction| reaction.keep);
        if let Some(reaction) = reaction {
            self.leave(to, reaction.send);
        }
        if keep {
            self.handle(to, Event::Received { from: key, message });
        }
    }

    fn ledger_event(&mut self, node: usize, event: LedgerEvent) {
        let key = self.nodes[node].key.clone();
        if let Some(adversary) = &mut self.nodes[node].adversary {
            adversary.learn(&key, &event);
        }
        self.handle(node, Event::Ledger(event));
    }

    fn handle(&mut self, node: usize, event: Event<V3Engine>) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            let now = self.now();
            let actions = self.nodes[node].engine.step(now, event);
            self.carry_out(node, actions, &mut events);
        }
    }

    fn carry_out(
        &mut self,
        node: usize,
        actions: Actions<V3Engine>,
        events: &mut VecDeque<Event<V3Engine>>,
    ) {
        let honest = self.nodes[node].adversary.is_none();
        for notice in actions.notices {
            if honest && let Notice::Decided { height, hash, .. } = &notice {
                let blocks = self.decided.entry(height.0).or_default();
                blocks.insert(*hash);
            }
            self.notices.push((node, notice));
        }
        for action in actions.ledger {
            if let Some(event) = self.nodes[node].ledger.request(action) {
                self.push(Duration::from_micros(50), Item::Ledger(node, event));
            }
        }
        for fetch in actions.fetch {
            self.fetch(node, fetch);
        }
        for job in actions.verify {
            let outcome = job.run(&IdealCheck);
            self.refused += outcome.refused.len();
            self.push(Duration::from_micros(20), Item::Verified(node, outcome));
        }
        for change in actions.timers {
            match change.at {
                Some(at) => {
                    self.nodes[node].timers.insert(change.id, at);
                    let after = at.saturating_sub(self.now);
                    self.push(after, Item::Timer(node, change.id, at));
                }
                None => {
                    self.nodes[node].timers.remove(&change.id);
                }
            }
        }
        if honest {
            let proofs = actions.evidence.into_iter().map(|proof| (node, proof));
            self.evidence.extend(proofs);
        }
        let signer = IdealSigner::new(self.nodes[node].key.clone());
        let signed: Vec<_> = actions
            .send
            .into_iter()
            .map(|(to, draft)| (to, OwnMessage::sign(draft, &signer)))
            .collect();
        let mut outgoing = Vec::new();
        self.nodes[node].records.extend(actions.persist);
        for (to, own) in signed {
            let message = own.message().clone();
            let binds = !matches!(
                message.payload,
                Payload::Suspect | Payload::RecoveryRequest(_) | Payload::RecoveryMessage(_)
            );
            if binds {
                self.nodes[node].records.push(Record::Own(message.clone()));
            }
            outgoing.push(Outgoing::message(to, message));
            if binds || matches!(own.message().payload, Payload::Suspect) {
                events.push_back(Event::Own(own));
            }
        }
        let again = actions.resend.into_iter();
        outgoing.extend(again.map(|(to, message)| Outgoing::message(to, message)));
        if honest {
            for one in &outgoing {
                if let Content::Message(message) = &one.content {
                    self.honest.push((node, message.clone()));
                }
            }
        } else {
            for one in &outgoing {
                self.meant.push(Sent {
                    at: self.now,
                    outgoing: one.clone(),
                });
            }
            let now = self.now();
            outgoing = self
                .with_adversary(node, now, |adversary, around| {
                    adversary.outgoing(around, outgoing)
                })
                .unwrap_or_default();
        }
        self.leave(node, outgoing);
    }

    fn leave(&mut self, node: usize, outgoing: Vec<Outgoing>) {
        for one in outgoing {
            let receivers: Vec<usize> = match &one.to {
                Recipient::All => (0..self.nodes.len()).collect(),
                Recipient::One(key) => (0..self.nodes.len())
                    .filter(|to| self.nodes[*to].key == *key)
                    .collect(),
            };
            for to in receivers.into_iter().filter(|to| *to != node) {
                if let Content::Message(message) = &one.content
                    && !(self.filter)(node, to, message)
                {
                    continue;
                }
                let latency = Duration::from_micros(500 + self.draw() % 1_500);
                let content = one.content.clone();
                let item = Item::Deliver {
                    from: node,
                    to,
                    content,
                };
                self.push(one.delay + latency, item);
            }
            if self.nodes[node].adversary.is_some() {
                self.bent.push(Sent {
                    at: self.now,
                    outgoing: one,
                });
            }
        }
    }

    fn fetch(&mut self, node: usize, fetch: Fetch) {
        let (hash, from) = match &fetch {
            Fetch::Blocks { from, .. } => {
                let peer = self.index(from);
                let blocks = self.nodes[peer].ledger.stored.clone();
                for event in self.nodes[node].ledger.import(&blocks) {
                    self.push(ms(2), Item::Ledger(node, event));
                }
                return;
            }
            Fetch::Transactions { hash, from, .. }
            | Fetch::Hashes { hash, from }
            | Fetch::Body { hash, from } => (*hash, from.clone()),
        };
        let asker = self.nodes[node].key.clone();
        let mut found = None;
        for key in from.iter().take(3) {
            let peer = self.index(key);
            let held = self.nodes[peer]
                .engine
                .body(&hash)
                .or_else(|| self.nodes[peer].ledger.body(&hash));
            let now = self.now();
            let answer = self.with_adversary(peer, now, |adversary, around| {
                adversary.body(around, &asker, &hash, held.clone())
            });
            found = answer.unwrap_or(held);
            if found.is_some() {
                break;
            }
        }
        let fetched = match (found, fetch) {
            (None, _) => Fetched::Nothing { hash },
            (Some(body), Fetch::Transactions { positions, .. }) => Fetched::Transactions {
                hash,
                transactions: positions
                    .into_iter()
                    .filter_map(|at| Some((at, body.transactions.get(at as usize)?.clone())))
                    .collect(),
            },
            (Some(body), Fetch::Hashes { .. }) => Fetched::Hashes {
                hash,
                hashes: body.transaction_hashes(),
            },
            (Some(body), _) => Fetched::Body(body),
        };
        self.push(ms(2), Item::Fetched(node, fetched));
    }

    fn index(&self, key: &PublicKey) -> usize {
        usize::from(self.set.index_of(key).expect("a validator").0)
    }

    /// What the signatures of a height cover; the block before must be stored by an honest node.
    pub(crate) fn context(&self, height: u32) -> Arc<HeightContext> {
        let node = self.honest_nodes()[0];
        let before = &self.nodes[node].ledger.stored[height as usize - 1];
        Arc::new(HeightContext {
            magic: MAGIC,
            height: Height(height),
            prev_hash: before.hash(),
            validators: Arc::clone(&self.set),
        })
    }

    /// Everything that was sent and recorded at a height.
    pub(crate) fn archive(&self, height: u32) -> VoteArchive {
        let mut archive = VoteArchive::new(self.context(height));
        for (_, message) in &self.honest {
            archive.add_message(message, &IdealCheck);
        }
        for sent in &self.bent {
            if let Content::Message(message) = &sent.outgoing.content {
                archive.add_message(message, &IdealCheck);
            }
        }
        for node in &self.nodes {
            for record in &node.records {
                archive.add_record(record, &IdealCheck);
            }
        }
        archive
    }

    /// No two honest nodes decided or stored different blocks.
    pub(crate) fn assert_agreement(&self) {
        for (height, blocks) in &self.decided {
            assert_eq!(blocks.len(), 1, "a fork at {height}");
        }
        let honest = self.honest_nodes();
        for height in 0..=self.lowest() as usize {
            let blocks: BTreeSet<_> = honest
                .iter()
                .map(|node| self.nodes[*node].ledger.stored[height].hash())
                .collect();
            assert_eq!(blocks.len(), 1, "a fork at {height}");
        }
    }

    /// Nobody honest is accused, by any engine or by the archive, and every proof of an engine is one.
    pub(crate) fn assert_only_liars_are_accused(&self) {
        let honest = self.honest_nodes();
        let is_honest = |culprit: ValidatorIndex| honest.contains(&usize::from(culprit.0));
        for (_, evidence) in &self.evidence {
            let culprit = evidence
                .verify(MAGIC, &self.set, &IdealCheck)
                .unwrap_or_else(|error| panic!("{evidence}: {error}"));
            assert!(!is_honest(culprit), "{evidence}");
        }
        for height in 1..=self.lowest() + 1 {
            for culprit in self.archive(height).culprits() {
                assert!(!is_honest(culprit), "{culprit} accused at {height}");
            }
        }
    }

    /// Messages of a kind that adversaries let out.
    pub(crate) fn let_out<'a>(
        &'a self,
        fits: impl Fn(&Message) -> bool + 'a,
    ) -> impl Iterator<Item = (&'a Sent, &'a Message)> + 'a {
        self.bent
            .iter()
            .filter_map(move |sent| match &sent.outgoing.content {
                Content::Message(message) if fits(message) => Some((sent, message)),
                _ => None,
            })
    }

    pub(crate) fn highest_view(&self) -> View {
        let entered = self.notices.iter().filter_map(|(_, notice)| match notice {
            Notice::ViewEntered { view, .. } => Some(*view),
            _ => None,
        });
        entered.max().unwrap_or_default()
    }
}
