//! Whether a proof proves anything.

use std::sync::Arc;

use neo_primitives::{Height, Magic, UInt256, ValidatorIndex};

use super::statement::falls_short;
use super::{Evidence, Guilt, Says, Statement};
use crate::v3::certificate::{Obligation, ViewChangeCertificate, claim_bytes};
use crate::v3::context::{HeightContext, MessageKind};
use crate::v3::verify::SignatureCheck;
use crate::validators::{ValidatorSet, View};

/// Why a proof convicts nobody.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotGuilty {
    /// It is about another network.
    #[error("evidence of network {got}, this one is {expected}")]
    OtherNetwork {
        /// Magic of the evidence.
        got: Magic,
        /// Magic of the verifier.
        expected: Magic,
    },
    /// The accused is no member of the set.
    #[error("validator {index} is accused in a set of {count}")]
    UnknownValidator {
        /// The index.
        index: ValidatorIndex,
        /// Size of the set.
        count: usize,
    },
    /// The statements are of different validators.
    #[error("statements of validators {0} and {1} prove nothing about either")]
    TwoValidators(ValidatorIndex, ValidatorIndex),
    /// A statement does not verify under the key of the accused: forged, or judged by a wrong set.
    #[error("the signature of validator {sender} under a {kind:?} of view {view} is invalid")]
    Signature {
        /// The accused.
        sender: ValidatorIndex,
        /// The kind of the statement.
        kind: MessageKind,
        /// Its view.
        view: View,
    },
    /// A header of another height or on another block.
    #[error(
        "a header of height {got} on {got_parent} in evidence of height {expected} on {expected_parent}"
    )]
    OtherHeight {
        /// Height of the header.
        got: Height,
        /// Its previous block.
        got_parent: UInt256,
        /// Height of the evidence.
        expected: Height,
        /// Its previous block.
        expected_parent: UInt256,
    },
    /// The statements have no place in this form of guilt, or are the wrong way round.
    #[error("{0} is made of other statements, or has them the other way round")]
    WrongRoles(&'static str),
    /// An honest validator may sign all of it.
    #[error("nothing contradicts: {0}")]
    Compatible(&'static str),
    /// The certificate is not the one whose hash the vote signed.
    #[error("the certificate hashes to {got}, the vote signed {expected}")]
    OtherJustification {
        /// Its hash.
        got: UInt256,
        /// The hash in the vote.
        expected: UInt256,
    },
    /// The certificate has a shape in which its hash does not bind it.
    #[error(
        "a view-change certificate of view {view} with {entries} entries and {prepared:?} prepares proves nothing, {quorum} each make it"
    )]
    Unbound {
        /// Its view.
        view: View,
        /// Entries found.
        entries: usize,
        /// Signatures of its prepared certificate.
        prepared: Option<usize>,
        /// The quorum.
        quorum: usize,
    },
}

impl Evidence {
    /// Whether it convicts, judged by `magic` and the set of its height; the culprit if it does.
    ///
    /// # Errors
    /// Why it proves nothing.
    pub fn verify(
        &self,
        magic: Magic,
        validators: &Arc<ValidatorSet>,
        check: &dyn SignatureCheck,
    ) -> Result<ValidatorIndex, NotGuilty> {
        if self.magic != magic {
            return Err(NotGuilty::OtherNetwork {
                got: self.magic,
                expected: magic,
            });
        }
        let context = HeightContext {
            magic,
            height: self.height,
            prev_hash: self.prev_hash,
            validators: Arc::clone(validators),
        };
        let court = Court {
            context: &context,
            check,
        };
        court.judge(&self.guilt)?;
        Ok(self.culprit())
    }
}

/// Whether a form of guilt holds at a height.
pub(super) fn convicts(context: &HeightContext, guilt: &Guilt, check: &dyn SignatureCheck) -> bool {
    Court { context, check }.judge(guilt).is_ok()
}

struct Court<'a> {
    context: &'a HeightContext,
    check: &'a dyn SignatureCheck,
}

impl Court<'_> {
    fn judge(&self, guilt: &Guilt) -> Result<(), NotGuilty> {
        let statements = guilt.statements();
        for statement in &statements {
            self.is_of_this_height(statement)?;
            if let Some(first) = statements.first()
                && first.sender != statement.sender
            {
                return Err(NotGuilty::TwoValidators(first.sender, statement.sender));
            }
        }
        let sound = match guilt {
            Guilt::Contradiction { .. } | Guilt::Amnesia { .. } | Guilt::ShrinkingClaim { .. } => {
                pair(guilt)
            }
            Guilt::ForgottenJustification {
                vote,
                justification,
                change_view,
            } => self.forgotten(vote, justification, change_view),
            Guilt::Unjustified {
                vote,
                justification,
            } => self.unjustified(vote, justification),
            Guilt::Impossible { statement } => Guilt::of_one(statement)
                .map(|_| ())
                .ok_or(NotGuilty::Compatible("some state explains this statement")),
        };
        sound?;
        for statement in statements {
            self.is_signed(statement)?;
        }
        Ok(())
    }

    fn is_of_this_height(&self, statement: &Statement) -> Result<(), NotGuilty> {
        let Says::Commit { header } = &statement.says else {
            return Ok(());
        };
        if statement.view != View::ZERO {
            return Err(NotGuilty::WrongRoles("a header signature of a view"));
        }
        if header.index != self.context.height || header.prev_hash != self.context.prev_hash {
            return Err(NotGuilty::OtherHeight {
                got: header.index,
                got_parent: header.prev_hash,
                expected: self.context.height,
                expected_parent: self.context.prev_hash,
            });
        }
        Ok(())
    }

    fn is_signed(&self, statement: &Statement) -> Result<(), NotGuilty> {
        let validators = &self.context.validators;
        if !validators.contains(statement.sender) {
            return Err(NotGuilty::UnknownValidator {
                index: statement.sender,
                count: validators.len(),
            });
        }
        let obligation = Obligation {
            validator: statement.sender,
            preimage: statement.preimage(self.context),
            signature: statement.signature,
        };
        if self.check.all_valid(self.context, &[obligation]) {
            Ok(())
        } else {
            Err(NotGuilty::Signature {
                sender: statement.sender,
                kind: statement.kind(),
                view: statement.view,
            })
        }
    }

    /// That the certificate is what the vote signed. Its hash covers entries and prepared certificate
    /// without their numbers, so both must have exactly a quorum: then its bytes read in one way only.
    /// It covers neither the certificate's own view, which is the vote's, nor the justification inside
    /// the prepared certificate, on which nothing here may depend.
    fn is_justification(
        &self,
        vote: &Statement,
        certificate: &ViewChangeCertificate,
    ) -> Result<UInt256, NotGuilty> {
        let Some((hash, justification)) = vote.ballot() else {
            return Err(NotGuilty::WrongRoles("a justified vote"));
        };
        let quorum = self.context.validators.quorum();
        let entries = certificate.entries.len();
        let prepared = certificate
            .prepared
            .as_ref()
            .map(|held| held.signatures.len());
        if entries != quorum || prepared.is_some_and(|count| count != quorum) {
            return Err(NotGuilty::Unbound {
                view: certificate.view,
                entries,
                prepared,
                quorum,
            });
        }
        let got = certificate.justification();
        if got != justification {
            return Err(NotGuilty::OtherJustification {
                got,
                expected: justification,
            });
        }
        if certificate.view != vote.view {
            return Err(NotGuilty::WrongRoles("a justification of another view"));
        }
        if let Some(held) = &certificate.prepared
            && !held.justification.is_zero()
        {
            // One encoding for one proof: what the hash does not cover is left out.
            return Err(NotGuilty::WrongRoles(
                "a justification whose prepared certificate keeps its own",
            ));
        }
        Ok(hash)
    }

    fn forgotten(
        &self,
        vote: &Statement,
        certificate: &ViewChangeCertificate,
        change_view: &Statement,
    ) -> Result<(), NotGuilty> {
        self.is_justification(vote, certificate)?;
        let Says::ChangeView { claim } = &change_view.says else {
            return Err(NotGuilty::WrongRoles("a forgotten justification"));
        };
        let Some(prepared) = &certificate.prepared else {
            return Err(NotGuilty::Compatible(
                "the justification has no prepared certificate",
            ));
        };
        if change_view.view <= vote.view || !falls_short(claim, prepared.view, None) {
            return Err(NotGuilty::Compatible(
                "the ChangeView may have been signed before, or claims enough",
            ));
        }
        Ok(())
    }

    fn unjustified(
        &self,
        vote: &Statement,
        certificate: &ViewChangeCertificate,
    ) -> Result<(), NotGuilty> {
        let hash = self.is_justification(vote, certificate)?;
        if is_malformed(certificate) {
            return Ok(());
        }
        if let Some(prepared) = &certificate.prepared
            && prepared.hash != hash
        {
            return Ok(());
        }
        let sound = certificate.entries.iter().all(|(index, entry)| {
            let body = claim_bytes(&entry.claim);
            let obligation = Obligation {
                validator: *index,
                preimage: self
                    .context
                    .preimage(MessageKind::ChangeView, certificate.view, &body),
                signature: entry.signature,
            };
            self.context.validators.contains(*index)
                && self.check.all_valid(self.context, &[obligation])
        });
        if sound {
            return Err(NotGuilty::Compatible(
                "the justification is sound and admits the block",
            ));
        }
        Ok(())
    }
}

/// Whether claims and prepared certificate of a TC cannot belong together (protocol section 3).
fn is_malformed(certificate: &ViewChangeCertificate) -> bool {
    let claims: Vec<_> = certificate
        .entries
        .values()
        .filter_map(|entry| entry.claim)
        .collect();
    let greatest = claims.iter().map(|claim| claim.view).max();
    let mut of_greatest = claims.iter().filter(|claim| Some(claim.view) == greatest);
    let Some(claim) = of_greatest.next() else {
        return certificate.prepared.is_some();
    };
    let backed = certificate
        .prepared
        .as_ref()
        .is_some_and(|held| held.claim() == *claim);
    claim.view >= certificate.view || !backed || of_greatest.any(|other| other != claim)
}

fn pair(guilt: &Guilt) -> Result<(), NotGuilty> {
    let statements = guilt.statements();
    let [one, other] = statements[..] else {
        return Err(NotGuilty::WrongRoles(guilt.name()));
    };
    match Guilt::of_pair(one, other) {
        Some(proven) if proven == *guilt => Ok(()),
        Some(_) => Err(NotGuilty::WrongRoles(guilt.name())),
        None => Err(NotGuilty::Compatible(
            "an honest validator may sign both statements",
        )),
    }
}
