//! Rule 8 without silence.

use neo_consensus::v3::Record;
use neo_primitives::UInt256;

use crate::Invariant;
use crate::layout::justification_hash;
use crate::testing::*;

const J: UInt256 = UInt256::ZERO;

#[test]
fn a_vote_is_durable_before_it_leaves() {
    let vote = asks(0, 1);
    let mut stage = Stage::open();
    stage.sends(&vote);
    assert_eq!(stage.found(), [Invariant::Durability]);
    let mut stage = Stage::open();
    stage.logs([Record::Own(vote.clone())]).sends(&vote);
    stage.is_clean();
}

#[test]
fn what_a_vote_says_is_durable_before_it() {
    let first = header(0, 1);
    let hash = first.hash();
    let prepares = [
        prepare(1, 0, hash, J),
        prepare(2, 0, hash, J),
        prepare(3, 0, hash, J),
    ];
    let mut stage = Stage::open();
    stage
        .shown([proposal(0, first, None)])
        .votes(prepare(0, 0, hash, J));
    assert_eq!(stage.found(), [Invariant::Durability], "body");

    let mut stage = Stage::open();
    stage.shown(prepares.clone()).votes(pre_commit(0, 0, hash));
    assert_eq!(stage.found(), [Invariant::Durability], "PC");
    let mut stage = Stage::open();
    stage.votes(pre_commit(0, 0, hash));
    assert_eq!(
        stage.found(),
        [Invariant::CertificateInvalid],
        "a PC that nobody has"
    );

    let mut stage = Stage::open();
    stage.shown([
        pre_commit(1, 0, hash),
        pre_commit(2, 0, hash),
        pre_commit(3, 0, hash),
    ]);
    stage.decides(hash).votes(commit(0, hash));
    assert_eq!(stage.found(), [Invariant::Durability], "decision");

    let (certificate, fresh) = (tc(1, None), header(1, 1));
    let j = justification_hash(Some(&certificate));
    let mut stage = Stage::open();
    stage
        .shown([proposal(1, fresh, Some(certificate))])
        .logs([body(fresh)]);
    stage.votes(prepare(0, 1, fresh.hash(), j));
    assert_eq!(stage.found(), [Invariant::Durability], "TC");
}

#[test]
fn the_justification_of_a_prepare_is_durable() {
    let (entered, used, fresh) = (tc(1, None), tc_of(1..4, 1, None), header(1, 1));
    for records in [vec![], vec![view_record(used.clone())]] {
        let mut stage = Stage::open();
        stage.enters(entered.clone());
        stage
            .shown([proposal(1, fresh, Some(used.clone()))])
            .logs([body(fresh)]);
        let clean = !records.is_empty();
        stage.logs(records);
        stage
            .votes(prepare(0, 1, fresh.hash(), justification_hash(Some(&used))))
            .settles();
        assert_eq!(stage.found().is_empty(), clean);
        assert!(clean || stage.found() == [Invariant::Durability]);
    }
}

#[test]
fn a_restart_goes_on_from_the_log() {
    let certificate = tc(1, None);
    let log = [view_record(certificate.clone()), Record::Own(asks(0, 2))];
    let logged = || {
        let mut stage = Stage::open();
        stage.enters(certificate.clone()).votes(asks(0, 2));
        stage.restart(true, &log);
        stage
    };
    let mut stage = logged();
    stage.repeats(&asks(0, 2)).settles();
    stage.is_clean();
    let fresh = header(1, 1);
    let mut stage = logged();
    stage
        .shown([proposal(1, fresh, Some(certificate.clone()))])
        .logs([body(fresh)]);
    stage.votes(prepare(
        0,
        1,
        fresh.hash(),
        justification_hash(Some(&certificate)),
    ));
    assert_eq!(stage.found(), [Invariant::HereAndNow]);
}

#[test]
fn a_copy_that_nobody_noticed_is_no_fault_of_the_engine() {
    let mut stage = Stage::open();
    stage
        .logs([body(header(0, 1))])
        .shown([proposal(0, header(0, 1), None)]);
    stage.votes(prepare(0, 0, header(0, 1).hash(), J));
    let other = header(0, 2);
    stage.restart(true, &[]);
    stage.shown([proposal(0, other, None)]).logs([body(other)]);
    stage.votes(prepare(0, 0, other.hash(), J));
    assert_eq!(stage.found(), []);
}
