//! From a received message to what the engine may believe.
//!
//! [`Verified`] has no other constructor than [`VerifyJob::run`]: whatever the engine counts went
//! through here. A job is self-contained, so that it can run on any thread.

use std::sync::Arc;

use neo_primitives::{Height, PublicKey, Signature, ValidatorIndex};

use super::certificate::{
    Decision, Malformed, Obligation, PreparedCertificate, ViewChangeCertificate,
};
use super::context::{HeightContext, MessageKind};
use super::evidence::{Evidence, Guilt};
use super::message::{Message, Payload, RecoveryMessage, Signer};
use crate::validators::View;

/// A fact whose signatures were checked against the validators of its height.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified<T>(T);

impl<T> Verified<T> {
    /// The fact.
    #[must_use]
    pub fn get(&self) -> &T {
        &self.0
    }

    /// The fact, owned.
    #[must_use]
    pub fn into_inner(self) -> T {
        self.0
    }
}

/// One thing the engine can be told by other validators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A signed message that is no recovery message.
    Message(Message),
    /// A proposal with a valid signature of its sender whose justification nobody can accept.
    MalformedProposal {
        /// View of the proposal.
        view: View,
        /// Its sender.
        sender: ValidatorIndex,
        /// What is wrong with it.
        problem: String,
        /// The proof that its sender is guilty of it, where one can be made.
        proof: Option<Box<Evidence>>,
    },
    /// A forwarded view-change certificate.
    ViewChange(ViewChangeCertificate),
    /// A forwarded prepared certificate.
    Prepared(PreparedCertificate),
    /// A forwarded decision.
    Decision(Decision),
    /// A validator's answer to a fresh nonce: the greatest height it has stored.
    Report {
        /// The validator that answered.
        validator: ValidatorIndex,
        /// The nonce.
        nonce: u64,
        /// Its greatest stored height.
        stored: Height,
    },
}

/// Why a part of a message was dropped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is malformed whatever its signatures say.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// A signature does not verify.
    #[error("invalid signature in a {kind:?} that names validator {sender}")]
    Signature {
        /// Kind of the message.
        kind: MessageKind,
        /// Its claimed sender.
        sender: ValidatorIndex,
    },
}

/// A received message, or a decision taken out of one, with all that its check needs.
#[derive(Clone, Debug)]
pub struct VerifyJob {
    context: Arc<HeightContext>,
    from: PublicKey,
    subject: Subject,
}

#[derive(Clone, Debug)]
enum Subject {
    Message(Message),
    Decision(Decision),
}

/// What came of a job.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The height it was checked for.
    pub height: Height,
    /// The peer that sent it.
    pub from: PublicKey,
    /// What holds.
    pub accepted: Vec<Verified<Input>>,
    /// What was dropped, and why.
    pub refused: Vec<Refused>,
}

/// Checks signatures: all of a slice must hold. May run them in parallel and remember them.
pub trait SignatureCheck {
    /// Whether every obligation holds for the validators of `context`.
    fn all_valid(&self, context: &HeightContext, obligations: &[Obligation]) -> bool;
}

impl VerifyJob {
    pub(super) fn message(context: &Arc<HeightContext>, from: PublicKey, message: Message) -> Self {
        Self {
            context: Arc::clone(context),
            from,
            subject: Subject::Message(message),
        }
    }

    pub(super) fn decision(
        context: &Arc<HeightContext>,
        from: PublicKey,
        decision: Decision,
    ) -> Self {
        Self {
            context: Arc::clone(context),
            from,
            subject: Subject::Decision(decision),
        }
    }

    /// The peer that sent it.
    #[must_use]
    pub fn from(&self) -> &PublicKey {
        &self.from
    }

    /// Checks it part by part: an invalid part does not take the others down.
    #[must_use]
    pub fn run(self, check: &dyn SignatureCheck) -> Outcome {
        let mut outcome = Outcome {
            height: self.context.height,
            from: self.from,
            accepted: Vec::new(),
            refused: Vec::new(),
        };
        let mut parts = Parts {
            context: &self.context,
            check,
            outcome: &mut outcome,
        };
        match self.subject {
            Subject::Decision(decision) => {
                parts.decision(MessageKind::Proposal, ValidatorIndex(0), decision);
            }
            Subject::Message(message) => parts.message(message),
        }
        outcome
    }
}

struct Parts<'a> {
    context: &'a HeightContext,
    check: &'a dyn SignatureCheck,
    outcome: &'a mut Outcome,
}

impl Parts<'_> {
    fn settle(&mut self, result: Result<Input, Refused>) {
        match result {
            Ok(input) => self.outcome.accepted.push(Verified(input)),
            Err(refused) => self.outcome.refused.push(refused),
        }
    }

    fn require(
        &self,
        kind: MessageKind,
        sender: ValidatorIndex,
        obligations: &[Obligation],
    ) -> Result<(), Refused> {
        if self.check.all_valid(self.context, obligations) {
            Ok(())
        } else {
            Err(Refused::Signature { kind, sender })
        }
    }

    fn message(&mut self, message: Message) {
        match message.payload {
            Payload::RecoveryMessage(ref recovery) => {
                let recovery = Arc::clone(recovery);
                self.recovery(&message, &recovery);
            }
            _ => {
                let result = self.vote(message);
                self.settle(result);
            }
        }
    }

    fn vote(&self, message: Message) -> Result<Input, Refused> {
        self.context.require_member(message.sender)?;
        let (kind, sender) = (message.kind(), message.sender);
        let mut own = vec![self.own_signature(&message)];
        match &message.payload {
            Payload::Proposal(proposal) => {
                own.push(self.leaders_prepare(&message, proposal));
                self.require(kind, sender, &own)?;
                if let Err(problem) = self.justification(&message, proposal) {
                    let problem = problem.to_string();
                    let guilt = Guilt::of_proposal(self.context, &message, self.check);
                    return Ok(Input::MalformedProposal {
                        view: message.view,
                        sender,
                        problem,
                        proof: guilt.map(|guilt| Box::new(Evidence::new(self.context, guilt))),
                    });
                }
                return Ok(Input::Message(message));
            }
            Payload::ChangeView(change) => {
                if let Some(claim) = change.claim
                    && claim.view >= message.view
                {
                    return Err(Malformed::WrongView {
                        what: "claim",
                        got: claim.view,
                        expected: message.view,
                    }
                    .into());
                }
                if let Some(prepared) = &change.prepared {
                    if change.claim != Some(prepared.claim()) {
                        return Err(Malformed::UnbackedClaim {
                            what: "change view",
                            claimed: prepared.view,
                        }
                        .into());
                    }
                    self.context.prepared_obligations(prepared, &mut own)?;
                }
            }
            _ => {}
        }
        self.require(kind, sender, &own)?;
        Ok(Input::Message(message))
    }

    fn own_signature(&self, message: &Message) -> Obligation {
        Obligation {
            validator: message.sender,
            preimage: message.preimage(self.context),
            signature: message.signature,
        }
    }

    fn leaders_prepare(
        &self,
        message: &Message,
        proposal: &super::message::Proposal,
    ) -> Obligation {
        let body = super::certificate::hash_and_justification(
            &proposal.header.hash(),
            &super::certificate::justification_hash(proposal.justification.as_ref()),
        );
        Obligation {
            validator: message.sender,
            preimage: self
                .context
                .preimage(MessageKind::Prepare, message.view, &body),
            signature: proposal.prepare,
        }
    }

    fn justification(
        &self,
        message: &Message,
        proposal: &super::message::Proposal,
    ) -> Result<(), Refused> {
        let problem = |problem| Malformed::Justification {
            view: message.view,
            problem,
        };
        match (&proposal.justification, message.view) {
            (None, View::ZERO) => Ok(()),
            (Some(_), View::ZERO) => Err(problem("carries a view-change certificate").into()),
            (None, _) => Err(problem("lacks its view-change certificate").into()),
            (Some(certificate), view) => {
                if certificate.view != view {
                    return Err(Malformed::WrongView {
                        what: "view-change certificate",
                        got: certificate.view,
                        expected: view,
                    }
                    .into());
                }
                let mut obligations = Vec::new();
                self.context
                    .view_change_obligations(certificate, &mut obligations)?;
                self.require(MessageKind::Proposal, message.sender, &obligations)
            }
        }
    }

    fn decision(&mut self, kind: MessageKind, sender: ValidatorIndex, decision: Decision) {
        let mut obligations = Vec::new();
        let result = self
            .context
            .decision_obligations(&decision, &mut obligations)
            .map_err(Refused::from)
            .and_then(|()| self.require(kind, sender, &obligations))
            .map(|()| Input::Decision(decision));
        self.settle(result);
    }

    fn recovery(&mut self, outer: &Message, recovery: &RecoveryMessage) {
        let (kind, sender) = (outer.kind(), outer.sender);
        // What decides comes first; what moves the view comes before the votes of that view.
        if let Some(decision) = &recovery.decision {
            self.decision(kind, sender, decision.clone());
        }
        if let Some(certificate) = &recovery.view_change {
            let mut obligations = Vec::new();
            let result = self
                .context
                .view_change_obligations(certificate, &mut obligations)
                .map_err(Refused::from)
                .and_then(|()| self.require(kind, sender, &obligations))
                .map(|()| Input::ViewChange(certificate.clone()));
            self.settle(result);
        }
        if let Some(certificate) = &recovery.prepared {
            let mut obligations = Vec::new();
            let result = self
                .context
                .prepared_obligations(certificate, &mut obligations)
                .map_err(Refused::from)
                .and_then(|()| self.require(kind, sender, &obligations))
                .map(|()| Input::Prepared(certificate.clone()));
            self.settle(result);
        }
        for message in &recovery.messages {
            let result = match message.kind() {
                MessageKind::RecoveryRequest | MessageKind::RecoveryMessage => {
                    Err(Malformed::Nested(message.kind()).into())
                }
                _ => self.vote(message.clone()),
            };
            self.settle(result);
        }
        if recovery.nonce != 0 {
            let result = self
                .context
                .require_member(sender)
                .map_err(Refused::from)
                .and_then(|()| self.require(kind, sender, &[self.own_signature(outer)]))
                .map(|()| Input::Report {
                    validator: sender,
                    nonce: recovery.nonce,
                    stored: recovery.stored,
                });
            self.settle(result);
        }
    }
}

/// An own message that came back from the signer: the driver signed it, nobody needs to check it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnMessage(Message);

impl OwnMessage {
    /// Signs a draft of the engine.
    #[must_use]
    pub fn sign(draft: super::message::Draft, signer: &dyn Signer) -> Self {
        Self(draft.sign(signer))
    }

    /// A draft of the engine that was signed elsewhere.
    #[must_use]
    pub fn sealed(
        draft: super::message::Draft,
        signature: Signature,
        prepare: Option<Signature>,
    ) -> Self {
        Self(draft.sealed(signature, prepare))
    }

    /// The signed message.
    #[must_use]
    pub fn message(&self) -> &Message {
        &self.0
    }

    /// Any message with the sender's signature, for tests of what no driver does.
    #[cfg(test)]
    pub(super) fn resigned(message: Message, signer: &dyn Signer) -> Self {
        let signature = signer.sign(&[]);
        Self(Message {
            signature,
            ..message
        })
    }

    pub(super) fn into_inner(self) -> Message {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::v3::certificate::{Signatures, hash_and_justification};
    use crate::v3::message::{Draft, Proposal};
    use crate::v3::testing::{context, hash, keys, signature};
    use neo_primitives::{Header, PrivateKey, Signature, UInt160, UInt256};

    struct RealCheck;

    impl SignatureCheck for RealCheck {
        fn all_valid(&self, context: &HeightContext, obligations: &[Obligation]) -> bool {
            obligations.iter().all(|obligation| {
                context
                    .validators
                    .key(obligation.validator)
                    .is_some_and(|key| {
                        key.verifier()
                            .verify(&obligation.preimage, &obligation.signature)
                    })
            })
        }
    }

    struct Key(PrivateKey);

    impl Signer for Key {
        fn sign(&self, preimage: &[u8]) -> Signature {
            self.0.sign(preimage)
        }
    }

    fn signed(sender: u8, view: u32, payload: Payload) -> Message {
        let context = Arc::new(context(4));
        let key = Key(keys(4).swap_remove(usize::from(sender)));
        Draft::new(&context, ValidatorIndex(sender), View(view), payload).sign(&key)
    }

    fn run(message: Message) -> Outcome {
        let from = keys(4)[0].public_key().clone();
        VerifyJob::message(&Arc::new(context(4)), from, message).run(&RealCheck)
    }

    #[test]
    fn every_kind_of_vote_verifies_and_a_changed_one_does_not() {
        for payload in [
            Payload::Prepare {
                hash: hash(1),
                justification: UInt256::ZERO,
            },
            Payload::PreCommit { hash: hash(1) },
            Payload::Commit { hash: hash(1) },
            Payload::Suspect,
        ] {
            let message = signed(2, 0, payload);
            assert_eq!(
                run(message.clone()).accepted.len(),
                1,
                "{:?}",
                message.kind()
            );
            let mut other_sender = message.clone();
            other_sender.sender = ValidatorIndex(1);
            assert!(run(other_sender).accepted.is_empty());
            if message.kind() != MessageKind::Commit {
                let mut other_view = message;
                other_view.view = View(1);
                assert!(run(other_view).accepted.is_empty());
            }
        }
    }

    #[test]
    fn strangers_are_refused_by_index() {
        let mut message = signed(2, 0, Payload::Suspect);
        message.sender = ValidatorIndex(4);
        let outcome = run(message);
        assert!(matches!(
            outcome.refused[..],
            [Refused::Malformed(Malformed::UnknownValidator { .. })]
        ));
    }

    fn proposal(view: u32, justification: Option<ViewChangeCertificate>) -> Message {
        let header = Header {
            version: 0,
            prev_hash: hash(0xee),
            merkle_root: UInt256::ZERO,
            timestamp: 5,
            nonce: 6,
            index: Height(9),
            primary_index: ValidatorIndex(0),
            next_consensus: UInt160::ZERO,
        };
        signed(
            1,
            view,
            Payload::Proposal(Arc::new(Proposal {
                header,
                transactions: vec![],
                justification,
                parent: None,
                prepare: signature(0),
            })),
        )
    }

    #[test]
    fn a_proposal_is_judged_with_its_justification() {
        assert!(matches!(
            run(proposal(0, None)).accepted[..],
            [Verified(Input::Message(_))]
        ));
        assert!(matches!(
            run(proposal(2, None)).accepted[..],
            [Verified(Input::MalformedProposal {
                view: View(2),
                proof: Some(_),
                ..
            })]
        ));
        let mut forged_prepare = proposal(0, None);
        if let Payload::Proposal(proposal) = &mut forged_prepare.payload {
            Arc::make_mut(proposal).prepare = signature(1);
        }
        assert!(run(forged_prepare).accepted.is_empty());
    }

    #[test]
    fn one_bad_part_of_a_recovery_message_leaves_the_rest() {
        let good = signed(1, 0, Payload::PreCommit { hash: hash(1) });
        let mut bad = signed(2, 0, Payload::PreCommit { hash: hash(1) });
        bad.signature = signature(9);
        let body = hash_and_justification(&hash(1), &UInt256::ZERO);
        let signatures = (0..3u8)
            .map(|i| {
                let preimage = context(4).preimage(MessageKind::Prepare, View(0), &body);
                (ValidatorIndex(i), keys(4)[usize::from(i)].sign(&preimage))
            })
            .collect();
        let prepared = PreparedCertificate {
            view: View(0),
            hash: hash(1),
            justification: UInt256::ZERO,
            signatures: Signatures::new(signatures),
        };
        let recovery = RecoveryMessage {
            nonce: 5,
            stored: Height(8),
            view_change: None,
            prepared: Some(prepared),
            decision: None,
            messages: vec![good, bad],
        };
        let outcome = run(signed(3, 0, Payload::RecoveryMessage(Arc::new(recovery))));
        assert_eq!(outcome.accepted.len(), 3);
        assert_eq!(outcome.refused.len(), 1);
        assert!(matches!(
            outcome.accepted[2].get(),
            Input::Report {
                nonce: 5,
                stored: Height(8),
                ..
            }
        ));
    }
}
