//! What validators found out about each other during a run.

use std::collections::BTreeMap;

use serde::Serialize;

use super::events::{Ban, Finding, Proof};

/// Different things that are remembered about one validator.
const MAX_KINDS: usize = 64;

/// What one node found out about others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Accusations {
    of: BTreeMap<usize, Charges>,
    strangers: BTreeMap<String, u64>,
}

/// What is held against one validator: kinds with numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Charges {
    /// Proofs by form of guilt.
    pub(crate) evidence: BTreeMap<String, u64>,
    /// Findings about its conduct that began.
    pub(crate) findings: BTreeMap<String, u64>,
    /// Bans by reason.
    pub(crate) bans: BTreeMap<String, u64>,
}

impl Charges {
    /// Whether there is any.
    pub(crate) fn is_empty(&self) -> bool {
        self.evidence.is_empty() && self.findings.is_empty() && self.bans.is_empty()
    }

    /// Takes over what another node holds against the same validator.
    pub(crate) fn add(&mut self, other: &Self) {
        for (own, theirs) in [
            (&mut self.evidence, &other.evidence),
            (&mut self.findings, &other.findings),
            (&mut self.bans, &other.bans),
        ] {
            for (kind, count) in theirs {
                let sum = own.entry(kind.clone()).or_default();
                *sum = sum.saturating_add(*count);
            }
        }
    }
}

fn count(kinds: &mut BTreeMap<String, u64>, kind: String) {
    if kinds.len() < MAX_KINDS || kinds.contains_key(&kind) {
        let sum = kinds.entry(kind).or_default();
        *sum = sum.saturating_add(1);
    }
}

impl Accusations {
    pub(crate) fn proof(&mut self, proof: Proof) {
        count(&mut self.against(proof.validator).evidence, proof.form);
    }

    pub(crate) fn finding(&mut self, finding: Finding) {
        if finding.active {
            count(&mut self.against(finding.validator).findings, finding.fault);
        }
    }

    pub(crate) fn ban(&mut self, ban: Ban) {
        match ban.validator {
            Some(validator) => count(&mut self.against(validator).bans, ban.reason),
            None => count(&mut self.strangers, ban.reason),
        }
    }

    fn against(&mut self, validator: usize) -> &mut Charges {
        self.of.entry(validator).or_default()
    }

    /// What is held against a validator.
    pub(crate) fn charges(&self, validator: usize) -> Option<&Charges> {
        self.of
            .get(&validator)
            .filter(|charges| !charges.is_empty())
    }

    /// The validators that something is held against.
    pub(crate) fn accused(&self) -> impl Iterator<Item = usize> + '_ {
        let guilty = self.of.iter().filter(|(_, charges)| !charges.is_empty());
        guilty.map(|(index, _)| *index)
    }

    /// Bans of peers that proved no validator's key, by reason.
    pub(crate) fn strangers(&self) -> &BTreeMap<String, u64> {
        &self.strangers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charges_are_counted_by_kind_and_added_up() {
        let mut accusations = Accusations::default();
        for _ in 0..2 {
            accusations.proof(Proof {
                validator: 3,
                form: "contradiction".to_owned(),
            });
        }
        for active in [true, false] {
            accusations.finding(Finding {
                validator: 3,
                fault: "floods".to_owned(),
                active,
            });
        }
        accusations.ban(Ban {
            validator: None,
            reason: "malformed_frame".to_owned(),
        });
        assert_eq!(accusations.charges(0), None);
        let charges = accusations.charges(3).unwrap().clone();
        assert_eq!(charges.evidence["contradiction"], 2);
        assert_eq!(charges.findings["floods"], 1);
        assert_eq!(accusations.accused().collect::<Vec<_>>(), [3]);
        assert_eq!(accusations.strangers()["malformed_frame"], 1);
        let mut sum = charges.clone();
        sum.add(&charges);
        assert_eq!(sum.evidence["contradiction"], 4);
    }

    #[test]
    fn an_ended_finding_alone_is_no_charge() {
        let mut accusations = Accusations::default();
        accusations.finding(Finding {
            validator: 1,
            fault: "silent".to_owned(),
            active: false,
        });
        assert_eq!(accusations.charges(1), None);
        assert_eq!(accusations.accused().count(), 0);
    }
}
