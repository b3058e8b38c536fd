//! Lost and copied vote logs (protocol section 5, rule 8).

use super::{Cluster, Config, ms};
use crate::engine::{Engine, Notice, Recipient};
use crate::v3::context::MessageKind;
use crate::v3::{Payload, Record};
use crate::vote_log::MemoryMedium;

fn voting(cluster: &Cluster, node: usize) -> bool {
    cluster.nodes[node]
        .engine
        .as_ref()
        .is_some_and(|engine| engine.status().voting)
}

fn lose_log(cluster: &mut Cluster, node: usize, wipe: bool) {
    cluster.crash(node);
    cluster.nodes[node].medium = MemoryMedium::default();
    if wipe {
        cluster.nodes[node].ledger.wipe();
    }
}

#[test]
fn a_lost_vote_log_means_silence_until_new_blocks_are_stored() {
    for wipe in [false, true] {
        let mut cluster = Cluster::start(Config::of(4), 4);
        cluster.until_all_stored(4, ms(6000));
        lose_log(&mut cluster, 3, wipe);
        let reported = (0..3).map(|node| cluster.stored(node)).max().unwrap();
        let from = cluster.sent.len();
        cluster.restart(3);
        assert!(!voting(&cluster, 3));
        cluster.until(ms(20_000), "node 3 votes again", |cluster| {
            voting(cluster, 3)
        });
        assert!(cluster.stored(3) >= reported + 3);
        cluster.until_all_stored(reported + 8, ms(14_000));
        let votes: Vec<_> = cluster.sent[from..]
            .iter()
            .filter(|sent| sent.from == 3 && super::run::binds(&sent.message))
            .map(|sent| sent.message.height.0)
            .collect();
        assert!(
            votes.iter().all(|height| *height > reported + 3),
            "{votes:?}"
        );
        assert!(!votes.is_empty());
        assert!(
            cluster.nodes[3]
                .records()
                .iter()
                .any(|r| matches!(r, Record::Resumed { .. }))
        );
    }
}

#[test]
fn a_vote_two_heights_above_the_reported_one_is_not_contradicted() {
    // Everybody has stored height 1 and decided height 2. Node 0 alone gets the commits of height 2
    // and the PreCommits of height 3, so it proposes height 4. Then its disk is gone. Two blocks above
    // the reported height 1 would let it propose height 4 again (protocol section 5, rule 8).
    let config = Config {
        block_time: ms(0),
        ..Config::of(4)
    };
    let mut cluster = Cluster::start(config, 5);
    cluster.filter = Some(Box::new(|_, to, message| {
        let height = message.height.0;
        to == 0
            || match message.kind() {
                MessageKind::Commit => height < 2,
                MessageKind::PreCommit => height < 3,
                MessageKind::RecoveryMessage => false,
                _ => height < 4,
            }
    }));
    cluster.until(ms(5000), "node 0 proposes height 4", |cluster| {
        cluster.sent.iter().any(|sent| {
            let kind = sent.message.kind();
            sent.from == 0 && sent.message.height.0 == 4 && kind == MessageKind::Proposal
        })
    });
    assert!((1..4).all(|node| cluster.stored(node) == 1));
    lose_log(&mut cluster, 0, true);
    cluster.boot(0);
    cluster.until(ms(3000), "the reports", |cluster| {
        cluster.noticed(|notice| matches!(notice, Notice::Silent { until: Some(_) })) > 0
    });
    // It learns of blocks 2 and 3 by synchronisation alone, while height 4 waits for its proposal.
    cluster.filter = Some(Box::new(|_, to, message| match &message.payload {
        Payload::RecoveryMessage(answer) => to != 0 || answer.decision.is_none(),
        _ => to != 0,
    }));
    cluster.run(ms(900));
    cluster.filter = None;
    // The oracle fails the test when node 0 signs another vote of height 4.
    cluster.until_all_stored(8, ms(20_000));
    cluster.until(ms(5000), "node 0 votes again", |cluster| voting(cluster, 0));
}

#[test]
fn a_log_that_is_damaged_again_means_silence_again() {
    let mut cluster = Cluster::start(Config::of(4), 11);
    cluster.until_all_stored(2, ms(4000));
    lose_log(&mut cluster, 3, false);
    cluster.restart(3);
    cluster.until(ms(20_000), "node 3 votes again", |cluster| {
        voting(cluster, 3)
    });
    cluster.crash(3);
    cluster.restart(3);
    assert!(voting(&cluster, 3), "the loss is over");
    cluster.run(ms(3000));
    cluster.crash(3);
    let medium = &mut cluster.nodes[3].medium;
    let last = *crate::vote_log::LogMedium::segments(medium)
        .unwrap()
        .last()
        .unwrap();
    let middle = medium.length(last) / 2;
    medium.corrupt(last, middle);
    cluster.restart(3);
    assert!(!voting(&cluster, 3), "damaged again");
    cluster.until(ms(20_000), "node 3 votes once more", |cluster| {
        voting(cluster, 3)
    });
}

#[test]
fn silence_survives_a_restart() {
    let mut cluster = Cluster::start(Config::of(4), 6);
    cluster.until_all_stored(2, ms(4000));
    lose_log(&mut cluster, 3, false);
    cluster.restart(3);
    cluster.run(ms(100));
    cluster.crash(3);
    cluster.restart(3);
    assert!(
        !voting(&cluster, 3),
        "a second start does not give the voice back"
    );
    cluster.until(ms(20_000), "node 3 votes again", |cluster| {
        voting(cluster, 3)
    });
}

#[test]
fn two_lost_logs_of_four_are_a_case_for_the_operator() {
    let mut cluster = Cluster::start(Config::of(4), 7);
    cluster.until_all_stored(2, ms(4000));
    for node in [2, 3] {
        lose_log(&mut cluster, node, false);
    }
    [2, 3].into_iter().for_each(|node| cluster.restart(node));
    cluster.run(ms(20_000));
    assert!(!voting(&cluster, 2) && !voting(&cluster, 3));
    assert!((0..4).all(|node| cluster.stored(node) <= 3));
}

#[test]
fn an_old_copy_of_the_vote_log_is_noticed_by_its_mark() {
    let mut cluster = Cluster::start(Config::of(4), 8);
    cluster.until_all_stored(2, ms(4000));
    cluster.crash(3);
    let copy = cluster.nodes[3].medium.copy();
    cluster.nodes[3].medium = copy;
    cluster.restart(3);
    assert!(!voting(&cluster, 3));
}

#[test]
fn an_old_copy_of_the_vote_log_is_noticed_by_the_votes_that_others_hold() {
    // The medium cannot tell (no inode), the log is of before the vote: others show the vote.
    for kind in [
        MessageKind::Prepare,
        MessageKind::PreCommit,
        MessageKind::ChangeView,
    ] {
        let mut cluster = Cluster::start(Config::of(4), 9);
        cluster.until_all_stored(1, ms(2000));
        let old = cluster.nodes[3].log.as_ref().unwrap().medium().clone();
        // Nobody comes further than that kind of vote.
        cluster.filter = Some(Box::new(move |from, _, message| match kind {
            MessageKind::Prepare => from == 3 || message.kind() != MessageKind::Prepare,
            MessageKind::PreCommit => from == 3 || message.kind() != MessageKind::PreCommit,
            _ => match &message.payload {
                Payload::RecoveryMessage(recovery) => recovery
                    .messages
                    .iter()
                    .all(|m| m.kind() != MessageKind::Proposal),
                Payload::ChangeView(_) => from == 3,
                _ => message.kind() != MessageKind::Proposal,
            },
        }));
        cluster.until(ms(4000), "the vote", |cluster| {
            cluster.sent.iter().any(|sent| {
                sent.from == 3 && sent.message.height.0 == 2 && sent.message.kind() == kind
            })
        });
        cluster.run(ms(15));
        cluster.crash(3);
        cluster.nodes[3].medium = old;
        cluster.restart(3);
        cluster.until(ms(400), "node 3 notices", |cluster| !voting(cluster, 3));
        cluster.filter = None;
        cluster.run(ms(20_000));
        assert!(cluster.stored(0) > 4, "{kind:?}");
    }
}

#[test]
fn two_nodes_with_one_key_silence_each_other() {
    // Node 4 runs with the key of node 3, as after a careless fail-over.
    let mut cluster = Cluster::asleep(
        Config {
            observers: 1,
            ..Config::of(4)
        },
        10,
    );
    cluster.oracle.byzantine.extend([3, 4]);
    cluster.nodes[4].key = cluster.nodes[3].key.clone();
    cluster.nodes[4].votes = true;
    let medium = crate::vote_log::VoteLog::initialise(
        MemoryMedium::default(),
        super::node::identity(&cluster.nodes[3].key),
    );
    cluster.nodes[4].medium = medium.unwrap().into_medium();
    (0..5).for_each(|node| cluster.boot(node));
    cluster.until(ms(20_000), "one of them notices", |cluster| {
        cluster
            .notices
            .iter()
            .any(|(_, node, notice)| *node >= 3 && matches!(notice, Notice::Silent { .. }))
    });
    cluster.until_stored(&[0, 1, 2], 10, ms(20_000));
}

#[test]
fn a_liar_among_the_reports_does_not_silence_for_ever() {
    let mut cluster = Cluster::start(Config::of(7), 16);
    cluster.until_all_stored(2, ms(4000));
    cluster.crash(6);
    cluster.oracle.byzantine.insert(6);
    lose_log(&mut cluster, 3, false);
    cluster.boot(3);
    // The answer of node 6 is the first to arrive.
    let lied = std::rc::Rc::new(std::cell::Cell::new(false));
    for _ in 0..200 {
        cluster.run(ms(10));
        let asked = cluster
            .sent
            .iter()
            .rev()
            .find_map(|sent| match &sent.message.payload {
                Payload::RecoveryRequest(request) if sent.from == 3 && request.nonce != 0 => {
                    Some((sent.message.height.0, request.nonce))
                }
                _ => None,
            });
        if let (Some((height, nonce)), false) = (asked, lied.get()) {
            lied.set(true);
            let answer = crate::v3::message::RecoveryMessage {
                nonce,
                stored: neo_primitives::Height(u32::MAX),
                view_change: None,
                prepared: None,
                decision: None,
                messages: vec![],
            };
            let payload = Payload::RecoveryMessage(std::sync::Arc::new(answer));
            let message = cluster.forge(6, height, 0, payload);
            let to = Recipient::One(cluster.nodes[3].key.clone());
            cluster.send(6, to, message, false);
        }
    }
    assert!(lied.get());
    cluster.until(ms(25_000), "node 3 votes again", |cluster| {
        voting(cluster, 3)
    });
}

#[test]
fn heights_opened_in_silence_stay_silent_after_a_restart() {
    for wipe in [false, true] {
        let mut cluster = Cluster::start(Config::of(4), 21);
        cluster.until_all_stored(4, ms(6000));
        lose_log(&mut cluster, 3, false);
        cluster.restart(3);
        cluster.until(ms(20_000), "node 3 votes again", |cluster| {
            voting(cluster, 3)
        });
        let resumed = cluster.nodes[3].records().iter().find_map(|r| match r {
            Record::Resumed { from } => Some(from.0),
            _ => None,
        });
        let from = resumed.expect("the mark of the end of the silence");
        cluster.crash(3);
        if wipe {
            cluster.nodes[3].ledger.wipe();
        }
        // What it signed before its log was lost is lost here, too: only the heights tell.
        let sent = cluster.sent.len();
        cluster.restart(3);
        cluster.until_all_stored(from + 4, ms(20_000));
        let votes: Vec<_> = cluster.sent[sent..]
            .iter()
            .filter(|sent| sent.from == 3 && super::run::binds(&sent.message))
            .map(|sent| sent.message.height.0)
            .collect();
        assert!(!votes.is_empty());
        assert!(
            votes.iter().all(|height| *height >= from),
            "{votes:?} {from}"
        );
    }
}

#[test]
fn a_silence_ends_with_reports_of_those_who_are_in_office_then() {
    let config = Config {
        sets: vec![(0, vec![0, 1, 2, 3]), (4, vec![3, 4, 5, 6])],
        ..Config::of(7)
    };
    let mut cluster = Cluster::start(config, 13);
    cluster.until_all_stored(2, ms(6000));
    lose_log(&mut cluster, 3, false);
    let from = cluster.notices.len();
    cluster.restart(3);
    cluster.until(ms(20_000), "node 3 votes again", |cluster| {
        voting(cluster, 3)
    });
    let of_node = cluster.notices[from..].iter();
    let told: Vec<_> = of_node
        .filter(|(_, node, _)| *node == 3)
        .filter_map(|(_, _, notice)| match notice {
            Notice::Silent { until } => Some(until.is_some()),
            _ => None,
        })
        .collect();
    // The first reports are void at the election.
    assert!(
        told.windows(3).any(|three| three == [true, false, true]),
        "{told:?}"
    );
    cluster.until_all_stored(10, ms(20_000));
}

#[test]
fn who_is_elected_without_a_vote_log_votes_once_others_in_office_have_reported() {
    let config = Config {
        sets: vec![(0, vec![0, 1, 2, 3]), (4, vec![1, 2, 3, 4])],
        ..Config::of(5)
    };
    let mut cluster = Cluster::start(config, 14);
    lose_log(&mut cluster, 4, false);
    cluster.restart(4);
    cluster.until_all_stored(3, ms(9000));
    assert!(!voting(&cluster, 4), "nobody answers one out of office");
    cluster.until(ms(20_000), "node 4 votes", |cluster| voting(cluster, 4));
    assert!(cluster.stored(4) < 12, "{}", cluster.stored(4));
}
