//! Answers that are lies, and questions without end.

use std::sync::Arc;
use std::time::Duration;

use neo_consensus::View;
use neo_consensus::engine::Recipient;
use neo_consensus::index_set::IndexSet;
use neo_consensus::v3::message::{RecoveryMessage, RecoveryRequest};
use neo_consensus::v3::{Message, Payload};
use neo_primitives::{Height, PublicKey};

use crate::attack::Attack;
use crate::strategy::{Outgoing, Reaction, Scene, Strategy};

/// Time between two questions.
const INTERVAL: Duration = Duration::from_millis(100);

/// Asks without end and with false bitmaps, and answers with stored heights that it does not have.
#[derive(Debug, Default)]
pub(crate) struct FalseRecovery {
    last: Option<Duration>,
}

impl Strategy for FalseRecovery {
    fn name(&self) -> &'static str {
        Attack::FalseRecovery.name()
    }

    fn incoming(&mut self, scene: &mut Scene<'_>, from: &PublicKey, message: &Message) -> Reaction {
        let Payload::RecoveryRequest(request) = &message.payload else {
            return Reaction::keep();
        };
        let Some(seen) = scene.knowledge.at(message.height) else {
            return Reaction::keep();
        };
        let stored = match scene.random.below(4) {
            0 => Height(0),
            1 => Height(u32::MAX),
            2 => Height(message.height.0.saturating_add(50)),
            _ => message.height,
        };
        let answer = RecoveryMessage {
            nonce: request.nonce,
            stored,
            view_change: None,
            prepared: None,
            decision: None,
            messages: Vec::new(),
        };
        let payload = Payload::RecoveryMessage(Arc::new(answer));
        let answer = scene.say(seen, message.view, payload);
        let to = Recipient::One(from.clone());
        Reaction {
            keep: true,
            send: answer
                .map(|answer| Outgoing::message(to, answer))
                .into_iter()
                .collect(),
        }
    }

    fn tick(&mut self, scene: &mut Scene<'_>) -> Vec<Outgoing> {
        let due = scene.is_due(&mut self.last, INTERVAL);
        let knowledge = scene.knowledge;
        let Some(seen) = knowledge.latest().filter(|_| due) else {
            return Vec::new();
        };
        let everybody: IndexSet = seen.info.validators.indexes().collect();
        let mut set = || {
            if scene.random.once_in(2) {
                everybody
            } else {
                IndexSet::default()
            }
        };
        let (prepares, pre_commits, change_views, commits) = (set(), set(), set(), set());
        let request = RecoveryRequest {
            nonce: scene.random.next(),
            prev_hash: seen.info.parent_hash,
            has_proposal: scene.random.once_in(2),
            prepares,
            pre_commits,
            change_views,
            commits,
            prepared: scene.random.once_in(2).then(|| seen.view()),
            decided: scene.random.once_in(4),
        };
        let step = u32::try_from(scene.random.below(3)).unwrap_or(0);
        let view = View(seen.view().0.saturating_add(step));
        let message = scene.say(seen, view, Payload::RecoveryRequest(request));
        message
            .map(|message| Outgoing::message(Recipient::All, message))
            .into_iter()
            .collect()
    }
}
