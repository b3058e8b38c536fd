//! Checking a plan before it runs.

use std::collections::BTreeSet;

use neo_adversary::Attack;
use neo_consensus::v3::phase::Phase;
use neo_invariants::Invariant;

use super::{
    Condition, Expectation, Fate, FaultKind, Latency, MAX_DURATION_MS, MAX_VALIDATORS, Nodes, Plan,
    PlanError, Seen, Span,
};
use crate::wan;

/// Longest delay of a message, in microseconds: one minute.
const MAX_DELAY_US: u64 = 60_000_000;
/// One million, the whole in `ppm`.
const MILLION: u32 = 1_000_000;
/// Most messages lost in a million: with more nothing at all gets through.
const MAX_LOSS_PPM: u32 = 950_000;
/// Greatest clock drift, in millionths: a tenth.
const MAX_DRIFT_PPM: i64 = 100_000;
/// Greatest skew of a wall clock, in milliseconds: one day.
const MAX_SKEW_MS: i64 = 86_400_000;
/// Slowest node, in hundredths of the usual time: a thousand times slower.
const MAX_SLOW_PERCENT: u32 = 100_000;

impl Plan {
    /// Checks every field.
    ///
    /// # Errors
    /// The first field with an impossible value, with its limits.
    pub fn validate(&self) -> Result<(), PlanError> {
        range("validators", self.validators, 1, MAX_VALIDATORS)?;
        range("duration_ms", self.duration_ms, 1, MAX_DURATION_MS)?;
        range("block_time_ms", self.block_time_ms, 0, 3_600_000)?;
        range("load_per_s", self.load_per_s, 0, 100_000)?;
        range("gossip_percent", self.gossip_percent, 0, 100)?;
        range("heal_bound_ms", self.heal_bound_ms, 1, MAX_DURATION_MS)?;
        self.check_network()?;
        self.check_timers()?;
        self.check_validators()?;
        self.check_quirks()?;
        self.check_healing()?;
        for (at, fault) in self.faults.iter().enumerate() {
            let field = format!("faults[{at}]");
            self.check_condition(&format!("{field}.when"), &fault.when)?;
            self.check_fault(&format!("{field}.kind"), &fault.kind)?;
        }
        self.check_partitions()?;
        self.check_filters()?;
        if let Some(condition) = &self.stop_when {
            self.check_condition("stop_when", condition)?;
        }
        for (at, expectation) in self.expect.iter().enumerate() {
            self.check_expectation(&format!("expect[{at}]"), expectation)?;
        }
        Ok(())
    }

    fn check_network(&self) -> Result<(), PlanError> {
        let network = &self.network;
        check_latency("network.latency", &network.latency)?;
        range("network.jitter_us", network.jitter_us, 0, MAX_DELAY_US)?;
        range("network.reorder_us", network.reorder_us, 0, MAX_DELAY_US)?;
        range("network.loss_ppm", network.loss_ppm, 0, MAX_LOSS_PPM)?;
        range("network.duplicate_ppm", network.duplicate_ppm, 0, MILLION)?;
        range("network.reorder_ppm", network.reorder_ppm, 0, MILLION)?;
        range(
            "network.bandwidth_kbps",
            network.bandwidth_kbps,
            0,
            1_000_000_000_u64,
        )?;
        let compute = &self.compute;
        for (field, value) in [
            ("compute.verify_ns", compute.verify_ns),
            ("compute.sign_ns", compute.sign_ns),
            ("compute.kibibyte_ns", compute.kibibyte_ns),
            ("compute.message_ns", compute.message_ns),
            ("compute.sync_ns", compute.sync_ns),
        ] {
            range(field, value, 0, 1_000_000_000_u64)?;
        }
        Ok(())
    }

    fn check_timers(&self) -> Result<(), PlanError> {
        let timers = &self.timers;
        range(
            "timers.base_timeout_ms",
            timers.base_timeout_ms,
            1,
            3_600_000,
        )?;
        range("timers.backoff_percent", timers.backoff_percent, 100, 1_000)?;
        range(
            "timers.max_timeout_ms",
            timers.max_timeout_ms,
            timers.base_timeout_ms,
            MAX_DURATION_MS,
        )?;
        range(
            "timers.resend_interval_ms",
            timers.resend_interval_ms,
            1,
            3_600_000,
        )
    }

    fn check_validators(&self) -> Result<(), PlanError> {
        let mut faulty = BTreeSet::new();
        for (at, byzantine) in self.byzantine.iter().enumerate() {
            let field = format!("byzantine[{at}].validator");
            self.check_validator(&field, byzantine.validator)?;
            if !faulty.insert(byzantine.validator) {
                return Err(PlanError::Repeated {
                    field,
                    node: byzantine.validator,
                });
            }
            for (name, attack) in byzantine.attacks.iter().enumerate() {
                check_attack(&format!("byzantine[{at}].attacks[{name}]"), attack)?;
            }
        }
        for (at, twin) in self.twins.iter().enumerate() {
            let field = format!("twins[{at}]");
            self.check_validator(&field, *twin)?;
            if !faulty.insert(*twin) {
                return Err(PlanError::Repeated { field, node: *twin });
            }
        }
        let byzantine = u16::try_from(faulty.len()).unwrap_or(u16::MAX);
        let tolerated = self.tolerated();
        let limit = self.validators.saturating_sub(tolerated).saturating_sub(1);
        if byzantine > tolerated && !self.allow_broken {
            return Err(PlanError::TooManyByzantine {
                byzantine,
                validators: self.validators,
                tolerated,
            });
        }
        if byzantine > limit {
            return Err(PlanError::ByzantineQuorum {
                byzantine,
                validators: self.validators,
                limit,
            });
        }
        Ok(())
    }

    fn check_quirks(&self) -> Result<(), PlanError> {
        let mut named = BTreeSet::new();
        for (at, quirk) in self.nodes.iter().enumerate() {
            let field = format!("nodes[{at}]");
            self.check_node(&format!("{field}.node"), quirk.node)?;
            if !named.insert(quirk.node) {
                return Err(PlanError::Repeated {
                    field: format!("{field}.node"),
                    node: quirk.node,
                });
            }
            check_speed(&format!("{field}.slow_percent"), quirk.slow_percent)?;
            check_skew(&format!("{field}.skew_ms"), quirk.skew_ms)?;
            check_drift(&format!("{field}.drift_ppm"), quirk.drift_ppm)?;
        }
        Ok(())
    }

    fn check_healing(&self) -> Result<(), PlanError> {
        let Some(heal_at) = self.heal_at_ms else {
            return Ok(());
        };
        range("heal_at_ms", heal_at, 0, self.duration_ms)?;
        let left = self.duration_ms.saturating_sub(heal_at);
        if self.heal_bound_ms > left {
            return Err(PlanError::Conflict {
                field: "heal_bound_ms".to_owned(),
                other: "duration_ms".to_owned(),
                problem: format!(
                    "{} ms after the healing at {heal_at} ms lie behind the end at {} ms",
                    self.heal_bound_ms, self.duration_ms
                ),
            });
        }
        Ok(())
    }

    fn check_fault(&self, field: &str, kind: &FaultKind) -> Result<(), PlanError> {
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

    /// Groups are disjoint, and one partition ends before the next begins.
    fn check_partitions(&self) -> Result<(), PlanError> {
        let mut timed = Vec::new();
        for (at, fault) in self.faults.iter().enumerate() {
            if let FaultKind::Partition { groups } = &fault.kind {
                let field = format!("faults[{at}].kind.groups");
                range(&field, groups.len(), 1, usize::from(self.node_count()))?;
                check_disjoint(&field, groups)?;
            }
            let changes = matches!(fault.kind, FaultKind::Partition { .. } | FaultKind::Heal);
            if let (Condition::At(ms), true) = (&fault.when, changes) {
                timed.push((*ms, at, fault));
            }
        }
        timed.sort_by_key(|(ms, at, _)| (*ms, *at));
        let mut open: Option<(u64, usize)> = None;
        for (ms, at, fault) in timed {
            if matches!(fault.kind, FaultKind::Heal) {
                open = None;
            } else if let Some((since, earlier)) = open {
                return Err(PlanError::OverlappingPartitions {
                    field: format!("faults[{at}] at {ms} ms"),
                    other: format!("faults[{earlier}] at {since} ms"),
                    what: "the earlier partition is not healed".to_owned(),
                });
            } else {
                open = Some((ms, at));
            }
        }
        Ok(())
    }

    fn check_filters(&self) -> Result<(), PlanError> {
        for (at, filter) in self.filters.iter().enumerate() {
            let field = format!("filters[{at}]");
            check_span(&format!("{field}.heights"), &filter.heights)?;
            check_span(&format!("{field}.views"), &filter.views)?;
            self.check_nodes(&format!("{field}.from"), &filter.from)?;
            self.check_nodes(&format!("{field}.to"), &filter.to)?;
            for (name, condition) in [("after", &filter.after), ("until", &filter.until)] {
                if let Some(condition) = condition {
                    self.check_condition(&format!("{field}.{name}"), condition)?;
                }
            }
            match filter.fate {
                Fate::Delay { us } => {
                    range(&format!("{field}.fate.delay.us"), us, 1, MAX_DELAY_US)?;
                }
                Fate::Duplicate { copies } => {
                    range(&format!("{field}.fate.duplicate.copies"), copies, 2, 100)?;
                }
                Fate::Hold if filter.until.is_none() && self.heal_at_ms.is_none() => {
                    return Err(PlanError::Conflict {
                        field: format!("{field}.fate"),
                        other: format!("{field}.until"),
                        problem: "what is held needs a condition that lets it go".to_owned(),
                    });
                }
                Fate::Hold | Fate::Drop | Fate::Pass => {}
            }
        }
        Ok(())
    }

    fn check_condition(&self, field: &str, condition: &Condition) -> Result<(), PlanError> {
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

    fn check_seen(&self, field: &str, seen: &Seen) -> Result<(), PlanError> {
        match seen {
            Seen::Decided { nodes, least, .. }
            | Seen::Witnessed { nodes, least, .. }
            | Seen::Stored { nodes, least, .. }
            | Seen::Entered { nodes, least, .. }
            | Seen::Prepared { nodes, least, .. }
            | Seen::Crashed { nodes, least }
            | Seen::Restarted { nodes, least }
            | Seen::Voting { nodes, least }
            | Seen::Fetched { nodes, least } => self.check_least(field, nodes, *least),
            Seen::Phase {
                phase,
                nodes,
                least,
                ..
            } => {
                let known = Phase::ALL.map(|phase| phase.to_string());
                if !known.contains(phase) {
                    return Err(PlanError::UnknownName {
                        field: format!("{field}.phase"),
                        value: phase.clone(),
                        known: known.join(", "),
                    });
                }
                self.check_least(field, nodes, *least)
            }
            Seen::Sent {
                heights,
                views,
                from,
                to,
                count,
                ..
            }
            | Seen::Delivered {
                heights,
                views,
                from,
                to,
                count,
                ..
            } => {
                check_span(&format!("{field}.heights"), heights)?;
                check_span(&format!("{field}.views"), views)?;
                self.check_nodes(&format!("{field}.from"), from)?;
                self.check_nodes(&format!("{field}.to"), to)?;
                range(&format!("{field}.count"), *count, 1, u32::MAX)
            }
            Seen::Evidence { against } => {
                self.check_validator(&format!("{field}.against"), *against)
            }
        }
    }

    fn check_least(&self, field: &str, nodes: &Nodes, least: u16) -> Result<(), PlanError> {
        self.check_nodes(&format!("{field}.nodes"), nodes)?;
        let greatest = match nodes {
            Nodes::Only(only) => u16::try_from(only.len()).unwrap_or(u16::MAX),
            _ => self.node_count(),
        };
        range(&format!("{field}.least"), least, 1, greatest)
    }

    fn check_expectation(&self, field: &str, expectation: &Expectation) -> Result<(), PlanError> {
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
            Expectation::Replaced { .. } | Expectation::ViewEntered { .. } => Ok(()),
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

    fn check_nodes(&self, field: &str, nodes: &Nodes) -> Result<(), PlanError> {
        match nodes {
            Nodes::All | Nodes::Leader { .. } | Nodes::NotLeader { .. } => Ok(()),
            Nodes::Only(nodes) | Nodes::Except(nodes) => nodes
                .iter()
                .try_for_each(|node| self.check_node(field, *node)),
        }
    }

    fn check_node(&self, field: &str, node: u16) -> Result<(), PlanError> {
        no_such(field, node, self.node_count())
    }

    fn check_validator(&self, field: &str, validator: u16) -> Result<(), PlanError> {
        no_such(field, validator, self.validators)
    }
}

fn no_such(field: &str, node: u16, count: u16) -> Result<(), PlanError> {
    if node < count {
        return Ok(());
    }
    Err(PlanError::NoSuchNode {
        field: field.to_owned(),
        node,
        last: count.saturating_sub(1),
    })
}

fn range<T: TryInto<i64>, L: TryInto<i64>, G: TryInto<i64>>(
    field: &str,
    value: T,
    least: L,
    greatest: G,
) -> Result<(), PlanError> {
    let value = value.try_into().unwrap_or(i64::MAX);
    let (least, greatest) = (
        least.try_into().unwrap_or(i64::MAX),
        greatest.try_into().unwrap_or(i64::MAX),
    );
    if (least..=greatest).contains(&value) {
        return Ok(());
    }
    Err(PlanError::Range {
        field: field.to_owned(),
        value,
        least,
        greatest,
    })
}

fn check_span(field: &str, span: &Span) -> Result<(), PlanError> {
    range(&format!("{field}.to"), span.to, span.from, u32::MAX)
}

fn check_speed(field: &str, percent: u32) -> Result<(), PlanError> {
    range(field, percent, 1, MAX_SLOW_PERCENT)
}

fn check_skew(field: &str, ms: i64) -> Result<(), PlanError> {
    range(field, ms, -MAX_SKEW_MS, MAX_SKEW_MS)
}

fn check_drift(field: &str, ppm: i32) -> Result<(), PlanError> {
    range(field, ppm, -MAX_DRIFT_PPM, MAX_DRIFT_PPM)
}

fn check_latency(field: &str, latency: &Latency) -> Result<(), PlanError> {
    match latency {
        Latency::Lan => Ok(()),
        Latency::Uniform { min_us, max_us } => {
            range(&format!("{field}.uniform.min_us"), *min_us, 0, MAX_DELAY_US)?;
            range(
                &format!("{field}.uniform.max_us"),
                *max_us,
                *min_us,
                MAX_DELAY_US,
            )
        }
        Latency::Wan { regions } => {
            for name in regions {
                if wan::region(name).is_none() {
                    return Err(PlanError::UnknownName {
                        field: format!("{field}.wan.regions"),
                        value: name.clone(),
                        known: wan::REGIONS.join(", "),
                    });
                }
            }
            Ok(())
        }
    }
}

fn check_disjoint(field: &str, groups: &[Vec<u16>]) -> Result<(), PlanError> {
    let mut seen: Vec<(u16, usize)> = Vec::new();
    for (at, group) in groups.iter().enumerate() {
        for node in group {
            if let Some((_, earlier)) = seen.iter().find(|(other, _)| other == node) {
                return Err(PlanError::OverlappingPartitions {
                    field: format!("{field}[{at}]"),
                    other: format!("{field}[{earlier}]"),
                    what: format!("node {node} stands in both"),
                });
            }
            seen.push((*node, at));
        }
    }
    Ok(())
}

fn check_attack(field: &str, name: &str) -> Result<(), PlanError> {
    match name.parse::<Attack>() {
        Ok(_) => Ok(()),
        Err(_) => Err(PlanError::UnknownName {
            field: field.to_owned(),
            value: name.to_owned(),
            known: Attack::ALL.map(Attack::name).join(", "),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Byzantine, Fault, Filter, Latency, NodeQuirk};
    use proptest::prelude::*;

    fn refused(change: impl FnOnce(&mut Plan)) -> String {
        let mut plan = Plan::new(4, 10_000);
        assert_eq!(plan.validate(), Ok(()));
        change(&mut plan);
        plan.validate().unwrap_err().to_string()
    }

    #[test]
    fn numbers_outside_their_limits_are_named_with_them() {
        let error = refused(|plan| plan.validators = 0);
        assert_eq!(error, "validators is 0, the limits are 1 and 255");
        let error = refused(|plan| plan.validators = 256);
        assert_eq!(error, "validators is 256, the limits are 1 and 255");
        let error = refused(|plan| plan.network.loss_ppm = 2_000_000);
        assert!(error.starts_with("network.loss_ppm is 2000000"), "{error}");
        let error = refused(|plan| {
            plan.network.latency = Latency::Uniform {
                min_us: 9,
                max_us: 8,
            };
        });
        assert!(
            error.contains("max_us is 8, the limits are 9 and"),
            "{error}"
        );
        let error = refused(|plan| plan.heal_at_ms = Some(5_000));
        assert!(error.contains("heal_bound_ms and duration_ms"), "{error}");
    }

    #[test]
    fn more_than_f_byzantine_need_permission_and_a_quorum_gets_none() {
        let attackers = |count: u16| -> Vec<Byzantine> {
            (0..count)
                .map(|validator| Byzantine {
                    validator,
                    attacks: Vec::new(),
                })
                .collect()
        };
        let error = refused(|plan| plan.byzantine = attackers(2));
        assert!(
            error.contains("the limit is 1 unless allow_broken"),
            "{error}"
        );
        let error = refused(|plan| {
            plan.byzantine = attackers(1);
            plan.twins = vec![3];
        });
        assert!(
            error.starts_with("2 Byzantine validators and twins"),
            "{error}"
        );
        let error = refused(|plan| {
            plan.allow_broken = true;
            plan.byzantine = attackers(3);
        });
        assert!(error.contains("are a quorum"), "{error}");
        let mut plan = Plan::new(4, 10_000);
        plan.allow_broken = true;
        plan.byzantine = attackers(2);
        assert_eq!(plan.validate(), Ok(()));
    }

    #[test]
    fn partitions_do_not_overlap_in_nodes_or_in_time() {
        let split = |groups: &[&[u16]]| FaultKind::Partition {
            groups: groups.iter().map(|group| group.to_vec()).collect(),
        };
        let error = refused(|plan| plan.faults = vec![Fault::at(5, split(&[&[0, 1], &[1, 2]]))]);
        assert!(error.contains("node 1 stands in both"), "{error}");
        let twice = vec![
            Fault::at(50, split(&[&[0], &[1, 2, 3]])),
            Fault::at(5, split(&[&[0, 1], &[2, 3]])),
        ];
        let error = refused(|plan| plan.faults = twice.clone());
        assert_eq!(
            error,
            "faults[0] at 50 ms overlaps faults[1] at 5 ms: the earlier partition is not healed"
        );
        let mut plan = Plan::new(4, 10_000);
        plan.faults = twice;
        plan.faults.push(Fault::at(20, FaultKind::Heal));
        assert_eq!(plan.validate(), Ok(()));
    }

    #[test]
    fn names_and_nodes_that_do_not_exist_are_refused() {
        let error = refused(|plan| plan.nodes = vec![NodeQuirk::usual(4)]);
        assert_eq!(
            error,
            "nodes[0].node names node 4, the nodes of this plan are 0 to 3"
        );
        let error = refused(|plan| {
            plan.byzantine = vec![Byzantine {
                validator: 1,
                attacks: vec!["magic".to_owned()],
            }];
        });
        assert!(
            error.contains("is `magic`, known are equivocate-proposals"),
            "{error}"
        );
        let error = refused(|plan| {
            plan.network.latency = Latency::Wan {
                regions: vec!["atlantis".to_owned()],
            };
        });
        assert!(error.contains("known are dallas"), "{error}");
        let error = refused(|plan| {
            plan.filters = vec![Filter {
                fate: Fate::Hold,
                ..Filter::drop(&[])
            }];
        });
        assert!(
            error.contains("needs a condition that lets it go"),
            "{error}"
        );
    }

    #[test]
    fn an_unknown_key_is_an_error_that_names_it() {
        let text = r#"{"validators": 4, "duration_ms": 1000, "latencey": 3}"#;
        let error = serde_json::from_str::<Plan>(text).unwrap_err().to_string();
        assert!(error.contains("unknown field `latencey`"), "{error}");
    }

    proptest! {
        #[test]
        fn a_plan_survives_json(seed: u64, validators in 1_u16..30) {
            let plan = crate::swarm(validators, std::time::Duration::from_secs(20), seed);
            let text = serde_json::to_string(&plan).unwrap();
            prop_assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), plan);
        }

        #[test]
        fn what_passes_the_check_runs(
            validators in 0_u16..6,
            duration_ms in 0_u64..400,
            block_time_ms in 0_u64..300,
            loss_ppm in 0_u32..1_200_000,
            load_per_s in 0_u32..40,
            bandwidth_kbps in 0_u64..20_000,
            twin in 0_u16..8,
            heal in 0_u64..300,
        ) {
            let mut plan = Plan::new(validators, duration_ms);
            plan.block_time_ms = block_time_ms;
            plan.network.loss_ppm = loss_ppm;
            plan.network.bandwidth_kbps = bandwidth_kbps;
            plan.load_per_s = load_per_s;
            plan.heal_at_ms = Some(heal);
            plan.heal_bound_ms = 100_000;
            if twin < 4 {
                plan.twins = vec![twin];
            }
            // Nothing is promised within so short a time: it only has to end without a panic.
            if plan.validate().is_ok() {
                prop_assert!(crate::run(&plan, 1, &mut crate::NoTrace).is_ok());
            }
            plan.heal_at_ms = None;
            plan.heal_bound_ms = 1;
            if plan.validate().is_ok() {
                prop_assert!(crate::run(&plan, 1, &mut crate::NoTrace).is_ok());
            }
        }
    }
}
