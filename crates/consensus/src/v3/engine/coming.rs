//! A proposal of the height that opens next is checked before that height is open (protocol section
//! 10): its transactions come together and its block is executed on the prepared parent, so that the
//! vote follows the decision of the parent at once.

use std::sync::Arc;

use neo_primitives::{Header, Height, PublicKey, UInt256, consensus_address};

use super::{V3Actions, V3Engine};
use crate::engine::{Fetched, LedgerAction, Now};
use crate::v3::blocks::{Blocks, Check};
use crate::v3::context::MessageKind;
use crate::v3::message::{Payload, Proposal};
use crate::validators::View;

/// The block that the leader of the next height proposed. Nobody has verified its signature: it came
/// over the leader's own connection, and one is taken of a parent, so it costs what one block costs.
#[derive(Clone, Debug, Hash)]
pub(super) struct Coming {
    parent: UInt256,
    height: Height,
    hash: UInt256,
    leader: PublicKey,
    blocks: Blocks,
}

impl V3Engine {
    /// Works on the proposal of the next height while this one is prepared and not decided, or decided
    /// and not opened.
    pub(super) fn check_coming(&mut self, now: Now, actions: &mut V3Actions) {
        if !self.settings.executes_ahead {
            return;
        }
        let Some((parent, header)) = self.open.back().and_then(|state| state.likely_parent())
        else {
            self.coming = None;
            return;
        };
        if self.coming.as_ref().map(|coming| coming.parent) != Some(parent) {
            self.coming = self.find_coming(parent, &header);
        }
        let Some(coming) = &mut self.coming else {
            return;
        };
        let from = [coming.leader.clone()];
        coming.blocks.pursue(
            coming.hash,
            now.monotonic,
            &from,
            &from,
            &mut actions.ledger,
            &mut actions.fetch,
        );
        if let Some(block) = coming.blocks.get_mut(&coming.hash)
            && let (Check::Unasked, Some(body)) = (block.check, &block.body)
        {
            let body = Arc::clone(body);
            block.check = Check::Asked { fresh: true };
            actions
                .ledger
                .push(LedgerAction::Check { body, fresh: true });
        }
    }

    /// The buffered proposal of the leader that the parent's decision would make.
    fn find_coming(&self, parent: UInt256, header: &Header) -> Option<Coming> {
        let state = self.open.back()?;
        let set = &state.info.validators;
        // Who leads next is known before the ledger says so only when nobody changes.
        if header.next_consensus != consensus_address(set.keys()) {
            return None;
        }
        let next = state.info.leaders.after(header, set.len(), false);
        let index = next.order().leader(View::ZERO);
        let leader = set.key(index)?.clone();
        let height = header.index.next();
        let key = (height, leader, MessageKind::Proposal);
        let message = self.buffered.get(&key)?;
        let Payload::Proposal(proposal) = &message.payload else {
            return None;
        };
        // The rest of the header is judged when the height is open and the signature is verified.
        let fits = message.view == View::ZERO
            && message.sender == index
            && continues(proposal, parent, height);
        let limit = usize::try_from(state.info.limits.max_transactions).unwrap_or(usize::MAX);
        if !fits || proposal.transactions.len() > limit {
            return None;
        }
        let hash = proposal.header.hash();
        let mut blocks = Blocks::default();
        let ids = &proposal.transactions;
        blocks.propose(hash, proposal.header, ids, key.1.clone());
        Some(Coming {
            parent,
            height,
            hash,
            leader: key.1,
            blocks,
        })
    }

    /// What was found out about the block, for the height that opens on its parent. A refusal is void:
    /// it concerns an unverified proposal, and the height asks again.
    pub(super) fn take_coming(&mut self, parent: &UInt256) -> Option<Blocks> {
        let mut coming = self.coming.take().filter(|held| held.parent == *parent)?;
        if let Some(block) = coming.blocks.get_mut(&coming.hash)
            && matches!(block.check, Check::Refused { .. })
        {
            block.check = Check::Unasked;
        }
        Some(coming.blocks)
    }

    /// The blocks that a block belongs to when its height is not open yet.
    pub(super) fn coming_blocks(&mut self, hash: &UInt256) -> Option<&mut Blocks> {
        let coming = self.coming.as_mut().filter(|held| held.hash == *hash)?;
        Some(&mut coming.blocks)
    }

    /// The verdict of the own ledger.
    pub(super) fn coming_checked(&mut self, hash: &UInt256, accepted: bool) {
        let block = self
            .coming_blocks(hash)
            .and_then(|blocks| blocks.get_mut(hash));
        if let Some(block) = block
            && let Check::Asked { fresh } = block.check
        {
            block.check = if accepted {
                Check::Passed
            } else {
                Check::Refused { fresh }
            };
        }
    }

    /// What a fetch brought.
    pub(super) fn coming_fetched(&mut self, hash: &UInt256, fetched: &Fetched) {
        let Some(blocks) = self.coming_blocks(hash) else {
            return;
        };
        match fetched.clone() {
            Fetched::Transactions { hash, transactions } => {
                blocks.fetched_transactions(&hash, transactions);
            }
            Fetched::Hashes { hash, hashes } => blocks.fetched_hashes(&hash, hashes),
            Fetched::Body(body) => blocks.fetched_body(body),
            Fetched::Nothing { hash } => blocks.fetched_nothing(&hash),
        }
    }

    /// Number of blocks held for the next height.
    pub(super) fn coming_len(&self) -> usize {
        self.coming.as_ref().map_or(0, |coming| coming.blocks.len())
    }

    /// Forgets the block of a height that is stored.
    pub(super) fn forget_coming(&mut self, stored: Height) {
        self.coming = self.coming.take().filter(|held| held.height > stored);
    }
}

/// Whether a fresh proposal is of the height above a block.
fn continues(proposal: &Proposal, parent: UInt256, height: Height) -> bool {
    proposal.justification.is_none()
        && proposal.header.prev_hash == parent
        && proposal.header.index == height
}
