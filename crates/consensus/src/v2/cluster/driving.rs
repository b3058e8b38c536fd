//! The queue of events, and the driver of each node.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use neo_primitives::{Decode, Encode, Height};

use super::{Cluster, ms};
use crate::engine::{
    Actions, Ballots, Connectivity, Engine, Event, Fetch, Fetched, LedgerEvent, Now, TimerId,
    Witnessed,
};
use crate::v2::V2Engine;
use crate::v2::message::Message;
use crate::v2::verify::Outcome;
use crate::v3::cluster::toys::{ToyCheck, ToySigner, transaction};

/// Start of all wall clocks, a little after the toy genesis block.
const EPOCH_MS: u64 = 1_700_000_001_000;

/// What the queue holds.
pub(super) enum Item {
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
    Fetched {
        node: usize,
        life: u64,
        fetched: Fetched,
    },
    /// A block that another node relays.
    Block {
        node: usize,
        life: u64,
        from: usize,
    },
    Load,
}

impl Cluster {
    pub(super) fn push(&mut self, after: Duration, item: Item) {
        self.sequence += 1;
        self.queue.insert((self.now + after, self.sequence), item);
    }

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

    pub(super) fn boot(&mut self, node: usize) {
        let most = self.config.max_block_time;
        self.nodes[node].boot(most);
        self.handle(node, Event::Start);
    }

    /// Starts again, and is connected to those that run.
    pub(super) fn restart(&mut self, node: usize) {
        self.boot(node);
        for other in self.up() {
            if other != node {
                let peer = self.nodes[other].key.clone();
                let state = Connectivity::Up {
                    round_trip: Duration::ZERO,
                };
                self.handle(node, Event::Connectivity { peer, state });
            }
        }
    }

    pub(super) fn crash(&mut self, node: usize) {
        self.nodes[node].crash();
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
                if passes && self.lives(to, life) {
                    let from = self.nodes[from].key.clone();
                    self.handle(to, Event::Received { from, message });
                }
            }
            Item::Verified {
                node,
                life,
                outcome,
            } if self.lives(node, life) => {
                let refused = outcome.refused.iter().map(|it| (node, it.to_string()));
                self.refused.extend(refused);
                self.handle(node, Event::Verified(outcome));
            }
            Item::Ledger { node, life } if self.lives(node, life) => self.serve_ledger(node),
            Item::Timer { node, life, id, at }
                if self.lives(node, life) && self.nodes[node].timers.get(&id) == Some(&at) =>
            {
                self.nodes[node].timers.remove(&id);
                self.handle(node, Event::Timer(id));
            }
            Item::Fetched {
                node,
                life,
                fetched,
            } if self.lives(node, life) => self.handle(node, Event::Fetched(fetched)),
            Item::Block { node, life, from } if self.lives(node, life) => {
                self.import(node, from);
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
        self.transactions += 1;
        let transaction = transaction(self.transactions);
        let up = self.up();
        let first = up.get(self.rng.below(up.len() as u64) as usize).copied();
        for node in up {
            if Some(node) != first && self.rng.below(100) >= self.config.gossip {
                continue;
            }
            let ledger = &mut self.nodes[node].ledger;
            let was_idle = ledger.is_idle();
            ledger.pool.push(Arc::clone(&transaction));
            if was_idle && self.config.max_block_time.is_some() {
                let filled = LedgerEvent::Pool { transactions: 1 };
                self.handle(node, Event::Ledger(filled));
            }
        }
    }

    fn serve_ledger(&mut self, node: usize) {
        let Some(action) = self.nodes[node].requests.pop_front() else {
            return;
        };
        let Some(answer) = self.nodes[node].ledger.request(action) else {
            return;
        };
        if let LedgerEvent::Stored { height, .. } = &answer {
            let block = self.nodes[node].ledger.block_at(*height).unwrap().clone();
            self.note_block(&block);
            // Neo nodes relay what they store.
            for other in self.up() {
                let after = Duration::from_micros(self.rng.between(self.config.latency));
                let (life, from) = (self.nodes[other].life, node);
                if other != node && self.config.relays {
                    self.push(
                        after,
                        Item::Block {
                            node: other,
                            life,
                            from,
                        },
                    );
                }
            }
        }
        self.handle(node, Event::Ledger(answer));
    }

    /// Stored blocks of another node, as far as this one lacks them.
    pub(super) fn import(&mut self, node: usize, peer: usize) {
        let start = self.nodes[node].ledger.height().next();
        let heights = (start.0..).map(Height).take(20);
        let blocks: Vec<Witnessed> = heights
            .map_while(|height| self.nodes[peer].ledger.block_at(height).cloned())
            .collect();
        if blocks.is_empty() {
            return;
        }
        if let Some((height, hash)) = self.nodes[node].ledger.import(&blocks) {
            self.handle(node, Event::Ledger(LedgerEvent::Stored { height, hash }));
        }
    }

    fn fetch(&mut self, node: usize, fetch: &Fetch) {
        self.fetches += 1;
        let life = self.nodes[node].life;
        let key = match fetch {
            Fetch::Blocks { from, .. } => Some(from.clone()),
            Fetch::Transactions { .. } => None,
            other => panic!("dBFT 2.0 has no {other:?}"),
        };
        if let Some(key) = key {
            let peer = self.nodes.iter().position(|node| node.key == key);
            let peer = peer.filter(|peer| self.nodes[*peer].engine.is_some());
            if let Some(from) = peer {
                self.push(ms(5), Item::Block { node, life, from });
            }
            return;
        }
        let Fetch::Transactions {
            hash, positions, ..
        } = fetch
        else {
            return;
        };
        // As a driver does it that asks for transactions by their own hashes.
        let engine = self.nodes[node].engine.as_ref().expect("it has asked");
        let hashes = engine.transaction_hashes(hash).expect("its proposal");
        let wanted = positions.iter().map(|at| (*at, hashes[*at as usize]));
        let up = self.up();
        let find = |wanted| {
            let nodes = || up.iter().map(|peer| &self.nodes[*peer]);
            let mut pooled = nodes().flat_map(|node| &node.ledger.pool);
            let pooled = pooled
                .find(|transaction| transaction.hash() == wanted)
                .cloned();
            let held = || nodes().find_map(|node| node.engine.as_ref()?.transaction(&wanted));
            pooled.or_else(held)
        };
        let found = wanted.filter_map(|(at, wanted)| Some((at, find(wanted)?)));
        let fetched = Fetched::Transactions {
            hash: *hash,
            transactions: found.collect(),
        };
        self.push(
            ms(20),
            Item::Fetched {
                node,
                life,
                fetched,
            },
        );
    }

    /// Lets an engine take an event, and then its own messages that follow from it.
    pub(super) fn handle(&mut self, node: usize, event: Event<V2Engine>) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            let elapsed = u64::try_from(self.now.as_millis()).unwrap();
            let now = Now {
                monotonic: self.now,
                wall_ms: EPOCH_MS + elapsed,
                entropy: self.rng.next(),
            };
            let Some(engine) = self.nodes[node].engine.as_mut() else {
                return;
            };
            let actions = engine.step(now, event);
            assert!(engine.footprint() < 2_000, "SEED={}", self.seed);
            self.carry_out(node, actions, &mut events);
        }
    }

    fn carry_out(
        &mut self,
        node: usize,
        actions: Actions<V2Engine>,
        events: &mut VecDeque<Event<V2Engine>>,
    ) {
        let life = self.nodes[node].life;
        let at = self.now;
        let notices = actions.notices.into_iter();
        self.notices
            .extend(notices.map(|notice| (at, node, notice)));
        for action in actions.ledger {
            self.nodes[node].requests.push_back(action);
            let after = Duration::from_micros(self.rng.between(self.config.work));
            self.push(after, Item::Ledger { node, life });
        }
        for fetch in &actions.fetch {
            self.fetch(node, fetch);
        }
        for job in actions.verify {
            let outcome = job.run(&ToyCheck);
            let after = Duration::from_micros(self.rng.between(self.config.work));
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
            let Some(at) = change.at else {
                self.nodes[node].timers.remove(&id);
                continue;
            };
            let after = at.saturating_sub(self.now);
            let at = self.now + after;
            self.nodes[node].timers.insert(id, at);
            self.push(after, Item::Timer { node, life, id, at });
        }
        let signer = ToySigner(self.nodes[node].key.clone());
        let mut signed = Vec::new();
        for (_, mut draft) in actions.send {
            if let Some(habit) = self.habits.get(&node) {
                draft = draft.bent(habit);
            }
            signed.push(V2Engine::sign(draft, &signer));
        }
        let mut records = actions.persist;
        let own = signed.iter().map(V2Engine::message);
        let binding = own.filter(|own| V2Engine::binds(own));
        records.extend(binding.cloned().map(V2Engine::record));
        if !records.is_empty() {
            let cut = self.nodes[node].dies_writing.then(|| self.rng.next());
            self.nodes[node].write(&records, cut);
            if cut.is_some() {
                return self.crash(node);
            }
        }
        for own in signed {
            self.send(node, own.message());
            if V2Engine::counts(own.message()) {
                events.push_back(Event::Own(own));
            }
        }
        for (_, message) in actions.resend {
            self.send(node, &message);
        }
    }

    fn send(&mut self, from: usize, message: &Message) {
        self.note_sent(from, message);
        let decoded = Message::from_bytes(&message.to_bytes()).expect("its own bytes");
        assert_eq!(&decoded, message);
        for to in 0..self.nodes.len() {
            if to == from || self.rng.in_a_thousand(self.config.loss) {
                continue;
            }
            let after = Duration::from_micros(self.rng.between(self.config.latency));
            let life = self.nodes[to].life;
            let message = decoded.clone();
            self.push(
                after,
                Item::Deliver {
                    from,
                    to,
                    life,
                    message,
                },
            );
        }
    }
}
