//! Checking faults, conditions and expectations.

use neo_consensus::v3::phase::Phase;
use neo_invariants::Invariant;

use super::super::{COMMITTED, Condition, Expectation, FaultKind, Nodes, Plan, PlanError, Seen};
use super::limits::{
    MAX_LOSS_PPM, MAX_PERCENT, MILLION, check_drift, check_latency, check_skew, check_span,
    check_speed, no_such, range,
};

impl Plan {
    pub(super) fn check_fault(&self, field: &str, kind: &FaultKind) -> Result<(), PlanError> {
        match kind {
            FaultKind::Crash { nodes, .. }
            | FaultKind::CrashBeforeSend { nodes }
            | FaultKind::TornWrite { nodes }
            | FaultKind::FailStore { nodes, .. }
            | FaultKind::Restart { nodes }
            | FaultKind::LoseLog { nodes }
            | FaultKind::DamageLog { nodes }
            | FaultKind::CopyLog { nodes }
            | FaultKind::RestoreLog { nodes }
            | FaultKind::LoseStore { nodes }
            | FaultKind::CopyStore { nodes }
            | FaultKind::RestoreStore { nodes }
            | FaultKind::Freeze { nodes }
            | FaultKind::Thaw { nodes }
            | FaultKind::TrustLog { nodes } => self.check_nodes(&format!("{field}.nodes"), nodes),
            FaultKind::Partition { groups } => {
                for (at, group) in groups.iter().enumerate() {
                    for node in group {
                        self.check_node(&format!("{field}.groups[{at}]"), *node)?;
                    }
                }
                Ok(())
            }
            FaultKind::Cut { from, to } => {
                self.check_nodes(&format!("{field}.from"), from)?;
                self.check_nodes(&format!("{field}.to"), to)
            }
            FaultKind::Heal => Ok(()),
            FaultKind::Slow { nodes, percent } => {
                self.check_nodes(&format!("{field}.nodes"), nodes)?;
                check_speed(&format!("{field}.percent"), *percent)
            }
            FaultKind::Skew { nodes, ms } => {
                self.check_nodes(&format!("{field}.nodes"), nodes)?;
                check_skew(&format!("{field}.ms"), *ms)
            }
            FaultKind::Drift { nodes, ppm } => {
                self.check_nodes(&format!("{field}.nodes"), nodes)?;
                check_drift(&format!("{field}.ppm"), *ppm)
            }
            FaultKind::Weather {
                loss_ppm,
                duplicate_ppm,
                reorder_ppm,
                latency,
            } => {
                range(&format!("{field}.loss_ppm"), *loss_ppm, 0, MAX_LOSS_PPM)?;
                range(
                    &format!("{field}.duplicate_ppm"),
                    *duplicate_ppm,
                    0,
                    MILLION,
                )?;
                range(&format!("{field}.reorder_ppm"), *reorder_ppm, 0, MILLION)?;
                latency.as_ref().map_or(Ok(()), |latency| {
                    check_latency(&format!("{field}.latency"), latency)
                })
            }
        }
    }

    pub(super) fn check_condition(
        &self,
        field: &str,
        condition: &Condition,
    ) -> Result<(), PlanError> {
        match condition {
            Condition::At(ms) => range(field, *ms, 0, self.duration_ms),
            Condition::Seen(seen) => self.check_seen(field, seen),
            Condition::After { condition, ms } => {
                range(&format!("{field}.after.ms"), *ms, 0, self.duration_ms)?;
                self.check_condition(&format!("{field}.after.condition"), condition)
            }
            Condition::All(conditions) | Condition::Any(conditions) => {
                range(field, conditions.len(), 1, 64)?;
                conditions
                    .iter()
                    .try_for_each(|condition| self.check_condition(field, condition))
            }
        }
    }

    pub(super) fn check_seen(&self, field: &str, seen: &Seen) -> Result<(), PlanError> {
        match seen {
            Seen::Decided { nodes, least, .. }
            | Seen::Witnessed { nodes, least, .. }
            | Seen::Stored { nodes, least, .. }
            | Seen::Entered { nodes, least, .. }
            | Seen::Prepared { nodes, least, .. }
            | Seen::Crashed { nodes, least }
            | Seen::Restarted { nodes, least }
            | Seen::Voting { nodes, least }
            | Seen::Quiet { nodes, least }
            | Seen::Relayed { nodes, least }
            | Seen::Fetched { nodes, least } => self.check_least(field, nodes, *least),
            Seen::Phase {
                phase,
                nodes,
                least,
                ..
            } => {
                let mut known: Vec<_> = Phase::ALL.iter().map(ToString::to_string).collect();
                known.push(COMMITTED.to_owned());
                if !known.contains(phase) {
                    return Err(PlanError::UnknownName {
                        field: format!("{field}.phase"),
                        value: phase.clone(),
                        known: known.join(", "),
                    });
                }
                self.check_least(field, nodes, *least)
            }
            Seen::Sent(messages) | Seen::Delivered(messages) => {
                check_span(&format!("{field}.heights"), &messages.heights)?;
                check_span(&format!("{field}.views"), &messages.views)?;
                self.check_nodes(&format!("{field}.from"), &messages.from)?;
                self.check_nodes(&format!("{field}.to"), &messages.to)?;
                range(&format!("{field}.count"), messages.count, 1, u32::MAX)
            }
            Seen::Locked { .. } => Ok(()),
            Seen::Evidence { against } => {
                self.check_validator(&format!("{field}.against"), *against)
            }
        }
    }

    pub(super) fn check_least(
        &self,
        field: &str,
        nodes: &Nodes,
        least: u16,
    ) -> Result<(), PlanError> {
        self.check_nodes(&format!("{field}.nodes"), nodes)?;
        let greatest = match nodes {
            Nodes::Only(only) => u16::try_from(only.len()).unwrap_or(u16::MAX),
            _ => self.node_count(),
        };
        range(&format!("{field}.least"), least, 1, greatest)
    }

    pub(super) fn check_expectation(
        &self,
        field: &str,
        expectation: &Expectation,
    ) -> Result<(), PlanError> {
        match expectation {
            Expectation::Decided { by_ms, nodes, .. }
            | Expectation::Stored { by_ms, nodes, .. } => {
                range(&format!("{field}.by_ms"), *by_ms, 0, self.duration_ms)?;
                self.check_nodes(&format!("{field}.nodes"), nodes)
            }
            Expectation::DecisionView { views, .. } => check_span(&format!("{field}.views"), views),
            Expectation::NoViewChange { heights } => {
                check_span(&format!("{field}.heights"), heights)
            }
            Expectation::Reproposed { first, again, .. } => range(
                &format!("{field}.again"),
                *again,
                first.saturating_add(1),
                u32::MAX,
            ),
            Expectation::BaseOverDecision {
                heights,
                most_percent,
            } => {
                check_span(&format!("{field}.heights"), heights)?;
                range(
                    &format!("{field}.most_percent"),
                    *most_percent,
                    1,
                    MAX_PERCENT,
                )
            }
            Expectation::DecisionOfMatrix { within_percent } => {
                let field = format!("{field}.within_percent");
                range(&field, *within_percent, 1, MAX_PERCENT)
            }
            Expectation::Recovers {
                height,
                resends,
                delays,
                base_percent,
            } => {
                range(&format!("{field}.height"), *height, 1, u32::MAX)?;
                range(&format!("{field}.resends"), *resends, 0, MAX_PERCENT)?;
                range(&format!("{field}.delays"), *delays, 0, MAX_PERCENT)?;
                let field = format!("{field}.base_percent");
                range(&field, *base_percent, 1, MAX_PERCENT)
            }
            Expectation::Replaced { .. } | Expectation::ViewEntered { .. } => Ok(()),
            Expectation::Locked { until_ms, .. } => range(
                &format!("{field}.until_ms"),
                until_ms.unwrap_or(self.duration_ms),
                1,
                self.duration_ms,
            ),
            Expectation::Evidence { against } => against
                .iter()
                .try_for_each(|one| self.check_validator(&format!("{field}.against"), *one)),
            Expectation::Happens { condition, by_ms } => {
                range(&format!("{field}.by_ms"), *by_ms, 0, self.duration_ms)?;
                self.check_condition(&format!("{field}.condition"), condition)
            }
            Expectation::Never { condition } => {
                self.check_condition(&format!("{field}.condition"), condition)
            }
            Expectation::Before { first, then } => {
                self.check_condition(&format!("{field}.first"), first)?;
                self.check_condition(&format!("{field}.then"), then)
            }
            Expectation::SilentUntil { node, .. } => {
                self.check_node(&format!("{field}.node"), *node)
            }
            Expectation::Violates { invariant } => {
                let known = Invariant::ALL.map(Invariant::name);
                if !known.contains(&invariant.as_str()) {
                    return Err(PlanError::UnknownName {
                        field: format!("{field}.invariant"),
                        value: invariant.clone(),
                        known: known.join(", "),
                    });
                }
                if self.allow_broken {
                    return Ok(());
                }
                Err(PlanError::Conflict {
                    field: field.to_owned(),
                    other: "allow_broken".to_owned(),
                    problem: "a violation can be expected of a plan that allows one only"
                        .to_owned(),
                })
            }
        }
    }

    pub(super) fn check_nodes(&self, field: &str, nodes: &Nodes) -> Result<(), PlanError> {
        match nodes {
            Nodes::All | Nodes::Leader { .. } | Nodes::NotLeader { .. } => Ok(()),
            Nodes::Only(nodes) | Nodes::Except(nodes) => nodes
                .iter()
                .try_for_each(|node| self.check_node(field, *node)),
        }
    }

    pub(super) fn check_node(&self, field: &str, node: u16) -> Result<(), PlanError> {
        no_such(field, node, self.node_count())
    }

    pub(super) fn check_validator(&self, field: &str, validator: u16) -> Result<(), PlanError> {
        no_such(field, validator, self.validators)
    }
}
