//! Messages that no engine would sign, with valid signatures of the own key, and what strategies do
//! with messages alike.

use std::sync::Arc;
use std::time::Duration;

use neo_consensus::View;
use neo_consensus::engine::Recipient;
use neo_consensus::v3::certificate::{
    Decision, PreparedCertificate, ViewChangeCertificate, hash_and_justification,
    justification_hash,
};
use neo_consensus::v3::context::{HeightContext, MessageKind};
use neo_consensus::v3::message::{Proposal, RecoveryMessage, short_id};
use neo_consensus::v3::{Message, Payload};
use neo_primitives::{BlockBody, Height, PublicKey, Signature, ValidatorIndex};

use crate::knowledge::Seen;
use crate::strategy::{Content, Outgoing, Scene};

/// Placeholder for a signature that is still to be made.
const UNSIGNED: Signature = Signature([0; 64]);

/// What a recovery message carries.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    pub(crate) view_change: Option<ViewChangeCertificate>,
    pub(crate) prepared: Option<PreparedCertificate>,
    pub(crate) decision: Option<Decision>,
    pub(crate) messages: Vec<Message>,
}

impl Scene<'_> {
    /// A message with a valid signature of the own key; `None` when that is no validator of the height.
    pub(crate) fn say(&self, seen: &Seen, view: View, payload: Payload) -> Option<Message> {
        let message = Message {
            height: seen.info.height,
            view,
            sender: seen.own?,
            signature: UNSIGNED,
            payload,
        };
        Some(self.signed(&seen.context, message))
    }

    /// Signs what an own message says now; a proposal's Prepare as well.
    pub(crate) fn signed(&self, context: &HeightContext, mut message: Message) -> Message {
        if let Payload::Proposal(proposal) = &mut message.payload {
            let body = hash_and_justification(
                &proposal.header.hash(),
                &justification_hash(proposal.justification.as_ref()),
            );
            let preimage = context.preimage(MessageKind::Prepare, message.view, &body);
            Arc::make_mut(proposal).prepare = self.around.signer.sign(&preimage);
        }
        message.signature = self.around.signer.sign(&message.preimage(context));
        message
    }

    /// A recovery message that nobody asked for, in the view that the others are in. What it says about
    /// stored heights is true.
    pub(crate) fn forward(&self, seen: &Seen, parts: Parts) -> Option<Message> {
        let recovery = RecoveryMessage {
            nonce: 0,
            stored: seen.info.height.previous().unwrap_or(Height(0)),
            view_change: parts.view_change,
            prepared: parts.prepared,
            decision: parts.decision,
            messages: parts.messages,
        };
        let payload = Payload::RecoveryMessage(Arc::new(recovery));
        self.say(seen, seen.view(), payload)
    }

    /// What somebody knows of a height, a random one of each kind of certificate.
    pub(crate) fn some_certificates(&mut self, of: &Seen) -> Parts {
        let view_changes: Vec<_> = of.view_changes(of.view()).cloned().collect();
        Parts {
            view_change: self.random.pick(&view_changes).cloned(),
            prepared: self.random.pick(&of.prepared()).cloned(),
            decision: self.random.pick(&of.decisions()).cloned(),
            messages: Vec::new(),
        }
    }

    /// A message for one other validator at random.
    pub(crate) fn for_anybody(&mut self, seen: &Seen, message: Option<Message>) -> Vec<Outgoing> {
        let to = self.anybody(seen);
        let both = to.zip(message);
        both.map(|(to, message)| Outgoing::message(to, message))
            .into_iter()
            .collect()
    }

    /// Whether `interval` has passed since the last time that this was so.
    pub(crate) fn is_due(&self, last: &mut Option<Duration>, interval: Duration) -> bool {
        let now = self.around.now.monotonic;
        let due = last.is_none_or(|last| now >= last.saturating_add(interval));
        if due {
            *last = Some(now);
        }
        due
    }

    /// The keys of all other validators of a height.
    pub(crate) fn others(&self, seen: &Seen) -> Vec<PublicKey> {
        let keys = seen.info.validators.keys().iter();
        keys.filter(|key| *key != self.around.own)
            .cloned()
            .collect()
    }

    /// One other validator at random.
    pub(crate) fn anybody(&mut self, seen: &Seen) -> Option<Recipient> {
        let others = self.others(seen);
        self.random.pick(&others).cloned().map(Recipient::One)
    }

    /// The receivers of something on its way, one by one.
    pub(crate) fn receivers(&self, seen: &Seen, to: &Recipient) -> Vec<PublicKey> {
        match to {
            Recipient::All => self.others(seen),
            Recipient::One(key) => vec![key.clone()],
        }
    }

    /// Whether a message is an own one.
    pub(crate) fn is_own(&self, seen: &Seen, message: &Message) -> bool {
        seen.own == Some(message.sender)
    }

    /// A proposal of a body.
    pub(crate) fn propose(&self, seen: &Seen, like: &Message, body: &BlockBody) -> Option<Message> {
        let Payload::Proposal(proposal) = &like.payload else {
            return None;
        };
        let hash = body.hash();
        let ids = body.transactions.iter();
        let proposal = Proposal {
            header: body.header,
            transactions: ids.map(|one| short_id(&hash, &one.hash())).collect(),
            ..proposal.as_ref().clone()
        };
        self.say(seen, like.view, Payload::Proposal(Arc::new(proposal)))
    }
}

#[expect(
    clippy::large_enum_variant,
    reason = "lives for one call and is never stored"
)]
/// What a strategy makes of an own message on its way to one receiver.
pub(crate) enum Fate {
    /// It leaves as it is.
    Pass,
    /// It does not leave.
    Drop,
    /// Another one leaves instead.
    Become(Message),
}

/// Takes everything that leaves apart, receiver by receiver, also what is nested in recovery answers,
/// and lets `fate` decide about each own message. Bytes and messages of unknown heights pass.
pub(crate) fn bend(
    scene: &mut Scene<'_>,
    outgoing: Vec<Outgoing>,
    mut fate: impl FnMut(&mut Scene<'_>, &Seen, &PublicKey, &Message) -> Fate,
) -> Vec<Outgoing> {
    let mut bent = Vec::with_capacity(outgoing.len());
    let knowledge = scene.knowledge;
    for one in outgoing {
        let Content::Message(message) = &one.content else {
            bent.push(one);
            continue;
        };
        let Some(seen) = knowledge.at(message.height) else {
            bent.push(one);
            continue;
        };
        let receivers = scene.receivers(seen, &one.to);
        let mut made = Vec::with_capacity(receivers.len());
        for to in receivers {
            let content = match &message.payload {
                Payload::RecoveryMessage(recovery) => {
                    bend_recovery(scene, seen, &to, message, recovery, &mut fate)
                }
                _ => match fate(scene, seen, &to, message) {
                    Fate::Pass => Some(message.clone()),
                    Fate::Drop => None,
                    Fate::Become(other) => Some(other),
                },
            };
            made.push((to, content));
        }
        // What leaves unchanged for all stays one message to all.
        if made
            .iter()
            .all(|(_, content)| content.as_ref() == Some(message))
        {
            bent.push(one);
            continue;
        }
        bent.extend(made.into_iter().filter_map(|(to, content)| {
            Some(Outgoing {
                to: Recipient::One(to),
                content: Content::Message(content?),
                delay: one.delay,
            })
        }));
    }
    bent
}

fn bend_recovery(
    scene: &mut Scene<'_>,
    seen: &Seen,
    to: &PublicKey,
    outer: &Message,
    recovery: &RecoveryMessage,
    fate: &mut impl FnMut(&mut Scene<'_>, &Seen, &PublicKey, &Message) -> Fate,
) -> Option<Message> {
    let mut messages = Vec::with_capacity(recovery.messages.len());
    for nested in &recovery.messages {
        if !scene.is_own(seen, nested) {
            messages.push(nested.clone());
            continue;
        }
        match fate(scene, seen, to, nested) {
            Fate::Pass => messages.push(nested.clone()),
            Fate::Drop => {}
            Fate::Become(other) => messages.push(other),
        }
    }
    if messages == recovery.messages {
        return Some(outer.clone());
    }
    let recovery = RecoveryMessage {
        messages,
        ..recovery.clone()
    };
    scene.say(
        seen,
        outer.view,
        Payload::RecoveryMessage(Arc::new(recovery)),
    )
}

/// The validator that leads a view (protocol section 7).
pub(crate) fn leader(seen: &Seen, view: View) -> ValidatorIndex {
    seen.info.leaders.order().leader(view)
}
