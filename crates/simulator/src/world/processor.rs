//! What waits for the processor of a node, and what it costs.

use neo_consensus::engine::Event;
use neo_invariants::Observation;

use super::World;
use super::mail::{Content, Parcel};
use super::node::Inside;
use super::protocol::Simulated;
use super::queue::{Item, Ns};

impl<P: Simulated> World<'_, P> {
    /// An event from within a node waits for its processor.
    pub(super) fn within(&mut self, node: usize, event: Event<P>, verification: bool) {
        let Some(running) = self.nodes[node].running.as_mut() else {
            return;
        };
        running.inside.push_back(Inside::Event {
            event: Box::new(event),
            verification,
        });
        self.plan_work(node);
    }

    /// Plans the next thing that a node does, if there is one and none is planned.
    pub(super) fn plan_work(&mut self, node: usize) {
        let life = self.nodes[node].life;
        let Some(running) = self.nodes[node].running.as_mut() else {
            return;
        };
        let idle = running.inside.is_empty() && running.inbox.is_empty();
        if running.working || idle {
            return;
        }
        running.working = true;
        let at = running.busy_until.max(self.now);
        self.queue.push(at, Item::Work { node, life });
    }

    /// The processor of a node takes the next thing.
    pub(super) fn work(&mut self, node: usize) {
        let Some(running) = self.nodes[node].running.as_mut() else {
            return;
        };
        running.working = false;
        match running.inside.pop_front() {
            Some(Inside::Event {
                event,
                verification,
            }) => {
                if verification {
                    running.verifying = running.verifying.saturating_sub(1);
                }
                self.handle(node, *event);
            }
            Some(Inside::Timers) => self.fire(node),
            None => {
                if let Some(parcel) = running.inbox.pop_front() {
                    self.open_parcel(node, &parcel);
                }
            }
        }
        self.settle(node);
        self.plan_work(node);
    }

    /// Makes a node busy for some time of the usual processor.
    pub(super) fn spend(&mut self, node: usize, ns: Ns) {
        let one = &mut self.nodes[node];
        let cost = ns.saturating_mul(u64::from(one.slow_percent)) / 100;
        if let Some(running) = one.running.as_mut() {
            running.busy_until = running.busy_until.max(self.now).saturating_add(cost);
        }
    }

    fn cost_of_bytes(&self, bytes: usize) -> Ns {
        (bytes as u64).saturating_mul(self.plan.compute.kibibyte_ns) / 1024
    }

    fn open_parcel(&mut self, node: usize, parcel: &Parcel<P>) {
        let cost = self.plan.compute.message_ns + self.cost_of_bytes(parcel.wire.bytes);
        self.spend(node, cost);
        match &parcel.wire.content {
            Content::Message(message) if P::FLOODS => {
                if self.is_new(node, message) {
                    self.deliver(node, parcel.bearer(), message);
                    self.flood(node, parcel);
                }
            }
            Content::Message(message) => self.deliver(node, parcel.bearer(), message),
            Content::Garbage => {}
            Content::Question { number, question } => {
                self.answer(node, parcel.from, *number, question);
            }
            Content::Answer { number, answer } => self.answered(node, *number, answer),
        }
    }

    /// When everything delivered to a node has been handled, the oracles are told.
    fn settle(&mut self, node: usize) {
        let Some(running) = self.nodes[node].running.as_mut() else {
            return;
        };
        if running.unsettled && running.verifying == 0 {
            running.unsettled = false;
            self.observe(node, Observation::Settled);
        }
    }
}
