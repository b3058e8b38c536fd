//! What came of all runs together.

use std::collections::BTreeMap;
use std::time::Duration;

use neo_simulator::report::Latencies;
use neo_simulator::{Coverage, Report};

use crate::exit::Exit;

/// Findings of one seed that are kept; a broken run repeats itself.
const MOST_OF_A_SEED: usize = 10;

/// What came of one run.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It came to its end.
    Ended(Box<Report>),
    /// The plan of this seed cannot be run: the words of the error.
    Impossible(u64, String),
    /// Engine or simulator panicked, with these words.
    Panicked(u64, String),
}

/// Something that must not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// The seed of the run.
    pub(crate) seed: u64,
    /// Name of the invariant; `expectation`, `plan` or `panic` for what no oracle finds.
    pub(crate) invariant: String,
    /// When, in virtual milliseconds.
    pub(crate) at_ms: Option<u64>,
    /// By which node.
    pub(crate) node: Option<usize>,
    /// At which height.
    pub(crate) height: Option<u32>,
    /// What happened.
    pub(crate) what: String,
}

/// Sums over the runs.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    /// Runs that ended.
    pub(crate) runs: u64,
    /// Findings by position of the seed.
    findings: BTreeMap<u64, Vec<Finding>>,
    /// Trace hashes by position of the seed.
    hashes: BTreeMap<u64, [u8; 32]>,
    /// Heights of all runs.
    pub(crate) heights: u64,
    /// Proposal to decision.
    pub(crate) decision: Latencies,
    /// Proposal to witness.
    pub(crate) witness: Latencies,
    /// Heights that were locked (dBFT 2.0).
    pub(crate) locked_heights: u64,
    /// Runs in which that happened.
    pub(crate) locked_runs: u64,
    /// Views above 0 that were entered.
    pub(crate) view_changes: u64,
    /// Messages of consensus.
    pub(crate) messages: u64,
    /// Their bytes.
    pub(crate) message_bytes: u64,
    /// How often what was to be tried happened.
    pub(crate) coverage: Coverage,
    /// Convicted validators, with the number of runs that convicted them.
    pub(crate) convicted: BTreeMap<u16, u64>,
    /// Breaches that a plan expects, by invariant.
    pub(crate) expected: BTreeMap<&'static str, u64>,
    /// Virtual time of all runs.
    pub(crate) virtual_time: Duration,
    /// Time that passed.
    pub(crate) took: Duration,
    /// Whether Ctrl-C came.
    pub(crate) interrupted: bool,
}

impl Totals {
    /// Takes the outcome of the seed at a position.
    pub(crate) fn add(&mut self, position: u64, outcome: Outcome) {
        self.runs += 1;
        let report = match outcome {
            Outcome::Ended(report) => report,
            Outcome::Impossible(seed, what) => {
                return self.found(position, [plain(seed, "plan", what)].into());
            }
            Outcome::Panicked(seed, what) => {
                return self.found(position, [plain(seed, "panic", what)].into());
            }
        };
        self.hashes.insert(position, report.trace_hash);
        self.heights += u64::from(report.heights);
        self.decision.merge(&report.decision);
        self.witness.merge(&report.witness);
        self.locked_heights += report.locks.len() as u64;
        self.locked_runs += u64::from(!report.locks.is_empty());
        self.view_changes += report.view_changes;
        self.messages += report.messages;
        self.message_bytes += report.message_bytes;
        self.coverage.merge(&report.coverage);
        self.virtual_time += report.ended;
        for breach in &report.expected {
            *self.expected.entry(breach.invariant.name()).or_default() += 1;
        }
        for validator in &report.convicted {
            *self.convicted.entry(*validator).or_default() += 1;
        }
        self.found(position, findings(&report));
    }

    fn found(&mut self, position: u64, mut findings: Vec<Finding>) {
        if !findings.is_empty() {
            findings.truncate(MOST_OF_A_SEED);
            self.findings.insert(position, findings);
        }
    }

    /// Everything that was found, in the order of the seeds.
    pub(crate) fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.findings.values().flatten()
    }

    /// Seeds with a finding.
    pub(crate) fn broken_runs(&self) -> usize {
        self.findings.len()
    }

    /// Hash of the run, or of the runs' hashes in the order of the seeds.
    pub(crate) fn trace_hash(&self) -> String {
        let mut hashes = self.hashes.values();
        match (hashes.next(), hashes.len()) {
            (None, _) => String::new(),
            (Some(only), 0) => hex::encode(only),
            _ => {
                let all: Vec<u8> = self.hashes.values().flatten().copied().collect();
                hex::encode(neo_primitives::sha256(&all))
            }
        }
    }

    /// Heights in a second of real time.
    pub(crate) fn heights_per_second(&self) -> f64 {
        let seconds = self.took.as_secs_f64();
        if seconds > 0.0 {
            self.heights as f64 / seconds
        } else {
            0.0
        }
    }

    /// How the command ends after `wanted` runs.
    pub(crate) fn exit(&self, wanted: u64) -> Exit {
        if self.broken_runs() > 0 {
            Exit::Violation
        } else if self.interrupted && self.runs < wanted {
            Exit::Interrupted
        } else {
            Exit::Success
        }
    }
}

/// Breaches and unmet expectations of a run.
fn findings(report: &Report) -> Vec<Finding> {
    let breaches = report.violations.iter().map(|violation| Finding {
        seed: report.seed,
        invariant: violation.invariant.name().to_owned(),
        at_ms: u64::try_from(violation.at.as_millis()).ok(),
        node: violation.node,
        height: violation.height.map(|height| height.0),
        what: violation.what.clone(),
    });
    let unmet = report.unmet.iter();
    breaches
        .chain(unmet.map(|what| plain(report.seed, "expectation", what.clone())))
        .collect()
}

fn plain(seed: u64, invariant: &str, what: String) -> Finding {
    Finding {
        seed,
        invariant: invariant.to_owned(),
        at_ms: None,
        node: None,
        height: None,
        what,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use neo_invariants::{Invariant, Violation};
    use neo_primitives::Height;

    fn report(seed: u64) -> Report {
        let mut report = neo_simulator::run(
            &neo_simulator::Plan::new(1, 1),
            seed,
            &mut neo_simulator::NoTrace,
        )
        .expect("a plan");
        report.heights = 3;
        report.trace_hash = [u8::try_from(seed).unwrap_or(0); 32];
        report
    }

    fn ended(report: Report) -> Outcome {
        Outcome::Ended(Box::new(report))
    }

    #[test]
    fn the_order_in_which_runs_end_does_not_matter() {
        let (mut one, mut other) = (Totals::default(), Totals::default());
        (0..3).for_each(|seed| one.add(seed, ended(report(seed))));
        (0..3)
            .rev()
            .for_each(|seed| other.add(seed, ended(report(seed))));
        assert_eq!(one.trace_hash(), other.trace_hash());
        assert_eq!((one.runs, one.heights), (3, 9));
        let mut fewer = Totals::default();
        (0..2).for_each(|seed| fewer.add(seed, ended(report(seed))));
        assert_ne!(one.trace_hash(), fewer.trace_hash());
    }

    #[test]
    fn one_run_keeps_its_own_hash() {
        let mut totals = Totals::default();
        totals.add(0, ended(report(7)));
        assert_eq!(totals.trace_hash(), "07".repeat(32));
        assert_eq!(totals.exit(1), Exit::Success);
    }

    #[test]
    fn a_finding_keeps_its_seed_and_sets_the_exit_code() {
        let mut totals = Totals::default();
        let mut broken = report(5);
        let violation = Violation {
            invariant: Invariant::Agreement,
            at: Duration::from_millis(1500),
            node: Some(2),
            height: Some(Height(7)),
            what: "two blocks".to_owned(),
        };
        broken.violations = vec![violation; 50];
        totals.add(1, ended(broken));
        totals.add(0, Outcome::Panicked(4, "index".to_owned()));
        let findings: Vec<_> = totals.findings().collect();
        assert_eq!(findings.len(), 1 + MOST_OF_A_SEED);
        assert_eq!(
            (findings[0].seed, findings[0].invariant.as_str()),
            (4, "panic")
        );
        assert_eq!((findings[1].seed, findings[1].height), (5, Some(7)));
        assert_eq!(totals.broken_runs(), 2);
        assert_eq!(totals.exit(2), Exit::Violation);
    }

    #[test]
    fn an_interrupted_campaign_says_so() {
        let mut totals = Totals {
            interrupted: true,
            ..Totals::default()
        };
        totals.add(0, ended(report(0)));
        assert_eq!(totals.exit(9), Exit::Interrupted);
        assert_eq!(totals.exit(1), Exit::Success);
    }
}
