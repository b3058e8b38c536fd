//! What a plan of dBFT 2.0 cannot say: the older protocol has no certificates, no proofs of guilt, and timers
//! that follow from the block time.

use neo_adversary::v2::Attack;

use super::super::{Condition, Expectation, Part, Plan, PlanError, Seen, Timers, Version};

impl Plan {
    /// Refuses what the protocol of the plan does not have.
    pub(super) fn check_protocol(&self) -> Result<(), PlanError> {
        if self.protocol == Version::Three {
            let locked = |one: &Expectation| matches!(one, Expectation::Locked { .. });
            return match self.expect.iter().position(locked) {
                None => Ok(()),
                Some(at) => Err(conflict(
                    &format!("expect[{at}].locked"),
                    "dBFT 3.0 has no lock",
                )),
            };
        }
        if self.allow_broken {
            return refuse("allow_broken", "nobody is convicted in dBFT 2.0");
        }
        let timers = Timers {
            max_block_time_ms: self.timers.max_block_time_ms,
            ..Timers::default()
        };
        if self.timers != timers {
            return refuse(
                "timers",
                "the timers of dBFT 2.0 follow from block_time_ms; only max_block_time_ms can be set",
            );
        }
        if self.block_time_ms == 0 {
            return refuse("block_time_ms", "dBFT 2.0 counts its timers in block times");
        }
        for (at, byzantine) in self.byzantine.iter().enumerate() {
            for (name, attack) in byzantine.attacks.iter().enumerate() {
                check_attack(&format!("byzantine[{at}].attacks[{name}]"), attack)?;
            }
        }
        for (at, filter) in self.filters.iter().enumerate() {
            let known = filter.carrying.iter().all(|part| *part == Part::Votes);
            if !known {
                let field = format!("filters[{at}].carrying");
                return refuse(&field, "messages of dBFT 2.0 carry votes only");
            }
            for (name, condition) in [("after", &filter.after), ("until", &filter.until)] {
                if let Some(condition) = condition {
                    check_condition(&format!("filters[{at}].{name}"), condition)?;
                }
            }
        }
        for (at, fault) in self.faults.iter().enumerate() {
            check_condition(&format!("faults[{at}].when"), &fault.when)?;
        }
        if let Some(condition) = &self.stop_when {
            check_condition("stop_when", condition)?;
        }
        for (at, expectation) in self.expect.iter().enumerate() {
            check_expectation(&format!("expect[{at}]"), expectation)?;
        }
        Ok(())
    }
}

fn conflict(field: &str, problem: &str) -> PlanError {
    PlanError::Conflict {
        field: field.to_owned(),
        other: "protocol".to_owned(),
        problem: problem.to_owned(),
    }
}

fn refuse(field: &str, problem: &str) -> Result<(), PlanError> {
    Err(conflict(field, problem))
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

fn check_condition(field: &str, condition: &Condition) -> Result<(), PlanError> {
    match condition {
        Condition::At(_) => Ok(()),
        Condition::After { condition, .. } => check_condition(field, condition),
        // One of several may be what only the other protocol has: so both can follow one schedule.
        Condition::Any(_) => Ok(()),
        Condition::All(all) => all.iter().try_for_each(|one| check_condition(field, one)),
        Condition::Seen(seen) => {
            let name = match seen {
                Seen::Prepared { .. } => "prepared",
                Seen::Quiet { .. } => "quiet",
                Seen::Evidence { .. } => "evidence",
                _ => return Ok(()),
            };
            refuse(
                &format!("{field}.seen.{name}"),
                "this is never seen in dBFT 2.0",
            )
        }
    }
}

fn check_expectation(field: &str, expectation: &Expectation) -> Result<(), PlanError> {
    let name = match expectation {
        Expectation::BaseOverDecision { .. } => "base_over_decision",
        Expectation::DecisionOfMatrix { .. } => "decision_of_matrix",
        Expectation::Recovers { .. } => "recovers",
        Expectation::Reproposed { .. } => "reproposed",
        Expectation::Evidence { against } if !against.is_empty() => "evidence",
        Expectation::Violates { .. } => "violates",
        Expectation::Happens { condition, .. } | Expectation::Never { condition } => {
            return check_condition(field, condition);
        }
        Expectation::Before { first, then } => {
            check_condition(&format!("{field}.first"), first)?;
            return check_condition(&format!("{field}.then"), then);
        }
        _ => return Ok(()),
    };
    refuse(
        &format!("{field}.{name}"),
        "dBFT 2.0 has nothing of the kind",
    )
}
