//! Transactions that somebody lacks.

use super::{Cluster, Config, ms};
use crate::engine::Notice;
use crate::v3::context::MessageKind;
use crate::v3::message::Payload;

#[test]
fn missing_transactions_are_fetched_by_position() {
    for gossip in [0, 50] {
        let config = Config {
            gossip,
            ..Config::of(4)
        };
        let mut cluster = Cluster::start(config, 1);
        cluster.until_all_stored(6, ms(7000));
        assert_eq!(cluster.view_changes(), 0);
        let height = neo_primitives::Height(5);
        let blocks: Vec<_> = (0..4)
            .map(|node| cluster.nodes[node].ledger.block_at(height).unwrap())
            .collect();
        assert!(blocks.windows(2).all(|pair| pair[0].body == pair[1].body));
    }
}

#[test]
fn a_short_id_collision_is_resolved_by_full_hashes() {
    let mut cluster = Cluster::start(Config::of(4), 2);
    cluster.nodes[0].ledger.confuses = true;
    cluster.nodes[2].ledger.confuses = true;
    cluster.until_all_stored(5, ms(6000));
    assert_eq!(cluster.view_changes(), 0);
}

#[test]
fn wrong_answers_to_fetches_cost_time_only() {
    let config = Config {
        gossip: 0,
        ..Config::of(4)
    };
    let mut cluster = Cluster::start(config, 3);
    // The leader of height 1 itself lies, so does another; two honest ones would do.
    cluster.liars.extend([1]);
    cluster.nodes[0].ledger.confuses = true;
    cluster.until_all_stored(8, ms(20_000));
}

/// Height 4 is led by node 0, its view 1 by node 1. Node 1 sees the votes but has no body.
fn body_held_by_others(seed: u64) -> Cluster {
    let mut cluster = Cluster::start(Config::of(4), seed);
    cluster.until_all_stored(3, ms(4500));
    cluster.mute.extend([0, 2, 3]);
    // The others know the transactions, node 1 does not.
    cluster.config.load = 0;
    (0..4).for_each(|node| cluster.nodes[node].ledger.pool.clear());
    for _ in 0..3 {
        let transaction = cluster.new_transaction();
        for node in [0, 2, 3] {
            cluster.nodes[node]
                .ledger
                .pool
                .push(std::sync::Arc::clone(&transaction));
        }
    }
    cluster.filter = Some(Box::new(|_, _, message| {
        message.height.0 != 4
            || match &message.payload {
                Payload::PreCommit { .. } => false,
                Payload::RecoveryMessage(recovery) => recovery.decision.is_none(),
                _ => true,
            }
    }));
    cluster.until(ms(2000), "PC(0) at height 4", |cluster| {
        let own = |sent: &&super::Sent| {
            sent.message.height.0 == 4 && sent.message.kind() == MessageKind::PreCommit
        };
        cluster.sent.iter().filter(own).count() == 4
    });
    cluster
}

#[test]
fn a_leader_without_the_body_fetches_it_before_it_proposes_again() {
    let mut cluster = body_held_by_others(4);
    let proposed = cluster.proposed(4);
    cluster.crash(0);
    cluster.mute.clear();
    cluster.filter = None;
    cluster.until_stored(&[1, 2, 3], 4, ms(3000));
    assert_eq!(cluster.block(1, 4), proposed);
}

#[test]
fn a_prepared_block_waits_for_those_that_hold_its_body() {
    let mut cluster = body_held_by_others(5);
    let proposed = cluster.proposed(4);
    for node in [0, 2, 3] {
        cluster.crash(node);
    }
    cluster.run(ms(10_000));
    assert_eq!(cluster.stored(1), 3);
    cluster.mute.clear();
    cluster.filter = None;
    cluster.restart(2);
    cluster.restart(3);
    cluster.until_stored(&[1, 2, 3], 4, ms(5000));
    assert_eq!(
        cluster.block(1, 4),
        proposed,
        "the prepared block is the only one possible"
    );
    cluster.until_stored(&[1, 2, 3], 7, ms(8000));
}

#[test]
fn a_decided_block_without_its_body_is_fetched() {
    // Node 3 gets no proposal of height 1, and learns of it by votes alone.
    let mut cluster = Cluster::start(Config::of(4), 6);
    cluster.filter = Some(Box::new(|_, to, message| {
        !(to == 3
            && message.height.0 == 1
            && matches!(
                message.kind(),
                MessageKind::Proposal | MessageKind::RecoveryMessage
            ))
    }));
    cluster.until(ms(1500), "node 3 decides", |cluster| {
        cluster
            .notices
            .iter()
            .any(|(_, node, notice)| *node == 3 && matches!(notice, Notice::Decided { .. }))
    });
    cluster.until_all_stored(1, ms(200));
}

#[test]
fn nobody_is_asked_without_pause() {
    // Nobody answers: the node that lacks the body asks again, but not as fast as it can.
    let mut cluster = body_held_by_others(7);
    let before = cluster.fetches;
    cluster.run(ms(2000));
    let asked = cluster.fetches - before;
    assert!((1..60).contains(&asked), "{asked} fetches in two seconds");
}

#[test]
fn a_block_that_the_own_policy_refuses_is_stored_when_others_decide_it() {
    let mut cluster = Cluster::start(Config::of(4), 8);
    cluster.nodes[3].ledger.refuses_fresh = true;
    cluster.until_all_stored(6, ms(8000));
    // Its own turn passes as well: it refuses the blocks of others only by policy.
    assert!(
        cluster
            .sent
            .iter()
            .any(|sent| { sent.from == 3 && sent.message.kind() == MessageKind::Suspect })
    );
    assert_eq!(
        cluster.noticed(|notice| matches!(notice, Notice::LedgerDisagrees { .. })),
        0
    );
}
