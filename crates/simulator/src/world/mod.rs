//! The world of a run: nodes, network, time.
//!
//! | module     | what it holds                                                               |
//! |------------|-----------------------------------------------------------------------------|
//! | `queue`    | what happens next                                                           |
//! | `setup`    | keys, genesis, signatures                                                   |
//! | `node`     | one node: what is volatile, what is durable                                 |
//! | `clock`    | its clocks                                                                  |
//! | `lives`    | starts and crashes                                                          |
//! | `freezing` | processes that stand still                                                  |
//! | `connecting` | who is connected with whom                                                |
//! | `watching` | who is heard of those that lead soon                                        |
//! | `relaying` | the way around a dead link                                                  |
//! | `flooding` | passing on where everybody passes everything on                               |
//! | `protocol`, `two`, `three` | what differs between the protocols                           |
//! | `processor` | what waits for a node's processor, and what it costs                        |
//! | `stepping` | the engine's events and actions                                             |
//! | `timers`   | its timers                                                                  |
//! | `recording` | its votes on their way into the vote log                                    |
//! | `ledgers`  | what it asks its ledger                                                     |
//! | `sending`  | messages from a node to the network, filters                                |
//! | `mail`     | what a message is here                                                      |
//! | `links`    | delays, loss, partitions                                                    |
//! | `exchange` | bodies and blocks that nodes ask each other for                             |
//! | `load`     | transactions                                                                |
//! | `turns`    | who leads which view                                                        |
//! | `watch`    | conditions of the plan                                                      |
//! | `faults`   | what the plan breaks and mends                                              |
//! | `notices`  | what engines say, as events                                                 |
//! | `book`     | events for trace, oracles and report                                        |
//! | `verdict`  | expectations of the plan                                                    |
//! | `pace`, `paths` | expectations of times                                                  |

mod book;
mod clock;
mod connecting;
mod exchange;
mod faults;
mod flooding;
mod freezing;
mod ledgers;
mod links;
mod lives;
mod load;
mod mail;
mod node;
mod notices;
mod pace;
mod paths;
mod processor;
mod protocol;
mod queue;
mod recording;
mod relaying;
mod sending;
mod setup;
mod stepping;
mod three;
mod timers;
mod turns;
mod two;
mod verdict;
mod watch;
mod watching;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use neo_adversary::Collusion;
use neo_consensus::v2::V2Engine;
use neo_consensus::v3::V3Engine;
use neo_consensus::v3::timing::TimerSettings;
use neo_consensus::vote_log::{Identity, MemoryMedium, VoteLog};
use neo_invariants::Setup;
use neo_invariants::ideal::IdealSigner;
use neo_ledger::GenesisConfig;
use neo_ledger::store::MemoryStore;
use neo_primitives::{Magic, PublicKey, UInt160, UInt256, ValidatorIndex};

use crate::Options;
use crate::plan::{Plan, Version};
use crate::random::{Random, Stream};
use crate::report::{Report, Stopped};
use crate::trace::TraceSink;

use book::Book;
use clock::Clock;
use faults::Troubles;
use links::Links;
use load::Wallet;
use node::Node;
use protocol::Simulated;
use queue::{Item, Ns, Queue};
use sending::Sieve;
use setup::IdealScheme;
use turns::Turns;
use watch::Watch;

const NS_PER_MS: u64 = 1_000_000;
/// What one engine may hold, besides its share for each validator.
const FOOTPRINT: usize = 6_000;
/// Its share for each validator.
const FOOTPRINT_PER_VALIDATOR: usize = 400;

/// Everything of a run.
struct World<'a, P: Simulated> {
    plan: &'a Plan,
    #[cfg(feature = "mutation")]
    options: Options,
    now: Ns,
    queue: Queue<P>,
    nodes: Vec<Node<P>>,
    genesis: GenesisConfig,
    genesis_hash: UInt256,
    /// What the headers of the run carry.
    next_consensus: UInt160,
    scheme: IdealScheme,
    timers: TimerSettings,
    links: Links,
    sieve: Sieve<P>,
    troubles: Troubles,
    watch: Watch,
    turns: Turns,
    wallet: Option<Wallet>,
    /// Number of the last message.
    messages: u64,
    /// Number of the last question.
    questions: u64,
    /// The plan's healing has come.
    healed: bool,
    book: Book<'a, P>,
}

/// Runs a valid plan.
pub(crate) fn run(plan: &Plan, seed: u64, sink: &mut dyn TraceSink, options: Options) -> Report {
    match plan.protocol {
        Version::Two => run_protocol::<V2Engine>(plan, seed, sink, options),
        Version::Three => run_protocol::<V3Engine>(plan, seed, sink, options),
    }
}

fn run_protocol<P: Simulated>(
    plan: &Plan,
    seed: u64,
    sink: &mut dyn TraceSink,
    options: Options,
) -> Report {
    let mut world = World::<P>::new(plan, seed, sink);
    #[cfg(feature = "mutation")]
    {
        world.options = options;
    }
    #[cfg(not(feature = "mutation"))]
    let Options {} = options;
    let stopped = world.go();
    world.report(seed, stopped)
}

impl<'a, P: Simulated> World<'a, P> {
    fn new(plan: &'a Plan, seed: u64, sink: &'a mut dyn TraceSink) -> Self {
        let keys = setup::keys(plan.validators);
        let validators = setup::validators(&keys);
        let genesis = setup::genesis(plan, &keys);
        let genesis_hash = genesis.genesis_block().hash();
        let nodes = Self::nodes(plan, seed, &keys, genesis.magic, genesis_hash);
        let faulty = nodes.iter().filter(|node| !node.honest);
        let oracles = P::judge(Setup {
            magic: genesis.magic,
            validators: Arc::clone(&validators),
            byzantine: faulty.map(|node| node.validator).collect(),
            genesis: genesis.genesis_block().header,
            heal_bound: plan
                .heal_at_ms
                .map(|_| Duration::from_millis(plan.heal_bound_ms)),
            footprint_limit: FOOTPRINT + FOOTPRINT_PER_VALIDATOR * usize::from(plan.validators),
        });
        let mut watch = Watch::new();
        let troubles = Troubles::new(plan, &mut watch);
        let sieve = Sieve::new(plan, &mut watch);
        let mut book = Book::new(plan, &mut watch, oracles, sink);
        book.coverage.swings = u64::from(plan.network.swing.is_some());
        let links = Links::new(
            nodes.len(),
            plan.network.clone(),
            Random::new(seed, Stream::Network),
        );
        let timers = plan.timers.settings();
        let wallet = (plan.load_per_s > 0)
            .then(|| Wallet::new(&keys, genesis.magic, Random::new(seed, Stream::Load)))
            .flatten();
        let scheme = IdealScheme::new(&keys);
        Self {
            plan,
            #[cfg(feature = "mutation")]
            options: Options::default(),
            now: 0,
            queue: Queue::default(),
            nodes,
            next_consensus: genesis.genesis_block().header.next_consensus,
            genesis,
            genesis_hash,
            scheme,
            timers,
            links,
            sieve,
            troubles,
            watch,
            turns: Turns::new(plan),
            wallet,
            messages: 0,
            questions: 0,
            healed: false,
            book,
        }
    }

    /// The nodes of a plan, none of which runs.
    fn nodes(
        plan: &Plan,
        seed: u64,
        keys: &[PublicKey],
        magic: Magic,
        genesis: UInt256,
    ) -> Vec<Node<P>> {
        let collusion = Collusion::new();
        let node = |number: u16| {
            let index = plan.validator_of(number);
            let validator = ValidatorIndex(u8::try_from(index).ok()?);
            let key = keys.get(usize::from(index))?.clone();
            let attacker = plan.byzantine.iter().find(|one| one.validator == index);
            let adversary = attacker.map(|attacker| {
                let seed = Random::numbered(seed, Stream::Adversary, u64::from(number)).bits();
                P::villain(&attacker.attacks, seed, &collusion)
            });
            let identity = Identity {
                magic,
                genesis,
                validator: key.clone(),
            };
            let log = VoteLog::initialise(MemoryMedium::default(), identity).ok()?;
            let quirk = plan.nodes.iter().find(|quirk| quirk.node == number);
            Some(Node {
                honest: adversary.is_none() && !plan.twins.contains(&index),
                adversary,
                signer: IdealSigner::new(key.clone()),
                key,
                validator,
                random: Random::numbered(seed, Stream::Nodes, u64::from(number)),
                clock: Clock::new(
                    0,
                    quirk.map_or(0, |quirk| quirk.skew_ms),
                    quirk.map_or(0, |quirk| quirk.drift_ppm),
                ),
                slow_percent: quirk.map_or(100, |quirk| quirk.slow_percent),
                life: 0,
                running: None,
                medium: log.into_medium(),
                copy: None,
                store: MemoryStore::new(),
                armed: None,
                trusted: false,
                store_copy: None,
                hears: vec![false; usize::from(plan.node_count())],
                deaf_since: vec![None; usize::from(plan.node_count())],
                lost_at: vec![None; usize::from(plan.node_count())],
                frozen: None,
                relay_turn: 0,
                recovering: false,
            })
        };
        (0..plan.node_count()).filter_map(node).collect()
    }

    /// Runs to the end.
    fn go(&mut self) -> Stopped {
        let end = self.plan.duration_ms.saturating_mul(NS_PER_MS);
        for node in 0..self.nodes.len() {
            self.start(node);
        }
        self.connect();
        if self.wallet.is_some() {
            self.queue.push(0, Item::Load);
        }
        if let Some(at) = self.plan.heal_at_ms {
            self.queue.push(at.saturating_mul(NS_PER_MS), Item::Heal);
        }
        self.watch.look(0, None, &self.turns);
        self.follow_conditions();
        let stopped = loop {
            if self.book.is_over(&self.watch) {
                break Stopped::Condition;
            }
            let Some((at, item)) = self.queue.pop(end) else {
                break Stopped::Duration;
            };
            self.now = at;
            self.take(item);
            self.follow_conditions();
        };
        if stopped == Stopped::Duration {
            self.now = end;
        }
        stopped
    }

    fn take(&mut self, item: Item<P>) {
        self.book.events += 1;
        let process = item.process().and_then(|node| self.nodes.get_mut(node));
        if let Some(deferred) = process.and_then(|node| node.frozen.as_mut()) {
            return deferred.push(item);
        }
        match item {
            Item::Arrive { life, parcel } => self.arrive(life, parcel),
            Item::Work { node, life } if self.nodes[node].lives(life) => self.work(node),
            Item::Ledger { node, life } if self.nodes[node].lives(life) => self.serve_ledger(node),
            Item::Wake { node, life } if self.nodes[node].lives(life) => self.wake(node),
            Item::Tick { node, life } if self.nodes[node].lives(life) => self.tick(node),
            Item::Scheme { node, life } if self.nodes[node].lives(life) => self.scheme(node),
            Item::Leave {
                node,
                life,
                to,
                wire,
            } if self.nodes[node].lives(life) => self.post(node, &to, &wire, false, self.now),
            Item::Repeat { parcel } => self.repeat(&parcel),
            Item::Perceive { node, peer } => self.perceive(node, peer),
            Item::Listen { node, life, peer } if self.nodes[node].lives(life) => {
                self.listen(node, peer);
            }
            Item::Relay { node, life, parcel } if self.nodes[node].lives(life) => {
                self.pass_on(node, parcel);
            }
            Item::GiveUp { node, life, number } if self.nodes[node].lives(life) => {
                self.give_up(node, number);
            }
            Item::Load => self.load(),
            Item::Submit { node, transaction } => self.submit(node, *transaction),
            Item::Check => self.watch.look(self.now, None, &self.turns),
            Item::Heal => self.mend_everything(),
            // What belongs to an earlier life is void.
            _ => {}
        }
    }

    /// Applies faults whose conditions have become true, and lets go what filters held.
    fn follow_conditions(&mut self) {
        loop {
            for at in std::mem::take(&mut self.watch.alarms) {
                self.queue.push(at.max(self.now), Item::Check);
            }
            if !std::mem::take(&mut self.watch.changed) {
                return;
            }
            self.strike();
            self.release();
        }
    }

    /// Nodes that run.
    fn up(&self) -> BTreeSet<usize> {
        (0..self.nodes.len())
            .filter(|node| self.nodes[*node].running.is_some())
            .collect()
    }
}
