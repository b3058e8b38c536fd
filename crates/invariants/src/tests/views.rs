//! Rule 7.

use neo_consensus::View;
use neo_consensus::engine::Notice;
use neo_consensus::v3::certificate::PreparedCertificate;
use neo_consensus::v3::message::{ChangeViewReason, RecoveryMessage};
use neo_primitives::UInt256;

use crate::Invariant;
use crate::testing::*;

fn prepared() -> PreparedCertificate {
    pc(0, header(0, 1).hash(), UInt256::ZERO)
}

fn shows(prepared: PreparedCertificate) -> neo_consensus::v3::Message {
    forwarded(
        1,
        RecoveryMessage {
            prepared: Some(prepared),
            ..recovery()
        },
    )
}

/// Node 0 holds PC(0,H).
fn holding() -> Stage {
    let mut stage = Stage::open();
    stage
        .logs([body(header(0, 1))])
        .shown([shows(prepared())])
        .logs([prepared_record(prepared())]);
    stage
}

fn timeout(to: u32, prepared: Option<PreparedCertificate>) -> neo_consensus::v3::Message {
    change_view(0, to, prepared, ChangeViewReason::Timeout)
}

/// Another validator's ChangeView for view 1.
fn timeout_of(sender: u8, held: Option<PreparedCertificate>) -> neo_consensus::v3::Message {
    change_view(sender, 1, held, ChangeViewReason::Timeout)
}

#[test]
fn a_change_view_claims_the_highest_certificate_held() {
    let mut stage = holding();
    stage.votes(timeout(1, Some(prepared()))).settles();
    stage.is_clean();

    let mut stage = holding();
    stage.votes(timeout(1, None));
    assert_eq!(stage.found(), [Invariant::ViewChange], "claims nothing");

    let mut stage = holding();
    let tc = tc(1, Some(prepared()));
    let higher = pc(
        1,
        header(0, 1).hash(),
        crate::layout::justification_hash(Some(&tc)),
    );
    stage
        .enters(tc)
        .shown([shows(higher.clone())])
        .logs([prepared_record(higher)]);
    stage.votes(timeout(2, Some(prepared())));
    assert_eq!(
        stage.found(),
        [Invariant::ViewChange],
        "claims an older one"
    );

    let mut stage = Stage::open();
    stage.votes(timeout(1, Some(prepared())));
    assert_eq!(
        stage.found(),
        [Invariant::ViewChange],
        "claims what it never had"
    );
}

#[test]
fn a_claim_travels_with_its_certificate() {
    let mut stage = holding();
    stage.votes(timeout(1, Some(prepared())).without_certificate());
    assert_eq!(stage.found(), [Invariant::ViewChange]);
}

#[test]
fn a_shown_certificate_is_held() {
    let mut stage = Stage::open();
    stage.shown([shows(prepared())]).settles();
    assert_eq!(stage.found(), [Invariant::ViewChange]);
    let mut stage = holding();
    stage.settles();
    stage.is_clean();
}

#[test]
fn a_forged_certificate_of_a_known_block_obliges_nobody() {
    let mut forged = prepared();
    forged.signatures = signatures(0..3, &place().pre_commit(forged.view, &forged.hash));
    let mut stage = Stage::open();
    stage.shown([timeout_of(1, Some(prepared())), shows(forged)]);
    stage.settles();
    stage.is_clean();
}

#[test]
fn the_next_view_is_asked_for_from_within_a_view_or_with_others() {
    let mut stage = Stage::open();
    stage.votes(timeout(2, None));
    assert_eq!(stage.found(), [Invariant::ViewChange], "two views at once");

    let joined = |to| change_view(0, to, None, ChangeViewReason::Joined);
    let mut stage = Stage::open();
    stage.shown([asks(1, 3), asks(3, 2)]).votes(joined(2));
    stage.is_clean();

    let mut stage = Stage::open();
    stage.shown([asks(1, 3), asks(3, 2)]).votes(joined(3));
    stage.finds(Invariant::ViewChange);

    let mut stage = Stage::open();
    stage.shown([asks(3, 1)]).votes(joined(1));
    assert_eq!(
        stage.found(),
        [Invariant::ViewChange],
        "f others are too few"
    );
    let mut stage = Stage::open();
    stage.shown([asks(3, 1)]).votes(timeout(1, None));
    stage.is_clean();
}

#[test]
fn reasons_that_everybody_can_check_hold() {
    let resigned = change_view(0, 1, None, ChangeViewReason::LeaderResigned);
    for (who, clean) in [(leader(0), true), (2, false)] {
        let mut stage = Stage::open();
        stage.shown([asks(who, 1)]).votes(resigned.clone());
        assert_eq!(stage.found().is_empty(), clean);
    }
    let suspected = change_view(0, 1, None, ChangeViewReason::Suspected);
    let suspect = |i| {
        let signed = place().suspect(View(0));
        message(i, 0, &signed, neo_consensus::v3::Payload::Suspect)
    };
    for (count, clean) in [(3, true), (2, false)] {
        let mut stage = Stage::open();
        stage
            .shown((1..=count).map(suspect))
            .votes(suspected.clone());
        assert_eq!(stage.found().is_empty(), clean);
    }
}

#[test]
fn a_target_is_never_lowered() {
    let mut stage = Stage::open();
    stage.shown([asks(1, 3), asks(3, 3)]);
    stage.votes(change_view(0, 3, None, ChangeViewReason::Joined));
    stage.is_clean();
    stage.votes(timeout(1, None));
    assert_eq!(stage.found(), [Invariant::ViewChange]);

    let mut stage = Stage::open();
    stage
        .votes(timeout(1, None))
        .repeats(&timeout(1, None))
        .enters(tc(1, None));
    stage.votes(timeout(2, None)).repeats(&timeout(2, None));
    stage.is_clean();
    stage.repeats(&timeout(1, None));
    assert_eq!(stage.found(), [Invariant::ViewChange]);
}

#[test]
fn a_change_view_is_repeated_until_its_view_begins() {
    let mut stage = Stage::open();
    stage.votes(timeout(1, None));
    for _ in 0..10 {
        stage.wait(1000).settles().repeats(&timeout(1, None));
    }
    stage.is_clean();
    let mut entered = stage;
    entered.enters(tc(1, None));
    for _ in 0..10 {
        entered.wait(1000).settles();
    }
    entered.is_clean();

    let mut stage = Stage::open();
    stage.votes(timeout(1, None));
    for _ in 0..10 {
        stage.wait(1000).settles();
    }
    assert_eq!(stage.found(), [Invariant::ViewChange]);
}

#[test]
fn a_view_is_entered_with_a_certificate() {
    let enters = |stage: &mut Stage| {
        stage.notice(Notice::ViewEntered {
            height: H,
            view: View(1),
        });
    };
    let mut stage = Stage::open();
    stage.shown([asks(1, 1), asks(3, 1)]);
    enters(&mut stage);
    assert_eq!(stage.found(), [Invariant::ViewChange], "f+1 ChangeViews");
    let mut stage = Stage::open();
    stage.shown([asks(1, 1), asks(2, 1), asks(3, 1)]);
    enters(&mut stage);
    stage.is_clean();
    stage.logs([view_record(tc_of(1..3, 1, None))]);
    assert_eq!(stage.found(), [Invariant::CertificateInvalid]);
}

#[test]
fn a_certificate_goes_to_all_once() {
    let mut stage = Stage::open();
    let certificate = tc(1, None);
    stage.shown([asks(1, 1), asks(2, 1), asks(3, 1)]);
    stage.logs([view_record(certificate.clone())]).settles();
    assert_eq!(stage.found(), [Invariant::ViewChange]);
    let mut stage = Stage::open();
    stage.enters(certificate).settles();
    stage.is_clean();
}

#[test]
fn who_votes_in_a_lower_view_is_told() {
    let late = || prepare(1, 0, header(0, 1).hash(), UInt256::ZERO);
    let mut stage = Stage::open();
    stage
        .enters(tc(1, None))
        .settles()
        .shown([late()])
        .settles();
    assert_eq!(stage.found(), [Invariant::ViewChange]);
    let mut stage = Stage::open();
    let answer = RecoveryMessage {
        view_change: Some(tc(1, None)),
        ..recovery()
    };
    stage.enters(tc(1, None)).settles().shown([late()]);
    stage.tells(1, &forwarded(0, answer)).settles();
    stage.shown([asks(2, 2)]).settles();
    stage.is_clean();
}
