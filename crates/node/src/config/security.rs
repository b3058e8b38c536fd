//! The section about the audit log, evidence, and what a node does by itself about them.

use std::path::PathBuf;

use neo_audit::Limits;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is kept of attacks and of what operators must know, and how much of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SecurityConfig {
    /// Whether an audit log is written.
    pub audit: bool,
    /// Folder of the audit log; left out, `audit` in the data folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audit_dir: Option<PathBuf>,
    /// Bytes after which a segment of the audit log is followed by the next.
    #[schemars(range(min = 65_536, max = 1_073_741_824))]
    pub audit_segment_bytes: u64,
    /// Segments of the audit log that are kept; older ones are removed.
    #[schemars(range(min = 2, max = 10_000))]
    pub audit_segments: usize,
    /// Proofs kept against one validator.
    #[schemars(range(min = 1, max = 1_024))]
    pub evidence_per_validator: usize,
    /// Proofs kept in all.
    #[schemars(range(min = 1, max = 65_536))]
    pub evidence_total: usize,
    /// Bytes of proofs kept in all.
    #[schemars(range(min = 65_536, max = 1_073_741_824))]
    pub evidence_bytes: u64,
}

impl Default for SecurityConfig {
    fn default() -> Self {
        let audit = Limits::default();
        Self {
            audit: true,
            audit_dir: None,
            audit_segment_bytes: audit.segment_bytes,
            audit_segments: audit.segments,
            evidence_per_validator: 64,
            evidence_total: 1_024,
            evidence_bytes: 16 << 20,
        }
    }
}

impl SecurityConfig {
    /// Bounds of the audit log.
    #[must_use]
    pub fn audit_limits(&self) -> Limits {
        Limits {
            segment_bytes: self.audit_segment_bytes,
            segments: self.audit_segments,
        }
    }
}
