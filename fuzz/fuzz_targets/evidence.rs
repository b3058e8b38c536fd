//! Proofs of guilt: one encoding each, and whoever a proof convicts is the one it names.
#![no_main]

use libfuzzer_sys::fuzz_target;
use neo_consensus::v3::evidence::Evidence;
use neo_fuzz::network::{MAGIC, Network};
use neo_fuzz::one_encoding;
use neo_invariants::ideal::IdealCheck;

fuzz_target!(|bytes: &[u8]| {
    let Some(evidence) = one_encoding::<Evidence>(bytes) else {
        return;
    };
    assert!(!evidence.to_string().is_empty());
    let network = Network::default();
    if let Ok(culprit) = evidence.verify(MAGIC, &network.validators, &IdealCheck) {
        assert_eq!(culprit, evidence.culprit());
    }
});
