//! Limits of single values, and the errors that name them.

use neo_adversary::Attack;

use super::super::{Latency, MAX_DURATION_MS, PlanError, Span, Swing};
use crate::wan;

/// Longest delay of a message, in microseconds: one minute.
pub(super) const MAX_DELAY_US: u64 = 60_000_000;
/// One million, the whole in `ppm`.
pub(super) const MILLION: u32 = 1_000_000;
/// Most messages lost in a million: with more nothing at all gets through.
pub(super) const MAX_LOSS_PPM: u32 = 950_000;
/// Greatest clock drift, in millionths: a tenth.
pub(super) const MAX_DRIFT_PPM: i64 = 100_000;
/// Greatest skew of a wall clock, in milliseconds: one day.
pub(super) const MAX_SKEW_MS: i64 = 86_400_000;
/// Slowest node, in hundredths of the usual time: a thousand times slower.
pub(super) const MAX_SLOW_PERCENT: u32 = 100_000;

/// Greatest share and number in expectations of times: a hundred times as much.
pub(super) const MAX_PERCENT: u32 = 10_000;
/// Greatest share of the usual delays: a hundred times them.
pub(super) const MAX_SWING_PERCENT: u32 = 10_000;

pub(super) fn no_such(field: &str, node: u16, count: u16) -> Result<(), PlanError> {
    if node < count {
        return Ok(());
    }
    Err(PlanError::NoSuchNode {
        field: field.to_owned(),
        node,
        last: count.saturating_sub(1),
    })
}

pub(super) fn check_span(field: &str, span: &Span) -> Result<(), PlanError> {
    range(&format!("{field}.to"), span.to, span.from, u32::MAX)
}

pub(super) fn check_speed(field: &str, percent: u32) -> Result<(), PlanError> {
    range(field, percent, 1, MAX_SLOW_PERCENT)
}

pub(super) fn check_skew(field: &str, ms: i64) -> Result<(), PlanError> {
    range(field, ms, -MAX_SKEW_MS, MAX_SKEW_MS)
}

pub(super) fn check_drift(field: &str, ppm: i32) -> Result<(), PlanError> {
    range(field, ppm, -MAX_DRIFT_PPM, MAX_DRIFT_PPM)
}

pub(super) fn check_latency(field: &str, latency: &Latency) -> Result<(), PlanError> {
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

pub(super) fn check_swing(field: &str, swing: &Swing) -> Result<(), PlanError> {
    range(
        &format!("{field}.period_ms"),
        swing.period_ms,
        2,
        MAX_DURATION_MS,
    )?;
    range(
        &format!("{field}.least_percent"),
        swing.least_percent,
        1,
        MAX_SWING_PERCENT,
    )?;
    range(
        &format!("{field}.most_percent"),
        swing.most_percent,
        swing.least_percent,
        MAX_SWING_PERCENT,
    )
}

pub(super) fn check_disjoint(field: &str, groups: &[Vec<u16>]) -> Result<(), PlanError> {
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

pub(super) fn check_attack(field: &str, name: &str) -> Result<(), PlanError> {
    match name.parse::<Attack>() {
        Ok(_) => Ok(()),
        Err(_) => Err(PlanError::UnknownName {
            field: field.to_owned(),
            value: name.to_owned(),
            known: Attack::ALL.map(Attack::name).join(", "),
        }),
    }
}

pub(super) fn range<T: TryInto<i64>, L: TryInto<i64>, G: TryInto<i64>>(
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
