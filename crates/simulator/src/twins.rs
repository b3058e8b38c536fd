//! Twins: two honest engines with one key, and every way to divide the network between them.
//!
//! A validator that runs twice, with two vote logs, can sign whatever a Byzantine one could sign while
//! following the protocol, without anybody writing an attack (Bano et al., "Twins: BFT Systems Made
//! Robust", 2020). A scenario divides the nodes in each view of the first height into two groups that do not
//! reach each other; the leaders of the views follow from the protocol. For few validators and views all
//! scenarios are enumerated, beyond that they are drawn.

use crate::plan::{Condition, Fate, Filter, Nodes, Plan, Span};
use crate::random::{Random, Stream};

/// Virtual time of a scenario, in milliseconds.
const DURATION_MS: u64 = 9_000;
/// From then on the network is whole.
const HEAL_MS: u64 = 3_000;

/// One way to divide the network: for each view the nodes on the first side, as bits by node number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Division {
    /// Number of validators.
    pub validators: u16,
    /// The validator that runs twice.
    pub twin: u16,
    /// Sides in views 0 and up; later views are whole.
    pub sides: Vec<u32>,
}

impl Division {
    /// The plan of a run with this division.
    #[must_use]
    pub fn plan(&self) -> Plan {
        let mut plan = Plan::new(self.validators, DURATION_MS);
        plan.name = format!("twins-{}-{}-{:?}", self.validators, self.twin, self.sides);
        plan.twins = vec![self.twin];
        plan.block_time_ms = 100;
        plan.timers.base_timeout_ms = 300;
        plan.timers.max_timeout_ms = 1_200;
        plan.heal_at_ms = Some(HEAL_MS);
        plan.heal_bound_ms = DURATION_MS - HEAL_MS;
        let nodes = plan.node_count();
        for (view, side) in (0_u32..).zip(&self.sides) {
            let (one, other): (Vec<u16>, Vec<u16>) =
                (0..nodes).partition(|node| side >> node & 1 == 1);
            for (from, to) in [(&one, &other), (&other, &one)] {
                if from.is_empty() || to.is_empty() {
                    continue;
                }
                plan.filters.push(Filter {
                    heights: Span::only(1),
                    views: Span::only(view),
                    from: Nodes::Only(from.clone()),
                    to: Nodes::Only(to.clone()),
                    until: Some(Condition::At(HEAL_MS)),
                    fate: Fate::Drop,
                    ..Filter::drop(&[])
                });
            }
        }
        plan
    }
}

/// Every division of `validators` and the second instance of one of them in the first `views` views, up
/// to exchanging the two sides and the two instances: 8 ways for each view of four validators. The twin is
/// each leader of these views in turn, and one validator that leads none of them.
#[must_use]
pub fn every(validators: u16, views: u32) -> Vec<Division> {
    let nodes = u32::from(validators) + 1;
    // Node 0 is always on the first side: the other half of the ways exchanges the sides.
    let ways: Vec<u32> = (0..1_u32 << (nodes - 1).min(16))
        .map(|way| way << 1 | 1)
        .collect();
    let mut all = Vec::new();
    for twin in twins(validators, views) {
        let mut sides: Vec<Vec<u32>> = vec![Vec::new()];
        for _ in 0..views {
            sides = sides
                .iter()
                .flat_map(|before| {
                    ways.iter().map(move |way| {
                        let mut sides = before.clone();
                        sides.push(*way);
                        sides
                    })
                })
                .collect();
        }
        all.extend(
            sides
                .into_iter()
                .filter(|sides| separates(sides, twin, validators))
                .map(|sides| Division {
                    validators,
                    twin,
                    sides,
                }),
        );
    }
    all
}

/// Divisions drawn from a seed.
#[must_use]
pub fn sampled(validators: u16, views: u32, count: usize, seed: u64) -> Vec<Division> {
    let mut random = Random::numbered(seed, Stream::Plan, u64::from(validators));
    let candidates = twins(validators, views);
    let nodes = u64::from(validators).saturating_add(1).min(31);
    (0..count)
        .map(|_| Division {
            validators,
            twin: random.pick(&candidates).copied().unwrap_or(0),
            sides: (0..views)
                .map(|_| u32::try_from(random.below(1 << nodes)).unwrap_or(0))
                .collect(),
        })
        .collect()
}

/// The leaders of the first views of height 1, and one more.
fn twins(validators: u16, views: u32) -> Vec<u16> {
    let views = u16::try_from(views).unwrap_or(u16::MAX);
    let mut twins: Vec<u16> = (0..=views)
        .map(|view| view.saturating_add(1) % validators.max(1))
        .collect();
    twins.dedup();
    twins.truncate(usize::from(validators));
    twins
}

/// Whether the two instances are ever apart; else the run is one of a single validator.
fn separates(sides: &[u32], twin: u16, validators: u16) -> bool {
    sides
        .iter()
        .any(|side| side >> twin & 1 != side >> validators & 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{NoTrace, run};
    use std::collections::BTreeSet;

    fn assert_clean(divisions: &[Division]) {
        for division in divisions {
            let plan = division.plan();
            let report = run(&plan, 1, &mut NoTrace).unwrap();
            assert!(report.is_clean(), "{division:?}: {:?}", report.violations);
            assert!(report.heights > 3, "{division:?}");
        }
    }

    #[test]
    fn every_division_of_one_view_of_four_is_survived() {
        let all = every(4, 1);
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
        assert_clean(&all);
    }

    #[test]
    fn sampled_divisions_of_three_views_are_survived() {
        assert_clean(&sampled(4, 3, 6, 7));
        assert_clean(&sampled(7, 2, 2, 7));
    }

    #[test]
    fn the_number_of_divisions_is_that_of_all_ways() {
        // Four nodes beside the first stand on either side: 16 ways a view, and in half of those with
        // the twin not the first node the instances are together in one view.
        assert_eq!(every(4, 1).len(), 2 * 8);
        assert_eq!(every(4, 2).len(), 3 * (16 * 16 - 8 * 8));
    }
}
