//! States of the leader order, as checkpoints keep them, and what blocks make of them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use neo_consensus::View;
use neo_consensus::v3::leader::{LeaderState, LeaderStateError, MAX_SCORE, MIN_SCORE};
use neo_primitives::ValidatorIndex;

fuzz_target!(|bytes: &[u8]| {
    let (primaries, bytes) = bytes.split_at(bytes.len().min(32));
    let Ok(mut state) = LeaderState::decode(bytes) else {
        return;
    };
    assert_eq!(state.encode(), bytes, "another encoding of the state");
    let count = state.standings().len();
    for primary in primaries {
        let mut order: Vec<_> = state.order().iter().map(|one| one.0).collect();
        assert_eq!(state.order().leader(View(0)).0, order[0]);
        order.sort_unstable();
        assert!(order.into_iter().map(usize::from).eq(0..count));
        let Some(height) = state.height().0.checked_add(1) else {
            return;
        };
        state = state.next(ValidatorIndex(*primary));
        assert_eq!(state.height().0, height);
        for one in state.standings() {
            assert!((MIN_SCORE..=MAX_SCORE).contains(&one.score));
        }
    }
    // Credits within the limits that no chain leads to may leave them by at most a score a block.
    match LeaderState::decode(&state.encode()) {
        Ok(again) => assert_eq!(again, state),
        Err(error) => assert!(matches!(error, LeaderStateError::Credit { .. }), "{error}"),
    }
});
