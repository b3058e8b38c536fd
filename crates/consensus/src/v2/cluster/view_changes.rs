//! Primaries that fail, and blocks that are refused.

use super::{Cluster, Config, ms};
use crate::engine::{Event, LedgerAction, LedgerEvent, Notice};
use crate::v2::content::{Body, Kind, Reason};

#[test]
fn a_dead_validator_costs_its_own_views_only() {
    for (validators, dead) in [(4, vec![1]), (7, vec![2, 3])] {
        let mut cluster = Cluster::start(Config::of(validators), 1);
        dead.iter().for_each(|node| cluster.crash(*node));
        cluster.until_all_stored(9, ms(60_000));
        for height in 1..9_u32 {
            let failed = dead.contains(&(height as usize % validators));
            let asked = cluster.count(Kind::ChangeView, height) > 0;
            assert_eq!(failed, asked, "height {height} of {validators}");
        }
        // The primary of view 1 is the validator before.
        let header = cluster.nodes[0].ledger.block_at(neo_primitives::Height(1));
        let primary = header.unwrap().body.header.primary_index.0;
        assert_eq!(primary, if validators == 4 { 0 } else { 1 });
    }
}

#[test]
fn a_view_takes_the_time_of_the_reference() {
    let mut cluster = Cluster::start(Config::of(4), 2);
    cluster.crash(1);
    cluster.until(ms(60_000), "a ChangeView", |cluster| {
        !cluster.sent_by(2, Kind::ChangeView).is_empty()
    });
    // 2 T for a backup in view 0.
    assert_eq!(cluster.sent_by(2, Kind::ChangeView)[0].at, ms(2_000));
    cluster.until(ms(200), "view 1", |cluster| cluster.view(2) == 1);
    let began = cluster.now;
    cluster.crash(0);
    cluster.until(ms(10_000), "another", |cluster| {
        cluster.sent_by(2, Kind::ChangeView).len() > 1
    });
    // 4 T in view 1, and T of it for a PrepareRequest that came before the primary died.
    let waited = cluster.sent_by(2, Kind::ChangeView)[1].at - began;
    assert!((ms(3_900)..=ms(5_400)).contains(&waited), "{waited:?}");
}

#[test]
fn a_block_that_a_minority_refuses_is_made_without_it() {
    let mut cluster = Cluster::start(Config::of(4), 3);
    cluster.nodes[2].ledger.refuses_fresh = true;
    cluster.until_all_stored(4, ms(60_000));
    let asked = cluster.sent_by(2, Kind::ChangeView);
    let Body::ChangeView(change) = &asked[0].message.content().body else {
        panic!("another kind")
    };
    assert_eq!(change.reason, Reason::TransactionInvalid);
    assert_eq!(change.rejected, Some(vec![]));
    assert!(cluster.sent_by(2, Kind::PrepareResponse).is_empty());
    let first = cluster.sent_by(2, Kind::Commit);
    assert!(first.iter().all(|sent| sent.message.height().0 % 4 == 2));
}

#[test]
fn more_refusals_than_f_change_the_view() {
    let mut cluster = Cluster::start(Config::of(4), 4);
    for node in [0, 2, 3] {
        cluster.nodes[node].ledger.refuses_fresh = true;
    }
    cluster.until(ms(3_000), "view 1", |cluster| cluster.view(2) == 1);
    assert!(cluster.now < ms(2_000), "at once, not at the timeout");
}

#[test]
fn what_more_than_f_reject_is_not_proposed_again() {
    let mut cluster = Cluster::asleep(Config::of(4), 5);
    cluster.config.load = 0;
    (0..3).for_each(|_| cluster.submit());
    // Nodes 2 and 3 reject the first transaction by name, as C# 3.10 does.
    (0..4).for_each(|node| cluster.boot(node));
    (0..3).for_each(|_| cluster.submit());
    let rejected = cluster.nodes[0].ledger.pool[0].hash();
    for node in [2, 3] {
        cluster.nodes[node].ledger.refuses_fresh = true;
        let name = move |content: &mut crate::v2::Content| {
            if let Body::ChangeView(change) = &mut content.body {
                change.reason = Reason::TransactionInvalid;
                change.rejected = Some(vec![rejected]);
            }
        };
        cluster.habits.insert(node, Box::new(name));
    }
    cluster.until(ms(8_000), "a block of view 1", |cluster| {
        cluster.sent_by(0, Kind::PrepareRequest).len() == 1
    });
    let sent = cluster.sent_by(0, Kind::PrepareRequest);
    let Body::PrepareRequest(request) = &sent[0].message.content().body else {
        panic!("another kind")
    };
    assert_eq!(sent[0].message.view(), 1);
    assert_eq!(request.hashes.len(), 2);
    assert!(!request.hashes.contains(&rejected));
}

#[test]
fn a_request_that_comes_before_its_view_is_kept() {
    let mut cluster = Cluster::start(Config::of(4), 6);
    cluster.crash(1);
    // Node 3 hears the last ChangeViews late.
    cluster.filter = Some(Box::new(|from, to, message| {
        !(to == 3 && from == 2 && message.kind() == Kind::ChangeView)
    }));
    cluster.until(ms(5_000), "a request of view 1", |cluster| {
        cluster.sent_by(0, Kind::PrepareRequest).len() == 1
    });
    cluster.run(ms(15));
    assert_eq!(cluster.view(3), 0);
    let late = cluster.sent_by(2, Kind::ChangeView)[0].message.clone();
    cluster.inject(2, 3, late);
    cluster.until_stored(&[0, 2, 3], 1, ms(500));
}

#[test]
fn a_ledger_that_refuses_a_decided_block_is_asked_once() {
    let config = Config {
        work: (2_000, 2_000),
        ..Config::of(4)
    };
    let mut cluster = Cluster::start(config, 7);
    cluster.nodes[3].ledger.refuses_fresh = true;
    let asks = |cluster: &Cluster| {
        let mut all = cluster.nodes[3].requests.iter();
        all.find_map(|request| match request {
            LedgerAction::Check { body, fresh: false } => Some(body.hash()),
            _ => None,
        })
    };
    cluster.until(ms(3_000), "the others have decided", |cluster| {
        asks(cluster).is_some()
    });
    let hash = asks(&cluster).unwrap();
    cluster.nodes[3].requests.clear();
    let answer = || {
        let result = Err("a broken store".to_owned());
        Event::Ledger(LedgerEvent::Checked { hash, result })
    };
    cluster.handle(3, answer());
    assert_eq!(asks(&cluster), None);
    let disagrees = |notice: &Notice| matches!(notice, Notice::LedgerDisagrees { .. });
    let noticed = cluster.notices.iter();
    assert!(
        noticed
            .clone()
            .any(|(_, node, notice)| *node == 3 && disagrees(notice))
    );
    // The others relay the block.
    cluster.until_stored(&[3], 1, ms(100));
}
