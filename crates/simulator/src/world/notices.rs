//! What engines say and logs hold, as events of the trace.

use std::time::Duration;

use neo_consensus::engine::Notice;
use neo_consensus::v3::recovery::RecoveryStrategy;
use neo_primitives::Height;

use super::World;
use super::protocol::Simulated;
use super::protocol::Step;
use crate::trace::{Happening, Vote};

impl<P: Simulated> World<'_, P> {
    fn phase(&mut self, node: usize, height: u32, view: u32, phase: &'static str) {
        let happening = Happening::Phase {
            height,
            view,
            phase: phase.into(),
        };
        self.emit(Some(node), happening);
    }

    /// Records became durable.
    pub(super) fn durable(&mut self, node: usize, records: &[P::Record]) {
        let votes: Vec<Vote> = records.iter().filter_map(P::vote).collect();
        let count = u32::try_from(records.len()).unwrap_or(u32::MAX);
        self.emit(
            Some(node),
            Happening::Durable {
                records: count,
                votes,
            },
        );
        for record in records {
            match P::step_of(record) {
                Some(Step::Phase {
                    height,
                    view,
                    phase,
                }) => self.phase(node, height, view, phase),
                Some(Step::Prepared {
                    height,
                    view,
                    block,
                }) => {
                    let prepared = Happening::Prepared {
                        height,
                        view,
                        block,
                    };
                    self.emit(Some(node), prepared);
                }
                None => {}
            }
        }
    }

    /// The engine says something noteworthy.
    pub(super) fn note(&mut self, node: usize, notice: Notice) {
        let honest = self.nodes[node].honest;
        let now = self.now;
        match notice {
            Notice::Opened { height } => {
                self.emit(Some(node), Happening::Opened { height: height.0 });
                self.phase(node, height.0, 0, "PrePrepare");
            }
            Notice::Proposed { height, view, hash } => {
                self.book.moments(height.0).proposed.get_or_insert(now);
                let proposed = Happening::Proposed {
                    height: height.0,
                    view: view.0,
                    block: hash,
                };
                self.emit(Some(node), proposed);
            }
            Notice::Decided { height, view, hash } => {
                self.note_decided(honest, height.0, view.0);
                self.note_base(node, height.0);
                let decided = Happening::Decided {
                    height: height.0,
                    view: view.0,
                    block: hash,
                };
                self.emit(Some(node), decided);
                self.phase(node, height.0, view.0, "Commit");
            }
            Notice::Witnessed { height, hash } => {
                let proposed = self.book.moments(height.0).proposed;
                if let Some(proposed) = proposed.filter(|_| honest) {
                    self.book
                        .witness
                        .add(Duration::from_nanos(now.saturating_sub(proposed)));
                }
                let witnessed = Happening::Witnessed {
                    height: height.0,
                    block: hash,
                };
                self.emit(Some(node), witnessed);
                self.phase(node, height.0, 0, "BlockPersistence");
            }
            // The ledger has said so before.
            Notice::Stored { height, .. } => self.prune(node, height),
            Notice::ViewChangeAsked {
                height,
                view,
                reason,
            } => {
                let asked = Happening::ViewChangeAsked {
                    height: height.0,
                    view: view.0,
                    reason: reason.into(),
                };
                self.emit(Some(node), asked);
            }
            Notice::ViewEntered { height, view } => {
                self.book.view_changes += u64::from(honest);
                let entered = Happening::ViewEntered {
                    height: height.0,
                    view: view.0,
                };
                self.emit(Some(node), entered);
                self.phase(node, height.0, view.0, "PrePrepare");
            }
            Notice::BlockRefused {
                height,
                hash,
                problem,
            } => {
                let refused = Happening::BlockRefused {
                    height: height.0,
                    block: hash,
                    problem,
                };
                self.emit(Some(node), refused);
            }
            Notice::TransitionRefused { height, what } => {
                self.trouble(node, height.0, format!("refused transition: {what}"));
            }
            Notice::LedgerDisagrees {
                height, problem, ..
            } => self.trouble(node, height.0, format!("the ledger disagrees: {problem}")),
            Notice::Silent { until } => {
                let until = until.map(|until| until.0);
                self.emit(Some(node), Happening::Silent { until });
            }
            Notice::Voting { from } => {
                self.emit(Some(node), Happening::Voting { from: from.0 });
            }
            Notice::Recovery {
                height,
                strategy: RecoveryStrategy::Emergency,
                ..
            } => {
                self.book.coverage.emergencies += u64::from(honest);
                self.emit(Some(node), Happening::Emergency { height: height.0 });
            }
            Notice::Suspected { .. } | Notice::Adjusted { .. } | Notice::Recovery { .. } => {}
        }
    }

    fn note_decided(&mut self, honest: bool, height: u32, view: u32) {
        if !honest {
            return;
        }
        let now = self.now;
        let moments = self.book.moments(height);
        let first = match view {
            0 => false,
            1 => !std::mem::replace(&mut moments.view_1, true),
            _ => !std::mem::replace(&mut moments.view_2, true),
        };
        let proposed = moments.proposed;
        let coverage = &mut self.book.coverage;
        if view == 1 {
            coverage.view_1 += u64::from(first);
        } else {
            coverage.view_2 += u64::from(first);
        }
        if let Some(proposed) = proposed {
            self.book
                .decision
                .add(Duration::from_nanos(now.saturating_sub(proposed)));
        }
    }

    /// The base of an honest node's timer after a decision.
    fn note_base(&mut self, node: usize, height: u32) {
        let one = &self.nodes[node];
        if let Some(running) = one.running.as_ref().filter(|_| one.honest) {
            let base = P::base_timeout(&running.engine);
            let pace = &mut self.book.verdict.pace;
            pace.decided(self.now, node, height, base);
        }
    }

    fn prune(&mut self, node: usize, stored: Height) {
        if let Some(running) = self.nodes[node].running.as_mut()
            && let Err(error) = running.log.prune::<P::Record>(stored)
        {
            self.trouble(node, stored.0, error.to_string());
        }
    }
}
