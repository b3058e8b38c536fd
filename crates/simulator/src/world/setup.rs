//! Keys, the genesis configuration and the signatures of a run.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use neo_consensus::ValidatorSet;
use neo_invariants::ideal::IdealCheck;
use neo_ledger::{GenesisConfig, SignatureScheme};
use neo_primitives::{KeyError, Magic, PrivateKey, PublicKey, Signature};

use crate::plan::{MAX_VALIDATORS, Plan};

/// Magic of every simulated network.
const MAGIC: Magic = Magic(0x3354_4642);
/// Validators whose witness a Neo node reads (protocol section 2).
const NEO_VALIDATORS: u16 = 22;
/// A witness limit for any number of validators, in bytes.
const WIDE_WITNESS: u32 = 65_535;

/// Keys of the validators, in Neo's order: the position is the validator's index.
pub(super) fn keys(count: u16) -> Vec<PublicKey> {
    static KEYS: OnceLock<Vec<PublicKey>> = OnceLock::new();
    let all = KEYS.get_or_init(|| {
        (1..=MAX_VALIDATORS)
            .filter_map(|number| {
                let mut secret = [0x5a; 32];
                let [low, high] = number.to_le_bytes();
                secret[0] = low;
                secret[1] = high;
                let key = PrivateKey::from_bytes(&secret).ok()?;
                Some(key.public_key().clone())
            })
            .collect()
    });
    let mut keys: Vec<_> = all.iter().take(usize::from(count)).cloned().collect();
    keys.sort();
    keys
}

/// The network of a plan.
pub(super) fn genesis(plan: &Plan, keys: &[PublicKey]) -> GenesisConfig {
    let mut genesis = GenesisConfig::new(MAGIC, keys.to_vec());
    genesis.block_time_ms = plan.block_time_ms;
    if plan.validators > NEO_VALIDATORS {
        genesis.witness_limit = WIDE_WITNESS;
    }
    genesis
}

/// The set that the keys make. A plan's number of validators is within the limits of a set.
pub(super) fn validators(keys: &[PublicKey]) -> Arc<ValidatorSet> {
    let set = ValidatorSet::new(keys.to_vec());
    Arc::new(set.expect("1 to 255 distinct keys are a validator set"))
}

/// Ideal signatures for the ledger.
#[derive(Clone)]
pub(super) struct IdealScheme(Arc<BTreeMap<[u8; 33], PublicKey>>);

impl IdealScheme {
    pub(super) fn new(keys: &[PublicKey]) -> Self {
        let known = keys.iter().map(|key| (*key.as_bytes(), key.clone()));
        Self(Arc::new(known.collect()))
    }
}

impl SignatureScheme for IdealScheme {
    fn verify(
        &self,
        key: &[u8; 33],
        message: &[u8],
        signature: &Signature,
    ) -> Result<bool, KeyError> {
        match self.0.get(key) {
            Some(key) => Ok(IdealCheck::valid(key, message, signature)),
            None => {
                let key = PublicKey::from_bytes(key)?;
                Ok(IdealCheck::valid(&key, message, signature))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_key_for_every_validator_and_a_network_for_every_size() {
        assert_eq!(keys(255).len(), 255);
        for count in [1, 4, 22, 23, 100, 255] {
            let keys = keys(count);
            let config = genesis(&Plan::new(count, 1), &keys);
            assert!(config.validate().is_ok(), "{count}");
            assert_eq!(config.validators(), validators(&keys).keys());
        }
    }
}
