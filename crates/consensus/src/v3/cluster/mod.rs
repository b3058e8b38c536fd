//! Real engines in one process: virtual time, seeded disorder, crashes, partitions, a toy ledger and
//! toy signatures, and an oracle that knows the protocol's promises without the engine's code.
//!
//! | module      | what it holds                                                       |
//! |-------------|---------------------------------------------------------------------|
//! | `run`       | the queue of events, and the driver of each node                    |
//! | `lives`     | starts, crashes, connections                                        |
//! | `fetching`  | what nodes ask of their ledgers and of each other                   |
//! | `node`      | one node: engine, vote log, ledger, timers; crash and restart       |
//! | `links`     | latency, loss, duplication, partitions                              |
//! | `ledger`    | blocks of toy transactions, executed ahead or not                   |
//! | `oracle`    | agreement, witnesses, what each validator signed                    |
//! | `accusations` | nobody honest is accused, whatever anybody sent                   |
//! | `toys`      | signatures, transactions, random numbers                            |
//! | the others  | scenarios                                                           |

mod fetching;
pub(crate) mod ledger;
mod links;
mod lives;
mod node;
mod oracle;
mod run;
pub(crate) mod toys;

mod accusations;
mod bodies;
mod byzantine;
mod emergencies;
mod fingerprints;
mod good_case;
mod hostile;
mod laggards;
mod liars;
mod lock;
mod relays;
mod replays;
mod restarts;
mod restored;
mod silence;
mod suspicion;
mod swarm;
mod timing;
mod view_changes;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use neo_primitives::{Height, PublicKey, UInt256};

use super::context::MessageKind;
use super::message::Message;
use super::timing::TimerSettings;
use crate::engine::{Engine, Notice, Recipient};
use crate::v3::evidence::Evidence;

use links::Links;
use node::Node;
use oracle::Oracle;
use run::Item;
use toys::Rng;

/// How a cluster behaves.
#[derive(Clone, Debug)]
struct Config {
    /// Nodes with a validator key.
    validators: usize,
    /// Nodes without one, after the validators.
    observers: usize,
    /// Node numbers of the validators from a height on; all validators when empty.
    sets: Vec<(u32, Vec<usize>)>,
    block_time: Duration,
    executes_ahead: bool,
    /// Least and greatest time of one hop, of a signature check, of a ledger request, in microseconds.
    latency: (u64, u64),
    verify: (u64, u64),
    ledger: (u64, u64),
    /// What each transaction adds to the check of a block, in microseconds.
    per_transaction: u64,
    /// Most transactions that ledgers put into a block.
    block_size: usize,
    /// Messages in a thousand that get lost, and that come twice.
    loss: u64,
    duplicate: u64,
    /// Transactions submitted every 100 ms, and how many nodes in a hundred learn each of them.
    load: u32,
    gossip: u64,
    /// Whether messages go through their bytes.
    wire: bool,
    timers: TimerSettings,
}

impl Config {
    fn of(validators: usize) -> Self {
        Self {
            validators,
            observers: 0,
            sets: Vec::new(),
            block_time: Duration::from_secs(1),
            executes_ahead: true,
            latency: (10_000, 10_000),
            verify: (0, 0),
            ledger: (0, 0),
            per_transaction: 0,
            block_size: 5,
            loss: 0,
            duplicate: 0,
            load: 2,
            gossip: 100,
            wire: true,
            timers: TimerSettings::default(),
        }
    }
}

/// One message that left a node.
#[derive(Clone, Debug)]
struct Sent {
    at: Duration,
    from: usize,
    to: Recipient,
    message: Message,
    /// A repetition of an earlier one.
    again: bool,
}

/// Whether a message on its way from one node to another arrives.
type Filter = Box<dyn FnMut(usize, usize, &Message) -> bool>;

/// A cluster.
struct Cluster {
    config: Config,
    seed: u64,
    now: Duration,
    rng: Rng,
    nodes: Vec<Node>,
    links: Links,
    /// Whether messages for a node that is not reached go through a third one.
    relaying: bool,
    filter: Option<Filter>,
    oracle: Oracle,
    sent: Vec<Sent>,
    notices: Vec<(Duration, usize, Notice)>,
    evidence: Vec<(usize, Evidence)>,
    /// Nodes that answer fetches with nonsense, and that do not answer them.
    liars: BTreeSet<usize>,
    mute: BTreeSet<usize>,
    /// How often a node asked another for bodies, hashes or transactions.
    fetches: usize,
    /// When a node asked its ledger for a block, and on which parent.
    builds: Vec<(Duration, usize, UInt256)>,
    /// When a node asked its ledger to check a block, and of which height.
    checks: Vec<(Duration, usize, u32)>,
    queue: BTreeMap<(Duration, u64), Item>,
    sequence: u64,
    transactions: u32,
    /// How often a node wanted everybody dialled again.
    redials: usize,
}

const fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

impl Cluster {
    /// A cluster whose nodes have all started.
    fn start(config: Config, seed: u64) -> Self {
        let mut cluster = Self::asleep(config, seed);
        for node in 0..cluster.nodes.len() {
            cluster.boot(node);
        }
        cluster
    }

    fn node_of(&self, key: &PublicKey) -> Option<usize> {
        self.nodes.iter().position(|node| node.key == *key)
    }

    fn stored(&self, node: usize) -> u32 {
        self.nodes[node].ledger.height().0
    }

    fn block(&self, node: usize, height: u32) -> UInt256 {
        self.nodes[node]
            .ledger
            .hash_at(Height(height))
            .expect("a stored height")
    }

    /// Current view of a node at an open height.
    fn view(&self, node: usize, height: u32) -> Option<u32> {
        let status = self.nodes[node].engine.as_ref()?.status();
        let open = status.heights.iter().find(|open| open.height.0 == height)?;
        Some(open.view.0)
    }

    /// Nodes that run.
    fn up(&self) -> Vec<usize> {
        (0..self.nodes.len())
            .filter(|node| self.nodes[*node].engine.is_some())
            .collect()
    }

    /// Runs for some time.
    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while self.step_before(end) {}
        self.now = end;
    }

    /// Runs until `done`, or fails the test after `limit`.
    fn until(&mut self, limit: Duration, what: &str, done: impl Fn(&Self) -> bool) {
        let end = self.now + limit;
        while !done(self) {
            if !self.step_before(end) {
                panic!(
                    "SEED={}: not within {limit:?}, until {:?}: {what}\n{}",
                    self.seed,
                    self.now,
                    self.describe()
                );
            }
        }
    }

    /// Runs until these nodes have stored a height.
    fn until_stored(&mut self, nodes: &[usize], height: u32, limit: Duration) {
        let nodes = nodes.to_vec();
        self.until(limit, &format!("{nodes:?} store {height}"), |cluster| {
            nodes.iter().all(|node| cluster.stored(*node) >= height)
        });
    }

    /// Runs until all nodes that run have stored a height.
    fn until_all_stored(&mut self, height: u32, limit: Duration) {
        self.until_stored(&self.up(), height, limit);
    }

    /// How many notices fit.
    fn noticed(&self, fits: impl Fn(&Notice) -> bool) -> usize {
        self.notices
            .iter()
            .filter(|(_, _, notice)| fits(notice))
            .count()
    }

    /// The first block that was proposed at a height.
    fn proposed(&self, height: u32) -> UInt256 {
        let proposal = self.sent.iter().find_map(|sent| {
            let fits = sent.message.height.0 == height;
            sent.message
                .block()
                .filter(|_| fits && sent.message.kind() == MessageKind::Proposal)
        });
        proposal.expect("a proposal")
    }

    /// When the block that was decided at a height was first proposed.
    fn proposed_at(&self, height: u32) -> Duration {
        let decided = self
            .up()
            .into_iter()
            .find(|node| self.stored(*node) >= height);
        let block = decided.map(|node| self.block(node, height));
        let proposal = self.sent.iter().find(|sent| {
            let fits = sent.message.height.0 == height && !sent.again;
            let block = block.is_none() || sent.message.block() == block;
            fits && block && sent.message.kind() == MessageKind::Proposal
        });
        proposal.expect("a proposal").at
    }

    /// Number of events so far.
    fn sequence(&self) -> u64 {
        self.sequence
    }

    fn view_changes(&self) -> usize {
        self.noticed(|notice| matches!(notice, Notice::ViewChangeAsked { .. }))
    }

    fn describe(&self) -> String {
        let mut out = String::new();
        for (index, node) in self.nodes.iter().enumerate() {
            let Some(engine) = &node.engine else {
                out.push_str(&format!("{index}: down, stored {}\n", node.ledger.height()));
                continue;
            };
            let status = engine.status();
            out.push_str(&format!(
                "{index}: stored {} voting {}",
                status.stored, status.voting
            ));
            for open in &status.heights {
                let votes: Vec<_> = open
                    .votes
                    .iter()
                    .map(|seen| {
                        let mark = |set: bool, letter: char| if set { letter } else { '-' };
                        format!(
                            "{}{}{}{}",
                            mark(seen.prepare, 'P'),
                            mark(seen.pre_commit, 'C'),
                            mark(seen.commit, 'X'),
                            seen.change_view
                                .map_or(String::from("-"), |view| view.to_string())
                        )
                    })
                    .collect();
                out.push_str(&format!(
                    " [{} view {} {} leader {} block {:?} {}]",
                    open.height,
                    open.view,
                    open.phase,
                    open.leader,
                    open.block.map(|hash| hash.as_wire()[0]),
                    votes.join(" ")
                ));
            }
            out.push('\n');
        }
        out
    }
}
