//! Values of `consensus`, `network` and `security` with which no node can run: each is refused with the value, the
//! limit and the place.

use serde_json::{Value, json};

use super::tests::refusal;

/// Each row changes one section of a good document, and names how the refusal begins.
fn all_refused(section: &str, rows: &[(Value, &str)]) {
    for (values, expected) in rows {
        let error = refusal(section, values.clone());
        assert!(error.starts_with(expected), "{values}: {error}");
    }
}

#[test]
fn timers() {
    all_refused(
        "/consensus",
        &[
            (
                json!({"min_timeout_ms": 0}),
                "consensus.min_timeout_ms: min_timeout is 0ns, it has to be from 10ms to 3600s",
            ),
            (
                json!({"min_timeout_ms": 3_600_001, "base_timeout_ms": 600_000, "max_timeout_ms": 3_600_000}),
                "consensus.min_timeout_ms: min_timeout is 3600.001s, it has to be from 10ms to 3600s",
            ),
            (
                json!({"min_timeout_ms": 2_000}),
                "consensus.base_timeout_ms: base_timeout is 1s, that is less than min_timeout, 2s",
            ),
            (
                json!({"base_timeout_ms": 600_001}),
                "consensus.base_timeout_ms: 600001 is not within 10 to 600000",
            ),
            (
                json!({"max_timeout_ms": 3_600_001}),
                "consensus.max_timeout_ms: 3600001 is not within 1000 to 3600000",
            ),
            (
                json!({"backoff_multiplier": 10.5}),
                "consensus.backoff_multiplier: 10.5 is not within 1 to 10",
            ),
            (
                json!({"max_retries": 65}),
                "consensus.max_retries: max_retries is 65, it has to be from 0 to 64",
            ),
            (
                json!({"resend_interval_ms": 9}),
                "consensus.resend_interval_ms: 9 is not within 10 to 60000",
            ),
            (
                json!({"emergency_after_ms": 500}),
                "consensus.emergency_after_ms: emergency_after is 500ms, that is less than base_timeout, 1s",
            ),
            (
                json!({"emergency_after_ms": 2_000, "resend_interval_ms": 3_000}),
                "consensus.emergency_after_ms: emergency_after is 2s, that is less than resend_interval, 3s",
            ),
            (
                json!({"max_block_time_ms": 999}),
                "consensus.max_block_time_ms: max_block_time is 999ms, that is less than the block time, ",
            ),
            (
                json!({"max_block_time_ms": 3_600_001}),
                "consensus.max_block_time_ms: max_block_time is 3600.001s, it has to be from 10ms to 3600s",
            ),
            (
                json!({"max_retries": -1}),
                "consensus.max_retries: invalid value: integer `-1`",
            ),
            (
                json!({"adaptive": 1}),
                "consensus.adaptive: invalid type: integer `1`, expected a boolean",
            ),
        ],
    );
}

#[test]
fn bounds_of_what_the_node_adjusts() {
    all_refused(
        "/consensus",
        &[
            (
                json!({"max_block_transactions": 65_536}),
                "consensus.max_block_transactions: 65536 is not within 1 to 65535",
            ),
            (
                json!({"min_block_transactions": 100, "max_block_transactions": 99}),
                "consensus.min_block_transactions: 100 is not within 1 to 99",
            ),
            (
                json!({"max_verification_threads": 257}),
                "consensus.max_verification_threads: 257 is not within 1 to 256",
            ),
            (
                json!({"min_verification_threads": 0}),
                "consensus.min_verification_threads: 0 is not within 1 to 64",
            ),
            (
                json!({"min_verification_threads": 9, "max_verification_threads": 8}),
                "consensus.min_verification_threads: 9 is not within 1 to 8",
            ),
        ],
    );
    all_refused(
        "/network",
        &[
            (
                json!({"max_fan_out": 1_025}),
                "network.max_fan_out: 1025 is not within 1 to 1024",
            ),
            (
                json!({"max_dials": 0}),
                "network.max_dials: 0 is not within 1 to 1024",
            ),
            (
                json!({"min_fan_out": 0}),
                "network.min_fan_out: 0 is not within 1 to 1024",
            ),
            (
                json!({"min_fan_out": 5, "max_fan_out": 4}),
                "network.min_fan_out: 5 is not within 1 to 4",
            ),
        ],
    );
}

#[test]
fn security() {
    all_refused(
        "/security",
        &[
            (
                json!({"audit_dir": ""}),
                "security.audit_dir: the path is empty",
            ),
            (
                json!({"audit_segment_bytes": 65_535}),
                "security.audit_segment_bytes: 65535 is not within 65536 to 1073741824",
            ),
            (
                json!({"audit_segments": 1}),
                "security.audit_segments: 1 is not within 2 to 10000",
            ),
            (
                json!({"evidence_per_validator": 0}),
                "security.evidence_per_validator: 0 is not within 1 to 1024",
            ),
            (
                json!({"evidence_per_validator": 100, "evidence_total": 99}),
                "security.evidence_total: 99 is not within 100 to 65536",
            ),
            (
                json!({"evidence_bytes": 1}),
                "security.evidence_bytes: 1 is not within 65536 to 1073741824",
            ),
            (
                json!({"audit": "yes"}),
                "security.audit: invalid type: string \"yes\", expected a boolean",
            ),
            (
                json!({"evidence": 7}),
                "security.evidence: unknown field `evidence`",
            ),
        ],
    );
}
