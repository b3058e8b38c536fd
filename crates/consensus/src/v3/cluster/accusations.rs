//! Who is accused when a run is over: all that anybody sent and all that is in the vote logs goes into
//! the forensic archive, which must find nothing against an honest validator.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use neo_primitives::{Height, ValidatorIndex};

use super::Cluster;
use super::toys::ToyCheck;
use crate::v3::evidence::archive::VoteArchive;
use crate::v3::message::Payload;
use crate::v3::record::Record;

impl Cluster {
    /// The guilt that lies in the messages and vote logs of the run, by height.
    fn guilt(&self) -> BTreeMap<Height, BTreeSet<ValidatorIndex>> {
        let stored = self.up().into_iter().map(|node| self.stored(node)).max();
        let mut archives: BTreeMap<Height, VoteArchive> = (1..=stored.unwrap_or(0) + 1)
            .map(|height| (Height(height), VoteArchive::new(self.context(height))))
            .collect();
        for sent in &self.sent {
            if let Some(archive) = archives.get_mut(&sent.message.height) {
                archive.add_message(&sent.message, &ToyCheck);
            }
        }
        for node in &self.nodes {
            for record in node.records() {
                let archive = record.height().and_then(|at| archives.get_mut(&at));
                if let Some(archive) = archive {
                    archive.add_record(&record, &ToyCheck);
                }
            }
        }
        let culprits = archives
            .iter()
            .map(|(at, archive)| (*at, archive.culprits()));
        culprits
            .filter(|(_, culprits)| !culprits.is_empty())
            .collect()
    }

    /// Fails when a vote log holds a vote of a later view without the certificate that justifies it:
    /// accountability follows it (protocol section 6).
    pub(super) fn assert_justifications_are_kept(&self) {
        for node in &self.nodes {
            let records = node.records();
            for record in &records {
                let Record::Own(message) = record else {
                    continue;
                };
                let Payload::Prepare { justification, .. } = &message.payload else {
                    continue;
                };
                let kept = records.iter().any(|other| match other {
                    Record::ViewChange {
                        height,
                        certificate,
                    } => *height == message.height && certificate.justification() == *justification,
                    _ => false,
                });
                assert!(
                    kept || justification.is_zero(),
                    "SEED={}: a Prepare of view {} at {} without its justification",
                    self.seed,
                    message.view,
                    message.height
                );
            }
        }
    }

    /// Fails when an honest validator is accused, by the archive or by an engine, or when an engine's
    /// proof proves nothing. Returns how many proofs the engines made.
    pub(super) fn assert_only_liars_are_accused(&self) -> usize {
        let lies =
            |culprit: &ValidatorIndex| self.oracle.byzantine.contains(&usize::from(culprit.0));
        for (height, culprits) in self.guilt() {
            let honest: Vec<_> = culprits.iter().filter(|culprit| !lies(culprit)).collect();
            assert!(
                honest.is_empty(),
                "SEED={}: {honest:?} accused at {height}",
                self.seed
            );
        }
        for (node, evidence) in &self.evidence {
            let set = Arc::clone(&self.oracle.validators(evidence.height));
            let culprit = evidence
                .verify(evidence.magic, &set, &ToyCheck)
                .unwrap_or_else(|error| panic!("SEED={}: {evidence}: {error}", self.seed));
            assert!(
                lies(&culprit),
                "SEED={}: node {node} accuses: {evidence}",
                self.seed
            );
        }
        self.evidence.len()
    }
}
