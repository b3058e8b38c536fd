//! What leaves an honest node.

use neo_consensus::engine::Recipient;
use neo_consensus::v3::certificate::ViewChangeCertificate;
use neo_consensus::v3::context::MessageKind;
use neo_consensus::v3::message::RecoveryMessage;
use neo_consensus::v3::{Message, Payload};
use neo_primitives::Height;

use super::Node;
use super::dues::Due;
use super::judge::{Judge, certificates_of};
use super::knowledge::Heed;
use super::log::{Content, HeightLog, Vote};
use crate::findings::Findings;
use crate::violation::Invariant;

impl Node {
    pub(crate) fn sent(
        &mut self,
        to: &Recipient,
        message: &Message,
        again: bool,
        findings: &mut Findings,
    ) {
        let height = message.height;
        match &message.payload {
            Payload::RecoveryRequest(request) => return self.silence.asked(request.nonce),
            Payload::RecoveryMessage(recovery) => {
                self.sent_recovery(to, height, recovery, findings)
            }
            Payload::Suspect => {
                if let Some(open) = self.open.get_mut(&height) {
                    open.known.take(message, None);
                }
                return;
            }
            _ => self.sent_vote(message, again, findings),
        }
        if again {
            return;
        }
        let below = height.previous().and_then(|below| self.knowledge(below));
        if let Some(known) = self.knowledge(height) {
            let sound = certificates_of(message, known, below);
            findings.require(Invariant::CertificateInvalid, height, sound);
        }
    }

    fn sent_recovery(
        &mut self,
        to: &Recipient,
        height: Height,
        recovery: &RecoveryMessage,
        findings: &mut Findings,
    ) {
        if recovery.stored > self.stored {
            let (says, stored) = (recovery.stored, self.stored);
            let what = format!("says that it stored {says}, and stored {stored}");
            findings.report(Invariant::Silence, Some(height), what);
        }
        match to {
            Recipient::All => {
                let view = recovery
                    .view_change
                    .as_ref()
                    .map(|tc: &ViewChangeCertificate| tc.view);
                self.dues.pay(|of, due| match due {
                    Due::Forward { view: due } => of == height && view == Some(*due),
                    _ => false,
                });
            }
            Recipient::One(key) => {
                let peer = self
                    .open
                    .values()
                    .next_back()
                    .and_then(|open| open.known.info.validators.index_of(key));
                if let Some(peer) = peer {
                    if !self.was_asked(peer, recovery.nonce) {
                        let nonce = recovery.nonce;
                        let what =
                            format!("reports to validator {peer}, which did not ask with {nonce}");
                        findings.report(Invariant::Silence, Some(height), what);
                    }
                    self.answered.insert(peer, findings.at);
                    self.dues
                        .pay(|_, due| matches!(due, Due::Answer { to, .. } if *to == peer));
                }
            }
        }
    }

    fn sent_vote(&mut self, message: &Message, again: bool, findings: &mut Findings) {
        let height = message.height;
        let Some(vote) = Vote::of(message) else {
            return;
        };
        let durable = self.log.at(height).is_some_and(|log| log.has(&vote));
        if !durable && height >= self.stored {
            let (kind, view) = (vote.kind, vote.view);
            let what = format!("{kind:?} of view {view} leaves before it is durable");
            findings.report(Invariant::Durability, Some(height), what);
            self.bind(message, findings);
        }
        let asked = self.signed(height).asked;
        let Some(open) = self.open.get_mut(&height) else {
            return;
        };
        match &message.payload {
            Payload::ChangeView(_) => {
                open.change_view.done(findings.at);
                if again && message.view < asked {
                    let view = message.view;
                    let what = format!("repeats its ChangeView for {view} after one for {asked}");
                    findings.report(Invariant::ViewChange, Some(height), what);
                }
            }
            Payload::Commit { .. } => open.commit.done(findings.at),
            _ => {}
        }
    }

    /// An own vote that binds from now on.
    pub(super) fn bind(&mut self, message: &Message, findings: &mut Findings) {
        let (height, Some(vote)) = (message.height, Vote::of(message)) else {
            return;
        };
        let flawed = self.is_flawed(height);
        match self.signed(height).find(vote.kind, vote.view) {
            Some(known) if *known == vote => return,
            Some(known) if !flawed => {
                let (view, kind) = (vote.view, vote.kind);
                let what = format!(
                    "{kind:?} of view {view}: {:?}, then {:?}",
                    known.content, vote.content
                );
                findings.report(Invariant::OneOfEach, Some(height), what);
            }
            Some(_) => {}
            None => self.judge(message, findings),
        }
        self.remember_vote(height, vote, message, findings);
        let empty = HeightLog::default();
        let log = self.log.at(height).unwrap_or(&empty);
        if let Some(open) = self.open.get_mut(&height) {
            open.known.take(
                message,
                Some(Heed {
                    view: log.view(),
                    own: None,
                    log,
                }),
            );
        }
    }

    fn remember_vote(
        &mut self,
        height: Height,
        vote: Vote,
        message: &Message,
        findings: &mut Findings,
    ) {
        let flawed = self.is_flawed(height);
        let signed = self.signed(height);
        signed.add(vote);
        // A Proposal contains the Prepare of its leader.
        if let (Payload::Proposal(proposal), Content::Block { .. }) =
            (&message.payload, vote.content)
        {
            let prepare = Vote {
                kind: MessageKind::Prepare,
                signature: proposal.prepare,
                ..vote
            };
            match signed.find(MessageKind::Prepare, vote.view) {
                Some(known) if *known != prepare && !flawed => {
                    let view = vote.view;
                    let what = format!("Prepare of view {view}, then a Proposal with another one");
                    findings.report(Invariant::OneOfEach, Some(height), what);
                }
                Some(_) => {}
                None => signed.add(prepare),
            }
        }
    }

    fn judge(&mut self, message: &Message, findings: &mut Findings) {
        let height = message.height;
        if self.is_flawed(height) {
            return;
        }
        if let Some(why) = self.silence.forbids(height) {
            let kind = message.kind();
            findings.report(
                Invariant::Silence,
                Some(height),
                format!("{kind:?} although {why}"),
            );
        }
        let empty = HeightLog::default();
        let signed = &*self.history.at(height);
        let (Some(own), Some(open)) = (self.validator, self.open.get(&height)) else {
            return;
        };
        let known = &open.known;
        let log = self.log.at(height).unwrap_or(&empty);
        Judge {
            own,
            known,
            log,
            signed,
            findings,
        }
        .vote(message);
    }
}
