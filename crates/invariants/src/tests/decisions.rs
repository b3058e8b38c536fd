//! Rules 5, 6 and 9.

use neo_consensus::v3::certificate::Decision;
use neo_consensus::v3::message::{ChangeViewReason, RecoveryMessage};
use neo_consensus::v3::{Message, Payload};
use neo_primitives::{Height, UInt256};

use crate::Invariant;
use crate::testing::*;

fn block() -> UInt256 {
    header(0, 1).hash()
}

fn decision(decision: Decision) -> Message {
    forwarded(
        2,
        RecoveryMessage {
            decision: Some(decision),
            ..recovery()
        },
    )
}

fn header_signatures(signers: std::ops::Range<u8>) -> Decision {
    let signatures = signatures(signers, &place().header(&block()));
    Decision::HeaderSignatures {
        hash: block(),
        signatures,
    }
}

#[test]
fn a_delivered_certificate_decides_also_in_a_later_view() {
    let mut stage = Stage::open();
    stage
        .enters(tc(1, None))
        .shown([decision(cc(0, block()))])
        .settles();
    assert_eq!(stage.found(), [Invariant::Decides]);

    let mut stage = Stage::open();
    stage
        .enters(tc(1, None))
        .shown([decision(cc(0, block()))])
        .decides(block())
        .settles();
    stage.is_clean();
}

#[test]
fn a_false_certificate_decides_nothing() {
    let Decision::Certificate(mut short) = cc(0, block()) else {
        panic!()
    };
    short.signatures = signatures(0..2, &place().pre_commit(neo_consensus::View(0), &block()));
    let mut stage = Stage::open();
    stage
        .shown([decision(Decision::Certificate(short.clone()))])
        .settles();
    stage.is_clean();
    stage
        .decides(block())
        .logs([decision_record(Decision::Certificate(short))]);
    assert_eq!(
        stage.found(),
        [Invariant::Decides, Invariant::CertificateInvalid]
    );
}

#[test]
fn a_quorum_of_pre_commits_decides() {
    let votes = |count| (1..=count).map(|i| pre_commit(i, 0, block()));
    let mut stage = Stage::open();
    stage.shown(votes(2)).settles();
    stage.is_clean();
    stage.shown(votes(3)).settles();
    assert_eq!(stage.found(), [Invariant::Decides]);
    let mut stage = Stage::open();
    stage.shown(votes(3)).decides(block()).settles();
    stage.is_clean();
}

#[test]
fn few_header_signatures_decide_where_the_header_is_known() {
    let mut stage = Stage::open();
    stage
        .shown([commit(1, block()), commit(2, block())])
        .settles();
    stage.is_clean();
    let mut stage = Stage::open();
    stage
        .logs([body(header(0, 1))])
        .shown([commit(1, block())])
        .settles();
    stage.is_clean();
    stage.shown([commit(2, block())]).settles();
    assert_eq!(stage.found(), [Invariant::Decides]);
}

#[test]
fn fewer_than_few_header_signatures_decide_nothing() {
    let mut stage = Stage::open();
    stage
        .logs([body(header(0, 1))])
        .shown([commit(1, block())])
        .decides(block());
    assert_eq!(stage.found(), [Invariant::Decides]);
    stage.logs([decision_record(header_signatures(1..2))]);
    assert_eq!(
        stage.found(),
        [Invariant::Decides, Invariant::CertificateInvalid]
    );

    let mut stage = Stage::open();
    stage
        .logs([body(header(0, 1))])
        .shown([commit(1, block()), commit(2, block())]);
    stage
        .decides(block())
        .logs([decision_record(header_signatures(1..3))])
        .settles();
    stage.is_clean();
}

#[test]
fn the_next_proposal_tells_what_decided() {
    let next = |stage: &mut Stage, parent| {
        let mut message = proposal_of(1, 0, header(0, 7), None, parent);
        message.height = Height(10);
        stage.shown([message]).settles();
    };
    let mut stage = Stage::open();
    next(&mut stage, None);
    stage.is_clean();
    let mut stage = Stage::open();
    next(&mut stage, Some(cc(0, block())));
    assert_eq!(stage.found(), [Invariant::Decides]);
}

#[test]
fn a_header_is_signed_after_the_decision() {
    let mut stage = Stage::open();
    stage
        .logs([prepared_record(pc(0, block(), UInt256::ZERO))])
        .votes(commit(0, block()));
    assert_eq!(stage.found(), [Invariant::AfterDecision]);

    let mut stage = Stage::open();
    stage.shown([decision(cc(0, block()))]).decides(block());
    stage
        .logs([decision_record(cc(0, block()))])
        .votes(commit(0, header(0, 2).hash()));
    stage.finds(Invariant::AfterDecision);
}

/// Node 0 has decided.
fn decided() -> Stage {
    let mut stage = Stage::open();
    stage.shown([decision(cc(0, block()))]).decides(block());
    stage
        .logs([body(header(0, 1)), decision_record(cc(0, block()))])
        .votes(commit(0, block()));
    stage.settles();
    stage.is_clean();
    stage
}

#[test]
fn who_asks_for_a_view_of_a_decided_height_is_answered() {
    let mut stage = decided();
    stage.shown([asks(1, 1)]).settles();
    assert_eq!(stage.found(), [Invariant::AfterDecision]);

    let mut stage = decided();
    let answer = RecoveryMessage {
        decision: Some(cc(0, block())),
        ..recovery()
    };
    stage
        .shown([asks(1, 1)])
        .tells(1, &forwarded(0, answer))
        .settles();
    stage.wait(10).shown([asks(1, 1)]).settles();
    stage.is_clean();
    stage.wait(50).shown([asks(1, 1)]).settles();
    assert_eq!(stage.found(), [Invariant::AfterDecision]);

    let mut stage = decided();
    stage
        .shown([prepare(1, 0, block(), UInt256::ZERO)])
        .settles();
    stage.is_clean();
}

#[test]
fn header_signatures_are_repeated() {
    let mut stage = decided();
    for _ in 0..10 {
        stage.wait(1000).settles().repeats(&commit(0, block()));
    }
    stage.is_clean();
    for _ in 0..10 {
        stage.wait(1000).settles();
    }
    assert_eq!(stage.found(), [Invariant::AfterDecision]);
}

#[test]
fn the_body_of_a_certified_block_is_fetched_from_its_signers() {
    let certified = || {
        let mut stage = Stage::open();
        let shown = RecoveryMessage {
            prepared: Some(pc(0, block(), UInt256::ZERO)),
            ..recovery()
        };
        stage.shown([forwarded(1, shown)]);
        stage
    };
    let record = || [prepared_record(pc(0, block(), UInt256::ZERO))];
    let mut stage = certified();
    stage.logs(record()).settles();
    assert_eq!(stage.found(), [Invariant::Bodies], "no fetch");
    let mut stage = certified();
    stage.fetches(block(), &[3, 1, 2]).logs(record()).settles();
    assert_eq!(stage.found(), [Invariant::Bodies], "a stranger first");
    let mut stage = certified();
    stage.fetches(block(), &[1, 2, 3]).logs(record()).settles();
    stage.is_clean();
    let mut stage = certified();
    stage.logs([body(header(0, 1))]).logs(record()).settles();
    stage.is_clean();
    // A view-change certificate had it fetched before, and the first two had no answer.
    let mut stage = Stage::open();
    stage.fetches(block(), &[1, 2, 3]).settles();
    let shown = RecoveryMessage {
        prepared: Some(pc(0, block(), UInt256::ZERO)),
        ..recovery()
    };
    stage.shown([forwarded(1, shown)]);
    stage.fetches(block(), &[3, 1, 2]).logs(record()).settles();
    stage.is_clean();
    let mut stage = certified();
    stage
        .shown([proposal(0, header(0, 1), None)])
        .logs(record())
        .settles();
    stage.is_clean();
}

#[test]
fn of_two_certificates_the_signers_of_either_are_asked() {
    let decision = {
        let signed = place().pre_commit(neo_consensus::View(0), &block());
        let Decision::Certificate(mut certificate) = cc(0, block()) else {
            panic!()
        };
        certificate.signatures = signatures(1..4, &signed);
        Decision::Certificate(certificate)
    };
    let judged = |asked: &[u8]| {
        let mut stage = Stage::open();
        let shown = RecoveryMessage {
            decision: Some(decision.clone()),
            ..recovery()
        };
        stage
            .shown([forwarded(1, shown)])
            .fetches(block(), asked)
            .decides(block());
        let prepared = prepared_record(pc(0, block(), UInt256::ZERO));
        stage
            .logs([prepared, decision_record(decision.clone())])
            .settles();
        stage.found()
    };
    assert_eq!(judged(&[1, 2, 3]), []);
    assert_eq!(judged(&[3, 2, 1]), []);
    assert_eq!(judged(&[]), [Invariant::Bodies]);
}

#[test]
fn a_body_that_was_had_is_not_asked_for() {
    let mut stage = Stage::open();
    stage.fetches(block(), &[1]).logs([body(header(0, 1))]);
    stage.is_clean();
    stage.fetches(block(), &[1]);
    assert_eq!(stage.found(), [Invariant::Bodies]);
}

#[test]
fn nobody_prepares_without_the_body() {
    let mut stage = Stage::open();
    stage.shown([proposal(0, header(0, 1), None)]);
    stage.votes(prepare(0, 0, block(), UInt256::ZERO));
    assert_eq!(stage.found(), [Invariant::Durability]);
}

#[test]
fn certificates_that_are_sent_are_valid() {
    let honest = RecoveryMessage {
        view_change: Some(tc(1, None)),
        ..recovery()
    };
    let short = RecoveryMessage {
        view_change: Some(tc_of(0..2, 1, None)),
        ..recovery()
    };
    let unbacked = RecoveryMessage {
        view_change: Some({
            let mut certificate = tc(1, Some(pc(0, block(), UInt256::ZERO)));
            certificate.prepared = None;
            certificate
        }),
        ..recovery()
    };
    let claims_itself = RecoveryMessage {
        view_change: Some(tc(1, Some(pc(1, block(), UInt256::ZERO)))),
        ..recovery()
    };
    let judged = |recovery| {
        let mut stage = Stage::open();
        stage.tells(1, &forwarded(0, recovery));
        stage.found()
    };
    assert_eq!(judged(honest), []);
    for bad in [short, unbacked, claims_itself] {
        assert_eq!(judged(bad), [Invariant::CertificateInvalid]);
    }
    let mut forged = pc(0, block(), UInt256::ZERO);
    forged.signatures = signatures(1..4, &place().pre_commit(forged.view, &block()));
    let mut stage = Stage::open();
    let message = change_view(0, 1, Some(forged.clone()), ChangeViewReason::Timeout);
    assert!(matches!(message.payload, Payload::ChangeView(_)));
    stage.logs([prepared_record(forged)]);
    assert_eq!(stage.found(), [Invariant::CertificateInvalid]);
    stage.votes(message);
    assert_eq!(stage.found(), [Invariant::CertificateInvalid; 2]);
}
