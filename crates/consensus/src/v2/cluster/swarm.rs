//! Random disorder: whatever happens, one block a height; and with good links again, blocks.

use super::{Cluster, Config, ms};
use crate::v3::cluster::toys::for_each_seed;

#[test]
fn loss_and_crashes_never_fork() {
    for_each_seed(25, "one block a height", |seed| {
        let validators = if seed % 3 == 0 { 7 } else { 4 };
        let config = Config {
            latency: (1_000, 80_000),
            work: (0, 4_000),
            block_time: ms(250),
            loss: 60,
            gossip: 70,
            ..Config::of(validators)
        };
        let mut cluster = Cluster::start(config, seed);
        for _ in 0..12 {
            let time = ms(cluster.rng.between((50, 1_200)));
            cluster.run(time);
            let node = cluster.rng.below(validators as u64) as usize;
            if cluster.nodes[node].engine.is_some() {
                cluster.crash(node);
            }
            let down: Vec<_> = (0..validators)
                .filter(|node| cluster.nodes[*node].engine.is_none())
                .collect();
            if down.len() > (validators - 1) / 3 {
                cluster.restart(down[0]);
            }
        }
        cluster.run(ms(2_000));
    });
}
