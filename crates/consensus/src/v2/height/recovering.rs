//! RecoveryRequest and RecoveryMessage.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use neo_primitives::UInt256;

use super::{HeightState, V2Actions};
use crate::engine::Now;
use crate::v2::content::{Body, PrepareRequest};
use crate::v2::message::Message;
use crate::v2::recovery::{
    ChangeViewCompact, CommitCompact, InnerRequest, Preparation, PreparationCompact,
    RecoveryMessage,
};

/// Requests of one validator that are remembered, so that a repeated one is not answered again.
const REMEMBERED: usize = 32;
/// Requests of this node are at least this part of T apart, and so are answers to one validator.
const APART: u32 = 8;

/// The requests of one validator.
#[derive(Clone, Debug, Default)]
pub(super) struct Requests {
    hashes: VecDeque<UInt256>,
    last: Option<Duration>,
}

impl Requests {
    /// Whether a request is to be looked at: it is not a repeated one, and comes not too soon after another.
    fn is_new(&mut self, now: Now, hash: UInt256, apart: Duration) -> bool {
        let since = self.last.map(|at| now.monotonic.saturating_sub(at));
        if self.hashes.contains(&hash) || since.is_some_and(|since| since < apart) {
            return false;
        }
        self.last = Some(now.monotonic);
        self.hashes.push_back(hash);
        if self.hashes.len() > REMEMBERED {
            self.hashes.pop_front();
        }
        true
    }

    pub(super) fn len(&self) -> usize {
        self.hashes.len()
    }
}

impl HeightState {
    /// Asks everybody for what this node may have missed.
    pub(in crate::v2) fn request_recovery(&mut self, now: Now, actions: &mut V2Actions) {
        let soon = self
            .asked_recovery
            .is_some_and(|at| now.monotonic.saturating_sub(at) < self.unit / APART);
        if self.voice.is_none() || soon {
            return;
        }
        self.asked_recovery = Some(now.monotonic);
        let timestamp = now.wall_ms;
        self.draft(Body::RecoveryRequest { timestamp }, actions);
    }

    /// Answers a request: always with a Commit, otherwise as one of the f + 1 validators after the requester.
    pub(super) fn answer(&mut self, now: Now, request: &Message, actions: &mut V2Actions) {
        let validator = request.validator();
        let known = self.requests.entry(validator).or_default();
        if !known.is_new(now, request.hash(), self.unit / APART) {
            return;
        }
        let Some(own) = self.own() else { return };
        let count = self.info.validators.len();
        let after = (usize::from(own.0) + count)
            .saturating_sub(usize::from(validator.0))
            .checked_rem(count);
        let chosen = after.is_some_and(|after| (1..=self.faulty() + 1).contains(&after));
        if self.commit_sent() || chosen {
            self.send_recovery(actions);
        }
    }

    /// Sends all that this node has of its view.
    pub(super) fn send_recovery(&self, actions: &mut V2Actions) {
        if mutated!(self, NeverRecovers) {
            return;
        }
        let recovery = self.recovery();
        self.draft(Body::RecoveryMessage(recovery), actions);
    }

    fn recovery(&self) -> RecoveryMessage {
        let change_views = self.justifying.values().filter_map(|message| {
            let content = message.content();
            match &content.body {
                Body::ChangeView(change) => Some(ChangeViewCompact {
                    validator: content.validator,
                    view: content.view,
                    timestamp: change.timestamp,
                    invocation: invocation(message),
                }),
                _ => None,
            }
        });
        let preparations = self
            .preparations
            .values()
            .map(|message| PreparationCompact {
                validator: message.validator(),
                invocation: invocation(message),
            });
        let commits = self.commits.values().filter_map(|held| {
            let content = held.message.content();
            match content.body {
                Body::Commit { signature } => Some(CommitCompact {
                    view: content.view,
                    validator: content.validator,
                    signature,
                    invocation: invocation(&held.message),
                }),
                _ => None,
            }
        });
        RecoveryMessage {
            change_views: change_views.take(self.quorum()).collect(),
            preparation: self.preparation(),
            preparations: preparations.collect(),
            commits: commits.filter(|_| self.commit_sent()).collect(),
        }
    }

    /// The proposal, with its header filled in as C# wants it; without one, what most responses name.
    fn preparation(&self) -> Preparation {
        let request = self.proposal.as_ref().map(|held| held.message.content());
        if let Some(content) = request
            && let Body::PrepareRequest(request) = &content.body
        {
            return Preparation::Request(InnerRequest {
                height: content.height,
                validator: content.validator,
                view: content.view,
                request: PrepareRequest::clone(request),
            });
        }
        let mut named: BTreeMap<UInt256, usize> = BTreeMap::new();
        for message in self.preparations.values() {
            if let Body::PrepareResponse { preparation } = message.content().body {
                *named.entry(preparation).or_default() += 1;
            }
        }
        let most = named.into_iter().max_by_key(|(_, count)| *count);
        most.map_or(Preparation::Unknown, |(hash, _)| Preparation::Hash(hash))
    }
}

fn invocation(message: &Message) -> Vec<u8> {
    message.payload().witness.invocation.clone()
}
