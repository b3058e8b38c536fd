//! Honest messages to the wrong people or at the wrong time.

use std::time::Duration;

use neo_consensus::engine::Recipient;
use neo_consensus::v3::context::MessageKind;
use neo_consensus::v3::{Message, Payload};

use crate::attack::Attack;
use crate::strategy::{Content, Outgoing, Scene, Strategy};

/// Every message reaches a random part of the validators. Repeated ones have new luck, so that somebody
/// always knows what somebody else does not.
#[derive(Debug, Default)]
pub(crate) struct SelectiveDelivery;

impl Strategy for SelectiveDelivery {
    fn name(&self) -> &'static str {
        Attack::SelectiveDelivery.name()
    }

    fn outgoing(&mut self, scene: &mut Scene<'_>, outgoing: Vec<Outgoing>) -> Vec<Outgoing> {
        let mut kept = Vec::with_capacity(outgoing.len());
        for one in outgoing {
            let seen = match &one.content {
                Content::Message(message) => scene.knowledge.at(message.height),
                Content::Bytes(_) => None,
            };
            let Some(seen) = seen else {
                kept.push(one);
                continue;
            };
            // From nobody to nearly everybody.
            let share = scene.random.below(4);
            for to in scene.receivers(seen, &one.to) {
                if scene.random.below(4) < share {
                    kept.push(Outgoing {
                        to: Recipient::One(to),
                        ..one.clone()
                    });
                }
            }
        }
        kept
    }
}

/// Proposals and votes leave so late that the receivers have nearly given the view up. What is aimed at is
/// the base timeout that [`crate::Adversary::aiming_at`] names, doubled with each view.
#[derive(Debug, Default)]
pub(crate) struct DelayToTimeout;

impl DelayToTimeout {
    /// Parts in 1,000 of the timeout: the proposal takes most of it, the votes their share.
    fn share(message: &Message) -> Option<u32> {
        match message.kind() {
            MessageKind::Proposal => Some(850),
            MessageKind::Prepare | MessageKind::PreCommit => Some(450),
            MessageKind::Commit | MessageKind::ChangeView => Some(850),
            _ => None,
        }
    }

    fn delay(scene: &mut Scene<'_>, message: &Message) -> Duration {
        let Some(share) = Self::share(message) else {
            return Duration::ZERO;
        };
        let timers = scene.timers;
        let doubled = timers
            .base_timeout
            .saturating_mul(1 << message.view.0.min(5));
        let timeout = doubled.min(timers.max_timeout);
        let jitter = u32::try_from(scene.random.below(120)).unwrap_or(0);
        timeout.saturating_mul(share + jitter) / 1_000
    }
}

impl Strategy for DelayToTimeout {
    fn name(&self) -> &'static str {
        Attack::DelayToTimeout.name()
    }

    fn outgoing(&mut self, scene: &mut Scene<'_>, outgoing: Vec<Outgoing>) -> Vec<Outgoing> {
        let mut late = outgoing;
        for one in &mut late {
            if let Content::Message(message) = &one.content {
                one.delay = one.delay.saturating_add(Self::delay(scene, message));
            }
        }
        late
    }
}

/// The proposal of a later view, and what shows that the view has begun, go to one validator only.
#[derive(Debug, Default)]
pub(crate) struct JustificationToOne;

impl Strategy for JustificationToOne {
    fn name(&self) -> &'static str {
        Attack::JustificationToOne.name()
    }

    fn outgoing(&mut self, scene: &mut Scene<'_>, outgoing: Vec<Outgoing>) -> Vec<Outgoing> {
        let mut kept = Vec::with_capacity(outgoing.len());
        for one in outgoing {
            let shows = match &one.content {
                Content::Message(message) => match &message.payload {
                    Payload::Proposal(proposal) => proposal.justification.is_some(),
                    Payload::RecoveryMessage(recovery) => recovery.view_change.is_some(),
                    _ => false,
                },
                Content::Bytes(_) => false,
            };
            let seen = match &one.content {
                Content::Message(message) => scene.knowledge.at(message.height),
                Content::Bytes(_) => None,
            };
            let (true, Some(seen)) = (shows, seen) else {
                kept.push(one);
                continue;
            };
            // The same one at a height, whatever is repeated.
            let others = scene.others(seen);
            let turn = seen.info.parent_hash.as_wire()[0];
            let at = usize::from(turn) % others.len().max(1);
            let Some(chosen) = others.get(at) else {
                continue;
            };
            if scene.receivers(seen, &one.to).contains(chosen) {
                kept.push(Outgoing {
                    to: Recipient::One(chosen.clone()),
                    ..one
                });
            }
        }
        kept
    }
}
