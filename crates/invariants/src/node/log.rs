//! What of a node is durable, and what it ever signed.

use std::collections::BTreeMap;

use neo_consensus::View;
use neo_consensus::v3::certificate::PreparedClaim;
use neo_consensus::v3::context::MessageKind;
use neo_consensus::v3::{Message, Payload, Record};
use neo_primitives::{Height, Signature, UInt256};

use crate::layout::justification_hash;

/// Stored heights whose votes are remembered, for a node whose store goes back.
const REMEMBERED: u32 = 100;

/// What a binding vote says, besides kind and view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    Block {
        hash: UInt256,
        justification: UInt256,
    },
    Claim(Option<PreparedClaim>),
}

/// A binding vote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Vote {
    pub(crate) kind: MessageKind,
    pub(crate) view: View,
    pub(crate) content: Content,
    pub(crate) signature: Signature,
}

impl Vote {
    /// The vote in a message; `None` when the message binds nothing.
    pub(crate) fn of(message: &Message) -> Option<Self> {
        let block = |hash: UInt256, justification: UInt256| Content::Block {
            hash,
            justification,
        };
        let content = match &message.payload {
            Payload::Proposal(proposal) => block(
                proposal.header.hash(),
                justification_hash(proposal.justification.as_ref()),
            ),
            Payload::Prepare {
                hash,
                justification,
            } => block(*hash, *justification),
            Payload::PreCommit { hash } | Payload::Commit { hash } => block(*hash, UInt256::ZERO),
            Payload::ChangeView(change) => Content::Claim(change.claim),
            Payload::Suspect | Payload::RecoveryRequest(_) | Payload::RecoveryMessage(_) => {
                return None;
            }
        };
        let (kind, view, signature) = (message.kind(), message.view, message.signature);
        Some(Self {
            kind,
            view,
            content,
            signature,
        })
    }

    /// Whether both are of one kind and view.
    fn rivals(&self, kind: MessageKind, view: View) -> bool {
        self.kind == kind && self.view == view
    }
}

/// Votes of one height that a validator ever signed, over all its lives.
#[derive(Clone, Debug, Default)]
pub(crate) struct Signed {
    votes: Vec<Vote>,
    /// Highest view asked for.
    pub(crate) asked: View,
}

impl Signed {
    pub(crate) fn find(&self, kind: MessageKind, view: View) -> Option<&Vote> {
        self.votes.iter().find(|vote| vote.rivals(kind, view))
    }

    pub(crate) fn add(&mut self, vote: Vote) {
        if vote.kind == MessageKind::ChangeView {
            self.asked = self.asked.max(vote.view);
        }
        self.votes.push(vote);
    }
}

/// All that a validator ever signed.
#[derive(Clone, Debug, Default)]
pub(crate) struct History(BTreeMap<Height, Signed>);

impl History {
    pub(crate) fn at(&mut self, height: Height) -> &mut Signed {
        self.0.entry(height).or_default()
    }

    /// The greatest height it voted at.
    pub(crate) fn highest(&self) -> Option<Height> {
        self.0.keys().next_back().copied()
    }

    pub(crate) fn forget(&mut self, stored: Height) {
        let lowest = Height(stored.0.saturating_sub(REMEMBERED));
        while self
            .0
            .first_key_value()
            .is_some_and(|(height, _)| *height < lowest)
        {
            self.0.pop_first();
        }
    }
}

/// What the vote log has of one height.
#[derive(Clone, Debug, Default)]
pub(crate) struct HeightLog {
    own: Vec<Vote>,
    pub(crate) bodies: Vec<UInt256>,
    pub(crate) prepared: Vec<(View, UInt256)>,
    pub(crate) view_changes: Vec<View>,
    /// Hashes of those certificates, as Proposal and Prepare sign them.
    pub(crate) justifications: Vec<UInt256>,
    pub(crate) decisions: Vec<UInt256>,
}

impl HeightLog {
    pub(crate) fn has(&self, vote: &Vote) -> bool {
        self.own.iter().any(|own| own == vote)
    }

    pub(crate) fn votes(&self) -> &[Vote] {
        &self.own
    }

    /// The PC of the highest view.
    pub(crate) fn highest(&self) -> Option<(View, UInt256)> {
        self.prepared.iter().copied().max_by_key(|held| held.0)
    }

    /// The view that the certificates put the node in.
    pub(crate) fn view(&self) -> View {
        let prepared = self.prepared.iter().map(|held| held.0);
        let view_changes = self.view_changes.iter().copied();
        prepared.chain(view_changes).max().unwrap_or(View::ZERO)
    }

    /// Whether a certificate by which this view is entered is durable.
    pub(crate) fn entered(&self, view: View) -> bool {
        view == View::ZERO
            || self.view_changes.contains(&view)
            || self.prepared.iter().any(|held| held.0 == view)
    }

    fn add(&mut self, record: &Record) {
        match record {
            Record::Own(message) => self.own.extend(Vote::of(message)),
            Record::Body(body) => {
                let hash = body.hash();
                if !self.bodies.contains(&hash) {
                    self.bodies.push(hash);
                }
            }
            Record::Prepared { certificate, .. } => {
                self.prepared.push((certificate.view, certificate.hash));
            }
            Record::ViewChange { certificate, .. } => {
                self.view_changes.push(certificate.view);
                self.justifications
                    .push(justification_hash(Some(certificate)));
            }
            Record::Decision { decision, .. } => self.decisions.push(decision.hash()),
            Record::Silenced | Record::Resumed { .. } | Record::Forgotten { .. } => {}
        }
    }
}

/// The vote log as far as it is durable, above the stored height.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log(BTreeMap<Height, HeightLog>);

impl Log {
    pub(crate) fn add(&mut self, record: &Record) {
        if let Some(height) = record.height() {
            self.0.entry(height).or_default().add(record);
        }
    }

    pub(crate) fn at(&self, height: Height) -> Option<&HeightLog> {
        self.0.get(&height)
    }

    pub(crate) fn forget(&mut self, stored: Height) {
        while self
            .0
            .first_key_value()
            .is_some_and(|(height, _)| *height < stored)
        {
            self.0.pop_first();
        }
    }

    /// The greatest height above `stored` of which `now` lacks something binding that this log had.
    pub(crate) fn lost_in(&self, now: &Self, stored: Height) -> Option<Height> {
        let lost = |(height, had): &(&Height, &HeightLog)| {
            let empty = HeightLog::default();
            let has = now.at(**height).unwrap_or(&empty);
            !had.own.iter().all(|vote| has.has(vote))
                || !had.prepared.iter().all(|held| has.prepared.contains(held))
                || !had
                    .view_changes
                    .iter()
                    .all(|held| has.view_changes.contains(held))
        };
        let above = self.0.iter().filter(|(height, _)| **height > stored);
        above.filter(lost).map(|(height, _)| *height).max()
    }
}
