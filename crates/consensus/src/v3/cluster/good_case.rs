//! Nothing fails: what is sent, and how long it takes.

use super::{Cluster, Config, ms};
use crate::engine::{Notice, Recipient};
use crate::v3::context::MessageKind;

fn sent_of(cluster: &Cluster, height: u32) -> Vec<(usize, MessageKind)> {
    let mut all = Vec::new();
    for sent in cluster
        .sent
        .iter()
        .filter(|sent| sent.message.height.0 == height)
    {
        assert!(!sent.again && sent.to == Recipient::All, "{sent:?}");
        all.push((sent.from, sent.message.kind()));
    }
    all.sort();
    all
}

/// What each validator sends at one height and nothing else.
fn exactly(validators: usize, leader: usize) -> Vec<(usize, MessageKind)> {
    let mut all = Vec::new();
    for node in 0..validators {
        let first = if node == leader {
            MessageKind::Proposal
        } else {
            MessageKind::Prepare
        };
        all.extend([
            (node, first),
            (node, MessageKind::PreCommit),
            (node, MessageKind::Commit),
        ]);
    }
    all.sort();
    all
}

fn runs_at_the_block_time(validators: usize) {
    let mut cluster = Cluster::start(Config::of(validators), 1);
    cluster.until_all_stored(10, ms(11_000));
    assert_eq!(cluster.view_changes(), 0);
    for height in 1..10 {
        let leader = height as usize % validators;
        assert_eq!(
            sent_of(&cluster, height),
            exactly(validators, leader),
            "height {height}"
        );
    }
    assert!(cluster.nodes.iter().all(|node| node.ledger.failures == 0));
    let filled = (1..=10).map(|height| {
        let block = cluster.nodes[0]
            .ledger
            .block_at(neo_primitives::Height(height))
            .unwrap();
        block.body.transactions.len()
    });
    assert!(filled.sum::<usize>() > 10, "blocks carry the transactions");
}

#[test]
fn one_validator_makes_a_block_a_second() {
    runs_at_the_block_time(1);
}

#[test]
fn four_validators_send_three_messages_each() {
    runs_at_the_block_time(4);
}

#[test]
fn seven_validators_send_three_messages_each() {
    runs_at_the_block_time(7);
}

#[test]
fn three_message_delays_decide_and_a_fourth_makes_the_witness() {
    for validators in [4, 7] {
        let mut cluster = Cluster::start(Config::of(validators), 2);
        cluster.until_all_stored(3, ms(4000));
        for height in 1..=3 {
            let proposal = cluster.sent.iter().find(|sent| {
                sent.message.kind() == MessageKind::Proposal && sent.message.height.0 == height
            });
            let began = proposal.unwrap().at;
            for (at, node, notice) in &cluster.notices {
                match notice {
                    Notice::Decided { height: of, .. } if of.0 == height => {
                        assert_eq!(*at - began, ms(30), "node {node} decides {height}");
                    }
                    Notice::Witnessed { height: of, .. } if of.0 == height => {
                        assert_eq!(*at - began, ms(40), "node {node} witnesses {height}");
                    }
                    _ => {}
                }
            }
        }
    }
}

#[test]
fn consensus_time_is_inside_the_interval() {
    let config = Config {
        latency: (30_000, 60_000),
        ..Config::of(4)
    };
    let mut cluster = Cluster::start(config, 3);
    cluster.until_all_stored(11, ms(12_000));
    let proposals: Vec<_> = cluster
        .sent
        .iter()
        .filter(|sent| sent.message.kind() == MessageKind::Proposal)
        .map(|sent| sent.at)
        .collect();
    for pair in proposals.windows(2) {
        let interval = pair[1] - pair[0];
        assert!((ms(930)..=ms(1070)).contains(&interval), "{interval:?}");
    }
}

#[test]
fn the_next_height_runs_while_a_block_is_on_its_way_to_storage() {
    // Storing takes longer than deciding: without two open heights a block would take 110 ms.
    let config = Config {
        block_time: ms(0),
        ledger: (2_000, 2_000),
        latency: (5_000, 5_000),
        ..Config::of(4)
    };
    let mut cluster = Cluster::start(config, 4);
    let mut both = 0;
    while cluster.stored(0) < 30 && cluster.step_before(ms(10_000)) {
        use crate::engine::Engine;
        let status = cluster.nodes[0].engine.as_ref().unwrap().status();
        assert!(status.heights.len() <= 2);
        both += usize::from(status.heights.len() == 2);
    }
    assert!(cluster.stored(0) >= 30);
    assert!(both > 0, "two heights are open at times");
    assert_eq!(cluster.view_changes(), 0);
    for height in 2..28 {
        assert_eq!(
            sent_of(&cluster, height),
            exactly(4, height as usize % 4),
            "height {height}"
        );
    }
}

#[test]
fn a_ledger_that_cannot_execute_ahead_starts_the_next_height_at_storage() {
    for block_time in [ms(0), ms(1000)] {
        let config = Config {
            executes_ahead: false,
            block_time,
            ..Config::of(4)
        };
        let mut cluster = Cluster::start(config, 5);
        cluster.until_all_stored(8, ms(9000));
        assert_eq!(cluster.view_changes(), 0);
        assert!(cluster.nodes.iter().all(|node| node.ledger.failures == 0));
        for height in 1..8 {
            assert_eq!(sent_of(&cluster, height), exactly(4, height as usize % 4));
        }
    }
}

#[test]
fn an_observer_follows_and_says_nothing() {
    let config = Config {
        observers: 1,
        ..Config::of(4)
    };
    let mut cluster = Cluster::start(config, 6);
    cluster.until_all_stored(5, ms(7000));
    assert_eq!(cluster.sent.iter().filter(|sent| sent.from == 4).count(), 0);
    assert_eq!(cluster.block(4, 5), cluster.block(0, 5));
}

#[test]
fn no_message_is_lost_on_reordering_and_duplication() {
    let config = Config {
        latency: (1_000, 60_000),
        verify: (0, 5_000),
        ledger: (0, 3_000),
        duplicate: 200,
        ..Config::of(7)
    };
    let mut cluster = Cluster::start(config, 7);
    cluster.until_all_stored(10, ms(12_000));
    assert_eq!(cluster.view_changes(), 0);
}

#[test]
fn the_next_leader_builds_at_the_prepared_certificate_and_proposes_at_the_decision() {
    let config = Config {
        block_time: ms(0),
        ledger: (4_000, 4_000),
        ..Config::of(4)
    };
    let mut cluster = Cluster::start(config, 8);
    cluster.until_all_stored(12, ms(2000));
    for height in 3..10 {
        let leader = height as usize % 4;
        let parent = cluster.block(0, height - 1);
        let decided = cluster
            .notices
            .iter()
            .find_map(|(at, node, notice)| match notice {
                Notice::Decided { height: of, .. } if of.0 == height - 1 && *node == leader => {
                    Some(*at)
                }
                _ => None,
            });
        let asked: Vec<_> = cluster
            .builds
            .iter()
            .filter(|(_, _, on)| *on == parent)
            .collect();
        assert_eq!(asked.len(), 1, "one block is asked for");
        assert_eq!(asked[0].1, leader);
        assert!(asked[0].0 + ms(5) < decided.unwrap(), "before the decision");
        let proposed = cluster.sent.iter().find(|sent| {
            sent.message.height.0 == height && sent.message.kind() == MessageKind::Proposal
        });
        // The ledger takes 4 ms to promote the parent and open the height.
        assert_eq!(proposed.unwrap().at - decided.unwrap(), ms(4));
    }
}

#[test]
fn with_time_left_the_next_leader_builds_when_its_block_is_due() {
    let mut cluster = Cluster::start(Config::of(4), 9);
    cluster.until_all_stored(5, ms(7000));
    for height in 2..5 {
        let parent = cluster.block(0, height - 1);
        let asked: Vec<_> = cluster
            .builds
            .iter()
            .filter(|(_, _, on)| *on == parent)
            .collect();
        let proposed = cluster.sent.iter().find(|sent| {
            sent.message.height.0 == height && sent.message.kind() == MessageKind::Proposal
        });
        assert_eq!(asked.len(), 1);
        assert_eq!(
            asked[0].0,
            proposed.unwrap().at,
            "with the newest transactions"
        );
    }
}

#[test]
fn a_proposal_is_checked_before_its_parent_is_decided_and_voted_on_after() {
    // Checking signatures takes longer for the many of a decision's votes than for a proposal's way.
    let config = Config {
        block_time: ms(0),
        latency: (2_000, 30_000),
        verify: (0, 10_000),
        ledger: (1_000, 1_000),
        ..Config::of(7)
    };
    let mut cluster = Cluster::start(config, 10);
    cluster.until_all_stored(20, ms(6_000));
    let decided = |node: usize, height: u32| {
        let of = cluster
            .notices
            .iter()
            .find_map(|(at, who, notice)| match notice {
                Notice::Decided { height: of, .. } if of.0 == height && *who == node => Some(*at),
                _ => None,
            });
        of.expect("decided")
    };
    let mut ahead = 0;
    for (at, node, height) in &cluster.checks {
        if (2..20).contains(height) && *at < decided(*node, height - 1) {
            ahead += 1;
        }
    }
    assert!(ahead > 0, "nothing was checked ahead");
    for sent in &cluster.sent {
        let height = sent.message.height.0;
        if (2..20).contains(&height) && sent.message.kind() == MessageKind::Prepare {
            assert!(sent.at >= decided(sent.from, height - 1));
        }
    }
    assert_eq!(cluster.view_changes(), 0);
}
