//! Rules 1 and 2.

use neo_consensus::v3::Record;
use neo_consensus::v3::message::ChangeViewReason;
use neo_primitives::UInt256;

use crate::Invariant;
use crate::testing::*;

const J: UInt256 = UInt256::ZERO;

/// Node 0 was shown the proposal of view 0 and has its body.
fn proposed() -> (Stage, UInt256) {
    let (mut stage, header) = (Stage::open(), header(0, 1));
    stage
        .shown([proposal(0, header, None)])
        .logs([body(header)]);
    (stage, header.hash())
}

/// It also prepared it and has PC(0,H).
fn prepared() -> (Stage, UInt256) {
    let (mut stage, hash) = proposed();
    stage
        .votes(prepare(0, 0, hash, J))
        .shown([prepare(2, 0, hash, J)]);
    stage.logs([prepared_record(pc(0, hash, J))]);
    (stage, hash)
}

#[test]
fn a_normal_height_is_clean() {
    let (mut stage, hash) = prepared();
    stage.votes(pre_commit(0, 0, hash)).settles();
    stage.shown([pre_commit(1, 0, hash), pre_commit(2, 0, hash)]);
    stage.decides(hash).logs([decision_record(cc(0, hash))]);
    stage
        .votes(commit(0, hash))
        .repeats(&commit(0, hash))
        .settles();
    stage.is_clean();
}

#[test]
fn a_second_prepare_of_a_view() {
    let (mut stage, hash) = proposed();
    let first = prepare(0, 0, hash, J);
    stage.votes(first.clone()).repeats(&first).sends(&first);
    stage.is_clean();
    let other = header(0, 2);
    stage.shown([proposal(0, other, None)]).logs([body(other)]);
    stage.votes(prepare(0, 0, other.hash(), J));
    assert_eq!(stage.found(), [Invariant::OneOfEach]);
}

#[test]
fn a_second_vote_counts_across_lives_of_a_validator() {
    let (mut stage, hash) = prepared();
    let first = pre_commit(0, 0, hash);
    stage.votes(first.clone());
    let log = [
        Record::Own(prepare(0, 0, hash, J)),
        prepared_record(pc(0, hash, J)),
        Record::Own(first.clone()),
    ];
    stage.restart(true, &log).sends(&first);
    stage.is_clean();
    let other = header(0, 2).hash();
    stage
        .logs([prepared_record(pc(0, other, J))])
        .votes(pre_commit(0, 0, other));
    assert_eq!(stage.found(), [Invariant::OneOfEach]);
}

#[test]
fn a_second_change_view_for_a_target() {
    let (mut stage, hash) = prepared();
    let reason = ChangeViewReason::Timeout;
    let first = change_view(0, 1, Some(pc(0, hash, J)), reason);
    stage.votes(first.clone()).repeats(&first);
    stage.is_clean();
    stage.votes(asks(0, 1));
    stage.finds(Invariant::OneOfEach);
}

#[test]
fn a_second_proposal_and_a_prepare_of_another_block_than_the_proposal() {
    let lead = || {
        let (mut stage, first) = (Stage::open(), header(3, 1));
        stage.enters(tc(3, None)).logs([body(first)]);
        stage.votes(proposal(3, first, Some(tc(3, None))));
        stage.is_clean();
        stage
    };
    let second = header(3, 2);
    let mut stage = lead();
    stage
        .logs([body(second)])
        .votes(proposal(3, second, Some(tc(3, None))));
    stage.finds(Invariant::OneOfEach);
    let mut stage = lead();
    let j = crate::layout::justification_hash(Some(&tc(3, None)));
    stage
        .logs([body(second)])
        .votes(prepare(0, 3, second.hash(), j));
    stage.finds(Invariant::OneOfEach);
}

#[test]
fn a_second_header_signature() {
    let (mut stage, hash) = prepared();
    stage
        .logs([decision_record(cc(0, hash))])
        .decides(hash)
        .votes(commit(0, hash));
    stage.is_clean();
    stage.votes(commit(0, header(0, 2).hash()));
    stage.finds(Invariant::OneOfEach);
    stage.finds(Invariant::SecondHeader);
}

#[test]
fn a_vote_after_a_change_view() {
    let (mut stage, hash) = proposed();
    stage.votes(prepare(0, 0, hash, J)).votes(asks(0, 1));
    stage.is_clean();
    stage
        .shown([prepare(2, 0, hash, J)])
        .logs([prepared_record(pc(0, hash, J))]);
    stage.votes(pre_commit(0, 0, hash));
    assert_eq!(stage.found(), [Invariant::HereAndNow]);

    let (mut stage, hash) = proposed();
    stage.votes(asks(0, 1)).votes(prepare(0, 0, hash, J));
    assert_eq!(stage.found(), [Invariant::HereAndNow]);
}

#[test]
fn a_vote_of_a_view_that_is_over() {
    let (mut stage, hash) = proposed();
    stage.enters(tc(1, None)).votes(prepare(0, 0, hash, J));
    assert_eq!(stage.found(), [Invariant::HereAndNow]);

    let mut stage = Stage::open();
    let header = header(1, 1);
    let tc = tc(1, None);
    let j = crate::layout::justification_hash(Some(&tc));
    stage
        .enters(tc.clone())
        .shown([proposal(1, header, Some(tc))])
        .logs([body(header)]);
    stage.votes(prepare(0, 1, header.hash(), j)).settles();
    stage.is_clean();
}
