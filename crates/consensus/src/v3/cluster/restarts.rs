//! Crashes, and what the vote log gives back.

use super::{Cluster, Config, ms};
use crate::engine::Notice;
use crate::v3::context::MessageKind;

#[test]
fn all_four_restart_with_torn_logs_again_and_again() {
    for seed in 0..20 {
        let config = Config {
            latency: (5_000, 40_000),
            verify: (0, 2_000),
            ledger: (0, 5_000),
            block_time: ms(200),
            ..Config::of(4)
        };
        let mut cluster = Cluster::start(config, seed);
        for _ in 0..6 {
            let time = ms(cluster.rng.between((50, 900)));
            cluster.run(time);
            for node in cluster.up() {
                cluster.nodes[node].dies_writing = true;
            }
            let last = cluster.now + ms(100);
            while cluster.up().len() > 1 && cluster.step_before(last) {}
            for node in cluster.up() {
                cluster.crash(node);
            }
            let stored = (0..4).map(|node| cluster.stored(node)).max().unwrap();
            (0..4).for_each(|node| cluster.restart(node));
            cluster.until_all_stored(stored + 1, ms(5000));
        }
    }
}

#[test]
fn a_restart_in_the_middle_of_a_height_needs_no_view_change() {
    // All four crash when all have pre-committed; what they hold decides.
    for kind in [
        MessageKind::Proposal,
        MessageKind::Prepare,
        MessageKind::PreCommit,
    ] {
        let mut cluster = Cluster::start(Config::of(4), 2);
        cluster.filter = Some(Box::new(move |_, _, message| message.kind() != kind));
        let enough = if kind == MessageKind::Proposal { 1 } else { 3 };
        cluster.until(ms(2000), "votes", |cluster| {
            cluster
                .sent
                .iter()
                .filter(|sent| sent.message.kind() == kind)
                .count()
                >= enough
        });
        cluster.run(ms(5));
        (0..4).for_each(|node| cluster.crash(node));
        cluster.filter = None;
        (0..4).for_each(|node| cluster.restart(node));
        cluster.until_all_stored(1, ms(900));
        assert_eq!(cluster.view_changes(), 0, "{kind:?} was lost");
    }
}

#[test]
fn one_validator_restarts_at_every_stage() {
    for seed in 0..40 {
        let config = Config {
            latency: (8_000, 12_000),
            block_time: ms(300),
            ..Config::of(4)
        };
        let mut cluster = Cluster::start(config, seed);
        let time = ms(300 + seed * 7);
        cluster.run(time);
        let node = (seed % 4) as usize;
        cluster.crash(node);
        cluster.run(ms(seed % 5 * 100));
        cluster.restart(node);
        let stored = cluster.stored((node + 1) % 4);
        cluster.until_all_stored(stored + 3, ms(6000));
    }
}

#[test]
fn a_restored_change_view_is_sent_again_as_it_was() {
    let mut cluster = Cluster::start(Config::of(4), 3);
    cluster.links.partition(&[&[0, 1], &[2, 3]]);
    cluster.until(ms(2250), "a ChangeView", |cluster| {
        cluster
            .sent
            .iter()
            .any(|s| s.from == 2 && s.message.kind() == MessageKind::ChangeView)
    });
    let of_2 = |cluster: &Cluster| {
        let all = cluster
            .sent
            .iter()
            .filter(|s| s.from == 2 && s.message.kind() == MessageKind::ChangeView);
        all.map(|sent| sent.message.clone()).collect::<Vec<_>>()
    };
    let before = of_2(&cluster)[0].clone();
    cluster.crash(2);
    cluster.restart(2);
    let count = of_2(&cluster).len();
    cluster.run(ms(500));
    let after = of_2(&cluster);
    assert!(after.len() > count);
    assert!(after.iter().all(|message| *message == before));
}

#[test]
fn a_restarted_validator_still_claims_what_it_prepared() {
    // Node 2 alone decides. The others hold PC(0), all of them restart, and none of them can collect
    // the Prepares again: only their logs know that the block is prepared.
    let mut cluster = Cluster::start(Config::of(7), 12);
    let open = |message: &crate::v3::Message| message.height.0 == 1 && message.view.0 == 0;
    cluster.filter = Some(Box::new(move |from, to, message| {
        let kind = message.kind();
        let repeats = matches!(kind, MessageKind::Commit | MessageKind::RecoveryMessage);
        !(open(message) && (kind == MessageKind::PreCommit && to != 2 || from == 2 && repeats))
    }));
    cluster.until(ms(3000), "node 2 decides", |cluster| {
        cluster.noticed(|notice| matches!(notice, Notice::Decided { .. })) == 1
    });
    let decided = cluster.proposed(1);
    (0..7).for_each(|node| cluster.crash(node));
    cluster.filter = Some(Box::new(move |_, _, message| {
        !open(message) || message.kind() == MessageKind::ChangeView
    }));
    [0, 3, 4, 5, 6]
        .into_iter()
        .for_each(|node| cluster.restart(node));
    cluster.until_stored(&[0, 3, 4, 5, 6], 1, ms(8000));
    assert_eq!(cluster.block(0, 1), decided);
    cluster.filter = None;
    [1, 2].into_iter().for_each(|node| cluster.restart(node));
    cluster.until_all_stored(3, ms(8000));
}

#[test]
fn a_single_validator_goes_on_after_every_crash() {
    let config = Config {
        block_time: ms(50),
        verify: (0, 2_000),
        ledger: (0, 5_000),
        ..Config::of(1)
    };
    let mut cluster = Cluster::start(config, 13);
    for _ in 0..60 {
        let time = ms(cluster.rng.between((1, 200)));
        cluster.run(time);
        cluster.nodes[0].dies_writing = true;
        while cluster.nodes[0].engine.is_some() {
            assert!(cluster.step_before(cluster.now + ms(1000)));
        }
        let stored = cluster.stored(0);
        cluster.restart(0);
        cluster.until_all_stored(stored + 1, ms(3000));
    }
}

#[test]
fn a_restarted_leader_proposes_with_the_certificate_of_its_log() {
    // The ledger is slow, so that the leader crashes before it has a block.
    let config = Config {
        ledger: (50_000, 50_000),
        ..Config::of(4)
    };
    let mut cluster = Cluster::asleep(config, 14);
    [0, 2, 3].into_iter().for_each(|node| cluster.boot(node));
    cluster.filter = Some(Box::new(|_, _, message| {
        message.kind() != MessageKind::Proposal
    }));
    cluster.until(ms(2500), "all enter view 1", |cluster| {
        [0, 2, 3]
            .into_iter()
            .all(|node| cluster.view(node, 1) == Some(1))
    });
    [0, 2, 3].into_iter().for_each(|node| cluster.crash(node));
    cluster.filter = None;
    [0, 2, 3].into_iter().for_each(|node| cluster.restart(node));
    cluster.until_stored(&[0, 2, 3], 1, ms(800));
    let late = |notice: &Notice| matches!(notice, Notice::ViewEntered { view, .. } if view.0 > 1);
    assert_eq!(cluster.noticed(late), 0);
}

#[test]
fn a_restarted_validator_commits_what_its_log_has_decided() {
    let mut cluster = Cluster::start(Config::of(4), 15);
    cluster.filter = Some(Box::new(|_, _, message| {
        !matches!(
            message.kind(),
            MessageKind::Commit | MessageKind::RecoveryMessage
        )
    }));
    cluster.until(ms(2000), "all decide", |cluster| {
        cluster.noticed(|notice| matches!(notice, Notice::Decided { .. })) == 4
    });
    (0..4).for_each(|node| cluster.crash(node));
    // Nothing but header signatures passes: nobody can decide again.
    cluster.filter = Some(Box::new(|_, _, message| {
        message.kind() == MessageKind::Commit
    }));
    (0..4).for_each(|node| cluster.restart(node));
    cluster.until_all_stored(1, ms(500));
}
