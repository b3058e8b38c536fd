//! The real engine keeps both promises within small bounds, and the model notices when it does not.

use std::sync::Arc;

use neo_models::engine::Broken;
use neo_models::engine::model::{Bounds, Outcome, explore};
use neo_primitives::ValidatorIndex;

fn run(byzantine: u8, states: usize, plays: usize, broken: Broken) -> Outcome {
    let bounds = Bounds {
        byzantine: ValidatorIndex(byzantine),
        states,
        leave: false,
        plays,
        seed: 1,
        broken,
    };
    explore(bounds, &Arc::default(), &mut |_, _| {}).expect("a validator of the set")
}

#[test]
fn the_engine_is_safe_and_live_whoever_is_byzantine() {
    for byzantine in 0..4 {
        let outcome = run(byzantine, 300, 4, Broken::default());
        assert!(outcome.violation.is_none(), "{:#?}", outcome.violation);
        assert!(outcome.states >= 300, "{outcome:?}");
        assert!(outcome.plays.longest > 8, "{outcome:?}");
    }
}

#[test]
fn a_run_can_be_repeated() {
    let figures = |outcome: Outcome| (outcome.states, outcome.transitions, outcome.plays);
    let once = || figures(run(1, 100, 1, Broken::default()));
    assert_eq!(once(), once());
}

#[test]
fn a_byzantine_validator_beyond_the_set_is_refused() {
    let bounds = Bounds {
        byzantine: ValidatorIndex(4),
        states: 1,
        leave: false,
        plays: 0,
        seed: 0,
        broken: Broken::default(),
    };
    let error = explore(bounds, &Arc::default(), &mut |_, _| {}).expect_err("no such validator");
    assert_eq!(error.to_string(), "validator 4 in a set of 4");
}

#[cfg(feature = "mutation")]
#[test]
fn an_engine_that_signs_headers_early_is_caught() {
    let broken = Broken {
        mutation: Some(neo_consensus::v3::mutation::Mutation::CommitOnPrepared),
    };
    let outcome = run(1, 3_000, 0, broken);
    let violation = outcome.violation.expect("a violation");
    assert_eq!(violation.property, "safety");
    assert!(violation.what.contains("rule 6"), "{violation:#?}");
}

#[cfg(feature = "mutation")]
#[test]
fn backups_that_take_any_block_are_caught() {
    let broken = Broken {
        mutation: Some(neo_consensus::v3::mutation::Mutation::AdmitsAnyBlock),
    };
    let outcome = run(1, 1, 200, broken);
    let violation = outcome.violation.expect("a violation");
    assert_eq!(violation.property, "safety");
    assert!(
        violation.what.contains("can be decided in view 0"),
        "{violation:#?}"
    );
}
