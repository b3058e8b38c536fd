//! Where the oracles write down what they find.

use std::time::Duration;

use neo_primitives::Height;

use crate::violation::{Invariant, Violation};

/// More than these tell nobody anything new.
const MOST: usize = 1000;

/// The violations so far, and what is being looked at.
#[derive(Clone, Debug, Default)]
pub(crate) struct Findings {
    pub(crate) violations: Vec<Violation>,
    pub(crate) at: Duration,
    pub(crate) node: Option<usize>,
}

impl Findings {
    pub(crate) fn report(
        &mut self,
        invariant: Invariant,
        height: Option<Height>,
        what: impl Into<String>,
    ) {
        if self.violations.len() < MOST {
            self.violations.push(Violation {
                invariant,
                at: self.at,
                node: self.node,
                height,
                what: what.into(),
            });
        }
    }

    /// Reports `Err`.
    pub(crate) fn require(
        &mut self,
        invariant: Invariant,
        height: Height,
        result: Result<(), String>,
    ) {
        if let Err(what) = result {
            self.report(invariant, Some(height), what);
        }
    }
}
