//! The own block and its PrepareRequest.

use std::sync::Arc;

use neo_primitives::{BlockBody, Header, Transaction, UInt256, ValidatorIndex, merkle_root};

use super::proposal::Proposal;
use super::{HeightState, V2Actions};
use crate::engine::{Notice, Now};
use crate::v2::content::{Body, PrepareRequest};
use crate::v2::message::Message;
use crate::v2::record::Record;
use crate::v2::timing;
use crate::validators::View;

impl HeightState {
    /// The block of the own ledger for this view.
    pub(in crate::v2) fn take_built(
        &mut self,
        now: Now,
        body: Arc<BlockBody>,
        actions: &mut V2Actions,
    ) {
        let header = &body.header;
        let asked = self.building && self.candidate.is_none() && !self.cast.preparation;
        let fits = header.prev_hash == self.info.parent_hash
            && header.index == self.height()
            && Some(header.primary_index) == self.own()
            && self.is_primary();
        if !asked || !fits || self.view_changing() || self.sent {
            return;
        }
        let body = self.without_rejected(body);
        let request = PrepareRequest {
            version: body.header.version,
            prev_hash: body.header.prev_hash,
            timestamp: body.header.timestamp,
            nonce: body.header.nonce,
            hashes: body.transaction_hashes(),
        };
        self.cast.preparation = true;
        self.candidate = Some(Arc::clone(&body));
        actions.persist.push(Record::Body(body));
        self.draft(Body::PrepareRequest(request), actions);
        let after = timing::after_request(self.unit, self.view);
        self.set_timer(now, after, actions);
    }

    /// Without the transactions that more than f validators rejected at this height.
    fn without_rejected(&self, body: Arc<BlockBody>) -> Arc<BlockBody> {
        let votes_against = |hash: &UInt256| {
            let all = self.change_views.values();
            let rejects = |message: &&Message| match &message.content().body {
                Body::ChangeView(change) => {
                    let rejected = change.rejected.as_ref();
                    rejected.is_some_and(|rejected| rejected.contains(hash))
                }
                _ => false,
            };
            all.filter(rejects).count()
        };
        let stays =
            |transaction: &&Arc<Transaction>| votes_against(&transaction.hash()) <= self.faulty();
        let transactions: Vec<_> = body.transactions.iter().filter(stays).cloned().collect();
        if transactions.len() == body.transactions.len() {
            return body;
        }
        let hashes: Vec<_> = transactions.iter().map(|tx| tx.hash()).collect();
        let header = Header {
            merkle_root: merkle_root(&hashes),
            ..body.header
        };
        Arc::new(BlockBody {
            header,
            transactions,
        })
    }

    pub(super) fn take_own_request(
        &mut self,
        now: Now,
        own: ValidatorIndex,
        message: Message,
        actions: &mut V2Actions,
    ) {
        let Some(body) = self.candidate.take() else {
            return;
        };
        self.prepared_at = Some(now.monotonic);
        let hashes = body.transaction_hashes();
        let mut proposal = Proposal::new(message.clone(), body.header, hashes).with_body(body);
        proposal.durable = true;
        self.note_proposal(&proposal, actions);
        self.proposal = Some(proposal);
        self.adopt(own, message, actions);
        self.check(actions);
    }

    pub(super) fn note_proposal(&self, proposal: &Proposal, actions: &mut V2Actions) {
        actions.notices.push(Notice::Proposed {
            height: self.height(),
            view: View(u32::from(self.view)),
            hash: proposal.hash,
        });
    }

    /// The header that follows from a PrepareRequest of the current view.
    pub(super) fn header_of(&self, request: &PrepareRequest) -> Header {
        Header {
            version: request.version,
            prev_hash: request.prev_hash,
            merkle_root: merkle_root(&request.hashes),
            timestamp: request.timestamp,
            nonce: request.nonce,
            index: self.height(),
            primary_index: self.primary(),
            next_consensus: self.info.next_consensus,
        }
    }
}
