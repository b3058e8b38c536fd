//! What the security layer counts.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

use super::families::Kind;

/// A validator and what it is found to do.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Found {
    validator: u32,
    fault: &'static str,
}

/// Counts and states of the security layer.
#[derive(Clone, Debug, Default)]
pub struct SecurityMetrics {
    alert_active: Family<Kind, Gauge>,
    alerts: Family<Kind, Counter>,
    finding_active: Family<Found, Gauge>,
    findings: Family<Found, Counter>,
    evidence_stored: Gauge,
    evidence_taken: Family<Kind, Counter>,
    audit_next: Gauge,
    audit_failures: Gauge,
}

impl SecurityMetrics {
    pub(super) fn register(&self, r: &mut Registry) {
        r.register(
            "alert_active",
            "1 while an alert is up, by kind",
            self.alert_active.clone(),
        );
        r.register("alerts", "Alerts raised, by kind", self.alerts.clone());
        r.register(
            "finding_active",
            "1 while a finding about a validator's conduct holds, by its index and fault",
            self.finding_active.clone(),
        );
        r.register(
            "findings",
            "Findings about validators' conduct, by index and fault",
            self.findings.clone(),
        );
        r.register(
            "evidence_stored",
            "Proofs against validators in the data folder",
            self.evidence_stored.clone(),
        );
        r.register(
            "evidence_taken",
            "Proofs by what became of them: stored, known, full, or why they were refused",
            self.evidence_taken.clone(),
        );
        r.register(
            "audit_next_line",
            "Number of the next line of the audit log",
            self.audit_next.clone(),
        );
        r.register(
            "audit_write_failures",
            "Writes of the audit log that failed and were tried again",
            self.audit_failures.clone(),
        );
    }

    /// An alert is up or not, and whether it was raised now.
    pub fn alert(&self, kind: &'static str, active: bool, raised: bool) {
        let gauge = self.alert_active.get_or_create(&Kind { kind });
        gauge.set(i64::from(active));
        if raised {
            self.alerts.get_or_create(&Kind { kind }).inc();
        }
    }

    /// A finding begins to hold, or does not hold any more.
    pub fn finding(&self, validator: u8, fault: &'static str, active: bool) {
        let found = Found {
            validator: u32::from(validator),
            fault,
        };
        self.finding_active
            .get_or_create(&found)
            .set(i64::from(active));
        if active {
            self.findings.get_or_create(&found).inc();
        }
    }

    /// What became of a proof, and how many are stored now.
    pub fn evidence(&self, outcome: &'static str, stored: usize) {
        self.evidence_taken
            .get_or_create(&Kind { kind: outcome })
            .inc();
        self.set_evidence(stored);
    }

    /// How many proofs are stored.
    pub fn set_evidence(&self, stored: usize) {
        self.evidence_stored
            .set(i64::try_from(stored).unwrap_or(i64::MAX));
    }

    /// How far the audit log is.
    pub fn audit(&self, next: u64, failures: u64) {
        self.audit_next.set(i64::try_from(next).unwrap_or(i64::MAX));
        self.audit_failures
            .set(i64::try_from(failures).unwrap_or(i64::MAX));
    }
}
