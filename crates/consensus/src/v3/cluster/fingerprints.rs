//! The number that model checkers tell states apart by.

use std::collections::BTreeSet;

use super::{Cluster, Config, ms};
use crate::engine::{Engine, Event, LedgerEvent, Now};

/// Fingerprints of all engines along a run.
fn along(seed: u64) -> Vec<Vec<u128>> {
    let mut cluster = Cluster::start(Config::of(4), seed);
    let mut all = Vec::new();
    while cluster.step_before(ms(2_500)) {
        let engines = cluster.nodes.iter().filter_map(|node| node.engine.as_ref());
        all.push(engines.map(|engine| engine.fingerprint()).collect());
    }
    all
}

#[test]
fn the_same_run_gives_the_same_fingerprints_and_another_one_others() {
    let first = along(1);
    assert_eq!(first, along(1));
    assert_ne!(first, along(2));
    // A height of four nodes has far more than ten states, and every node its own.
    let states: BTreeSet<u128> = first.iter().flatten().copied().collect();
    assert!(states.len() > 100, "{} states", states.len());
}

#[test]
fn a_stored_block_changes_it_and_a_copy_has_the_same() {
    let mut cluster = Cluster::start(Config::of(4), 3);
    while cluster.step_before(ms(1_500)) {}
    let engine = cluster.nodes[0].engine.as_mut().unwrap();
    let before = engine.fingerprint();
    assert_eq!(engine.clone().fingerprint(), before);
    let hash = neo_primitives::UInt256::from_wire([9; 32]);
    let height = engine.status().stored.next();
    let now = Now {
        monotonic: ms(1_500),
        wall_ms: 1_700_000_002_500,
        entropy: 0,
    };
    engine.step(now, Event::Ledger(LedgerEvent::Stored { height, hash }));
    assert_ne!(engine.fingerprint(), before);
}
