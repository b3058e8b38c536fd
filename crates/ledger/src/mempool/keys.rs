//! Public keys that were parsed before.

use std::collections::HashMap;

use neo_primitives::{KeyError, Signature, VerifyingKey};
use parking_lot::RwLock;

use crate::signatures::SignatureScheme;

/// Parsed keys, bounded: the older half goes when it is full.
///
/// Parsing a compressed P-256 key takes about a fifth of the time of verifying a signature with it.
pub(crate) struct KeyCache {
    half: usize,
    generations: RwLock<Generations>,
}

#[derive(Default)]
struct Generations {
    young: HashMap<[u8; 33], VerifyingKey>,
    old: HashMap<[u8; 33], VerifyingKey>,
}

impl KeyCache {
    /// A cache of at most `capacity` keys.
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            half: (capacity / 2).max(1),
            generations: RwLock::default(),
        }
    }

    /// The parsed key.
    ///
    /// # Errors
    /// When the bytes are no point of the curve.
    pub(crate) fn get(&self, bytes: &[u8; 33]) -> Result<VerifyingKey, KeyError> {
        if let Some(key) = self.generations.read().young.get(bytes) {
            return Ok(key.clone());
        }
        let old = self.generations.read().old.get(bytes).cloned();
        let key = match old {
            Some(key) => key,
            None => VerifyingKey::from_compressed(bytes)?,
        };
        let mut generations = self.generations.write();
        if generations.young.len() >= self.half {
            generations.old = std::mem::take(&mut generations.young);
        }
        generations.young.insert(*bytes, key.clone());
        Ok(key)
    }
}

/// ECDSA on P-256 over SHA-256, as Neo has it.
impl SignatureScheme for KeyCache {
    fn verify(
        &self,
        key: &[u8; 33],
        message: &[u8],
        signature: &Signature,
    ) -> Result<bool, KeyError> {
        Ok(self.get(key)?.verify(message, signature))
    }
}

#[cfg(test)]
mod tests {
    use neo_primitives::PrivateKey;

    use super::*;

    #[test]
    fn the_cache_stays_bounded_and_keys_in_use_stay() {
        let cache = KeyCache::new(8);
        let favourite = *PrivateKey::generate().public_key().as_bytes();
        for _ in 0..50 {
            cache
                .get(PrivateKey::generate().public_key().as_bytes())
                .unwrap();
            cache.get(&favourite).unwrap();
            let generations = cache.generations.read();
            assert!(generations.young.len() <= 4 && generations.old.len() <= 4);
        }
        assert!(cache.get(&[0; 33]).is_err());
    }
}
