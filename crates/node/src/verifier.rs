//! Signature checks: in parallel on the threads of whoever asks, with parsed keys, each signature once.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use neo_consensus::v3::SignatureCheck;
use neo_consensus::v3::certificate::Obligation;
use neo_consensus::v3::context::HeightContext;
use neo_primitives::{PublicKey, Signature, VerifyingKey, sha256};
use parking_lot::{Mutex, RwLock};
use rayon::prelude::*;

/// Parsed keys that are kept; validators of two sets fit.
const MAX_KEYS: usize = 1024;
/// Valid signatures that are remembered: certificates repeat those of votes. Two generations of this size.
const MAX_REMEMBERED: usize = 16_384;

/// Checks the signatures of consensus messages.
#[derive(Debug, Default)]
pub(crate) struct Verifier {
    keys: RwLock<HashMap<PublicKey, VerifyingKey>>,
    valid: Mutex<Generations>,
    /// How long signatures have been checked since the start, in nanoseconds.
    worked_ns: AtomicU64,
}

#[derive(Debug, Default)]
struct Generations {
    young: HashSet<[u8; 32]>,
    old: HashSet<[u8; 32]>,
}

impl Generations {
    fn contains(&self, digest: &[u8; 32]) -> bool {
        self.young.contains(digest) || self.old.contains(digest)
    }

    fn insert(&mut self, digest: [u8; 32]) {
        if self.young.len() >= MAX_REMEMBERED {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(digest);
    }
}

impl Verifier {
    /// How long signatures have been checked since the start, on all threads together.
    pub(crate) fn worked(&self) -> Duration {
        Duration::from_nanos(self.worked_ns.load(Relaxed))
    }

    fn key(&self, key: &PublicKey) -> VerifyingKey {
        if let Some(parsed) = self.keys.read().get(key) {
            return parsed.clone();
        }
        let parsed = key.verifier();
        let mut keys = self.keys.write();
        if keys.len() >= MAX_KEYS {
            keys.clear();
        }
        keys.insert(key.clone(), parsed.clone());
        parsed
    }

    fn valid(&self, context: &HeightContext, obligation: &Obligation) -> bool {
        context
            .validators
            .key(obligation.validator)
            .is_some_and(|key| self.signed(key, &obligation.preimage, &obligation.signature))
    }

    /// Whether the key has signed this. Each signature that holds is checked once.
    pub(crate) fn signed(&self, key: &PublicKey, preimage: &[u8], signature: &Signature) -> bool {
        let mut bytes = Vec::with_capacity(97 + preimage.len());
        bytes.extend_from_slice(key.as_bytes());
        bytes.extend_from_slice(&signature.0);
        bytes.extend_from_slice(preimage);
        let digest = sha256(&bytes);
        if self.valid.lock().contains(&digest) {
            return true;
        }
        let began = Instant::now();
        let valid = self.key(key).verify(preimage, signature);
        let took = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.worked_ns.fetch_add(took, Relaxed);
        if valid {
            self.valid.lock().insert(digest);
        }
        valid
    }
}

impl SignatureCheck for Verifier {
    fn all_valid(&self, context: &HeightContext, obligations: &[Obligation]) -> bool {
        // Two signatures are cheaper to check than to hand out.
        if obligations.len() <= 2 {
            return obligations
                .iter()
                .all(|obligation| self.valid(context, obligation));
        }
        obligations
            .par_iter()
            .all(|obligation| self.valid(context, obligation))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use neo_consensus::ValidatorSet;
    use neo_primitives::{Height, Magic, PrivateKey, UInt256, ValidatorIndex};

    #[test]
    fn valid_signatures_hold_and_changed_ones_do_not_even_after_them() {
        let key = PrivateKey::generate();
        let context = HeightContext {
            magic: Magic(1),
            height: Height(1),
            prev_hash: UInt256::ZERO,
            validators: Arc::new(ValidatorSet::new(vec![key.public_key().clone()]).unwrap()),
        };
        let good = Obligation {
            validator: ValidatorIndex(0),
            preimage: b"vote".to_vec(),
            signature: key.sign(b"vote"),
        };
        let verifier = Verifier::default();
        for _ in 0..2 {
            assert!(verifier.all_valid(&context, &vec![good.clone(); 5]));
        }
        let other = Obligation {
            preimage: b"veto".to_vec(),
            ..good.clone()
        };
        let forged = Obligation {
            signature: Signature([7; 64]),
            ..good.clone()
        };
        let stranger = Obligation {
            validator: ValidatorIndex(1),
            ..good
        };
        for bad in [other, forged, stranger] {
            assert!(!verifier.all_valid(&context, &[bad]));
        }
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut generations = Generations::default();
        for number in 0..(3 * MAX_REMEMBERED as u64) {
            generations.insert(sha256(&number.to_le_bytes()));
        }
        assert!(generations.young.len() + generations.old.len() <= 2 * MAX_REMEMBERED);
    }
}
