//! Whether the honest validators of a state reach a decision by themselves: one fair schedule, run on the
//! real engines with the Byzantine validator silent.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use neo_consensus::engine::{Now, Recipient, TimerKind};
use neo_consensus::v3::Message;
use neo_primitives::{UInt256, ValidatorIndex};

use super::ModelError;
use super::locals::{LocalEvent, LocalId, Locals, MessageId};
use super::node::{Node, Sent};
use super::world::{STILL, World};

/// Rounds of timers within which a decision is due: in each the queue is emptied, then timers fire.
const ROUNDS: u32 = 40;
/// Messages of one round; more is a storm.
const STORM: usize = 20_000;

impl Locals {
    /// Delivers every honest vote to every honest validator while time stands still, until nothing changes.
    /// Many states lead to one such state, so that the long schedule runs for few.
    pub(super) fn saturate(&mut self, state: [LocalId; 3]) -> Result<[LocalId; 3], ModelError> {
        let mut state = state;
        loop {
            let before = state;
            for who in 0..state.len() {
                let own = state.get(who).copied().unwrap_or(LocalId(0));
                let mut all: Vec<MessageId> = Vec::new();
                for other in state.iter().filter(|other| **other != own) {
                    all.extend(self.local(*other).map(|local| &local.sent).into_iter().flatten());
                }
                all.sort_unstable();
                let event = self.event_id(LocalEvent::Deliver(all));
                let next = self.step(own, event)?;
                if let Some(slot) = state.get_mut(who) {
                    *slot = next;
                }
            }
            if state == before {
                return Ok(state);
            }
        }
    }

    /// The long schedule: all that honest validators sent arrives everywhere; whenever nothing is on its way,
    /// resend timers fire twice, then view timers. `Err` says what became of it instead of a decision.
    pub(super) fn fair_end(
        &self,
        state: [LocalId; 3],
    ) -> Result<Result<UInt256, String>, ModelError> {
        let mut run = Run {
            world: &self.world,
            nodes: Vec::new(),
            queue: VecDeque::new(),
            now: STILL,
        };
        for id in state {
            let Some(local) = self.local(id) else { continue };
            run.nodes.push(local.node.clone());
        }
        for id in state {
            let Some(local) = self.local(id) else { continue };
            let index = local.node.index();
            let votes = local.sent.iter().filter_map(|id| self.message(*id));
            let sent = votes.map(|vote| (Recipient::All, vote.clone())).collect();
            run.send(index, sent);
        }
        run.to_the_end()
    }
}

struct Run<'a> {
    world: &'a World,
    nodes: Vec<Node>,
    queue: VecDeque<(ValidatorIndex, Message)>,
    now: Now,
}

impl Run<'_> {
    fn send(&mut self, from: ValidatorIndex, sent: Sent) {
        for (to, message) in sent {
            let to = match to {
                Recipient::All => None,
                Recipient::One(key) => match self.world.index_of(&key) {
                    Some(index) => Some(index),
                    None => continue,
                },
            };
            let receivers = self.nodes.iter().map(Node::index);
            let receivers: Vec<_> = receivers
                .filter(|index| *index != from && to.is_none_or(|to| to == *index))
                .collect();
            for receiver in receivers {
                self.queue.push_back((receiver, message.clone()));
            }
        }
    }

    fn drain(&mut self) -> Result<bool, ModelError> {
        for _ in 0..STORM {
            let Some((to, message)) = self.queue.pop_front() else {
                return Ok(true);
            };
            self.now.monotonic = self.now.monotonic.saturating_add(Duration::from_millis(60));
            let Some(node) = self.nodes.iter_mut().find(|node| node.index() == to) else {
                continue;
            };
            let sent = node.receive(self.world, self.now, &message)?;
            self.send(to, sent);
        }
        for (to, m) in self.queue.iter().take(12) { eprintln!("{to} <- {m:?}"); }
        for n in &self.nodes { eprintln!("{}", n.describe()); }
        Ok(false)
    }

    fn fire(&mut self, kind: TimerKind) -> Result<(), ModelError> {
        self.now.monotonic = self.now.monotonic.saturating_add(Duration::from_secs(1));
        for at in 0..self.nodes.len() {
            let Some(node) = self.nodes.get_mut(at) else {
                continue;
            };
            let index = node.index();
            let sent = node.fire(self.world, self.now, kind)?;
            self.send(index, sent);
        }
        Ok(())
    }

    fn to_the_end(&mut self) -> Result<Result<UInt256, String>, ModelError> {
        for round in 0..ROUNDS {
            if !self.drain()? {
                return Ok(Err(format!("more than {STORM} messages without a rest")));
            }
            let witnessed = self.nodes.iter().map(|node| node.witnessed.as_ref().map(|(hash, _)| *hash));
            let ends: BTreeSet<Option<UInt256>> = witnessed.collect();
            if let (1, Some(Some(hash))) = (ends.len(), ends.first()) {
                return Ok(Ok(*hash));
            }
            let kind = if round % 3 == 2 {
                TimerKind::View
            } else {
                TimerKind::Resend
            };
            self.fire(kind)?;
        }
        let states: Vec<_> = self
            .nodes
            .iter()
            .map(|node| format!("{}: {}", node.index(), node.describe()))
            .collect();
        Ok(Err(format!(
            "no witness everywhere after {ROUNDS} rounds of timers: {}",
            states.join(", ")
        )))
    }
}
