//! The four-view fork of the quorum-level model, on real engines.

use std::sync::Arc;

use neo_models::engine::Broken;
use neo_models::engine::replay::replay;
use neo_models::quorum::model::{Verdict, explore};
use neo_models::quorum::play::Play;
use neo_models::quorum::rules::{Carry, Reduction, Release, Setting};

fn fork(validators: u8) -> Play {
    let setting = Setting {
        release: Release::Prepared,
        carry: Carry::Highest,
        validators,
        views: 4,
        reduction: Reduction::Full,
    };
    match explore(setting, &Arc::default(), &mut |_, _| {}).verdict {
        Verdict::Fork(play) => play,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_engine_follows_the_four_views_and_does_not_fork() {
    for (validators, liars) in [(4, vec![3]), (7, vec![5, 6])] {
        let play = fork(validators);
        let replayed = replay(&play, Broken::default()).expect("the play can be followed");
        assert!(!replayed.forks());
        assert!(replayed.witnessed.is_empty());
        for (block, signers) in &replayed.signatures {
            let signers: Vec<u8> = signers.iter().copied().collect();
            assert_eq!(signers, liars, "block {block}");
        }
        // Left to themselves the honest validators decide one block.
        assert!(replayed.afterwards.is_ok(), "{:?}", replayed.afterwards);
    }
}

#[cfg(feature = "mutation")]
#[test]
fn with_the_header_signature_at_the_prepared_certificate_it_forks() {
    let broken = Broken {
        mutation: Some(neo_consensus::v3::mutation::Mutation::CommitOnPrepared),
    };
    for (validators, quorum) in [(4, 3), (7, 5)] {
        let replayed = replay(&fork(validators), broken).expect("the play can be followed");
        assert!(replayed.forks(), "{replayed:#?}");
        for (block, signers) in &replayed.signatures {
            assert!(signers.len() >= quorum, "block {block}: {signers:?}");
        }
    }
}
