//! Plans from a seed for dBFT 2.0.
//!
//! The timers of dBFT 2.0 double with every view and have no upper end: what stood still for long goes on
//! late. So faults take the first quarter of a run only, and the rest is left for progress. Some heights get
//! schedules aimed at the lock: preparations reach one validator, and somebody stops.

use std::time::Duration;

use neo_adversary::v2::Attack;

use super::Mix;
use crate::plan::{
    Byzantine, Condition, Fault, FaultKind, Filter, Latency, MAX_DURATION_MS, Nodes, Plan, Seen,
    Span, Timers, Version,
};
use crate::random::{Random, Stream};
use crate::trace::Kind;

/// A seeded mix of faults for a protocol: for dBFT 3.0 that of [`crate::swarm`].
#[must_use]
pub fn swarm_of(protocol: Version, validators: u16, duration: Duration, seed: u64) -> Plan {
    match protocol {
        Version::Three => super::swarm(validators, duration, seed),
        Version::Two => older(validators, duration, seed),
    }
}

/// The same run with dBFT 3.0: network, faults, clocks, load, who attacks and how.
#[must_use]
pub fn with_dbft_3(plan: &Plan) -> Plan {
    let mut same = Plan {
        protocol: Version::Three,
        ..plan.clone()
    };
    let attacks = same.byzantine.iter_mut().flat_map(|one| &mut one.attacks);
    for attack in attacks {
        if *attack == Attack::ForgeRecovery.name() {
            *attack = neo_adversary::Attack::FalseRecovery.name().to_owned();
        }
    }
    same
}

fn older(validators: u16, duration: Duration, seed: u64) -> Plan {
    let duration_ms = u64::try_from(duration.as_millis())
        .unwrap_or(MAX_DURATION_MS)
        .clamp(4, MAX_DURATION_MS);
    let validators = validators.max(1);
    let mut mix = Mix {
        plan: Plan::new(validators, duration_ms),
        random: Random::numbered(seed, Stream::Plan, u64::from(validators) | 1 << 32),
        victims: Vec::new(),
        end: 0,
        whole_at: 0,
        calm_at: 0,
    };
    mix.plan.protocol = Version::Two;
    mix.plan.name = format!("swarm-2-{validators}-{seed}");
    mix.end = duration_ms / 4;
    mix.plan.heal_bound_ms = duration_ms - mix.end;
    mix.plan.heal_at_ms = Some(mix.end);
    mix.older_surroundings();
    mix.older_faulty();
    mix.quirks();
    mix.older_troubles();
    for _ in 0..mix.random.below(3) {
        mix.towards_a_lock();
    }
    mix.plan
}

impl Mix {
    /// Network, pace and load. A view of dBFT 2.0 takes two block times at first: they have to fit.
    fn older_surroundings(&mut self) {
        let random = &mut self.random;
        let plan = &mut self.plan;
        let least = match random.below(5) {
            0 | 1 => {
                plan.network.jitter_us = random.below(2_000);
                60
            }
            2 | 3 => {
                let min_us = random.between(100, 10_000);
                let max_us = min_us + random.below(40_000);
                plan.network.latency = Latency::Uniform { min_us, max_us };
                200
            }
            _ => {
                plan.network.latency = Latency::Wan {
                    regions: Vec::new(),
                };
                plan.network.jitter_us = random.below(10_000);
                500
            }
        };
        plan.block_time_ms = least + random.below(150) + 20 * u64::from(plan.validators / 7);
        if random.percent(30) {
            let network = &mut plan.network;
            network.loss_ppm = u32::try_from(random.below(20_000)).unwrap_or(0);
            network.duplicate_ppm = u32::try_from(random.below(50_000)).unwrap_or(0);
            network.reorder_ppm = u32::try_from(random.below(100_000)).unwrap_or(0);
        }
        plan.load_per_s = *random.pick(&[0, 0, 5, 20]).unwrap_or(&0);
        plan.gossip_percent = *random.pick(&[50, 100]).unwrap_or(&100);
        let mut timers = Timers::default();
        if random.percent(20) {
            timers.max_block_time_ms = plan.block_time_ms + random.below(1_500);
        }
        plan.timers = timers;
    }

    /// Who attacks, who is a Twin, and who may lose its vote log: at most f together.
    fn older_faulty(&mut self) {
        let tolerated = self.plan.tolerated();
        let mut order: Vec<u16> = (0..self.plan.validators).collect();
        self.random.shuffle(&mut order);
        order.truncate(usize::from(tolerated));
        for validator in order {
            match self.random.below(10) {
                0..=2 => {
                    let attacks = self.older_attacks();
                    self.plan.byzantine.push(Byzantine { validator, attacks });
                }
                3 => self.plan.twins.push(validator),
                4 | 5 => self.victims.push(validator),
                _ => {}
            }
        }
    }

    fn older_attacks(&mut self) -> Vec<String> {
        if self.random.percent(40) {
            return Vec::new();
        }
        let attack = self.random.pick(&Attack::ALL).copied();
        attack
            .iter()
            .map(|attack| attack.name().to_owned())
            .collect()
    }

    fn older_troubles(&mut self) {
        let mut now = self.random.between(100, 1_500);
        while now.saturating_add(200) < self.end {
            match self.random.below(22) {
                0..=4 => self.crash(now),
                5..=8 => self.crash_in_the_act(now),
                9 => self.fail_store(now),
                10 => self.blackout(now),
                11..=13 => self.partition(now),
                14 => self.cut(now),
                15 => self.weather(now),
                16 => self.slow(now),
                17 => self.clocks(now),
                18 | 19 => self.lose_log(now),
                20 => self.freeze(now),
                _ => self.lose_store(now),
            }
            now += self.random.between(50, 2_500);
        }
    }

    /// Preparations of a height reach one validator only, Commits nobody, until somebody asks for the next view;
    /// then perhaps one of the others stops for a while.
    fn towards_a_lock(&mut self) {
        let height = u32::try_from(self.random.between(2, 20)).unwrap_or(2);
        let alone = self.node();
        let asked = Condition::Seen(Seen::Sent(crate::plan::Messages {
            kind: Kind::ChangeView,
            heights: Span::only(height),
            views: Span::only(1),
            from: Nodes::Except(vec![alone]),
            to: Nodes::All,
            count: u32::from(self.plan.validators),
        }));
        for (kinds, to) in [
            (&[Kind::Prepare][..], Nodes::Except(vec![alone])),
            (
                &[Kind::Commit, Kind::PreCommit, Kind::RecoveryMessage],
                Nodes::All,
            ),
        ] {
            self.plan.filters.push(Filter {
                heights: Span::only(height),
                views: Span::only(0),
                to,
                until: Some(asked.clone()),
                ..Filter::drop(kinds)
            });
        }
        if self.random.percent(60) {
            let nodes = Nodes::Only(vec![self.node()]);
            self.plan.faults.push(Fault {
                when: asked.clone(),
                kind: FaultKind::Crash {
                    nodes: nodes.clone(),
                    seen: false,
                },
            });
            let ms = self.random.between(100, 3_000).min(self.plan.duration_ms);
            self.plan.faults.push(Fault {
                when: Condition::After {
                    condition: Box::new(asked),
                    ms,
                },
                kind: FaultKind::Restart { nodes },
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_plan_of_either_protocol_can_be_run(
            validators in 1_u16..=64,
            ms in 4_u64..100_000,
            seed: u64,
        ) {
            let plan = older(validators, Duration::from_millis(ms), seed);
            prop_assert_eq!(plan.validate(), Ok(()));
            prop_assert_eq!(&plan, &older(validators, Duration::from_millis(ms), seed));
            prop_assert_eq!(with_dbft_3(&plan).validate(), Ok(()));
        }
    }

    #[test]
    fn each_attack_has_its_like_in_the_other_protocol() {
        let mut plan = Plan::new(7, 1_000);
        let attacks = Attack::ALL.map(|attack| attack.name().to_owned()).to_vec();
        plan.byzantine.push(Byzantine {
            validator: 1,
            attacks,
        });
        plan.protocol = Version::Two;
        plan.block_time_ms = 100;
        assert_eq!(plan.validate(), Ok(()));
        assert_eq!(with_dbft_3(&plan).validate(), Ok(()));
    }
}
