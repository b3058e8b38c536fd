//! Toy signatures, toy transactions, reproducible random numbers.

use std::sync::{Arc, OnceLock};

use neo_primitives::{
    Datoshi, Height, PublicKey, Signature, Transaction, UInt160, UnsignedTransaction, Witness,
    WitnessScope, sha256,
};

use crate::v3::certificate::Obligation;
use crate::v3::context::HeightContext;
use crate::v3::testing;
use crate::v3::{SignatureCheck, Signer};

/// SplitMix64.
#[derive(Clone, Debug)]
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.next() % bound }
    }

    pub(crate) fn between(&mut self, range: (u64, u64)) -> u64 {
        range.0 + self.below(range.1.saturating_sub(range.0) + 1)
    }

    pub(crate) fn in_a_thousand(&mut self, count: u64) -> bool {
        count > 0 && self.below(1000) < count
    }
}

/// The seeds of a random test: `SEED=7` runs that one again, `SEEDS=5000` runs more than usual.
pub(crate) fn seeds(usual: u64) -> Vec<u64> {
    let number = |name| {
        std::env::var(name)
            .ok()
            .map(|text: String| text.parse::<u64>().expect("a number"))
    };
    match (number("SEED"), number("SEEDS")) {
        (Some(seed), _) => vec![seed],
        (None, Some(count)) => (0..count).collect(),
        (None, None) => (0..usual).collect(),
    }
}

/// Runs a random test for each seed and names the one that fails.
pub(crate) fn for_each_seed<T>(usual: u64, what: &str, run: impl Fn(u64) -> T) -> Vec<T> {
    let run = |seed| {
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run(seed)));
        result.unwrap_or_else(|panic| {
            eprintln!("SEED={seed} fails: {what}");
            std::panic::resume_unwind(panic)
        })
    };
    seeds(usual).into_iter().map(run).collect()
}

/// Keys in Neo's order, so that a node's number is its validator index.
pub(crate) fn keys(count: usize) -> Vec<PublicKey> {
    static KEYS: OnceLock<Vec<PublicKey>> = OnceLock::new();
    let keys = KEYS.get_or_init(|| {
        testing::keys(40)
            .iter()
            .map(|key| key.public_key().clone())
            .collect()
    });
    let mut keys = keys[..count].to_vec();
    keys.sort();
    keys
}

/// A keyed hash; whoever knows the public key can sign, which only the tests of liars do.
pub(crate) struct ToySigner(pub(crate) PublicKey);

impl Signer for ToySigner {
    fn sign(&self, preimage: &[u8]) -> Signature {
        let mut bytes = self.0.as_bytes().to_vec();
        bytes.extend_from_slice(preimage);
        let digest = sha256(&bytes);
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(&digest);
        signature[32..].copy_from_slice(&digest);
        Signature(signature)
    }
}

pub(crate) struct ToyCheck;

impl SignatureCheck for ToyCheck {
    fn all_valid(&self, context: &HeightContext, obligations: &[Obligation]) -> bool {
        obligations.iter().all(|obligation| {
            context
                .validators
                .key(obligation.validator)
                .is_some_and(|key| {
                    ToySigner(key.clone()).sign(&obligation.preimage) == obligation.signature
                })
        })
    }
}

/// A transaction unlike all others.
pub(crate) fn transaction(nonce: u32) -> Arc<Transaction> {
    let account = UInt160::from_wire([1; 20]);
    let unsigned = UnsignedTransaction {
        nonce,
        system_fee: Datoshi(0),
        network_fee: Datoshi(0),
        valid_until: Height(u32::MAX),
        signers: vec![neo_primitives::Signer::new(account, WitnessScope::NONE)],
        attributes: vec![],
        script: vec![0x40],
    };
    let witness = Witness {
        invocation: vec![],
        verification: vec![],
    };
    Arc::new(unsigned.into_signed(vec![witness]).unwrap())
}
