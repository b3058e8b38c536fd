//! What others and operators see of a height.

use std::sync::Arc;

use neo_primitives::{BlockBody, UInt256, ValidatorIndex};

use super::recovering::Requests;
use super::{HeightState, Proposal};

impl HeightState {
    /// The block of the current view, if all of it is here.
    pub(in crate::v2) fn body(&self, hash: &UInt256) -> Option<Arc<BlockBody>> {
        let proposed = self.proposal.as_ref().and_then(Proposal::body);
        let candidate = self.candidate.as_ref();
        let held = proposed.into_iter().chain(candidate);
        held.into_iter().find(|body| body.hash() == *hash).cloned()
    }

    /// Hash of the block of the current view.
    pub(in crate::v2) fn block(&self) -> Option<UInt256> {
        self.proposal.as_ref().map(|held| held.hash)
    }

    /// The transactions that the proposal names, for a driver that asks other nodes for them.
    pub(in crate::v2) fn hashes(&self, hash: &UInt256) -> Option<&[UInt256]> {
        let held = self.proposal.as_ref().filter(|held| held.hash == *hash)?;
        Some(&held.hashes)
    }

    /// What is seen of a validator: its preparation, its Commit, the view it asked for.
    pub(in crate::v2) fn seen(&self, index: ValidatorIndex) -> (bool, bool, Option<u8>) {
        let asked = self.change_views.get(&index);
        (
            self.preparations.contains_key(&index),
            self.commits.contains_key(&index),
            asked.and_then(|message| message.content().new_view()),
        )
    }

    /// What it is doing, in a word.
    pub(in crate::v2) fn phase(&self) -> &'static str {
        match &self.proposal {
            _ if self.sent => "Storing",
            _ if self.commit_sent() => "Commit",
            _ if self.view_changing() => "ViewChanging",
            None => "Initial",
            Some(held) if held.body().is_none() => "RequestReceived",
            Some(_) if self.cast.preparation => "Prepared",
            Some(_) => "Checking",
        }
    }

    /// Number of messages and transactions held.
    pub(in crate::v2) fn footprint(&self) -> usize {
        let proposal = self.proposal.as_ref().map_or(0, |held| held.hashes.len());
        let requests: usize = self.requests.values().map(Requests::len).sum();
        self.preparations.len()
            + self.commits.len()
            + self.change_views.len()
            + self.justifying.len()
            + self.later.len()
            + self.last_seen.len()
            + proposal
            + requests
    }
}
