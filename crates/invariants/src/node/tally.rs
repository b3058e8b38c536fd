//! Votes that reached a node, counted by what they say.

use neo_consensus::View;
use neo_primitives::{UInt256, ValidatorIndex};

use crate::bits::Bits;

/// What a Prepare, PreCommit or Commit says: view, block, justification (zeros where there is none).
pub(crate) type Said = (View, UInt256, UInt256);

#[derive(Clone, Debug)]
struct Tally {
    said: Said,
    /// Whose vote reached the node, in whatever way.
    may: Bits,
    /// Whose vote the engine cannot but count.
    must: Bits,
}

#[derive(Clone, Debug)]
struct Voted {
    view: View,
    voted: Bits,
    contradicted: Bits,
}

/// The votes of one kind at one height.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tallies {
    tallies: Vec<Tally>,
    by_view: Vec<Voted>,
}

impl Tallies {
    /// Counts a vote with a valid signature. `sure` says that the engine must have counted it, unless
    /// its sender also said something else.
    pub(crate) fn add(&mut self, said: Said, voter: ValidatorIndex, sure: bool) {
        let position = self.tallies.iter().position(|tally| tally.said == said);
        let position = position.unwrap_or_else(|| {
            self.tallies.push(Tally {
                said,
                may: Bits::default(),
                must: Bits::default(),
            });
            self.tallies.len() - 1
        });
        let view = self.by_view.iter().position(|voted| voted.view == said.0);
        let view = view.unwrap_or_else(|| {
            let (voted, contradicted) = (Bits::default(), Bits::default());
            self.by_view.push(Voted {
                view: said.0,
                voted,
                contradicted,
            });
            self.by_view.len() - 1
        });
        let (tally, voted) = (&mut self.tallies[position], &mut self.by_view[view]);
        let repeated = !tally.may.insert(voter);
        if !voted.voted.insert(voter) && !repeated {
            voted.contradicted.insert(voter);
        }
        if sure {
            tally.must.insert(voter);
        }
    }

    /// What at least `count` voters may have said together.
    pub(crate) fn possible(&self, count: usize) -> impl Iterator<Item = Said> + '_ {
        let enough = move |tally: &&Tally| tally.may.count() >= count;
        self.tallies.iter().filter(enough).map(|tally| tally.said)
    }

    /// How many voters of a view said anything.
    pub(crate) fn voters(&self, view: View) -> usize {
        let voted = self.by_view.iter().find(|voted| voted.view == view);
        voted.map_or(0, |voted| voted.voted.count())
    }

    /// What at least `count` voters said that the engine must have counted.
    pub(crate) fn certain(&self, count: usize) -> impl Iterator<Item = Said> + '_ {
        let enough = move |tally: &&Tally| {
            if tally.must.count() < count {
                return false;
            }
            let voted = self.by_view.iter().find(|voted| voted.view == tally.said.0);
            let contradicted = voted.map(|voted| voted.contradicted).unwrap_or_default();
            tally.must.without(&contradicted).count() >= count
        };
        self.tallies.iter().filter(enough).map(|tally| tally.said)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(view: u32, block: u8) -> Said {
        (
            View(view),
            UInt256::from_wire([block; 32]),
            UInt256::from_wire([0; 32]),
        )
    }

    #[test]
    fn who_says_two_things_is_sure_of_neither() {
        let mut tallies = Tallies::default();
        for voter in [0, 1, 2] {
            tallies.add(said(0, 7), ValidatorIndex(voter), true);
        }
        assert_eq!(tallies.certain(3).count(), 1);
        tallies.add(said(0, 7), ValidatorIndex(2), true);
        assert_eq!(
            tallies.certain(3).count(),
            1,
            "a repetition changes nothing"
        );
        tallies.add(said(1, 8), ValidatorIndex(2), true);
        assert_eq!(
            tallies.certain(3).count(),
            1,
            "another view changes nothing"
        );
        tallies.add(said(0, 8), ValidatorIndex(2), true);
        assert_eq!(tallies.certain(3).count(), 0);
        assert_eq!(tallies.possible(3).collect::<Vec<_>>(), [said(0, 7)]);
        assert_eq!(tallies.voters(View(0)), 3);
    }

    #[test]
    fn what_is_not_sure_is_possible() {
        let mut tallies = Tallies::default();
        for voter in [0, 1, 2] {
            tallies.add(said(0, 7), ValidatorIndex(voter), voter != 1);
        }
        assert_eq!(tallies.certain(3).count(), 0);
        assert_eq!(tallies.possible(3).count(), 1);
    }
}
