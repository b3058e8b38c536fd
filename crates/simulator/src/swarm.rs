//! Plans from a seed: a mix of everything that can go wrong, within what the protocol promises to survive.
//!
//! At most f validators are faulty in the sense of the protocol: Byzantine, Twins, or without their vote
//! log. They are chosen once for a run, so that there are never more of them at a time. Crashes that leave
//! the vote log intact, and partitions, may hit everybody at once: they only stop progress. All faults end
//! early enough for progress and storage everywhere to be due before the end.

use std::time::Duration;

use neo_adversary::Attack;

use crate::plan::{
    Byzantine, Condition, Fate, Fault, FaultKind, Filter, Latency, MAX_DURATION_MS, NodeQuirk,
    Nodes, Part, Plan, Seen, Span, StoreFailure,
};
use crate::random::{Random, Stream};
use crate::trace::Kind;

/// Longest time for progress after the healing, in milliseconds.
const HEAL_BOUND_MS: u64 = 12_000;
/// Longest view of a run, in milliseconds: several have to fit between healing and bound.
const MAX_TIMEOUT_MS: u64 = 2_500;

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
        plan.timers.base_timeout_ms = base + random.below(300);
        plan.timers.max_timeout_ms = MAX_TIMEOUT_MS;
        plan.timers.resend_interval_ms = *random.pick(&[50, 100, 100, 200]).unwrap_or(&100);
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
            match self.random.below(20) {
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
                _ => self.lose_store(now),
            }
            now += self.random.between(50, 2_500);
        }
    }

    fn restart_later(&mut self, nodes: Nodes, now: u64) {
        let back = now + self.random.between(5, 2_500);
        self.at(back, FaultKind::Restart { nodes });
    }

    fn crash(&mut self, now: u64) {
        let nodes = self.one();
        let seen = self.random.percent(50);
        self.at(
            now,
            FaultKind::Crash {
                nodes: nodes.clone(),
                seen,
            },
        );
        self.restart_later(nodes, now);
    }

    /// A crash at the next write of the vote log; the node comes back some time after that.
    fn crash_in_the_act(&mut self, now: u64) {
        let node = self.node();
        let nodes = Nodes::Only(vec![node]);
        let kind = if self.random.percent(50) {
            FaultKind::CrashBeforeSend {
                nodes: nodes.clone(),
            }
        } else {
            FaultKind::TornWrite {
                nodes: nodes.clone(),
            }
        };
        self.at(now, kind);
        let first = now + self.random.between(50, 1_000);
        self.at(
            first,
            FaultKind::Restart {
                nodes: nodes.clone(),
            },
        );
        self.restart_later(nodes, first + 500);
    }

    fn fail_store(&mut self, now: u64) {
        let nodes = self.one();
        let points = [
            StoreFailure::DiskFull,
            StoreFailure::BeforeSync,
            StoreFailure::AfterSync,
        ];
        let point = *self
            .random
            .pick(&points)
            .unwrap_or(&StoreFailure::BeforeSync);
        self.at(
            now,
            FaultKind::FailStore {
                nodes: nodes.clone(),
                point,
            },
        );
        self.restart_later(nodes, now + 500);
    }

    /// Everybody crashes, some of them in the act of writing, and comes back one by one.
    fn blackout(&mut self, now: u64) {
        let most = u64::from(self.plan.node_count());
        let count = self.random.between(2, most.max(2));
        let mut order: Vec<u16> = (0..self.plan.node_count()).collect();
        self.random.shuffle(&mut order);
        order.truncate(usize::try_from(count).unwrap_or(usize::MAX));
        for node in order {
            let nodes = Nodes::Only(vec![node]);
            let kind = if self.random.percent(30) {
                FaultKind::TornWrite {
                    nodes: nodes.clone(),
                }
            } else {
                FaultKind::Crash {
                    nodes: nodes.clone(),
                    seen: false,
                }
            };
            self.at(now, kind);
            self.restart_later(nodes, now + 100);
        }
    }

    fn partition(&mut self, now: u64) {
        if now < self.whole_at {
            return;
        }
        let parts = self.random.between(2, 3);
        let mut groups: Vec<Vec<u16>> = (0..parts).map(|_| Vec::new()).collect();
        for node in 0..self.plan.node_count() {
            let place = usize::try_from(self.random.below(parts)).unwrap_or(0);
            if let Some(group) = groups.get_mut(place) {
                group.push(node);
            }
        }
        groups.retain(|group| !group.is_empty());
        self.at(now, FaultKind::Partition { groups });
        self.heal_later(now);
    }

    fn heal_later(&mut self, now: u64) {
        let whole = now + self.random.between(50, 3_500);
        self.at(whole, FaultKind::Heal);
        self.whole_at = whole + 1;
    }

    fn cut(&mut self, now: u64) {
        if now < self.whole_at {
            return;
        }
        let (from, to) = (self.one(), self.one());
        let (from, to) = match self.random.below(3) {
            0 => (from, to),
            1 => (from, Nodes::All),
            _ => (Nodes::All, to),
        };
        self.at(now, FaultKind::Cut { from, to });
        self.heal_later(now);
    }

    fn weather(&mut self, now: u64) {
        if now < self.calm_at {
            return;
        }
        let bad = |random: &mut Random, most: u64| u32::try_from(random.below(most)).unwrap_or(0);
        let storm = FaultKind::Weather {
            loss_ppm: bad(&mut self.random, 300_000),
            duplicate_ppm: bad(&mut self.random, 200_000),
            reorder_ppm: bad(&mut self.random, 300_000),
            latency: None,
        };
        let network = &self.plan.network;
        let calm = FaultKind::Weather {
            loss_ppm: network.loss_ppm,
            duplicate_ppm: network.duplicate_ppm,
            reorder_ppm: network.reorder_ppm,
            latency: None,
        };
        self.at(now, storm);
        self.calm_at = now + self.random.between(200, 4_000);
        self.at(self.calm_at, calm);
    }

    fn slow(&mut self, now: u64) {
        let nodes = self.one();
        let percent = u32::try_from(self.random.between(200, 5_000)).unwrap_or(100);
        self.at(
            now,
            FaultKind::Slow {
                nodes: nodes.clone(),
                percent,
            },
        );
        let over = now + self.random.between(200, 3_000);
        let percent = 100;
        self.at(over, FaultKind::Slow { nodes, percent });
    }

    fn clocks(&mut self, now: u64) {
        let nodes = self.one();
        if self.random.percent(60) {
            let ms = self.skew();
            self.at(now, FaultKind::Skew { nodes, ms });
        } else {
            let ppm = self.drift();
            self.at(now, FaultKind::Drift { nodes, ppm });
        }
    }

    fn lose_log(&mut self, now: u64) {
        let Some(victim) = self.random.pick(&self.victims).copied() else {
            return self.crash_in_the_act(now);
        };
        let nodes = Nodes::Only(vec![victim]);
        let how = match self.random.below(4) {
            0 | 1 => FaultKind::LoseLog {
                nodes: nodes.clone(),
            },
            2 => FaultKind::DamageLog {
                nodes: nodes.clone(),
            },
            _ => {
                let before = now - self.random.below(now.min(5_000));
                self.at(
                    before,
                    FaultKind::CopyLog {
                        nodes: nodes.clone(),
                    },
                );
                FaultKind::RestoreLog {
                    nodes: nodes.clone(),
                }
            }
        };
        self.at(now, how);
        self.restart_later(nodes, now);
    }

    /// The block store of a validator that may lose its log, too, is gone.
    fn lose_store(&mut self, now: u64) {
        let Some(victim) = self.random.pick(&self.victims).copied() else {
            return self.crash(now);
        };
        let nodes = Nodes::Only(vec![victim]);
        self.at(
            now,
            FaultKind::LoseStore {
                nodes: nodes.clone(),
            },
        );
        self.restart_later(nodes, now);
    }

    /// Schedules aimed at the corners of the protocol, at a few heights.
    fn aimed(&mut self) {
        let count = self.random.below(4);
        for _ in 0..count {
            let height = u32::try_from(self.random.between(2, 60)).unwrap_or(2);
            match self.random.below(6) {
                0 => self.prepared_and_left(height),
                1 => self.leader_gone_after_decision(height),
                2 => self.silent_leader(height),
                3 => self.lost_commits(height),
                4 => self.certificate_to_few(height),
                _ => self.body_of_the_dead(height),
            }
        }
    }

    /// The view that ends the trouble of a height.
    fn in_later_view(&mut self, height: u32, view: u32) -> Condition {
        Condition::Seen(Seen::Entered {
            height,
            view,
            nodes: Nodes::All,
            least: 1,
        })
    }

    /// PreCommits of early views reach few: the next view has to carry the block.
    fn prepared_and_left(&mut self, height: u32) {
        let last = u32::try_from(self.random.below(2)).unwrap_or(0);
        let until = self.in_later_view(height, last + 1);
        let to = if self.random.percent(50) {
            Nodes::All
        } else {
            Nodes::Except(vec![self.node()])
        };
        self.plan.filters.push(Filter {
            heights: Span::only(height),
            views: Span { from: 0, to: last },
            to,
            until: Some(until),
            ..Filter::drop(&[Kind::PreCommit])
        });
    }

    /// One validator decides; the leader is gone at once, with what it knew.
    fn leader_gone_after_decision(&mut self, height: u32) {
        let decided = Condition::Seen(Seen::Decided {
            height,
            nodes: Nodes::All,
            least: 1,
        });
        let nodes = Nodes::Leader { height, view: 0 };
        self.plan.faults.push(Fault {
            when: decided.clone(),
            kind: FaultKind::Crash {
                nodes: nodes.clone(),
                seen: self.random.percent(50),
            },
        });
        let ms = self.random.between(100, 3_000).min(self.plan.duration_ms);
        self.plan.faults.push(Fault {
            when: Condition::After {
                condition: Box::new(decided),
                ms,
            },
            kind: FaultKind::Restart { nodes },
        });
    }

    /// The proposals of the first views do not arrive.
    fn silent_leader(&mut self, height: u32) {
        let last = u32::try_from(self.random.below(3)).unwrap_or(0);
        let until = self.in_later_view(height, last + 1);
        self.plan.filters.push(Filter {
            heights: Span::only(height),
            views: Span { from: 0, to: last },
            until: Some(until),
            ..Filter::drop(&[Kind::Proposal])
        });
    }

    /// Header signatures and certificates are lost for a while.
    fn lost_commits(&mut self, height: u32) {
        let first = u32::try_from(self.random.between(3, 40)).unwrap_or(3);
        self.plan.filters.push(Filter {
            heights: Span::only(height),
            first: Some(first),
            ..Filter::drop(&[Kind::Commit, Kind::RecoveryMessage])
        });
    }

    /// View-change certificates reach one node only, for a while.
    fn certificate_to_few(&mut self, height: u32) {
        self.silent_leader(height);
        let to = Nodes::Except(vec![self.node()]);
        let first = u32::try_from(self.random.between(2, 30)).unwrap_or(2);
        let mut filter = Filter {
            heights: Span::only(height),
            to,
            carrying: vec![Part::ViewChangeCertificate],
            first: Some(first),
            ..Filter::drop(&[Kind::RecoveryMessage, Kind::Proposal])
        };
        if self.random.percent(50) {
            filter.fate = Fate::Delay {
                us: self.random.between(1_000, 800_000),
            };
        }
        self.plan.filters.push(filter);
    }

    /// Those who prepared a block crash, and come back.
    fn body_of_the_dead(&mut self, height: u32) {
        let until = self.in_later_view(height, 1);
        self.plan.filters.push(Filter {
            heights: Span::only(height),
            views: Span::only(0),
            until: Some(until.clone()),
            ..Filter::drop(&[Kind::PreCommit])
        });
        let prepared = Condition::Seen(Seen::Prepared {
            height,
            view: 0,
            nodes: Nodes::All,
            least: 1,
        });
        let nodes = Nodes::Only(vec![self.node(), self.node()]);
        self.plan.faults.push(Fault {
            when: prepared,
            kind: FaultKind::Crash {
                nodes: nodes.clone(),
                seen: false,
            },
        });
        let ms = self.random.between(10, 1_500).min(self.plan.duration_ms);
        self.plan.faults.push(Fault {
            when: Condition::After {
                condition: Box::new(until),
                ms,
            },
            kind: FaultKind::Restart { nodes },
        });
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
