//! Rule 9: who fetches which bodies, and of whom.

use neo_consensus::engine::Fetch;
use neo_consensus::v3::Record;
use neo_consensus::v3::certificate::Decision;
use neo_primitives::{Height, PublicKey, UInt256, ValidatorIndex};

use super::dues::Due;
use super::{Node, remember};
use crate::findings::Findings;
use crate::violation::Invariant;

/// Blocks of a height whose bodies are kept (protocol section 5, fetching).
const KEPT_BODIES: usize = 64;

/// A block that a certificate names, and who signed that.
type Named = (Height, UInt256, Vec<ValidatorIndex>);

fn named(record: &Record) -> Option<Named> {
    match record {
        Record::Prepared {
            height,
            certificate,
        } => {
            let signers = certificate.signatures.signers().collect();
            Some((*height, certificate.hash, signers))
        }
        Record::Decision { height, decision } => {
            let signers = match decision {
                Decision::Certificate(certificate) => certificate.signatures.signers().collect(),
                Decision::HeaderSignatures { signatures, .. } => signatures.signers().collect(),
            };
            Some((*height, decision.hash(), signers))
        }
        _ => None,
    }
}

impl Node {
    /// The bodies of certified blocks are here, or asked for at once.
    pub(super) fn certified(&mut self, records: &[Record], findings: &mut Findings) {
        let all: Vec<Named> = records.iter().filter_map(named).collect();
        for (height, hash, _) in &all {
            let log = self.log.at(*height);
            let here = log.is_some_and(|log| log.bodies.contains(hash));
            // With the header at hand, the own pool is asked first, which nobody sees from outside.
            if here || self.headers.contains(hash) || self.certified.contains(hash) {
                continue;
            }
            remember(&mut self.certified, *hash);
            let Some(open) = self.open.get(height) else {
                continue;
            };
            if open.known.info.validators.len() == 1 || *height <= self.stored {
                continue;
            }
            self.dues.add(*height, Due::Fetch { hash: *hash });
            self.signers_first(*height, *hash, &all, findings);
        }
    }

    /// The first to be asked are the signers of one of the certificates.
    fn signers_first(
        &self,
        height: Height,
        hash: UInt256,
        certificates: &[Named],
        findings: &mut Findings,
    ) {
        let Some((_, from)) = self.asking.iter().find(|(of, _)| *of == hash) else {
            return;
        };
        let Some(open) = self.open.get(&height) else {
            return;
        };
        let validators = &open.known.info.validators;
        let own = |signer: &&ValidatorIndex| Some(**signer) != self.validator;
        let fits = |signers: &[ValidatorIndex]| {
            let others: Vec<&PublicKey> = signers
                .iter()
                .filter(own)
                .filter_map(|one| validators.key(*one))
                .collect();
            from.iter()
                .take(others.len())
                .all(|key| others.contains(&key))
        };
        let mut of_block = certificates.iter().filter(|named| named.1 == hash);
        if from.is_empty() || !of_block.any(|(_, _, signers)| fits(signers)) {
            let asked: Vec<_> = from.iter().map(|key| validators.index_of(key)).collect();
            let what = format!("asks {asked:?} first for {hash}, others signed its certificate");
            findings.report(Invariant::Bodies, Some(height), what);
        }
    }

    pub(crate) fn fetch_asked(&mut self, fetch: &Fetch, findings: &mut Findings) {
        let (hash, from) = match fetch {
            Fetch::Transactions { hash, from, .. }
            | Fetch::Hashes { hash, from }
            | Fetch::Body { hash, from } => (*hash, from),
            Fetch::Blocks { .. } => return,
        };
        let open = self.open.keys();
        let kept = open.filter_map(|height| Some((*height, self.log.at(*height)?)));
        for (height, log) in kept {
            if log.bodies.contains(&hash) && log.bodies.len() <= KEPT_BODIES {
                let what = format!("asks for the body of {hash}, which it had");
                findings.report(Invariant::Bodies, Some(height), what);
            }
        }
        // Whom the first try is put to is judged; the next ones go on to others.
        if !self.fetched.contains(&hash) {
            self.asking.push((hash, from.clone()));
        }
        remember(&mut self.fetched, hash);
        self.dues.pay(|_, due| *due == Due::Fetch { hash });
    }
}
