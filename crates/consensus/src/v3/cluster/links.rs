//! What may happen to a message on its way.

use std::collections::BTreeSet;
use std::time::Duration;

use super::toys::Rng;

/// The network between nodes.
#[derive(Clone, Debug, Default)]
pub(super) struct Links {
    blocked: BTreeSet<(usize, usize)>,
}

impl Links {
    /// Nothing passes from one node to the other; the way back stays.
    pub(super) fn block(&mut self, from: usize, to: usize) {
        self.blocked.insert((from, to));
    }

    /// Only nodes of one group reach each other.
    pub(super) fn partition(&mut self, groups: &[&[usize]]) {
        self.heal();
        for (at, group) in groups.iter().enumerate() {
            for (other, rest) in groups.iter().enumerate() {
                if at != other {
                    for from in *group {
                        rest.iter().for_each(|to| self.block(*from, *to));
                    }
                }
            }
        }
    }

    pub(super) fn heal(&mut self) {
        self.blocked.clear();
    }

    pub(super) fn passes(&self, from: usize, to: usize) -> bool {
        !self.blocked.contains(&(from, to))
    }

    /// Both ways.
    pub(super) fn connects(&self, one: usize, other: usize) -> bool {
        self.passes(one, other) && self.passes(other, one)
    }
}

/// Microseconds drawn from a range.
pub(super) fn delay(rng: &mut Rng, range: (u64, u64)) -> Duration {
    Duration::from_micros(rng.between(range))
}
