//! What the engine notices, in logs, metrics and events.

use neo_consensus::engine::{Engine, Notice};

use super::voice::RecordOf;
use super::{Driver, Voice};
use crate::events::NodeEvent;
use crate::ledger_worker::unix_ns;

impl<V: Voice> Driver<V> {
    /// Adjusts what the node tunes to how the last blocks went.
    fn tune(&mut self) {
        for adjustment in self.parts.voice.decided(&self.parts.engine) {
            self.note(Notice::Adjusted {
                parameter: adjustment.parameter,
                from: adjustment.from,
                to: adjustment.to,
                cause: adjustment.cause,
            });
        }
    }

    pub(super) fn note(&mut self, notice: Notice) {
        self.parts.security.notice(&notice);
        match notice {
            Notice::Opened { height } => {
                tracing::debug!(%height, "height opened");
                self.parts.voice.opened(&self.parts.engine, height);
            }
            Notice::Proposed { height, view, hash } => {
                tracing::debug!(%height, %view, %hash, "proposal");
                self.moments.proposed(height, view);
            }
            Notice::Decided { height, view, hash } => {
                tracing::debug!(%height, %view, %hash, "decided");
                if let Some(latency) = self.moments.decided(height, view) {
                    self.parts.metrics.decision(latency);
                }
                self.tune();
            }
            Notice::Witnessed { height, hash } => {
                let body = self.parts.engine.body(&hash);
                let transactions = body.map_or(0, |body| body.transactions.len());
                if let Some(latency) = self.moments.witnessed(height, transactions) {
                    self.parts.metrics.witness(latency);
                }
            }
            Notice::Stored { height, .. } => {
                self.parts.bodies.retire(height);
                self.parts.voice.stored(height);
                if let Err(error) = self.parts.log.prune::<RecordOf<V>>(height) {
                    tracing::warn!(%error, "old vote log segments stay");
                }
            }
            Notice::ViewChangeAsked {
                height,
                view,
                reason,
            } => {
                tracing::warn!(%height, %view, reason, "asking for a new view");
            }
            Notice::ViewEntered { height, view } => {
                self.view_changes += 1;
                self.parts.metrics.view_change(view);
                tracing::warn!(%height, %view, "new view");
            }
            Notice::BlockRefused {
                height,
                hash,
                problem,
            } => {
                tracing::warn!(%height, %hash, problem, "proposal refused");
            }
            Notice::TransitionRefused { height, what } => {
                self.parts.metrics.dropped("transition");
                tracing::error!(%height, what, "transition outside the table refused");
            }
            Notice::LedgerDisagrees {
                height,
                hash,
                problem,
            } => {
                tracing::error!(%height, %hash, problem,
                    "the validators agreed on a block that this ledger refuses");
            }
            Notice::Silent { until } => {
                match until {
                    None => tracing::error!(
                        "the vote log is missing, damaged or a copy: this validator is silent until it \
                         knows how far the others are"
                    ),
                    Some(until) => tracing::warn!(%until, "silent until this height is stored"),
                }
                let t_ns = unix_ns();
                self.parts.events.emit(NodeEvent::Silent { until, t_ns });
            }
            Notice::Voting { from } => {
                tracing::info!(%from, "voting again");
                let t_ns = unix_ns();
                self.parts.events.emit(NodeEvent::Voting { from, t_ns });
            }
            Notice::Suspected {
                height,
                view,
                leader,
                cause,
            } => tracing::warn!(%height, %view, leader = leader.0, cause, "the leader seems gone"),
            Notice::Adjusted {
                parameter,
                from,
                to,
                cause,
            } => {
                self.parts.metrics.adjusted(parameter);
                tracing::info!(parameter, from, to, cause, "adjusted");
            }
            Notice::Recovery {
                height,
                strategy,
                cause,
            } => tracing::warn!(%height, strategy = strategy.name(), cause, "recovering"),
        }
    }
}
