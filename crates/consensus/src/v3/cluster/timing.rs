//! When blocks are proposed, how long views last, and what an empty pool changes.

use std::time::Duration;

use super::{Cluster, Config, ms};
use crate::engine::{Connectivity, Engine, Notice};
use crate::v3::context::MessageKind;
use crate::v3::timing::TimerSettings;

impl Cluster {
    pub(super) fn base(&self, node: usize) -> Duration {
        let engine = self.nodes[node].engine.as_ref().expect("a running node");
        engine.status().base_timeout
    }

    /// The greatest distance between the proposals of consecutive blocks.
    pub(super) fn longest_interval(&self, heights: std::ops::Range<u32>) -> Duration {
        let intervals = heights.map(|height| {
            let before = self.proposed_at(height - 1);
            self.proposed_at(height).saturating_sub(before)
        });
        intervals.max().expect("heights")
    }

    /// The longest time from a proposal to a decision of a node since a moment.
    fn longest_decision(&self, since: Duration) -> Duration {
        let decided = self
            .notices
            .iter()
            .filter_map(|(at, _, notice)| match notice {
                Notice::Decided { height, .. } if *at > since => Some((*at, height.0)),
                _ => None,
            });
        let took = decided.filter_map(|(at, height)| {
            let proposal = self.sent.iter().find(|sent| {
                sent.message.height.0 == height && sent.message.kind() == MessageKind::Proposal
            });
            Some(at.saturating_sub(proposal?.at))
        });
        took.max().expect("a decision")
    }
}

/// A network whose timers may become short.
fn nimble(latency: (u64, u64)) -> Config {
    Config {
        latency,
        timers: TimerSettings {
            min_timeout: ms(20),
            ..TimerSettings::default()
        },
        ..Config::of(4)
    }
}

#[test]
fn the_timers_follow_a_network_that_becomes_slower_and_faster() {
    let mut cluster = Cluster::start(nimble((40_000, 50_000)), 1);
    cluster.until_all_stored(10, ms(20_000));
    for round in 0..4 {
        let factor = if round % 2 == 0 { 2 } else { 1 };
        cluster.config.latency = (40_000 * factor, 50_000 * factor);
        let (since, from) = (cluster.now, cluster.stored(0));
        cluster.until_all_stored(from + 15, ms(40_000));
        let took = cluster.longest_decision(since);
        for node in 0..4 {
            let base = cluster.base(node);
            assert!(base <= took * 4, "round {round}: {base:?} for {took:?}");
            assert!(base >= took * 2 / 3, "round {round}: {base:?} for {took:?}");
        }
    }
    assert_eq!(cluster.view_changes(), 0);
}

#[test]
fn a_restarted_validator_begins_with_the_configured_base() {
    let mut cluster = Cluster::start(nimble((5_000, 5_000)), 2);
    cluster.until_all_stored(5, ms(8_000));
    assert!(cluster.base(1) < ms(100), "{:?}", cluster.base(1));
    cluster.crash(1);
    cluster.restart(1);
    assert_eq!(cluster.base(1), ms(1000));
}

#[test]
fn what_was_only_fetched_teaches_the_timer_nothing() {
    let mut cluster = Cluster::start(nimble((30_000, 30_000)), 3);
    cluster.until_all_stored(8, ms(12_000));
    let before = cluster.base(0);
    cluster.links.partition(&[&[0], &[1, 2, 3]]);
    cluster.run(ms(30_000));
    let away = cluster.base(0);
    assert!(away >= before, "its own timers ran out");
    cluster.links.heal();
    let others = cluster.stored(1);
    cluster.until(ms(3_000), "node 0 fetched them", |cluster| {
        cluster.stored(0) >= others - 1
    });
    assert!(
        cluster.base(0) >= away,
        "{away:?}, then {:?}",
        cluster.base(0)
    );
}

#[test]
fn the_candidate_is_ready_when_it_is_due() {
    let config = Config {
        ledger: (4_000, 4_000),
        ..Config::of(4)
    };
    let mut cluster = Cluster::start(config, 4);
    cluster.until_all_stored(12, ms(16_000));
    // Every validator has led once and knows how long its ledger takes.
    for height in 8..12 {
        let seen = cluster.proposed_at(height - 1) + ms(10);
        let proposed = cluster.proposed_at(height);
        assert_eq!(proposed - seen, ms(1000), "height {height}");
        let parent = cluster.block(0, height - 1);
        let builds: Vec<_> = cluster.builds.iter().filter(|b| b.2 == parent).collect();
        assert_eq!(builds.len(), 1);
        let early = proposed - builds[0].0;
        assert!((ms(4)..=ms(10)).contains(&early), "{early:?} before");
    }
}

#[test]
fn a_far_leader_gets_the_time_that_its_proposal_needs() {
    for (round_trip, way) in [(0, 0), (300, 150), (5_000, 500)] {
        let config = Config {
            timers: TimerSettings {
                adaptive: false,
                ..TimerSettings::default()
            },
            ..Config::of(4)
        };
        let mut cluster = Cluster::start(config, 10);
        let round_trip = ms(round_trip);
        cluster.connectivity(2, Connectivity::Up { round_trip });
        for other in [0, 1, 3] {
            cluster.links.block(2, other);
        }
        cluster.until_stored(&[0, 1, 3], 1, ms(2_000));
        let due = cluster.proposed_at(1) + ms(1_000);
        cluster.run(ms(4_000));
        let asked = cluster.notices.iter().find_map(|(at, node, notice)| {
            let asked = matches!(notice, Notice::ViewChangeAsked { height, .. } if height.0 == 2);
            (asked && *node != 2).then_some(*at)
        });
        let took = asked.expect("the leader is left").saturating_sub(due);
        let limits = ms(1_000 + way)..ms(1_130 + way);
        assert!(limits.contains(&took), "{round_trip:?}: {took:?}");
    }
}

/// Empty blocks every five seconds, others every second.
fn quiet_network(seed: u64) -> Cluster {
    let config = Config {
        load: 0,
        timers: TimerSettings {
            max_block_time: ms(5_000),
            ..TimerSettings::default()
        },
        ..Config::of(4)
    };
    Cluster::start(config, seed)
}

#[test]
fn an_empty_pool_lets_the_leader_wait() {
    let mut cluster = quiet_network(5);
    cluster.until_all_stored(4, ms(21_000));
    assert_eq!(cluster.view_changes(), 0);
    for height in 2..=4 {
        let interval = cluster.proposed_at(height) - cluster.proposed_at(height - 1);
        assert!((ms(5_000)..ms(5_020)).contains(&interval), "{interval:?}");
    }
}

#[test]
fn a_transaction_wakes_the_leader() {
    // After T at once, before T at T.
    for (wait, due) in [(2_500, 2_500), (300, 1_000)] {
        let mut cluster = quiet_network(6);
        cluster.until_all_stored(2, ms(11_000));
        let before = cluster.proposed_at(2);
        let rest = (before + ms(wait)).saturating_sub(cluster.now);
        cluster.run(rest);
        let submitted = cluster.now;
        for node in 0..4 {
            let transaction = super::toys::transaction(900);
            cluster.pool(node, transaction);
        }
        cluster.until_all_stored(3, ms(1_100));
        let proposed = cluster.proposed_at(3);
        assert!(
            proposed >= submitted && proposed - before <= ms(due + 12),
            "{wait}: {:?}",
            proposed - before
        );
        let body = cluster.nodes[0].ledger.block_at(neo_primitives::Height(3));
        assert_eq!(body.unwrap().body.transactions.len(), 1);
        assert_eq!(cluster.view_changes(), 0);
    }
}

#[test]
fn a_leader_that_lets_transactions_wait_is_left() {
    let mut cluster = quiet_network(7);
    cluster.until_all_stored(2, ms(11_000));
    cluster.run(ms(2_000));
    // Everybody but the leader of height 3 hears of it.
    let submitted = cluster.now;
    for node in (0..4).filter(|node| *node != 3) {
        let transaction = super::toys::transaction(901);
        cluster.pool(node, transaction);
    }
    cluster.until_all_stored(3, ms(1_500));
    assert!(cluster.now - submitted < ms(1_500));
    assert!(cluster.view_changes() > 0);
}

#[test]
fn later_views_keep_the_pace() {
    // The leader of height 2 is dead and known to be: its block comes from another, and no sooner.
    let mut cluster = Cluster::start(Config::of(4), 8);
    cluster.connect();
    cluster.until_all_stored(1, ms(2_000));
    cluster.crash_visibly(2);
    cluster.until_all_stored(2, ms(1_200));
    let interval = cluster.proposed_at(2) - cluster.proposed_at(1);
    assert!((ms(1_000)..ms(1_050)).contains(&interval), "{interval:?}");
    assert_eq!(cluster.asked_because("timeout"), 0);
}

#[test]
fn a_slow_ledger_makes_blocks_smaller_and_they_settle() {
    // Blocks of eighty take 1.6 s to check; half of the block time is what they may take.
    let config = Config {
        per_transaction: 20_000,
        block_size: 80,
        load: 6,
        ..Config::of(4)
    };
    let mut cluster = Cluster::start(config, 9);
    cluster.until_all_stored(50, ms(120_000));
    let limits = |cluster: &Cluster| -> Vec<u32> {
        let engines = cluster.nodes.iter().filter_map(|node| node.engine.as_ref());
        engines
            .map(|engine| engine.status().max_transactions)
            .collect()
    };
    let settled = limits(&cluster);
    assert!(
        settled.iter().all(|limit| (16..=25).contains(limit)),
        "{settled:?}"
    );
    let size = |height: u32| {
        let block = cluster.nodes[0]
            .ledger
            .block_at(neo_primitives::Height(height));
        block.unwrap().body.transactions.len()
    };
    assert!((3..10).any(|height| size(height) > 40));
    assert!((40..50).all(|height| size(height) <= 25));
    assert!(cluster.longest_interval(40..50) <= ms(1_600));
    let adjusted = |cluster: &Cluster| {
        cluster.noticed(|notice| {
            matches!(
                notice,
                Notice::Adjusted {
                    parameter: "max_transactions",
                    ..
                }
            )
        })
    };
    let (before, changes) = (adjusted(&cluster), cluster.view_changes());
    assert!(before >= 4, "each validator says so: {before}");
    cluster.until_all_stored(90, ms(120_000));
    let swings = adjusted(&cluster) - before;
    assert!(swings <= 4, "{swings} more adjustments in forty blocks");
    assert_eq!(
        cluster.view_changes(),
        changes,
        "no view fails once they settled"
    );
}
