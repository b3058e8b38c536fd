//! Messages that were lost, and recovery in the habits of C# and of neo-go.

use neo_primitives::{Height, ValidatorIndex};

use super::{Cluster, Config, ms};
use crate::v2::content::{Body, Content, Kind, Reason};
use crate::v2::recovery::Preparation;

/// The inner PrepareRequest as neo-go writes it.
fn like_neo_go(content: &mut Content) {
    if let Body::RecoveryMessage(recovery) = &mut content.body
        && let Preparation::Request(inner) = &mut recovery.preparation
    {
        inner.height = Height(0);
        inner.validator = ValidatorIndex(0);
    }
}

/// The ChangeView of nodes before C# 3.10 and neo-go 0.121.
fn without_rejected(content: &mut Content) {
    if let Body::ChangeView(change) = &mut content.body {
        change.rejected = None;
    }
}

/// A validator that hears nothing until the others have committed, of which none can finish.
fn cut_off(cluster: &mut Cluster) {
    cluster.crash(0);
    cluster.filter = Some(Box::new(|from, to, _| to != 3 && from != 3));
    cluster.until(ms(6_000), "two preparations", |cluster| {
        cluster.count(Kind::PrepareResponse, 1) >= 1
    });
    cluster.run(ms(100));
    assert_eq!(cluster.count(Kind::Commit, 1), 0);
    cluster.filter = None;
}

#[test]
fn a_validator_that_missed_the_proposal_gets_it_from_either_kind() {
    for neo_go in [false, true] {
        let mut cluster = Cluster::start(Config::of(4), 1);
        if neo_go {
            for node in 0..3 {
                cluster.habits.insert(node, Box::new(like_neo_go));
            }
        }
        cut_off(&mut cluster);
        cluster.crash(3);
        cluster.restart(3);
        cluster.until_stored(&[1, 2, 3], 1, ms(900));
        assert!(cluster.count(Kind::RecoveryMessage, 1) > 0);
        assert_eq!(cluster.count(Kind::ChangeView, 1), 0);
        assert!(cluster.refused.is_empty(), "{:?}", cluster.refused);
    }
}

#[test]
fn a_validator_left_in_a_lower_view_follows_whatever_the_reasons_were() {
    for (reason, old) in [
        (Reason::Timeout, false),
        (Reason::ChangeAgreement, false),
        (Reason::TransactionNotFound, false),
        (Reason::TransactionInvalid, false),
        (Reason::TransactionInvalid, true),
        (Reason::TransactionRejectedByPolicy, true),
        (Reason::BlockRejectedByPolicy, false),
        (Reason::Other(0xff), false),
    ] {
        let mut cluster = Cluster::start(Config::of(4), 2);
        for node in 0..4 {
            let habit = move |content: &mut Content| {
                if let Body::ChangeView(change) = &mut content.body {
                    change.reason = reason;
                    change.rejected = reason.has_rejected().then(Vec::new);
                }
                if old {
                    without_rejected(content);
                }
            };
            cluster.habits.insert(node, Box::new(habit));
        }
        // Node 3 says that it wants view 1, and hears nothing of the others; nobody finishes view 1.
        cluster.filter = Some(Box::new(|_, to, message| {
            to != 3 && message.kind() != Kind::PrepareRequest
        }));
        cluster.until(ms(4_000), "view 1", |cluster| {
            (0..3).all(|node| cluster.view(node) == 1)
        });
        assert_eq!(cluster.view(3), 0);
        cluster.filter = Some(Box::new(|_, _, message| {
            !matches!(message.kind(), Kind::ChangeView | Kind::PrepareRequest)
        }));
        cluster.crash(3);
        cluster.restart(3);
        cluster.until(ms(300), "node 3 follows", |cluster| cluster.view(3) == 1);
        cluster.filter = None;
        cluster.until_all_stored(2, ms(30_000));
        assert!(cluster.refused.is_empty(), "{:?}", cluster.refused);
    }
}

#[test]
fn only_f_plus_one_answer_a_request() {
    for validators in [4, 7] {
        let mut cluster = Cluster::start(Config::of(validators), 3);
        cluster.run(ms(500));
        let before = cluster.count(Kind::RecoveryMessage, 1);
        let body = Body::RecoveryRequest { timestamp: 77 };
        let request = cluster.signed(2, cluster.content(2, 1, 0, body));
        for _ in 0..2 {
            for to in (0..validators).filter(|to| *to != 2) {
                cluster.inject(2, to, request.clone());
            }
            cluster.run(ms(200));
        }
        let sent = cluster.count(Kind::RecoveryMessage, 1) - before;
        assert_eq!(sent, (validators - 1) / 3 + 1, "once, by the next f + 1");
    }
}

#[test]
fn everybody_that_has_committed_answers_and_repeats() {
    let mut cluster = Cluster::start(Config::of(4), 4);
    cluster.filter = Some(Box::new(|_, to, message| {
        !matches!(message.kind(), Kind::Commit | Kind::RecoveryMessage) && to != 3
    }));
    cluster.until(ms(3_000), "three Commits", |cluster| {
        cluster.count(Kind::Commit, 1) == 3
    });
    let began = cluster.now;
    cluster.run(ms(9_200));
    for node in 0..3 {
        let repeats = cluster.sent_by(node, Kind::RecoveryMessage);
        let repeats: Vec<_> = repeats.iter().map(|sent| sent.at).collect();
        let later: Vec<_> = repeats.iter().filter(|at| **at > began).collect();
        // T after the Commit, then every 2 T; more where node 3 asked for another view.
        assert!(later.len() >= 5, "{later:?}");
    }
    cluster.filter = None;
    cluster.until_all_stored(1, ms(2_500));
}

#[test]
fn a_validator_that_is_behind_fetches_blocks() {
    let mut cluster = Cluster::start(Config::of(4), 5);
    cluster.until_all_stored(2, ms(3_000));
    cluster.crash(3);
    cluster.run(ms(9_000));
    let ahead = cluster.stored(0);
    assert!(ahead > 4);
    cluster.restart(3);
    cluster.until_stored(&[3], ahead, ms(4_500));
    let stored = cluster.stored(0);
    cluster.until_all_stored(stored + 4, ms(9_000));
}

#[test]
fn blocks_that_nobody_relays_are_asked_for() {
    let config = Config {
        relays: false,
        ..Config::of(4)
    };
    let mut cluster = Cluster::start(config, 6);
    // Node 3 loses a Commit now and then, and must ask those whose messages show that they have the block.
    let mut count = 0;
    cluster.filter = Some(Box::new(move |_, to, message| {
        let commits = matches!(message.kind(), Kind::Commit | Kind::RecoveryMessage);
        count += u32::from(to == 3 && commits);
        !(to == 3 && commits && count % 4 != 0)
    }));
    cluster.until_all_stored(12, ms(40_000));
    assert!(cluster.fetches > 5, "{}", cluster.fetches);
}

#[test]
fn of_more_commits_than_needed_the_first_m_make_the_witness() {
    let config = Config {
        relays: false,
        ..Config::of(7)
    };
    let mut cluster = Cluster::start(config, 7);
    cluster.filter = Some(Box::new(|_, to, message| {
        !(to == 6 && message.kind() == Kind::PrepareRequest)
    }));
    cluster.until_stored(&[0, 1, 2, 3, 4, 5], 1, ms(2_000));
    cluster.run(ms(15));
    assert_eq!(cluster.stored(6), 0);
    let request = cluster.sent_by(1, Kind::PrepareRequest)[0].message.clone();
    cluster.inject(1, 6, request);
    // Its witness is looked at when it is stored.
    cluster.until_stored(&[6], 1, ms(5));
}
