//! Faults at random moments.

use super::Mix;
use crate::plan::{FaultKind, Nodes, StoreFailure};
use crate::random::Random;

impl Mix {
    fn restart_later(&mut self, nodes: Nodes, now: u64) {
        let back = now + self.random.between(5, 2_500);
        self.at(back, FaultKind::Restart { nodes });
    }

    pub(super) fn crash(&mut self, now: u64) {
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
    pub(super) fn crash_in_the_act(&mut self, now: u64) {
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

    pub(super) fn fail_store(&mut self, now: u64) {
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
    pub(super) fn blackout(&mut self, now: u64) {
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

    pub(super) fn partition(&mut self, now: u64) {
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

    pub(super) fn cut(&mut self, now: u64) {
        if now < self.whole_at {
            return;
        }
        let (from, to) = (self.one(), self.one());
        let (from, to) = match self.random.below(5) {
            0 => (from, to),
            1 => (from, Nodes::All),
            2 => (Nodes::All, to),
            _ => {
                // A link that is dead in both directions, and a way around it.
                self.at(
                    now,
                    FaultKind::Cut {
                        from: to.clone(),
                        to: from.clone(),
                    },
                );
                (from, to)
            }
        };
        self.at(now, FaultKind::Cut { from, to });
        self.heal_later(now);
    }

    pub(super) fn weather(&mut self, now: u64) {
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

    pub(super) fn slow(&mut self, now: u64) {
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

    pub(super) fn clocks(&mut self, now: u64) {
        let nodes = self.one();
        if self.random.percent(60) {
            let ms = self.skew();
            self.at(now, FaultKind::Skew { nodes, ms });
        } else {
            let ppm = self.drift();
            self.at(now, FaultKind::Drift { nodes, ppm });
        }
    }

    pub(super) fn lose_log(&mut self, now: u64) {
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

    /// A process stands still, for less or more time than its connections bear.
    pub(super) fn freeze(&mut self, now: u64) {
        let nodes = self.one();
        self.at(
            now,
            FaultKind::Freeze {
                nodes: nodes.clone(),
            },
        );
        let over = now + self.random.between(50, 4_000);
        self.at(over, FaultKind::Thaw { nodes });
    }

    /// The block store of a validator that may lose its log goes back to a copy, the log does not.
    pub(super) fn restore_store(&mut self, now: u64) {
        let Some(victim) = self.random.pick(&self.victims).copied() else {
            return self.freeze(now);
        };
        let nodes = Nodes::Only(vec![victim]);
        let before = now - self.random.below(now.min(5_000));
        self.at(
            before,
            FaultKind::CopyStore {
                nodes: nodes.clone(),
            },
        );
        self.at(
            now,
            FaultKind::RestoreStore {
                nodes: nodes.clone(),
            },
        );
        self.restart_later(nodes, now);
    }

    /// The block store of a validator that may lose its log, too, is gone.
    pub(super) fn lose_store(&mut self, now: u64) {
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
}
