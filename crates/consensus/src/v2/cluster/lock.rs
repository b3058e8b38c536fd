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

/// Four honest validators, as in the models: 2 commits at view 0, 3 at view 1, and 0 and 1 ask for view 2. The
/// models lock here; what C# and neo-go run does not, because two Commits are more than f: 0 and 1 take
/// preparations again. The scenario `four-nodes-that-lock-dbft-2` is the same with dBFT 3.0.
#[test]
fn two_commits_of_different_views_are_survived_once_they_are_known() {
    let mut cluster = Cluster::start(Config::of(4), 2);
    cluster.filter = Some(Box::new(|_, to, message| {
        let one = if message.view() == 0 { 2 } else { 3 };
        match message.kind() {
            Kind::PrepareRequest => to != 5 - one,
            Kind::PrepareResponse => to == one,
            Kind::Commit | Kind::RecoveryMessage => false,
            _ => true,
        }
    }));
    cluster.until(ms(20_000), "two Commits, two ask for view 2", |cluster| {
        let asked = |node| {
            let all = cluster.sent_by(node, Kind::ChangeView);
            all.iter().any(|sent| sent.message.view() == 1)
        };
        let commits = [2, 3].map(|node| cluster.sent_by(node, Kind::Commit).len());
        commits == [1, 1] && asked(0) && asked(1)
    });
    let views = [2, 3].map(|node| cluster.sent_by(node, Kind::Commit)[0].message.view());
    assert_eq!(views, [0, 1]);
    cluster.filter = None;
    cluster.until_all_stored(1, ms(60_000));
    let block = cluster.nodes[0].ledger.block_at(neo_primitives::Height(1));
    assert_eq!(
        block.unwrap().body.header.primary_index.0,
        0,
        "that of view 1"
    );
    cluster.until_all_stored(3, ms(60_000));
}
