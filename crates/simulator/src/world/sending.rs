//! Messages on their way from a node to the others: filters of the plan, then the network.

use std::rc::Rc;
use std::time::Duration;

use neo_adversary::{Content as Bent, Interference as _, Outgoing};
use neo_consensus::engine::Recipient;
use neo_invariants::Observation;

use super::World;
use super::links::Travel;
use super::lives::SCHEME;
use super::mail::{Content, Freight, Parcel, Wire};
use super::protocol::Simulated;
use super::queue::{Item, Ns};
use super::turns::Turns;
use super::watch::{Watch, WatchId};
use crate::plan::{Fate, Filter, Plan};
use crate::trace::{DropReason, Happening};

/// A stream sends again what was not acknowledged within this time.
const RETRANSMISSION: Ns = 200_000_000;

/// Messages that wait for a process that stands still; the system holds no more.
const MAX_WAITING: usize = 4_096;

/// The filters of a plan at work.
pub(super) struct Sieve<P: Simulated>(Vec<Mesh<P>>);

struct Mesh<P: Simulated> {
    filter: Filter,
    after: Option<WatchId>,
    until: Option<WatchId>,
    caught: u32,
    held: Vec<Parcel<P>>,
}

impl<P: Simulated> Sieve<P> {
    pub(super) fn new(plan: &Plan, watch: &mut Watch) -> Self {
        let mesh = |filter: &Filter| Mesh {
            after: filter.after.as_ref().map(|condition| watch.add(condition)),
            until: filter.until.as_ref().map(|condition| watch.add(condition)),
            caught: 0,
            held: Vec::new(),
            filter: filter.clone(),
        };
        Self(plan.filters.iter().map(mesh).collect())
    }

    /// The first filter that takes a message, and what it does with it.
    fn catch(&mut self, parcel: &Parcel<P>, watch: &Watch, turns: &Turns) -> Option<(usize, Fate)> {
        self.0.iter_mut().enumerate().find_map(|(at, mesh)| {
            let takes = mesh.takes(parcel, watch, turns);
            if takes {
                mesh.caught = mesh.caught.saturating_add(1);
            }
            takes.then_some((at, mesh.filter.fate))
        })
    }

    fn hold(&mut self, at: usize, parcel: Parcel<P>) {
        if let Some(mesh) = self.0.get_mut(at) {
            mesh.held.push(parcel);
        }
    }

    /// What filters held that are over now.
    fn release(&mut self, watch: &Watch, all: bool) -> Vec<Parcel<P>> {
        let over = |mesh: &&mut Mesh<P>| all || mesh.until.is_some_and(|until| watch.holds(until));
        self.0
            .iter_mut()
            .filter(over)
            .flat_map(|mesh| std::mem::take(&mut mesh.held))
            .collect()
    }
}

impl<P: Simulated> Mesh<P> {
    fn takes(&self, parcel: &Parcel<P>, watch: &Watch, turns: &Turns) -> bool {
        let filter = &self.filter;
        let wire = &parcel.wire;
        let kind = if filter.kinds.is_empty() {
            wire.kind.is_consensus()
        } else {
            filter.kinds.contains(&wire.kind)
        };
        let number = |node: usize| u16::try_from(node).unwrap_or(u16::MAX);
        kind && filter.heights.contains(wire.height)
            && filter.views.contains(wire.view)
            && filter.first.is_none_or(|first| self.caught < first)
            && (filter.carrying.is_empty()
                || filter.carrying.iter().any(|part| wire.carries(*part)))
            && self.after.is_none_or(|after| watch.holds(after))
            && !self.until.is_some_and(|until| watch.holds(until))
            && turns.names(&filter.from, number(parcel.from))
            && turns.names(&filter.to, number(parcel.to))
    }
}

impl<P: Simulated> World<'_, P> {
    /// A message leaves a node for whom it is meant.
    pub(super) fn send(&mut self, node: usize, to: &Recipient, message: &P::Message, again: bool) {
        self.observe(node, Observation::Sent { to, message, again });
        let at = self.departure(node);
        match Freight::message(message, at, &self.next_consensus) {
            Some(freight) => {
                if P::FLOODS {
                    self.is_new(node, message);
                }
                self.post(node, to, &Rc::new(freight), again, at);
            }
            None => {
                let label = P::label(message, &self.next_consensus);
                let what = format!("a {:?} does not survive its own bytes", label.kind);
                self.trouble(node, label.height, what);
            }
        }
    }

    pub(super) fn departure(&self, node: usize) -> Ns {
        let running = self.nodes[node].running.as_ref();
        running.map_or(self.now, |running| running.busy_until.max(self.now))
    }

    /// What an attacker lets out.
    pub(super) fn leave(&mut self, node: usize, outgoing: Vec<Outgoing<P::Message>>) {
        for Outgoing { to, content, delay } in outgoing {
            let freight = match &content {
                Bent::Message(message) => Freight::message(message, self.now, &self.next_consensus),
                Bent::Bytes(bytes) => Some(Freight::bytes(bytes, &self.next_consensus)),
            };
            // What has no bytes cannot be sent, not even by an attacker.
            let Some(freight) = freight else { continue };
            if let Content::Message(message) = &freight.content {
                let sent = Observation::Sent {
                    to: &to,
                    message,
                    again: false,
                };
                self.observe(node, sent);
            }
            let wire = Rc::new(freight);
            let life = self.nodes[node].life;
            if delay == Duration::ZERO {
                self.post(node, &to, &wire, false, self.departure(node));
            } else {
                let wait = u64::try_from(delay.as_nanos()).unwrap_or(u64::MAX);
                let at = self.departure(node).saturating_add(wait);
                let item = Item::Leave {
                    node,
                    life,
                    to,
                    wire,
                };
                self.queue.push(at, item);
            }
        }
    }

    /// An attacker may act of its own accord.
    pub(super) fn scheme(&mut self, node: usize) {
        let now = self.moment(node);
        let sent = self.plot(node, now, |adversary, around| adversary.tick(around));
        self.leave(node, sent.unwrap_or_default());
        let life = self.nodes[node].life;
        self.queue
            .push(self.now + SCHEME, Item::Scheme { node, life });
    }

    /// Gives a message to the network, once for each receiver.
    pub(super) fn post(
        &mut self,
        node: usize,
        to: &Recipient,
        wire: &Wire<P>,
        again: bool,
        at: Ns,
    ) {
        let own = self.nodes[node].validator;
        for receiver in 0..self.nodes.len() {
            let other = &self.nodes[receiver];
            let meant = match to {
                Recipient::All => other.validator != own,
                Recipient::One(key) => other.key == *key && other.validator != own,
            };
            if meant {
                self.dispatch(node, receiver, wire, again, at);
            }
        }
    }

    /// Gives one message to the network.
    pub(super) fn dispatch(&mut self, from: usize, to: usize, wire: &Wire<P>, again: bool, at: Ns) {
        self.messages += 1;
        let parcel = Parcel {
            id: self.messages,
            from,
            to,
            via: None,
            again,
            wire: Rc::clone(wire),
        };
        self.book.sent(&parcel);
        self.emit(Some(from), Happening::Sent(parcel.transmission()));
        self.forward(parcel, at);
    }

    /// Gives a message to the filters of the plan, and then to the network.
    pub(super) fn forward(&mut self, parcel: Parcel<P>, at: Ns) {
        let caught = if self.healed {
            None
        } else {
            self.sieve.catch(&parcel, &self.watch, &self.turns)
        };
        match caught {
            Some((_, Fate::Drop)) => self.dropped(&parcel, DropReason::Filter),
            Some((filter, Fate::Hold)) => self.sieve.hold(filter, parcel),
            Some((_, Fate::Delay { us })) => {
                self.travel(&parcel, at.saturating_add(us.saturating_mul(1_000)));
            }
            Some((_, Fate::Duplicate { copies })) => {
                for _ in 0..copies {
                    self.travel(&parcel, at);
                }
            }
            Some((_, Fate::Pass)) | None => self.travel(&parcel, at),
        }
    }

    pub(super) fn travel(&mut self, parcel: &Parcel<P>, at: Ns) {
        let from = parcel.bearer();
        if self.goes_around(parcel) && self.send_around(parcel, at) {
            return;
        }
        if !self.links.passes(from, parcel.to) {
            return self.lost(parcel, DropReason::Partition);
        }
        match self.links.travel(from, parcel.to, parcel.wire.bytes, at) {
            Travel::Lost => self.lost(parcel, DropReason::Loss),
            Travel::Arrives(first, second) => {
                let life = self.nodes[parcel.to].life;
                for arrives in [Some(first), second].into_iter().flatten() {
                    let parcel = parcel.clone();
                    self.queue.push(arrives, Item::Arrive { life, parcel });
                }
            }
        }
    }

    /// A message does not get through. Questions and answers travel on streams, which repeat what was not
    /// acknowledged as long as the connection lasts.
    fn lost(&mut self, parcel: &Parcel<P>, reason: DropReason) {
        if parcel.wire.kind.is_consensus() {
            return self.dropped(parcel, reason);
        }
        let parcel = parcel.clone();
        self.queue
            .push(self.now + RETRANSMISSION, Item::Repeat { parcel });
    }

    /// A stream repeats a question or an answer, if somebody still waits for it.
    pub(super) fn repeat(&mut self, parcel: &Parcel<P>) {
        let (asker, number) = match &parcel.wire.content {
            Content::Question { number, .. } => (parcel.from, number),
            Content::Answer { number, .. } => (parcel.to, number),
            Content::Message(_) | Content::Garbage => return,
        };
        let running = self.nodes[asker].running.as_ref();
        if running.is_some_and(|running| running.asked.contains_key(number)) {
            self.travel(parcel, self.now);
        }
    }

    /// A message reaches its receiver.
    pub(super) fn arrive(&mut self, life: u64, parcel: Parcel<P>) {
        let to = parcel.to;
        if !self.links.passes(parcel.bearer(), to) {
            return self.lost(&parcel, DropReason::Partition);
        }
        if !self.nodes[to].lives(life) {
            return self.dropped(&parcel, DropReason::Down);
        }
        let reason = matches!(parcel.wire.content, Content::Garbage);
        if reason {
            return self.dropped(&parcel, DropReason::Undecodable);
        }
        match &parcel.wire.content {
            Content::Message(message) if P::FLOODS && parcel.via.is_some() => {
                if self.has_had(to, message) {
                    return;
                }
                self.book.coverage.relayed += u64::from(self.nodes[to].honest);
            }
            _ if parcel.via.is_some() && !self.is_new_relay(to, &parcel) => return,
            _ => {}
        }
        let frozen = self.nodes[to].is_frozen();
        let running = self.nodes[to].running.as_ref();
        if frozen && running.is_some_and(|running| running.inbox.len() >= MAX_WAITING) {
            return self.dropped(&parcel, DropReason::Loss);
        }
        self.emit(Some(to), Happening::Delivered(parcel.transmission()));
        if let Some(running) = self.nodes[to].running.as_mut() {
            running.inbox.push_back(parcel);
        }
        self.plan_work(to);
    }

    fn dropped(&mut self, parcel: &Parcel<P>, reason: DropReason) {
        let message = parcel.transmission();
        self.emit(Some(parcel.from), Happening::Dropped { message, reason });
    }

    /// Lets go what filters held that are over, in the order in which it was sent.
    pub(super) fn release(&mut self) {
        let mut freed = self.sieve.release(&self.watch, self.healed);
        freed.sort_by_key(|parcel| parcel.id);
        for parcel in freed {
            self.travel(&parcel, self.now);
        }
    }
}
