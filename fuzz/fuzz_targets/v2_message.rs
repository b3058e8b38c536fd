//! Messages of dBFT 2.0 in their envelope, from their bytes to what is believed of them: with signatures that
//! anybody could have invented, nothing but what a check lets pass.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use neo_consensus::ValidatorSet;
use neo_consensus::engine::{Engine, Event, Now};
use neo_consensus::v2::{EngineSettings, Message, Restored, V2Engine};
use neo_consensus::v3::VoteLogState;
use neo_fuzz::{older, one_encoding};
use neo_invariants::ideal::IdealCheck;
use neo_primitives::{Encode, Height};

fuzz_target!(|bytes: &[u8]| {
    let Some(message) = one_encoding::<Message>(bytes) else {
        return;
    };
    assert_eq!(message.payload().to_bytes(), bytes);
    assert_eq!(message.hash(), message.payload().hash());
    let own = older::keys().swap_remove(0);
    let set = Arc::new(ValidatorSet::new(older::keys()).expect("four keys"));
    let restored = Restored {
        stored: Height(0),
        tip: older::genesis().hash(),
        records: Vec::new(),
        log: VoteLogState::Intact,
    };
    let settings = EngineSettings {
        own: Some(own.clone()),
        max_block_time: None,
    };
    let mut engine = V2Engine::new(settings, restored);
    let now = |seconds: u64| Now {
        monotonic: std::time::Duration::from_secs(seconds),
        wall_ms: seconds * 1_000,
        entropy: 7,
    };
    engine.step(now(0), Event::Start);
    engine.step(now(0), older::opened(&set));
    let from = message.claimed_key().unwrap_or(own);
    let actions = engine.step(now(1), Event::Received { from, message });
    for job in actions.verify {
        let outcome = job.run(&IdealCheck);
        let actions = engine.step(now(1), Event::Verified(outcome));
        assert!(actions.ledger.is_empty(), "nothing is decided by invention");
    }
    engine.step(now(3), Event::Timer(older::view_timer()));
    assert!(engine.footprint() < 1_000);
});
