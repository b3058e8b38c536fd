//! Which validators are heard of. In Neo N3's P2P nobody knows which peer is which validator: their signed messages
//! show who is there, whatever way they came.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use neo_primitives::PublicKey;
use parking_lot::Mutex;

/// When something verified came of each validator last.
#[derive(Debug)]
pub(crate) struct Heard {
    last: Mutex<BTreeMap<PublicKey, Instant>>,
    /// Who was silent for this long is not there any more.
    patience: Duration,
}

impl Heard {
    /// Nobody was heard of yet.
    pub(crate) fn new(patience: Duration) -> Self {
        Self {
            last: Mutex::default(),
            patience,
        }
    }

    /// A verified message of a validator came. True if it was not there before.
    pub(crate) fn of(&self, validator: &PublicKey) -> bool {
        let now = Instant::now();
        let before = self.last.lock().insert(validator.clone(), now);
        before.is_none_or(|before| now.duration_since(before) >= self.patience)
    }

    /// How long ago a validator was heard of.
    pub(crate) fn since(&self, validator: &PublicKey) -> Option<Duration> {
        self.last.lock().get(validator).map(Instant::elapsed)
    }

    /// Whether it is there, as far as anybody can know.
    pub(crate) fn is_there(&self, validator: &PublicKey) -> bool {
        self.since(validator)
            .is_some_and(|since| since < self.patience)
    }

    /// There is no peer any more: nobody is there. Gives those who were.
    pub(crate) fn lost_all(&self) -> Vec<PublicKey> {
        std::mem::take(&mut *self.last.lock()).into_keys().collect()
    }
}

#[cfg(test)]
mod tests {
    use neo_primitives::PrivateKey;

    use super::*;

    #[test]
    fn who_is_heard_of_is_there_until_it_is_silent_or_all_are_gone() {
        let key = PrivateKey::generate().public_key().clone();
        let heard = Heard::new(Duration::from_secs(3600));
        assert!(!heard.is_there(&key) && heard.since(&key).is_none());
        assert!(heard.of(&key), "it is new");
        assert!(!heard.of(&key), "it was there");
        assert!(heard.is_there(&key));
        assert_eq!(heard.lost_all(), std::slice::from_ref(&key));
        assert!(heard.of(&key), "it is back");
        let hasty = Heard::new(Duration::ZERO);
        assert!(hasty.of(&key) && hasty.of(&key));
        assert!(!hasty.is_there(&key));
    }
}
