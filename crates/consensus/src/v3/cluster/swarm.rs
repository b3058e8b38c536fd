//! Random clusters under random faults. `SEED=… cargo test swarm` runs one seed again, `SEEDS=…` that
//! many.

use std::time::Duration;

use super::toys::{Rng, for_each_seed};
use super::{Cluster, Config, ms};

/// Seeds per size in an ordinary run.
const SEEDS: u64 = 220;
/// After the last fault everything has to go on within this time.
const RECOVERY: Duration = ms(12_000);

fn config(validators: usize, rng: &mut Rng) -> Config {
    let least = rng.between((100, 5_000));
    Config {
        block_time: ms([0, 50, 200][rng.below(3) as usize]),
        executes_ahead: rng.below(4) > 0,
        latency: (least, least + rng.between((0, 40_000))),
        verify: (0, rng.between((0, 3_000))),
        ledger: (0, rng.between((0, 5_000))),
        loss: [0, 0, 20, 150][rng.below(4) as usize],
        duplicate: rng.between((0, 100)),
        load: 2,
        gossip: [0, 50, 100][rng.below(3) as usize],
        wire: rng.below(8) == 0,
        timers: crate::v3::timing::TimerSettings {
            base_timeout: ms(400),
            max_timeout: ms(3_000),
            ..Default::default()
        },
        ..Config::of(validators)
    }
}

fn any(rng: &mut Rng, of: &[usize]) -> Option<usize> {
    of.get(rng.below(of.len() as u64) as usize).copied()
}

/// One random fault or repair.
fn disturb(cluster: &mut Cluster, rng: &mut Rng) {
    let all: Vec<usize> = (0..cluster.nodes.len()).collect();
    let up = cluster.up();
    let down: Vec<usize> = all
        .iter()
        .copied()
        .filter(|node| !up.contains(node))
        .collect();
    match rng.below(9) {
        0 => any(rng, &up)
            .into_iter()
            .for_each(|node| cluster.crash(node)),
        1 => any(rng, &up)
            .into_iter()
            .for_each(|node| cluster.crash_visibly(node)),
        2 => any(rng, &up)
            .into_iter()
            .for_each(|node| cluster.nodes[node].dies_writing = true),
        3 | 4 => any(rng, &down)
            .into_iter()
            .for_each(|node| cluster.restart(node)),
        5 => {
            let (mut one, mut other) = (Vec::new(), Vec::new());
            for node in all {
                if rng.below(2) == 0 {
                    one.push(node)
                } else {
                    other.push(node)
                }
            }
            cluster.links.partition(&[&one, &other]);
        }
        6 => {
            if let (Some(from), Some(to)) = (any(rng, &all), any(rng, &all)) {
                cluster.links.block(from, to);
            }
        }
        7 => cluster.links.heal(),
        _ => {
            for node in all {
                cluster.nodes[node].skew = i64::try_from(rng.below(4_000)).unwrap() - 2_000;
            }
        }
    }
}

fn run(validators: usize, seed: u64) {
    let mut rng = Rng::new(seed.wrapping_mul(31).wrapping_add(validators as u64));
    let config = config(validators, &mut rng);
    let mut cluster = Cluster::start(config, seed);
    for _ in 0..rng.between((3, 14)) {
        cluster.run(ms(rng.between((1, 900))));
        disturb(&mut cluster, &mut rng);
    }
    cluster.links.heal();
    cluster.config.loss = cluster.config.loss.min(20);
    for node in 0..validators {
        cluster.nodes[node].skew = 0;
        cluster.nodes[node].dies_writing = false;
        if cluster.nodes[node].engine.is_none() {
            cluster.restart(node);
        }
    }
    let highest = (0..validators)
        .map(|node| cluster.stored(node))
        .max()
        .unwrap_or(0);
    cluster.until_all_stored(highest + 3, RECOVERY);
    assert_eq!(cluster.assert_only_liars_are_accused(), 0);
    cluster.assert_justifications_are_kept();
}

#[test]
fn swarm_of_four() {
    for_each_seed(SEEDS, "four validators", |seed| run(4, seed));
}

#[test]
fn swarm_of_seven() {
    for_each_seed(SEEDS, "seven validators", |seed| run(7, seed));
}
