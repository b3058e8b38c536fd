//! The messages seen at recent heights, and the certificates that they make.
//!
//! Nothing here is verified: a liar has no use for that. What is kept is bounded per height, and only
//! the last heights are kept.

use std::collections::BTreeMap;
use std::sync::Arc;

use neo_consensus::View;
use neo_consensus::engine::HeightInfo;
use neo_consensus::v3::certificate::{
    CommitCertificate, Decision, PreparedCertificate, Signatures, ViewChangeCertificate,
    ViewChangeEntry, justification_hash,
};
use neo_consensus::v3::context::HeightContext;
use neo_consensus::v3::{Message, Payload};
use neo_primitives::{BlockBody, Height, PublicKey, Signature, UInt256, ValidatorIndex};

/// Heights that are remembered.
pub const KEPT_HEIGHTS: usize = 4;
/// Messages of one height that are remembered as they came.
pub const KEPT_MESSAGES: usize = 512;
/// Different blocks and views of one height whose votes are counted.
const KEPT_BALLOTS: usize = 64;
/// Certificates of one kind and height that are remembered.
const KEPT_CERTIFICATES: usize = 16;

/// Views above the highest seen one in which own messages are worth remembering.
const MAX_AHEAD: u32 = 4;

type Votes = BTreeMap<ValidatorIndex, Signature>;

/// What is known of one height.
#[derive(Clone, Debug)]
pub struct Seen {
    /// What the ledger said about it.
    pub info: HeightInfo,
    /// What its signatures cover.
    pub context: Arc<HeightContext>,
    /// Own index at this height, if a validator of it.
    pub own: Option<ValidatorIndex>,
    /// Messages as they came or left, oldest first.
    pub messages: Vec<Message>,
    /// The last fresh block of the own ledger.
    pub candidate: Option<Arc<BlockBody>>,
    prepares: BTreeMap<(View, UInt256, UInt256), Votes>,
    pre_commits: BTreeMap<(View, UInt256), Votes>,
    commits: BTreeMap<UInt256, Votes>,
    change_views: BTreeMap<View, BTreeMap<ValidatorIndex, Vec<ViewChangeEntry>>>,
    /// Prepared certificates that came whole.
    prepared: Vec<PreparedCertificate>,
    /// View-change certificates that came whole.
    view_changes: Vec<ViewChangeCertificate>,
    /// Decisions that came whole.
    decisions: Vec<Decision>,
}

impl Seen {
    fn new(info: &HeightInfo, own: &PublicKey) -> Self {
        let context = HeightContext {
            magic: info.magic,
            height: info.height,
            prev_hash: info.parent_hash,
            validators: Arc::clone(&info.validators),
        };
        Self {
            own: info.validators.index_of(own),
            info: info.clone(),
            context: Arc::new(context),
            messages: Vec::new(),
            candidate: None,
            prepares: BTreeMap::new(),
            pre_commits: BTreeMap::new(),
            commits: BTreeMap::new(),
            change_views: BTreeMap::new(),
            prepared: Vec::new(),
            view_changes: Vec::new(),
            decisions: Vec::new(),
        }
    }

    /// The quorum M.
    #[must_use]
    pub fn quorum(&self) -> usize {
        self.info.validators.quorum()
    }

    /// The highest view in which f+1 validators voted: one liar does not lead another one astray.
    #[must_use]
    pub fn view(&self) -> View {
        let mut of_sender: BTreeMap<ValidatorIndex, View> = BTreeMap::new();
        for message in &self.messages {
            if matches!(
                message.payload,
                Payload::Proposal(_) | Payload::Prepare { .. } | Payload::PreCommit { .. }
            ) {
                let highest = of_sender.entry(message.sender).or_default();
                *highest = message.view.max(*highest);
            }
        }
        let mut views: Vec<_> = of_sender.into_values().collect();
        views.sort_unstable_by(|a, b| b.cmp(a));
        let at = self.info.validators.faulty();
        views.get(at).copied().unwrap_or_default()
    }

    /// Proposals seen, in the order they came.
    pub fn proposals(&self) -> impl Iterator<Item = &Message> {
        self.messages
            .iter()
            .filter(|message| matches!(message.payload, Payload::Proposal(_)))
    }

    /// View, block and justification of everything that somebody prepared.
    pub fn ballots(&self) -> impl Iterator<Item = (View, UInt256, UInt256)> + '_ {
        self.prepares.keys().copied()
    }

    /// Prepared certificates that came whole or that the Prepares make, lowest view first.
    #[must_use]
    pub fn prepared(&self) -> Vec<PreparedCertificate> {
        let made = self
            .prepares
            .iter()
            .filter_map(|((view, hash, justification), votes)| {
                Some(PreparedCertificate {
                    view: *view,
                    hash: *hash,
                    justification: *justification,
                    signatures: quorum_of(votes, self.quorum())?,
                })
            });
        let mut all: Vec<_> = self.prepared.iter().cloned().chain(made).collect();
        all.sort_by_key(|held| (held.view, held.hash));
        all.dedup_by_key(|held| (held.view, held.hash, held.justification));
        all
    }

    /// Decisions that came whole or that the PreCommits and header signatures make.
    #[must_use]
    pub fn decisions(&self) -> Vec<Decision> {
        let certified = self.pre_commits.iter().filter_map(|((view, hash), votes)| {
            Some(Decision::Certificate(CommitCertificate {
                view: *view,
                hash: *hash,
                signatures: quorum_of(votes, self.quorum())?,
                prepared: None,
            }))
        });
        let few = self.info.validators.faulty() + 1;
        let signed = self.commits.iter().filter_map(|(hash, votes)| {
            Some(Decision::HeaderSignatures {
                hash: *hash,
                signatures: quorum_of(votes, few)?,
            })
        });
        let whole = self.decisions.iter().cloned();
        whole.chain(certified).chain(signed).collect()
    }

    /// View-change certificates of a view that came whole.
    pub fn view_changes(&self, view: View) -> impl Iterator<Item = &ViewChangeCertificate> {
        self.view_changes
            .iter()
            .filter(move |held| held.view == view)
    }

    /// ChangeViews seen for a view: per validator every entry it signed.
    #[must_use]
    pub fn change_views(&self, view: View) -> BTreeMap<ValidatorIndex, Vec<ViewChangeEntry>> {
        self.change_views.get(&view).cloned().unwrap_or_default()
    }

    /// The highest view that somebody asked for.
    #[must_use]
    pub fn asked(&self) -> View {
        self.change_views
            .last_key_value()
            .map_or(View::ZERO, |(view, _)| *view)
    }

    fn note(&mut self, message: &Message) {
        let known = matches!(message.payload, Payload::RecoveryMessage(_))
            || self.messages.contains(message);
        if !known {
            if self.messages.len() >= KEPT_MESSAGES {
                self.messages.remove(0);
            }
            self.messages.push(message.clone());
        }
        let (sender, signature) = (message.sender, message.signature);
        match &message.payload {
            Payload::Proposal(proposal) => {
                let justification = justification_hash(proposal.justification.as_ref());
                let key = (message.view, proposal.header.hash(), justification);
                vote(&mut self.prepares, key, sender, proposal.prepare);
                if let Some(certificate) = &proposal.justification {
                    self.note_view_change(certificate);
                }
            }
            Payload::Prepare {
                hash,
                justification,
            } => {
                let key = (message.view, *hash, *justification);
                vote(&mut self.prepares, key, sender, signature);
            }
            Payload::PreCommit { hash } => {
                vote(
                    &mut self.pre_commits,
                    (message.view, *hash),
                    sender,
                    signature,
                );
            }
            Payload::Commit { hash } => vote(&mut self.commits, *hash, sender, signature),
            Payload::ChangeView(change) => {
                let entry = ViewChangeEntry {
                    claim: change.claim,
                    signature,
                };
                self.note_entry(message.view, sender, entry);
                if let Some(prepared) = &change.prepared {
                    self.note_prepared(prepared);
                }
            }
            Payload::RecoveryMessage(recovery) => {
                if let Some(certificate) = &recovery.view_change {
                    self.note_view_change(certificate);
                }
                if let Some(prepared) = &recovery.prepared {
                    self.note_prepared(prepared);
                }
                if let Some(decision) = &recovery.decision {
                    keep(&mut self.decisions, decision);
                }
                for nested in &recovery.messages {
                    if !matches!(nested.payload, Payload::RecoveryMessage(_)) {
                        self.note(nested);
                    }
                }
            }
            Payload::Suspect | Payload::RecoveryRequest(_) => {}
        }
    }

    fn note_entry(&mut self, view: View, sender: ValidatorIndex, entry: ViewChangeEntry) {
        if self.change_views.len() >= KEPT_BALLOTS && !self.change_views.contains_key(&view) {
            return;
        }
        let entries = self.change_views.entry(view).or_default();
        keep(entries.entry(sender).or_default(), &entry);
    }

    fn note_prepared(&mut self, certificate: &PreparedCertificate) {
        keep(&mut self.prepared, certificate);
        let key = (
            certificate.view,
            certificate.hash,
            certificate.justification,
        );
        for (signer, signature) in certificate.signatures.iter() {
            vote(&mut self.prepares, key, signer, *signature);
        }
    }

    fn note_view_change(&mut self, certificate: &ViewChangeCertificate) {
        keep(&mut self.view_changes, certificate);
        for (sender, entry) in &certificate.entries {
            self.note_entry(certificate.view, *sender, entry.clone());
        }
        if let Some(prepared) = &certificate.prepared {
            self.note_prepared(prepared);
        }
    }
}

fn vote<K: Ord>(
    ballots: &mut BTreeMap<K, Votes>,
    key: K,
    sender: ValidatorIndex,
    signature: Signature,
) {
    if ballots.len() < KEPT_BALLOTS || ballots.contains_key(&key) {
        ballots
            .entry(key)
            .or_default()
            .entry(sender)
            .or_insert(signature);
    }
}

fn keep<T: Clone + PartialEq>(held: &mut Vec<T>, new: &T) {
    if held.len() < KEPT_CERTIFICATES && !held.contains(new) {
        held.push(new.clone());
    }
}

fn quorum_of(votes: &Votes, count: usize) -> Option<Signatures> {
    Signatures::quorum_of(votes.iter().map(|(index, vote)| (*index, *vote)), count)
}

/// What was seen at the last heights.
#[derive(Clone, Debug, Default)]
pub struct Knowledge {
    heights: BTreeMap<Height, Seen>,
}

impl Knowledge {
    /// A remembered height.
    #[must_use]
    pub fn at(&self, height: Height) -> Option<&Seen> {
        self.heights.get(&height)
    }

    /// The highest open height.
    #[must_use]
    pub fn latest(&self) -> Option<&Seen> {
        self.heights.last_key_value().map(|(_, seen)| seen)
    }

    /// The remembered heights, lowest first.
    pub fn heights(&self) -> impl DoubleEndedIterator<Item = &Seen> {
        self.heights.values()
    }

    pub(crate) fn open(&mut self, info: &HeightInfo, own: &PublicKey) {
        let known = self.heights.get(&info.height);
        if known.is_some_and(|seen| seen.info.parent_hash == info.parent_hash) {
            return;
        }
        self.heights.insert(info.height, Seen::new(info, own));
        if self.heights.len() > KEPT_HEIGHTS {
            self.heights.pop_first();
        }
    }

    pub(crate) fn built(&mut self, body: &Arc<BlockBody>) {
        if let Some(seen) = self.heights.get_mut(&body.header.index) {
            seen.candidate = Some(Arc::clone(body));
        }
    }

    /// An own message of a made-up height or view is worth nothing.
    pub(crate) fn note_own(&mut self, message: &Message) {
        if let Some(seen) = self.heights.get(&message.height)
            && seen.own == Some(message.sender)
            && message.view.0 <= seen.view().0.saturating_add(MAX_AHEAD)
        {
            self.note(message);
        }
    }

    pub(crate) fn note(&mut self, message: &Message) {
        if let Some(seen) = self.heights.get_mut(&message.height) {
            seen.note(message);
        }
    }
}
