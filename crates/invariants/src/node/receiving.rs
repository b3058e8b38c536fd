//! What an honest node is shown, and what must come of it.

use std::time::Duration;

use neo_consensus::v3::certificate::Decision;
use neo_consensus::v3::context::MessageKind;
use neo_consensus::v3::{Message, Payload};
use neo_primitives::{Encode, ValidatorIndex, sha256};

use super::dues::Due;
use super::knowledge::Heed;
use super::log::HeightLog;
use super::{Node, remember};

/// Heights above the open ones whose messages are kept.
const AHEAD: u32 = 3;
/// Messages that wait for their height.
const WAITING: usize = 8192;

impl Node {
    pub(crate) fn delivered(&mut self, at: Duration, from: ValidatorIndex, message: &Message) {
        let height = message.height;
        self.asking.clear();
        self.note_headers(message);
        self.note_asker(message);
        self.owe_answer(at, from, message);
        if height <= self.engine_stored {
            return;
        }
        self.take_report(message);
        if let Some(open) = self.open.get_mut(&height) {
            let empty = HeightLog::default();
            let log = self.log.at(height).unwrap_or(&empty);
            let own = Some(message.sender) == self.validator;
            let heed = Heed {
                view: log.view(),
                own: self.validator,
                log,
            };
            let shown = open.known.take(message, Some(heed).filter(|_| !own));
            if let Some(hash) = shown.decision {
                self.dues.add(height, Due::Decide { hash });
            }
            if let Some(view) = shown.prepared.filter(|_| self.validator.is_some()) {
                self.dues.add(height, Due::Hold { view });
            }
        } else {
            self.take_parent(from, message);
            let top = self
                .open
                .keys()
                .next_back()
                .copied()
                .unwrap_or(self.engine_stored);
            if height.0 <= top.0.saturating_add(AHEAD) && self.waiting.len() < WAITING {
                self.waiting.push((from, message.clone()));
            }
        }
    }

    fn note_headers(&mut self, message: &Message) {
        match &message.payload {
            Payload::Proposal(proposal) => remember(&mut self.headers, proposal.header.hash()),
            Payload::RecoveryMessage(recovery) => {
                for nested in &recovery.messages {
                    if let Payload::Proposal(proposal) = &nested.payload {
                        remember(&mut self.headers, proposal.header.hash());
                    }
                }
            }
            _ => {}
        }
    }

    /// Rule 6: the proposal of the next height carries what decided this one. The first one of a peer
    /// must be heeded.
    fn take_parent(&mut self, from: ValidatorIndex, message: &Message) {
        let (Payload::Proposal(proposal), Some(below)) =
            (&message.payload, message.height.previous())
        else {
            return;
        };
        let first = !self.waiting.iter().any(|(of, other)| {
            *of == from && other.height == message.height && other.kind() == MessageKind::Proposal
        });
        let (Some(parent), Some(open)) = (&proposal.parent, self.open.get_mut(&below)) else {
            return;
        };
        let sound = open.known.show_decision(parent).is_ok();
        let certificate = matches!(parent, Decision::Certificate(_));
        if sound && first && certificate && open.known.decided.is_none() {
            self.dues.add(
                below,
                Due::Decide {
                    hash: parent.hash(),
                },
            );
        }
    }

    /// A report of a stored height, for the end of silence.
    fn take_report(&mut self, message: &Message) {
        let Payload::RecoveryMessage(recovery) = &message.payload else {
            return;
        };
        if !self.silence.awaits(recovery.nonce) || Some(message.sender) == self.validator {
            return;
        }
        let Some(known) = self.knowledge(message.height) else {
            return;
        };
        let digest = sha256(&message.payload.to_bytes());
        let signed = known.place.recovery(message.view, &digest);
        if known
            .checker()
            .signature(message.sender, &signed, &message.signature)
        {
            self.silence.report(message.sender, recovery.stored);
        }
    }
}
