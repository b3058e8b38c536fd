//! The world of a run.

use std::time::Duration;

use crate::Options;
use crate::plan::Plan;
use crate::report::{Coverage, Latencies, Report, Stopped};
use crate::trace::{Fingerprint, TraceSink};

pub(crate) fn run(plan: &Plan, seed: u64, _sink: &mut dyn TraceSink, _options: Options) -> Report {
    Report {
        seed,
        violations: Vec::new(),
        unmet: Vec::new(),
        heights: 0,
        trace_hash: Fingerprint::default().finish(),
        decision: Latencies::default(),
        witness: Latencies::default(),
        view_changes: 0,
        messages: 0,
        message_bytes: 0,
        coverage: Coverage::default(),
        convicted: Vec::new(),
        ended: Duration::from_millis(plan.duration_ms),
        stopped: Stopped::Duration,
        events: 0,
    }
}
