//! Who was in office at lately opened heights. What is said of a stored height is said by, and to, the validators of
//! that height: an election gives those who stay another index.

use std::collections::VecDeque;
use std::sync::Arc;

use neo_primitives::Height;

use crate::validators::ValidatorSet;

/// Terms of office that are remembered. Who is further behind fetches blocks.
const MAX_TERMS: usize = 4;

/// The latest terms of office, the oldest first.
#[derive(Clone, Debug, Default, Hash)]
pub(super) struct Terms {
    known: VecDeque<(Height, Arc<ValidatorSet>)>,
}

impl Terms {
    /// A height was opened; whether others are in office than at the height that was opened before it.
    pub(super) fn opened(&mut self, height: Height, validators: &Arc<ValidatorSet>) -> bool {
        let begins = match self.known.back() {
            // Nothing shows since when they have been in office: as far as anybody here knows, always.
            None => Height(0),
            Some((_, latest)) if latest == validators => return false,
            Some(_) => height,
        };
        if self.known.len() >= MAX_TERMS {
            self.known.pop_front();
        }
        self.known.push_back((begins, Arc::clone(validators)));
        begins > Height(0)
    }

    /// The validators of a height that is open or below, if they are remembered.
    pub(super) fn at(&self, height: Height) -> Option<&Arc<ValidatorSet>> {
        let mut known = self.known.iter().rev();
        let found = known.find(|(begins, _)| *begins <= height);
        found.map(|(_, validators)| validators)
    }

    /// Whether the validators of a height are still in office.
    pub(super) fn lasts(&self, height: Height) -> bool {
        self.known
            .back()
            .is_some_and(|(begins, _)| *begins <= height)
    }
}

#[cfg(test)]
mod tests {
    use neo_primitives::PrivateKey;

    use super::*;

    #[test]
    fn each_height_has_the_validators_of_its_term_as_far_as_they_are_remembered() {
        let set = || {
            let key = PrivateKey::generate().public_key().clone();
            Arc::new(ValidatorSet::new(vec![key]).unwrap())
        };
        let sets: Vec<_> = (0..6).map(|_| set()).collect();
        let mut terms = Terms::default();
        assert_eq!(terms.at(Height(1)), None);
        let mut opened = |height, set: &Arc<_>| terms.opened(Height(height), set);
        assert!(!opened(7, &sets[0]), "nobody was known before");
        assert!(!opened(8, &sets[0]));
        for (at, set) in sets.iter().enumerate().skip(1) {
            let height = 10 * u32::try_from(at).unwrap();
            assert!(opened(height, set));
            assert!(!opened(height + 1, set));
        }
        assert_eq!(terms.at(Height(99)), Some(&sets[5]));
        assert_eq!(terms.at(Height(50)), Some(&sets[5]));
        assert_eq!(terms.at(Height(49)), Some(&sets[4]));
        assert_eq!(terms.at(Height(20)), Some(&sets[2]));
        assert_eq!(terms.at(Height(19)), None, "forgotten");
        assert!(terms.lasts(Height(50)) && !terms.lasts(Height(49)));
        let mut terms = Terms::default();
        terms.opened(Height(7), &sets[0]);
        assert_eq!(terms.at(Height(3)), Some(&sets[0]));
        terms.opened(Height(9), &sets[1]);
        assert_eq!(terms.at(Height(3)), Some(&sets[0]));
    }
}
