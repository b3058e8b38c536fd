//! When blocks passed their stations, for metrics and events.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use neo_consensus::View;
use neo_primitives::Height;

/// Blocks whose moments are remembered until they are stored.
const MAX_BLOCKS: usize = 64;

/// The stations of one block.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stations {
    proposed: Instant,
    /// The view of its proposal, later that of its decision.
    pub(super) view: u32,
    /// From its proposal to its decision.
    pub(super) decided: Option<Duration>,
    /// From its proposal to its witness.
    pub(super) witnessed: Option<Duration>,
    /// Transactions in it, as far as it is known.
    pub(super) transactions: usize,
}

/// When each block under way passed its stations.
#[derive(Debug, Default)]
pub(super) struct Moments(BTreeMap<Height, Stations>);

impl Moments {
    /// A proposal of this height was seen; the first one counts.
    pub(super) fn proposed(&mut self, height: Height, view: View) {
        if self.0.len() >= MAX_BLOCKS {
            self.0.pop_first();
        }
        let stations = Stations {
            proposed: Instant::now(),
            view: view.0,
            decided: None,
            witnessed: None,
            transactions: 0,
        };
        self.0.entry(height).or_insert(stations);
    }

    /// It is decided in this view; gives how long that took, if its proposal was seen.
    pub(super) fn decided(&mut self, height: Height, view: View) -> Option<Duration> {
        let stations = self.0.get_mut(&height)?;
        stations.decided = Some(stations.proposed.elapsed());
        stations.view = view.0;
        stations.decided
    }

    /// It has its witness; gives how long that took, if its proposal was seen.
    pub(super) fn witnessed(&mut self, height: Height, transactions: usize) -> Option<Duration> {
        let stations = self.0.get_mut(&height)?;
        stations.witnessed = Some(stations.proposed.elapsed());
        stations.transactions = transactions;
        stations.witnessed
    }

    /// Transactions of a block that is about to be stored.
    pub(super) fn transactions(&self, height: Height) -> usize {
        self.0
            .get(&height)
            .map_or(0, |stations| stations.transactions)
    }

    /// It is stored: its stations, which are forgotten.
    pub(super) fn stored(&mut self, height: Height) -> Option<Stations> {
        self.0.remove(&height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_passes_its_stations_once_and_is_forgotten() {
        let mut moments = Moments::default();
        assert_eq!(moments.decided(Height(1), View(0)), None);
        moments.proposed(Height(1), View(0));
        moments.proposed(Height(1), View(4));
        assert!(moments.decided(Height(1), View(2)).is_some());
        assert!(moments.witnessed(Height(1), 3).is_some());
        assert_eq!(moments.transactions(Height(1)), 3);
        let stations = moments.stored(Height(1)).unwrap();
        assert_eq!((stations.view, stations.transactions), (2, 3));
        assert!(stations.witnessed >= stations.decided);
        assert!(moments.stored(Height(1)).is_none());
    }

    #[test]
    fn what_is_never_stored_is_bounded() {
        let mut moments = Moments::default();
        for height in 0..200 {
            moments.proposed(Height(height), View(0));
        }
        assert!(moments.0.len() <= MAX_BLOCKS);
        assert!(moments.0.contains_key(&Height(199)));
    }
}
