//! Real engines in one process: virtual time, seeded disorder, crashes, and an oracle that watches for two
//! blocks of one height, two Commits of one validator, and witnesses that Neo would not take.
//!
//! The ledger and the signatures are the toys of the cluster of dBFT 3.0.

mod driving;
mod node;

mod byzantine;
mod good_case;
mod hostile;
mod lock;
mod recovering;
mod restarts;
mod swarm;
mod view_changes;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use neo_primitives::{Height, PublicKey, UInt256, ValidatorIndex, parse_signatures, sign_data};

use super::content::{Body, Content, Kind};
use super::message::{Draft, Message};
use crate::engine::{Engine, Event, Notice, Witnessed};
use crate::v3::Signer;
use crate::v3::cluster::ledger::{MAGIC, Schedule, ToyLedger};
use crate::v3::cluster::toys::{Rng, ToySigner, keys};
use crate::v3::context::HeightContext;
use crate::validators::ValidatorSet;

use driving::Item;
use node::Node;

const fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// How a cluster behaves.
#[derive(Clone, Debug)]
struct Config {
    validators: usize,
    block_time: Duration,
    max_block_time: Option<Duration>,
    /// Least and greatest time of one hop, in microseconds; the same for checks and the ledger.
    latency: (u64, u64),
    work: (u64, u64),
    /// Messages in a thousand that get lost.
    loss: u64,
    /// Transactions every 100 ms, and how many nodes in a hundred learn each of them.
    load: u32,
    gossip: u64,
    /// Whether nodes pass on the blocks that they store, as Neo nodes do.
    relays: bool,
}

impl Config {
    fn of(validators: usize) -> Self {
        Self {
            validators,
            block_time: ms(1000),
            max_block_time: None,
            latency: (10_000, 10_000),
            work: (0, 0),
            loss: 0,
            load: 2,
            gossip: 100,
            relays: true,
        }
    }
}

/// A message that left a node.
#[derive(Clone, Debug)]
struct Sent {
    at: Duration,
    from: usize,
    message: Message,
}

/// Whether a message on its way from one node to another arrives.
type Filter = Box<dyn FnMut(usize, usize, &Message) -> bool>;
/// Changes what a node of another implementation, or a liar, says.
type Habit = Box<dyn Fn(&mut Content)>;

/// A cluster.
struct Cluster {
    config: Config,
    seed: u64,
    now: Duration,
    rng: Rng,
    nodes: Vec<Node>,
    set: Arc<ValidatorSet>,
    filter: Option<Filter>,
    habits: BTreeMap<usize, Habit>,
    byzantine: BTreeSet<usize>,
    sent: Vec<Sent>,
    notices: Vec<(Duration, usize, Notice)>,
    queue: BTreeMap<(Duration, u64), Item>,
    sequence: u64,
    transactions: u32,
    fetches: usize,
    /// Signatures that did not hold, and other parts that were dropped.
    refused: Vec<(usize, String)>,
    /// The block of each height.
    blocks: BTreeMap<u32, UInt256>,
    /// What each honest node has committed to.
    commits: BTreeMap<(usize, u32), Message>,
}

impl Cluster {
    fn asleep(config: Config, seed: u64) -> Self {
        let all = keys(config.validators);
        let set = Arc::new(ValidatorSet::new(all.clone()).unwrap());
        let schedule = Arc::new(Schedule(BTreeMap::from([(0, Arc::clone(&set))])));
        let ledger = ToyLedger::new(schedule, config.block_time, false);
        let nodes = all.into_iter().map(|key| Node::new(key, ledger.clone()));
        let mut cluster = Self {
            seed,
            now: Duration::ZERO,
            rng: Rng::new(seed),
            nodes: nodes.collect(),
            set,
            filter: None,
            habits: BTreeMap::new(),
            byzantine: BTreeSet::new(),
            sent: Vec::new(),
            notices: Vec::new(),
            queue: BTreeMap::new(),
            sequence: 0,
            transactions: 0,
            fetches: 0,
            refused: Vec::new(),
            blocks: BTreeMap::new(),
            commits: BTreeMap::new(),
            config,
        };
        cluster.push(Duration::ZERO, Item::Load);
        cluster
    }

    /// A cluster whose nodes have all started.
    fn start(config: Config, seed: u64) -> Self {
        let mut cluster = Self::asleep(config, seed);
        (0..cluster.nodes.len()).for_each(|node| cluster.boot(node));
        cluster
    }

    fn stored(&self, node: usize) -> u32 {
        self.nodes[node].ledger.height().0
    }

    fn up(&self) -> Vec<usize> {
        let all = 0..self.nodes.len();
        all.filter(|node| self.nodes[*node].engine.is_some())
            .collect()
    }

    fn view(&self, node: usize) -> u32 {
        let engine = self.nodes[node].engine.as_ref().expect("it runs");
        engine
            .status()
            .heights
            .first()
            .map_or(0, |open| open.view.0)
    }

    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while self.step_before(end) {}
        self.now = end;
    }

    fn until(&mut self, limit: Duration, what: &str, done: impl Fn(&Self) -> bool) {
        let end = self.now + limit;
        while !done(self) {
            if !self.step_before(end) {
                let state = self.describe();
                panic!("SEED={}: not within {limit:?}: {what}\n{state}", self.seed);
            }
        }
    }

    fn until_stored(&mut self, nodes: &[usize], height: u32, limit: Duration) {
        let nodes = nodes.to_vec();
        self.until(limit, &format!("{nodes:?} store {height}"), |cluster| {
            nodes.iter().all(|node| cluster.stored(*node) >= height)
        });
    }

    fn until_all_stored(&mut self, height: u32, limit: Duration) {
        self.until_stored(&self.up(), height, limit);
    }

    /// Everything of a kind that a node has sent.
    fn sent_by(&self, node: usize, kind: Kind) -> Vec<&Sent> {
        let all = self.sent.iter();
        all.filter(|sent| sent.from == node && sent.message.kind() == kind)
            .collect()
    }

    /// How often any message of a kind was sent at a height.
    fn count(&self, kind: Kind, height: u32) -> usize {
        let all = self.sent.iter();
        all.filter(|sent| sent.message.kind() == kind && sent.message.height().0 == height)
            .count()
    }

    /// A message signed by a node, whatever it says.
    fn signed(&self, node: usize, content: Content) -> Message {
        let context = Arc::new(HeightContext {
            magic: MAGIC,
            height: content.height,
            prev_hash: UInt256::ZERO,
            validators: Arc::clone(&self.set),
        });
        let key = &self.nodes[node].key;
        Draft::new(&context, key, content).sign(&ToySigner(key.clone()))
    }

    /// Hands a message to a node as if a validator had sent it.
    fn inject(&mut self, from: usize, to: usize, message: Message) {
        let from = self.nodes[from].key.clone();
        self.handle(to, Event::Received { from, message });
    }

    fn content(&self, node: usize, height: u32, view: u8, body: Body) -> Content {
        Content {
            height: Height(height),
            validator: ValidatorIndex(u8::try_from(node).unwrap()),
            view,
            body,
        }
    }

    /// One block per height, with a witness as Neo wants it.
    fn note_block(&mut self, block: &Witnessed) {
        let (header, hash) = (block.body.header, block.body.hash());
        let held = *self.blocks.entry(header.index.0).or_insert(hash);
        assert_eq!(
            held, hash,
            "SEED={}: two blocks {}",
            self.seed, header.index
        );
        let signatures = parse_signatures(&block.witness.invocation).unwrap();
        assert_eq!(signatures.len(), self.set.quorum(), "exactly M");
        let data = sign_data(MAGIC, &hash);
        let signer = |key: &PublicKey| ToySigner(key.clone()).sign(&data);
        let mut keys = self.set.keys().iter();
        for signature in signatures {
            assert!(keys.any(|key| signer(key) == signature), "in key order");
        }
    }

    /// No honest node commits to two blocks of one height.
    fn note_sent(&mut self, from: usize, message: &Message) {
        if message.kind() == Kind::Commit && !self.byzantine.contains(&from) {
            let place = (from, message.height().0);
            let held = self.commits.entry(place).or_insert_with(|| message.clone());
            let same = held.content() == message.content();
            assert!(same, "SEED={}: {from} commits twice", self.seed);
        }
        let (at, message) = (self.now, message.clone());
        self.sent.push(Sent { at, from, message });
    }

    fn describe(&self) -> String {
        let mut out = format!("at {:?}\n", self.now);
        for (index, node) in self.nodes.iter().enumerate() {
            let Some(engine) = &node.engine else {
                out.push_str(&format!("{index}: down\n"));
                continue;
            };
            for open in engine.status().heights {
                let votes = open.votes.iter().map(|seen| {
                    let asked = seen.change_view.map_or(0, |view| view.0);
                    format!("{}{}{asked}", u8::from(seen.prepare), u8::from(seen.commit))
                });
                let votes: Vec<_> = votes.collect();
                out.push_str(&format!(
                    "{index}: {} view {} {} leader {} {}\n",
                    open.height,
                    open.view,
                    open.phase,
                    open.leader,
                    votes.join(" ")
                ));
            }
        }
        out
    }
}
