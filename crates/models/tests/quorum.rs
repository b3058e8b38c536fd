//! The quorum-level model finds what docs/protocol.md, section 1, says, within small bounds.

use std::sync::Arc;

use neo_models::quorum::model::{Outcome, Verdict, explore, explore_agreement};
use neo_models::quorum::play::Play;
use neo_models::quorum::rules::{Carry, Reduction, Release, Setting};

fn run(release: Release, carry: Carry, validators: u8, views: u8, reduction: Reduction) -> Outcome {
    let setting = Setting {
        release,
        carry,
        validators,
        views,
        reduction,
    };
    setting.check().expect("small bounds");
    explore(setting, &Arc::default(), &mut |_, _| {})
}

fn fork(outcome: Outcome) -> Play {
    match outcome.verdict {
        Verdict::Fork(play) => play,
        other => panic!("{other:?}"),
    }
}

fn lock(outcome: Outcome) -> Play {
    match outcome.verdict {
        Verdict::Lock(play) => play,
        other => panic!("{other:?}"),
    }
}

fn clean(outcome: &Outcome) {
    assert!(matches!(outcome.verdict, Verdict::Clean), "{outcome:?}");
}

#[test]
fn a_fresh_block_in_a_later_view_forks_after_two_views() {
    for release in [Release::Prepared, Release::PreCommits] {
        for reduction in [Reduction::Full, Reduction::None] {
            let play = fork(run(release, Carry::Fresh, 4, 3, reduction));
            assert_eq!(play.len(), 2, "{}", play.text(""));
        }
        let play = fork(run(release, Carry::Fresh, 7, 2, Reduction::Full));
        assert_eq!(play.len(), 2, "{}", play.text(""));
    }
}

#[test]
fn the_highest_block_does_not_save_an_early_header_signature() {
    clean(&run(
        Release::Prepared,
        Carry::Highest,
        4,
        3,
        Reduction::Full,
    ));
    let play = fork(run(
        Release::Prepared,
        Carry::Highest,
        4,
        5,
        Reduction::Full,
    ));
    assert_eq!(play.len(), 4, "{}", play.text(""));
    let story = play.story();
    let proposals: Vec<_> = story.iter().filter_map(|view| view.proposal).collect();
    assert_eq!(proposals, ['A', 'B', 'A', 'B']);
}

#[test]
fn locked_signatures_never_fork_and_lock_the_height() {
    for (validators, committed, left) in [(4, 2, 2), (7, 4, 3)] {
        let outcome = run(
            Release::PreparedLocked,
            Carry::Anything,
            validators,
            3,
            Reduction::Full,
        );
        let play = lock(outcome);
        let beyond = explore_agreement(play.setting, &Arc::default(), &mut |_, _| {});
        clean(&beyond);
        assert!(beyond.states > 200, "{beyond:?}");
        let count = play.setting.honest();
        // With the Byzantine ones that signed both.
        let signed = play.end.signers(count, 0).len() + play.setting.faulty();
        assert_eq!(signed, committed, "{}", play.text(""));
        assert_eq!(play.end.unlocked(count).len(), left, "{}", play.text(""));
    }
}

#[test]
fn the_rules_of_the_third_version_neither_fork_nor_lock() {
    clean(&run(
        Release::PreCommits,
        Carry::Highest,
        4,
        5,
        Reduction::Full,
    ));
    clean(&run(
        Release::PreCommits,
        Carry::Highest,
        7,
        3,
        Reduction::Full,
    ));
    clean(&run(
        Release::PreCommits,
        Carry::Highest,
        4,
        2,
        Reduction::None,
    ));
}

#[test]
fn a_counter_example_names_leader_claims_and_signers() {
    let text = fork(run(
        Release::Prepared,
        Carry::Highest,
        4,
        4,
        Reduction::Full,
    ))
    .text("fork");
    for part in [
        "view 0, leader 0 (honest)",
        "view 3, leader 3 (Byzantine)",
        "claims PC(0,A)",
        "claims PC(1,B)",
        "header signature of A by",
        "decided    B, signed by",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
}

#[test]
fn the_same_setting_gives_the_same_counter_example() {
    let once = || {
        fork(run(
            Release::Prepared,
            Carry::Highest,
            4,
            4,
            Reduction::Full,
        ))
        .text("")
    };
    assert_eq!(once(), once());
}

#[test]
fn the_reductions_hide_nothing() {
    for (release, carry) in [
        (Release::PreparedLocked, Carry::Anything),
        (Release::PreparedLocked, Carry::Highest),
        (Release::Prepared, Carry::Fresh),
        (Release::Prepared, Carry::Highest),
        (Release::PreCommits, Carry::Anything),
        (Release::PreCommits, Carry::Fresh),
        (Release::PreCommits, Carry::Highest),
    ] {
        let verdict = |reduction| match run(release, carry, 4, 3, reduction).verdict {
            Verdict::Clean => ("clean", 0),
            Verdict::Fork(play) => ("fork", play.len()),
            Verdict::Lock(play) => ("lock", play.len()),
            Verdict::Interrupted => ("interrupted", 0),
        };
        let (reduced, whole) = (verdict(Reduction::Full), verdict(Reduction::None));
        assert_eq!(reduced, whole, "{release:?} {carry:?}");
    }
}
