//! How long decisions took, and what the timers made of it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::links::Links;
use super::paths;
use crate::plan::{Expectation, Plan, Span};
use crate::report::Latencies;
use crate::trace::{Happening, TraceEvent};

const US_PER_MS: u64 = 1_000;
const NS_PER_US: u64 = 1_000;

/// What is known of times at the end. Nothing is collected for a plan that expects nothing of them.
#[derive(Default)]
pub(super) struct Pace {
    wanted: bool,
    /// When a node decided, and the base of its timer then, in microseconds.
    decided: BTreeMap<(u32, u16), (u64, u64)>,
    healed: Option<u64>,
}

/// What else the judgement needs.
pub(super) struct Measures<'a> {
    pub(super) plan: &'a Plan,
    pub(super) links: &'a Links,
    pub(super) decisions: &'a Latencies,
}

impl Measures<'_> {
    fn nodes(&self) -> usize {
        usize::from(self.plan.validators)
    }

    fn quorum(&self) -> usize {
        usize::from(self.plan.validators - self.plan.tolerated())
    }
}

impl Pace {
    pub(super) fn new(plan: &Plan) -> Self {
        let timed = |one: &Expectation| {
            matches!(
                one,
                Expectation::BaseOverDecision { .. } | Expectation::Recovers { .. }
            )
        };
        Self {
            wanted: plan.expect.iter().any(timed),
            ..Self::default()
        }
    }

    pub(super) fn look(&mut self, event: &TraceEvent) {
        if !self.wanted {
            return;
        }
        if event.what == Happening::Healed {
            self.healed = Some(event.at_us);
        }
    }

    /// A node decided a height, and the base of its timer is this now.
    pub(super) fn decided(&mut self, at: u64, node: usize, height: u32, base: Duration) {
        if self.wanted {
            let node = u16::try_from(node).unwrap_or(u16::MAX);
            let base = u64::try_from(base.as_micros()).unwrap_or(u64::MAX);
            let first = (at / NS_PER_US, base);
            self.decided.entry((height, node)).or_insert(first);
        }
    }

    /// What is not as expected, in words.
    pub(super) fn problem(
        &self,
        expectation: &Expectation,
        honest: &BTreeSet<u16>,
        measures: &Measures<'_>,
    ) -> Option<String> {
        match expectation {
            Expectation::BaseOverDecision {
                heights,
                most_percent,
            } => self.base_too_long(*heights, u64::from(*most_percent), measures),
            Expectation::DecisionOfMatrix { within_percent } => {
                not_of_matrix(measures, u64::from(*within_percent))
            }
            Expectation::Recovers {
                height,
                resends,
                delays,
                base_percent,
            } => {
                let bound = self.healed.map(|healed| {
                    let at = healed * NS_PER_US;
                    let delay = measures.links.longest_us(at);
                    let interval = measures.plan.timers.resend_interval_ms * US_PER_MS;
                    let interval = interval.max(4 * delay);
                    u64::from(*resends) * interval + u64::from(*delays) * delay
                });
                match (self.healed, bound) {
                    (Some(healed), Some(bound)) => honest.iter().find_map(|node| {
                        self.not_recovered(*height, *node, (healed, bound))
                            .or_else(|| self.timer_grew(*height, *node, u64::from(*base_percent)))
                    }),
                    _ => Some("the network was never healed".to_owned()),
                }
            }
            _ => None,
        }
    }

    /// The greatest breach of a limit on the base. What decisions truly take comes from the matrix.
    fn base_too_long(
        &self,
        heights: Span,
        most_percent: u64,
        measures: &Measures<'_>,
    ) -> Option<String> {
        let usual = paths::medians(measures.nodes(), measures.quorum(), |from, to| {
            measures.links.mean_us(from, to, 0)
        });
        let swing = measures.plan.network.swing;
        let share_at = |at: u64| swing.map_or(100, |swing| swing.percent(at / US_PER_MS));
        let at_start = share_at(0).max(1);
        let shares = self
            .decided
            .iter()
            .filter_map(|((height, node), (at, base))| {
                let usual = usual.get(usize::from(*node))?;
                let truly = (usual * share_at(*at) / at_start).max(1);
                let share = base.saturating_mul(100) / truly;
                heights
                    .contains(*height)
                    .then_some((share, *height, *node, *base, truly))
            });
        let Some((share, height, node, base, truly)) = shares.max() else {
            return Some("no decision at these heights".to_owned());
        };
        (share > most_percent).then(|| {
            format!(
                "node {node} has a base of {} ms at height {height}, {share} % of the {} ms that decisions \
                 take there, the limit is {most_percent} %",
                base / US_PER_MS,
                truly / US_PER_MS
            )
        })
    }

    fn not_recovered(&self, height: u32, node: u16, (healed, bound): (u64, u64)) -> Option<String> {
        let Some((at, ..)) = self.decided.get(&(height, node)) else {
            return Some(format!("node {node} never decided height {height}"));
        };
        let took = at.checked_sub(healed);
        match took {
            None => Some(format!(
                "node {node} decided height {height} before the healing"
            )),
            Some(took) if took > bound => Some(format!(
                "node {node} decided height {height} {took} us after the healing, the limit is {bound} us"
            )),
            Some(_) => None,
        }
    }

    fn timer_grew(&self, height: u32, node: u16, base_percent: u64) -> Option<String> {
        let (_, after) = self.decided.get(&(height, node))?;
        let before = self.decided.get(&(height.checked_sub(1)?, node));
        let (_, before) = before?;
        (after.saturating_mul(100) > before.saturating_mul(base_percent)).then(|| {
            format!(
                "the base of node {node} is {} ms after height {height} and was {} ms before, the limit is \
                 {base_percent} %",
                after / US_PER_MS,
                before / US_PER_MS
            )
        })
    }
}

fn not_of_matrix(measures: &Measures<'_>, within: u64) -> Option<String> {
    let mut ways = paths::decisions(measures.nodes(), measures.quorum(), |from, to| {
        measures.links.mean_us(from, to, 0)
    });
    ways.sort_unstable();
    let expected = ways.get(ways.len() / 2).copied().unwrap_or(0);
    let Some(median) = measures.decisions.percentile(50).map(u64::from) else {
        return Some("nothing was decided".to_owned());
    };
    (median.abs_diff(expected) * 100 > expected * within).then(|| {
        format!(
            "half of all decisions took {median} us or less, three quorum delays of the matrix take {expected} \
             us, the limit is {within} %"
        )
    })
}
