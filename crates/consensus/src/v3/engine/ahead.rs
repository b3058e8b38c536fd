//! The next leader builds at PC(h) and proposes at CC(h) (protocol section 10).

use std::sync::Arc;

use neo_primitives::{BlockBody, Header, UInt256, consensus_address};

use super::{V3Actions, V3Engine};
use crate::engine::{LedgerAction, Now};
use crate::validators::View;

/// A candidate for the height after a block that is prepared and not opened yet.
#[derive(Clone, Debug, Hash)]
pub(super) struct Ahead {
    /// Hash of that block.
    pub(super) parent: UInt256,
    /// The candidate, once the ledger has built it.
    pub(super) candidate: Option<Arc<BlockBody>>,
}

impl V3Engine {
    /// Asks for the candidate of the next height as soon as its parent is prepared and executed, when
    /// this node leads that height and its block will be due at the decision.
    pub(super) fn build_ahead(&mut self, now: Now, actions: &mut V3Actions) {
        if !self.settings.executes_ahead || self.silence.is_some() {
            return;
        }
        let Some((parent, header)) = self.open.back().and_then(|state| state.likely_parent())
        else {
            return;
        };
        if self
            .ahead
            .as_ref()
            .is_some_and(|ahead| ahead.parent == parent)
        {
            return;
        }
        let Some(state) = self.open.back().filter(|state| state.next_is_due(now)) else {
            return;
        };
        let set = &state.info.validators;
        let limit = state.info.limits.max_transactions;
        let next = state.info.leaders.after(&header, set.len(), false);
        let leader = next.order().leader(View::ZERO);
        let own = self.settings.own.as_ref().and_then(|key| set.index_of(key));
        // Who votes next is known before the ledger says so only when nobody changes.
        if own != Some(leader) || header.next_consensus != consensus_address(set.keys()) {
            return;
        }
        self.ahead = Some(Ahead {
            parent,
            candidate: None,
        });
        actions
            .ledger
            .push(build(parent, &header, leader, now, limit));
    }

    /// Keeps a candidate whose height is not open yet.
    pub(super) fn keep_ahead(&mut self, body: &Arc<BlockBody>) {
        if let Some(ahead) = &mut self.ahead
            && ahead.parent == body.header.prev_hash
            && body.header.index > self.open.back().map_or(self.stored, |state| state.height())
        {
            ahead.candidate = Some(Arc::clone(body));
        }
    }
}

/// An honest leader's request for its block: the timestamp is `max(now, parent + 1)`.
pub(in crate::v3) fn build(
    parent: UInt256,
    header: &Header,
    primary: neo_primitives::ValidatorIndex,
    now: Now,
    max_transactions: u32,
) -> LedgerAction {
    let timestamp = now.wall_ms.max(header.timestamp.saturating_add(1));
    LedgerAction::Build {
        parent,
        primary,
        timestamp,
        nonce: now.entropy,
        max_transactions,
    }
}
