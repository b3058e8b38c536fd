//! The validators of one height, and the arithmetic of quorums.

use std::fmt;

use neo_primitives::{PublicKey, ValidatorIndex};

/// Number of a view inside one height, counted from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct View(pub u32);

impl View {
    /// The first view of a height; its proposal needs no justification.
    pub const ZERO: Self = Self(0);

    /// The following view; stays at the greatest number instead of overflowing.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The validators of one height in Neo's order: by public key, X then Y (protocol section 2).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ValidatorSet {
    keys: Vec<PublicKey>,
}

/// Why a list of keys is no validator set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValidatorSetError {
    /// A set has between 1 and 255 members.
    #[error("{0} validators, the limits are 1 and 255")]
    Size(usize),
    /// The same key twice.
    #[error("validator {0} appears twice")]
    Duplicate(PublicKey),
}

impl ValidatorSet {
    /// Sorts `keys` into Neo's order.
    ///
    /// # Errors
    /// An empty set, more than 255 members, or a key that appears twice.
    pub fn new(mut keys: Vec<PublicKey>) -> Result<Self, ValidatorSetError> {
        if keys.is_empty() || keys.len() > 255 {
            return Err(ValidatorSetError::Size(keys.len()));
        }
        keys.sort();
        if let Some(pair) = keys.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(ValidatorSetError::Duplicate(pair[0].clone()));
        }
        Ok(Self { keys })
    }

    /// Number of validators, n.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Never true: a set has at least one member.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The number of Byzantine validators tolerated, `f = ⌊(n−1)/3⌋`.
    #[must_use]
    pub fn faulty(&self) -> usize {
        (self.keys.len() - 1) / 3
    }

    /// The quorum `M = n − f`.
    #[must_use]
    pub fn quorum(&self) -> usize {
        self.keys.len() - self.faulty()
    }

    /// The key of a validator, or `None` beyond the set.
    #[must_use]
    pub fn key(&self, index: ValidatorIndex) -> Option<&PublicKey> {
        self.keys.get(usize::from(index.0))
    }

    /// All keys in index order.
    #[must_use]
    pub fn keys(&self) -> &[PublicKey] {
        &self.keys
    }

    /// The index of a key, or `None` for a stranger.
    #[must_use]
    pub fn index_of(&self, key: &PublicKey) -> Option<ValidatorIndex> {
        let position = self.keys.iter().position(|candidate| candidate == key)?;
        u8::try_from(position).ok().map(ValidatorIndex)
    }

    /// Whether the index belongs to this set.
    #[must_use]
    pub fn contains(&self, index: ValidatorIndex) -> bool {
        usize::from(index.0) < self.keys.len()
    }

    /// All indexes in order.
    pub fn indexes(&self) -> impl Iterator<Item = ValidatorIndex> + use<> {
        let count = u8::try_from(self.keys.len()).unwrap_or(u8::MAX);
        (0..count).map(ValidatorIndex)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use neo_primitives::PrivateKey;

    fn keys(count: usize) -> Vec<PublicKey> {
        (0..count)
            .map(|_| PrivateKey::generate().public_key().clone())
            .collect()
    }

    #[test]
    fn quorums_follow_the_number_of_validators() {
        for (n, f, m) in [
            (1, 0, 1),
            (3, 0, 3),
            (4, 1, 3),
            (7, 2, 5),
            (21, 6, 15),
            (22, 7, 15),
        ] {
            let set = ValidatorSet::new(keys(n)).unwrap();
            assert_eq!((set.len(), set.faulty(), set.quorum()), (n, f, m));
        }
    }

    #[test]
    fn refuses_empty_oversized_and_repeated() {
        assert_eq!(ValidatorSet::new(vec![]), Err(ValidatorSetError::Size(0)));
        let mut twice = keys(3);
        twice.push(twice[0].clone());
        assert!(matches!(
            ValidatorSet::new(twice),
            Err(ValidatorSetError::Duplicate(_))
        ));
    }

    #[test]
    fn indexes_follow_the_key_order() {
        let set = ValidatorSet::new(keys(7)).unwrap();
        for index in set.indexes() {
            assert_eq!(set.index_of(set.key(index).unwrap()), Some(index));
        }
        assert!(set.key(ValidatorIndex(7)).is_none());
    }
}
