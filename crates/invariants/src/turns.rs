//! Who leads which view, counted from decided headers alone (protocol section 7).
//!
//! The section is written here a second time, so that nobody's count vouches for itself: nodes are told
//! the order by their driver, and what they are told has to be this.

use std::collections::BTreeMap;
use std::sync::Arc;

use neo_consensus::View;
use neo_primitives::{Header, Height, UInt160, UInt256, ValidatorIndex};

/// The numbers of the section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Numbers {
    /// Score of who never fails.
    best: i64,
    /// Score of who always fails.
    worst: i64,
    /// What a success adds.
    reward: i64,
    /// By what a failure divides.
    loss: i64,
    /// Every multiple of this height begins anew.
    stretch: u32,
}

const NUMBERS: Numbers = Numbers {
    best: 100,
    worst: 4,
    reward: 50,
    loss: 2,
    stretch: 10_000,
};

/// One validator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Purse {
    score: i64,
    /// After the leader of the height has paid.
    credit: i64,
}

/// The turns of one height.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Turns {
    height: Height,
    /// Script hash of the validators that decide the height.
    deciders: UInt160,
    purses: Vec<Purse>,
    order: Arc<[ValidatorIndex]>,
}

impl Turns {
    /// The height is the first one of a stretch or of a set.
    fn anew(height: Height, deciders: UInt160, validators: usize, numbers: &Numbers) -> Self {
        let purse = Purse {
            score: numbers.best,
            credit: 0,
        };
        Self::drawn(height, deciders, vec![purse; validators])
    }

    /// Everybody's credit grows by their score, and the greatest pays for leading view 0.
    fn drawn(height: Height, deciders: UInt160, mut purses: Vec<Purse>) -> Self {
        let mut price = 0;
        for purse in &mut purses {
            purse.credit += purse.score;
            price += purse.score;
        }
        let mut left: Vec<(u8, i64)> = (0_u8..)
            .zip(purses.iter().map(|purse| purse.credit))
            .collect();
        let mut order = Vec::with_capacity(left.len());
        // Taken out one by one, so that the greatest credit and the lowest index are what they are.
        while let Some(richest) = left.iter().map(|one| one.1).max() {
            let at = left.iter().position(|one| one.1 == richest).unwrap_or(0);
            order.push(ValidatorIndex(left.remove(at).0));
        }
        if let Some(leader) = order
            .first()
            .and_then(|index| purses.get_mut(usize::from(index.0)))
        {
            leader.credit -= price;
        }
        Self {
            height,
            deciders,
            purses,
            order: order.into(),
        }
    }

    /// The turns of the next height, once this block of the height is decided.
    fn after(&self, decided: &Header, validators: usize, numbers: &Numbers) -> Self {
        let (height, deciders) = (self.height.next(), decided.next_consensus);
        let renewed = height.0.is_multiple_of(numbers.stretch) || deciders != self.deciders;
        if renewed || validators != self.purses.len() {
            return Self::anew(height, deciders, validators, numbers);
        }
        let mut purses = self.purses.clone();
        let primary = decided.primary_index;
        if self.order.contains(&primary) {
            for index in self.order.iter() {
                let Some(purse) = purses.get_mut(usize::from(index.0)) else {
                    continue;
                };
                if *index == primary {
                    purse.score = numbers.best.min(purse.score + numbers.reward);
                    break;
                }
                purse.score = numbers.worst.max(purse.score / numbers.loss);
            }
        }
        Self::drawn(height, deciders, purses)
    }

    pub(crate) fn height(&self) -> Height {
        self.height
    }

    /// The validators by the first view that they lead.
    pub(crate) fn order(&self) -> &Arc<[ValidatorIndex]> {
        &self.order
    }
}

/// Who leads a view in this order.
pub(crate) fn leader(order: &[ValidatorIndex], view: View) -> ValidatorIndex {
    let count = u32::try_from(order.len()).unwrap_or(u32::MAX).max(1);
    let at = usize::try_from(view.0 % count).unwrap_or(0);
    order.get(at).copied().unwrap_or_default()
}

/// The turns above each block that anybody honest stored or builds on.
#[derive(Clone, Debug)]
pub(crate) struct Rota {
    validators: usize,
    above: BTreeMap<UInt256, Turns>,
}

impl Rota {
    /// Genesis alone: an ordinary block of the count, at the first height of a stretch.
    pub(crate) fn new(genesis: &Header, validators: usize) -> Self {
        let first = Turns::anew(Height(0), genesis.next_consensus, validators, &NUMBERS);
        let second = first.after(genesis, validators, &NUMBERS);
        Self {
            validators,
            above: BTreeMap::from([(genesis.hash(), second)]),
        }
    }

    /// The turns above a block with this hash and header; nothing where the block below it is unknown or
    /// stands at another height.
    pub(crate) fn above(&mut self, hash: UInt256, block: &Header) -> Option<&Turns> {
        if !self.above.contains_key(&hash) {
            let below = self.above.get(&block.prev_hash)?;
            if below.height != block.index {
                return None;
            }
            let turns = below.after(block, self.validators, &NUMBERS);
            self.above.insert(hash, turns);
        }
        self.above.get(&hash)
    }
}

#[cfg(test)]
mod tests;
