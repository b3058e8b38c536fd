//! Genuine signatures where they do not belong.

use std::sync::Arc;

use neo_consensus::View;
use neo_consensus::v3::message::RecoveryMessage;
use neo_consensus::v3::{Message, Payload};
use neo_primitives::Height;

use crate::attack::Attack;
use crate::knowledge::Seen;
use crate::strategy::{Outgoing, Scene, Strategy};

/// Messages replayed in one tick.
const PER_TICK: usize = 4;

/// Repeats what anybody said at the last heights: as it was, under a later height or another view, and
/// nested in answers at the current height, together with the certificates of old heights.
#[derive(Debug, Default)]
pub(crate) struct Replay;

impl Replay {
    fn one(scene: &mut Scene<'_>, seen: &Seen, old: &Seen) -> Option<Message> {
        let said = scene.random.pick(&old.messages)?.clone();
        let moved = Message {
            height: seen.info.height,
            ..said.clone()
        };
        match scene.random.below(5) {
            0 => Some(said),
            1 => Some(moved),
            2 => Some(Message {
                view: View(moved.view.0.saturating_add(1)),
                ..moved
            }),
            3 => Self::nested(scene, seen, vec![moved]),
            _ => Self::certificates(scene, seen, old),
        }
    }

    fn nested(scene: &Scene<'_>, seen: &Seen, mut messages: Vec<Message>) -> Option<Message> {
        let plain = |message: &Message| {
            !matches!(
                message.payload,
                Payload::RecoveryMessage(_) | Payload::RecoveryRequest(_)
            )
        };
        messages.retain(plain);
        let recovery = RecoveryMessage {
            nonce: 0,
            stored: seen.info.height.previous().unwrap_or(Height(0)),
            view_change: None,
            prepared: None,
            decision: None,
            messages,
        };
        let payload = Payload::RecoveryMessage(Arc::new(recovery));
        scene.say(seen, seen.view(), payload)
    }

    fn certificates(scene: &mut Scene<'_>, seen: &Seen, old: &Seen) -> Option<Message> {
        let (prepared, decisions) = (old.prepared(), old.decisions());
        let view_changes: Vec<_> = old.view_changes(old.view()).cloned().collect();
        let recovery = RecoveryMessage {
            nonce: 0,
            stored: seen.info.height.previous().unwrap_or(Height(0)),
            view_change: scene.random.pick(&view_changes).cloned(),
            prepared: scene.random.pick(&prepared).cloned(),
            decision: scene.random.pick(&decisions).cloned(),
            messages: Vec::new(),
        };
        let payload = Payload::RecoveryMessage(Arc::new(recovery));
        scene.say(seen, seen.view(), payload)
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
            let to = scene.anybody(seen);
            sent.extend(
                to.zip(message)
                    .map(|(to, message)| Outgoing::message(to, message)),
            );
        }
        sent
    }
}
