//! What a height learns: own and verified messages, certificates, decisions.

use std::sync::Arc;

use neo_primitives::{UInt256, ValidatorIndex};

use super::{HeightState, V3Actions};
use crate::engine::{Notice, Now, Recipient, TimerKind};
use crate::index_set::IndexSet;
use crate::v3::certificate::{
    CommitCertificate, Decision, PreparedCertificate, ViewChangeCertificate,
};
use crate::v3::context::MessageKind;
use crate::v3::evidence::{Evidence, Guilt, Statement, conflict};
use crate::v3::message::{ChangeViewReason, Draft, Message, Payload, Proposal, RecoveryMessage};
use crate::v3::phase::{Phase, Trigger};
use crate::v3::record::Record;
use crate::v3::safety::{HeaderProblem, admits, check_fresh_header, justification_of};
use crate::v3::votes::Added;
use crate::validators::View;

/// Proofs reported against one validator at one height. Who signs without end is known by then.
const MAX_CONVICTIONS: usize = 32;

impl HeightState {
    /// An own message that is signed and durable: it counts like those of others.
    pub(in crate::v3) fn take_own(&mut self, now: Now, message: Message, actions: &mut V3Actions) {
        match &message.payload {
            Payload::Proposal(_) => return self.take_proposal(now, message, actions),
            Payload::ChangeView(change) => {
                // Above 32 validators the draft left without its certificate: the leader of the new
                // view gets it now, others when they ask.
                let mut full = message.clone();
                let held = self.safety.highest().map(|held| held.as_ref().clone());
                let backing = held.filter(|held| change.claim == Some(held.claim()));
                if let (None, Some(prepared), Payload::ChangeView(change)) =
                    (&change.prepared, backing, &mut full.payload)
                {
                    Arc::make_mut(change).prepared = Some(prepared);
                    let leader = self.info.validators.key(self.leader_of(message.view));
                    if let Some(leader) = leader {
                        actions
                            .resend
                            .push((Recipient::One(leader.clone()), full.clone()));
                    }
                }
                if self.own_change_view.is_none() || !mutated!(self, LowersTarget) {
                    self.own_change_view = Some(full.clone());
                }
                return self.take_vote(full, actions);
            }
            Payload::Commit { .. } => self.own_commit = Some(message.clone()),
            _ => {}
        }
        self.take_vote(message, actions);
    }

    /// Whether a block is known to be one of this height: proposed here, or named by a certificate.
    fn knows(&self, hash: &UInt256) -> bool {
        let decided = self.decision.as_ref().map(Decision::hash);
        let prepared = self.safety.highest().map(|held| held.hash);
        self.blocks.get(hash).is_some() || decided == Some(*hash) || prepared == Some(*hash)
    }

    /// Whether a message is about this height. Votes sign it; a header signature signs a header only,
    /// and one of another height, genuine as it is, has no business here (rule 5).
    pub(in crate::v3) fn concerns(&self, message: &Message) -> bool {
        match &message.payload {
            Payload::Commit { hash } => self.knows(hash),
            _ => true,
        }
    }

    /// The same for what is said to have decided it.
    fn decides(&self, decision: &Decision) -> bool {
        match decision {
            Decision::Certificate(_) => true,
            Decision::HeaderSignatures { hash, .. } => self.knows(hash),
        }
    }

    /// A verified vote.
    pub(in crate::v3) fn take_vote(&mut self, message: Message, actions: &mut V3Actions) {
        let added = self
            .votes
            .add(message.clone(), self.view(), self.safety.asked());
        let may_deny = matches!(
            message.kind(),
            MessageKind::PreCommit | MessageKind::ChangeView
        );
        if added == Added::Conflict || added == Added::New && may_deny {
            self.look_for_guilt(&message, actions);
        }
    }

    /// What the votes held of a validator prove together with a new one (protocol section 6).
    fn look_for_guilt(&mut self, message: &Message, actions: &mut V3Actions) {
        let header = |hash: &UInt256| self.blocks.header(hash);
        let held = self.votes.of(message.sender);
        let mut proofs: Vec<_> = held
            .filter_map(|held| Evidence::of_two(&self.context, held, message, header))
            .collect();
        let alone = Statement::of(message, header).and_then(|said| Guilt::of_one(&said));
        proofs.extend(alone.map(|guilt| Evidence::new(&self.context, guilt)));
        for evidence in proofs {
            self.convict(evidence, actions);
        }
    }

    /// Reports guilt, once.
    pub(in crate::v3) fn convict(&mut self, evidence: Evidence, actions: &mut V3Actions) {
        self.voice_in_doubt |=
            Some(evidence.culprit()) == self.own && !mutated!(self, CommitOnPrepared);
        let key = (evidence.culprit(), evidence.kind(), evidence.view());
        if !self.is_convicted(key.0, key.1, key.2) {
            self.convicted.insert(key);
            actions.evidence.push(evidence);
        }
    }

    /// Whether nothing more is to be found out about a validator's messages of a kind and view.
    fn is_convicted(&self, sender: ValidatorIndex, kind: MessageKind, view: View) -> bool {
        let of_sender = self.convicted.iter().filter(|(who, _, _)| *who == sender);
        self.convicted.contains(&(sender, kind, view)) || of_sender.count() >= MAX_CONVICTIONS
    }

    /// A verified proposal: its justification moves the view, its leader's Prepare counts.
    pub(in crate::v3) fn take_proposal(
        &mut self,
        now: Now,
        message: Message,
        actions: &mut V3Actions,
    ) {
        let Payload::Proposal(proposal) = &message.payload else {
            return;
        };
        let proposal = Arc::clone(proposal);
        if let Some(certificate) = &proposal.justification {
            self.take_view_change(now, certificate.clone(), actions);
        }
        if let Some(held) = self.proposals.get(&message.view) {
            if conflict(held, &message) {
                let proof = Evidence::of_two(&self.context, held, &message, |_| None);
                if let Some(evidence) = proof {
                    self.convict(evidence, actions);
                }
                if message.view == self.view() {
                    self.fail_view(ChangeViewReason::Equivocation);
                }
            }
            return;
        }
        if message.view != self.view() || message.sender != self.leader_of(message.view) {
            return;
        }
        let hash = proposal.header.hash();
        if let Err(problem) = self.judge_header(now, message.view, &proposal, &hash) {
            let malformed = matches!(problem, HeaderProblem::Malformed { .. });
            actions.notices.push(Notice::BlockRefused {
                height: self.info.height,
                hash,
                problem: problem.to_string(),
            });
            if malformed {
                // Its justification was verified: only the block can be what it does not admit.
                if !admits(proposal.justification.as_ref(), &hash)
                    && let Some(guilt) = Guilt::unjustified(&message)
                {
                    self.convict(Evidence::new(&self.context, guilt), actions);
                }
                self.fail_view(ChangeViewReason::InvalidProposal);
            } else {
                self.refuse_block(actions);
            }
            return;
        }
        if self.started.is_none() {
            self.started = Some(now.monotonic);
            let (height, view) = (self.info.height, message.view);
            actions
                .notices
                .push(Notice::Proposed { height, view, hash });
        }
        self.last_progress = now.monotonic;
        if let Some(key) = self.info.validators.key(message.sender) {
            let limit = usize::try_from(self.info.limits.max_transactions).unwrap_or(usize::MAX);
            // The ids are not signed: whoever relays a proposal can change them, so they accuse nobody.
            let ids = Some(proposal.transactions.as_slice()).filter(|ids| ids.len() <= limit);
            self.blocks
                .propose(hash, proposal.header, ids.unwrap_or_default(), key.clone());
        }
        let prepare = Message {
            signature: proposal.prepare,
            payload: Payload::Prepare {
                hash,
                justification: justification_of(&proposal),
            },
            ..message.clone()
        };
        self.proposals.insert(message.view, message);
        self.view_got_on(now, actions);
        self.take_vote(prepare, actions);
    }

    /// Rules 3 and 4: a re-proposed header is judged by its hash only.
    pub(super) fn judge_header(
        &self,
        now: Now,
        view: View,
        proposal: &Proposal,
        hash: &UInt256,
    ) -> Result<(), HeaderProblem> {
        let justification = proposal.justification.as_ref();
        let any = mutated!(self, AdmitsAnyBlock) && view > View::ZERO;
        if !admits(justification, hash) && !any {
            return Err(HeaderProblem::Malformed {
                field: "hash",
                got: hash.to_string(),
                expected: "that of the greatest claim".to_owned(),
            });
        }
        if self.is_fresh(proposal) {
            let mut header = proposal.header;
            if mutated!(self, AnyPrimaryIndex) {
                header.primary_index = self.leader_of(view);
            }
            check_fresh_header(&header, view, &self.info, now.wall_ms)?;
        }
        Ok(())
    }

    pub(super) fn is_fresh(&self, proposal: &Proposal) -> bool {
        proposal
            .justification
            .as_ref()
            .is_none_or(|certificate| certificate.prepared.is_none())
    }

    /// A signed proposal whose justification nobody can accept.
    pub(in crate::v3) fn take_malformed_proposal(
        &mut self,
        view: View,
        sender: ValidatorIndex,
        problem: String,
        actions: &mut V3Actions,
    ) {
        if view == self.view() && sender == self.leader() {
            let height = self.info.height;
            let hash = UInt256::ZERO;
            actions.notices.push(Notice::BlockRefused {
                height,
                hash,
                problem,
            });
            self.fail_view(ChangeViewReason::InvalidProposal);
        }
    }

    /// A verified view-change certificate, formed here or received.
    pub(in crate::v3) fn take_view_change(
        &mut self,
        now: Now,
        certificate: ViewChangeCertificate,
        actions: &mut V3Actions,
    ) {
        if let Some(prepared) = &certificate.prepared {
            self.take_prepared(now, prepared.clone(), actions);
        }
        let signed = self
            .own
            .is_some_and(|own| certificate.entries.contains_key(&own));
        self.voice_in_doubt |= signed
            && !self
                .safety
                .covers(MessageKind::ChangeView, certificate.view);
        if !self.wants_view_change(&certificate) {
            return;
        }
        let certificate = Arc::new(certificate);
        let height = self.info.height;
        actions.persist.push(Record::ViewChange {
            height,
            certificate: certificate.as_ref().clone(),
        });
        self.view_change = Some(Arc::clone(&certificate));
        self.enter_view(now, certificate.view, actions);
        // Whoever first obtains it sends it to all, once (rule 7).
        self.forward(
            Recipient::All,
            RecoveryMessage {
                nonce: 0,
                stored: self.stored_height,
                view_change: Some(certificate.as_ref().clone()),
                prepared: None,
                decision: None,
                messages: Vec::new(),
            },
            actions,
        );
    }

    /// Sends a recovery message; only validators that are not silent speak.
    pub(in crate::v3) fn forward(
        &self,
        to: Recipient,
        message: RecoveryMessage,
        actions: &mut V3Actions,
    ) {
        if let Some(own) = self.own {
            let payload = Payload::RecoveryMessage(Arc::new(message));
            actions
                .send
                .push((to, Draft::new(&self.context, own, self.view(), payload)));
        }
    }

    /// A verified prepared certificate, formed here or received.
    pub(in crate::v3) fn take_prepared(
        &mut self,
        now: Now,
        certificate: PreparedCertificate,
        actions: &mut V3Actions,
    ) {
        let signed = certificate
            .signatures
            .signers()
            .any(|signer| Some(signer) == self.own);
        self.voice_in_doubt |=
            signed && !self.safety.covers(MessageKind::Prepare, certificate.view);
        let certificate = Arc::new(certificate);
        if !self.safety.record_prepared(&certificate) {
            return;
        }
        self.last_progress = now.monotonic;
        actions.persist.push(Record::Prepared {
            height: self.info.height,
            certificate: certificate.as_ref().clone(),
        });
        if certificate.view > self.view() && self.decision.is_none() {
            self.enter_view(now, certificate.view, actions);
        }
        if certificate.view == self.view() && self.decision.is_none() {
            self.view_got_on(now, actions);
        }
    }

    /// A verified decision, formed here or received.
    pub(in crate::v3) fn take_decision(
        &mut self,
        now: Now,
        mut decision: Decision,
        actions: &mut V3Actions,
    ) {
        if self.decision.is_some() || !self.decides(&decision) {
            return;
        }
        let left = |held: &CommitCertificate| held.view < self.view();
        match &decision {
            Decision::Certificate(held) if mutated!(self, IgnoresLeftCertificate) && left(held) => {
                return;
            }
            Decision::HeaderSignatures { .. } if mutated!(self, IgnoresHeaderSignatures) => return,
            _ => {}
        }
        if let Decision::Certificate(certificate) = &mut decision {
            let signed = certificate
                .signatures
                .signers()
                .any(|signer| Some(signer) == self.own);
            self.voice_in_doubt |=
                signed && !self.safety.covers(MessageKind::PreCommit, certificate.view);
            match &certificate.prepared {
                Some(prepared) => self.take_prepared(now, prepared.clone(), actions),
                None => {
                    let held = self.safety.highest().map(|held| held.as_ref().clone());
                    certificate.prepared = held
                        .filter(|held| {
                            held.view == certificate.view && held.hash == certificate.hash
                        })
                        .or_else(|| {
                            let quorum = self.info.validators.quorum();
                            self.votes
                                .prepared_of(certificate.view, &certificate.hash, quorum)
                        });
                }
            }
        }
        let (height, view, hash) = (self.info.height, self.view(), decision.hash());
        self.safety.record_decision(&decision);
        actions.persist.push(Record::Decision {
            height,
            decision: decision.clone(),
        });
        self.decision = Some(decision);
        self.change_phase(Trigger::Decided, now, actions);
        actions.notices.push(Notice::Decided { height, view, hash });
        self.set_timer(TimerKind::View, None, actions);
        self.set_timer(TimerKind::Propose, None, actions);
    }

    /// Takes the voice away: the vote log turned out to be an old copy.
    pub(in crate::v3) fn silence(&mut self) {
        self.silent = true;
        self.safety.silence();
    }

    /// Whether a received message may change anything, so that its signatures are worth checking.
    pub(in crate::v3) fn wants(&self, message: &Message) -> bool {
        let (kind, view) = (message.kind(), message.view);
        let decided = self.decision.as_ref().map(Decision::hash);
        let held = self.votes.held(kind, view, message.sender);
        let convicted = self.is_convicted(message.sender, kind, view);
        let differs = |held: &Message| !convicted && conflict(held, message);
        let contradicts = || held.is_some_and(differs);
        match &message.payload {
            Payload::RecoveryRequest(_) | Payload::RecoveryMessage(_) => true,
            Payload::Commit { hash } => {
                let quorum = self.quorum();
                let enough = self.votes.header_signatures(quorum).is_some();
                let other = decided.is_some_and(|decided| decided != *hash);
                self.knows(hash) && ((held.is_none() && (!enough || other)) || contradicts())
            }
            _ if decided.is_some() => false,
            Payload::Proposal(_) => {
                view >= self.view()
                    && message.sender == self.leader_of(view)
                    && self.proposals.get(&view).is_none_or(differs)
            }
            Payload::Prepare { .. } => {
                let certified = self.safety.highest().is_some_and(|pc| pc.view >= view);
                (held.is_none() && !certified) || contradicts()
            }
            Payload::ChangeView(change) => {
                let entered = self.view_change.as_ref().is_some_and(|tc| tc.view >= view);
                let unbacked = |held: &Message| match &held.payload {
                    Payload::ChangeView(held) => held.claim.is_some() && held.prepared.is_none(),
                    _ => false,
                };
                let news = held.is_none_or(|held| unbacked(held) && change.prepared.is_some());
                (!entered && view >= self.view() && news) || contradicts()
            }
            Payload::PreCommit { .. } | Payload::Suspect => held.is_none() || contradicts(),
        }
    }

    /// Whether a forwarded view-change certificate brings something new.
    fn wants_view_change(&self, certificate: &ViewChangeCertificate) -> bool {
        let held = self
            .view_change
            .as_ref()
            .map_or(View::ZERO, |held| held.view);
        self.decision.is_none() && certificate.view > held && certificate.view >= self.view()
    }

    /// What of a recovery message is worth checking; `None` when nothing is. Without the report, which
    /// the signature of the whole covers.
    pub(in crate::v3) fn sift(&self, message: &RecoveryMessage) -> Option<RecoveryMessage> {
        let undecided = self.decision.is_none();
        let highest = self.safety.highest().map(|held| held.view);
        let sifted = RecoveryMessage {
            nonce: 0,
            stored: message.stored,
            view_change: message
                .view_change
                .clone()
                .filter(|tc| self.wants_view_change(tc)),
            prepared: message
                .prepared
                .clone()
                .filter(|pc| undecided && Some(pc.view) > highest),
            decision: message
                .decision
                .clone()
                .filter(|decision| undecided && self.decides(decision)),
            messages: message
                .messages
                .iter()
                .filter(|vote| self.wants(vote))
                .cloned()
                .collect(),
        };
        let empty = sifted.view_change.is_none()
            && sifted.prepared.is_none()
            && sifted.decision.is_none()
            && sifted.messages.is_empty();
        (!empty).then_some(sifted)
    }

    /// Whether something that others may have is missing here. A backup that waits for the first
    /// proposal of a height is in no such need: only the leader's time has not come.
    pub(in crate::v3) fn misses_something(&self) -> bool {
        match self.phase {
            Phase::Initialization | Phase::BlockPersistence => false,
            Phase::PrePrepare => {
                let view = self.view();
                let voted = self.votes.voters(MessageKind::Prepare, view) != IndexSet::default();
                self.safety.asked() > view
                    || view > View::ZERO
                    || self.proposal().is_some()
                    || voted
            }
            Phase::Prepare | Phase::PreCommit | Phase::Commit | Phase::Recovery => true,
        }
    }
}
