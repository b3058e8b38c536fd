//! PrepareRequest and PrepareResponse.

use std::sync::Arc;

use neo_primitives::{
    BlockBody, Header, Transaction, UInt256, ValidatorIndex, has_duplicates, merkle_root,
};

use super::proposal::{Check, Proposal};
use super::{HeightState, V2Actions};
use crate::engine::{Fetch, LedgerAction, Notice, Now, TransactionIds};
use crate::v2::content::{Body, PrepareRequest, Reason};
use crate::v2::message::Message;
use crate::v2::record::Record;
use crate::v2::timing;
use crate::v2::verify::VerifyJob;
use crate::validators::View;

/// A proposal's timestamp is at most this many T ahead of the own clock, as in C#.
const MAX_AHEAD: u64 = 8;
/// What a PrepareRequest or a PrepareResponse adds to the view.
const PREPARATION: u32 = 2;

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

    fn note_proposal(&self, proposal: &Proposal, actions: &mut V2Actions) {
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

    pub(super) fn take_request(&mut self, now: Now, message: Message, actions: &mut V2Actions) {
        let Body::PrepareRequest(request) = &message.content().body else {
            return;
        };
        let primary = self.primary();
        if self.proposal.is_some() || self.candidate.is_some() || self.not_accepting() {
            return;
        }
        if message.validator() != primary || message.view() != self.view {
            return;
        }
        if let Some(problem) = self.problem_of(now, request) {
            actions.notices.push(Notice::BlockRefused {
                height: self.height(),
                hash: message.hash(),
                problem,
            });
            return;
        }
        // A primary that contradicts what this node has prepared already gets no second answer.
        let own = self.own().and_then(|own| self.preparations.get(&own));
        if own.is_some_and(|own| !names(own, &message.hash())) {
            return;
        }
        self.extend_timer(now, PREPARATION, actions);
        self.prepared_at = Some(now.monotonic);
        self.lingers = false;
        // What this node proposed before a restart is its preparation.
        self.cast.preparation |= self.is_primary();
        let header = self.header_of(request);
        let proposal = Proposal::new(message.clone(), header, request.hashes.clone());
        self.note_proposal(&proposal, actions);
        let (hash, hashes) = (proposal.hash, proposal.hashes.clone());
        self.proposal = Some(proposal);
        self.adopt(primary, message, actions);
        if hashes.is_empty() {
            self.check(actions);
        } else {
            let ids = TransactionIds::Full(hashes);
            actions.ledger.push(LedgerAction::Lookup { hash, ids });
        }
    }

    /// What is wrong with a PrepareRequest whatever its transactions are; C# passes over such a one.
    fn problem_of(&self, now: Now, request: &PrepareRequest) -> Option<String> {
        let parent = &self.info.parent;
        if request.version != 0 {
            return Some(format!("version {}, expected 0", request.version));
        }
        if request.prev_hash != self.info.parent_hash {
            let expected = self.info.parent_hash;
            return Some(format!("on {}, expected {expected}", request.prev_hash));
        }
        let limit = self.info.limits.max_transactions;
        if u32::try_from(request.hashes.len()).map_or(true, |count| count > limit) {
            let count = request.hashes.len();
            return Some(format!("{count} transactions, the limit is {limit}"));
        }
        if has_duplicates(&request.hashes) {
            return Some("a transaction is there twice".to_owned());
        }
        let ahead = u64::try_from(self.unit.as_millis()).unwrap_or(u64::MAX);
        let latest = now.wall_ms.saturating_add(ahead.saturating_mul(MAX_AHEAD));
        let (timestamp, after) = (request.timestamp, parent.timestamp);
        if timestamp <= after || timestamp > latest {
            return Some(format!(
                "timestamp {timestamp}, expected above {after} and at most {latest}"
            ));
        }
        None
    }

    /// The proposal is known: what names another goes, and Commits that came before it are checked.
    fn adopt(&mut self, primary: ValidatorIndex, message: Message, actions: &mut V2Actions) {
        let hash = message.hash();
        let own = self.own();
        self.preparations
            .retain(|index, held| Some(*index) == own || names(held, &hash));
        self.preparations.insert(primary, message);
        self.check_commits(actions);
    }

    /// Has the Commits of this view checked that came before its header was known.
    pub(super) fn check_commits(&self, actions: &mut V2Actions) {
        let Some(header) = self.block() else { return };
        let view = self.view;
        let waiting = self.commits.values();
        let waiting = waiting.filter(|held| held.signs.is_none() && held.message.view() == view);
        let commits: Vec<_> = waiting.map(|held| held.message.clone()).collect();
        if !commits.is_empty() {
            let anybody = self.anybody.clone();
            let job = VerifyJob::commits(&self.context, anybody, commits, header);
            actions.verify.push(job);
        }
    }

    pub(super) fn take_response(&mut self, now: Now, message: Message, actions: &mut V2Actions) {
        let validator = message.validator();
        let fits = message.view() == self.view && validator != self.primary();
        if !fits || self.preparations.contains_key(&validator) || self.not_accepting() {
            return;
        }
        let known = self.proposal.as_ref().map(|held| held.message.hash());
        if known.is_some_and(|known| !names(&message, &known)) {
            return;
        }
        if self.own() == Some(validator) {
            // Found again in another's RecoveryMessage.
            self.cast.preparation = true;
        }
        self.extend_timer(now, PREPARATION, actions);
        self.preparations.insert(validator, message);
    }

    /// The ledger's answer to the lookup.
    pub(in crate::v2) fn take_found(
        &mut self,
        hash: &UInt256,
        transactions: Vec<Option<Arc<Transaction>>>,
        actions: &mut V2Actions,
    ) {
        let numbered = transactions.into_iter().enumerate();
        let found = numbered.filter_map(|(position, held)| Some((position, held?)));
        self.take_transactions(hash, found, actions);
        self.fetch_missing(actions);
    }

    /// Transactions by position, from wherever.
    pub(in crate::v2) fn take_transactions(
        &mut self,
        hash: &UInt256,
        transactions: impl IntoIterator<Item = (usize, Arc<Transaction>)>,
        actions: &mut V2Actions,
    ) {
        let Some(proposal) = self.proposal.as_mut().filter(|held| held.hash == *hash) else {
            return;
        };
        for (position, transaction) in transactions {
            proposal.insert(position, transaction);
        }
        proposal.complete();
        self.check(actions);
    }

    /// Asks those who have prepared the block for what is missing of it.
    pub(in crate::v2) fn fetch_missing(&self, actions: &mut V2Actions) {
        let Some(proposal) = self.proposal.as_ref().filter(|held| held.is_missing()) else {
            return;
        };
        let positions = proposal.missing();
        let primary = self.primary();
        let others = self.preparations.keys().filter(|index| **index != primary);
        let from = std::iter::once(&primary).chain(others);
        let from = from.filter(|index| Some(**index) != self.own());
        let from = from.filter_map(|index| self.info.validators.key(*index).cloned());
        if !positions.is_empty() {
            actions.fetch.push(Fetch::Transactions {
                hash: proposal.hash,
                positions,
                from: from.collect(),
            });
        }
    }

    /// Lets the ledger check the block, once.
    pub(super) fn check(&mut self, actions: &mut V2Actions) {
        let Some(proposal) = &mut self.proposal else {
            return;
        };
        let Some(body) = proposal.body().cloned() else {
            return;
        };
        if proposal.check == Check::Unasked {
            proposal.check = Check::Asked { fresh: true };
            actions
                .ledger
                .push(LedgerAction::Check { body, fresh: true });
        }
    }

    /// The ledger's answer to a check.
    pub(in crate::v2) fn take_checked(
        &mut self,
        now: Now,
        hash: &UInt256,
        result: Result<(), String>,
        actions: &mut V2Actions,
    ) {
        let limits = self.info.limits;
        let height = self.height();
        let Some(proposal) = self.proposal.as_mut().filter(|held| held.hash == *hash) else {
            return;
        };
        let Check::Asked { fresh } = proposal.check else {
            return;
        };
        let Err(problem) = result else {
            proposal.check = Check::Passed { fresh };
            return;
        };
        proposal.check = Check::Refused;
        let hash = *hash;
        if !fresh {
            actions.notices.push(Notice::LedgerDisagrees {
                height,
                hash,
                problem,
            });
            return;
        }
        actions.notices.push(Notice::BlockRefused {
            height,
            hash,
            problem,
        });
        let reason = if proposal.fits(&limits) {
            Reason::TransactionInvalid
        } else {
            Reason::BlockRejectedByPolicy
        };
        if !self.commit_sent() && !self.view_changing() {
            self.request_change_view(now, reason, actions);
        }
    }

    pub(super) fn try_respond(&mut self, now: Now, actions: &mut V2Actions) {
        if self.voice.is_none() || self.cast.preparation || self.is_primary() {
            return;
        }
        let Some(proposal) = &mut self.proposal else {
            return;
        };
        if proposal.check != (Check::Passed { fresh: true }) {
            return;
        }
        let preparation = proposal.message.hash();
        if self.commit_sent() || self.not_accepting() {
            return;
        }
        self.extend_timer(now, PREPARATION, actions);
        self.cast.preparation = true;
        self.draft(Body::PrepareResponse { preparation }, actions);
    }
}

/// Whether a preparation is for this PrepareRequest.
pub(super) fn names(preparation: &Message, request: &UInt256) -> bool {
    match preparation.content().body {
        Body::PrepareResponse { preparation } => preparation == *request,
        Body::PrepareRequest(_) => preparation.hash() == *request,
        _ => false,
    }
}
