//! A number that stands for the state of an engine, for model checking.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::V3Engine;

impl V3Engine {
    /// 128 bits over all that later votes can depend on. Left out are the settings, the rates of answers
    /// to peers, what blocks took before (timers, block size and the lead of a build follow from it and are in), and how long ago a block was needed, which matters only beyond 64 blocks at a height.
    /// Equal within one build of the program; not to be stored.
    #[doc(hidden)]
    #[must_use]
    pub fn fingerprint(&self) -> u128 {
        let half = |salt: u8| {
            let mut hasher = DefaultHasher::new();
            salt.hash(&mut hasher);
            self.hash_state(&mut hasher);
            u128::from(hasher.finish())
        };
        half(0) << 64 | half(1)
    }

    fn hash_state(&self, hasher: &mut DefaultHasher) {
        let Self {
            settings: _,
            stored,
            tip,
            open,
            opening,
            terms,
            ahead,
            coming,
            fresh_start,
            records,
            silence,
            votes_from,
            reach,
            buffered,
            peers: _,
            last_start,
            last_decision,
            timer,
            performance: _,
            block_size,
            pool_filled,
            began,
            watched: _,
            emergency,
            recovering: _,
            reported_base: _,
        } = self;
        (stored, tip, open, opening, terms, ahead, coming).hash(hasher);
        (fresh_start, records, silence, votes_from, reach, buffered).hash(hasher);
        (last_start, last_decision, timer).hash(hasher);
        (block_size, pool_filled, began, emergency).hash(hasher);
    }
}
