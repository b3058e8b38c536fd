//! Who is to blame for a fork.

use std::collections::BTreeSet;

use neo_consensus::View;
use neo_consensus::v3::Message;
use neo_consensus::v3::certificate::{CommitCertificate, Decision};
use neo_consensus::v3::message::RecoveryMessage;
use neo_primitives::{UInt256, ValidatorIndex};

use crate::testing::*;
use crate::{Invariant, Setup};

fn certificate(hash: UInt256, signers: &[u8]) -> Message {
    let signed = place().pre_commit(View(0), &hash);
    let decision = Decision::Certificate(CommitCertificate {
        view: View(0),
        hash,
        signatures: signatures(signers.iter().copied(), &signed),
        prepared: None,
    });
    forwarded(
        3,
        RecoveryMessage {
            decision: Some(decision),
            ..recovery()
        },
    )
}

fn stage(byzantine: &[u8]) -> Stage {
    let byzantine: BTreeSet<_> = byzantine.iter().copied().map(ValidatorIndex).collect();
    let mut stage = Stage::with(Setup {
        byzantine,
        ..Stage::setup()
    });
    stage.start(true, &[]);
    stage
}

#[test]
fn a_fork_names_more_than_f_and_nobody_honest() {
    let (one, other) = (header(0, 1).hash(), header(0, 2).hash());
    let mut fork = stage(&[2, 3]);
    fork.shown([certificate(one, &[0, 2, 3]), certificate(other, &[1, 2, 3])]);
    fork.oracles.finish(fork.at);
    assert_eq!(fork.found(), [Invariant::Agreement]);
    let named: BTreeSet<_> = fork
        .oracles
        .evidence()
        .iter()
        .map(|one| one.culprit().0)
        .collect();
    assert_eq!(named, BTreeSet::from([2, 3]));

    // Here validator 1, who is said to be honest, signed both.
    let mut fork = stage(&[2, 3]);
    fork.shown([certificate(one, &[1, 2, 3]), certificate(other, &[1, 2, 3])]);
    fork.oracles.finish(fork.at);
    fork.finds(Invariant::HonestAccused);
}

#[test]
fn a_fork_that_nothing_explains_is_found() {
    let hash = header(0, 1).hash();
    let mut fork = stage(&[2, 3]);
    let mut later = certificate(header(1, 1).hash(), &[1, 2, 3]);
    // A certificate of a later view without any view change that led there.
    let signed = place().pre_commit(View(1), &header(1, 1).hash());
    let decision = Decision::Certificate(CommitCertificate {
        view: View(1),
        hash: header(1, 1).hash(),
        signatures: signatures(1..4, &signed),
        prepared: None,
    });
    later = Message {
        payload: forwarded(
            3,
            RecoveryMessage {
                decision: Some(decision),
                ..recovery()
            },
        )
        .payload,
        ..later
    };
    fork.shown([certificate(hash, &[0, 2, 3]), later]);
    fork.oracles.finish(fork.at);
    fork.finds(Invariant::Accountability);
}
