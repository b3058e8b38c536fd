//! The lock of dBFT 2.0 (docs/dbft2.md): one validator has committed, two have asked for another view, and
//! one crash later nobody can go on, though one crash of four is what the protocol promises to bear.
//!
//! `v3/cluster/lock.rs` runs the same schedule with dBFT 3.0.

use super::{Cluster, Config, ms};
use crate::v2::content::Kind;

/// The primary (1) proposes, 0 and 2 prepare. Only 0 learns that all three have, and commits. 2 and 3 hear
/// nothing of the preparations and ask for view 1. Then the primary crashes, and all links are good.
fn locked() -> Cluster {
    let mut cluster = Cluster::start(Config::of(4), 1);
    cluster.filter = Some(Box::new(|from, to, message| match message.kind() {
        Kind::PrepareRequest => to != 3,
        Kind::PrepareResponse => from == 2 && to == 0,
        Kind::Commit | Kind::RecoveryMessage => false,
        _ => to != 1,
    }));
    cluster.until(ms(5_000), "0 commits", |cluster| {
        cluster.sent_by(0, Kind::Commit).len() == 1
    });
    cluster.crash(1);
    cluster.until(ms(5_000), "2 and 3 ask for view 1", |cluster| {
        let asked = |node| !cluster.sent_by(node, Kind::ChangeView).is_empty();
        asked(2) && asked(3)
    });
    assert!(cluster.sent_by(1, Kind::Commit).is_empty());
    cluster.filter = None;
    cluster
}

#[test]
fn one_commit_two_view_changes_and_one_crash_lock_it() {
    let mut cluster = locked();
    cluster.run(ms(600_000));
    assert_eq!((0..4).map(|node| cluster.stored(node)).max(), Some(0));
    // One keeps to its Commit, two keep asking, and M is three.
    assert_eq!([0, 2, 3].map(|node| cluster.view(node)), [0, 0, 0]);
    for node in [2, 3] {
        assert!(cluster.sent_by(node, Kind::ChangeView).len() > 1);
        assert!(cluster.sent_by(node, Kind::Commit).is_empty());
    }
    assert!(cluster.sent_by(0, Kind::RecoveryMessage).len() > 100);
}

#[test]
fn the_one_that_crashed_ends_the_lock_when_it_comes_back() {
    let mut cluster = locked();
    cluster.run(ms(60_000));
    cluster.restart(1);
    cluster.until_all_stored(3, ms(600_000));
}
