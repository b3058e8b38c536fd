//! One height of dBFT 3.0, from the first proposal to the stored block.
//!
//! Events change what is known (votes, certificates, bodies); [`HeightState::advance`] then does all
//! that the protocol allows with it. So nothing depends on the order in which messages arrive.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use neo_primitives::{
    BlockBody, Height, PublicKey, UInt256, ValidatorIndex, multisig_script, multisig_witness,
};

use super::blocks::{Blocks, Check};
use super::certificate::{Decision, PreparedCertificate, ViewChangeCertificate};
use super::context::{HeightContext, MessageKind};
use super::engine::V3Engine;
use super::leader::LeaderOrder;
use super::message::{
    ChangeViewReason, Draft, Message, Payload, Proposal, RecoveryMessage, short_id,
};
use super::phase::{Next, Phase, Trigger, next};
use super::record::Record;
use super::safety::{
    Entitlement, HeaderProblem, Refusal, Safety, admits, check_fresh_header, justification_of,
};
use super::timing::TimerSettings;
use super::votes::{Added, Votes};
use crate::engine::{
    Actions, Fetched, HeightInfo, LedgerAction, Notice, Now, Recipient, TimerChange, TimerId,
    TimerKind, Witnessed,
};
use crate::index_set::IndexSet;
use crate::validators::View;

type V3Actions = Actions<V3Engine>;

/// Up to this many validators a ChangeView carries its certificate to everybody (protocol section 3).
const CERTIFICATES_TO_ALL: usize = 32;

/// What a height begins with.
pub(super) struct Opening {
    pub(super) info: HeightInfo,
    /// Own index, when this node votes at this height.
    pub(super) own: Option<ValidatorIndex>,
    /// Its vote log was lost: it follows, but votes nothing.
    pub(super) silent: bool,
    /// When the previous height saw its first valid proposal.
    pub(super) previous_start: Duration,
    /// What decided the previous height, for the proposal of this one.
    pub(super) parent_decision: Option<Decision>,
    pub(super) timers: TimerSettings,
}

/// One open height.
#[derive(Clone, Debug)]
pub(super) struct HeightState {
    pub(super) info: HeightInfo,
    pub(super) context: Arc<HeightContext>,
    pub(super) own: Option<ValidatorIndex>,
    /// Decided here; these sent votes of undecided validators and have not committed yet.
    pub(super) owed: IndexSet,
    /// Somebody is at a higher height already.
    pub(super) others_ahead: bool,
    pub(super) order: LeaderOrder,
    pub(super) phase: Phase,
    pub(super) safety: Safety,
    pub(super) votes: Votes,
    pub(super) blocks: Blocks,
    /// First verified proposal of each view from the current one on.
    proposals: BTreeMap<View, Message>,
    pub(super) view_change: Option<Arc<ViewChangeCertificate>>,
    pub(super) decision: Option<Decision>,
    parent_decision: Option<Decision>,
    silent: bool,
    timers: TimerSettings,
    own_change_view: Option<Message>,
    own_commit: Option<Message>,
    /// When the first valid proposal of this height was seen.
    pub(super) started: Option<Duration>,
    pub(super) opened_at: Duration,
    view_began: Duration,
    view_ends: Duration,
    expiries: u32,
    view_failed: Option<ChangeViewReason>,
    suspected: Option<View>,
    proposal_due: bool,
    building: Option<View>,
    candidate: Option<UInt256>,
    promoted: bool,
    pub(super) last_progress: Duration,
    pub(super) last_request: Option<Duration>,
    round_trip: Duration,
}

impl HeightState {
    pub(super) fn open(now: Now, opening: Opening, actions: &mut V3Actions) -> Self {
        let Opening {
            info,
            own,
            silent,
            previous_start,
            parent_decision,
            timers,
        } = opening;
        let context = Arc::new(HeightContext {
            magic: info.magic,
            height: info.height,
            prev_hash: info.parent_hash,
            validators: Arc::clone(&info.validators),
        });
        let voice = own.filter(|_| !silent);
        let order = LeaderOrder::round_robin(info.height, &info.validators);
        let at = now.monotonic;
        let ends = timers.first_deadline(at, previous_start, info.block_time, now.entropy);
        let mut state = Self {
            safety: Safety::new(Arc::clone(&context), voice),
            context,
            own,
            owed: IndexSet::default(),
            others_ahead: false,
            order,
            phase: Phase::Initialization,
            votes: Votes::default(),
            blocks: Blocks::default(),
            proposals: BTreeMap::new(),
            view_change: None,
            decision: None,
            parent_decision,
            silent,
            own_change_view: None,
            own_commit: None,
            started: None,
            opened_at: at,
            view_began: at,
            view_ends: ends,
            expiries: 0,
            view_failed: None,
            suspected: None,
            proposal_due: false,
            building: None,
            candidate: None,
            promoted: false,
            last_progress: at,
            last_request: None,
            round_trip: Duration::ZERO,
            timers,
            info,
        };
        actions.notices.push(Notice::Opened {
            height: state.info.height,
        });
        state.set_timer(TimerKind::View, Some(ends), actions);
        let resend = at.saturating_add(state.resend_after());
        state.set_timer(TimerKind::Resend, Some(resend), actions);
        if state.own == Some(state.order.leader(View::ZERO)) && !silent {
            let due = state
                .timers
                .proposal_due(at, previous_start, state.info.block_time);
            if due <= at {
                state.proposal_due = true;
            } else {
                state.set_timer(TimerKind::Propose, Some(due), actions);
            }
        }
        state
    }

    /// Begins, with what the vote log holds of this height.
    pub(super) fn begin(&mut self, now: Now, restored: Vec<Record>, actions: &mut V3Actions) {
        if restored.is_empty() && !self.silent {
            self.change_phase(Trigger::LedgerReady, now, actions);
            self.advance(now, actions);
            return;
        }
        self.change_phase(Trigger::RecoveryBegun, now, actions);
        for record in restored {
            self.restore(now, record, actions);
        }
        self.advance(now, actions);
    }

    fn restore(&mut self, now: Now, record: Record, actions: &mut V3Actions) {
        match record {
            Record::Own(message) => {
                self.safety.restore(&message);
                self.take_own(now, message, actions);
            }
            Record::Body(body) => self.blocks.insert_body(body, true),
            Record::Prepared { certificate, .. } => {
                self.safety.enter(certificate.view);
                self.safety.record_prepared(&Arc::new(certificate));
            }
            Record::ViewChange { certificate, .. } => {
                let view = certificate.view;
                self.view_change = Some(Arc::new(certificate));
                self.safety.enter(view);
                self.begin_view(now, actions);
            }
            Record::Decision { decision, .. } => {
                self.safety.record_decision(&decision);
                self.decision.get_or_insert(decision);
            }
            Record::Silenced | Record::Resumed { .. } => {}
        }
    }

    pub(super) fn height(&self) -> Height {
        self.info.height
    }

    pub(super) fn view(&self) -> View {
        self.safety.view()
    }

    pub(super) fn quorum(&self) -> usize {
        self.info.validators.quorum()
    }

    pub(super) fn leader(&self) -> ValidatorIndex {
        self.order.leader(self.view())
    }

    pub(super) fn proposal(&self) -> Option<&Message> {
        self.proposals.get(&self.view())
    }

    fn set_timer(&self, kind: TimerKind, at: Option<Duration>, actions: &mut V3Actions) {
        let id = TimerId {
            height: self.info.height,
            kind,
        };
        actions.timers.push(TimerChange { id, at });
    }

    pub(super) fn resend_after(&self) -> Duration {
        self.timers.resend_after(self.round_trip)
    }

    /// How long without progress before others are asked.
    pub(super) fn stall_after(&self) -> Duration {
        self.resend_after().saturating_mul(2)
    }

    pub(super) fn set_round_trip(&mut self, round_trip: Duration) {
        self.round_trip = round_trip;
    }

    fn change_phase(&mut self, trigger: Trigger, now: Now, actions: &mut V3Actions) -> bool {
        match next(self.phase, trigger) {
            Some(Next::Phase(phase)) => {
                self.phase = phase;
                self.last_progress = now.monotonic;
                true
            }
            Some(Next::Retired) => true,
            None => {
                let what = format!("{} on {trigger:?}", self.phase);
                let height = self.info.height;
                actions
                    .notices
                    .push(Notice::TransitionRefused { height, what });
                false
            }
        }
    }

    /// Retires the height once its block is stored.
    pub(super) fn stored(&mut self, now: Now, actions: &mut V3Actions) {
        self.change_phase(Trigger::Stored, now, actions);
        for kind in [TimerKind::Propose, TimerKind::View, TimerKind::Resend] {
            self.set_timer(kind, None, actions);
        }
    }

    // ---- facts that come in -----------------------------------------------------------------

    /// An own message that is signed and durable: it counts like those of others.
    pub(super) fn take_own(&mut self, now: Now, message: Message, actions: &mut V3Actions) {
        match &message.payload {
            Payload::Proposal(_) => return self.take_proposal(now, message, actions),
            Payload::ChangeView(change) => {
                // Above 32 validators the draft left without its certificate: the leader of the new
                // view gets it now, others when they ask.
                let mut full = message.clone();
                let held = self.safety.highest().map(|held| held.as_ref().clone());
                let backing = held.filter(|held| change.claim == Some(held.claim()));
                if let (None, Some(prepared), Payload::ChangeView(change)) =
                    (&change.prepared, backing, &mut full.payload)
                {
                    Arc::make_mut(change).prepared = Some(prepared);
                    let leader = self.info.validators.key(self.order.leader(message.view));
                    if let Some(leader) = leader {
                        actions
                            .resend
                            .push((Recipient::One(leader.clone()), full.clone()));
                    }
                }
                self.own_change_view = Some(full.clone());
                return self.take_vote(full, actions);
            }
            Payload::Commit { .. } => self.own_commit = Some(message.clone()),
            _ => {}
        }
        self.take_vote(message, actions);
    }

    /// A verified vote.
    pub(super) fn take_vote(&mut self, message: Message, actions: &mut V3Actions) {
        let resigned = message.kind() == MessageKind::ChangeView
            && message.view > self.view()
            && message.sender == self.leader()
            && Some(message.sender) != self.own;
        match self.votes.add(message, self.view(), self.safety.asked()) {
            Added::New if resigned => self.fail_view(ChangeViewReason::LeaderResigned),
            Added::New | Added::Ignored => {}
            Added::Conflict(evidence) => actions.evidence.push(*evidence),
        }
    }

    /// A verified proposal: its justification moves the view, its leader's Prepare counts.
    pub(super) fn take_proposal(&mut self, now: Now, message: Message, actions: &mut V3Actions) {
        let Payload::Proposal(proposal) = &message.payload else {
            return;
        };
        let proposal = Arc::clone(proposal);
        if let Some(certificate) = &proposal.justification {
            self.take_view_change(now, certificate.clone(), actions);
        }
        if let Some(held) = self.proposals.get(&message.view) {
            if let Some(evidence) = super::evidence::Evidence::of_two(held, &message) {
                actions.evidence.push(evidence);
                if message.view == self.view() {
                    self.fail_view(ChangeViewReason::Equivocation);
                }
            }
            return;
        }
        if message.view != self.view() || message.sender != self.order.leader(message.view) {
            return;
        }
        let hash = proposal.header.hash();
        if let Err(problem) = self.judge_header(now, message.view, &proposal, &hash) {
            let malformed = matches!(problem, HeaderProblem::Malformed { .. });
            actions.notices.push(Notice::BlockRefused {
                height: self.info.height,
                hash,
                problem: problem.to_string(),
            });
            if malformed {
                self.fail_view(ChangeViewReason::InvalidProposal);
            } else {
                self.suspect(actions);
            }
            return;
        }
        if self.started.is_none() {
            self.started = Some(now.monotonic);
            let (height, view) = (self.info.height, message.view);
            actions
                .notices
                .push(Notice::Proposed { height, view, hash });
        }
        self.last_progress = now.monotonic;
        if let Some(key) = self.info.validators.key(message.sender) {
            self.blocks
                .propose(hash, proposal.header, &proposal.transactions, key.clone());
        }
        let prepare = Message {
            signature: proposal.prepare,
            payload: Payload::Prepare {
                hash,
                justification: justification_of(&proposal),
            },
            ..message.clone()
        };
        self.proposals.insert(message.view, message);
        self.take_vote(prepare, actions);
    }

    /// Rules 3 and 4: a re-proposed header is judged by its hash only.
    fn judge_header(
        &self,
        now: Now,
        view: View,
        proposal: &Proposal,
        hash: &UInt256,
    ) -> Result<(), HeaderProblem> {
        let justification = proposal.justification.as_ref();
        if !admits(justification, hash) {
            return Err(HeaderProblem::Malformed {
                field: "hash",
                got: hash.to_string(),
                expected: "that of the greatest claim".to_owned(),
            });
        }
        let limit = usize::try_from(self.info.limits.max_transactions).unwrap_or(usize::MAX);
        if self.is_fresh(proposal) {
            if proposal.transactions.len() > limit {
                return Err(HeaderProblem::Malformed {
                    field: "number of transactions",
                    got: proposal.transactions.len().to_string(),
                    expected: format!("at most {limit}"),
                });
            }
            check_fresh_header(&proposal.header, view, &self.order, &self.info, now.wall_ms)?;
        }
        Ok(())
    }

    fn is_fresh(&self, proposal: &Proposal) -> bool {
        proposal
            .justification
            .as_ref()
            .is_none_or(|certificate| certificate.prepared.is_none())
    }

    /// A signed proposal whose justification nobody can accept.
    pub(super) fn take_malformed_proposal(
        &mut self,
        view: View,
        sender: ValidatorIndex,
        problem: String,
        actions: &mut V3Actions,
    ) {
        if view == self.view() && sender == self.leader() {
            let height = self.info.height;
            let hash = UInt256::ZERO;
            actions.notices.push(Notice::BlockRefused {
                height,
                hash,
                problem,
            });
            self.fail_view(ChangeViewReason::InvalidProposal);
        }
    }

    /// A verified view-change certificate, formed here or received.
    pub(super) fn take_view_change(
        &mut self,
        now: Now,
        certificate: ViewChangeCertificate,
        actions: &mut V3Actions,
    ) {
        if let Some(prepared) = &certificate.prepared {
            self.take_prepared(now, prepared.clone(), actions);
        }
        let held = self
            .view_change
            .as_ref()
            .map_or(View::ZERO, |held| held.view);
        if certificate.view <= held || certificate.view < self.view() || self.decision.is_some() {
            return;
        }
        let certificate = Arc::new(certificate);
        let height = self.info.height;
        actions.persist.push(Record::ViewChange {
            height,
            certificate: certificate.as_ref().clone(),
        });
        self.view_change = Some(Arc::clone(&certificate));
        self.enter_view(now, certificate.view, actions);
        // Whoever first obtains it sends it to all, once (rule 7).
        self.forward(
            Recipient::All,
            RecoveryMessage {
                nonce: 0,
                stored: self.info.height.previous().unwrap_or(Height(0)),
                view_change: Some(certificate.as_ref().clone()),
                prepared: None,
                decision: None,
                messages: Vec::new(),
            },
            actions,
        );
    }

    /// Sends a recovery message; only validators that are not silent speak.
    pub(super) fn forward(&self, to: Recipient, message: RecoveryMessage, actions: &mut V3Actions) {
        if let Some(own) = self.own {
            let payload = Payload::RecoveryMessage(Arc::new(message));
            actions
                .send
                .push((to, Draft::new(&self.context, own, self.view(), payload)));
        }
    }

    /// A verified prepared certificate, formed here or received.
    pub(super) fn take_prepared(
        &mut self,
        now: Now,
        certificate: PreparedCertificate,
        actions: &mut V3Actions,
    ) {
        let certificate = Arc::new(certificate);
        if !self.safety.record_prepared(&certificate) {
            return;
        }
        self.last_progress = now.monotonic;
        actions.persist.push(Record::Prepared {
            height: self.info.height,
            certificate: certificate.as_ref().clone(),
        });
        if certificate.view > self.view() && self.decision.is_none() {
            self.enter_view(now, certificate.view, actions);
        }
    }

    /// A verified decision, formed here or received.
    pub(super) fn take_decision(
        &mut self,
        now: Now,
        mut decision: Decision,
        actions: &mut V3Actions,
    ) {
        if self.decision.is_some() {
            return;
        }
        if let Decision::Certificate(certificate) = &mut decision {
            match &certificate.prepared {
                Some(prepared) => self.take_prepared(now, prepared.clone(), actions),
                None => {
                    let held = self.safety.highest().map(|held| held.as_ref().clone());
                    certificate.prepared = held
                        .filter(|held| {
                            held.view == certificate.view && held.hash == certificate.hash
                        })
                        .or_else(|| {
                            let quorum = self.info.validators.quorum();
                            self.votes
                                .prepared_of(certificate.view, &certificate.hash, quorum)
                        });
                }
            }
        }
        let (height, view, hash) = (self.info.height, self.view(), decision.hash());
        self.safety.record_decision(&decision);
        actions.persist.push(Record::Decision {
            height,
            decision: decision.clone(),
        });
        self.decision = Some(decision);
        self.change_phase(Trigger::Decided, now, actions);
        actions.notices.push(Notice::Decided { height, view, hash });
        self.set_timer(TimerKind::View, None, actions);
        self.set_timer(TimerKind::Propose, None, actions);
    }

    /// A candidate of the own ledger.
    pub(super) fn take_candidate(&mut self, body: Arc<BlockBody>) {
        let fits = body.header.prev_hash == self.info.parent_hash
            && body.header.index == self.info.height
            && Some(body.header.primary_index) == self.own
            && self.building == Some(self.view());
        if fits {
            self.candidate = Some(body.hash());
            self.blocks.insert_body(body, false);
        }
    }

    /// The verdict of the own ledger.
    pub(super) fn take_check(
        &mut self,
        hash: &UInt256,
        result: Result<(), String>,
        actions: &mut V3Actions,
    ) {
        let decided = self
            .decision
            .as_ref()
            .is_some_and(|decision| decision.hash() == *hash);
        let height = self.info.height;
        let Some(block) = self.blocks.get_mut(hash) else {
            return;
        };
        let Check::Asked { fresh } = block.check else {
            return;
        };
        match result {
            Ok(()) => block.check = Check::Passed,
            Err(problem) => {
                block.check = Check::Refused { fresh };
                let notice = if decided || !fresh {
                    Notice::LedgerDisagrees {
                        height,
                        hash: *hash,
                        problem,
                    }
                } else {
                    Notice::BlockRefused {
                        height,
                        hash: *hash,
                        problem,
                    }
                };
                actions.notices.push(notice);
                self.suspect(actions);
            }
        }
    }

    /// What a fetch brought.
    pub(super) fn take_fetched(&mut self, fetched: Fetched) {
        match fetched {
            Fetched::Transactions { hash, transactions } => {
                self.blocks.fetched_transactions(&hash, transactions);
            }
            Fetched::Hashes { hash, hashes } => self.blocks.fetched_hashes(&hash, hashes),
            Fetched::Body(body) => {
                self.blocks.fetched_body(body);
            }
            Fetched::Nothing { hash } => self.blocks.fetched_nothing(&hash),
        }
    }

    /// Takes the voice away: the vote log turned out to be an old copy.
    pub(super) fn silence(&mut self) {
        self.silent = true;
        self.safety.silence();
    }

    /// Whether a received message may change anything, so that its signatures are worth checking.
    pub(super) fn wants(&self, message: &Message) -> bool {
        let (kind, view) = (message.kind(), message.view);
        let decided = self.decision.as_ref().map(Decision::hash);
        let held = self.votes.held(kind, view, message.sender);
        let contradicts =
            || held.is_some_and(|held| super::evidence::Evidence::of_two(held, message).is_some());
        match &message.payload {
            Payload::RecoveryRequest(_) | Payload::RecoveryMessage(_) => true,
            Payload::Commit { hash } => {
                let quorum = self.quorum();
                let enough = self.votes.header_signatures(quorum).is_some();
                let other = decided.is_some_and(|decided| decided != *hash);
                (held.is_none() && (!enough || other)) || contradicts()
            }
            _ if decided.is_some() => false,
            Payload::Proposal(_) => {
                view >= self.view()
                    && message.sender == self.order.leader(view)
                    && self.proposals.get(&view).is_none_or(|known| {
                        super::evidence::Evidence::of_two(known, message).is_some()
                    })
            }
            Payload::Prepare { .. } => {
                let certified = self.safety.highest().is_some_and(|pc| pc.view >= view);
                (held.is_none() && !certified) || contradicts()
            }
            Payload::ChangeView(change) => {
                let entered = self.view_change.as_ref().is_some_and(|tc| tc.view >= view);
                let unbacked = |held: &Message| match &held.payload {
                    Payload::ChangeView(held) => held.claim.is_some() && held.prepared.is_none(),
                    _ => false,
                };
                let news = held.is_none_or(|held| unbacked(held) && change.prepared.is_some());
                (!entered && view >= self.view() && news) || contradicts()
            }
            Payload::PreCommit { .. } | Payload::Suspect => held.is_none() || contradicts(),
        }
    }

    /// Whether something that others may have is missing here. A backup that waits for the first
    /// proposal of a height is in no such need: only the leader's time has not come.
    pub(super) fn misses_something(&self) -> bool {
        match self.phase {
            Phase::Initialization | Phase::BlockPersistence => false,
            Phase::PrePrepare => {
                let view = self.view();
                let voted = self.votes.voters(MessageKind::Prepare, view) != IndexSet::default();
                self.safety.asked() > view
                    || view > View::ZERO
                    || self.proposal().is_some()
                    || voted
            }
            Phase::Prepare | Phase::PreCommit | Phase::Commit | Phase::Recovery => true,
        }
    }

    // ---- views ------------------------------------------------------------------------------

    fn enter_view(&mut self, now: Now, view: View, actions: &mut V3Actions) {
        if view <= self.view() {
            return;
        }
        self.safety.enter(view);
        self.change_phase(Trigger::ViewEntered, now, actions);
        actions.notices.push(Notice::ViewEntered {
            height: self.info.height,
            view,
        });
        self.begin_view(now, actions);
    }

    fn begin_view(&mut self, now: Now, actions: &mut V3Actions) {
        let view = self.view();
        self.proposals = self.proposals.split_off(&view);
        self.votes.forget_below(view);
        self.view_failed = None;
        self.building = None;
        self.candidate = None;
        self.proposal_due = true;
        self.view_began = now.monotonic;
        let length = self.timers.view_timeout(self.expiries, now.entropy);
        self.view_ends = now.monotonic.saturating_add(length);
        self.set_timer(TimerKind::Propose, None, actions);
        self.set_timer(TimerKind::View, Some(self.view_ends), actions);
    }

    /// The current view has no future; the ChangeView follows in [`Self::advance`].
    fn fail_view(&mut self, reason: ChangeViewReason) {
        // After n switchovers at a height only timers change the view (protocol section 8).
        let switchovers = usize::try_from(self.view().0).unwrap_or(usize::MAX);
        if reason == ChangeViewReason::Timeout || switchovers < self.info.validators.len() {
            self.view_failed.get_or_insert(reason);
        }
    }

    /// Tells the others that the leader seems gone; once per view.
    pub(super) fn suspect(&mut self, actions: &mut V3Actions) {
        let view = self.view();
        let undecided = self.decision.is_none() && self.suspected < Some(view);
        let leads = self.own == Some(self.leader());
        if let (true, true, false, Some(own)) = (undecided, self.safety.may_vote(), leads, self.own)
        {
            self.suspected = Some(view);
            let draft = Draft::new(&self.context, own, view, Payload::Suspect);
            actions.send.push((Recipient::All, draft));
        }
    }

    /// The leader of the current view lost its connection.
    pub(super) fn peer_down(&mut self, peer: &PublicKey, actions: &mut V3Actions) {
        if self.info.validators.key(self.leader()) == Some(peer) {
            self.suspect(actions);
        }
    }

    // ---- timers -----------------------------------------------------------------------------

    pub(super) fn timer(&mut self, now: Now, kind: TimerKind, actions: &mut V3Actions) {
        match kind {
            TimerKind::Propose => self.proposal_due = true,
            TimerKind::View => {
                let due = now.monotonic >= self.view_ends && self.decision.is_none();
                if due && self.safety.asked() <= self.view() {
                    self.expiries = self.expiries.saturating_add(1);
                    self.fail_view(ChangeViewReason::Timeout);
                }
            }
            TimerKind::Resend => {
                let at = now.monotonic.saturating_add(self.resend_after());
                self.set_timer(TimerKind::Resend, Some(at), actions);
                self.resend(actions);
            }
        }
        self.advance(now, actions);
    }

    /// Repeats what rules 6 and 7 say to repeat.
    fn resend(&mut self, actions: &mut V3Actions) {
        if self.decision.is_some() {
            if let Some(commit) = &self.own_commit {
                actions.resend.push((Recipient::All, commit.clone()));
            }
        } else if self.safety.asked() > self.view()
            && let Some(change) = &self.own_change_view
        {
            let leader = self.info.validators.key(self.order.leader(change.view));
            if self.info.validators.len() > CERTIFICATES_TO_ALL
                && let Some(leader) = leader
            {
                actions
                    .resend
                    .push((Recipient::All, change.without_certificate()));
                actions
                    .resend
                    .push((Recipient::One(leader.clone()), change.clone()));
            } else {
                actions.resend.push((Recipient::All, change.clone()));
            }
        }
    }

    // ---- what follows from what is known ----------------------------------------------------

    /// Does all that the protocol allows now.
    pub(super) fn advance(&mut self, now: Now, actions: &mut V3Actions) {
        if self.phase == Phase::Initialization {
            return;
        }
        self.form_certificates(now, actions);
        self.recover_phase(now, actions);
        if self.decision.is_none() {
            self.join(now);
            self.try_change_view(actions);
            self.try_propose(now, actions);
            self.try_prepare(now, actions);
            self.try_pre_commit(now, actions);
        }
        self.pursue_bodies(now, actions);
        self.try_check(actions);
        if self.decision.is_none() {
            self.try_prepare(now, actions);
        } else {
            self.try_commit(actions);
            self.try_promote(actions);
        }
    }

    fn form_certificates(&mut self, now: Now, actions: &mut V3Actions) {
        if self.decision.is_some() {
            return;
        }
        let quorum = self.quorum();
        let highest = self.safety.highest().map(|held| held.view);
        if let Some(certificate) = self.votes.prepared_above(highest, quorum) {
            self.take_prepared(now, certificate, actions);
        }
        if let Some(certificate) = self.votes.commit_certificate(quorum) {
            return self.take_decision(now, Decision::Certificate(certificate), actions);
        }
        let faulty = self.info.validators.faulty();
        if let Some((hash, signatures)) = self.votes.header_signatures(faulty + 1) {
            let decision = Decision::HeaderSignatures { hash, signatures };
            return self.take_decision(now, decision, actions);
        }
        let held = self.safety.highest().cloned();
        let above = self
            .view_change
            .as_ref()
            .map_or(View::ZERO, |held| held.view);
        let above = above.max(View(self.view().0.saturating_sub(1)));
        let formed = self.votes.view_change_above(above, quorum, held.as_deref());
        if let Some(certificate) = formed {
            self.take_view_change(now, certificate, actions);
        }
    }

    /// Leaves the recovery phase for what the restored state implies; a silent node stays in it.
    fn recover_phase(&mut self, now: Now, actions: &mut V3Actions) {
        if self.phase != Phase::Recovery {
            return;
        }
        if self.decision.is_some() {
            self.change_phase(Trigger::Decided, now, actions);
            return;
        }
        if self.silent {
            return;
        }
        let implied = if self
            .safety
            .highest()
            .is_some_and(|held| held.view == self.view())
        {
            Phase::PreCommit
        } else if self.safety.prepared_current() {
            Phase::Prepare
        } else {
            Phase::PrePrepare
        };
        self.change_phase(Trigger::Recovered(implied), now, actions);
    }

    /// Rule 7: joins f+1 validators that asked for a higher view, but not before half of the own
    /// timer has run.
    fn join(&mut self, now: Now) {
        let faulty = self.info.validators.faulty();
        let suspected = self.votes.suspicions(self.view()) >= self.quorum();
        if suspected {
            self.fail_view(ChangeViewReason::Suspected);
        }
        let Some(view) = self.votes.asked_by(faulty + 1) else {
            return;
        };
        let half = self.view_ends.saturating_sub(self.view_began) / 2;
        let ripe = now.monotonic >= self.view_began.saturating_add(half);
        if view > self.safety.asked().max(self.view()) && ripe {
            self.view_failed.get_or_insert(ChangeViewReason::Joined);
        }
    }

    fn try_change_view(&mut self, actions: &mut V3Actions) {
        let Some(reason) = self.view_failed else {
            return;
        };
        let faulty = self.info.validators.faulty();
        let target = if reason == ChangeViewReason::Joined {
            self.votes
                .asked_by(faulty + 1)
                .map(|view| (view, Entitlement::Joined))
        } else {
            Some((self.view().next(), Entitlement::CurrentViewFailed))
        };
        self.view_failed = None;
        let Some((to, entitlement)) = target else {
            return;
        };
        let Ok(mut draft) = self.safety.change_view(to, entitlement, reason) else {
            return;
        };
        if self.info.validators.len() > CERTIFICATES_TO_ALL {
            draft = draft.without_certificate();
        }
        actions.notices.push(Notice::ViewChangeAsked {
            height: self.info.height,
            view: to,
            reason: match reason {
                ChangeViewReason::Timeout => "timeout",
                ChangeViewReason::Joined => "joined others",
                ChangeViewReason::Equivocation => "the leader equivocated",
                ChangeViewReason::InvalidProposal => "invalid proposal",
                ChangeViewReason::LeaderResigned => "the leader resigned",
                ChangeViewReason::Suspected => "the leader is suspected",
            },
        });
        actions.send.push((Recipient::All, draft));
    }

    fn try_propose(&mut self, now: Now, actions: &mut V3Actions) {
        let view = self.view();
        let leads = self.own == Some(self.leader());
        if !(leads && self.proposal_due && self.phase == Phase::PrePrepare)
            || !self.safety.may_propose()
        {
            return;
        }
        let justification = self.view_change.clone().filter(|held| held.view == view);
        if view > View::ZERO && justification.is_none() {
            return;
        }
        let prescribed = justification
            .as_ref()
            .and_then(|held| held.prepared.as_ref());
        let body = match prescribed {
            Some(prepared) => self.blocks.body(&prepared.hash),
            None => self.own_candidate(now, actions),
        };
        let Some(body) = body else { return };
        self.propose(body, justification.as_deref().cloned(), actions);
    }

    /// The fresh block of the own ledger for this view; asks for it once.
    fn own_candidate(&mut self, now: Now, actions: &mut V3Actions) -> Option<Arc<BlockBody>> {
        let own = self.own?;
        if self.building == Some(self.view()) {
            return self.candidate.and_then(|hash| self.blocks.body(&hash));
        }
        self.building = Some(self.view());
        let after_parent = self.info.parent.timestamp.saturating_add(1);
        actions.ledger.push(LedgerAction::Build {
            parent: self.info.parent_hash,
            primary: own,
            timestamp: now.wall_ms.max(after_parent),
            nonce: now.entropy,
        });
        None
    }

    fn propose(
        &mut self,
        body: Arc<BlockBody>,
        justification: Option<ViewChangeCertificate>,
        actions: &mut V3Actions,
    ) {
        let hash = body.hash();
        let ids = body
            .transactions
            .iter()
            .map(|tx| short_id(&hash, &tx.hash()))
            .collect();
        let parent = self.parent_decision.clone();
        let drafted: Result<Draft, Refusal> =
            self.safety.propose(body.header, ids, justification, parent);
        let Ok(draft) = drafted else { return };
        self.make_durable(&hash, actions);
        actions.send.push((Recipient::All, draft));
    }

    /// Puts the body into the vote log, once (rule 8).
    fn make_durable(&mut self, hash: &UInt256, actions: &mut V3Actions) {
        if let Some(block) = self.blocks.get_mut(hash)
            && let (false, Some(body)) = (block.durable, &block.body)
        {
            actions.persist.push(Record::Body(Arc::clone(body)));
            block.durable = true;
        }
    }

    fn try_prepare(&mut self, now: Now, actions: &mut V3Actions) {
        if self.phase != Phase::PrePrepare {
            return;
        }
        let view = self.view();
        let Some(message) = self.proposals.get(&view) else {
            return;
        };
        let Payload::Proposal(proposal) = &message.payload else {
            return;
        };
        let (hash, justification) = (proposal.header.hash(), justification_of(proposal));
        if self.safety.prepared_current() {
            self.change_phase(Trigger::Prepared, now, actions);
            return;
        }
        let ready = self
            .blocks
            .get(&hash)
            .is_some_and(|block| block.body.is_some() && block.check == Check::Passed);
        if !ready {
            return;
        }
        let Ok(draft) = self.safety.prepare(view, hash, justification) else {
            return;
        };
        self.make_durable(&hash, actions);
        actions.send.push((Recipient::All, draft));
        self.change_phase(Trigger::Prepared, now, actions);
    }

    fn try_pre_commit(&mut self, now: Now, actions: &mut V3Actions) {
        let Some(certificate) = self.safety.highest().cloned() else {
            return;
        };
        if certificate.view != self.view() {
            return;
        }
        if matches!(self.phase, Phase::PrePrepare | Phase::Prepare) {
            self.change_phase(Trigger::PreparedCertificate, now, actions);
        }
        if let Ok(draft) = self.safety.pre_commit(&certificate) {
            actions.send.push((Recipient::All, draft));
        }
    }

    /// Blocks whose body is needed now: of the current proposal, of the highest prepared
    /// certificate, of the one to be proposed again, of the decision.
    fn wanted(&self) -> Vec<(UInt256, Vec<ValidatorIndex>)> {
        let mut wanted = Vec::new();
        if let Some(decision) = &self.decision {
            wanted.push((decision.hash(), decision.signers()));
            return wanted;
        }
        if let Some(hash) = self.proposal().and_then(Message::block) {
            wanted.push((hash, Vec::new()));
        }
        let prescribed = self
            .view_change
            .as_ref()
            .and_then(|held| held.prepared.as_ref());
        for certificate in self
            .safety
            .highest()
            .map(AsRef::as_ref)
            .into_iter()
            .chain(prescribed)
        {
            wanted.push((certificate.hash, certificate.signatures.signers().collect()));
        }
        wanted
    }

    fn pursue_bodies(&mut self, now: Now, actions: &mut V3Actions) {
        let set = Arc::clone(&self.info.validators);
        let others =
            |index: ValidatorIndex| set.key(index).filter(|_| Some(index) != self.own).cloned();
        let all: Vec<_> = set.indexes().filter_map(others).collect();
        for (hash, signers) in self.wanted() {
            if self
                .blocks
                .get(&hash)
                .is_some_and(|block| block.body.is_some())
            {
                continue;
            }
            let holders: Vec<_> = signers.into_iter().filter_map(others).collect();
            self.blocks.pursue(
                hash,
                now.monotonic,
                &holders,
                &all,
                &mut actions.ledger,
                &mut actions.fetch,
            );
        }
    }

    /// Lets the ledger check and execute the bodies that matter.
    fn try_check(&mut self, actions: &mut V3Actions) {
        let fresh_proposal = self.proposal().and_then(|message| match &message.payload {
            Payload::Proposal(proposal) if self.is_fresh(proposal) => message.block(),
            _ => None,
        });
        for (hash, signers) in self.wanted() {
            // f+1 honest validators checked what a certificate names.
            let vouched = !signers.is_empty();
            let fresh = fresh_proposal == Some(hash) && !vouched;
            let Some(block) = self.blocks.get_mut(&hash) else {
                continue;
            };
            let Some(body) = &block.body else { continue };
            let ask = match block.check {
                Check::Unasked => true,
                Check::Refused { fresh: as_fresh } => as_fresh && !fresh,
                Check::Asked { .. } | Check::Passed => false,
            };
            if ask {
                block.check = Check::Asked { fresh };
                actions.ledger.push(LedgerAction::Check {
                    body: Arc::clone(body),
                    fresh,
                });
            }
        }
    }

    fn try_commit(&mut self, actions: &mut V3Actions) {
        if let Ok(draft) = self.safety.commit() {
            actions.send.push((Recipient::All, draft));
        }
    }

    fn try_promote(&mut self, actions: &mut V3Actions) {
        let Some(hash) = self.decision.as_ref().map(Decision::hash) else {
            return;
        };
        let executed = self
            .blocks
            .get(&hash)
            .is_some_and(|block| block.check == Check::Passed);
        if executed && !self.promoted {
            self.promoted = true;
            actions.ledger.push(LedgerAction::Promote { hash });
        }
    }

    /// Whether the decided block is executed, so that the next height may open.
    pub(super) fn is_promoted(&self) -> bool {
        self.promoted
    }

    /// Stores the block when its witness is complete; the caller keeps the order of heights.
    pub(super) fn try_store(&mut self, now: Now, actions: &mut V3Actions) {
        if self.phase != Phase::Commit || !self.promoted {
            return;
        }
        let Some(hash) = self.decision.as_ref().map(Decision::hash) else {
            return;
        };
        let quorum = self.quorum();
        let Some((signed, signatures)) = self.votes.header_signatures(quorum) else {
            return;
        };
        let Some(body) = self.blocks.body(&hash).filter(|_| signed == hash) else {
            return;
        };
        let Ok(script) = multisig_script(quorum, self.info.validators.keys()) else {
            return;
        };
        let signatures: Vec<_> = signatures.iter().map(|(_, signature)| *signature).collect();
        let witness = multisig_witness(&signatures, script);
        if self.change_phase(Trigger::WitnessComplete, now, actions) {
            actions.notices.push(Notice::Witnessed {
                height: self.info.height,
                hash,
            });
            let block = Box::new(Witnessed { body, witness });
            actions.ledger.push(LedgerAction::Store { block });
        }
    }
}
