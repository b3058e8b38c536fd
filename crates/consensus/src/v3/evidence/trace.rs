//! From two conflicting decisions to at least f+1 culprits (protocol section 6, accountability).
//!
//! Two commit certificates CC(v,A) and CC(w,B), v ≤ w, A ≠ B, at most M−1 Byzantine validators:
//!
//! * v = w. The quorums share at least `2M − n ≥ f+1` validators, and each signed two PreCommits of v.
//! * v < w. One of the M signers of CC(w,B) is honest and has PC(w,B) in its log, so the archive has a
//!   prepared certificate of a view above v on another block than A. Take the lowest one, PC(u,B').
//!   One of its M signers is honest and has in its log the TC(u) whose hash J the certificate names;
//!   that TC is well formed and admits B'. It shares at least f+1 validators with CC(v,A), and each of
//!   them signed PreCommit(v,A) and a ChangeView for u > v with some claim:
//!   - none, or below v: *amnesia*;
//!   - of v on a block other than A: amnesia as well, since PC(v,A) was held when PreCommit(v,A) was
//!     signed, and of one view a validator keeps the first;
//!   - of v on A, while no claim is higher: then PC(v,A) is the one of the greatest claim, TC(u) admits
//!     A only, and all M signers of PC(u,B') voted against their own justification;
//!   - of y with v < y < u: then TC(u) carries the certificate of its greatest claim, PC(x,B'') with
//!     v < y ≤ x < u. On another block than A it would be a lower conflicting certificate than the
//!     lowest one. On A it again admits A only, and all M signers of PC(u,B') are guilty.
//!
//!   So either at least f+1 validators of the intersection are amnesiacs, or M signers are unjustified.
//!   Nobody honest is among them, because no form of guilt fits an honest validator.
//!
//! A decision by f+1 header signatures names no view. It is traced by a commit certificate for the same
//! block, if the archive has one. Otherwise, two complete witnesses of M header signatures convict by
//! themselves: f+1 validators signed both headers. What stays untraceable is f+1 header signatures for
//! which nobody shows a commit certificate, against a commit certificate: all f+1 may be Byzantine, and
//! each may have signed that header and nothing else at this height, which is no contradiction. They are
//! named as [`Untraced::Unfounded`]: whoever is honest among them can show what it decided on, and the
//! conflicting block cannot be the block of two complete witnesses.

use std::collections::{BTreeMap, BTreeSet};

use neo_primitives::{UInt256, ValidatorIndex};

use super::archive::{VoteArchive, bound};
use super::{Evidence, Guilt, Says, Statement};
use crate::v3::certificate::{CommitCertificate, Decision, PreparedCertificate, Signatures};
use crate::v3::verify::SignatureCheck;
use crate::validators::View;

/// Why a fork names fewer than f+1 culprits.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Untraced {
    /// The decisions agree.
    #[error("both decisions are on block {0}")]
    NoConflict(UInt256),
    /// f+1 header signatures, and no commit certificate for that block in the archive.
    #[error(
        "block {hash} was decided by header signatures of {signers:?} alone, and nobody shows a commit certificate for it"
    )]
    Unfounded {
        /// The block.
        hash: UInt256,
        /// Who signed its header: whoever is honest among them can show its decision.
        signers: BTreeSet<ValidatorIndex>,
    },
    /// The archive has no conflicting prepared certificate above the lower decision. An honest signer
    /// of the higher one has it in its vote log.
    #[error(
        "no prepared certificate above view {above} conflicts with block {hash} in the archive"
    )]
    NoPrepared {
        /// The block of the lower decision.
        hash: UInt256,
        /// Its view.
        above: View,
    },
    /// The archive lacks the justification of the lowest conflicting prepared certificate. An honest
    /// signer of it has it in its vote log.
    #[error("the archive lacks the view-change certificate {justification} of view {view}")]
    NoJustification {
        /// Its view.
        view: View,
        /// Its hash.
        justification: UInt256,
    },
}

/// Proofs against at least f+1 validators, one for each, in index order. Every proof verifies.
///
/// # Errors
/// What is missing for that. With a complete archive (see [`super::archive`]), two conflicting commit
/// certificates and at most M−1 Byzantine validators nothing is.
pub fn trace(
    first: &Decision,
    second: &Decision,
    archive: &VoteArchive,
    check: &dyn SignatureCheck,
) -> Result<Vec<Evidence>, Untraced> {
    if first.hash() == second.hash() {
        return Err(Untraced::NoConflict(first.hash()));
    }
    let mut archive = archive.clone();
    archive.add_decision(first, check);
    archive.add_decision(second, check);
    let mut proofs = Proofs::new(&archive, check);
    proofs.header_signatures(first, second);
    if proofs.suffice() {
        return Ok(proofs.into_evidence());
    }
    let one = certificate_of(first, &archive)?;
    let other = certificate_of(second, &archive)?;
    let (lower, higher) = if one.view <= other.view {
        (one, other)
    } else {
        (other, one)
    };
    if lower.view == higher.view {
        proofs.two_quorums(&lower, &higher);
    } else {
        proofs.through_view_change(&lower)?;
    }
    Ok(proofs.into_evidence())
}

/// The lowest commit certificate on the block of a decision.
fn certificate_of(
    decision: &Decision,
    archive: &VoteArchive,
) -> Result<CommitCertificate, Untraced> {
    let certificates = archive.decisions().iter().filter_map(|held| match held {
        Decision::Certificate(certificate) if certificate.hash == decision.hash() => {
            Some(certificate.clone())
        }
        _ => None,
    });
    certificates
        .min_by_key(|certificate| certificate.view)
        .ok_or_else(|| Untraced::Unfounded {
            hash: decision.hash(),
            signers: decision.signers().into_iter().collect(),
        })
}

struct Proofs<'a> {
    archive: &'a VoteArchive,
    check: &'a dyn SignatureCheck,
    found: BTreeMap<ValidatorIndex, Evidence>,
}

impl<'a> Proofs<'a> {
    fn new(archive: &'a VoteArchive, check: &'a dyn SignatureCheck) -> Self {
        Self {
            archive,
            check,
            found: BTreeMap::new(),
        }
    }

    fn suffice(&self) -> bool {
        self.found.len() > self.archive.context().validators.faulty()
    }

    fn into_evidence(self) -> Vec<Evidence> {
        self.found.into_values().collect()
    }

    /// Keeps a proof that convicts, one for each validator.
    fn add(&mut self, guilt: Guilt) {
        let context = self.archive.context();
        let evidence = Evidence::new(context, guilt);
        if let Ok(culprit) = evidence.verify(context.magic, &context.validators, self.check) {
            self.found.entry(culprit).or_insert(evidence);
        }
    }

    /// Whoever signed both of two statements on which quorums agree.
    fn both(&mut self, one: (View, Says, &Signatures), other: (View, Says, &Signatures)) {
        let others: BTreeMap<_, _> = other.2.iter().collect();
        for (sender, signature) in one.2.iter() {
            let Some(second) = others.get(&sender) else {
                continue;
            };
            let of = |(view, says, _): (View, Says, &Signatures), signature| Statement {
                sender,
                view,
                says,
                signature,
            };
            let guilt = Guilt::of_pair(&of(one, *signature), &of(other, **second));
            guilt.into_iter().for_each(|guilt| self.add(guilt));
        }
    }

    fn header_signatures(&mut self, first: &Decision, second: &Decision) {
        let signed: Vec<_> = self
            .archive
            .evidence()
            .into_iter()
            .filter(|evidence| match &evidence.guilt {
                Guilt::Contradiction {
                    first: one,
                    second: other,
                } => {
                    let blocks = [one, other].map(|statement| match statement.says {
                        Says::Commit { header } => Some(header.hash()),
                        _ => None,
                    });
                    let decided = [Some(first.hash()), Some(second.hash())];
                    blocks.iter().all(|block| decided.contains(block))
                }
                _ => false,
            })
            .collect();
        signed
            .into_iter()
            .for_each(|evidence| self.add(evidence.guilt));
    }

    fn two_quorums(&mut self, one: &CommitCertificate, other: &CommitCertificate) {
        let says = |hash| Says::PreCommit { hash };
        self.both(
            (one.view, says(one.hash), &one.signatures),
            (other.view, says(other.hash), &other.signatures),
        );
    }

    fn through_view_change(&mut self, lower: &CommitCertificate) -> Result<(), Untraced> {
        let conflicting: Option<&PreparedCertificate> = self
            .archive
            .prepared()
            .find(|held| held.view > lower.view && held.hash != lower.hash);
        let Some(prepared) = conflicting.cloned() else {
            return Err(Untraced::NoPrepared {
                hash: lower.hash,
                above: lower.view,
            });
        };
        let (view, justification) = (prepared.view, prepared.justification);
        let Some(certificate) = self.archive.justification(view, &justification).cloned() else {
            return Err(Untraced::NoJustification {
                view,
                justification,
            });
        };
        let committed: BTreeMap<_, _> = lower.signatures.iter().collect();
        for (sender, entry) in &certificate.entries {
            let Some(signature) = committed.get(sender) else {
                continue;
            };
            let pre_commit = Statement {
                sender: *sender,
                view: lower.view,
                says: Says::PreCommit { hash: lower.hash },
                signature: **signature,
            };
            let change_view = Statement {
                sender: *sender,
                view,
                says: Says::ChangeView { claim: entry.claim },
                signature: entry.signature,
            };
            let guilt = Guilt::of_pair(&pre_commit, &change_view);
            guilt.into_iter().for_each(|guilt| self.add(guilt));
        }
        for (sender, signature) in prepared.signatures.iter() {
            let vote = Statement {
                sender,
                view,
                says: Says::Prepare {
                    hash: prepared.hash,
                    justification,
                },
                signature: *signature,
            };
            self.add(Guilt::Unjustified {
                vote,
                justification: Box::new(bound(&certificate)),
            });
        }
        Ok(())
    }
}
