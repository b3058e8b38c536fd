//! What one validator may say without being believed.

use neo_primitives::{Encode, Signature, UInt256, ValidatorIndex};

use super::{Cluster, Config, ms};
use crate::v2::content::{Body, ChangeView, Kind, PrepareRequest, Reason};
use crate::v2::message::Message;
use crate::v2::recovery::{
    ChangeViewCompact, CommitCompact, InnerRequest, Preparation, PreparationCompact,
    RecoveryMessage,
};

/// A script as if a validator had signed; it has not.
fn forged() -> Vec<u8> {
    let mut script = vec![0x0c, 0x40];
    script.extend([7; 64]);
    script
}

fn quiet(validators: usize) -> Cluster {
    let mut cluster = Cluster::start(Config::of(validators), 1);
    cluster.run(ms(100));
    cluster.byzantine.insert(3);
    cluster
}

#[test]
fn forged_parts_of_a_recovery_message_count_for_nothing() {
    let mut cluster = quiet(4);
    let request = PrepareRequest {
        version: 0,
        prev_hash: cluster.nodes[0].ledger.tip().hash(),
        timestamp: 1_700_000_000_500,
        nonce: 1,
        hashes: vec![],
    };
    let all = || (0..4).map(ValidatorIndex);
    let recovery = RecoveryMessage {
        change_views: all()
            .map(|validator| ChangeViewCompact {
                validator,
                view: 0,
                timestamp: 5,
                invocation: forged(),
            })
            .collect(),
        preparation: Preparation::Request(InnerRequest {
            height: neo_primitives::Height(1),
            validator: ValidatorIndex(1),
            view: 0,
            request,
        }),
        preparations: all()
            .map(|validator| PreparationCompact {
                validator,
                invocation: forged(),
            })
            .collect(),
        commits: all()
            .map(|validator| CommitCompact {
                view: 0,
                validator,
                signature: Signature([7; 64]),
                invocation: forged(),
            })
            .collect(),
    };
    for view in [0, 1] {
        let body = Body::RecoveryMessage(recovery.clone());
        let message = cluster.signed(3, cluster.content(3, 1, view, body));
        cluster.inject(3, 0, message);
    }
    cluster.run(ms(50));
    let status = crate::engine::Engine::status(cluster.nodes[0].engine.as_ref().unwrap());
    let open = &status.heights[0];
    assert_eq!((open.view.0, open.block), (0, None));
    for seen in &open.votes {
        assert!(
            !seen.prepare && !seen.commit && seen.change_view.is_none(),
            "{seen:?}"
        );
    }
    // Four ChangeViews, the request and four Commits, twice each; without the request no response is tried.
    assert_eq!(cluster.refused.len(), 18, "{:?}", cluster.refused);
    assert_eq!(cluster.count(Kind::PrepareResponse, 1), 0);
    cluster.until_all_stored(3, ms(4_000));
}

#[test]
fn indexes_beyond_the_set_and_repeated_ones_are_refused() {
    let mut cluster = quiet(4);
    let compact = |index: u8| PreparationCompact {
        validator: ValidatorIndex(index),
        invocation: forged(),
    };
    let commit = |index: u8| CommitCompact {
        view: 0,
        validator: ValidatorIndex(index),
        signature: Signature([1; 64]),
        invocation: forged(),
    };
    let recovery = RecoveryMessage {
        change_views: vec![],
        preparation: Preparation::Hash(UInt256::ZERO),
        preparations: vec![compact(4), compact(200), compact(0), compact(0)],
        commits: vec![commit(255), commit(2), commit(2)],
    };
    let body = Body::RecoveryMessage(recovery);
    let message = cluster.signed(3, cluster.content(3, 1, 0, body));
    cluster.inject(3, 2, message);
    let body = Body::RecoveryRequest { timestamp: 1 };
    let mut stranger = cluster.content(3, 1, 0, body);
    stranger.validator = ValidatorIndex(9);
    let stranger = cluster.signed(3, stranger);
    cluster.inject(3, 2, stranger);
    cluster.run(ms(10));
    let refused: Vec<_> = cluster
        .refused
        .iter()
        .map(|(_, problem)| problem.as_str())
        .collect();
    for expected in [
        "PrepareResponse names validator 4, there are 4",
        "PrepareResponse names validator 200, there are 4",
        "recovery message has two PrepareResponse of validator 0",
        "Commit names validator 255, there are 4",
        "recovery message has two Commit of validator 2",
        "RecoveryRequest names validator 9, there are 4",
    ] {
        assert!(refused.contains(&expected), "{expected}: {refused:?}");
    }
    cluster.until_all_stored(2, ms(3_000));
}

#[test]
fn nobody_speaks_for_another() {
    let mut cluster = quiet(4);
    let change = ChangeView {
        timestamp: 1,
        reason: Reason::Timeout,
        rejected: None,
    };
    for victim in 0..3 {
        // Signed by node 3, and naming another.
        let content = cluster.content(victim, 1, 0, Body::ChangeView(change.clone()));
        let message = cluster.signed(3, content);
        (0..3).for_each(|to| cluster.inject(3, to, message.clone()));
        // With the other's envelope, and a signature that is not its own.
        let content = cluster.content(victim, 1, 0, Body::ChangeView(change.clone()));
        let key = cluster.nodes[victim].key.clone();
        let message = Message::rebuilt(content, &key, forged());
        (0..3).for_each(|to| cluster.inject(3, to, message.clone()));
    }
    cluster.run(ms(50));
    assert!((0..3).all(|node| cluster.view(node) == 0));
    // Of what names the receiver itself, nothing is counted either.
    assert_eq!(cluster.refused.len(), 18);
}

#[test]
fn a_commit_that_signs_another_block_is_dropped_before_and_after_the_proposal() {
    for early in [true, false] {
        let mut cluster = quiet(4);
        cluster.crash(3);
        let body = Body::Commit {
            signature: Signature([9; 64]),
        };
        let commit = cluster.signed(3, cluster.content(3, 1, 0, body));
        if !early {
            cluster.until(ms(2_000), "a proposal", |cluster| {
                cluster.count(Kind::PrepareResponse, 1) > 0
            });
        }
        (0..3).for_each(|to| cluster.inject(3, to, commit.clone()));
        cluster.until_stored(&[0, 1, 2], 1, ms(3_000));
        let dropped = "Commit of validator 3 does not sign block";
        let refused = cluster.refused.iter();
        assert_eq!(
            refused
                .filter(|(_, problem)| problem.starts_with(dropped))
                .count(),
            3
        );
    }
}

#[test]
fn two_requests_of_one_primary_make_at_most_one_block() {
    for seed in 0..6 {
        let config = Config {
            latency: (1_000, 30_000),
            ..Config::of(4)
        };
        let mut cluster = Cluster::start(config, seed);
        cluster.byzantine.insert(1);
        cluster.filter = Some(Box::new(|from, to, message| {
            !(from == 1 && to >= 2 && message.kind() == Kind::PrepareRequest)
        }));
        cluster.until(ms(3_000), "a request", |cluster| {
            cluster.sent_by(1, Kind::PrepareRequest).len() == 1
        });
        let mut other = cluster.sent_by(1, Kind::PrepareRequest)[0]
            .message
            .content()
            .clone();
        if let Body::PrepareRequest(request) = &mut other.body {
            request.nonce ^= 1;
        }
        let other = cluster.signed(1, other);
        cluster.inject(1, 2, other.clone());
        cluster.inject(1, 3, other);
        cluster.filter = None;
        // dBFT 2.0 may stand still after that: who has prepared one block never takes the other.
        cluster.run(ms(60_000));
        let commits = [0, 2, 3].map(|node| cluster.commits.get(&(node, 1)).cloned());
        let committed = commits.iter().flatten().filter(|commit| commit.view() == 0);
        let preparations = [0, 2, 3].map(|node| {
            let of = cluster.sent_by(node, Kind::PrepareResponse);
            of.iter()
                .filter(|sent| sent.message.height().0 == 1 && sent.message.view() == 0)
                .count()
        });
        assert_eq!(preparations, [1; 3], "one each");
        assert!(committed.count() <= 2, "the third has prepared the other");
    }
}

#[test]
fn requests_that_do_not_fit_get_no_answer() {
    let mut cluster = quiet(4);
    cluster.byzantine.insert(1);
    cluster.crash(1);
    let tip = cluster.nodes[0].ledger.tip().hash();
    let good = PrepareRequest {
        version: 0,
        prev_hash: tip,
        timestamp: 1_700_000_001_100,
        nonce: 1,
        hashes: vec![],
    };
    let wrong = [
        PrepareRequest {
            version: 1,
            ..good.clone()
        },
        PrepareRequest {
            prev_hash: UInt256::ZERO,
            ..good.clone()
        },
        PrepareRequest {
            timestamp: 1_700_000_000_000,
            ..good.clone()
        },
        PrepareRequest {
            timestamp: 1_700_000_001_100 + 8_001,
            ..good.clone()
        },
        PrepareRequest {
            hashes: (0..101_u8).map(|at| UInt256::from_wire([at; 32])).collect(),
            ..good.clone()
        },
    ];
    for request in wrong {
        let body = Body::PrepareRequest(request);
        let message = cluster.signed(1, cluster.content(1, 1, 0, body));
        cluster.inject(1, 0, message);
    }
    // Good, but of no primary.
    let body = Body::PrepareRequest(good.clone());
    let message = cluster.signed(2, cluster.content(2, 1, 0, body));
    cluster.inject(2, 0, message);
    cluster.run(ms(20));
    assert!(cluster.sent_by(0, Kind::PrepareResponse).is_empty());
    let body = Body::PrepareRequest(good);
    let message = cluster.signed(1, cluster.content(1, 1, 0, body));
    cluster.inject(1, 0, message);
    cluster.run(ms(20));
    assert_eq!(cluster.sent_by(0, Kind::PrepareResponse).len(), 1);
}

#[test]
fn a_flood_of_requests_is_answered_slowly_and_held_in_bounds() {
    let mut cluster = quiet(4);
    let before = cluster.count(Kind::RecoveryMessage, 1);
    for timestamp in 0..500 {
        let body = Body::RecoveryRequest { timestamp };
        let request = cluster.signed(3, cluster.content(3, 1, 0, body));
        cluster.inject(3, 0, request);
        cluster.run(ms(1));
    }
    let answers = cluster.count(Kind::RecoveryMessage, 1) - before;
    assert!(answers <= 5, "{answers}");
}

#[test]
fn views_at_the_end_of_their_range_end_nothing() {
    let mut cluster = quiet(4);
    for view in [254, 255] {
        let change = ChangeView {
            timestamp: u64::from(view),
            reason: Reason::Timeout,
            rejected: None,
        };
        let body = Body::ChangeView(change);
        let message = cluster.signed(3, cluster.content(3, 1, view, body));
        (0..3).for_each(|to| cluster.inject(3, to, message.clone()));
    }
    cluster.until_all_stored(3, ms(5_000));
}

#[test]
fn messages_of_far_heights_take_no_room() {
    let mut cluster = quiet(4);
    let engine = cluster.nodes[0].engine.as_ref().unwrap();
    let before = crate::engine::Engine::footprint(engine);
    for height in 2..200 {
        let body = Body::RecoveryRequest { timestamp: 1 };
        let message = cluster.signed(3, cluster.content(3, height, 0, body));
        assert!(!message.to_bytes().is_empty());
        cluster.inject(3, 0, message);
    }
    cluster.run(ms(5));
    let engine = cluster.nodes[0].engine.as_ref().unwrap();
    assert!(crate::engine::Engine::footprint(engine) <= before + 2);
    cluster.until_all_stored(3, ms(5_000));
}
