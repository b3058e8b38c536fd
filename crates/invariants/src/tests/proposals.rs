//! Rules 3 and 4.

use neo_consensus::v3::certificate::{PreparedCertificate, ViewChangeCertificate};
use neo_primitives::{Header, UInt256, ValidatorIndex};

use crate::layout::justification_hash;
use crate::testing::*;
use crate::{Invariant, Observation};

fn claimed() -> (UInt256, PreparedCertificate) {
    let hash = header(0, 1).hash();
    (hash, pc(0, hash, UInt256::ZERO))
}

/// Node 0 in the view of this TC, shown this proposal by its leader, with its body.
fn proposed(tc: &ViewChangeCertificate, header: Header) -> Stage {
    let mut stage = Stage::open();
    stage.enters(tc.clone());
    let view = tc.view.0;
    stage
        .shown([proposal(view, header, Some(tc.clone()))])
        .logs([body(header)]);
    stage
}

#[test]
fn a_view_carries_the_block_of_the_greatest_claim() {
    let tc = tc(1, Some(claimed().1));
    let j = justification_hash(Some(&tc));
    let carried = header(0, 1);
    let mut stage = proposed(&tc, carried);
    stage.votes(prepare(0, 1, carried.hash(), j));
    stage.is_clean();
    let fresh = header(1, 1);
    let mut stage = proposed(&tc, fresh);
    stage.votes(prepare(0, 1, fresh.hash(), j));
    assert_eq!(stage.found(), [Invariant::CarriedBlock]);
}

#[test]
fn a_leader_proposes_what_its_certificate_carries() {
    let tc = tc(3, Some(claimed().1));
    for (header, clean) in [(header(0, 1), true), (header(3, 1), false)] {
        let mut stage = Stage::open();
        stage.enters(tc.clone()).logs([body(header)]);
        stage.votes(proposal(3, header, Some(tc.clone())));
        assert_eq!(stage.found().is_empty(), clean);
        assert!(clean || stage.found() == [Invariant::CarriedBlock]);
    }
}

#[test]
fn a_justification_belongs_to_its_view() {
    let mut stage = Stage::open();
    let header = header(3, 1);
    stage.enters(tc(3, None)).logs([body(header)]);
    stage.votes(proposal(3, header, Some(tc(2, None))));
    assert_eq!(stage.found(), [Invariant::CarriedBlock]);
}

#[test]
fn a_prepare_answers_a_valid_proposal_of_the_leader() {
    let (mut stage, first) = (Stage::open(), header(0, 1));
    stage
        .logs([body(first)])
        .votes(prepare(0, 0, first.hash(), UInt256::ZERO));
    assert_eq!(
        stage.found(),
        [Invariant::CarriedBlock],
        "no proposal at all"
    );

    let mut stage = Stage::open();
    stage
        .shown([proposal_of(2, 0, first, None, None)])
        .logs([body(first)]);
    stage.votes(prepare(0, 0, first.hash(), UInt256::ZERO));
    assert_eq!(
        stage.found(),
        [Invariant::CarriedBlock],
        "not of its leader"
    );

    let mut stage = Stage::open();
    let short = tc_of(0..2, 1, None);
    let fresh = header(1, 1);
    stage.enters(tc(1, None));
    stage
        .shown([proposal(1, fresh, Some(short.clone()))])
        .logs([body(fresh)]);
    stage.votes(prepare(
        0,
        1,
        fresh.hash(),
        justification_hash(Some(&short)),
    ));
    stage.finds(Invariant::CarriedBlock);
}

#[test]
fn a_fresh_header_is_its_leaders() {
    let right = header(0, 1);
    let wrong = [
        Header {
            primary_index: ValidatorIndex(2),
            ..right
        },
        Header {
            version: 1,
            ..right
        },
        Header {
            prev_hash: UInt256::ZERO,
            ..right
        },
        Header {
            timestamp: 1000,
            ..right
        },
    ];
    let judged = |header: Header| {
        let mut stage = Stage::open();
        stage
            .shown([proposal(0, header, None)])
            .logs([body(header)]);
        stage.votes(prepare(0, 0, header.hash(), UInt256::ZERO));
        stage.found()
    };
    assert_eq!(judged(right), []);
    for header in wrong {
        assert_eq!(judged(header), [Invariant::FreshHeader], "{header:?}");
    }
}

#[test]
fn a_leader_leads_its_own_view_only() {
    let mut stage = Stage::open();
    let header = header(1, 1);
    stage.enters(tc(1, None)).logs([body(header)]);
    stage.votes(proposal_of(0, 1, header, Some(tc(1, None)), None));
    assert_eq!(stage.found(), [Invariant::FreshHeader]);
}

/// Node 0 holds PC(0,H) and is in view 1, whose TC knows nothing of it; its ledger accepts what the
/// leader proposes.
fn with_a_lock_of_its_own() -> (Stage, Header, UInt256) {
    let mut stage = Stage::open();
    stage.shown([forwarded(
        1,
        neo_consensus::v3::message::RecoveryMessage {
            prepared: Some(claimed().1),
            ..recovery()
        },
    )]);
    stage.logs([prepared_record(claimed().1), body(header(0, 1))]);
    let tc = tc_of(1..4, 1, None);
    let fresh = header(1, 1);
    stage
        .enters(tc.clone())
        .shown([proposal(1, fresh, Some(tc.clone()))]);
    stage.see(Observation::Checked {
        hash: &fresh.hash(),
        passed: true,
    });
    stage.settles();
    (stage, fresh, justification_hash(Some(&tc)))
}

#[test]
fn certificates_of_its_own_do_not_hold_a_backup_back() {
    let (mut stage, ..) = with_a_lock_of_its_own();
    stage.wait(400).settles();
    stage.is_clean();
    stage.wait(100).settles();
    assert_eq!(stage.found(), [Invariant::CarriedBlock]);

    let (mut stage, fresh, j) = with_a_lock_of_its_own();
    stage
        .logs([body(fresh)])
        .votes(prepare(0, 1, fresh.hash(), j));
    stage.wait(900).settles();
    stage.is_clean();

    let (mut stage, fresh, _) = with_a_lock_of_its_own();
    stage.see(Observation::Checked {
        hash: &fresh.hash(),
        passed: false,
    });
    stage.settles().wait(900).settles();
    stage.is_clean();
}
