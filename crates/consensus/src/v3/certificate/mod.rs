//! Certificates: quorums of votes that anyone can check (protocol section 3).
//!
//! A certificate does not name its height: it is checked in the [`HeightContext`] of the message
//! that carries it, and its signatures cover height and previous block.

mod obligations;

use std::collections::BTreeMap;

use neo_primitives::{Signature, UInt256, ValidatorIndex, sha256};

#[cfg(doc)]
use crate::v3::context::HeightContext;
use crate::validators::View;

pub use obligations::{Malformed, Obligation};

/// Signatures of distinct validators, in index order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Signatures(BTreeMap<ValidatorIndex, Signature>);

impl Signatures {
    /// Signatures by validator.
    #[must_use]
    pub fn new(signatures: BTreeMap<ValidatorIndex, Signature>) -> Self {
        Self(signatures)
    }

    /// The first `quorum` of them in index order, or `None` when there are fewer.
    #[must_use]
    pub fn quorum_of(
        signatures: impl IntoIterator<Item = (ValidatorIndex, Signature)>,
        quorum: usize,
    ) -> Option<Self> {
        let all: BTreeMap<_, _> = signatures.into_iter().collect();
        (all.len() >= quorum).then(|| Self(all.into_iter().take(quorum).collect()))
    }

    /// Number of signatures.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The signatures in index order.
    pub fn iter(&self) -> impl Iterator<Item = (ValidatorIndex, &Signature)> {
        self.0.iter().map(|(index, signature)| (*index, signature))
    }

    /// The signers in index order.
    pub fn signers(&self) -> impl Iterator<Item = ValidatorIndex> + '_ {
        self.0.keys().copied()
    }
}

/// The highest prepared certificate that a ChangeView admits to: its view and block hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PreparedClaim {
    /// View of the certificate.
    pub view: View,
    /// Block that it prepared.
    pub hash: UInt256,
}

/// What a ChangeView says about prepared certificates; `None` is "I hold none".
pub type Claim = Option<PreparedClaim>;

/// The signed body of a ChangeView: `0x00`, or `0x01 ‖ view u32 ‖ hash`.
#[must_use]
pub fn claim_bytes(claim: &Claim) -> Vec<u8> {
    match claim {
        None => vec![0],
        Some(prepared) => {
            let mut bytes = Vec::with_capacity(37);
            bytes.push(1);
            bytes.extend_from_slice(&prepared.view.0.to_le_bytes());
            bytes.extend_from_slice(prepared.hash.as_wire());
            bytes
        }
    }
}

/// PC(v,H), the prepared certificate: M Prepares of one view with equal hash and justification.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PreparedCertificate {
    /// View of the Prepares.
    pub view: View,
    /// Block they name.
    pub hash: UInt256,
    /// Hash of the justification of that view's proposal, zeros at view 0.
    pub justification: UInt256,
    /// The M signatures.
    pub signatures: Signatures,
}

impl PreparedCertificate {
    /// What a ChangeView of a holder claims.
    #[must_use]
    pub fn claim(&self) -> PreparedClaim {
        PreparedClaim {
            view: self.view,
            hash: self.hash,
        }
    }
}

/// CC(v,H), the commit certificate: M PreCommits of one view. It decides H.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CommitCertificate {
    /// View of the PreCommits.
    pub view: View,
    /// The decided block.
    pub hash: UInt256,
    /// The M signatures.
    pub signatures: Signatures,
    /// The prepared certificate of the same view and block. A validator that saw M PreCommits but
    /// not M Prepares decides all the same and forwards the certificate without it.
    pub prepared: Option<PreparedCertificate>,
}

/// What proves that a block is decided.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Decision {
    /// M PreCommits of one view.
    Certificate(CommitCertificate),
    /// f+1 Neo header signatures: an honest validator signs a header only after deciding it
    /// (protocol section 5, rule 5).
    HeaderSignatures {
        /// The decided block.
        hash: UInt256,
        /// At least f+1 header signatures.
        signatures: Signatures,
    },
}

impl Decision {
    /// The decided block.
    #[must_use]
    pub fn hash(&self) -> UInt256 {
        match self {
            Self::Certificate(certificate) => certificate.hash,
            Self::HeaderSignatures { hash, .. } => *hash,
        }
    }

    /// Validators whose signatures prove it: those to ask for the body.
    #[must_use]
    pub fn signers(&self) -> Vec<ValidatorIndex> {
        match self {
            Self::Certificate(certificate) => certificate.signatures.signers().collect(),
            Self::HeaderSignatures { signatures, .. } => signatures.signers().collect(),
        }
    }
}

/// One ChangeView inside a view-change certificate.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ViewChangeEntry {
    /// Its claim.
    pub claim: Claim,
    /// Its signature.
    pub signature: Signature,
}

/// TC(v'), the view-change certificate: M ChangeViews for exactly v', and the prepared certificate
/// of the greatest claimed view.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ViewChangeCertificate {
    /// The view entered by it.
    pub view: View,
    /// The M ChangeViews by validator.
    pub entries: BTreeMap<ValidatorIndex, ViewChangeEntry>,
    /// The certificate of the greatest claim; `None` when all claim none.
    pub prepared: Option<PreparedCertificate>,
}

impl ViewChangeCertificate {
    /// J, the hash that Proposal and Prepare of this view sign (protocol section 3): SHA-256 of the
    /// entries in index order, then the prepared certificate's view, hash and signatures.
    #[must_use]
    pub fn justification(&self) -> UInt256 {
        let mut bytes = Vec::new();
        for (index, entry) in &self.entries {
            bytes.push(index.0);
            bytes.extend_from_slice(&claim_bytes(&entry.claim));
            bytes.extend_from_slice(&entry.signature.0);
        }
        if let Some(prepared) = &self.prepared {
            bytes.extend_from_slice(&prepared.view.0.to_le_bytes());
            bytes.extend_from_slice(prepared.hash.as_wire());
            for (index, signature) in prepared.signatures.iter() {
                bytes.push(index.0);
                bytes.extend_from_slice(&signature.0);
            }
        }
        UInt256::from_wire(sha256(&bytes))
    }

    /// The greatest claim of the entries.
    #[must_use]
    pub fn greatest_claim(&self) -> Claim {
        self.entries
            .values()
            .filter_map(|entry| entry.claim)
            .max_by_key(|claim| claim.view)
    }
}

/// The justification hash of a proposal: zeros at view 0.
#[must_use]
pub fn justification_hash(certificate: Option<&ViewChangeCertificate>) -> UInt256 {
    certificate.map_or(UInt256::ZERO, ViewChangeCertificate::justification)
}

/// The signed body of Proposal and Prepare: H ‖ J.
#[must_use]
pub fn hash_and_justification(hash: &UInt256, justification: &UInt256) -> [u8; 64] {
    let mut body = [0; 64];
    body[..32].copy_from_slice(hash.as_wire());
    body[32..].copy_from_slice(justification.as_wire());
    body
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::v3::testing::{context, hash, signature};

    fn prepared(view: u32, block: u8) -> PreparedCertificate {
        PreparedCertificate {
            view: View(view),
            hash: hash(block),
            justification: UInt256::ZERO,
            signatures: Signatures::new(
                (0..3).map(|i| (ValidatorIndex(i), signature(i))).collect(),
            ),
        }
    }

    fn certificate(
        view: u32,
        claims: [Claim; 3],
        prepared: Option<PreparedCertificate>,
    ) -> ViewChangeCertificate {
        let entries = (0..3u8)
            .map(ValidatorIndex)
            .zip(claims)
            .map(|(index, claim)| {
                (
                    index,
                    ViewChangeEntry {
                        claim,
                        signature: signature(index.0),
                    },
                )
            })
            .collect();
        ViewChangeCertificate {
            view: View(view),
            entries,
            prepared,
        }
    }

    fn judge(certificate: &ViewChangeCertificate) -> Result<usize, Malformed> {
        let mut out = Vec::new();
        context(4)
            .view_change_obligations(certificate, &mut out)
            .map(|()| out.len())
    }

    fn claim(view: u32, block: u8) -> Claim {
        Some(PreparedClaim {
            view: View(view),
            hash: hash(block),
        })
    }

    #[test]
    fn a_view_change_certificate_needs_its_greatest_claim_backed() {
        let none = [None, None, None];
        assert_eq!(judge(&certificate(1, none, None)), Ok(3));
        assert_eq!(
            judge(&certificate(
                3,
                [claim(1, 7), None, claim(2, 8)],
                Some(prepared(2, 8))
            )),
            Ok(6)
        );
        for (case, bad) in [
            (
                "nobody claims it",
                certificate(3, none, Some(prepared(1, 7))),
            ),
            (
                "claim without certificate",
                certificate(3, [claim(1, 7), None, None], None),
            ),
            (
                "certificate of a lower claim",
                certificate(3, [claim(1, 7), claim(2, 8), None], Some(prepared(1, 7))),
            ),
            (
                "certificate of another block",
                certificate(3, [claim(2, 8), None, None], Some(prepared(2, 7))),
            ),
            (
                "greatest claims differ",
                certificate(3, [claim(2, 8), claim(2, 9), None], Some(prepared(2, 8))),
            ),
            (
                "claim at its own view",
                certificate(2, [claim(2, 8), None, None], Some(prepared(2, 8))),
            ),
        ] {
            assert!(judge(&bad).is_err(), "{case}");
        }
    }

    #[test]
    fn a_view_change_certificate_has_exactly_a_quorum_of_members() {
        let mut short = certificate(1, [None, None, None], None);
        short.entries.pop_first();
        assert!(matches!(
            judge(&short),
            Err(Malformed::SignatureCount { got: 2, .. })
        ));
        let mut stranger = short.clone();
        stranger.entries.insert(
            ValidatorIndex(4),
            ViewChangeEntry {
                claim: None,
                signature: signature(4),
            },
        );
        assert!(matches!(
            judge(&stranger),
            Err(Malformed::UnknownValidator { .. })
        ));
    }

    #[test]
    fn the_justification_covers_entries_and_certificate() {
        let base = certificate(3, [claim(2, 8), None, None], Some(prepared(2, 8)));
        let mut other_entry = base.clone();
        other_entry
            .entries
            .get_mut(&ValidatorIndex(1))
            .unwrap()
            .signature = signature(99);
        let mut other_prepared = base.clone();
        other_prepared.prepared.as_mut().unwrap().signatures =
            Signatures::new((1..4).map(|i| (ValidatorIndex(i), signature(i))).collect());
        assert_ne!(base.justification(), other_entry.justification());
        assert_ne!(base.justification(), other_prepared.justification());
        assert_eq!(justification_hash(None), UInt256::ZERO);
    }

    #[test]
    fn a_decision_travels_with_the_certificate_of_its_view_and_block() {
        let decision = |view, block| {
            Decision::Certificate(CommitCertificate {
                view: View(1),
                hash: hash(5),
                signatures: prepared(1, 5).signatures,
                prepared: Some(prepared(view, block)),
            })
        };
        let judge = |decision: &Decision| {
            let mut out = Vec::new();
            context(4)
                .decision_obligations(decision, &mut out)
                .map(|()| out.len())
        };
        assert_eq!(judge(&decision(1, 5)), Ok(6));
        assert!(matches!(
            judge(&decision(0, 5)),
            Err(Malformed::WrongView { .. })
        ));
        assert!(matches!(
            judge(&decision(1, 6)),
            Err(Malformed::WrongHash { .. })
        ));
    }
}
