//! What the plan breaks and mends.

use std::collections::BTreeSet;

use neo_consensus::vote_log::{LogMedium, MemoryMedium};
use neo_ledger::store::{FailurePoint, MemoryStore};

use super::World;
use super::node::Armed;
use super::protocol::Simulated;
use super::watch::{Watch, WatchId};
use crate::plan::{FaultKind, Latency, Nodes, Plan, StoreFailure};
use crate::random::{Random, Stream};
use crate::trace::{CrashCause, Happening, LogLoss};

/// The faults of a plan that are still to come.
pub(super) struct Troubles {
    pending: Vec<(WatchId, FaultKind)>,
    pub(super) random: Random,
}

impl Troubles {
    pub(super) fn new(plan: &Plan, watch: &mut Watch) -> Self {
        let pending = plan
            .faults
            .iter()
            .map(|fault| {
                let id = watch.add(&fault.when);
                (id, fault.kind.clone())
            })
            .collect();
        Self {
            pending,
            random: Random::numbered(plan.duration_ms, Stream::Faults, plan.faults.len() as u64),
        }
    }

    /// Faults whose conditions hold, each once, in the order of the plan.
    fn due(&mut self, watch: &Watch) -> Vec<FaultKind> {
        let (due, pending) = std::mem::take(&mut self.pending)
            .into_iter()
            .partition(|(id, _)| watch.holds(*id));
        self.pending = pending;
        let due: Vec<(WatchId, FaultKind)> = due;
        due.into_iter().map(|(_, kind)| kind).collect()
    }
}

impl<P: Simulated> World<'_, P> {
    /// Applies the faults that are due.
    pub(super) fn strike(&mut self) {
        for kind in self.troubles.due(&self.watch) {
            if !self.healed {
                self.apply(kind);
            }
        }
    }

    fn each(&self, nodes: &Nodes) -> BTreeSet<usize> {
        let all = self.turns.all(nodes).into_iter();
        all.map(usize::from).collect()
    }

    fn apply(&mut self, kind: FaultKind) {
        match kind {
            FaultKind::Crash { nodes, seen } => {
                for node in self.each(&nodes) {
                    if seen {
                        self.crash_seen(node);
                    } else {
                        self.crash(node, CrashCause::Planned);
                    }
                }
            }
            FaultKind::CrashBeforeSend { nodes } => self.arm(&nodes, Armed::BeforeSend),
            FaultKind::TornWrite { nodes } => self.arm(&nodes, Armed::Torn),
            FaultKind::FailStore { nodes, point } => {
                let point = match point {
                    StoreFailure::DiskFull => FailurePoint::DiskFull,
                    StoreFailure::BeforeSync => FailurePoint::BeforeSync,
                    StoreFailure::AfterSync => FailurePoint::AfterSync,
                };
                for node in self.each(&nodes) {
                    if self.nodes[node].running.is_some() {
                        self.nodes[node].store.fail_after(0, point);
                    }
                }
            }
            FaultKind::Restart { nodes } => {
                for node in self.each(&nodes) {
                    self.start(node);
                }
                self.connect();
            }
            FaultKind::LoseLog { nodes } => {
                for node in self.each(&nodes) {
                    self.tamper(node, LogLoss::Gone, |_, medium, _| {
                        *medium = MemoryMedium::default()
                    });
                }
            }
            FaultKind::DamageLog { nodes } => {
                for node in self.each(&nodes) {
                    self.tamper(node, LogLoss::Damaged, |random, medium, _| {
                        damage(random, medium)
                    });
                }
            }
            FaultKind::CopyLog { nodes } => {
                for node in self.each(&nodes) {
                    let one = &mut self.nodes[node];
                    let medium = match &one.running {
                        Some(running) => running.log.medium(),
                        None => &one.medium,
                    };
                    one.copy = Some(medium.copy());
                }
            }
            FaultKind::RestoreLog { nodes } => {
                for node in self.each(&nodes) {
                    if self.nodes[node].copy.is_some() {
                        self.tamper(node, LogLoss::Restored, |_, medium, copy| {
                            if let Some(copy) = copy {
                                *medium = copy;
                            }
                        });
                    }
                }
            }
            FaultKind::LoseStore { nodes } => {
                for node in self.each(&nodes) {
                    self.crash(node, CrashCause::Tampered);
                    self.nodes[node].store = MemoryStore::new();
                    self.emit(Some(node), Happening::StoreLost);
                }
            }
            FaultKind::CopyStore { nodes } => {
                for node in self.each(&nodes) {
                    let one = &mut self.nodes[node];
                    one.store_copy = Some(one.store.durable_copy());
                }
            }
            FaultKind::RestoreStore { nodes } => {
                for node in self.each(&nodes) {
                    self.restore_store(node);
                }
            }
            FaultKind::Freeze { nodes } => {
                for node in self.each(&nodes) {
                    self.freeze(node);
                }
            }
            FaultKind::Thaw { nodes } => {
                for node in self.each(&nodes) {
                    self.thaw(node);
                }
            }
            FaultKind::TrustLog { nodes } => {
                for node in self.each(&nodes) {
                    self.nodes[node].trusted = true;
                }
            }
            FaultKind::Partition { groups } => {
                self.links.heal();
                self.links.partition(&groups);
                self.emit(None, Happening::Partitioned { groups });
                self.connect();
            }
            FaultKind::Cut { from, to } => self.cut(&from, &to),
            FaultKind::Heal => {
                self.links.heal();
                self.emit(None, Happening::Healed);
                self.connect();
            }
            FaultKind::Slow { nodes, percent } => {
                for node in self.each(&nodes) {
                    self.nodes[node].slow_percent = percent;
                    self.tell_clock(node);
                }
            }
            FaultKind::Skew { nodes, ms } => {
                for node in self.each(&nodes) {
                    self.nodes[node].clock.set(self.now, ms);
                    self.tell_clock(node);
                }
            }
            FaultKind::Drift { nodes, ppm } => {
                for node in self.each(&nodes) {
                    self.nodes[node].clock.drift(self.now, ppm);
                    self.tell_clock(node);
                }
            }
            FaultKind::Weather {
                loss_ppm,
                duplicate_ppm,
                reorder_ppm,
                latency,
            } => self.weather(loss_ppm, duplicate_ppm, reorder_ppm, latency),
        }
    }

    fn arm(&mut self, nodes: &Nodes, armed: Armed) {
        for node in self.each(nodes) {
            if self.nodes[node].running.is_some() {
                self.nodes[node].armed = Some(armed);
            }
        }
    }

    fn cut(&mut self, from: &Nodes, to: &Nodes) {
        let (from, to) = (self.each(from), self.each(to));
        for one in &from {
            for other in &to {
                self.links.block(*one, *other);
            }
        }
        self.book.coverage.cut_links += u64::from(from.len() == 1 && to.len() == 1);
        let numbers = |nodes: &BTreeSet<usize>| {
            nodes
                .iter()
                .filter_map(|node| u16::try_from(*node).ok())
                .collect()
        };
        let cut = Happening::Cut {
            from: numbers(&from),
            to: numbers(&to),
        };
        self.emit(None, cut);
        self.connect();
    }

    fn weather(&mut self, loss: u32, duplicate: u32, reorder: u32, latency: Option<Latency>) {
        self.links.weather(loss, duplicate, reorder);
        if let Some(latency) = latency {
            self.links.set_latency(latency);
        }
        let weather = Happening::Weather {
            loss_ppm: loss,
            duplicate_ppm: duplicate,
            reorder_ppm: reorder,
        };
        self.emit(None, weather);
    }

    /// The block store of a node goes back to the copy that was made of it.
    fn restore_store(&mut self, node: usize) {
        let Some(copy) = self.nodes[node].store_copy.as_ref() else {
            return;
        };
        let copy = copy.durable_copy();
        self.crash(node, CrashCause::Tampered);
        self.nodes[node].store = copy;
        self.book.coverage.restored_stores += 1;
        self.emit(Some(node), Happening::StoreRestored);
    }

    /// Changes the vote log of a node that does not run any more.
    fn tamper(
        &mut self,
        node: usize,
        how: LogLoss,
        change: impl FnOnce(&mut Random, &mut MemoryMedium, Option<MemoryMedium>),
    ) {
        self.crash(node, CrashCause::Tampered);
        let one = &mut self.nodes[node];
        change(&mut self.troubles.random, &mut one.medium, one.copy.clone());
        self.emit(Some(node), Happening::LogLost { how });
    }

    fn tell_clock(&mut self, node: usize) {
        let one = &self.nodes[node];
        let clock = Happening::Clock {
            skew_ms: one.clock.skew_ms(),
            drift_ppm: one.clock.ppm(),
            slow_percent: one.slow_percent,
        };
        self.emit(Some(node), clock);
        // Its next timer comes at another moment now.
        if let Some(running) = self.nodes[node].running.as_mut() {
            running.wake_at = None;
        }
        self.plan_wake(node);
    }

    /// All faults are over.
    pub(super) fn mend_everything(&mut self) {
        self.healed = true;
        self.links.heal();
        self.emit(None, Happening::Healed);
        self.weather(0, 0, 0, Some(self.plan.network.latency.clone()));
        for node in 0..self.nodes.len() {
            self.nodes[node].armed = None;
            self.nodes[node].slow_percent = 100;
            self.nodes[node].clock.drift(self.now, 0);
            self.nodes[node].clock.set(self.now, 0);
            self.tell_clock(node);
            self.thaw(node);
            if self.nodes[node].running.is_some() {
                // A failure that has not struck does not strike any more.
                self.nodes[node].store.crash();
            }
            self.start(node);
        }
        self.connect();
        self.release();
        let up = self.up();
        self.book.healed(self.now, &up);
    }
}

/// Flips a bit somewhere in front of the last bytes, so that it cannot look like a torn write.
fn damage(random: &mut Random, medium: &mut MemoryMedium) {
    let Some(segment) = medium.segments().ok().and_then(|all| all.last().copied()) else {
        return;
    };
    let length = medium.length(segment);
    let at = random.below(length.saturating_sub(1).max(1) as u64);
    medium.corrupt(segment, usize::try_from(at).unwrap_or(0));
}
