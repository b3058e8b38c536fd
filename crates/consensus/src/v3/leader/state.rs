//! Scores and credits: a fold over decided headers.

use std::cmp::Reverse;

use neo_primitives::{Header, Height, ValidatorIndex};

use super::LeaderOrder;
use crate::validators::View;

/// Heights between two fresh beginnings of the state: it begins anew at each multiple.
pub const RESET_INTERVAL: u32 = 10_000;
/// Score of a validator that fails each time: it leads rarely, and never not at all.
pub const MIN_SCORE: u8 = 4;
/// Score of a validator that does not fail.
pub const MAX_SCORE: u8 = 100;
/// What a success adds to the score.
const REWARD: u8 = 50;

/// What the order knows of one validator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Standing {
    /// From [`MIN_SCORE`] to [`MAX_SCORE`]: how large its share of turns is.
    pub score: u8,
    /// What it has saved up for its next turn, this height's score included and, for the leader of
    /// view 0, this height's price not yet taken off. Within ±100·n².
    pub credit: i32,
}

/// The state of the leader election for one height (protocol section 7).
///
/// It holds the credits after their growth and before the leader of view 0 has paid: so the order of a
/// height is its validators by credit, greatest first, and by index where credits are equal.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LeaderState {
    height: Height,
    standings: Vec<Standing>,
    order: LeaderOrder,
    #[cfg(feature = "mutation")]
    mutation: Option<crate::v3::mutation::Mutation>,
}

impl LeaderState {
    /// The state with which a new set or a new stretch of 10,000 heights begins at `height`.
    /// `validators` counts as at least 1 and at most 255, the limits of a set.
    #[must_use]
    pub fn fresh(height: Height, validators: usize) -> Self {
        let standing = Standing {
            score: MAX_SCORE,
            credit: i32::from(MAX_SCORE),
        };
        Self::new(height, vec![standing; validators.clamp(1, 255)])
    }

    /// The state for `height` on a chain whose every block since the last fresh beginning was proposed
    /// by the leader of view 0: there the validators take turns.
    #[must_use]
    pub fn undisturbed(height: Height, validators: usize) -> Self {
        let mut state = Self::fresh(last_reset(height), validators);
        while state.height < height {
            state = state.next(state.order.leader(View::ZERO));
        }
        state
    }

    pub(super) fn new(height: Height, standings: Vec<Standing>) -> Self {
        let count = u8::try_from(standings.len()).unwrap_or(u8::MAX);
        let mut order: Vec<_> = (0..count).map(ValidatorIndex).collect();
        order.sort_by_key(|index| {
            let credit = standings.get(usize::from(index.0)).map(|one| one.credit);
            (Reverse(credit), *index)
        });
        Self {
            height,
            standings,
            order: LeaderOrder(order),
            #[cfg(feature = "mutation")]
            mutation: None,
        }
    }

    /// The same state, counted on by a rule that is broken.
    #[cfg(feature = "mutation")]
    #[must_use]
    pub fn breaking(self, mutation: Option<crate::v3::mutation::Mutation>) -> Self {
        Self { mutation, ..self }
    }

    /// The height whose order this is.
    #[must_use]
    pub fn height(&self) -> Height {
        self.height
    }

    /// Who leads which view of the height.
    #[must_use]
    pub fn order(&self) -> &LeaderOrder {
        &self.order
    }

    /// Scores and credits in index order.
    #[must_use]
    pub fn standings(&self) -> &[Standing] {
        &self.standings
    }

    /// The state for the height after the one that `decided` decides. `next_validators` is the size of
    /// the set that decides that height, and `set_changed` says whether it is another one.
    #[must_use]
    pub fn after(&self, decided: &Header, next_validators: usize, set_changed: bool) -> Self {
        let set_changed = set_changed && !mutated!(self, KeepsScores);
        if set_changed || next_validators != self.standings.len() {
            let fresh = Self::fresh(self.height.next(), next_validators);
            #[cfg(feature = "mutation")]
            let fresh = fresh.breaking(self.mutation);
            return fresh;
        }
        self.next(decided.primary_index)
    }

    /// The state for the next height when the block of this one names `primary` and the same
    /// validators decide on. An index beyond the set, which no valid block has, moves nobody's score.
    #[must_use]
    pub fn next(&self, primary: ValidatorIndex) -> Self {
        let state = self.counted(primary);
        #[cfg(feature = "mutation")]
        let state = state.breaking(self.mutation);
        state
    }

    fn counted(&self, primary: ValidatorIndex) -> Self {
        let height = self.height.next();
        if height.0.is_multiple_of(RESET_INTERVAL) && !mutated!(self, MissesReset) {
            return Self::fresh(height, self.standings.len());
        }
        let mut standings = self.standings.clone();
        let price: i32 = standings.iter().map(|one| i32::from(one.score)).sum();
        if let Some(leader) = standings.get_mut(usize::from(self.order.leader(View::ZERO).0)) {
            leader.credit -= price;
        }
        if let Some(position) = self.order.position(primary) {
            let counted = usize::from(mutated!(self, CountsWrongView));
            for failed in self.order.iter().take(position).skip(counted) {
                if let Some(one) = standings.get_mut(usize::from(failed.0)) {
                    one.score = (one.score / 2).max(MIN_SCORE);
                }
            }
            if let Some(one) = standings.get_mut(usize::from(primary.0)) {
                one.score = one.score.saturating_add(REWARD).min(MAX_SCORE);
            }
        }
        for one in &mut standings {
            one.credit += i32::from(one.score);
        }
        Self::new(height, standings)
    }
}

/// The height at which the state of `height` began anew, unless the set changed since.
#[must_use]
pub fn last_reset(height: Height) -> Height {
    Height(height.0 - height.0 % RESET_INTERVAL)
}
