//! PrepareRequests of others, and PrepareResponses.

use neo_primitives::{UInt256, ValidatorIndex, has_duplicates};

use super::proposal::{Check, Proposal};
use super::{HeightState, V2Actions};
use crate::engine::{LedgerAction, Notice, Now, TransactionIds};
use crate::v2::content::{Body, PrepareRequest};
use crate::v2::message::Message;
use crate::v2::verify::VerifyJob;

/// A proposal's timestamp is at most this many T ahead of the own clock, as in C#.
const MAX_AHEAD: u64 = 8;
/// What a PrepareRequest or a PrepareResponse adds to the view.
const PREPARATION: u32 = 2;

impl HeightState {
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
    pub(super) fn adopt(
        &mut self,
        primary: ValidatorIndex,
        message: Message,
        actions: &mut V2Actions,
    ) {
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
