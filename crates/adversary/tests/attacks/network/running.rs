//! The driver of each node, with or without an adversary at its door.

use std::collections::VecDeque;
use std::time::Duration;

use neo_adversary::{Adversary, Content, Interference as _, Outgoing, Surroundings};
use neo_consensus::engine::{
    Actions, Engine, Event, Fetch, Fetched, LedgerEvent, Notice, Now, Recipient,
};
use neo_consensus::v3::{OwnMessage, Payload, Record, V3Engine, wire};
use neo_invariants::ideal::{IdealCheck, IdealSigner};
use neo_primitives::{PublicKey, UInt256};

use super::{Item, Network, Node, Sent, ms};

impl Network {
    pub(super) fn with_adversary<T>(
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

    pub(super) fn deliver(&mut self, from: usize, to: usize, content: Content) {
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

    pub(super) fn ledger_event(&mut self, node: usize, event: LedgerEvent) {
        let key = self.nodes[node].key.clone();
        if let Some(adversary) = &mut self.nodes[node].adversary {
            adversary.learn(&key, &event);
        }
        self.handle(node, Event::Ledger(event));
    }

    pub(super) fn handle(&mut self, node: usize, event: Event<V3Engine>) {
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

    pub(super) fn leave(&mut self, node: usize, outgoing: Vec<Outgoing>) {
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
}
