//! Judges each vote of an honest validator, once, at the moment it binds (rules 1 to 4 and 6 to 8).

use neo_consensus::View;
use neo_consensus::v3::certificate::Decision;
use neo_consensus::v3::context::MessageKind;
use neo_consensus::v3::message::{ChangeView, ChangeViewReason, Proposal};
use neo_consensus::v3::{Message, Payload};
use neo_primitives::{UInt256, ValidatorIndex};

use super::knowledge::{Knowledge, Wrong, claim_text};
use super::log::{HeightLog, Signed};
use crate::certificates::greatest_claim;
use crate::findings::Findings;
use crate::layout::justification_hash;
use crate::violation::Invariant;

/// Up to this many validators a ChangeView carries its certificate to everybody (section 3).
const CERTIFICATES_TO_ALL: usize = 32;

/// A vote with all that it is judged by.
pub(crate) struct Judge<'a> {
    pub(crate) own: ValidatorIndex,
    pub(crate) known: &'a Knowledge,
    pub(crate) log: &'a HeightLog,
    pub(crate) signed: &'a Signed,
    pub(crate) findings: &'a mut Findings,
}

impl Judge<'_> {
    fn report(&mut self, invariant: Invariant, what: impl Into<String>) {
        self.findings
            .report(invariant, Some(self.known.height()), what);
    }

    /// Something that a vote rests on is not in the log: because it was not made durable, or because the
    /// validator never had it, which breaks another rule.
    fn not_durable(&mut self, held: bool, otherwise: Invariant, what: String) {
        let invariant = if held {
            Invariant::Durability
        } else {
            otherwise
        };
        self.report(invariant, what);
    }

    pub(crate) fn vote(&mut self, message: &Message) {
        let view = message.view;
        if message.sender != self.own {
            let (sender, own) = (message.sender, self.own);
            let what = format!("validator {own} votes as validator {sender}");
            return self.report(Invariant::OneOfEach, what);
        }
        match &message.payload {
            Payload::Proposal(proposal) => {
                self.here_and_now(message.kind(), view);
                self.proposal(view, proposal);
            }
            Payload::Prepare {
                hash,
                justification,
            } => {
                self.here_and_now(message.kind(), view);
                self.prepare(view, hash, justification);
            }
            Payload::PreCommit { hash } => {
                self.here_and_now(message.kind(), view);
                if !self.log.prepared.contains(&(view, *hash)) {
                    let held = self.known.may_hold_prepared(view, hash);
                    self.not_durable(
                        held,
                        Invariant::CertificateInvalid,
                        format!("PreCommit({view}, {hash}) without a durable PC"),
                    );
                }
            }
            Payload::Commit { hash } => self.commit(hash),
            Payload::ChangeView(change) => self.change_view(view, change),
            Payload::Suspect | Payload::RecoveryRequest(_) | Payload::RecoveryMessage(_) => {}
        }
    }

    /// Rule 2, and rule 7 as far as it says how a view is entered.
    fn here_and_now(&mut self, kind: MessageKind, view: View) {
        if view < self.signed.asked {
            let asked = self.signed.asked;
            let what = format!("{kind:?} of view {view} after a ChangeView for {asked}");
            self.report(Invariant::HereAndNow, what);
        }
        let current = self.log.view();
        if view < current {
            let what = format!("{kind:?} of view {view} in view {current}");
            self.report(Invariant::HereAndNow, what);
        }
        if !self.log.entered(view) {
            let held = self.known.may_enter(view);
            self.not_durable(
                held,
                Invariant::ViewChange,
                format!("{kind:?} of view {view} without a durable TC or PC of it"),
            );
        }
    }

    fn body(&mut self, kind: MessageKind, hash: &UInt256) {
        if !self.log.bodies.contains(hash) {
            self.report(
                Invariant::Durability,
                format!("{kind:?} of {hash} without a durable body"),
            );
        }
    }

    /// Rules 3 and 4 of a leader.
    fn proposal(&mut self, view: View, proposal: &Proposal) {
        let hash = proposal.header.hash();
        self.body(MessageKind::Proposal, &hash);
        let leads = self.known.leader(view);
        if self.own != leads {
            let what = format!("proposal in view {view}, which validator {leads} leads");
            self.report(Invariant::FreshHeader, what);
        }
        let certificate = proposal.justification.as_ref();
        if certificate.map_or(View::ZERO, |certificate| certificate.view) != view {
            let of = certificate.map(|certificate| certificate.view.0);
            let what = format!("proposal of view {view} with a TC of view {of:?}");
            return self.report(Invariant::CarriedBlock, what);
        }
        let seen = super::knowledge::Seen {
            view,
            hash,
            justification: justification_hash(certificate),
            header: proposal.header,
            carried: certificate.and_then(greatest_claim),
            by_leader: true,
        };
        self.admissible("proposes", &seen);
    }

    fn admissible(&mut self, does: &str, seen: &super::knowledge::Seen) {
        match self.known.refusal(seen) {
            Ok(()) => {}
            Err(Wrong::Carried(what)) => {
                self.report(Invariant::CarriedBlock, format!("{does} {what}"));
            }
            Err(Wrong::Fresh(what)) => {
                self.report(
                    Invariant::FreshHeader,
                    format!("{does} a header with a wrong {what}"),
                );
            }
        }
    }

    /// Rules 3, 4, 8 and 9 of a backup.
    fn prepare(&mut self, view: View, hash: &UInt256, justification: &UInt256) {
        self.body(MessageKind::Prepare, hash);
        let justified = view == View::ZERO || self.log.justifications.contains(justification);
        if !justified && self.log.entered(view) {
            let what = format!("Prepare of view {view} without its durable justification");
            self.report(Invariant::Durability, what);
        }
        let seen = self.known.proposals.iter().find(|seen| {
            seen.by_leader
                && seen.view == view
                && seen.hash == *hash
                && seen.justification == *justification
        });
        match seen.cloned() {
            Some(seen) => self.admissible("prepares", &seen),
            None => {
                let what =
                    format!("Prepare({view}, {hash}) without a valid proposal of its leader");
                self.report(Invariant::CarriedBlock, what);
            }
        }
    }

    /// Rule 6.
    fn commit(&mut self, hash: &UInt256) {
        if !self.log.decisions.contains(hash) {
            let held = self.known.may_know_decision(hash);
            self.not_durable(
                held,
                Invariant::AfterDecision,
                format!("header signature on {hash} without a durable decision"),
            );
        }
        if let Some(decided) = self.known.decided.filter(|decided| decided != hash) {
            let what = format!("header signature on {hash} after deciding {decided}");
            self.report(Invariant::AfterDecision, what);
        }
    }

    /// Rule 7.
    fn change_view(&mut self, to: View, change: &ChangeView) {
        let current = self.log.view();
        if to < self.signed.asked {
            let asked = self.signed.asked;
            let what = format!("asks for view {to} after it asked for {asked}");
            self.report(Invariant::ViewChange, what);
        }
        if to <= current {
            self.report(
                Invariant::ViewChange,
                format!("asks for view {to} in view {current}"),
            );
        }
        let few = self.known.info.validators.faulty() + 1;
        let asking = self.known.asking_for(to);
        if to > current.next() && asking < few {
            let what = format!("asks for view {to} in view {current}, as {asking} others do");
            self.report(Invariant::ViewChange, what);
        }
        self.reason(current, to, change.reason);
        self.claim(to, change);
    }

    /// What everybody can check of the reason.
    fn reason(&mut self, current: View, to: View, reason: ChangeViewReason) {
        let validators = &self.known.info.validators;
        let (few, quorum) = (validators.faulty() + 1, validators.quorum());
        let holds = match reason {
            ChangeViewReason::Joined => self.known.asking_for(to) >= few,
            ChangeViewReason::LeaderResigned => {
                let leader = self.known.leader(current);
                self.known.asks_above(leader.0, current)
            }
            ChangeViewReason::Suspected => self.known.suspicions(current) >= quorum,
            ChangeViewReason::Timeout
            | ChangeViewReason::Equivocation
            | ChangeViewReason::InvalidProposal => true,
        };
        if !holds {
            self.report(
                Invariant::ViewChange,
                format!("asks for view {to} for a wrong {reason:?}"),
            );
        }
    }

    /// The claim is the highest PC held, and travels with it.
    fn claim(&mut self, to: View, change: &ChangeView) {
        let claimed = change.claim.map(|claim| (claim.view, claim.hash));
        let highest = self.log.highest();
        if claimed.map(|claim| claim.0) < highest.map(|held| held.0) {
            let (claim, held) = (claim_text(&change.claim), highest.map(|held| held.0.0));
            let what = format!("claims {claim} for view {to} and holds PC of view {held:?}");
            self.report(Invariant::ViewChange, what);
        }
        if let Some((view, hash)) = claimed
            && !self.log.prepared.contains(&(view, hash))
        {
            let held = self.known.may_hold_prepared(view, &hash);
            self.not_durable(
                held,
                Invariant::ViewChange,
                format!("claims PC({view}, {hash}), which is not durable"),
            );
        }
        if claimed.is_some_and(|claim| claim.0 >= to) {
            self.report(Invariant::ViewChange, format!("claims its own target {to}"));
        }
        self.certificate(to, change);
    }

    pub(crate) fn certificate(&mut self, to: View, change: &ChangeView) {
        let small = self.known.info.validators.len() <= CERTIFICATES_TO_ALL;
        match (&change.claim, &change.prepared) {
            (Some(claim), Some(held)) if (held.view, held.hash) == (claim.view, claim.hash) => {}
            (None, None) => {}
            (Some(_), None) if !small => {}
            (claim, _) => {
                let claim = claim_text(claim);
                let what = format!("ChangeView for {to} claims {claim} without that certificate");
                self.report(Invariant::ViewChange, what);
            }
        }
    }
}

/// All certificates and foreign votes inside a message, as its honest sender vouches for them.
///
/// # Errors
/// The first that does not hold.
pub(crate) fn certificates_of(
    message: &Message,
    known: &Knowledge,
    below: Option<&Knowledge>,
) -> Result<(), String> {
    let checker = known.checker();
    match &message.payload {
        Payload::Proposal(proposal) => {
            proposal
                .justification
                .as_ref()
                .map_or(Ok(()), |tc| checker.view_change(tc))?;
            match (&proposal.parent, below) {
                (Some(parent), Some(below)) => parent_decision(parent, known, below),
                _ => Ok(()),
            }
        }
        Payload::ChangeView(change) => change
            .prepared
            .as_ref()
            .map_or(Ok(()), |pc| checker.prepared(pc)),
        Payload::RecoveryMessage(recovery) => {
            recovery
                .view_change
                .as_ref()
                .map_or(Ok(()), |tc| checker.view_change(tc))?;
            recovery
                .prepared
                .as_ref()
                .map_or(Ok(()), |pc| checker.prepared(pc))?;
            recovery
                .decision
                .as_ref()
                .map_or(Ok(()), |decision| checker.decision(decision))
        }
        _ => Ok(()),
    }
}

fn parent_decision(parent: &Decision, known: &Knowledge, below: &Knowledge) -> Result<(), String> {
    if parent.hash() != known.info.parent_hash {
        let (hash, expected) = (parent.hash(), known.info.parent_hash);
        return Err(format!(
            "the decision of the previous height names {hash}, not {expected}"
        ));
    }
    below.checker().decision(parent)
}
