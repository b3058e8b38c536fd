//! Messages of the other validators: mostly valid, sometimes not.

use std::collections::BTreeMap;
use std::sync::Arc;

use neo_consensus::View;
use neo_consensus::index_set::IndexSet;
use neo_consensus::v3::certificate::{
    Claim, CommitCertificate, Decision, PreparedCertificate, PreparedClaim, Signatures,
    ViewChangeCertificate, ViewChangeEntry, claim_bytes, hash_and_justification,
    justification_hash,
};
use neo_consensus::v3::context::{HeightContext, MessageKind};
use neo_consensus::v3::message::{ChangeView, ChangeViewReason, RecoveryMessage, RecoveryRequest};
use neo_consensus::v3::{Message, Payload};
use neo_primitives::{BlockBody, Height, Reader, Signature, UInt256, ValidatorIndex, sign_data};

use super::world::{World, assemble};
use crate::network::{MAGIC, VALIDATORS, proposal};

impl World<'_> {
    /// A message as the input has it.
    pub(super) fn message(&mut self) -> Message {
        match self.byte() {
            0..=15 if !self.seen.is_empty() => {
                let at = self.below(self.seen.len());
                self.seen[at].clone()
            }
            16..=23 => self.raw(),
            _ => self.made(),
        }
    }

    fn somebody_else(&mut self) -> ValidatorIndex {
        let others: Vec<_> = (0..VALIDATORS)
            .map(ValidatorIndex)
            .filter(|other| Some(*other) != self.own)
            .collect();
        others[self.below(others.len())]
    }

    fn height(&mut self) -> Height {
        let (height, _) = self.engine_height();
        match self.byte() {
            0..=215 => height,
            216..=231 => Height(height.0.saturating_sub(1)),
            232..=243 => height.next(),
            244..=250 => height.next().next(),
            251..=253 => Height(height.0.saturating_add(3)),
            _ => Height(u32::MAX),
        }
    }

    fn view(&mut self) -> View {
        let (_, view) = self.engine_height();
        match self.byte() {
            0..=159 => view,
            160..=207 => View(view.0.saturating_add(1)),
            208..=223 => View(view.0.saturating_sub(1)),
            224..=239 => View(0),
            240..=247 => View(view.0.saturating_add(2)),
            248..=252 => View(view.0.saturating_add(9)),
            _ => View(u32::MAX),
        }
    }

    fn context(&mut self, height: Height) -> HeightContext {
        let parent = self.parent(height);
        let prev_hash = parent.map_or(UInt256::ZERO, |header| header.hash());
        self.network.context(height, prev_hash)
    }

    /// A block for a view: one that is known, a new one, or one that fits nowhere.
    fn block(&mut self, height: Height, view: View) -> Arc<BlockBody> {
        let parent = self
            .parent(height)
            .unwrap_or_else(|| self.tip().header.clone());
        let choice = self.byte();
        if choice < 200 {
            let known: Vec<_> = self
                .blocks
                .iter()
                .filter(|block| block.header.prev_hash == parent.hash())
                .cloned()
                .collect();
            if !known.is_empty() {
                return Arc::clone(&known[usize::from(choice) % known.len()]);
            }
        }
        let leader = self.leaders(&parent).order().leader(view);
        let primary = ValidatorIndex(leader.0 ^ u8::from(choice > 250));
        let timestamp = match choice {
            240..=243 => parent.timestamp,
            // With the keys of three validators the input can have any block certified; one at the end of
            // time leaves nothing for the next height.
            244..=247 if !self.honest_ledger => u64::MAX,
            _ => parent.timestamp.saturating_add(1),
        };
        let transactions = self.some_transactions();
        let body = assemble(&parent, primary, timestamp, u64::from(choice), transactions);
        self.learn(&body);
        body
    }

    fn sign(&mut self, sender: ValidatorIndex, preimage: &[u8]) -> Signature {
        // The input has the keys of the others; of the own one it has what the engine signed.
        if Some(sender) == self.own && !self.has_signed(preimage) {
            return Signature([1; 64]);
        }
        self.network.sign(sender, preimage)
    }

    /// M validators, the engine's own only where it signed this.
    fn quorum(&mut self, preimage: &[u8], count: usize) -> Signatures {
        let usable = self.own.filter(|_| self.has_signed(preimage));
        let left_out = self.byte();
        let signers = (0..VALIDATORS)
            .map(ValidatorIndex)
            .filter(|index| Some(*index) != self.own || usable.is_some())
            .collect::<Vec<_>>();
        let first = usize::from(left_out) % signers.len();
        let chosen = signers
            .iter()
            .cycle()
            .skip(first)
            .take(count.min(signers.len()));
        let all: BTreeMap<_, _> = chosen
            .map(|index| (*index, self.network.sign(*index, preimage)))
            .collect();
        Signatures::new(all)
    }

    fn prepared(&mut self, context: &HeightContext, view: View) -> PreparedCertificate {
        let block = self.block(context.height, view);
        let hash = block.hash();
        let justification = match view.0 {
            0 => UInt256::ZERO,
            _ => self.any_justification(),
        };
        let body = hash_and_justification(&hash, &justification);
        let preimage = context.preimage(MessageKind::Prepare, view, &body);
        let signatures = self.quorum(&preimage, 3);
        PreparedCertificate {
            view,
            hash,
            justification,
            signatures,
        }
    }

    /// J of a proposal that was seen, or of none.
    fn any_justification(&mut self) -> UInt256 {
        let of = |message: &Message| match &message.payload {
            Payload::Proposal(proposal) => {
                Some(justification_hash(proposal.justification.as_ref()))
            }
            Payload::Prepare { justification, .. } => Some(*justification),
            _ => None,
        };
        let known: Vec<_> = self.seen.iter().rev().filter_map(of).take(4).collect();
        if known.is_empty() {
            return UInt256::from_wire([5; 32]);
        }
        known[self.below(known.len())]
    }

    fn claim(
        &mut self,
        context: &HeightContext,
        below: View,
    ) -> (Claim, Option<PreparedCertificate>) {
        let Some(view) = below.0.checked_sub(1) else {
            return (None, None);
        };
        if self.byte() < 128 {
            return (None, None);
        }
        let (_, current) = self.engine_height();
        let held = self.prepared(context, View(view.min(current.0)));
        let claim = Some(PreparedClaim {
            view: held.view,
            hash: held.hash,
        });
        (claim, Some(held))
    }

    fn view_change(&mut self, context: &HeightContext, view: View) -> ViewChangeCertificate {
        let (claim, prepared) = self.claim(context, view);
        let claimers = self.byte();
        let mut entries = BTreeMap::new();
        for index in (0..VALIDATORS).map(ValidatorIndex) {
            let claimed = claim.filter(|_| entries.is_empty() || claimers >> index.0 & 1 == 1);
            let body = claim_bytes(&claimed);
            let preimage = context.preimage(MessageKind::ChangeView, view, &body);
            if entries.len() < 3 && (Some(index) != self.own || self.has_signed(&preimage)) {
                let signature = self.network.sign(index, &preimage);
                entries.insert(
                    index,
                    ViewChangeEntry {
                        claim: claimed,
                        signature,
                    },
                );
            }
        }
        ViewChangeCertificate {
            view,
            entries,
            prepared,
        }
    }

    fn decision(&mut self, context: &HeightContext, view: View) -> Decision {
        if self.byte() < 64 {
            let hash = self.block(context.height, view).hash();
            let signatures = self.quorum(&sign_data(MAGIC, &hash), 2);
            return Decision::HeaderSignatures { hash, signatures };
        }
        let prepared = self.prepared(context, view);
        let preimage = context.preimage(MessageKind::PreCommit, view, prepared.hash.as_wire());
        let signatures = self.quorum(&preimage, 3);
        let hash = prepared.hash;
        let prepared = (self.byte() < 128).then_some(prepared);
        Decision::Certificate(CommitCertificate {
            view,
            hash,
            signatures,
            prepared,
        })
    }

    fn set(&mut self) -> IndexSet {
        let bits = self.byte();
        (0..8)
            .filter(|at| bits >> at & 1 == 1)
            .map(ValidatorIndex)
            .collect()
    }

    fn payload(&mut self, context: &HeightContext, kind: MessageKind, view: View) -> Payload {
        match kind {
            MessageKind::Proposal => {
                let justification =
                    (view.0 > 0 || self.byte() > 250).then(|| self.view_change(context, view));
                let carried = justification
                    .as_ref()
                    .and_then(|held| held.greatest_claim())
                    .filter(|_| self.byte() < 240)
                    .and_then(|claim| {
                        self.blocks
                            .iter()
                            .find(|body| body.hash() == claim.hash)
                            .cloned()
                    });
                let body = carried.unwrap_or_else(|| self.block(context.height, view));
                let mut proposal = proposal(&body);
                if self.byte() > 240 {
                    proposal.transactions.push([9; 6]);
                }
                proposal.justification = justification;
                if self.byte() > 128 {
                    let below = Height(context.height.0.saturating_sub(1));
                    let parent = self.context(below);
                    proposal.parent = Some(self.decision(&parent, View(0)));
                }
                Payload::Proposal(Arc::new(proposal))
            }
            MessageKind::Prepare => {
                let hash = self.block(context.height, view).hash();
                let justification = match view.0 {
                    0 => UInt256::ZERO,
                    _ => self.any_justification(),
                };
                Payload::Prepare {
                    hash,
                    justification,
                }
            }
            MessageKind::PreCommit => Payload::PreCommit {
                hash: self.block(context.height, view).hash(),
            },
            MessageKind::Commit => Payload::Commit {
                hash: self.block(context.height, view).hash(),
            },
            MessageKind::ChangeView => {
                let (claim, prepared) = self.claim(context, view);
                let reason = ChangeViewReason::from_number(self.byte() % 6);
                let reason = reason.unwrap_or(ChangeViewReason::Timeout);
                Payload::ChangeView(Arc::new(ChangeView {
                    claim,
                    prepared,
                    reason,
                }))
            }
            MessageKind::Suspect => Payload::Suspect,
            MessageKind::RecoveryRequest => Payload::RecoveryRequest(RecoveryRequest {
                nonce: u64::from(self.byte() & 1),
                prev_hash: context.prev_hash,
                has_proposal: self.byte() & 1 == 0,
                prepares: self.set(),
                pre_commits: self.set(),
                change_views: self.set(),
                commits: self.set(),
                prepared: (self.byte() & 1 == 0).then_some(view),
                decided: self.byte() & 3 == 0,
            }),
            MessageKind::RecoveryMessage => {
                let parts = self.byte();
                let stored = self.tip().header.index;
                let view_change = (parts & 1 == 1).then(|| self.view_change(context, view));
                let prepared = (parts & 2 == 2).then(|| self.prepared(context, view));
                let decision = (parts & 12 == 12).then(|| self.decision(context, view));
                let mut messages: Vec<_> = self
                    .seen
                    .iter()
                    .rev()
                    .filter(|held| {
                        let kind = held.kind();
                        held.height == context.height
                            && kind != MessageKind::RecoveryMessage
                            && kind != MessageKind::RecoveryRequest
                    })
                    .take(usize::from(parts >> 4))
                    .cloned()
                    .collect();
                messages.reverse();
                Payload::RecoveryMessage(Arc::new(RecoveryMessage {
                    nonce: u64::from(self.byte() & 1),
                    stored,
                    view_change,
                    prepared,
                    decision,
                    messages,
                }))
            }
        }
    }

    fn made(&mut self) -> Message {
        let height = self.height();
        let context = self.context(height);
        let kind = MessageKind::ALL[self.below(8)];
        let view = match kind {
            MessageKind::ChangeView => View(self.view().0.saturating_add(1)),
            MessageKind::Commit => View(0),
            _ => self.view(),
        };
        let payload = self.payload(&context, kind, view);
        let parent = self
            .parent(height)
            .unwrap_or_else(|| self.tip().header.clone());
        let leader = self.leaders(&parent).order().leader(view);
        let sender = match kind {
            MessageKind::Proposal if Some(leader) != self.own => leader,
            _ => self.somebody_else(),
        };
        self.signed(&context, view, sender, payload)
    }

    fn signed(
        &mut self,
        context: &HeightContext,
        view: View,
        sender: ValidatorIndex,
        payload: Payload,
    ) -> Message {
        let mut message = self.network.message(context, view, sender, payload);
        if self.byte() > 250 {
            message.signature = self.sign(sender, b"something else");
        }
        if self.byte() > 253 {
            message.sender = ValidatorIndex(self.byte());
            message.signature = self.sign(message.sender, b"something else");
        }
        message
    }

    /// A payload of the input's bytes, signed all the same.
    fn raw(&mut self) -> Message {
        let height = self.height();
        let context = self.context(height);
        let view = self.view();
        let kind = MessageKind::ALL[self.below(8)];
        let length = self.below(256).min(self.input.len());
        let bytes = self.input.bytes(length).unwrap_or_default().to_vec();
        let payload = Payload::decode(&mut Reader::new(&bytes), kind, height);
        let payload = payload.unwrap_or(Payload::Suspect);
        let sender = self.somebody_else();
        self.signed(&context, view, sender, payload)
    }
}
