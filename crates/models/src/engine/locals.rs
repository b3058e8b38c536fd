//! The states of single nodes: each is kept once, and each of its steps is taken once.
//!
//! A state of the whole system is then three numbers, and the real engine runs only when a node meets an
//! event that it has not met in this state before.

use std::collections::{HashMap, HashSet};

use neo_consensus::engine::TimerKind;
use neo_consensus::v3::certificate::PreparedCertificate;
use neo_consensus::v3::{Message, Payload};
use neo_primitives::{UInt256, ValidatorIndex};

use super::node::{Node, Sent};
use super::safety;
use super::world::{STILL, World};
use super::{Broken, ModelError};

/// A message by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct MessageId(pub(super) u32);

/// A state of one node by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LocalId(pub(super) u32);

/// What happens to a node, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct EventId(pub(super) u32);

/// What happens to a node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum LocalEvent {
    /// Its view timer fires.
    Timer,
    /// These arrive, in this order.
    Deliver(Vec<MessageId>),
}

/// A vote of one view: the message that carries it, and what it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Vote {
    pub(super) message: MessageId,
    pub(super) hash: UInt256,
    /// Of a Prepare; zeros otherwise.
    pub(super) justification: UInt256,
}

/// Views that the model plays.
pub(super) const VIEWS: usize = 2;

/// What a node has sent, at a glance.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    pub(super) proposals: [Option<Vote>; VIEWS],
    pub(super) prepares: [Option<Vote>; VIEWS],
    pub(super) pre_commits: [Option<Vote>; VIEWS],
    /// For view 1.
    pub(super) change_view: Option<MessageId>,
    pub(super) commit: Option<Vote>,
    /// Asked for view 2 too.
    pub(super) left_all: bool,
}

/// One state of one node.
#[derive(Clone, Debug)]
pub(super) struct Local {
    pub(super) node: Node,
    pub(super) view: u32,
    /// Its votes in the order in which they left.
    pub(super) sent: Vec<MessageId>,
    pub(super) facts: Facts,
    /// What it did against the rules that bind a validator alone.
    pub(super) breach: Option<String>,
}

/// All states, events and messages that came up.
#[derive(Debug)]
pub(super) struct Locals {
    pub(super) world: World,
    messages: Vec<Message>,
    message_ids: HashMap<Message, MessageId>,
    events: Vec<LocalEvent>,
    event_ids: HashMap<LocalEvent, EventId>,
    pub(super) states: Vec<Local>,
    state_ids: HashMap<(u128, Vec<MessageId>), LocalId>,
    steps: HashMap<(LocalId, EventId), LocalId>,
    /// Fingerprints of the three nodes, all votes delivered, from which the honest are known to decide.
    pub(super) good: HashSet<Vec<u128>>,
}

impl Locals {
    pub(super) fn new(world: World) -> Self {
        Self {
            world,
            messages: Vec::new(),
            message_ids: HashMap::new(),
            events: Vec::new(),
            event_ids: HashMap::new(),
            states: Vec::new(),
            state_ids: HashMap::new(),
            steps: HashMap::new(),
            good: HashSet::new(),
        }
    }

    /// The honest nodes after their start.
    pub(super) fn begin(&mut self, broken: Broken) -> Result<[LocalId; 3], ModelError> {
        let mut ids = [LocalId(0); 3];
        let honest: Vec<ValidatorIndex> = self.world.honest().collect();
        for (slot, index) in ids.iter_mut().zip(honest) {
            let (node, sent) = Node::start(&self.world, index, STILL, broken)?;
            *slot = self.keep(node, Vec::new(), sent);
        }
        Ok(ids)
    }

    pub(super) fn message(&self, id: MessageId) -> Option<&Message> {
        self.messages.get(id.0 as usize)
    }

    pub(super) fn local(&self, id: LocalId) -> Option<&Local> {
        self.states.get(id.0 as usize)
    }

    pub(super) fn event(&self, id: EventId) -> Option<&LocalEvent> {
        self.events.get(id.0 as usize)
    }

    pub(super) fn intern(&mut self, message: Message) -> MessageId {
        let next = MessageId(number(self.messages.len()));
        let messages = &mut self.messages;
        *self
            .message_ids
            .entry(message)
            .or_insert_with_key(|message| {
                messages.push(message.clone());
                next
            })
    }

    pub(super) fn event_id(&mut self, event: LocalEvent) -> EventId {
        let next = EventId(number(self.events.len()));
        let events = &mut self.events;
        *self.event_ids.entry(event).or_insert_with_key(|event| {
            events.push(event.clone());
            next
        })
    }

    /// The state that an event leads to; the engine runs the first time only.
    pub(super) fn step(&mut self, from: LocalId, event: EventId) -> Result<LocalId, ModelError> {
        if let Some(to) = self.steps.get(&(from, event)) {
            return Ok(*to);
        }
        let (Some(local), Some(what)) = (self.local(from), self.event(event)) else {
            return Ok(from);
        };
        let mut node = local.node.clone();
        let mut sent = Sent::new();
        match what {
            LocalEvent::Timer => sent.extend(node.fire(&self.world, STILL, TimerKind::View)?),
            LocalEvent::Deliver(messages) => {
                for id in messages {
                    if let Some(message) = self.message(*id) {
                        sent.extend(node.receive(&self.world, STILL, message)?);
                    }
                }
            }
        }
        let before = local.sent.clone();
        let to = self.keep(node, before, sent);
        self.steps.insert((from, event), to);
        Ok(to)
    }

    fn keep(&mut self, node: Node, mut sent: Vec<MessageId>, more: Sent) -> LocalId {
        for (_, message) in more {
            let binds = !matches!(
                message.payload,
                Payload::RecoveryMessage(_) | Payload::RecoveryRequest(_) | Payload::Suspect
            );
            if binds {
                let id = self.intern(message);
                if !sent.contains(&id) {
                    sent.push(id);
                }
            }
        }
        let key = (node.fingerprint(), sent);
        if let Some(known) = self.state_ids.get(&key) {
            return *known;
        }
        let sent = key.1.clone();
        let votes: Vec<&Message> = sent.iter().filter_map(|id| self.message(*id)).collect();
        let breach = safety::alone(&node, &votes);
        let facts = facts(&sent, &votes);
        let id = LocalId(number(self.states.len()));
        self.states.push(Local {
            view: node.view(),
            node,
            sent,
            facts,
            breach,
        });
        self.state_ids.insert(key, id);
        id
    }

    /// Certificate that backs a ChangeView.
    pub(super) fn backing(&self, change_view: MessageId) -> Option<&PreparedCertificate> {
        match &self.message(change_view)?.payload {
            Payload::ChangeView(change) => change.prepared.as_ref(),
            _ => None,
        }
    }

    /// Distinct states of nodes, steps that engines took, and fair schedules that were followed to the end.
    pub(super) fn figures(&self) -> (usize, usize, usize) {
        (self.states.len(), self.steps.len(), self.good.len())
    }
}

/// More than four thousand million of anything do not fit into memory either.
fn number(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

fn facts(ids: &[MessageId], votes: &[&Message]) -> Facts {
    let mut facts = Facts::default();
    for (id, message) in ids.iter().zip(votes) {
        let vote = |hash: UInt256, justification: UInt256| Vote {
            message: *id,
            hash,
            justification,
        };
        let view = message.view.0 as usize;
        let put = |slots: &mut [Option<Vote>; VIEWS], vote: Vote| {
            if let Some(slot) = slots.get_mut(view) {
                slot.get_or_insert(vote);
            }
        };
        match &message.payload {
            Payload::Proposal(proposal) => {
                let justification = neo_consensus::v3::safety::justification_of(proposal);
                let vote = vote(proposal.header.hash(), justification);
                put(&mut facts.proposals, vote);
                put(&mut facts.prepares, vote);
            }
            Payload::Prepare {
                hash,
                justification,
            } => put(&mut facts.prepares, vote(*hash, *justification)),
            Payload::PreCommit { hash } => put(&mut facts.pre_commits, vote(*hash, UInt256::ZERO)),
            Payload::ChangeView(_) if view == 1 => facts.change_view = Some(*id),
            Payload::ChangeView(_) => facts.left_all = true,
            Payload::Commit { hash } => {
                facts.commit.get_or_insert(vote(*hash, UInt256::ZERO));
            }
            _ => {}
        }
    }
    facts
}
