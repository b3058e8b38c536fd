//! What came of a run.

use std::time::Duration;

use neo_invariants::Violation;

/// What came of one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// Breaches that the oracles found, in order.
    pub violations: Vec<Violation>,
    /// Breaches that the plan expects (`Expectation::Violates`); not among the others.
    pub expected: Vec<Violation>,
    /// Expectations of the plan that were not met, in words.
    pub unmet: Vec<String>,
    /// Greatest height stored by an honest node.
    pub heights: u32,
    /// SHA-256 over all events (`trace::Fingerprint`).
    pub trace_hash: [u8; 32],
    /// From the first valid proposal of a height to the decision at each honest node, in microseconds.
    pub decision: Latencies,
    /// From the first valid proposal of a height to the witness at each honest node, in microseconds.
    pub witness: Latencies,
    /// Heights that were locked (dBFT 2.0): M validators ran and could not make a block any more.
    pub locks: Vec<u32>,
    /// Views above 0 entered by honest nodes.
    pub view_changes: u64,
    /// Messages of consensus that left nodes, one for each receiver.
    pub messages: u64,
    /// Their length together, in bytes.
    pub message_bytes: u64,
    /// How often what was to be tried did happen.
    pub coverage: Coverage,
    /// Validators that honest nodes convicted, or to whom a fork was traced in the end; ascending.
    pub convicted: Vec<u16>,
    /// Virtual time at the end.
    pub ended: Duration,
    /// Why the run ended.
    pub stopped: Stopped,
    /// Events handled.
    pub events: u64,
}

impl Report {
    /// Whether no oracle and no expectation was disappointed.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.violations.is_empty() && self.unmet.is_empty()
    }

    /// The trace hash in hexadecimal.
    #[must_use]
    pub fn trace_hash_hex(&self) -> String {
        use std::fmt::Write;
        self.trace_hash
            .iter()
            .fold(String::with_capacity(64), |mut text, byte| {
                // Writing to a string does not fail.
                let _ = write!(text, "{byte:02x}");
                text
            })
    }
}

/// Why a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// Its time is over.
    Duration,
    /// `stop_when` became true.
    Condition,
    /// Nothing was left to happen.
    Quiet,
}

/// Times, in microseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Latencies(Vec<u32>);

impl Latencies {
    /// Adds one.
    pub fn add(&mut self, latency: Duration) {
        self.0
            .push(u32::try_from(latency.as_micros()).unwrap_or(u32::MAX));
    }

    /// Takes those of another run, too.
    pub fn merge(&mut self, other: &Self) {
        self.0.extend_from_slice(&other.0);
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The time within which `percent` of a hundred lie, in microseconds: the value at rank
    /// `⌈percent·count/100⌉`. None without any.
    #[must_use]
    pub fn percentile(&self, percent: u8) -> Option<u32> {
        let mut sorted = self.0.clone();
        let rank = (sorted.len() * usize::from(percent.min(100))).div_ceil(100);
        let at = rank.max(1) - 1;
        if at >= sorted.len() {
            return None;
        }
        let (_, value, _) = sorted.select_nth_unstable(at);
        Some(*value)
    }
}

/// How often the things happened that a run is there for. Nodes count, not validators.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Heights decided by an honest node in view 1.
    pub view_1: u64,
    /// Heights decided by an honest node in view 2 or a later one.
    pub view_2: u64,
    /// Proposals of a block that an earlier view had proposed already.
    pub reproposals: u64,
    /// Crashes after votes were durable and before they left.
    pub crash_between_durable_and_send: u64,
    /// Vote logs opened with a torn last write.
    pub torn_logs: u64,
    /// Vote logs opened that were missing, damaged or copies.
    pub lost_vote_logs: u64,
    /// Proofs of guilt that honest nodes reported.
    pub evidence: u64,
    /// Honest nodes that came back after a crash and stored a new block.
    pub recoveries: u64,
    /// Watched validators of which an honest node heard nothing.
    pub quiet: u64,
    /// Messages that reached their receiver through others.
    pub relayed: u64,
    /// Nodes that were frozen.
    pub frozen: u64,
    /// Runs in which latency grew and shrank.
    pub swings: u64,
    /// Block stores that went back to a copy.
    pub restored_stores: u64,
    /// Links that were cut singly.
    pub cut_links: u64,
    /// Transactions that came to an empty pool of an honest node.
    pub pooled: u64,
    /// Emergencies that honest nodes declared.
    pub emergencies: u64,
}

/// Each counter of [`Coverage`] once.
macro_rules! counters {
    ($($name:ident),* $(,)?) => {
        impl Coverage {
            /// Its counters with their names, in the order of the report.
            #[must_use]
            pub fn counters(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name)),*]
            }

            /// Adds those of another run.
            pub fn merge(&mut self, other: &Self) {
                $(self.$name += other.$name;)*
            }
        }
    };
}
counters!(
    view_1,
    view_2,
    reproposals,
    crash_between_durable_and_send,
    torn_logs,
    lost_vote_logs,
    evidence,
    recoveries,
    quiet,
    relayed,
    frozen,
    swings,
    restored_stores,
    cut_links,
    pooled,
    emergencies,
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occurred() {
        let mut latencies = Latencies::default();
        assert_eq!(latencies.percentile(50), None);
        for us in (1..=200).rev() {
            latencies.add(Duration::from_micros(us));
        }
        assert_eq!(latencies.percentile(50), Some(100));
        assert_eq!(latencies.percentile(99), Some(198));
        assert_eq!(latencies.percentile(100), Some(200));
        assert_eq!(latencies.percentile(0), Some(1));
    }
}
