//! Who leads which view of which height, as the engines of this run have it.
//!
//! The order follows from the blocks of the run (protocol section 7), so what a plan says of "the leader
//! of height 30" is looked up when it matters. Of heights that nobody has opened yet the expected leader
//! is named: the one if no view fails until then.

use std::collections::{BTreeMap, BTreeSet};

use neo_consensus::View;
use neo_consensus::v3::leader::LeaderState;
use neo_primitives::Height;

use crate::plan::{Nodes, Plan, Version};

/// Heights that are remembered.
const REMEMBERED: usize = 4_096;

/// The leader orders of a run.
pub(super) struct Turns {
    /// The validator of each node.
    validators: Vec<u16>,
    count: usize,
    /// Turns go by height and view alone, and down with the view.
    by_height: bool,
    states: BTreeMap<u32, LeaderState>,
}

impl Turns {
    pub(super) fn new(plan: &Plan) -> Self {
        Self {
            validators: (0..plan.node_count())
                .map(|node| plan.validator_of(node))
                .collect(),
            count: usize::from(plan.validators),
            by_height: plan.protocol == Version::Two,
            states: BTreeMap::new(),
        }
    }

    /// An honest node opens a height with this state.
    pub(super) fn learn(&mut self, state: &LeaderState) {
        let height = state.height().0;
        if self.by_height || self.states.contains_key(&height) {
            return;
        }
        if self.states.len() >= REMEMBERED {
            self.states.pop_first();
        }
        self.states.insert(height, state.clone());
    }

    /// The validator that leads a view, or is expected to.
    pub(super) fn leader(&self, height: u32, view: u32) -> u16 {
        if self.by_height {
            let count = i64::try_from(self.count.max(1)).unwrap_or(i64::MAX);
            let turn = (i64::from(height) - i64::from(view)).rem_euclid(count);
            return u16::try_from(turn).unwrap_or(0);
        }
        let known = self.states.get(&height).cloned();
        let state = known.unwrap_or_else(|| self.expected(height));
        u16::from(state.order().leader(View(view)).0)
    }

    fn expected(&self, height: u32) -> LeaderState {
        let below = self.states.range(..height).next_back();
        let Some((_, last)) = below else {
            return LeaderState::undisturbed(Height(height), self.count);
        };
        let mut state = last.clone();
        while state.height().0 < height {
            state = state.next(state.order().leader(View::ZERO));
        }
        state
    }

    /// Whether a selection names this node.
    pub(super) fn names(&self, nodes: &Nodes, node: u16) -> bool {
        let leads = |height: u32, view: u32| {
            let validator = self.validators.get(usize::from(node)).copied();
            validator == Some(self.leader(height, view))
        };
        match nodes {
            Nodes::All => true,
            Nodes::Only(only) => only.contains(&node),
            Nodes::Except(except) => !except.contains(&node),
            Nodes::Leader { height, view } => leads(*height, *view),
            Nodes::NotLeader { height, view } => !leads(*height, *view),
        }
    }

    /// All nodes that a selection names.
    pub(super) fn all(&self, nodes: &Nodes) -> BTreeSet<u16> {
        (0u16..)
            .take(self.validators.len())
            .filter(|node| self.names(nodes, *node))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaders_are_found_by_height_and_view() {
        let mut plan = Plan::new(4, 1_000);
        plan.twins = vec![2];
        let mut turns = Turns::new(&plan);
        let leader = Nodes::Leader { height: 5, view: 1 };
        assert_eq!(turns.all(&leader), BTreeSet::from([2, 4]));
        let others = Nodes::NotLeader { height: 5, view: 1 };
        assert_eq!(turns.all(&others), BTreeSet::from([0, 1, 3]));

        // The leaders of view 0 fail for a while: turns come by score from there on.
        let mut state = LeaderState::undisturbed(Height(3), 4);
        while state.height() < Height(12) {
            state = state.next(state.order().leader(View(1)));
        }
        turns.learn(&state);
        turns.learn(&LeaderState::undisturbed(Height(12), 4));
        let mut differs = false;
        for height in 12..30 {
            let leader = u16::from(state.order().leader(View::ZERO).0);
            assert_eq!(turns.leader(height, 0), leader, "height {height}");
            differs |= u32::from(leader) != height % 4;
            state = state.next(state.order().leader(View::ZERO));
        }
        assert!(differs);
    }
}
