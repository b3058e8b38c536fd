//! Labels and buckets.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, histogram::exponential_buckets},
    registry::Registry,
};

/// One kind of many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Kind {
    pub(super) kind: &'static str,
}

/// What came of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Outcome {
    pub(super) method: &'static str,
    /// 0 for a result, else the code of the error.
    pub(super) code: i32,
}

/// What came of a transaction: 0 when it was accepted, else the code of the error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Code {
    pub(super) code: i32,
}

/// Messages and their bytes, by kind.
#[derive(Clone, Debug, Default)]
pub(super) struct Traffic {
    messages: Family<Kind, Counter>,
    bytes: Family<Kind, Counter>,
}

impl Traffic {
    pub(super) fn count(&self, kind: &'static str, bytes: usize) {
        self.messages.get_or_create(&Kind { kind }).inc();
        self.bytes
            .get_or_create(&Kind { kind })
            .inc_by(bytes as u64);
    }

    pub(super) fn register(&self, registry: &mut Registry, way: &str, help: &str) {
        registry.register(
            format!("consensus_messages_{way}"),
            format!("Consensus messages {help}, by kind"),
            self.messages.clone(),
        );
        registry.register(
            format!("consensus_bytes_{way}"),
            format!("Bytes of consensus messages {help}, by kind"),
            self.bytes.clone(),
        );
    }
}

/// 1 ms to about 70 s in steps of 5 %, so that quantiles of block intervals come out exactly enough.
pub(super) fn fine_buckets() -> impl Iterator<Item = f64> {
    exponential_buckets(0.001, 1.05, 230)
}

/// 100 µs to about 46 s in steps of 15 %.
pub(super) fn latency_buckets() -> impl Iterator<Item = f64> {
    exponential_buckets(0.000_1, 1.15, 94)
}

/// 20 µs to about 10 s, in steps of a half.
pub(super) fn storage_buckets() -> impl Iterator<Item = f64> {
    exponential_buckets(0.000_02, 1.5, 33)
}
