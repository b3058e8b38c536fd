//! The signatures that a certificate consists of, and what makes it malformed whatever they say.

use neo_primitives::{Signature, UInt256, ValidatorIndex};

use super::{
    Decision, PreparedCertificate, ViewChangeCertificate, claim_bytes, hash_and_justification,
};
use crate::v3::context::{HeightContext, MessageKind};
use crate::validators::View;

/// What makes a certificate or a message malformed whatever its signatures say.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// A signer beyond the set.
    #[error("validator {index} signs in a set of {count}")]
    UnknownValidator {
        /// The index given.
        index: ValidatorIndex,
        /// Size of the set.
        count: usize,
    },
    /// Not exactly a quorum.
    #[error("{what} with {got} signatures, {expected} make it")]
    SignatureCount {
        /// Which certificate.
        what: &'static str,
        /// Signatures found.
        got: usize,
        /// Signatures that make it.
        expected: usize,
    },
    /// A view that does not fit its place.
    #[error("{what} of view {got} in a message of view {expected}")]
    WrongView {
        /// Which part.
        what: &'static str,
        /// Its view.
        got: View,
        /// The view it must have, or stay below.
        expected: View,
    },
    /// A hash that does not fit its place.
    #[error("{what} names block {got}, not {expected}")]
    WrongHash {
        /// Which part.
        what: &'static str,
        /// Its block.
        got: UInt256,
        /// The block it must name.
        expected: UInt256,
    },
    /// A justification that is missing or has no business there.
    #[error("proposal of view {view} {problem}")]
    Justification {
        /// View of the proposal.
        view: View,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A ChangeView or certificate whose greatest claim has no matching prepared certificate.
    #[error("{what} claims view {claimed} without its prepared certificate")]
    UnbackedClaim {
        /// Which part.
        what: &'static str,
        /// The claimed view.
        claimed: View,
    },
    /// Two claims of one view that name different blocks, or a prepared certificate nobody claims.
    #[error("view-change certificate of view {view}: {problem}")]
    ContradictoryClaims {
        /// View of the certificate.
        view: View,
        /// What contradicts what.
        problem: &'static str,
    },
    /// A message kind where it has no place.
    #[error("a {0:?} has no place inside a recovery message")]
    Nested(MessageKind),
}

/// One signature that still has to be checked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Obligation {
    /// The signer.
    pub validator: ValidatorIndex,
    /// The signed bytes, before SHA-256.
    pub preimage: Vec<u8>,
    /// The signature.
    pub signature: Signature,
}

impl HeightContext {
    fn signature_obligations<'a>(
        &self,
        what: &'static str,
        signatures: impl Iterator<Item = (ValidatorIndex, &'a Signature)>,
        expected: usize,
        preimage: &[u8],
        out: &mut Vec<Obligation>,
    ) -> Result<(), Malformed> {
        let mut got = 0;
        for (index, signature) in signatures {
            self.require_member(index)?;
            got += 1;
            out.push(Obligation {
                validator: index,
                preimage: preimage.to_vec(),
                signature: *signature,
            });
        }
        if got != expected {
            return Err(Malformed::SignatureCount {
                what,
                got,
                expected,
            });
        }
        Ok(())
    }

    pub(in crate::v3) fn require_member(&self, index: ValidatorIndex) -> Result<(), Malformed> {
        if self.validators.contains(index) {
            Ok(())
        } else {
            Err(Malformed::UnknownValidator {
                index,
                count: self.validators.len(),
            })
        }
    }

    /// Adds the signatures of a prepared certificate to `out`.
    ///
    /// # Errors
    /// Not exactly M signers of this set.
    pub fn prepared_obligations(
        &self,
        certificate: &PreparedCertificate,
        out: &mut Vec<Obligation>,
    ) -> Result<(), Malformed> {
        let body = hash_and_justification(&certificate.hash, &certificate.justification);
        let preimage = self.preimage(MessageKind::Prepare, certificate.view, &body);
        self.signature_obligations(
            "prepared certificate",
            certificate.signatures.iter(),
            self.validators.quorum(),
            &preimage,
            out,
        )
    }

    /// Adds the signatures of a decision, and of the prepared certificate it travels with, to `out`.
    ///
    /// # Errors
    /// Too few signers, signers outside the set, or a prepared certificate of another view or block.
    pub fn decision_obligations(
        &self,
        decision: &Decision,
        out: &mut Vec<Obligation>,
    ) -> Result<(), Malformed> {
        match decision {
            Decision::Certificate(certificate) => {
                let preimage = self.preimage(
                    MessageKind::PreCommit,
                    certificate.view,
                    certificate.hash.as_wire(),
                );
                self.signature_obligations(
                    "commit certificate",
                    certificate.signatures.iter(),
                    self.validators.quorum(),
                    &preimage,
                    out,
                )?;
                if let Some(prepared) = &certificate.prepared {
                    if prepared.view != certificate.view {
                        return Err(Malformed::WrongView {
                            what: "prepared certificate",
                            got: prepared.view,
                            expected: certificate.view,
                        });
                    }
                    if prepared.hash != certificate.hash {
                        return Err(Malformed::WrongHash {
                            what: "prepared certificate",
                            got: prepared.hash,
                            expected: certificate.hash,
                        });
                    }
                    self.prepared_obligations(prepared, out)?;
                }
                Ok(())
            }
            Decision::HeaderSignatures { hash, signatures } => {
                let preimage = neo_primitives::sign_data(self.magic, hash);
                self.signature_obligations(
                    "header-signature decision",
                    signatures.iter(),
                    self.validators.faulty() + 1,
                    &preimage,
                    out,
                )
            }
        }
    }

    /// Adds the signatures of a view-change certificate to `out`, after judging its claims.
    ///
    /// # Errors
    /// Not exactly M entries, claims at or above its own view, claims of the greatest view that name
    /// different blocks, or a prepared certificate that is not that of the greatest claim.
    pub fn view_change_obligations(
        &self,
        certificate: &ViewChangeCertificate,
        out: &mut Vec<Obligation>,
    ) -> Result<(), Malformed> {
        let (got, expected) = (certificate.entries.len(), self.validators.quorum());
        if got != expected {
            return Err(Malformed::SignatureCount {
                what: "view-change certificate",
                got,
                expected,
            });
        }
        let contradiction = |problem| Malformed::ContradictoryClaims {
            view: certificate.view,
            problem,
        };
        let greatest = certificate.greatest_claim();
        for (index, entry) in &certificate.entries {
            self.require_member(*index)?;
            if let (Some(claim), Some(greatest)) = (entry.claim, greatest) {
                if claim.view >= certificate.view {
                    return Err(Malformed::WrongView {
                        what: "claim",
                        got: claim.view,
                        expected: certificate.view,
                    });
                }
                if claim.view == greatest.view && claim.hash != greatest.hash {
                    return Err(contradiction("two claims of the greatest view differ"));
                }
            }
            out.push(Obligation {
                validator: *index,
                preimage: self.preimage(
                    MessageKind::ChangeView,
                    certificate.view,
                    &claim_bytes(&entry.claim),
                ),
                signature: entry.signature,
            });
        }
        match (greatest, &certificate.prepared) {
            (None, None) => Ok(()),
            (None, Some(_)) => Err(contradiction(
                "carries a prepared certificate nobody claims",
            )),
            (Some(claim), None) => Err(Malformed::UnbackedClaim {
                what: "view-change certificate",
                claimed: claim.view,
            }),
            (Some(claim), Some(prepared)) if prepared.claim() != claim => Err(contradiction(
                "its prepared certificate is not that of the greatest claim",
            )),
            (Some(_), Some(prepared)) => self.prepared_obligations(prepared, out),
        }
    }
}
