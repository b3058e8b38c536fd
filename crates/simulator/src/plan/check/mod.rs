//! Checking a plan before it runs.

mod limits;
mod older;
mod parts;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use super::{Condition, Fate, FaultKind, MAX_DURATION_MS, MAX_VALIDATORS, Plan, PlanError};
use limits::{
    MAX_DELAY_US, MAX_LOSS_PPM, MILLION, check_attack, check_disjoint, check_drift, check_latency,
    check_skew, check_span, check_speed, check_swing, range,
};

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
        self.timers.check(self.block_time_ms)?;
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
        self.check_protocol()
    }

    fn check_network(&self) -> Result<(), PlanError> {
        let network = &self.network;
        check_latency("network.latency", &network.latency)?;
        range("network.jitter_us", network.jitter_us, 0, MAX_DELAY_US)?;
        range("network.reorder_us", network.reorder_us, 0, MAX_DELAY_US)?;
        range("network.loss_ppm", network.loss_ppm, 0, MAX_LOSS_PPM)?;
        range("network.duplicate_ppm", network.duplicate_ppm, 0, MILLION)?;
        range("network.reorder_ppm", network.reorder_ppm, 0, MILLION)?;
        if let Some(swing) = &network.swing {
            check_swing("network.swing", swing)?;
        }
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
                if self.protocol.is_three() {
                    check_attack(&format!("byzantine[{at}].attacks[{name}]"), attack)?;
                }
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
}
