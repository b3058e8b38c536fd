//! Who is to blame when agreement breaks (protocol section 6).
//!
//! With at most M−1 Byzantine validators, what honest nodes received and logged names at least f+1 of
//! them, and nobody honest. Header signatures alone name no view: the promise holds where both blocks
//! have a CC.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use neo_consensus::engine::HeightInfo;
use neo_consensus::v3::certificate::Decision;
use neo_consensus::v3::context::HeightContext;
use neo_consensus::v3::evidence::Evidence;
use neo_consensus::v3::evidence::archive::VoteArchive;
use neo_consensus::v3::evidence::trace::trace;
use neo_consensus::v3::{Message, Payload, Record};
use neo_primitives::{Height, UInt256, ValidatorIndex};

use crate::findings::Findings;
use crate::ideal::IdealCheck;
use crate::violation::Invariant;

/// Heights that are kept at once.
const KEPT: usize = 64;

/// Everything that honest nodes received and logged, of the last heights.
#[derive(Clone, Debug, Default)]
pub(crate) struct Archive {
    heights: BTreeMap<Height, Vec<VoteArchive>>,
}

impl Archive {
    pub(crate) fn opened(&mut self, info: &HeightInfo) {
        let archives = self.heights.entry(info.height).or_default();
        if archives
            .iter()
            .all(|one| one.context().prev_hash != info.parent_hash)
        {
            archives.push(VoteArchive::new(Arc::new(HeightContext {
                magic: info.magic,
                height: info.height,
                prev_hash: info.parent_hash,
                validators: Arc::clone(&info.validators),
            })));
        }
        while self.heights.len() > KEPT {
            self.heights.pop_first();
        }
    }

    fn at(&mut self, height: Height) -> impl Iterator<Item = &mut VoteArchive> {
        self.heights.get_mut(&height).into_iter().flatten()
    }

    pub(crate) fn message(&mut self, message: &Message) {
        for archive in self.at(message.height) {
            archive.add_message(message, &IdealCheck);
        }
        if let (Payload::Proposal(proposal), Some(below)) =
            (&message.payload, message.height.previous())
            && let Some(parent) = &proposal.parent
        {
            for archive in self.at(below) {
                archive.add_decision(parent, &IdealCheck);
            }
        }
    }

    pub(crate) fn records(&mut self, records: &[Record]) {
        for record in records {
            let Some(height) = record.height() else {
                continue;
            };
            for archive in self.at(height) {
                archive.add_record(record, &IdealCheck);
            }
        }
    }

    /// What a fork proves against whom.
    pub(crate) fn judge(
        &self,
        fork: (Height, UInt256, UInt256),
        byzantine: &BTreeSet<ValidatorIndex>,
        findings: &mut Findings,
    ) -> Vec<Evidence> {
        let (height, first, second) = fork;
        let Some(archives) = self.heights.get(&height) else {
            return Vec::new();
        };
        for archive in archives {
            let context = archive.context();
            let certificate = |hash: &UInt256| {
                let mut decisions = archive.decisions().iter();
                decisions.find(|one| matches!(one, Decision::Certificate(_)) && one.hash() == *hash)
            };
            let (Some(one), Some(other)) = (certificate(&first), certificate(&second)) else {
                continue;
            };
            let traced = match trace(one, other, archive, &IdealCheck) {
                Ok(traced) => traced,
                Err(untraced) => {
                    findings.report(
                        Invariant::Accountability,
                        Some(height),
                        untraced.to_string(),
                    );
                    continue;
                }
            };
            let sound = |one: &Evidence| {
                one.verify(context.magic, &context.validators, &IdealCheck) == Ok(one.culprit())
            };
            let named: BTreeSet<_> = traced
                .iter()
                .filter(|one| sound(one))
                .map(Evidence::culprit)
                .collect();
            if named.len() <= context.validators.faulty() {
                let what = format!("{first} and {second} are decided, and only {named:?} named");
                findings.report(Invariant::Accountability, Some(height), what);
            }
            for honest in named.difference(byzantine) {
                let what = format!("the fork is traced to validator {honest}");
                findings.report(Invariant::HonestAccused, Some(height), what);
            }
            return traced;
        }
        Vec::new()
    }
}
