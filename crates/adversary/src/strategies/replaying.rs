//! Genuine signatures where they do not belong.

use std::sync::Arc;

use neo_consensus::View;
use neo_consensus::v3::{Message, Payload};

use crate::attack::Attack;
use crate::forge::Parts;
use crate::knowledge::Seen;
use crate::strategy::{Outgoing, Scene, Strategy};

/// Messages replayed in one tick.
const PER_TICK: usize = 4;

/// Repeats what anybody said at the last heights: as it was, under a later height or another view, and
/// nested in answers at the current height, together with the certificates of old heights, and with
/// changes in what nobody signed.
#[derive(Debug, Default)]
pub(crate) struct Replay;

impl Replay {
    fn one(scene: &mut Scene<'_>, seen: &Seen, old: &Seen) -> Option<Message> {
        let said = scene.random.pick(&old.messages)?.clone();
        let moved = Message {
            height: seen.info.height,
            ..said.clone()
        };
        match scene.random.below(6) {
            0 => Some(said),
            1 => Some(moved),
            2 => Some(Message {
                view: View(moved.view.0.saturating_add(1)),
                ..moved
            }),
            3 => Self::nested(scene, seen, vec![moved]),
            4 => Self::spoiled(scene, seen),
            _ => {
                let parts = scene.some_certificates(old);
                scene.forward(seen, parts)
            }
        }
    }

    /// Somebody's proposal of a later view, with a change in what its signature does not cover: the view
    /// of the certificate, the justification inside it, the short ids.
    fn spoiled(scene: &mut Scene<'_>, seen: &Seen) -> Option<Message> {
        let justified = seen.proposals().filter(|message| match &message.payload {
            Payload::Proposal(proposal) => proposal.justification.is_some(),
            _ => false,
        });
        let mut message = justified.last()?.clone();
        if let Payload::Proposal(proposal) = &mut message.payload {
            let proposal = Arc::make_mut(proposal);
            match (scene.random.below(3), &mut proposal.justification) {
                (0, Some(certificate)) => certificate.view = certificate.view.next(),
                (1, Some(certificate)) => {
                    if let Some(prepared) = &mut certificate.prepared {
                        prepared.justification = prepared.hash;
                    }
                }
                _ => proposal.transactions.push([0x77; 6]),
            }
        }
        Self::nested(scene, seen, vec![message])
    }

    fn nested(scene: &Scene<'_>, seen: &Seen, mut messages: Vec<Message>) -> Option<Message> {
        let plain = |message: &Message| {
            !matches!(
                message.payload,
                Payload::RecoveryMessage(_) | Payload::RecoveryRequest(_)
            )
        };
        messages.retain(plain);
        let parts = Parts {
            messages,
            ..Parts::default()
        };
        scene.forward(seen, parts)
    }
}

impl Strategy for Replay {
    fn name(&self) -> &'static str {
        Attack::Replay.name()
    }

    fn tick(&mut self, scene: &mut Scene<'_>) -> Vec<Outgoing> {
        let knowledge = scene.knowledge;
        let Some(seen) = knowledge.latest() else {
            return Vec::new();
        };
        let past: Vec<&Seen> = knowledge.heights().collect();
        let mut sent = Vec::new();
        for _ in 0..PER_TICK {
            let Some(old) = scene.random.pick(&past).copied() else {
                continue;
            };
            let message = Self::one(scene, seen, old);
            sent.extend(scene.for_anybody(seen, message));
        }
        sent
    }
}
