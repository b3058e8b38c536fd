//! A bounded memory of hashes.

use std::{collections::HashSet, hash::Hash};

/// Remembers at least the latest half of `capacity` items, at most `capacity`: the older half is forgotten at once
/// when the newer is full.
#[derive(Debug)]
pub(crate) struct Known<T> {
    newer: HashSet<T>,
    older: HashSet<T>,
    half: usize,
}

impl<T: Eq + Hash> Known<T> {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            newer: HashSet::new(),
            older: HashSet::new(),
            half: capacity.div_ceil(2).max(1),
        }
    }

    /// Notes an item. True if it was not known.
    pub(crate) fn insert(&mut self, item: T) -> bool {
        if self.contains(&item) {
            return false;
        }
        if self.newer.len() >= self.half {
            self.older = std::mem::take(&mut self.newer);
        }
        self.newer.insert(item)
    }

    pub(crate) fn contains(&self, item: &T) -> bool {
        self.newer.contains(item) || self.older.contains(item)
    }

    pub(crate) fn remove(&mut self, item: &T) {
        self.newer.remove(item);
        self.older.remove(item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_half_is_known_and_memory_is_bounded() {
        let mut known = Known::new(100);
        for item in 0..1000u32 {
            assert!(known.insert(item));
            assert!(!known.insert(item.saturating_sub(49)));
            assert!(known.newer.len() + known.older.len() <= 100);
        }
        assert!(!known.contains(&0));
        known.remove(&999);
        assert!(known.insert(999));
    }
}
