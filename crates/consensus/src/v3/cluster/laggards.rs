//! Nodes that are behind.

use super::{Cluster, Config, ms};
use crate::engine::{Engine, Event, LedgerAction, Notice, Now, Recipient};
use crate::v3::Message;
use crate::v3::context::MessageKind;
use crate::v3::message::Payload;

#[test]
fn the_next_proposal_brings_the_decision() {
    // Node 3 never sees a PreCommit, a Commit or an answer of height 1.
    let config = Config {
        block_time: ms(100),
        ..Config::of(4)
    };
    let mut cluster = Cluster::start(config, 1);
    cluster.filter = Some(Box::new(|_, to, message| {
        !(to == 3
            && message.height.0 == 1
            && matches!(
                message.kind(),
                MessageKind::PreCommit | MessageKind::Commit | MessageKind::RecoveryMessage
            ))
    }));
    cluster.until(ms(1000), "node 3 decides height 1", |cluster| {
        cluster.notices.iter().any(|(_, node, notice)| {
            *node == 3 && matches!(notice, Notice::Decided { height, .. } if height.0 == 1)
        })
    });
    let first = cluster
        .sent
        .iter()
        .find(|sent| sent.message.height.0 == 2 && sent.message.kind() == MessageKind::Proposal);
    let Payload::Proposal(proposal) = &first.unwrap().message.payload else {
        panic!()
    };
    assert!(proposal.parent.is_some());
    cluster.filter = None;
    cluster.until_all_stored(5, ms(2500));
}

#[test]
fn a_node_many_blocks_behind_catches_up() {
    for executes_ahead in [true, false] {
        let config = Config {
            executes_ahead,
            ..Config::of(4)
        };
        let mut cluster = Cluster::start(config, 2);
        cluster.until_all_stored(1, ms(2000));
        cluster.links.partition(&[&[3], &[0, 1, 2]]);
        cluster.until_stored(&[0, 1, 2], 45, ms(80_000));
        assert!(cluster.stored(3) <= 3);
        cluster.links.heal();
        cluster.until_all_stored(47, ms(5000));
        let before = cluster.view_changes();
        cluster.run(ms(5000));
        assert_eq!(
            cluster.view_changes(),
            before,
            "it votes with the others again"
        );
    }
}

#[test]
fn a_node_that_was_down_for_many_blocks_catches_up() {
    let mut cluster = Cluster::start(Config::of(4), 3);
    cluster.until_all_stored(1, ms(2000));
    cluster.crash(3);
    cluster.until_stored(&[0, 1, 2], 30, ms(60_000));
    cluster.restart(3);
    cluster.until_all_stored(32, ms(5000));
}

#[test]
fn a_laggard_that_everybody_needs_catches_up_before_the_timeout() {
    // Nodes 0, 1 and 2 decide two heights without node 3, then node 0 is gone: the others need node 3.
    let mut cluster = Cluster::start(Config::of(4), 4);
    cluster.until_all_stored(1, ms(2000));
    cluster.links.partition(&[&[3], &[0, 1, 2]]);
    cluster.until_stored(&[0, 1, 2], 3, ms(4000));
    cluster.crash(0);
    cluster.links.heal();
    cluster.until_stored(&[1, 2, 3], 5, ms(6000));
}

#[test]
fn who_votes_at_a_decided_height_gets_the_decision() {
    // Node 3 gets no PreCommits, nobody gets Commits, and nobody is heard asking.
    let mut cluster = Cluster::start(Config::of(4), 5);
    cluster.filter = Some(Box::new(|_, to, message| match message.kind() {
        MessageKind::PreCommit => to != 3,
        MessageKind::Commit | MessageKind::RecoveryRequest => false,
        _ => true,
    }));
    cluster.run(ms(1100));
    let vote = cluster
        .sent
        .iter()
        .find(|sent| sent.from == 3 && sent.message.kind() == MessageKind::PreCommit)
        .map(|sent| sent.message.clone());
    cluster.send(3, Recipient::All, vote.expect("a PreCommit"), true);
    cluster.until(ms(350), "node 3 decides", |cluster| {
        cluster
            .notices
            .iter()
            .any(|(_, node, notice)| *node == 3 && matches!(notice, Notice::Decided { .. }))
    });
    cluster.filter = None;
    cluster.until_all_stored(3, ms(5000));
    assert_eq!(cluster.view_changes(), 0);
}

#[test]
fn what_comes_while_no_height_is_open_costs_nobody_an_answer() {
    let mut cluster = Cluster::start(Config::of(4), 6);
    cluster.until_all_stored(2, ms(6_000));
    // Node 1 has just started: height 1 is stored, and it is not told of the next height yet.
    let timers = cluster.config.timers;
    cluster.crash(1);
    cluster.nodes[1].boot(timers);
    let node = &mut cluster.nodes[1];
    let parent = node.ledger.tip().hash();
    let opened = node.ledger.request(LedgerAction::Open { parent });
    let mut engine = node.engine.take().expect("it was started");
    let mut step = |at: u64, event| {
        let now = Now {
            monotonic: ms(10_000 + at),
            wall_ms: 1_700_000_010_000,
            entropy: 0,
        };
        engine.step(now, event).send
    };
    step(0, Event::Start);
    let key = cluster.nodes[0].key.clone();
    let brings = |message: &Message| Event::Received {
        from: key.clone(),
        message: message.clone(),
    };
    let [own, of_another] = [0, 2].map(|node| cluster.forge_change_view(node, 1, 1));
    assert_eq!(step(1, brings(&of_another)), []);
    assert_eq!(step(2, brings(&own)), []);
    step(3, Event::Ledger(opened.expect("the tip is known")));
    let sent = step(4, brings(&own));
    let answers = |(to, draft): &(Recipient, crate::v3::Draft)| {
        matches!(draft.unsigned().payload, Payload::RecoveryMessage(_))
            && *to == Recipient::One(key.clone())
    };
    assert!(sent.iter().any(answers), "{sent:?}");
    // That took its turn.
    assert_eq!(step(5, brings(&own)), []);
}

#[test]
fn the_next_validators_take_over_at_their_height() {
    // From height 4 on nodes 3 to 6 vote instead of nodes 0 to 3, from height 8 on all seven.
    let config = Config {
        sets: vec![
            (0, vec![0, 1, 2, 3]),
            (4, vec![3, 4, 5, 6]),
            (8, (0..7).collect()),
        ],
        ..Config::of(7)
    };
    for executes_ahead in [true, false] {
        let config = Config {
            executes_ahead,
            ..config.clone()
        };
        let mut cluster = Cluster::start(config, 6);
        cluster.until_all_stored(11, ms(16_000));
        assert_eq!(cluster.view_changes(), 0);
        for height in 4..8 {
            let voters = cluster.sent.iter().filter(|sent| {
                sent.message.height.0 == height && sent.message.kind() == MessageKind::PreCommit
            });
            assert!(voters.clone().count() >= 3);
            assert!(voters.clone().all(|sent| sent.from >= 3));
        }
    }
}

#[test]
fn a_new_validator_that_missed_the_last_block_gets_it_with_the_first_proposal() {
    let config = Config {
        sets: vec![(0, vec![0, 1, 2, 3]), (3, vec![1, 2, 3, 4])],
        ..Config::of(5)
    };
    let mut cluster = Cluster::start(config, 7);
    // Node 4 hears nothing of the heights that it does not vote on.
    cluster.filter = Some(Box::new(|_, to, message| to != 4 || message.height.0 >= 3));
    cluster.crash(3);
    cluster.until_stored(&[1, 2, 4], 5, ms(14_000));
}

#[test]
fn one_who_is_behind_an_election_is_answered_by_those_who_voted_there() {
    // Nodes 1 and 2 stay and have other places afterwards, node 0 leaves. Node 3 is behind, and asks for what it missed.
    let config = Config {
        sets: vec![(0, vec![0, 1, 2, 3]), (3, vec![1, 2, 3, 4])],
        ..Config::of(5)
    };
    for executes_ahead in [true, false] {
        let config = Config {
            executes_ahead,
            ..config.clone()
        };
        let mut cluster = Cluster::start(config, 9);
        cluster.until_all_stored(1, ms(3000));
        cluster.links.partition(&[&[3], &[0, 1, 2, 4]]);
        cluster.until_stored(&[1, 2, 4], 4, ms(14_000));
        assert_eq!(cluster.stored(3), 1);
        let from = cluster.sent.len();
        cluster.links.heal();
        cluster.until(ms(5000), "all who voted there answer", |cluster| {
            let answers = cluster.sent[from..].iter().filter(|sent| {
                let answer = sent.message.kind() == MessageKind::RecoveryMessage;
                answer && sent.message.height.0 == 2
            });
            let who: std::collections::BTreeSet<_> = answers.map(|sent| sent.from).collect();
            who == [0, 1, 2].into()
        });
        cluster.until_all_stored(6, ms(14_000));
    }
}

#[test]
fn a_flood_of_far_heights_only_tells_that_a_node_is_behind() {
    let mut cluster = Cluster::start(Config::of(4), 8);
    cluster.until_all_stored(1, ms(2000));
    let mut message = cluster.forge(3, 1, 0, Payload::Suspect);
    for height in [1000, u32::MAX, 50, 10_000] {
        message.height = neo_primitives::Height(height);
        cluster.send(3, Recipient::All, message.clone(), false);
    }
    cluster.until_all_stored(3, ms(3000));
    assert_eq!(cluster.view_changes(), 0);
}
