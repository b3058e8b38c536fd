//! Who leads which view (protocol section 7).
//!
//! | module       | what it holds                                                              |
//! |--------------|----------------------------------------------------------------------------|
//! | `state`      | scores and credits, and how a decided header changes them                   |
//! | `encoding`   | their bytes in checkpoints                                                  |
//!
//! Everything here is integers and follows from decided headers alone, so all nodes that have decided
//! the same blocks know the same order, wherever they began to count.

mod encoding;
mod state;
#[cfg(test)]
mod tests;

use neo_primitives::ValidatorIndex;

use crate::validators::View;

pub use encoding::LeaderStateError;
pub use state::{LeaderState, MAX_SCORE, MIN_SCORE, RESET_INTERVAL, Standing, last_reset};

/// The order in which validators lead the views of one height: a permutation of the set.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LeaderOrder(Vec<ValidatorIndex>);

impl LeaderOrder {
    /// The leader of a view: `order[v mod n]`.
    #[must_use]
    pub fn leader(&self, view: View) -> ValidatorIndex {
        let count = u32::try_from(self.0.len()).unwrap_or(u32::MAX).max(1);
        let position = usize::try_from(view.0 % count).unwrap_or(0);
        self.0.get(position).copied().unwrap_or_default()
    }

    /// The place of a validator: the first view that it leads. `None` for an index beyond the set.
    #[must_use]
    pub fn position(&self, validator: ValidatorIndex) -> Option<usize> {
        self.0.iter().position(|one| *one == validator)
    }

    /// The validators, the leader of view 0 first.
    pub fn iter(&self) -> impl Iterator<Item = ValidatorIndex> + '_ {
        self.0.iter().copied()
    }
}
