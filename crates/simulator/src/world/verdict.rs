//! Whether what the plan expects has happened.

use std::collections::{BTreeMap, BTreeSet};

use neo_invariants::Violation;
use neo_primitives::UInt256;

use super::pace::{Measures, Pace};
use super::turns::Turns;
use super::watch::{Moment, Watch, WatchId};
use crate::plan::{Condition, Expectation, Nodes, Plan, Seen};
use crate::trace::{Happening, Kind, TraceEvent};

const NS_PER_MS: u64 = 1_000_000;
const US_PER_MS: u64 = 1_000;

/// What has to be known at the end. Nothing is collected for a plan that expects nothing.
pub(super) struct Verdict {
    expectations: Vec<Expected>,
    /// Time and view of the first decision of a height by a node, and the block.
    decided: BTreeMap<(u32, u16), (u64, u32, UInt256)>,
    /// When a node first had a height or a later one stored.
    stored: BTreeMap<(u32, u16), u64>,
    /// The first block proposed in a view.
    proposed: BTreeMap<(u32, u32), UInt256>,
    entered: BTreeSet<(u32, u32, u16)>,
    /// Heights of votes of a node since its log was lost.
    after_loss: BTreeMap<u16, BTreeSet<u32>>,
    pub(super) pace: Pace,
}

struct Expected {
    expectation: Expectation,
    nodes: Nodes,
    named: bool,
    watched: Vec<WatchId>,
}

impl Verdict {
    pub(super) fn new(plan: &Plan, watch: &mut Watch) -> Self {
        let expected = |expectation: &Expectation| {
            let (nodes, named) = match expectation {
                Expectation::Decided { nodes, .. } | Expectation::Stored { nodes, .. } => {
                    (nodes.clone(), matches!(nodes, Nodes::Only(_)))
                }
                _ => (Nodes::All, false),
            };
            let watched = match expectation {
                Expectation::Happens { condition, .. } | Expectation::Never { condition } => {
                    vec![watch.add(condition)]
                }
                Expectation::Before { first, then } => vec![watch.add(first), watch.add(then)],
                Expectation::Locked { height, .. } => {
                    let locked = Seen::Locked { height: *height };
                    vec![watch.add(&Condition::Seen(locked))]
                }
                _ => Vec::new(),
            };
            Expected {
                nodes,
                named,
                watched,
                expectation: expectation.clone(),
            }
        };
        Self {
            expectations: plan.expect.iter().map(expected).collect(),
            decided: BTreeMap::new(),
            stored: BTreeMap::new(),
            proposed: BTreeMap::new(),
            entered: BTreeSet::new(),
            after_loss: BTreeMap::new(),
            pace: Pace::new(plan),
        }
    }

    /// Notes an event.
    pub(super) fn look(&mut self, event: &TraceEvent) {
        if self.expectations.is_empty() {
            return;
        }
        self.pace.look(event);
        let Some(node) = event.node else { return };
        match &event.what {
            Happening::Decided {
                height,
                view,
                block,
            } => {
                let first = (event.at_us, *view, *block);
                self.decided.entry((*height, node)).or_insert(first);
            }
            Happening::Stored { height, .. } => {
                self.stored.entry((*height, node)).or_insert(event.at_us);
            }
            Happening::ViewEntered { height, view } => {
                self.entered.insert((*height, *view, node));
            }
            Happening::LogLost { .. } => {
                self.after_loss.entry(node).or_default();
            }
            Happening::Sent(message) => {
                if message.kind == Kind::Proposal
                    && let Some(block) = message.block
                {
                    let place = (message.height, message.view);
                    self.proposed.entry(place).or_insert(block);
                }
                let binds = matches!(
                    message.kind,
                    Kind::Proposal
                        | Kind::Prepare
                        | Kind::PreCommit
                        | Kind::ChangeView
                        | Kind::Commit
                );
                if binds && let Some(heights) = self.after_loss.get_mut(&node) {
                    heights.insert(message.height);
                }
            }
            _ => {}
        }
    }

    /// Whether a breach is one that the plan expects.
    pub(super) fn allows(&self, violation: &Violation) -> bool {
        self.expectations.iter().any(|expected| {
            matches!(&expected.expectation, Expectation::Violates { invariant }
                if invariant == violation.invariant.name())
        })
    }

    /// What did not happen as expected, in words.
    pub(super) fn judge(
        &self,
        (watch, turns): (&Watch, &Turns),
        honest: &BTreeSet<u16>,
        convicted: &BTreeSet<u16>,
        violations: &[Violation],
        measures: &Measures<'_>,
    ) -> Vec<String> {
        self.expectations
            .iter()
            .filter_map(|expected| {
                self.pace
                    .problem(&expected.expectation, honest, measures)
                    .or_else(|| {
                        self.problem(expected, (watch, turns), honest, convicted, violations)
                    })
            })
            .collect()
    }

    fn problem(
        &self,
        expected: &Expected,
        (watch, turns): (&Watch, &Turns),
        honest: &BTreeSet<u16>,
        convicted: &BTreeSet<u16>,
        violations: &[Violation],
    ) -> Option<String> {
        let since = |at: usize| expected.watched.get(at).and_then(|id| watch.since(*id));
        let counted = || {
            let counts = |node: &u16| expected.named || honest.contains(node);
            turns.all(&expected.nodes).into_iter().filter(counts)
        };
        match &expected.expectation {
            Expectation::Decided { height, by_ms, .. } => {
                let at = |node| self.decided.get(&(*height, node)).map(|(at, ..)| *at);
                late("decided", counted(), at, *height, *by_ms)
            }
            Expectation::Stored { height, by_ms, .. } => {
                let at = |node: u16| {
                    let later = self.stored.range((*height, 0)..);
                    later
                        .filter(|((_, who), _)| *who == node)
                        .map(|(_, at)| *at)
                        .min()
                };
                late("stored", counted(), at, *height, *by_ms)
            }
            Expectation::DecisionView { height, views } => {
                let decisions = || {
                    self.decided
                        .range((*height, 0)..=(*height, u16::MAX))
                        .filter(|((_, node), _)| honest.contains(node))
                };
                if decisions().next().is_none() {
                    return Some(format!("nobody decided height {height}"));
                }
                let wrong = decisions().find(|(_, (_, view, _))| !views.contains(*view));
                wrong.map(|((_, node), (_, view, _))| {
                    format!(
                        "node {node} decided height {height} in view {view}, not between views {} and {}",
                        views.from, views.to
                    )
                })
            }
            Expectation::Reproposed {
                height,
                first,
                again,
            } => {
                let before = self.proposed.get(&(*height, *first));
                let after = self.proposed.get(&(*height, *again));
                let decided = self.decided_block(*height, honest);
                let repeated = before.is_some() && before == after;
                if repeated && decided == before.copied() {
                    return None;
                }
                Some(format!(
                    "height {height}: view {first} proposed {before:?}, view {again} {after:?}, decided \
                     is {decided:?}"
                ))
            }
            Expectation::Replaced { height, view } => {
                let proposed = self.proposed.get(&(*height, *view)).copied();
                let decided = self.decided_block(*height, honest);
                if proposed.is_some() && decided.is_some() && proposed != decided {
                    return None;
                }
                Some(format!(
                    "height {height}: view {view} proposed {proposed:?}, decided is {decided:?}"
                ))
            }
            Expectation::NoViewChange { heights } => self
                .entered
                .iter()
                .find(|(height, _, node)| heights.contains(*height) && honest.contains(node))
                .map(|(height, view, node)| {
                    format!("node {node} entered view {view} of height {height}")
                }),
            Expectation::ViewEntered { height, view } => {
                let found = self
                    .entered
                    .range((*height, *view, 0)..=(*height, *view, u16::MAX))
                    .any(|(_, _, node)| honest.contains(node));
                (!found).then(|| format!("nobody entered view {view} of height {height}"))
            }
            // The pace of the run has been judged.
            Expectation::BaseOverDecision { .. }
            | Expectation::DecisionOfMatrix { .. }
            | Expectation::Recovers { .. } => None,
            Expectation::Evidence { against } => {
                let wanted: BTreeSet<u16> = against.iter().copied().collect();
                (wanted != *convicted)
                    .then(|| format!("evidence names {convicted:?}, expected is {wanted:?}"))
            }
            Expectation::Happens { by_ms, condition } => {
                let in_time = |moment: Moment| moment.at <= by_ms.saturating_mul(NS_PER_MS);
                (!since(0).is_some_and(in_time))
                    .then(|| format!("not by {by_ms} ms: {condition:?}"))
            }
            Expectation::Never { condition } => {
                since(0).map(|moment| format!("at {} ms: {condition:?}", moment.at / NS_PER_MS))
            }
            Expectation::Before { first, then } => match (since(0), since(1)) {
                (Some(earlier), Some(later)) if earlier < later => None,
                (earlier, later) => Some(format!(
                    "{first:?} ({earlier:?}) did not come before {then:?} ({later:?})"
                )),
            },
            Expectation::SilentUntil { node, height } => match self.after_loss.get(node) {
                None => Some(format!("node {node} did not lose its vote log")),
                Some(heights) => heights.range(..=*height).next().map(|at| {
                    format!("node {node} voted at height {at} after it lost its vote log")
                }),
            },
            Expectation::Locked { height, until_ms } => {
                let until = until_ms.map_or(u64::MAX, |ms| ms.saturating_mul(US_PER_MS));
                let stored = self.stored.range((*height, 0)..);
                let first = stored.map(|((_, node), at)| (*at, *node)).min();
                match (since(0), first) {
                    (None, _) => Some(format!("height {height} was not locked")),
                    (Some(_), Some((at, node))) if at < until => Some(format!(
                        "node {node} stored height {height} at {} ms",
                        at / US_PER_MS
                    )),
                    _ => None,
                }
            }
            Expectation::Violates { invariant } => {
                let found = violations
                    .iter()
                    .any(|violation| violation.invariant.name() == invariant);
                (!found).then(|| format!("nothing violated {invariant}"))
            }
        }
    }

    fn decided_block(&self, height: u32, honest: &BTreeSet<u16>) -> Option<UInt256> {
        self.decided
            .range((height, 0)..=(height, u16::MAX))
            .find(|((_, node), _)| honest.contains(node))
            .map(|(_, (_, _, block))| *block)
    }
}

/// The first node that is late, in words.
fn late(
    what: &str,
    nodes: impl Iterator<Item = u16>,
    at: impl Fn(u16) -> Option<u64>,
    height: u32,
    by_ms: u64,
) -> Option<String> {
    let limit = by_ms.saturating_mul(US_PER_MS);
    nodes
        .map(|node| (node, at(node)))
        .find(|(_, at)| at.is_none_or(|at| at > limit))
        .map(|(node, at)| match at {
            Some(at) => format!(
                "node {node} {what} height {height} at {} ms, not by {by_ms} ms",
                at / US_PER_MS
            ),
            None => format!("node {node} never {what} height {height}"),
        })
}
