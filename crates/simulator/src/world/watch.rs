//! Which conditions of a plan have become true, and when.

use std::collections::BTreeSet;

use super::queue::Ns;
use super::turns::Turns;
use crate::plan::{Condition, Messages, Nodes, Seen};
use crate::trace::{Happening, TraceEvent, Transmission};

const NS_PER_MS: u64 = 1_000_000;

/// When something became true: the time, and the number of the event that made it so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment {
    pub(super) at: Ns,
    pub(super) number: u64,
}

/// Names a watched condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct WatchId(usize);

/// All watched conditions of a run.
pub(super) struct Watch {
    watched: Vec<Watched>,
    /// Conditions that are not true yet.
    open: usize,
    /// Moments at which conditions have to be looked at again.
    pub(super) alarms: Vec<Ns>,
    /// Something became true since this was last set to false.
    pub(super) changed: bool,
    number: u64,
}

struct Watched {
    state: State,
    since: Option<Moment>,
}

enum State {
    At(Ns),
    Nodes(Matcher, BTreeSet<u16>, u16),
    Messages(Mail, u32),
    Evidence(u16),
    Locked(u32),
    After(Box<Watched>, Ns),
    All(Vec<Watched>),
    Any(Vec<Watched>),
}

/// What counts for each node once.
struct Matcher {
    nodes: Nodes,
    what: What,
}

enum What {
    Decided(u32),
    Witnessed(u32),
    Stored(u32),
    Entered(u32, u32),
    Prepared(u32, u32),
    Phase(u32, String),
    Crashed,
    Restarted,
    Voting,
    Fetched,
    Quiet,
    Relayed,
}

/// Messages that count one by one.
struct Mail {
    delivered: bool,
    messages: Messages,
}

impl Watch {
    pub(super) fn new() -> Self {
        Self {
            watched: Vec::new(),
            open: 0,
            alarms: Vec::new(),
            changed: false,
            number: 0,
        }
    }

    /// Watches a condition from now on.
    pub(super) fn add(&mut self, condition: &Condition) -> WatchId {
        let watched = Watched::of(condition);
        watched.alarms(&mut self.alarms);
        self.watched.push(watched);
        self.open += 1;
        WatchId(self.watched.len() - 1)
    }

    /// When a condition became true.
    pub(super) fn since(&self, id: WatchId) -> Option<Moment> {
        self.watched.get(id.0)?.since
    }

    pub(super) fn holds(&self, id: WatchId) -> bool {
        self.since(id).is_some()
    }

    /// An event happened, or time has passed.
    pub(super) fn look(&mut self, now: Ns, event: Option<&TraceEvent>, turns: &Turns) {
        if self.open == 0 {
            return;
        }
        self.number += 1;
        let moment = Moment {
            at: now,
            number: self.number,
        };
        for watched in &mut self.watched {
            if watched.since.is_none() && watched.look(moment, event, turns, &mut self.alarms) {
                self.open -= 1;
                self.changed = true;
            }
        }
    }
}

impl Watched {
    fn of(condition: &Condition) -> Self {
        let state = match condition {
            Condition::At(ms) => State::At(ms.saturating_mul(NS_PER_MS)),
            Condition::Seen(seen) => State::of(seen),
            Condition::After { condition, ms } => {
                State::After(Box::new(Self::of(condition)), ms.saturating_mul(NS_PER_MS))
            }
            Condition::All(all) => State::All(Self::each(all)),
            Condition::Any(any) => State::Any(Self::each(any)),
        };
        Self { state, since: None }
    }

    fn each(conditions: &[Condition]) -> Vec<Self> {
        conditions.iter().map(Self::of).collect()
    }

    fn alarms(&self, alarms: &mut Vec<Ns>) {
        match &self.state {
            State::At(at) => alarms.push(*at),
            State::After(inner, _) => inner.alarms(alarms),
            State::All(all) | State::Any(all) => all.iter().for_each(|one| one.alarms(alarms)),
            State::Nodes(..) | State::Messages(..) | State::Evidence(_) | State::Locked(_) => {}
        }
    }

    /// Takes an event; true if the condition holds since just now.
    fn look(
        &mut self,
        now: Moment,
        event: Option<&TraceEvent>,
        turns: &Turns,
        alarms: &mut Vec<Ns>,
    ) -> bool {
        if self.since.is_some() {
            return false;
        }
        let holds = match &mut self.state {
            State::At(at) => now.at >= *at,
            State::Nodes(matcher, met, least) => {
                if let Some(node) = event.and_then(|event| matcher.node(event, turns)) {
                    met.insert(node);
                }
                met.len() >= usize::from(*least)
            }
            State::Messages(mail, left) => {
                if event.is_some_and(|event| mail.counts(event, turns)) {
                    *left = left.saturating_sub(1);
                }
                *left == 0
            }
            State::Evidence(wanted) => event.is_some_and(
                |event| matches!(event.what, Happening::Evidence { against, .. } if against == *wanted),
            ),
            State::Locked(wanted) => event.is_some_and(
                |event| matches!(event.what, Happening::Locked { height } if height == *wanted),
            ),
            State::After(inner, wait) => {
                if inner.look(now, event, turns, alarms) {
                    alarms.push(now.at.saturating_add(*wait));
                }
                inner
                    .since
                    .is_some_and(|since| now.at >= since.at.saturating_add(*wait))
            }
            State::All(all) => {
                for one in all.iter_mut() {
                    one.look(now, event, turns, alarms);
                }
                all.iter().all(|one| one.since.is_some())
            }
            State::Any(any) => {
                for one in any.iter_mut() {
                    one.look(now, event, turns, alarms);
                }
                any.iter().any(|one| one.since.is_some())
            }
        };
        if holds {
            self.since = Some(now);
        }
        holds
    }
}

impl State {
    fn of(seen: &Seen) -> Self {
        let nodes = |nodes: &Nodes, least: u16, what: What| {
            let matcher = Matcher {
                nodes: nodes.clone(),
                what,
            };
            Self::Nodes(matcher, BTreeSet::new(), least)
        };
        match seen {
            Seen::Decided {
                height,
                nodes: who,
                least,
            } => nodes(who, *least, What::Decided(*height)),
            Seen::Witnessed {
                height,
                nodes: who,
                least,
            } => nodes(who, *least, What::Witnessed(*height)),
            Seen::Stored {
                height,
                nodes: who,
                least,
            } => nodes(who, *least, What::Stored(*height)),
            Seen::Entered {
                height,
                view,
                nodes: who,
                least,
            } => nodes(who, *least, What::Entered(*height, *view)),
            Seen::Prepared {
                height,
                view,
                nodes: who,
                least,
            } => nodes(who, *least, What::Prepared(*height, *view)),
            Seen::Phase {
                height,
                phase,
                nodes: who,
                least,
            } => nodes(who, *least, What::Phase(*height, phase.clone())),
            Seen::Crashed { nodes: who, least } => nodes(who, *least, What::Crashed),
            Seen::Restarted { nodes: who, least } => nodes(who, *least, What::Restarted),
            Seen::Voting { nodes: who, least } => nodes(who, *least, What::Voting),
            Seen::Quiet { nodes: who, least } => nodes(who, *least, What::Quiet),
            Seen::Relayed { nodes: who, least } => nodes(who, *least, What::Relayed),
            Seen::Fetched { nodes: who, least } => nodes(who, *least, What::Fetched),
            Seen::Evidence { against } => Self::Evidence(*against),
            Seen::Locked { height } => Self::Locked(*height),
            Seen::Sent(messages) | Seen::Delivered(messages) => {
                let mail = Mail {
                    delivered: matches!(seen, Seen::Delivered(_)),
                    messages: messages.clone(),
                };
                Self::Messages(mail, messages.count)
            }
        }
    }
}

impl Matcher {
    /// The node for which an event is what this waits for.
    fn node(&self, event: &TraceEvent, turns: &Turns) -> Option<u16> {
        let node = event.node?;
        let fits = match (&self.what, &event.what) {
            (What::Decided(wanted), Happening::Decided { height, .. })
            | (What::Witnessed(wanted), Happening::Witnessed { height, .. }) => height == wanted,
            (What::Stored(wanted), Happening::Stored { height, .. }) => height >= wanted,
            (What::Entered(wanted, least), Happening::ViewEntered { height, view }) => {
                height == wanted && view >= least
            }
            (What::Prepared(wanted, of), Happening::Prepared { height, view, .. }) => {
                height == wanted && view == of
            }
            (What::Phase(wanted, name), Happening::Phase { height, phase, .. }) => {
                height == wanted && phase == name
            }
            (What::Crashed, Happening::Crashed { .. })
            | (What::Voting, Happening::Voting { .. })
            | (What::Quiet, Happening::Quiet { quiet: true, .. })
            | (What::Relayed, Happening::Relayed(_))
            | (What::Fetched, Happening::FetchAsked { .. }) => true,
            (What::Restarted, Happening::Started { life, .. }) => *life > 0,
            _ => false,
        };
        (fits && turns.names(&self.nodes, node)).then_some(node)
    }
}

impl Mail {
    fn counts(&self, event: &TraceEvent, turns: &Turns) -> bool {
        let message: &Transmission = match (&event.what, self.delivered) {
            (Happening::Delivered(message), true) | (Happening::Sent(message), false) => message,
            _ => return false,
        };
        message.kind == self.messages.kind
            && self.messages.heights.contains(message.height)
            && self.messages.views.contains(message.view)
            && turns.names(&self.messages.from, message.from)
            && turns.names(&self.messages.to, message.to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Plan;
    use neo_primitives::UInt256;

    fn decided(node: u16, height: u32) -> TraceEvent {
        TraceEvent {
            at_us: 0,
            node: Some(node),
            what: Happening::Decided {
                height,
                view: 0,
                block: UInt256::ZERO,
            },
        }
    }

    fn watch(conditions: &[Condition]) -> (Watch, Vec<WatchId>, Turns) {
        let mut watch = Watch::new();
        let ids = conditions
            .iter()
            .map(|condition| watch.add(condition))
            .collect();
        (watch, ids, Turns::new(&Plan::new(4, 1_000)))
    }

    fn two_decide(height: u32) -> Condition {
        Condition::Seen(Seen::Decided {
            height,
            nodes: Nodes::Except(vec![0]),
            least: 2,
        })
    }

    #[test]
    fn a_condition_needs_its_nodes_and_stays_true() {
        let (mut watch, ids, turns) = watch(&[two_decide(3)]);
        for (node, height) in [(0, 3), (1, 3), (1, 3), (2, 4)] {
            watch.look(1, Some(&decided(node, height)), &turns);
            assert!(!watch.holds(ids[0]));
        }
        watch.look(7, Some(&decided(2, 3)), &turns);
        assert_eq!(watch.since(ids[0]).map(|moment| moment.at), Some(7));
        watch.look(8, None, &turns);
        assert_eq!(watch.since(ids[0]).map(|moment| moment.at), Some(7));
    }

    #[test]
    fn combinations_and_times() {
        let late = Condition::After {
            condition: Box::new(two_decide(1)),
            ms: 1,
        };
        let (mut watch, ids, turns) = watch(&[
            Condition::Any(vec![Condition::At(9), late.clone()]),
            Condition::All(vec![Condition::At(9), late]),
        ]);
        assert!(watch.alarms.contains(&9_000_000));
        watch.alarms.clear();
        watch.look(5, Some(&decided(1, 1)), &turns);
        watch.look(6, Some(&decided(2, 1)), &turns);
        assert_eq!(watch.alarms, [1_000_006, 1_000_006]);
        watch.look(1_000_005, None, &turns);
        assert!(!watch.holds(ids[0]));
        watch.look(1_000_006, None, &turns);
        assert!(watch.holds(ids[0]) && !watch.holds(ids[1]));
        watch.look(9_000_000, None, &turns);
        assert!(watch.holds(ids[1]));
    }
}
