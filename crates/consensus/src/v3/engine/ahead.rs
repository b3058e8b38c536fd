//! The next leader builds at PC(h) and proposes at CC(h) (protocol section 10).

use std::sync::Arc;
use std::time::Duration;

use neo_primitives::{BlockBody, Header, UInt256, ValidatorIndex, consensus_address};

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
        let Some(state) = self
            .open
            .back()
            .filter(|state| state.next_is_due(now, self.performance.build_lead()))
        else {
            return;
        };
        let set = &state.info.validators;
        let limit = self.max_transactions(state.info.limits.max_transactions);
        let next = state.info.leaders.after(&header, set.len(), false);
        let leader = next.order().leader(View::ZERO);
        let own = self.settings.own.as_ref().and_then(|key| set.index_of(key));
        // Who votes next is known before the ledger says so only when nobody changes.
        if own != Some(leader) || header.next_consensus != consensus_address(set.keys()) {
            return;
        }
        let until_due = state.until_next_is_due(now);
        self.ahead = Some(Ahead {
            parent,
            candidate: None,
        });
        let order = BuildOrder {
            parent,
            header: &header,
            primary: leader,
            until_due,
            max_transactions: limit,
        };
        actions.ledger.push(order.request(now));
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

/// What a leader asks its ledger for.
pub(in crate::v3) struct BuildOrder<'a> {
    pub(in crate::v3) parent: UInt256,
    /// Header of the parent.
    pub(in crate::v3) header: &'a Header,
    pub(in crate::v3) primary: ValidatorIndex,
    /// How long until the block is proposed: that moment is its timestamp.
    pub(in crate::v3) until_due: Duration,
    pub(in crate::v3) max_transactions: u32,
}

impl BuildOrder<'_> {
    /// An honest leader's request for its block: the timestamp is `max(now, parent + 1)`.
    pub(in crate::v3) fn request(&self, now: Now) -> LedgerAction {
        let until_due = u64::try_from(self.until_due.as_millis()).unwrap_or(u64::MAX);
        let proposed = now.wall_ms.saturating_add(until_due);
        LedgerAction::Build {
            parent: self.parent,
            primary: self.primary,
            timestamp: proposed.max(self.header.timestamp.saturating_add(1)),
            nonce: now.entropy,
            max_transactions: self.max_transactions,
        }
    }
}
