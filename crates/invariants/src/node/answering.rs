//! Whom an honest node owes an answer for what it was shown (rules 6 and 7, and section 9).
//!
//! | who brings it       | what                                        | owed to, in whose turn                      |
//! |---------------------|---------------------------------------------|---------------------------------------------|
//! | its signer          | votes below what is known here              | the signer                                  |
//! | its signer          | a request                                   | the signer                                  |
//! | another validator   | a request of an open height                 | the signer                                  |
//! | another validator   | a request of a stored height                | the signer, in the turn of who brings it    |
//! | another validator   | anything else                               | nobody                                      |

use std::time::Duration;

use neo_consensus::View;
use neo_consensus::v3::context::MessageKind;
use neo_consensus::v3::message::RecoveryRequest;
use neo_consensus::v3::{Message, Payload};
use neo_primitives::{Encode, Height, UInt256, ValidatorIndex, sha256};

use super::Node;
use super::dues::{Asked, Due, Lagging};
use crate::certificates::Checker;
use crate::layout::Place;

/// Answers to one peer are at least 50 ms apart (protocol section 9), by a clock that may run slow.
const ANSWER_INTERVAL: Duration = Duration::from_millis(60);
/// Nonces that are remembered of one validator.
const NONCES: usize = 16;

impl Node {
    /// Who asks for a report, and with which nonce: nobody else gets it.
    pub(super) fn note_asker(&mut self, message: &Message) {
        let Payload::RecoveryRequest(request) = &message.payload else {
            return;
        };
        let nonces = self.askers.entry(message.sender).or_default();
        if request.nonce != 0 && !nonces.contains(&request.nonce) {
            if nonces.len() >= NONCES {
                nonces.remove(0);
            }
            nonces.push(request.nonce);
        }
    }

    /// Whether this validator asked with this nonce.
    pub(super) fn was_asked(&self, by: ValidatorIndex, nonce: u64) -> bool {
        nonce == 0
            || self
                .askers
                .get(&by)
                .is_some_and(|nonces| nonces.contains(&nonce))
    }

    pub(super) fn owe_answer(&mut self, at: Duration, from: ValidatorIndex, message: &Message) {
        let signer = message.sender;
        if self
            .validator
            .is_none_or(|own| own == from || own == signer)
        {
            return;
        }
        let stored = message.height <= self.engine_stored;
        let turn = if stored { from } else { signer };
        let due = |last: &Duration| at >= last.saturating_add(ANSWER_INTERVAL);
        let is_due = self.answered.get(&turn).is_none_or(due);
        let why = match &message.payload {
            Payload::RecoveryRequest(request) => self.lacks(message, request),
            _ if signer == from => self.lagging(message),
            // What one validator brings of another says nothing of where either of them is.
            _ => None,
        };
        let relayed_request = signer != from && message.kind() == MessageKind::RecoveryRequest;
        if stored && relayed_request && self.answers_for_stored() {
            // The turn is taken: nothing shows there whether its signer said it. What its bearer asked itself and
            // is still to be verified finds it taken.
            self.answered.insert(from, at);
            self.dues.pay(|_, due| match due {
                Due::Answer { to, why } => *to == from && matches!(why, Lagging::Asks(_)),
                _ => false,
            });
        }
        if let Some(why) = why.filter(|_| is_due) {
            self.dues
                .add(message.height, Due::Answer { to: signer, why });
        }
    }

    /// Whether the signer of a request is owed an answer, because there is something to tell.
    fn lacks(&self, message: &Message, request: &RecoveryRequest) -> Option<Lagging> {
        let height = message.height;
        if height <= self.engine_stored {
            let genuine = self.is_genuine(message, request.prev_hash);
            return Some(Lagging::NotStored).filter(|_| genuine && self.answers_for_stored());
        }
        let known = self.knowledge(height)?;
        if !self.is_genuine(message, known.place.prev_hash) {
            return None;
        }
        let asked = Asked {
            view: message.view,
            prepared: request.prepared,
            decided: request.decided,
            report: request.nonce != 0,
        };
        self.has_to_tell(height, &asked)
            .then_some(Lagging::Asks(asked))
    }

    /// Whether there is something to tell who asked this about an open height.
    ///
    /// A request is answered when its signature is verified, with what is known by then, so this must hold
    /// from its arrival until the node has settled: once the height is decided, certificates of its views are
    /// not told any more (section 9), and who fell silent reports nothing.
    pub(super) fn has_to_tell(&self, height: Height, asked: &Asked) -> bool {
        let Some(known) = self.knowledge(height) else {
            return false;
        };
        if asked.report && self.silence.forbids(height).is_none() {
            return true;
        }
        if known.decided.is_some() {
            return !asked.decided;
        }
        let log = self.log.at(height);
        let entered = log.and_then(|log| log.view_changes.iter().max());
        let held = log.and_then(|log| log.highest()).map(|held| held.0);
        entered.is_some_and(|view| *view > asked.view) || held > asked.prepared
    }

    /// Whether a request has the signature of its sender.
    fn is_genuine(&self, message: &Message, prev_hash: UInt256) -> bool {
        let open = self.open.values().next_back();
        open.is_some_and(|open| {
            let info = &open.known.info;
            let place = Place {
                magic: info.magic,
                prev_hash,
                height: message.height,
            };
            let checker = Checker {
                place,
                validators: &info.validators,
            };
            let signed = place.request(message.view, &sha256(&message.payload.to_bytes()));
            checker.signature(message.sender, &signed, &message.signature)
        })
    }

    /// Whether a vote shows that its sender is behind what is known here.
    fn lagging(&self, message: &Message) -> Option<Lagging> {
        let (height, kind) = (message.height, message.kind());
        if height <= self.engine_stored {
            let asks = kind == MessageKind::ChangeView;
            return Some(Lagging::NotStored).filter(|_| asks && self.answers_for_stored());
        }
        let known = self.knowledge(height)?;
        if known.decided.is_some() {
            return Some(Lagging::Undecided).filter(|_| kind == MessageKind::ChangeView);
        }
        let busy_in = match kind {
            MessageKind::ChangeView => View(message.view.0.saturating_sub(1)),
            MessageKind::Proposal
            | MessageKind::Prepare
            | MessageKind::PreCommit
            | MessageKind::Suspect => message.view,
            _ => return None,
        };
        Some(Lagging::LowerView).filter(|_| busy_in < self.view(height))
    }

    fn answers_for_stored(&self) -> bool {
        self.open.keys().any(|open| *open > self.engine_stored)
    }
}
