//! What may have reached a validator, and what must have.

use std::collections::{BTreeMap, BTreeSet};

use neo_consensus::v2::{Body, Content, Kind, Message};
use neo_primitives::{Height, Signature, ValidatorIndex};

use super::payload;
use crate::observation::Setup;

/// Heights above the stored one of which Commits are remembered.
const AHEAD: u32 = 4;

/// What was delivered to one node in one life.
#[derive(Clone, Debug, Default)]
pub(super) struct Heard {
    /// Greatest stored height.
    pub(super) stored: Height,
    /// The open height; none before the first.
    pub(super) open: Option<Height>,
    /// Commits whose envelope is good, whatever header they sign: by height, view and validator.
    commits: BTreeMap<Height, BTreeMap<(u8, ValidatorIndex), Signature>>,
    /// Those of them that came in envelopes of their own and were handled, in the open height.
    settled: BTreeSet<(Height, u8, ValidatorIndex)>,
    waiting: BTreeSet<(Height, u8, ValidatorIndex)>,
    /// Greatest height at which a validator was heard directly, as far as that was handled.
    seen: BTreeMap<ValidatorIndex, Height>,
    waiting_seen: BTreeSet<ValidatorIndex>,
    /// Below the first height of this life: nobody is taken for lost because of what was before.
    below: Height,
}

impl Heard {
    /// A height opens.
    pub(super) fn opened(&mut self, height: Height) {
        if self.open.is_none() {
            self.below = height.previous().unwrap_or_default();
        }
        self.open = Some(height);
    }

    /// A node stored this height.
    pub(super) fn stored(&mut self, height: Height) {
        self.stored = self.stored.max(height);
        // The Commits of the block itself are still needed: its witness is judged when it is stored.
        self.commits.retain(|at, _| at.0 >= height.0);
        self.settled.retain(|(at, _, _)| at.0 >= height.0);
        self.waiting.retain(|(at, _, _)| at.0 >= height.0);
    }

    fn commit(&mut self, content: &Content) {
        if let Body::Commit { signature } = content.body {
            let place = (content.view, content.validator);
            let at = self.commits.entry(content.height).or_default();
            at.entry(place).or_insert(signature);
        }
    }

    /// The vote log brings messages back that were believed once.
    pub(super) fn restored(&mut self, messages: &[Message]) {
        for message in messages {
            self.commit(message.content());
        }
    }

    /// The engine was handed a message.
    pub(super) fn delivered(&mut self, message: &Message, setup: &Setup) {
        let height = message.height();
        let near = height > self.stored && height.0 <= self.stored.0.saturating_add(AHEAD);
        if !near || !payload::is_signed(message, setup) {
            return;
        }
        let open = self.open == Some(height);
        if open {
            self.waiting_seen.insert(message.validator());
        }
        self.commit(message.content());
        if open && message.kind() == Kind::Commit {
            self.waiting
                .insert((height, message.view(), message.validator()));
        }
        if let Body::RecoveryMessage(recovery) = &message.content().body {
            for compact in &recovery.commits {
                for view in [compact.view, message.view()] {
                    let content = Content {
                        height,
                        validator: compact.validator,
                        view,
                        body: Body::Commit {
                            signature: compact.signature,
                        },
                    };
                    if payload::is_part_signed(&content, &compact.invocation, setup) {
                        self.commit(&content);
                    }
                }
            }
        }
    }

    /// All consequences of what was delivered have been handled.
    pub(super) fn settled(&mut self) {
        self.settled.append(&mut self.waiting);
        let Some(open) = self.open else { return };
        for validator in std::mem::take(&mut self.waiting_seen) {
            self.seen.insert(validator, open);
        }
    }

    /// Everything volatile is gone.
    pub(super) fn forget(&mut self) {
        *self = Self {
            stored: self.stored,
            ..Self::default()
        };
    }

    /// Commits of a view that may have reached the node.
    pub(super) fn commits(
        &self,
        height: Height,
        view: u8,
    ) -> impl Iterator<Item = (ValidatorIndex, &Signature)> {
        let at = self.commits.get(&height).into_iter().flatten();
        at.filter(move |((of, _), _)| *of == view)
            .map(|((_, validator), signature)| (*validator, signature))
    }

    /// Commits that the node must know of by now, with their views.
    pub(super) fn known(&self, height: Height) -> BTreeSet<(u8, ValidatorIndex)> {
        let settled = self.settled.iter().filter(|(at, _, _)| *at == height);
        settled
            .map(|(_, view, validator)| (*view, *validator))
            .collect()
    }

    /// Most validators that the node may take for committed or lost.
    pub(super) fn committed_or_lost(&self, height: Height, setup: &Setup) -> usize {
        let committed = self.commits.get(&height).into_iter().flatten();
        let committed: BTreeSet<_> = committed.map(|((_, validator), _)| *validator).collect();
        let below = height.previous().unwrap_or_default();
        let lost = |index: &ValidatorIndex| {
            let seen = self.seen.get(index).copied().unwrap_or(self.below);
            seen < below && !committed.contains(index)
        };
        committed.len() + setup.validators.indexes().filter(lost).count()
    }
}
