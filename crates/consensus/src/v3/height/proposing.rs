//! The votes of a view: Proposal, Prepare, PreCommit.

use std::sync::Arc;

use neo_primitives::{BlockBody, Header, UInt256};

use super::{HeightState, V3Actions};
use crate::engine::{Now, Recipient};
use crate::v3::blocks::Check;
use crate::v3::certificate::{Decision, ViewChangeCertificate};
use crate::v3::engine::BuildOrder;
use crate::v3::message::{Draft, Payload, short_id};
use crate::v3::phase::{Phase, Trigger};
use crate::v3::record::Record;
use crate::v3::safety::{Refusal, justification_of};
use crate::validators::View;

impl HeightState {
    /// A candidate of the own ledger.
    pub(in crate::v3) fn take_candidate(&mut self, now: Now, body: Arc<BlockBody>) {
        let fits = body.header.prev_hash == self.info.parent_hash
            && body.header.index == self.info.height
            && Some(body.header.primary_index) == self.own
            && self.building == Some(self.view());
        if fits {
            self.stamp_built(now);
            self.candidate = Some(body.hash());
            self.blocks.insert_body(body, false);
        }
    }

    /// The ledger was asked for the candidate of view 0 before this height was open.
    pub(in crate::v3) fn expect_candidate(&mut self, now: Now, candidate: Option<Arc<BlockBody>>) {
        if !self.is_due_when_opened() {
            return;
        }
        self.building = Some(View::ZERO);
        if let Some(body) = candidate {
            self.take_candidate(now, body);
        }
    }

    /// The executed block that is decided or prepared in the current view, to build on.
    pub(in crate::v3) fn likely_parent(&self) -> Option<(UInt256, Header)> {
        let prepared = self
            .safety
            .highest()
            .filter(|held| held.view == self.view());
        let decided = self.decision.as_ref().map(Decision::hash);
        let hash = decided.or(prepared.map(|held| held.hash))?;
        let block = self
            .blocks
            .get(&hash)
            .filter(|block| block.check == Check::Passed)?;
        block.body.as_ref().map(|body| (hash, body.header))
    }

    pub(super) fn try_propose(&mut self, now: Now, actions: &mut V3Actions) {
        let view = self.view();
        let leads = self.own == Some(self.leader());
        let waits = self.phase != Phase::PrePrepare || !self.proposal_due;
        if !leads || waits || !self.safety.may_propose() {
            return;
        }
        let justification = self.view_change.clone().filter(|held| held.view == view);
        if view > View::ZERO && justification.is_none() {
            return;
        }
        let prescribed = justification
            .as_ref()
            .and_then(|held| held.prepared.as_ref())
            .filter(|_| !mutated!(self, FreshDespiteClaim));
        let body = match prescribed {
            Some(prepared) => self.blocks.body(&prepared.hash),
            None => self.own_candidate(now, actions),
        };
        let Some(body) = body else { return };
        self.propose(body, justification.as_deref().cloned(), actions);
    }

    /// The fresh block of the own ledger for this view; asks for it once.
    pub(super) fn own_candidate(
        &mut self,
        now: Now,
        actions: &mut V3Actions,
    ) -> Option<Arc<BlockBody>> {
        let own = self.own?;
        if self.building == Some(self.view()) {
            return self.candidate.and_then(|hash| self.blocks.body(&hash));
        }
        self.building = Some(self.view());
        self.stamp_build_asked(now);
        let order = BuildOrder {
            parent: self.info.parent_hash,
            header: &self.info.parent,
            primary: own,
            until_due: self.until_due(now),
            max_transactions: self.max_transactions,
        };
        let request = order.request(now);
        actions.ledger.push(request);
        None
    }

    pub(super) fn propose(
        &mut self,
        body: Arc<BlockBody>,
        justification: Option<ViewChangeCertificate>,
        actions: &mut V3Actions,
    ) {
        let hash = body.hash();
        let ids = body
            .transactions
            .iter()
            .map(|tx| short_id(&hash, &tx.hash()))
            .collect();
        let parent = self.parent_decision.clone();
        let drafted: Result<Draft, Refusal> =
            self.safety.propose(body.header, ids, justification, parent);
        let Ok(draft) = drafted else { return };
        self.make_durable(&hash, actions);
        actions.send.push((Recipient::All, draft));
    }

    /// Puts the body into the vote log, once (rule 8).
    pub(super) fn make_durable(&mut self, hash: &UInt256, actions: &mut V3Actions) {
        if let Some(block) = self.blocks.get_mut(hash)
            && let (false, Some(body)) = (block.durable, &block.body)
        {
            actions.persist.push(Record::Body(Arc::clone(body)));
            block.durable = true;
        }
    }

    pub(super) fn try_prepare(&mut self, now: Now, actions: &mut V3Actions) {
        if self.phase != Phase::PrePrepare {
            return;
        }
        let view = self.view();
        let Some(message) = self.proposals.get(&view) else {
            return;
        };
        let Payload::Proposal(proposal) = &message.payload else {
            return;
        };
        let (hash, justification) = (proposal.header.hash(), justification_of(proposal));
        if self.safety.prepared_current() {
            self.change_phase(Trigger::Prepared, now, actions);
            return;
        }
        let ready = self
            .blocks
            .get(&hash)
            .is_some_and(|block| block.body.is_some() && block.check == Check::Passed);
        if !ready && !mutated!(self, PreparesWithoutBody) {
            return;
        }
        let lock = self.safety.highest().map(|held| held.hash);
        if mutated!(self, ConsultsOwnLock) && lock.is_some_and(|locked| locked != hash) {
            return;
        }
        // The view may have been entered by another certificate than the one of the proposal, and that
        // one is what this vote rests on: forks are traced through it (rule 8, section 6).
        let unrecorded = proposal
            .justification
            .as_ref()
            .filter(|certificate| self.view_change.as_deref() != Some(certificate))
            .cloned();
        let Ok(draft) = self.safety.prepare(view, hash, justification) else {
            return;
        };
        if let Some(certificate) = unrecorded {
            let height = self.info.height;
            actions.persist.push(Record::ViewChange {
                height,
                certificate,
            });
        }
        self.make_durable(&hash, actions);
        actions.send.push((Recipient::All, draft));
        self.change_phase(Trigger::Prepared, now, actions);
    }

    pub(super) fn try_pre_commit(&mut self, now: Now, actions: &mut V3Actions) {
        let Some(certificate) = self.safety.highest().cloned() else {
            return;
        };
        if certificate.view != self.view() && !mutated!(self, PreCommitsInLeftView) {
            return;
        }
        if matches!(self.phase, Phase::PrePrepare | Phase::Prepare) {
            self.change_phase(Trigger::PreparedCertificate, now, actions);
        }
        if let Ok(draft) = self.safety.pre_commit(&certificate) {
            actions.send.push((Recipient::All, draft));
        }
    }
}
