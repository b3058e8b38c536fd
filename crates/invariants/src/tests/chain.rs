//! Agreement, state, storage, progress, memory, accusations.

use std::collections::BTreeSet;
use std::time::Duration;

use neo_consensus::engine::Status;
use neo_consensus::v3::context::HeightContext;
use neo_consensus::v3::evidence::Evidence;
use neo_consensus::v3::message::RecoveryMessage;
use neo_primitives::{
    Block, Header, Height, Magic, UInt256, ValidatorIndex, Witness, multisig_script,
    multisig_witness,
};

use crate::testing::*;
use crate::{Invariant, Observation};

fn block(header: Header) -> Block {
    let hash = header.hash();
    let signatures: Vec<_> = (0..3).map(|i| sign(i, &place().header(&hash))).collect();
    let script = multisig_script(3, set().keys()).unwrap();
    Block {
        header,
        witness: multisig_witness(&signatures, script),
        transactions: vec![],
    }
}

fn state(byte: u8) -> UInt256 {
    UInt256::from_wire([byte; 32])
}

fn stores(stage: &mut Stage, node: usize, block: &Block, state_hash: UInt256) {
    stage.oracles.observe(
        stage.at,
        node,
        Observation::Stored {
            block,
            state_hash,
            imported: false,
        },
    );
}

fn two_nodes() -> Stage {
    let mut stage = Stage::open();
    let started = Observation::Started {
        validator: Some(ValidatorIndex(1)),
        life: 0,
        log_intact: true,
        stored: Height(8),
        records: &[],
    };
    stage.oracles.observe(stage.at, 1, started);
    stage
}

#[test]
fn two_blocks_of_one_height() {
    let mut stage = two_nodes();
    stage.decides(header(0, 1).hash());
    let (one, other) = (block(header(0, 1)), block(header(0, 2)));
    stores(&mut stage, 1, &one, state(1));
    assert!(!stage.found().contains(&Invariant::Agreement));
    stores(&mut stage, 0, &other, state(1));
    stage.finds(Invariant::Agreement);
}

#[test]
fn a_certificate_that_anybody_shows_counts() {
    let shows = |hash| {
        forwarded(
            3,
            RecoveryMessage {
                decision: Some(cc(0, hash)),
                ..recovery()
            },
        )
    };
    let mut stage = Stage::open();
    stage.shown([shows(header(0, 1).hash())]);
    stage.is_clean();
    stage.shown([shows(header(0, 2).hash())]);
    assert_eq!(stage.found(), [Invariant::Agreement]);
}

#[test]
fn two_honest_validators_sign_two_headers() {
    let mut stage = two_nodes();
    let (mine, other) = (
        commit(0, header(0, 1).hash()),
        commit(1, header(0, 2).hash()),
    );
    stage.sends(&mine).sends(&mine);
    assert!(!stage.found().contains(&Invariant::SecondHeader));
    let to = neo_consensus::engine::Recipient::All;
    let sent = Observation::Sent {
        to: &to,
        message: &other,
        again: false,
    };
    stage.oracles.observe(stage.at, 1, sent);
    stage.finds(Invariant::SecondHeader);
}

#[test]
fn states_after_a_block_differ() {
    let mut stage = two_nodes();
    let one = block(header(0, 1));
    stores(&mut stage, 0, &one, state(1));
    stores(&mut stage, 1, &one, state(1));
    stage.is_clean();
    let mut stage = two_nodes();
    stores(&mut stage, 0, &one, state(1));
    stores(&mut stage, 1, &one, state(2));
    assert_eq!(stage.found(), [Invariant::StateHash]);
}

#[test]
fn a_stored_block_has_its_witness() {
    let good = block(header(0, 1));
    let mut few = good.clone();
    few.witness = {
        let signed = place().header(&good.hash());
        let signatures: Vec<_> = (0..2).map(|i| sign(i, &signed)).collect();
        multisig_witness(&signatures, multisig_script(3, set().keys()).unwrap())
    };
    let mut other = good.clone();
    other.witness = block(header(0, 2)).witness;
    let mut none = good.clone();
    none.witness = Witness::default();
    for (block, clean) in [(good, true), (few, false), (other, false), (none, false)] {
        let mut stage = two_nodes();
        stores(&mut stage, 0, &block, state(1));
        assert_eq!(stage.found().is_empty(), clean);
        assert!(clean || stage.found() == [Invariant::CertificateInvalid]);
    }
}

#[test]
fn blocks_are_stored_in_order_and_on_each_other() {
    let first = block(header(0, 1));
    let on = |prev_hash, index| {
        block(Header {
            index: Height(index),
            prev_hash,
            ..header(0, 5)
        })
    };
    let mut stage = two_nodes();
    stores(&mut stage, 0, &first, state(1));
    stores(&mut stage, 0, &on(first.hash(), 10), state(2));
    stage.is_clean();
    stores(&mut stage, 0, &on(first.hash(), 12), state(2));
    stage.finds(Invariant::Agreement);
    let mut stage = two_nodes();
    stores(&mut stage, 0, &first, state(1));
    stores(&mut stage, 0, &on(UInt256::ZERO, 10), state(2));
    stage.finds(Invariant::Agreement);
}

/// Three honest nodes, healed at two seconds.
fn healed() -> Stage {
    let mut stage = two_nodes();
    let started = Observation::Started {
        validator: Some(ValidatorIndex(2)),
        life: 0,
        log_intact: true,
        stored: Height(8),
        records: &[],
    };
    stage.oracles.observe(stage.at, 2, started);
    stage
        .oracles
        .healed(Duration::from_secs(2), &BTreeSet::from([0, 1, 2, 3]));
    stage.at = Duration::from_secs(5);
    stage
}

#[test]
fn a_healed_network_goes_on_within_the_bound() {
    let first = block(header(0, 1));
    let mut stage = healed();
    for node in 0..3 {
        stores(&mut stage, node, &first, state(1));
    }
    stage.oracles.finish(Duration::from_secs(100));
    stage.is_clean();

    let mut stage = healed();
    stage.oracles.finish(Duration::from_secs(11));
    stage.is_clean();
    stage.oracles.finish(Duration::from_secs(12));
    assert_eq!(stage.found(), [Invariant::Progress; 3]);

    let mut stage = healed();
    for node in 0..3 {
        stage.at = Duration::from_secs(if node == 2 { 13 } else { 5 });
        stores(&mut stage, node, &first, state(1));
    }
    stage.oracles.finish(Duration::from_secs(14));
    assert_eq!(stage.found(), [Invariant::Progress], "too late");
}

#[test]
fn what_is_decided_is_stored_everywhere() {
    let mut stage = healed();
    let first = block(header(0, 1));
    stores(&mut stage, 0, &first, state(1));
    stores(&mut stage, 1, &first, state(1));
    stage.oracles.finish(Duration::from_secs(100));
    stage.finds(Invariant::StoredEverywhere);
    let found = stage.oracles.violations();
    assert!(found.iter().all(|one| one.node == Some(2)));
}

#[test]
fn without_a_quorum_of_voters_nothing_is_due() {
    let mut stage = two_nodes();
    stage
        .oracles
        .healed(Duration::from_secs(2), &BTreeSet::from([0, 1]));
    stage.oracles.finish(Duration::from_secs(100));
    stage.is_clean();
}

#[test]
fn memory_has_a_limit() {
    let mut stage = Stage::open();
    let status = Status::default();
    stage.see(Observation::Sampled {
        status: &status,
        footprint: 100,
    });
    stage.is_clean();
    stage.see(Observation::Sampled {
        status: &status,
        footprint: 101,
    });
    assert_eq!(stage.found(), [Invariant::Memory]);
}

#[test]
fn evidence_names_the_guilty_and_proves_it() {
    let context = HeightContext {
        magic: Magic(42),
        height: H,
        prev_hash: place().prev_hash,
        validators: set(),
    };
    let against = |index| {
        let votes = [1, 2].map(|nonce| pre_commit(index, 0, header(0, nonce).hash()));
        Evidence::of_two(&context, &votes[0], &votes[1], |_| None).unwrap()
    };
    let mut stage = Stage::open();
    stage.see(Observation::Evidence {
        evidence: &against(3),
    });
    stage.is_clean();
    stage.see(Observation::Evidence {
        evidence: &against(1),
    });
    assert_eq!(stage.found(), [Invariant::HonestAccused]);
    let mut stage = Stage::open();
    let mut empty = against(3);
    empty.prev_hash = UInt256::ZERO;
    stage.see(Observation::Evidence { evidence: &empty });
    assert_eq!(stage.found(), [Invariant::HonestAccused]);
}

#[test]
fn nodes_of_byzantine_validators_are_not_judged() {
    let mut stage = Stage::open();
    let started = Observation::Started {
        validator: Some(ValidatorIndex(3)),
        life: 0,
        log_intact: true,
        stored: Height(8),
        records: &[],
    };
    stage.oracles.observe(stage.at, 7, started);
    let to = neo_consensus::engine::Recipient::All;
    for nonce in 1..3 {
        let message = commit(3, header(0, nonce).hash());
        let sent = Observation::Sent {
            to: &to,
            message: &message,
            again: false,
        };
        stage.oracles.observe(stage.at, 7, sent);
    }
    stage.is_clean();
}
