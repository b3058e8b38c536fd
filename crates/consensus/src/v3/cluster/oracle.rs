//! What the protocol promises, checked on what leaves the nodes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use neo_primitives::{
    Height, UInt256, consensus_address, parse_multisig_script, parse_signatures, sign_data,
};

use super::ledger::{MAGIC, Schedule};
use super::toys::ToySigner;
use crate::engine::Witnessed;
use crate::v3::Signer;
use crate::v3::context::MessageKind;
use crate::v3::message::{Message, Payload};
use crate::validators::ValidatorSet;

type Content = Vec<u8>;

/// Everything honest nodes ever signed, decided or stored.
#[derive(Debug)]
pub(super) struct Oracle {
    schedule: Arc<Schedule>,
    blocks: BTreeMap<u32, UInt256>,
    signed: BTreeMap<(usize, u32, u32, MessageKind), Content>,
    left_for: BTreeMap<(usize, u32), u32>,
    prepares: BTreeMap<(u32, u32, UInt256), BTreeSet<usize>>,
    pre_commits: BTreeMap<(u32, u32, UInt256), BTreeSet<usize>>,
    /// What each justification hash prescribes: the block of its greatest claim.
    prescribed: BTreeMap<(u32, u32, UInt256), Option<UInt256>>,
    /// Nodes that may lie.
    pub(super) byzantine: BTreeSet<usize>,
}

impl Oracle {
    pub(super) fn new(schedule: Arc<Schedule>) -> Self {
        Self {
            schedule,
            blocks: BTreeMap::new(),
            signed: BTreeMap::new(),
            left_for: BTreeMap::new(),
            prepares: BTreeMap::new(),
            pre_commits: BTreeMap::new(),
            prescribed: BTreeMap::new(),
            byzantine: BTreeSet::new(),
        }
    }

    pub(super) fn validators(&self, height: Height) -> Arc<ValidatorSet> {
        self.schedule.at(height)
    }

    /// One hash per height, for ever.
    pub(super) fn agreed(&mut self, height: Height, hash: UInt256, how: &str) {
        let known = *self.blocks.entry(height.0).or_insert(hash);
        assert_eq!(known, hash, "fork at height {height}: {how}");
    }

    /// The witness of a stored block carries M signatures of its height's validators on it.
    pub(super) fn stored(&mut self, block: &Witnessed) {
        let height = block.body.header.index;
        let hash = block.body.hash();
        self.agreed(height, hash, "stored");
        let set = self.schedule.at(height);
        let (m, keys) = parse_multisig_script(&block.witness.verification).expect("multisig");
        assert_eq!(m, set.quorum());
        let expected: Vec<_> = set.keys().iter().map(|key| *key.as_bytes()).collect();
        assert_eq!(keys, expected);
        assert_eq!(consensus_address(set.keys()), self.schedule.address(height));
        let signatures = parse_signatures(&block.witness.invocation).expect("signatures");
        assert_eq!(signatures.len(), m);
        let data = sign_data(MAGIC, &hash);
        let mut keys = set.keys().iter();
        for signature in signatures {
            assert!(
                keys.any(|key| ToySigner(key.clone()).sign(&data) == signature),
                "witness of {height} holds a signature that is invalid or out of order"
            );
        }
    }

    /// A proposal that anybody sent, honest or not: what its justification prescribes.
    pub(super) fn proposed(&mut self, message: &Message) {
        let Payload::Proposal(proposal) = &message.payload else {
            return;
        };
        let mut greatest: Option<(u32, UInt256)> = None;
        let mut justification = UInt256::ZERO;
        if let Some(certificate) = &proposal.justification {
            for claim in certificate.entries.values().filter_map(|entry| entry.claim) {
                if greatest.is_none_or(|(view, _)| claim.view.0 > view) {
                    greatest = Some((claim.view.0, claim.hash));
                }
            }
            justification = certificate.justification();
        }
        let key = (message.height.0, message.view.0, justification);
        self.prescribed.insert(key, greatest.map(|(_, hash)| hash));
    }

    /// Something that an honest node sends.
    pub(super) fn sent(&mut self, node: usize, message: &Message) {
        let (height, view, kind) = (message.height.0, message.view.0, message.kind());
        let content: Content = match &message.payload {
            Payload::Proposal(proposal) => {
                self.proposed(message);
                let mut content = proposal.header.hash().as_wire().to_vec();
                if let Some(certificate) = &proposal.justification {
                    assert_eq!(certificate.view, message.view);
                    content.extend_from_slice(certificate.justification().as_wire());
                } else {
                    assert_eq!(view, 0, "a proposal of view {view} without justification");
                }
                content
            }
            Payload::Prepare {
                hash,
                justification,
            } => [hash.as_wire().as_slice(), justification.as_wire()].concat(),
            Payload::PreCommit { hash } | Payload::Commit { hash } => hash.as_wire().to_vec(),
            Payload::ChangeView(change) => format!("{:?}", change.claim).into_bytes(),
            Payload::Suspect | Payload::RecoveryRequest(_) | Payload::RecoveryMessage(_) => return,
        };
        let known = self
            .signed
            .entry((node, height, view, kind))
            .or_insert(content.clone());
        assert_eq!(
            *known, content,
            "node {node} signed two {kind:?} at {height}, view {view}"
        );
        let left = self.left_for.get(&(node, height)).copied().unwrap_or(0);
        match &message.payload {
            Payload::Proposal(proposal) => {
                assert!(view >= left, "node {node} proposes below its ChangeView");
                let hash = proposal.header.hash();
                let justification =
                    crate::v3::certificate::justification_hash(proposal.justification.as_ref());
                self.prepared(node, height, view, hash, justification);
            }
            Payload::Prepare {
                hash,
                justification,
            } => {
                assert!(view >= left, "node {node} prepares below its ChangeView");
                self.prepared(node, height, view, *hash, *justification);
            }
            Payload::PreCommit { hash } => {
                assert!(view >= left, "node {node} pre-commits below its ChangeView");
                let count = self.count(&self.prepares, height, view, hash);
                assert!(
                    count >= self.quorum(height),
                    "node {node}: PreCommit without PC"
                );
                self.pre_commits
                    .entry((height, view, *hash))
                    .or_default()
                    .insert(node);
            }
            Payload::Commit { hash } => {
                let decided = self
                    .pre_commits
                    .keys()
                    .filter(|key| key.0 == height && key.2 == *hash);
                let backed = decided
                    .map(|key| self.count(&self.pre_commits, height, key.1, hash))
                    .any(|count| count >= self.quorum(height));
                assert!(backed, "node {node} commits {hash} at {height} without CC");
                self.agreed(message.height, *hash, "committed");
            }
            Payload::ChangeView(_) => {
                self.left_for.insert((node, height), left.max(view));
            }
            _ => {}
        }
    }

    fn prepared(
        &mut self,
        node: usize,
        height: u32,
        view: u32,
        hash: UInt256,
        justification: UInt256,
    ) {
        let prescribed = self.prescribed.get(&(height, view, justification));
        let prescribed = prescribed.expect("a Prepare answers a proposal");
        assert!(
            prescribed.is_none_or(|block| block == hash),
            "node {node} prepares {hash} at {height}, view {view}, where {prescribed:?} is prescribed"
        );
        self.prepares
            .entry((height, view, hash))
            .or_default()
            .insert(node);
    }

    fn quorum(&self, height: u32) -> usize {
        self.schedule.at(Height(height)).quorum()
    }

    fn count(
        &self,
        votes: &BTreeMap<(u32, u32, UInt256), BTreeSet<usize>>,
        height: u32,
        view: u32,
        hash: &UInt256,
    ) -> usize {
        let honest = votes.get(&(height, view, *hash)).map_or(0, BTreeSet::len);
        honest + self.byzantine.len()
    }
}
