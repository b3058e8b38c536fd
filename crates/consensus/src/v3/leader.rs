//! Who leads which view (protocol section 7).

use neo_primitives::{Height, ValidatorIndex};

use crate::validators::{ValidatorSet, View};

/// The order in which validators lead the views of one height: a permutation of the set.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LeaderOrder(Vec<ValidatorIndex>);

impl LeaderOrder {
    /// Round robin: height h begins with validator `h mod n`, and each view passes to the next.
    #[must_use]
    pub fn round_robin(height: Height, validators: &ValidatorSet) -> Self {
        let mut order: Vec<_> = validators.indexes().collect();
        let start = usize::try_from(height.0).unwrap_or(0) % order.len();
        order.rotate_left(start);
        Self(order)
    }

    /// The leader of a view: `order[v mod n]`.
    #[must_use]
    pub fn leader(&self, view: View) -> ValidatorIndex {
        let position = usize::try_from(view.0).unwrap_or(0) % self.0.len();
        self.0[position]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::v3::testing::context;

    #[test]
    fn every_validator_leads_once_in_n_consecutive_views() {
        let set = context(7).validators;
        for height in 0..20 {
            let order = LeaderOrder::round_robin(Height(height), &set);
            for first in 0..10 {
                let mut leaders: Vec<_> =
                    (first..first + 7).map(|v| order.leader(View(v))).collect();
                leaders.sort();
                assert_eq!(leaders, set.indexes().collect::<Vec<_>>());
            }
            assert_eq!(u32::from(order.leader(View(0)).0), height % 7);
        }
    }
}
