//! Plans from a seed: a mix of everything that can go wrong, within what the protocol promises to survive.
//!
//! At most f validators are faulty in the sense of the protocol: Byzantine, Twins, or without their vote
//! log. They are chosen once for a run, so that there are never more of them at a time. Crashes that leave
//! the vote log intact, and partitions, may hit everybody at once: they only stop progress. All faults end
//! early enough for progress and storage everywhere to be due before the end.

mod aimed;
mod faults;
mod older;
mod timers;

pub use older::{swarm_of, with_dbft_3};

use std::time::Duration;

use neo_adversary::Attack;

use crate::plan::{Byzantine, Fault, FaultKind, Latency, MAX_DURATION_MS, NodeQuirk, Nodes, Plan};
use crate::random::{Random, Stream};

/// Longest time for progress after the healing, in milliseconds.
const HEAL_BOUND_MS: u64 = 12_000;

/// A seeded mix of faults, attacks, networks and loads, with at most f faulty validators at a time, that
/// is healed early enough to demand progress and storage everywhere. The same arguments give the same plan.
#[must_use]
pub fn swarm(validators: u16, duration: Duration, seed: u64) -> Plan {
    let duration_ms = u64::try_from(duration.as_millis())
        .unwrap_or(MAX_DURATION_MS)
        .clamp(1, MAX_DURATION_MS);
    let validators = validators.max(1);
    let random = Random::numbered(seed, Stream::Plan, u64::from(validators));
    let mut mix = Mix {
        plan: Plan::new(validators, duration_ms),
        random,
        victims: Vec::new(),
        end: 0,
        whole_at: 0,
        calm_at: 0,
    };
    mix.plan.name = format!("swarm-{validators}-{seed}");
    mix.plan.heal_bound_ms = HEAL_BOUND_MS.min((duration_ms * 2).div_ceil(5));
    mix.end = duration_ms.saturating_sub(mix.plan.heal_bound_ms);
    mix.plan.heal_at_ms = Some(mix.end);
    mix.surroundings();
    mix.faulty();
    mix.quirks();
    mix.troubles();
    mix.aimed();
    mix.plan
}

struct Mix {
    plan: Plan,
    random: Random,
    /// Validators that may lose their vote logs.
    victims: Vec<u16>,
    /// When the faults end.
    end: u64,
    /// When the last partition so far has healed.
    whole_at: u64,
    /// When the last change of weather so far is over.
    calm_at: u64,
}

impl Mix {
    fn node(&mut self) -> u16 {
        let count = u64::from(self.plan.node_count());
        u16::try_from(self.random.below(count)).unwrap_or(0)
    }

    fn one(&mut self) -> Nodes {
        Nodes::Only(vec![self.node()])
    }

    fn at(&mut self, ms: u64, kind: FaultKind) {
        if ms < self.end {
            self.plan.faults.push(Fault::at(ms, kind));
        }
    }

    /// Network, pace, load and timers.
    fn surroundings(&mut self) {
        let random = &mut self.random;
        let plan = &mut self.plan;
        // Larger sets cost more for each height: they get fewer heights.
        let pace = match plan.validators {
            0..=4 => 1,
            5..=7 => 3,
            8..=21 => 12,
            _ => 40,
        };
        let (mut base, mut block_time) = (300, random.between(50, 150));
        match random.below(5) {
            0 | 1 => plan.network.jitter_us = random.below(2_000),
            2 | 3 => {
                let min_us = random.between(100, 10_000);
                let max_us = min_us + random.below(40_000);
                plan.network.latency = Latency::Uniform { min_us, max_us };
                // Delays pace the heights as well.
                if min_us > 8_000 && random.percent(50) {
                    block_time = 0;
                }
                base = 400;
            }
            _ => {
                plan.network.latency = Latency::Wan {
                    regions: Vec::new(),
                };
                plan.network.jitter_us = random.below(10_000);
                block_time = if random.percent(30) { 0 } else { 500 };
                base = 1_200;
            }
        }
        plan.block_time_ms = block_time * pace;
        if pace > 1 {
            plan.block_time_ms = plan.block_time_ms.max(30 * pace);
        }
        if random.percent(30) {
            let network = &mut plan.network;
            network.loss_ppm = u32::try_from(random.below(20_000)).unwrap_or(0);
            network.duplicate_ppm = u32::try_from(random.below(50_000)).unwrap_or(0);
            network.reorder_ppm = u32::try_from(random.below(100_000)).unwrap_or(0);
        }
        if random.percent(20) {
            plan.network.bandwidth_kbps = random.between(5_000, 200_000);
        }
        plan.load_per_s = *random.pick(&[0, 0, 5, 20]).unwrap_or(&0);
        plan.gossip_percent = *random.pick(&[0, 50, 100]).unwrap_or(&100);
        self.timers(base);
        self.swing();
    }

    /// Who attacks, who is a Twin, and who may lose its vote log: at most f together.
    fn faulty(&mut self) {
        let tolerated = self.plan.tolerated();
        let mut order: Vec<u16> = (0..self.plan.validators).collect();
        self.random.shuffle(&mut order);
        order.truncate(usize::from(tolerated));
        // A run is more telling when it has some of each kind: few runs use up all of f.
        for validator in order {
            match self.random.below(10) {
                0..=3 => {
                    let attacks = self.attacks();
                    self.plan.byzantine.push(Byzantine { validator, attacks });
                }
                4 => self.plan.twins.push(validator),
                5..=7 => self.victims.push(validator),
                _ => {}
            }
        }
    }

    fn attacks(&mut self) -> Vec<String> {
        if self.random.percent(40) {
            return Vec::new();
        }
        let count = self.random.between(1, 3);
        (0..count)
            .filter_map(|_| self.random.pick(&Attack::ALL).copied())
            .map(|attack| attack.name().to_owned())
            .collect()
    }

    fn quirks(&mut self) {
        for node in 0..self.plan.node_count() {
            if !self.random.percent(15) {
                continue;
            }
            let mut quirk = NodeQuirk::usual(node);
            match self.random.below(3) {
                0 => {
                    quirk.slow_percent = u32::try_from(self.random.between(150, 800)).unwrap_or(100)
                }
                1 => quirk.skew_ms = self.skew(),
                _ => quirk.drift_ppm = self.drift(),
            }
            self.plan.nodes.push(quirk);
        }
    }

    fn skew(&mut self) -> i64 {
        i64::try_from(self.random.below(4_000)).unwrap_or(0) - 2_000
    }

    fn drift(&mut self) -> i32 {
        i32::try_from(self.random.below(40_000)).unwrap_or(0) - 20_000
    }

    /// Faults at random moments.
    fn troubles(&mut self) {
        let mut now = self.random.between(100, 1_500);
        while now.saturating_add(200) < self.end {
            match self.random.below(23) {
                0..=3 => self.crash(now),
                4..=6 => self.crash_in_the_act(now),
                7 => self.fail_store(now),
                8 => self.blackout(now),
                9..=11 => self.partition(now),
                12 => self.cut(now),
                13 => self.weather(now),
                14 => self.slow(now),
                15 => self.clocks(now),
                16..=18 => self.lose_log(now),
                19 | 20 => self.freeze(now),
                21 => self.restore_store(now),
                _ => self.lose_store(now),
            }
            now += self.random.between(50, 2_500);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_plan_can_be_run(validators in 1_u16..=255, ms in 1_u64..100_000, seed: u64) {
            let plan = swarm(validators, Duration::from_millis(ms), seed);
            prop_assert_eq!(plan.validate(), Ok(()));
            prop_assert_eq!(&plan, &swarm(validators, Duration::from_millis(ms), seed));
        }
    }

    #[test]
    fn the_faulty_are_never_more_than_the_protocol_tolerates() {
        for seed in 0..300 {
            let plan = swarm(7, Duration::from_secs(30), seed);
            let mut faulty: Vec<u16> = plan.byzantine.iter().map(|one| one.validator).collect();
            faulty.extend(&plan.twins);
            for fault in &plan.faults {
                if let FaultKind::LoseLog {
                    nodes: Nodes::Only(nodes),
                }
                | FaultKind::DamageLog {
                    nodes: Nodes::Only(nodes),
                }
                | FaultKind::RestoreLog {
                    nodes: Nodes::Only(nodes),
                }
                | FaultKind::RestoreStore {
                    nodes: Nodes::Only(nodes),
                } = &fault.kind
                {
                    faulty.extend(nodes);
                }
            }
            faulty.sort_unstable();
            faulty.dedup();
            assert!(faulty.len() <= 2, "seed {seed}: {faulty:?}");
        }
    }
}
