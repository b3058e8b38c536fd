//! What the node counts, in the text form of Prometheus.
//!
//! [`Metrics`] holds what happens: the driver and the servers add to it, which costs an atomic addition, or a
//! short lock for a histogram. [`Sources`] holds what is: it is asked at each scrape.

mod attached;
mod families;
mod p2p;
mod process;
mod recovery;
mod security;
mod serve;
mod signer;
mod sources;
mod tuned;

use std::time::Duration;

use neo_consensus::View;
use neo_consensus::engine::Status;
use neo_primitives::Height;
use prometheus_client::{
    encoding::text::{encode_eof, encode_registry},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

use self::families::{
    Code, Kind, Outcome, Traffic, fine_buckets, latency_buckets, storage_buckets,
};
pub(crate) use self::process::Usage;
use self::recovery::Recovery;
use self::tuned::Tuned;
pub use self::{security::SecurityMetrics, serve::serve, signer::SignerMetrics, sources::Sources};

/// Prefix of all names.
const PREFIX: &str = "neo_dbft";

/// What has happened since the node started.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    height: Gauge,
    view: Gauge,
    voting: Gauge,
    tuned: Tuned,
    view_changes: Counter,
    blocks: Counter,
    transactions: Counter,
    block_interval: Histogram,
    decision: Histogram,
    witness: Histogram,
    sent: Traffic,
    received: Traffic,
    dropped: Family<Kind, Counter>,
    verification_failures: Family<Kind, Counter>,
    evidence: Counter,
    vote_log_sync: Histogram,
    block_store: Histogram,
    rpc_calls: Family<Outcome, Counter>,
    rpc_latency: Histogram,
    admission_batch: Histogram,
    admissions: Family<Code, Counter>,
    security: SecurityMetrics,
    recovery: Recovery,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// All zero.
    #[must_use]
    pub fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix(PREFIX),
            height: Gauge::default(),
            view: Gauge::default(),
            voting: Gauge::default(),
            tuned: Tuned::default(),
            view_changes: Counter::default(),
            blocks: Counter::default(),
            transactions: Counter::default(),
            block_interval: Histogram::new(fine_buckets()),
            decision: Histogram::new(latency_buckets()),
            witness: Histogram::new(latency_buckets()),
            sent: Traffic::default(),
            received: Traffic::default(),
            dropped: Family::default(),
            verification_failures: Family::default(),
            evidence: Counter::default(),
            vote_log_sync: Histogram::new(storage_buckets()),
            block_store: Histogram::new(storage_buckets()),
            rpc_calls: Family::default(),
            rpc_latency: Histogram::new(latency_buckets()),
            admission_batch: Histogram::new((0..14).map(|power| f64::from(1 << power))),
            admissions: Family::default(),
            security: SecurityMetrics::default(),
            recovery: Recovery::new(),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let r = &mut self.registry;
        r.register(
            "height",
            "Height of the last stored block",
            self.height.clone(),
        );
        r.register("view", "View of the highest open height", self.view.clone());
        r.register(
            "voting",
            "1 if this node votes, 0 for observers and after a lost vote log",
            self.voting.clone(),
        );
        self.tuned.register(r);
        r.register(
            "view_changes",
            "Views above 0 that were entered",
            self.view_changes.clone(),
        );
        r.register("blocks", "Blocks stored", self.blocks.clone());
        r.register(
            "transactions_committed",
            "Transactions in stored blocks",
            self.transactions.clone(),
        );
        r.register(
            "block_interval_seconds",
            "Time between two blocks becoming final",
            self.block_interval.clone(),
        );
        r.register(
            "decision_latency_seconds",
            "From the first sight of a proposal to its decision",
            self.decision.clone(),
        );
        r.register(
            "witness_latency_seconds",
            "From the first sight of a proposal to its witness",
            self.witness.clone(),
        );
        self.sent.register(r, "sent", "sent to validators");
        self.received
            .register(r, "received", "received from validators");
        r.register(
            "dropped",
            "What was dropped without an effect, by reason",
            self.dropped.clone(),
        );
        r.register(
            "verification_failures",
            "Messages and blocks that did not verify, by kind",
            self.verification_failures.clone(),
        );
        r.register(
            "evidence",
            "Proofs that a validator contradicted itself",
            self.evidence.clone(),
        );
        r.register(
            "vote_log_sync_seconds",
            "Time to make votes durable",
            self.vote_log_sync.clone(),
        );
        r.register(
            "block_store_seconds",
            "Time to store a block durably",
            self.block_store.clone(),
        );
        r.register(
            "rpc_calls",
            "JSON-RPC calls by method and outcome",
            self.rpc_calls.clone(),
        );
        r.register(
            "rpc_latency_seconds",
            "Time to answer a JSON-RPC request",
            self.rpc_latency.clone(),
        );
        r.register(
            "admission_batch_transactions",
            "Transactions that were verified together on admission",
            self.admission_batch.clone(),
        );
        r.register(
            "admissions",
            "Transactions that came over JSON-RPC, by outcome",
            self.admissions.clone(),
        );
        self.security.register(r);
        self.recovery.register(r);
    }

    /// What the security layer counts.
    #[must_use]
    pub fn security(&self) -> &SecurityMetrics {
        &self.security
    }

    /// A block is stored. `interval` is the time since the block before it became final here, unknown for
    /// the first one. The next height begins in view 0.
    pub fn block_stored(&self, height: Height, transactions: usize, interval: Option<Duration>) {
        self.height.set(i64::from(height.0));
        self.view.set(0);
        self.blocks.inc();
        self.transactions.inc_by(transactions as u64);
        if let Some(interval) = interval {
            self.block_interval.observe(interval.as_secs_f64());
        }
    }

    /// A block was decided this long after its proposal was first seen.
    pub fn decision(&self, latency: Duration) {
        self.decision.observe(latency.as_secs_f64());
    }

    /// A decided block got its witness this long after its proposal was first seen.
    pub fn witness(&self, latency: Duration) {
        self.witness.observe(latency.as_secs_f64());
    }

    /// What the engine says of itself: whether it votes, and what it adjusts.
    pub fn set_status(&self, status: &Status) {
        self.voting.set(i64::from(status.voting));
        self.tuned.set(status);
    }

    /// To how many peers a batch of transactions goes first, and how many threads check signatures.
    pub fn set_tuning(&self, fan_out: u64, threads: u64) {
        self.tuned.set_node(fan_out, threads);
    }

    /// The engine or the node changed a parameter of its own.
    pub fn adjusted(&self, parameter: &str) {
        self.tuned.adjusted(parameter);
    }

    /// A view above 0 was entered.
    pub fn view_change(&self, view: View) {
        self.view_changes.inc();
        self.view.set(i64::from(view.0));
    }

    /// A consensus message left for one validator.
    pub fn message_sent(&self, kind: &'static str, bytes: usize) {
        self.sent.count(kind, bytes);
    }

    /// A consensus message came from a validator.
    pub fn message_received(&self, kind: &'static str, bytes: usize) {
        self.received.count(kind, bytes);
    }

    /// Something was dropped without an effect.
    pub fn dropped(&self, reason: &'static str) {
        self.dropped.get_or_create(&Kind { kind: reason }).inc();
    }

    /// A message or block did not verify.
    pub fn verification_failed(&self, kind: &'static str) {
        self.verification_failures
            .get_or_create(&Kind { kind })
            .inc();
    }

    /// A validator contradicted itself.
    pub fn evidence(&self) {
        self.evidence.inc();
    }

    /// Votes became durable in this time.
    pub fn vote_log_sync(&self, duration: Duration) {
        self.vote_log_sync.observe(duration.as_secs_f64());
    }

    /// The ledger stored a block in this time.
    pub fn block_store(&self, duration: Duration) {
        self.block_store.observe(duration.as_secs_f64());
    }

    /// A JSON-RPC call was answered; `code` is 0 for a result, else that of the error.
    pub fn rpc_call(&self, method: &'static str, code: i32) {
        self.rpc_calls
            .get_or_create(&Outcome { method, code })
            .inc();
    }

    /// A JSON-RPC request, single or batch, was answered in this time.
    pub fn rpc_request(&self, latency: Duration) {
        self.rpc_latency.observe(latency.as_secs_f64());
    }

    /// This many transactions were verified together on admission.
    pub fn admission_batch(&self, transactions: usize) {
        self.admission_batch.observe(transactions as f64);
    }

    /// A transaction that came over JSON-RPC was accepted, `code` 0, or refused.
    pub fn admission(&self, code: i32) {
        self.admissions.get_or_create(&Code { code }).inc();
    }

    /// The OpenMetrics text of everything here and, with `sources`, of what is at this moment.
    #[must_use]
    pub fn encode(&self, sources: Option<&Sources>) -> String {
        if let Some(sources) = sources {
            // A node that has just started has stored nothing yet.
            self.height.set(i64::from(sources.ledger.height().0));
        }
        let mut text = String::with_capacity(64 << 10);
        let mut write = || -> std::fmt::Result {
            encode_registry(&mut text, &self.registry)?;
            let mut now = Registry::with_prefix(PREFIX);
            now.register_collector(Box::new(process::Process));
            if let Some(sources) = sources {
                now.register_collector(Box::new(sources.clone()));
                if let Some(ledger) = &sources.attached {
                    now.register_collector(Box::new(attached::Attached(ledger.clone())));
                }
                if let Some(signer) = &sources.signer {
                    now.register_collector(Box::new(signer::Scraped(signer.clone())));
                }
            }
            encode_registry(&mut text, &now)?;
            if let Some(handle) = sources.and_then(|sources| sources.p2p.clone()) {
                let mut p2p = Registry::with_prefix(p2p::PREFIX);
                p2p.register_collector(Box::new(p2p::P2p(handle)));
                encode_registry(&mut text, &p2p)?;
            }
            encode_eof(&mut text)
        };
        // Writing to a string cannot fail; what a failing collector left would not be valid text.
        match write() {
            Ok(()) => text,
            Err(_) => String::new(),
        }
    }
}

#[cfg(test)]
mod tests;
