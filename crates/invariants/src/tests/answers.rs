//! Who is owed an answer: rules 6 and 7, and the second channel of section 9.

use neo_consensus::View;
use neo_consensus::v3::message::{RecoveryMessage, RecoveryRequest};
use neo_consensus::v3::{Message, Record};
use neo_primitives::{Height, UInt256};

use crate::Invariant;
use crate::testing::*;

fn block() -> UInt256 {
    header(0, 1).hash()
}

fn anything() -> Message {
    forwarded(0, recovery())
}

fn asks(change: impl FnOnce(&mut RecoveryRequest)) -> Message {
    request_of(1, H, change)
}

/// A validator that is in view 1 by a TC.
fn ahead() -> Stage {
    let mut stage = Stage::open();
    stage.enters(tc(1, None)).settles();
    stage
}

/// What is found when validator 2 brings a message of validator 1, and these are answered.
fn brought(mut stage: Stage, message: &Message, answered: &[u8]) -> Vec<Invariant> {
    stage.brings(2, [message.clone()]);
    for validator in answered {
        stage.tells(*validator, &anything());
    }
    stage.settles();
    stage.found()
}

#[test]
fn a_request_that_another_brings_is_answered_to_its_signer() {
    let ask = asks(|_| {});
    for (answered, clean) in [
        (&[1_u8][..], true),
        (&[2], false),
        (&[], false),
        (&[2, 1], true),
    ] {
        let found = brought(ahead(), &ask, answered);
        assert_eq!(found.is_empty(), clean, "{answered:?}: {found:?}");
        assert!(found.iter().all(|one| *one == Invariant::AfterDecision));
    }
    // The signer itself is owed the same.
    let mut stage = ahead();
    stage.shown([ask]).settles();
    assert_eq!(stage.found(), [Invariant::AfterDecision]);
}

#[test]
fn votes_that_another_brings_are_owed_nothing() {
    let late = prepare(1, 0, block(), UInt256::ZERO);
    assert_eq!(brought(ahead(), &late, &[]), []);
    assert_eq!(brought(ahead(), &crate::testing::asks(1, 1), &[]), []);
    let mut stage = ahead();
    stage.shown([late]).settles();
    assert_eq!(
        stage.found(),
        [Invariant::ViewChange],
        "brought by its signer"
    );
}

#[test]
fn a_request_that_its_signer_did_not_sign_is_owed_nothing() {
    let mut forged = asks(|_| {});
    forged.signature = asks(|request| request.nonce = 8).signature;
    assert_eq!(brought(ahead(), &forged, &[]), []);
    let mut stage = ahead();
    stage.shown([forged]).settles();
    stage.is_clean();
}

#[test]
fn who_lacks_nothing_is_owed_nothing() {
    assert_eq!(brought(Stage::open(), &asks(|_| {}), &[]), []);
    // A report is owed whatever there is.
    let reports = asks(|request| request.nonce = 5);
    assert_eq!(
        brought(Stage::open(), &reports, &[]),
        [Invariant::AfterDecision]
    );

    let prepared = || pc(0, block(), UInt256::ZERO);
    let holder = || {
        let mut stage = Stage::open();
        stage.shown([change_view(
            1,
            1,
            Some(prepared()),
            neo_consensus::v3::message::ChangeViewReason::Timeout,
        )]);
        stage
            .logs([body(header(0, 1)), prepared_record(prepared())])
            .settles();
        stage
    };
    assert_eq!(
        brought(holder(), &asks(|_| {}), &[]),
        [Invariant::AfterDecision]
    );
    let has_it = asks(|request| request.prepared = Some(View(0)));
    assert_eq!(brought(holder(), &has_it, &[]), []);

    let decided = || {
        let mut stage = Stage::open();
        let shown = RecoveryMessage {
            decision: Some(cc(0, block())),
            ..recovery()
        };
        stage.shown([forwarded(2, shown)]).decides(block());
        stage
            .logs([body(header(0, 1)), decision_record(cc(0, block()))])
            .settles();
        stage
    };
    assert_eq!(
        brought(decided(), &asks(|_| {}), &[]),
        [Invariant::AfterDecision]
    );
    let knows = asks(|request| request.decided = true);
    assert_eq!(brought(decided(), &knows, &[]), []);
}

#[test]
fn of_a_stored_height_the_signer_is_told_in_the_turn_of_the_bearer() {
    let ask = |nonce| {
        request_of(1, Height(7), |request| {
            request.nonce = nonce;
            request.prev_hash = UInt256::from_wire([6; 32]);
        })
    };
    let owed = [Invariant::AfterDecision];
    assert_eq!(brought(Stage::open(), &ask(0), &[]), owed);
    assert_eq!(brought(Stage::open(), &ask(0), &[2]), owed);
    assert_eq!(brought(Stage::open(), &ask(0), &[1]), []);
    // Each bearer has its own turn, every 50 ms.
    let mut stage = Stage::open();
    stage.brings(2, [ask(1)]).tells(1, &anything()).settles();
    stage.wait(20).brings(2, [ask(2)]).settles();
    stage.is_clean();
    stage.brings(3, [ask(3)]).settles();
    assert_eq!(stage.found(), owed);
    let mut stage = Stage::open();
    stage.brings(2, [ask(1)]).tells(1, &anything()).settles();
    stage.wait(100).brings(2, [ask(2)]).settles();
    assert_eq!(stage.found(), owed);
    // What its bearer asks itself, and is verified only then, finds the turn taken.
    let own = || request_of(2, H, |request| request.nonce = 5);
    let mut stage = Stage::open();
    stage.shown([own()]).brings(2, [ask(1)]);
    stage.tells(1, &anything()).settles();
    stage.is_clean();
    stage.wait(100).shown([own()]).settles();
    assert_eq!(stage.found(), owed);
    // A silent validator vouches for nothing at an open height, and tells what it has stored.
    let mut silent = Stage::with(Stage::setup());
    silent.start(true, &[Record::Silenced]);
    assert_eq!(brought(silent, &asks(|request| request.nonce = 4), &[]), []);
}

#[test]
fn a_request_is_answered_with_what_is_known_when_it_is_verified() {
    // It arrives in view 1, of which its signer knows nothing; the height is decided before it is verified.
    let asked_and_decided = |change: fn(&mut RecoveryRequest)| {
        let mut stage = ahead();
        let shown = RecoveryMessage {
            decision: Some(cc(1, block())),
            ..recovery()
        };
        stage.shown([asks(change), forwarded(2, shown)]);
        stage.logs([body(header(0, 1)), decision_record(cc(1, block()))]);
        stage.decides(block()).settles();
        stage.found()
    };
    let owed = [Invariant::AfterDecision];
    assert_eq!(asked_and_decided(|request| request.decided = true), []);
    assert_eq!(asked_and_decided(|_| {}), owed, "the decision is told");
    let reports = asked_and_decided(|request| (request.decided, request.nonce) = (true, 5));
    assert_eq!(reports, owed);

    // A report was asked for, and the log turns out to be an old copy.
    let mut stage = Stage::open();
    stage.shown([asks(|request| request.nonce = 5)]);
    stage.logs([Record::Silenced]).settles();
    stage.is_clean();
}
