//! Proofs of guilt, as frames and files carry them: one encoding each, and whoever a proof convicts is the one it
//! names. A node and `neo-cli evidence verify` judge them by real signatures, which these do not have.
#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use neo_consensus::v3::evidence::Evidence;
use neo_fuzz::checkpoint::config;
use neo_fuzz::network::{MAGIC, Network};
use neo_fuzz::one_encoding;
use neo_invariants::ideal::IdealCheck;
use neo_node::security::court::{Court, Unproven};

fuzz_target!(|bytes: &[u8]| {
    static COURT: OnceLock<Court> = OnceLock::new();
    let court = COURT.get_or_init(|| Court::of(&config()).expect("four validators"));
    let judged = court.judge(bytes);
    let Some(evidence) = one_encoding::<Evidence>(bytes) else {
        assert!(matches!(judged, Err(Unproven::Unreadable(_))));
        return;
    };
    assert!(matches!(judged, Err(Unproven::NotGuilty(_))), "{judged:?}");
    assert!(!evidence.to_string().is_empty());
    let network = Network::default();
    if let Ok(culprit) = evidence.verify(MAGIC, &network.validators, &IdealCheck) {
        assert_eq!(culprit, evidence.culprit());
    }
});
