//! A set of validators that is quick to count.

use neo_primitives::ValidatorIndex;

/// Up to 256 validator indexes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bits([u64; 4]);

impl Bits {
    /// Adds an index; says whether it was new.
    pub(crate) fn insert(&mut self, index: ValidatorIndex) -> bool {
        let (word, bit) = (usize::from(index.0 >> 6), 1 << (index.0 & 63));
        let new = self.0[word] & bit == 0;
        self.0[word] |= bit;
        new
    }

    pub(crate) fn contains(&self, index: ValidatorIndex) -> bool {
        self.0[usize::from(index.0 >> 6)] & (1 << (index.0 & 63)) != 0
    }

    /// Adds those of `other`.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (word, more) in self.0.iter_mut().zip(other.0) {
            *word |= more;
        }
    }

    /// Those that are not in `other`.
    pub(crate) fn without(&self, other: &Self) -> Self {
        let mut rest = *self;
        for (word, gone) in rest.0.iter_mut().zip(other.0) {
            *word &= !gone;
        }
        rest
    }

    pub(crate) fn count(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_count_once() {
        let mut bits = Bits::default();
        for index in [0, 63, 64, 254, 255, 64] {
            let index = ValidatorIndex(index);
            assert_eq!(bits.insert(index), index.0 != 64 || bits.count() == 3);
            assert!(bits.contains(index));
        }
        assert_eq!(bits.count(), 5);
        assert!(!bits.contains(ValidatorIndex(65)));
    }
}
