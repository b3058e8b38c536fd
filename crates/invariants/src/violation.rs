//! What the oracles find.

use std::fmt;
use std::time::Duration;

use neo_primitives::Height;

/// A property of the protocol that an oracle watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Invariant {
    /// Two nodes decide or store different blocks of one height.
    Agreement,
    /// Honest validators signed two headers of one height.
    SecondHeader,
    /// An honest validator sends or logs a certificate that is malformed or has a bad signature.
    CertificateInvalid,
    /// Rule 1: two different votes of one type in one view.
    OneOfEach,
    /// Rule 2: a vote of a view that is not the current one or was left.
    HereAndNow,
    /// Rule 3: a proposal or Prepare that the justification does not admit.
    CarriedBlock,
    /// Rule 4: a fresh header that is not its leader's, or has wrong fields.
    FreshHeader,
    /// A node is told another order of leaders than the decided headers give (protocol section 7).
    LeaderOrder,
    /// Rule 5: a delivered decision does not decide.
    Decides,
    /// Rule 6: a header signature before the decision, or silence after it.
    AfterDecision,
    /// Rule 7: views, targets, claims, repetition.
    ViewChange,
    /// Rule 8: something leaves before it is durable, or a restart contradicts the log.
    Durability,
    /// Rule 8: a vote of a validator that lost its log, or silence that ends too early.
    Silence,
    /// Rule 9: a missing body is not fetched, or a validator prepares without one.
    Bodies,
    /// The state after one block differs between nodes.
    StateHash,
    /// A decided block is not stored everywhere in the end.
    StoredEverywhere,
    /// No new block within the bound after the network healed.
    Progress,
    /// An engine holds more than its limit.
    Memory,
    /// Evidence names an honest validator.
    HonestAccused,
    /// Agreement broke and the evidence does not name f+1 Byzantine validators.
    Accountability,
}

impl Invariant {
    /// All of them.
    pub const ALL: [Self; 20] = [
        Self::Agreement,
        Self::SecondHeader,
        Self::CertificateInvalid,
        Self::OneOfEach,
        Self::HereAndNow,
        Self::CarriedBlock,
        Self::FreshHeader,
        Self::LeaderOrder,
        Self::Decides,
        Self::AfterDecision,
        Self::ViewChange,
        Self::Durability,
        Self::Silence,
        Self::Bodies,
        Self::StateHash,
        Self::StoredEverywhere,
        Self::Progress,
        Self::Memory,
        Self::HonestAccused,
        Self::Accountability,
    ];

    /// Its name in reports, in kebab case.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Agreement => "agreement",
            Self::SecondHeader => "second-header",
            Self::CertificateInvalid => "certificate-invalid",
            Self::OneOfEach => "one-of-each",
            Self::HereAndNow => "here-and-now",
            Self::CarriedBlock => "carried-block",
            Self::FreshHeader => "fresh-header",
            Self::LeaderOrder => "leader-order",
            Self::Decides => "decides",
            Self::AfterDecision => "after-decision",
            Self::ViewChange => "view-change",
            Self::Durability => "durability",
            Self::Silence => "silence",
            Self::Bodies => "bodies",
            Self::StateHash => "state-hash",
            Self::StoredEverywhere => "stored-everywhere",
            Self::Progress => "progress",
            Self::Memory => "memory",
            Self::HonestAccused => "honest-accused",
            Self::Accountability => "accountability",
        }
    }

    /// The rule of protocol section 5 that it watches, if it watches one.
    #[must_use]
    pub fn rule(self) -> Option<u8> {
        match self {
            Self::OneOfEach => Some(1),
            Self::HereAndNow => Some(2),
            Self::CarriedBlock => Some(3),
            Self::FreshHeader => Some(4),
            Self::Decides => Some(5),
            Self::AfterDecision => Some(6),
            Self::ViewChange => Some(7),
            Self::Durability | Self::Silence => Some(8),
            Self::Bodies => Some(9),
            _ => None,
        }
    }
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One breach of an invariant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// What was breached.
    pub invariant: Invariant,
    /// When, in the time of the run.
    pub at: Duration,
    /// By which node, if by one.
    pub node: Option<usize>,
    /// At which height, if at one.
    pub height: Option<Height>,
    /// What happened, with the values.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {} ms", self.invariant, self.at.as_millis())?;
        if let Some(node) = self.node {
            write!(f, ", node {node}")?;
        }
        if let Some(height) = self.height {
            write!(f, ", height {height}")?;
        }
        write!(f, ": {}", self.what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_distinct_and_in_kebab_case() {
        let names: BTreeSet<_> = Invariant::ALL.iter().map(|one| one.name()).collect();
        assert_eq!(names.len(), Invariant::ALL.len());
        let kebab = |name: &str| name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
        assert!(names.into_iter().all(kebab));
    }

    #[test]
    fn every_rule_has_an_oracle() {
        let rules: BTreeSet<_> = Invariant::ALL.iter().filter_map(|one| one.rule()).collect();
        assert_eq!(rules, (1..=9).collect());
    }

    #[test]
    fn a_violation_reads_as_one_line() {
        let violation = Violation {
            invariant: Invariant::Agreement,
            at: Duration::from_millis(1500),
            node: Some(2),
            height: Some(Height(7)),
            what: "two blocks".to_owned(),
        };
        assert_eq!(
            violation.to_string(),
            "agreement at 1500 ms, node 2, height 7: two blocks"
        );
    }
}
