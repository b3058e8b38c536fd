//! A small network of real engines, some of them with an adversary at the door. One thread, virtual
//! time, one seed.

mod judging;
mod ledger;
mod running;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use neo_adversary::{Adversary, Attack, Collusion, Content, Interference as _, Outgoing};
use neo_consensus::ValidatorSet;
use neo_consensus::engine::{Connectivity, Event, Fetched, LedgerEvent, Notice, Now, TimerId};
use neo_consensus::v3::evidence::Evidence;
use neo_consensus::v3::timing::TimerSettings;
use neo_consensus::v3::{
    EngineSettings, Message, Outcome, Record, Restored, V3Engine, VoteLogState,
};
use neo_primitives::{Height, PrivateKey, PublicKey, UInt256};

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
}
