//! What is left of a height after some views have been played.

/// Honest validators that fit.
pub const MAX_HONEST: usize = 8;
/// Views that fit.
pub const MAX_VIEWS: usize = 8;

/// A set of honest validators, or of blocks, by number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mask(pub u8);

impl Mask {
    /// The first `count`.
    #[must_use]
    pub fn first(count: u8) -> Self {
        (0..count).collect()
    }

    /// Whether a number is in it.
    #[must_use]
    pub const fn has(self, number: u8) -> bool {
        number < 8 && self.0 & (1 << number) != 0
    }

    /// With a number.
    #[must_use]
    pub const fn with(self, number: u8) -> Self {
        if number < 8 {
            Self(self.0 | 1 << number)
        } else {
            self
        }
    }

    /// How many.
    #[must_use]
    pub fn len(self) -> u8 {
        u8::try_from(self.0.count_ones()).unwrap_or(u8::MAX)
    }

    /// Whether none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The numbers, ascending.
    pub fn iter(self) -> impl Iterator<Item = u8> {
        (0..8).filter(move |number| self.has(*number))
    }

    /// Those of both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Those of either.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Those that are not in the other.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// All its subsets, the greatest mask first.
    pub fn subsets(self) -> impl Iterator<Item = Self> {
        let mut next = Some(self.0);
        std::iter::from_fn(move || {
            let subset = next?;
            next = (subset != 0).then(|| (subset - 1) & self.0);
            Some(Self(subset))
        })
    }
}

impl FromIterator<u8> for Mask {
    fn from_iter<T: IntoIterator<Item = u8>>(numbers: T) -> Self {
        numbers.into_iter().fold(Self(0), Self::with)
    }
}

/// What binds an honest validator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Honest {
    /// View of the highest prepared certificate it holds; what its next ChangeView claims.
    pub claim: Option<u8>,
    /// Blocks whose header it signed.
    pub signed: Mask,
    /// Highest view it asked for. Kept only where a header signature locks.
    pub asked: u8,
    /// It supports nothing but what it signed.
    pub locked: bool,
}

/// A height after `view` views.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct QuorumState {
    /// The next view to be played.
    pub view: u8,
    /// Blocks that were prepared so far, named in the order in which they came up.
    pub blocks: u8,
    /// Per view the block of its prepared certificate, if one exists.
    pub prepared: [Option<u8>; MAX_VIEWS],
    /// View in which each block was proposed first.
    pub origin: [u8; MAX_VIEWS],
    /// The honest validators; beyond their number all default.
    pub honest: [Honest; MAX_HONEST],
    /// Blocks for which M header signatures, or M PreCommits of one view, exist.
    pub decided: Mask,
}

impl QuorumState {
    /// The honest validators, of whom there are `count`.
    #[must_use]
    pub fn of(&self, count: u8) -> &[Honest] {
        self.honest.get(..usize::from(count)).unwrap_or_default()
    }

    /// Those of them that may still support another block.
    #[must_use]
    pub fn unlocked(&self, count: u8) -> Mask {
        let free = (0..count).zip(self.of(count));
        free.filter(|(_, honest)| !honest.locked)
            .map(|(number, _)| number)
            .collect()
    }

    /// Honest validators that signed the header of a block.
    #[must_use]
    pub fn signers(&self, count: u8, block: u8) -> Mask {
        let signers = (0..count).zip(self.of(count));
        signers
            .filter(|(_, honest)| honest.signed.has(block))
            .map(|(number, _)| number)
            .collect()
    }

    /// Block of the prepared certificate of a view.
    #[must_use]
    pub fn prepared_in(&self, view: u8) -> Option<u8> {
        self.prepared.get(usize::from(view)).copied().flatten()
    }

    /// Views with a prepared certificate, ascending.
    pub fn certified(&self) -> impl Iterator<Item = u8> {
        (0..self.view).filter(|view| self.prepared_in(*view).is_some())
    }

    /// The state with its honest validators in ascending order, and which of the given one stands at each
    /// place.
    #[must_use]
    pub fn canonical(mut self, count: u8) -> (Self, Vec<u8>) {
        let mut order: Vec<(Honest, u8)> = self.of(count).iter().copied().zip(0..).collect();
        order.sort_unstable();
        for (place, (honest, _)) in self.honest.iter_mut().zip(&order) {
            *place = *honest;
        }
        (self, order.into_iter().map(|(_, from)| from).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subsets_are_all_there_once() {
        let mask: Mask = [0, 2, 3].into_iter().collect();
        let mut subsets: Vec<_> = mask.subsets().collect();
        assert_eq!(subsets.first(), Some(&mask));
        subsets.sort();
        subsets.dedup();
        assert_eq!(subsets.len(), 8);
        assert!(subsets.iter().all(|subset| subset.without(mask).is_empty()));
    }

    #[test]
    fn the_canonical_state_forgets_names_only() {
        let mut state = QuorumState::default();
        state.honest[0].claim = Some(1);
        state.honest[2].signed = Mask(1);
        let (canonical, order) = state.canonical(3);
        assert_eq!(order, [1, 2, 0]);
        let back: Vec<_> = order
            .iter()
            .map(|from| state.honest[usize::from(*from)])
            .collect();
        assert_eq!(canonical.of(3), back);
        assert_eq!(canonical.canonical(3).0, canonical);
    }
}
