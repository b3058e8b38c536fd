//! Much, and nonsense.

use std::sync::Arc;

use neo_consensus::View;
use neo_consensus::engine::Recipient;
use neo_consensus::v3::certificate::PreparedClaim;
use neo_consensus::v3::message::{ChangeView, ChangeViewReason, RecoveryMessage};
use neo_consensus::v3::wire::{self, Hints};
use neo_consensus::v3::{Message, Payload};
use neo_primitives::{Height, UInt256};

use crate::attack::Attack;
use crate::knowledge::Seen;
use crate::strategy::{Content, Outgoing, Scene, Strategy};

/// Messages of a flood in one tick, each to everybody.
pub(crate) const FLOOD: usize = 16;
/// Pieces of garbage in one tick, each to one validator.
const PIECES: usize = 8;
/// Longest piece of garbage that is made up.
const LONGEST: u64 = 4_096;

/// Signed messages of far heights and views.
#[derive(Debug, Default)]
pub(crate) struct FloodFuture;

impl FloodFuture {
    fn one(scene: &mut Scene<'_>, seen: &Seen) -> Option<Message> {
        let far = |scene: &mut Scene<'_>, from: u32| {
            let bits = scene.random.below(31);
            let step = scene.random.below(1 << bits);
            from.saturating_add(u32::try_from(step).unwrap_or(u32::MAX))
        };
        let height = Height(far(scene, seen.info.height.0));
        let view = View(far(scene, seen.view().0));
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&scene.random.next().to_le_bytes());
        let hash = UInt256::from_wire(bytes);
        let payload = match scene.random.below(7) {
            0 => Payload::Prepare {
                hash,
                justification: hash,
            },
            1 => Payload::PreCommit { hash },
            2 => Payload::Commit { hash },
            3 => Payload::Suspect,
            4 => seen
                .proposals()
                .last()
                .map(|message| message.payload.clone())?,
            5 => Payload::ChangeView(Arc::new(ChangeView {
                claim: view.0.checked_sub(1).map(|below| PreparedClaim {
                    view: View(below),
                    hash,
                }),
                prepared: None,
                reason: ChangeViewReason::Timeout,
            })),
            _ => Payload::ChangeView(Arc::new(ChangeView {
                claim: None,
                prepared: None,
                reason: ChangeViewReason::Timeout,
            })),
        };
        let said = scene.say(seen, view, payload)?;
        // At the own height the signature is valid; of a later one nobody knows the previous block.
        Some(Message { height, ..said })
    }
}

impl Strategy for FloodFuture {
    fn name(&self) -> &'static str {
        Attack::FloodFuture.name()
    }

    fn tick(&mut self, scene: &mut Scene<'_>) -> Vec<Outgoing> {
        let knowledge = scene.knowledge;
        let Some(seen) = knowledge.latest() else {
            return Vec::new();
        };
        let flood = (0..FLOOD).filter_map(|_| Self::one(scene, seen));
        flood
            .map(|message| Outgoing::message(Recipient::All, message))
            .collect()
    }
}

/// Bytes that are no envelope, envelopes with wrong bytes, and messages whose insides are nonsense.
#[derive(Debug, Default)]
pub(crate) struct Garbage;

impl Garbage {
    fn noise(scene: &mut Scene<'_>) -> Vec<u8> {
        let length = scene.random.below(LONGEST);
        (0..length).map(|_| scene.random.next() as u8).collect()
    }

    fn spoiled(scene: &mut Scene<'_>, message: &Message) -> Vec<u8> {
        let mut bytes = wire::encode(message, Hints::default());
        bytes.truncate(usize::try_from(4 * LONGEST).unwrap_or(usize::MAX));
        let length = bytes.len() as u64;
        match scene.random.below(3) {
            0 => {
                let keep = scene.random.below(length);
                bytes.truncate(usize::try_from(keep).unwrap_or(0));
            }
            1 => bytes.extend(Self::noise(scene)),
            _ => {
                for _ in 0..=scene.random.below(8) {
                    let at = usize::try_from(scene.random.below(length)).unwrap_or(0);
                    if let Some(byte) = bytes.get_mut(at) {
                        *byte ^= 1 << scene.random.below(8);
                    }
                }
            }
        }
        bytes
    }

    fn nonsense(scene: &mut Scene<'_>, seen: &Seen) -> Option<Message> {
        // Messages of others with their parts exchanged, nested.
        let mut messages = Vec::new();
        for _ in 0..4 {
            let one = scene.random.pick(&seen.messages)?.clone();
            let other = scene.random.pick(&seen.messages)?.clone();
            let nests = matches!(
                one.payload,
                Payload::RecoveryMessage(_) | Payload::RecoveryRequest(_)
            );
            if !nests {
                messages.push(Message {
                    sender: other.sender,
                    view: View(other.view.0 ^ 1),
                    ..one
                });
            }
        }
        let recovery = RecoveryMessage {
            nonce: scene.random.next(),
            stored: Height(u32::MAX),
            view_change: None,
            prepared: None,
            decision: None,
            messages,
        };
        scene.say(
            seen,
            View(u32::MAX),
            Payload::RecoveryMessage(Arc::new(recovery)),
        )
    }
}

impl Strategy for Garbage {
    fn name(&self) -> &'static str {
        Attack::Garbage.name()
    }

    fn tick(&mut self, scene: &mut Scene<'_>) -> Vec<Outgoing> {
        let knowledge = scene.knowledge;
        let Some(seen) = knowledge.latest() else {
            return Vec::new();
        };
        let mut sent = Vec::new();
        for _ in 0..PIECES {
            let Some(to) = scene.anybody(seen) else {
                continue;
            };
            let known = scene.random.pick(&seen.messages);
            let content = match (scene.random.below(3), known) {
                (0, _) => Content::Bytes(Self::noise(scene)),
                (1, Some(message)) => Content::Bytes(Self::spoiled(scene, message)),
                _ => match Self::nonsense(scene, seen) {
                    Some(message) => Content::Message(message),
                    None => Content::Bytes(Vec::new()),
                },
            };
            sent.push(Outgoing {
                to,
                content,
                delay: std::time::Duration::ZERO,
            });
        }
        sent
    }
}
