//! A set of validator indexes as a bitmap.

use std::fmt;

use neo_primitives::codec::write_var_bytes;
use neo_primitives::{Decode, DecodeError, Encode, Reader, ValidatorIndex};

/// Up to 256 validator indexes. On the wire: variable-length bytes, lowest index in the lowest bit
/// of the first byte, without trailing zero bytes.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct IndexSet([u8; 32]);

impl IndexSet {
    /// Adds an index.
    pub fn insert(&mut self, index: ValidatorIndex) {
        self.0[usize::from(index.0 >> 3)] |= 1 << (index.0 & 7);
    }

    /// Whether the index is in it.
    #[must_use]
    pub fn contains(&self, index: ValidatorIndex) -> bool {
        self.0[usize::from(index.0 >> 3)] & (1 << (index.0 & 7)) != 0
    }

    /// Whether all indexes of the other set are in this one.
    #[must_use]
    pub fn contains_all(&self, other: &Self) -> bool {
        self.0
            .iter()
            .zip(other.0)
            .all(|(own, other)| other & !own == 0)
    }

    /// The indexes in order.
    pub fn iter(&self) -> impl Iterator<Item = ValidatorIndex> + '_ {
        (0..=u8::MAX)
            .map(ValidatorIndex)
            .filter(|index| self.contains(*index))
    }
}

impl FromIterator<ValidatorIndex> for IndexSet {
    fn from_iter<T: IntoIterator<Item = ValidatorIndex>>(indexes: T) -> Self {
        let mut set = Self::default();
        for index in indexes {
            set.insert(index);
        }
        set
    }
}

impl fmt::Debug for IndexSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set()
            .entries(self.iter().map(|index| index.0))
            .finish()
    }
}

impl Encode for IndexSet {
    fn encode(&self, out: &mut Vec<u8>) {
        let used = self
            .0
            .iter()
            .rposition(|byte| *byte != 0)
            .map_or(0, |last| last + 1);
        write_var_bytes(out, &self.0[..used]);
    }
}

impl Decode for IndexSet {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let bytes = reader.field("bitmap").var_bytes(32)?;
        if bytes.last() == Some(&0) {
            return Err(reader.invalid("a bitmap ends with a zero byte"));
        }
        let mut set = [0; 32];
        set[..bytes.len()].copy_from_slice(bytes);
        Ok(Self(set))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn decodes_what_it_encodes(members in proptest::collection::btree_set(any::<u8>(), 0..40)) {
            let set: IndexSet = members.iter().copied().map(ValidatorIndex).collect();
            prop_assert_eq!(IndexSet::from_bytes(&set.to_bytes()).unwrap(), set);
            prop_assert_eq!(set.iter().map(|i| i.0).collect::<std::collections::BTreeSet<_>>(), members);
        }
    }

    #[test]
    fn a_set_contains_its_subsets() {
        let set = |indexes: &[u8]| {
            indexes
                .iter()
                .copied()
                .map(ValidatorIndex)
                .collect::<IndexSet>()
        };
        assert!(set(&[1, 9, 200]).contains_all(&set(&[9, 200])));
        assert!(set(&[]).contains_all(&set(&[])));
        assert!(!set(&[1, 9]).contains_all(&set(&[9, 200])));
    }

    #[test]
    fn one_set_has_one_encoding() {
        assert!(IndexSet::from_bytes(&[2, 1, 0]).is_err());
        assert!(IndexSet::from_bytes(&[33]).is_err());
    }
}
