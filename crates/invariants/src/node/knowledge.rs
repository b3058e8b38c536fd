//! What a node can know of an open height: what reached it in this life, with valid signatures.
//!
//! "May" is all that reached it. "Must" is what its engine cannot but have noticed once it has settled.

use std::sync::Arc;

use neo_consensus::View;
use neo_consensus::engine::HeightInfo;
use neo_consensus::v3::certificate::{Claim, Decision, PreparedCertificate, ViewChangeCertificate};
use neo_consensus::v3::context::MessageKind;
use neo_consensus::v3::message::{Proposal, RecoveryMessage};
use neo_consensus::v3::{Message, Payload};
use neo_primitives::{Header, Height, UInt256, ValidatorIndex};

use super::log::{Content, HeightLog, Vote};
use super::tally::Tallies;
use crate::bits::Bits;
use crate::certificates::{Checker, greatest_claim};
use crate::layout::{Place, justification_hash};
use crate::turns::leader;

const NOTHING: UInt256 = UInt256::ZERO;
/// Views below the current one whose votes are kept (protocol section 5).
const KEPT_VIEWS: u32 = 8;

/// A proposal with valid signatures and a valid justification.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) view: View,
    pub(crate) hash: UInt256,
    pub(crate) justification: UInt256,
    pub(crate) header: Header,
    /// The block that its view must carry, if one.
    pub(crate) carried: Option<UInt256>,
    /// It came from the leader of its view.
    pub(crate) by_leader: bool,
}

/// What the engine of a receiver must make of a message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heed<'a> {
    /// The receiver's view.
    pub(crate) view: View,
    /// Its validator: own votes that others bring back only say that its log lost them.
    pub(crate) own: Option<ValidatorIndex>,
    /// Its log of the height: header signatures count only for headers of this height that it knows.
    pub(crate) log: &'a HeightLog,
}

impl Heed<'_> {
    fn knows_header(&self, hash: &UInt256) -> bool {
        self.log.bodies.contains(hash) || self.log.prepared.iter().any(|held| held.1 == *hash)
    }
}

/// What one message showed of certificates.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shown {
    /// PCs that the receiver must hold from now on, or higher ones.
    pub(crate) prepared: Option<View>,
    /// Decisions that must decide.
    pub(crate) decision: Option<UInt256>,
}

/// One open height of one life of a node.
#[derive(Clone, Debug)]
pub(crate) struct Knowledge {
    pub(crate) info: HeightInfo,
    /// Who leads view after view.
    order: Arc<[ValidatorIndex]>,
    pub(crate) place: Place,
    pub(crate) prepares: Tallies,
    pub(crate) pre_commits: Tallies,
    pub(crate) commits: Tallies,
    suspects: Tallies,
    asked: Vec<(View, Bits)>,
    prepared: Vec<(View, UInt256)>,
    view_changes: Vec<View>,
    decisions: Vec<UInt256>,
    pub(crate) proposals: Vec<Seen>,
    /// The engine said so.
    pub(crate) decided: Option<UInt256>,
}

impl Knowledge {
    pub(crate) fn new(info: &HeightInfo, order: Arc<[ValidatorIndex]>) -> Self {
        Self {
            order,
            place: Place {
                magic: info.magic,
                prev_hash: info.parent_hash,
                height: info.height,
            },
            info: info.clone(),
            prepares: Tallies::default(),
            pre_commits: Tallies::default(),
            commits: Tallies::default(),
            suspects: Tallies::default(),
            asked: Vec::new(),
            prepared: Vec::new(),
            view_changes: Vec::new(),
            decisions: Vec::new(),
            proposals: Vec::new(),
            decided: None,
        }
    }

    pub(crate) fn height(&self) -> Height {
        self.info.height
    }

    pub(crate) fn checker(&self) -> Checker<'_> {
        Checker {
            place: self.place,
            validators: &self.info.validators,
        }
    }

    /// Who leads a view of this height.
    pub(crate) fn leader(&self, view: View) -> ValidatorIndex {
        leader(&self.order, view)
    }

    pub(crate) fn leads(&self, validator: ValidatorIndex, view: View) -> bool {
        self.leader(view) == validator
    }

    /// Takes what a message says, as far as its signatures hold. Without `heeded` the engine may have
    /// missed it.
    pub(crate) fn take(&mut self, message: &Message, heeded: Option<Heed<'_>>) -> Shown {
        let mut shown = Shown::default();
        match &message.payload {
            Payload::RecoveryMessage(recovery) => self.take_recovery(recovery, heeded, &mut shown),
            _ => self.take_vote(message, heeded),
        }
        shown
    }

    fn take_vote(&mut self, message: &Message, heeded: Option<Heed<'_>>) {
        let (sender, view) = (message.sender, message.view);
        let checker = self.checker();
        let valid = |signed| checker.signature(sender, &signed, &message.signature);
        // Votes of views above the next one are not kept; those of older views are.
        let sure = heeded.is_some_and(|heed| view <= heed.view && heed.own != Some(sender));
        match &message.payload {
            Payload::Prepare {
                hash,
                justification,
            } => {
                if valid(self.place.prepare(view, hash, justification)) {
                    self.prepares
                        .add((view, *hash, *justification), sender, sure);
                }
            }
            Payload::PreCommit { hash } => {
                if valid(self.place.pre_commit(view, hash)) {
                    self.pre_commits.add((view, *hash, NOTHING), sender, sure);
                }
            }
            Payload::Commit { hash } => {
                if valid(self.place.header(hash)) {
                    let sure = heeded.is_some_and(|heed| heed.knows_header(hash));
                    self.commits.add((View::ZERO, *hash, NOTHING), sender, sure);
                }
            }
            Payload::Suspect => {
                if valid(self.place.suspect(view)) {
                    self.suspects.add((view, NOTHING, NOTHING), sender, false);
                }
            }
            Payload::ChangeView(change) => {
                if valid(self.place.change_view(view, &change.claim)) {
                    self.ask(view, sender);
                    if let Some(prepared) = &change.prepared {
                        self.show_prepared(prepared);
                    }
                }
            }
            Payload::Proposal(proposal) => self.take_proposal(message, proposal),
            Payload::RecoveryRequest(_) | Payload::RecoveryMessage(_) => {}
        }
    }

    fn take_proposal(&mut self, message: &Message, proposal: &Proposal) {
        let (sender, view, hash) = (message.sender, message.view, proposal.header.hash());
        let justification = justification_hash(proposal.justification.as_ref());
        let checker = self.checker();
        let signed = self.place.proposal(view, &hash, &justification);
        let prepare = self.place.prepare(view, &hash, &justification);
        if !checker.signature(sender, &signed, &message.signature)
            || !checker.signature(sender, &prepare, &proposal.prepare)
        {
            return;
        }
        let sound = match &proposal.justification {
            None => view == View::ZERO,
            Some(certificate) => {
                let sound = certificate.view == view && self.show_view_change(certificate).is_ok();
                sound && view > View::ZERO
            }
        };
        let by_leader = self.leads(sender, view);
        // The engine counts it with the proposal, which its clock may refuse.
        self.prepares
            .add((view, hash, justification), sender, false);
        if sound {
            let carried = proposal.justification.as_ref().and_then(greatest_claim);
            let header = proposal.header;
            self.proposals.push(Seen {
                view,
                hash,
                justification,
                header,
                carried,
                by_leader,
            });
        }
    }

    fn take_recovery(
        &mut self,
        recovery: &RecoveryMessage,
        heeded: Option<Heed<'_>>,
        shown: &mut Shown,
    ) {
        if let Some(decision) = &recovery.decision
            && self.show_decision(decision).is_ok()
            && heeded.is_some()
            && self.decided.is_none()
            && matches!(decision, Decision::Certificate(_))
        {
            shown.decision = Some(decision.hash());
        }
        if let Some(certificate) = &recovery.view_change {
            let _ = self.show_view_change(certificate);
        }
        if let Some(prepared) = &recovery.prepared
            && self.show_prepared(prepared)
            && heeded.is_some()
            // A block known to be prepared does not make this certificate a good one.
            && self.checker().prepared(prepared).is_ok()
        {
            shown.prepared = Some(prepared.view);
        }
        for vote in &recovery.messages {
            if vote.height == self.height() {
                self.take_vote(vote, heeded);
            }
        }
    }

    /// An own vote that the log brings back: it counts as one that arrived.
    pub(crate) fn recall(&mut self, vote: &Vote, own: ValidatorIndex) {
        let said = |hash, justification| (vote.view, hash, justification);
        match (vote.kind, vote.content) {
            (MessageKind::ChangeView, _) => self.ask(vote.view, own),
            (
                MessageKind::Proposal | MessageKind::Prepare,
                Content::Block {
                    hash,
                    justification,
                },
            ) => self.prepares.add(said(hash, justification), own, false),
            (MessageKind::PreCommit, Content::Block { hash, .. }) => {
                self.pre_commits.add(said(hash, NOTHING), own, false);
            }
            (MessageKind::Commit, Content::Block { hash, .. }) => {
                self.commits.add((View::ZERO, hash, NOTHING), own, false);
            }
            _ => {}
        }
    }

    pub(crate) fn ask(&mut self, view: View, sender: ValidatorIndex) {
        match self.asked.iter_mut().find(|(of, _)| *of == view) {
            Some((_, bits)) => {
                bits.insert(sender);
            }
            None => {
                let mut bits = Bits::default();
                bits.insert(sender);
                self.asked.push((view, bits));
            }
        }
    }

    /// A PC that reached the node; says whether it is valid.
    pub(crate) fn show_prepared(&mut self, certificate: &PreparedCertificate) -> bool {
        let claim = (certificate.view, certificate.hash);
        let valid = self.prepared.contains(&claim) || self.checker().prepared(certificate).is_ok();
        if valid {
            self.hold_prepared(claim.0, claim.1);
        }
        valid
    }

    pub(crate) fn hold_prepared(&mut self, view: View, hash: UInt256) {
        if !self.prepared.contains(&(view, hash)) {
            self.prepared.push((view, hash));
        }
    }

    /// A TC that reached the node.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn show_view_change(&mut self, tc: &ViewChangeCertificate) -> Result<(), String> {
        self.checker().view_change(tc)?;
        if let Some(prepared) = &tc.prepared {
            self.hold_prepared(prepared.view, prepared.hash);
        }
        self.hold_view_change(tc.view);
        Ok(())
    }

    pub(crate) fn hold_view_change(&mut self, view: View) {
        if !self.view_changes.contains(&view) {
            self.view_changes.push(view);
        }
    }

    /// A decision that reached the node.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn show_decision(&mut self, decision: &Decision) -> Result<(), String> {
        self.checker().decision(decision)?;
        if let Decision::Certificate(certificate) = decision
            && let Some(prepared) = &certificate.prepared
        {
            self.hold_prepared(prepared.view, prepared.hash);
        }
        self.hold_decision(decision.hash());
        Ok(())
    }

    pub(crate) fn hold_decision(&mut self, hash: UInt256) {
        if !self.decisions.contains(&hash) {
            self.decisions.push(hash);
        }
    }

    /// A block that the engine must have decided: M PreCommits of one of the last views, or f+1 header
    /// signatures.
    pub(crate) fn must_decide(&self, current: View) -> Option<UInt256> {
        let (quorum, few) = (
            self.info.validators.quorum(),
            self.info.validators.faulty() + 1,
        );
        let recent = View(current.0.saturating_sub(KEPT_VIEWS));
        let certified = self
            .pre_commits
            .certain(quorum)
            .find(|said| said.0 > recent || recent.0 == 0);
        certified
            .or_else(|| self.commits.certain(few).next())
            .map(|said| said.1)
    }

    /// The highest view in which the engine must have formed a PC.
    pub(crate) fn must_hold(&self) -> Option<View> {
        let quorum = self.info.validators.quorum();
        self.prepares.certain(quorum).map(|said| said.0).max()
    }

    /// Whether the node can hold PC(view, hash).
    pub(crate) fn may_hold_prepared(&self, view: View, hash: &UInt256) -> bool {
        let quorum = self.info.validators.quorum();
        self.prepared.contains(&(view, *hash))
            || self
                .prepares
                .possible(quorum)
                .any(|said| said.0 == view && said.1 == *hash)
    }

    /// Whether the node can be in a view: it began there, or has a TC or PC of it.
    pub(crate) fn may_enter(&self, view: View) -> bool {
        let quorum = self.info.validators.quorum();
        let asked = || {
            self.asked
                .iter()
                .any(|(of, by)| *of == view && by.count() >= quorum)
        };
        view == View::ZERO
            || self.view_changes.contains(&view)
            || self.prepared.iter().any(|held| held.0 == view)
            || self.prepares.possible(quorum).any(|said| said.0 == view)
            || asked()
    }

    /// Whether the node can know that this block is decided.
    pub(crate) fn may_know_decision(&self, hash: &UInt256) -> bool {
        let (quorum, few) = (
            self.info.validators.quorum(),
            self.info.validators.faulty() + 1,
        );
        self.decisions.contains(hash)
            || self
                .pre_commits
                .possible(quorum)
                .any(|said| said.1 == *hash)
            || self.commits.possible(few).any(|said| said.1 == *hash)
    }

    /// How many validators the node may have seen asking for this view or a higher one.
    pub(crate) fn asking_for(&self, view: View) -> usize {
        let mut all = Bits::default();
        for (_, bits) in self.asked.iter().filter(|(of, _)| *of >= view) {
            all.merge(bits);
        }
        all.count()
    }

    pub(crate) fn asks_above(&self, validator: u8, view: View) -> bool {
        let index = ValidatorIndex(validator);
        self.asked
            .iter()
            .any(|(of, by)| *of > view && by.contains(index))
    }

    pub(crate) fn suspicions(&self, view: View) -> usize {
        self.suspects.voters(view)
    }

    /// Why the block of a proposal is not one that its view may carry (rules 3 and 4).
    pub(crate) fn refusal(&self, seen: &Seen) -> Result<(), Wrong> {
        match seen.carried {
            Some(carried) if carried == seen.hash => Ok(()),
            Some(carried) => {
                let (hash, view) = (seen.hash, seen.view);
                Err(Wrong::Carried(format!(
                    "{hash} in view {view}, whose TC carries {carried}"
                )))
            }
            None => self
                .fresh_header(seen.view, &seen.header)
                .map_err(Wrong::Fresh),
        }
    }

    fn fresh_header(&self, view: View, header: &Header) -> Result<(), String> {
        let leader = self.leader(view);
        let wrong = |field: &str| Err(format!("{field} of {header:?} in view {view}"));
        if header.primary_index != leader {
            return wrong("primary index");
        }
        if header.version != 0 {
            return wrong("version");
        }
        if header.prev_hash != self.info.parent_hash || header.index != self.height() {
            return wrong("previous block or height");
        }
        if header.next_consensus != self.info.next_consensus {
            return wrong("next consensus");
        }
        if header.timestamp <= self.info.parent.timestamp {
            return wrong("timestamp");
        }
        Ok(())
    }
}

/// Which rule a block breaks, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// Rule 3.
    Carried(String),
    /// Rule 4.
    Fresh(String),
}

/// A claim as text.
pub(crate) fn claim_text(claim: &Claim) -> String {
    claim.map_or("no PC".to_owned(), |claim| {
        format!("PC({}, {})", claim.view, claim.hash)
    })
}
