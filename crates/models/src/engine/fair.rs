//! Whether the honest validators of a state reach a decision by themselves: one fair schedule, run on the
//! real engines with the Byzantine validator silent.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use neo_consensus::engine::{Now, Recipient, TimerKind};
use neo_consensus::v3::Message;
use neo_primitives::{UInt256, ValidatorIndex};

use super::ModelError;
use super::locals::{LocalId, Locals};
use super::node::{Node, Sent};
use super::world::{STILL, World};

/// Rounds of timers within which a decision is due: in each the queue is emptied, then timers fire.
const ROUNDS: u32 = 40;
/// How long a message is on its way: longer than the pause between two answers to one peer.
const HOP: Duration = Duration::from_millis(60);
/// Messages of one round; more is a storm that never rests.
const STORM: usize = 20_000;

impl Locals {
    /// The schedule from a state. `Err` says what became of it instead of a decision. States that become
    /// one when all votes have arrived, with time standing still, are followed further once.
    pub(super) fn fair_end(
        &mut self,
        state: [LocalId; 3],
    ) -> Result<Result<(), String>, ModelError> {
        let (nodes, votes) = self.honest_part(state);
        let mut run = Run::begin(&self.world, nodes, votes.into_iter());
        if !run.drain(Duration::ZERO)? {
            return Ok(Err(storm()));
        }
        let met: Vec<u128> = run.nodes.iter().map(Node::fingerprint).collect();
        if self.good.contains(&met) {
            return Ok(Ok(()));
        }
        let end = run.finish()?;
        Ok(end.map(|_| {
            self.good.insert(met);
        }))
    }

    fn honest_part(&self, state: [LocalId; 3]) -> (Vec<Node>, Vec<(ValidatorIndex, Message)>) {
        let locals = || state.iter().filter_map(|id| self.local(*id));
        let nodes = locals().map(|local| local.node.clone()).collect();
        let votes = locals().flat_map(|local| {
            let votes = local.sent.iter().filter_map(|id| self.message(*id));
            votes.map(|vote| (local.node.index(), vote.clone()))
        });
        (nodes, votes.collect())
    }
}

/// All that honest validators sent arrives everywhere; whenever nothing is on its way, resend timers and view
/// timers fire in turn. Ends when all have put together the witness of one block. `Err` says what became of
/// it instead.
pub(super) fn fair_end(
    world: &World,
    nodes: Vec<Node>,
    votes: impl Iterator<Item = (ValidatorIndex, Message)>,
) -> Result<Result<UInt256, String>, ModelError> {
    Run::begin(world, nodes, votes).finish()
}

fn storm() -> String {
    format!("more than {STORM} messages without a rest")
}

struct Run<'a> {
    world: &'a World,
    nodes: Vec<Node>,
    queue: VecDeque<(ValidatorIndex, Message)>,
    now: Now,
}

impl<'a> Run<'a> {
    fn begin(
        world: &'a World,
        nodes: Vec<Node>,
        votes: impl Iterator<Item = (ValidatorIndex, Message)>,
    ) -> Self {
        let mut run = Self {
            world,
            nodes,
            queue: VecDeque::new(),
            now: STILL,
        };
        for (from, vote) in votes {
            run.send(from, vec![(Recipient::All, vote)]);
        }
        run
    }

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

    /// Delivers what is on its way, and what follows from it; each message takes this long.
    fn drain(&mut self, hop: Duration) -> Result<bool, ModelError> {
        for _ in 0..STORM {
            let Some((to, message)) = self.queue.pop_front() else {
                return Ok(true);
            };
            self.now.monotonic = self.now.monotonic.saturating_add(hop);
            let Some(node) = self.nodes.iter_mut().find(|node| node.index() == to) else {
                continue;
            };
            let sent = node.receive(self.world, self.now, &message)?;
            self.send(to, sent);
        }
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

    fn finish(&mut self) -> Result<Result<UInt256, String>, ModelError> {
        for round in 0..ROUNDS {
            if !self.drain(HOP)? {
                return Ok(Err(storm()));
            }
            let witnessed = self
                .nodes
                .iter()
                .map(|node| node.witnessed.as_ref().map(|(hash, _)| *hash));
            let ends: BTreeSet<Option<UInt256>> = witnessed.collect();
            if let (1, Some(Some(hash))) = (ends.len(), ends.first()) {
                return Ok(Ok(*hash));
            }
            let kind = if round % 2 == 1 {
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
