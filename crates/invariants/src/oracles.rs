//! All oracles behind one door.

use std::collections::BTreeSet;
use std::time::Duration;

use neo_consensus::v3::evidence::Evidence;
use neo_primitives::Height;

use crate::observation::{Observation, Setup};
use crate::violation::{Invariant, Violation};

/// Watches a run.
#[derive(Clone, Debug)]
pub struct Oracles {
    setup: Setup,
    violations: Vec<Violation>,
    evidence: Vec<Evidence>,
}

impl Oracles {
    /// Oracles for one run.
    #[must_use]
    pub fn new(setup: Setup) -> Self {
        Self {
            setup,
            violations: Vec::new(),
            evidence: Vec::new(),
        }
    }

    /// Takes one observation of `node`, in the order in which things happened.
    pub fn observe(&mut self, at: Duration, node: usize, observation: Observation<'_>) {
        match observation {
            Observation::Evidence { evidence } => {
                let culprit = evidence.culprit();
                if !self.setup.byzantine.contains(&culprit) {
                    self.report(
                        at,
                        Some(node),
                        None,
                        Invariant::HonestAccused,
                        format!("{evidence:?}"),
                    );
                }
                self.evidence.push(evidence.clone());
            }
            Observation::Sampled { footprint, .. } if footprint > self.setup.footprint_limit => {
                let what = format!("{footprint} of {}", self.setup.footprint_limit);
                self.report(at, Some(node), None, Invariant::Memory, what);
            }
            _ => {}
        }
    }

    /// The network is healed from here on and no more faults come; these nodes are up. New blocks and
    /// storage everywhere are due within the bound of the [`Setup`].
    pub fn healed(&mut self, _at: Duration, _up: &BTreeSet<usize>) {}

    /// The run is over: what was still due is judged.
    pub fn finish(&mut self, _at: Duration) {}

    /// What was found, in order.
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// What honest nodes proved against others.
    #[must_use]
    pub fn evidence(&self) -> &[Evidence] {
        &self.evidence
    }

    fn report(
        &mut self,
        at: Duration,
        node: Option<usize>,
        height: Option<Height>,
        invariant: Invariant,
        what: String,
    ) {
        self.violations.push(Violation {
            invariant,
            at,
            node,
            height,
            what,
        });
    }
}
