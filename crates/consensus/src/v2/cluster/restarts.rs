//! Crashes, and what the vote log gives back.

use super::{Cluster, Config, ms};
use crate::engine::Notice;
use crate::v2::Record;
use crate::v2::content::Kind;
use crate::vote_log::MemoryMedium;

#[test]
fn a_commit_survives_and_is_sent_again_as_it_was() {
    let mut cluster = Cluster::start(Config::of(4), 1);
    cluster.filter = Some(Box::new(|_, _, message| message.kind() != Kind::Commit));
    cluster.until(ms(3_000), "all commit", |cluster| {
        cluster.count(Kind::Commit, 1) == 4
    });
    (0..4).for_each(|node| cluster.crash(node));
    cluster.filter = None;
    let before = cluster.sent.len();
    (0..4).for_each(|node| cluster.restart(node));
    cluster.until_all_stored(1, ms(500));
    let again: Vec<_> = cluster.sent[before..]
        .iter()
        .map(|sent| sent.message.kind())
        .collect();
    assert!(!again.contains(&Kind::PrepareRequest) && !again.contains(&Kind::PrepareResponse));
    cluster.until_all_stored(4, ms(9_000));
}

#[test]
fn one_committed_validator_keeps_to_its_block_through_restarts() {
    // Only node 2 commits at view 0; then all restart again and again while the others change views.
    let mut cluster = Cluster::start(Config::of(4), 2);
    cluster.filter = Some(Box::new(|_, to, message| {
        message.kind() != Kind::PrepareResponse && message.kind() != Kind::Commit || to == 2
    }));
    cluster.until(ms(3_000), "node 2 commits", |cluster| {
        cluster.sent_by(2, Kind::Commit).len() == 1
    });
    cluster.filter = Some(Box::new(|_, _, message| message.kind() == Kind::ChangeView));
    for round in 0..4 {
        cluster.run(ms(6_000));
        assert!(cluster.view(0) > 0 && cluster.view(2) == 0);
        (0..4).for_each(|node| cluster.crash(node));
        // A ledger that would refuse the block today changes nothing either.
        cluster.nodes[2].ledger.refuses_fresh = round > 0;
        (0..4).for_each(|node| cluster.restart(node));
    }
    cluster.run(ms(6_000));
    assert_eq!(cluster.view(2), 0);
    let commits = cluster.sent_by(2, Kind::Commit);
    assert!(commits.len() > 1, "it is repeated");
    let first = &commits[0].message;
    assert!(commits.iter().all(|sent| sent.message == *first));
    assert!(cluster.sent_by(2, Kind::ChangeView).is_empty());
}

#[test]
fn what_was_prepared_is_not_prepared_otherwise() {
    // Node 3 prepares, restarts, and the primary shows it another block of the same view.
    let config = Config {
        relays: false,
        load: 0,
        ..Config::of(4)
    };
    let mut cluster = Cluster::start(config, 3);
    cluster.until(ms(3_000), "node 3 prepares", |cluster| {
        cluster.sent_by(3, Kind::PrepareResponse).len() == 1
    });
    let request = cluster.sent_by(1, Kind::PrepareRequest)[0].message.clone();
    cluster.filter = Some(Box::new(|_, to, _| to != 3));
    cluster.crash(3);
    cluster.restart(3);
    cluster.run(ms(1));
    let mut other = request.content().clone();
    if let crate::v2::Body::PrepareRequest(request) = &mut other.body {
        request.nonce ^= 1;
    }
    cluster.byzantine.insert(1);
    let other = cluster.signed(1, other);
    cluster.inject(1, 3, other);
    cluster.run(ms(50));
    let status = crate::engine::Engine::status(cluster.nodes[3].engine.as_ref().unwrap());
    assert_eq!(
        status.heights[0].block, None,
        "the other one is not looked at"
    );
    cluster.inject(1, 3, request);
    cluster.run(ms(50));
    assert_eq!(cluster.stored(3), 0);
    cluster.filter = None;
    cluster.until_stored(&[3], 1, ms(2_000));
    let responses = cluster.sent_by(3, Kind::PrepareResponse);
    assert_eq!(
        responses
            .iter()
            .filter(|sent| sent.message.height().0 == 1)
            .count(),
        1
    );
}

#[test]
fn a_primary_that_restarts_keeps_to_its_own_block() {
    let mut cluster = Cluster::start(Config::of(4), 4);
    cluster.filter = Some(Box::new(|_, _, message| {
        message.kind() != Kind::PrepareRequest
    }));
    cluster.until(ms(3_000), "a request", |cluster| {
        cluster.sent_by(1, Kind::PrepareRequest).len() == 1
    });
    cluster.crash(1);
    cluster.filter = None;
    cluster.restart(1);
    // The others ask for what they have missed when their time is over; it has it.
    cluster.until_all_stored(1, ms(30_000));
    let requests = cluster.sent_by(1, Kind::PrepareRequest);
    let of_view_0 = requests
        .iter()
        .filter(|sent| sent.message.height().0 == 1 && sent.message.view() == 0);
    assert_eq!(of_view_0.count(), 1);
}

#[test]
fn a_restarted_validator_is_in_the_view_it_was_in() {
    let mut cluster = Cluster::start(Config::of(4), 5);
    cluster.crash(1);
    cluster.filter = Some(Box::new(|_, _, message| message.kind() == Kind::ChangeView));
    cluster.until(ms(4_000), "view 1", |cluster| cluster.view(2) == 1);
    (0..4).filter(|node| *node != 1).for_each(|node| {
        cluster.crash(node);
        cluster.restart(node);
    });
    cluster.run(ms(10));
    assert!([0, 2, 3].iter().all(|node| cluster.view(*node) == 1));
    cluster.filter = None;
    cluster.until_stored(&[0, 2, 3], 1, ms(20_000));
}

#[test]
fn torn_writes_again_and_again() {
    for seed in 0..12 {
        let config = Config {
            latency: (5_000, 40_000),
            work: (0, 3_000),
            block_time: ms(200),
            ..Config::of(4)
        };
        let mut cluster = Cluster::start(config, seed);
        for _ in 0..5 {
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
            cluster.until_all_stored(stored + 1, ms(20_000));
        }
    }
}

#[test]
fn a_single_validator_goes_on_after_every_crash() {
    let config = Config {
        block_time: ms(50),
        work: (0, 4_000),
        ..Config::of(1)
    };
    let mut cluster = Cluster::start(config, 6);
    for _ in 0..30 {
        let time = ms(cluster.rng.between((1, 200)));
        cluster.run(time);
        cluster.nodes[0].dies_writing = true;
        let end = cluster.now + ms(500);
        while cluster.nodes[0].engine.is_some() && cluster.step_before(end) {}
        if cluster.nodes[0].engine.is_some() {
            cluster.crash(0);
        }
        let stored = cluster.stored(0);
        cluster.restart(0);
        cluster.until_all_stored(stored + 1, ms(500));
    }
}

#[test]
fn without_its_log_a_validator_is_silent_until_a_younger_block() {
    let mut cluster = Cluster::start(Config::of(4), 7);
    cluster.until_all_stored(2, ms(4_000));
    cluster.crash(3);
    cluster.nodes[3].medium = MemoryMedium::default();
    let before = cluster.sent.len();
    cluster.restart(3);
    let began = cluster.now;
    let voting = |notice: &Notice| matches!(notice, Notice::Voting { .. });
    cluster.until(ms(40_000), "it votes again", |cluster| {
        cluster
            .notices
            .iter()
            .any(|(_, node, notice)| *node == 3 && voting(notice))
    });
    assert!(cluster.now - began > ms(8_000));
    let said = |cluster: &Cluster| {
        let later = cluster.sent[before..].iter();
        later.filter(|sent| sent.from == 3).count()
    };
    assert_eq!(said(&cluster), 0);
    assert!(cluster.nodes[3].written > 0);
    cluster.run(ms(5_000));
    assert!(said(&cluster) > 0);
    // What it noted keeps the next start from being silent, and a crash in the silence from ending it.
    cluster.crash(3);
    cluster.restart(3);
    let stored = cluster.stored(3);
    cluster.until_all_stored(stored + 2, ms(9_000));
    cluster.crash(3);
    cluster.nodes[3].medium = MemoryMedium::default();
    cluster.restart(3);
    cluster.crash(3);
    let before = cluster.sent.len();
    cluster.restart(3);
    cluster.run(ms(5_000));
    assert!(cluster.sent[before..].iter().all(|sent| sent.from != 3));
}

#[test]
fn a_store_that_is_put_back_opens_no_height_for_votes_that_the_log_forgot() {
    let mut cluster = Cluster::start(Config::of(4), 9);
    cluster.until_all_stored(4, ms(6_000));
    let through = neo_primitives::Height(cluster.stored(3) + 2);
    cluster.nodes[3].write(&[Record::Forgotten { through }], None);
    cluster.crash(3);
    cluster.nodes[3].ledger.wipe();
    let before = cluster.sent.len();
    cluster.restart(3);
    cluster.until_stored(&[3], through.0 + 2, ms(30_000));
    let later = cluster.sent[before..].iter();
    let said: Vec<_> = later.filter(|sent| sent.from == 3).collect();
    assert!(!said.is_empty());
    assert!(said.iter().all(|sent| sent.message.height() > through));
}

#[test]
fn the_context_is_written_before_the_commit_and_holds_what_led_to_it() {
    let mut cluster = Cluster::start(Config::of(4), 8);
    cluster.filter = Some(Box::new(|_, _, message| message.kind() != Kind::Commit));
    cluster.until(ms(3_000), "a Commit", |cluster| {
        cluster.sent_by(2, Kind::Commit).len() == 1
    });
    cluster.crash(2);
    let medium = cluster.nodes[2].medium.clone();
    let identity = crate::vote_log::Identity {
        magic: crate::v3::cluster::ledger::MAGIC,
        genesis: neo_primitives::UInt256::ZERO,
        validator: cluster.nodes[2].key.clone(),
    };
    let records = crate::vote_log::VoteLog::open::<Record>(medium, identity)
        .unwrap()
        .records;
    let place = |fits: &dyn Fn(&Record) -> bool| records.iter().position(fits).unwrap();
    let body = place(&|record| matches!(record, Record::Body(_)));
    let context = place(&|record| matches!(record, Record::Context { .. }));
    let commit = place(&|record| matches!(record, Record::Own(own) if own.kind() == Kind::Commit));
    assert!(body < context && context < commit);
    let Record::Context { messages, .. } = &records[context] else {
        panic!("another record")
    };
    assert!(messages.len() >= 3);
    assert_eq!(
        messages
            .iter()
            .filter(|it| it.kind() == Kind::PrepareRequest)
            .count(),
        1
    );
}
