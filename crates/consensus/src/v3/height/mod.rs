//! One height of dBFT 3.0, from the first proposal to the stored block.
//!
//! Events change what is known (votes, certificates, bodies); [`HeightState::advance`] then does all
//! that the protocol allows with it. So nothing depends on the order in which messages arrive.

mod bodies;
mod measuring;
mod pacing;
mod proposing;
mod suspecting;
mod taking;
mod views;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use neo_primitives::{Height, PublicKey, UInt256, ValidatorIndex};

use crate::engine::{Actions, HeightInfo, Notice, Now, TimerChange, TimerId, TimerKind};
use crate::v3::blocks::Blocks;
use crate::v3::certificate::{Decision, ViewChangeCertificate};
use crate::v3::context::{HeightContext, MessageKind};
use crate::v3::engine::V3Engine;
use crate::v3::message::{ChangeViewReason, Message};
use crate::v3::phase::{Next, Phase, Trigger, next};
use crate::v3::record::Record;
use crate::v3::safety::Safety;
use crate::v3::timing::TimerSettings;
use crate::v3::votes::Votes;
use crate::validators::View;

pub(super) use measuring::Lesson;
use measuring::Stamps;
use pacing::Pace;
pub(super) use pacing::Tempo;

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
    pub(super) tempo: Tempo,
    /// What decided the previous height, for the proposal of this one.
    pub(super) parent_decision: Option<Decision>,
    pub(super) timers: TimerSettings,
    #[cfg(feature = "mutation")]
    pub(super) mutation: Option<crate::v3::mutation::Mutation>,
}

/// One open height.
#[derive(Clone, Debug, Hash)]
pub(super) struct HeightState {
    pub(super) info: HeightInfo,
    pub(super) context: Arc<HeightContext>,
    pub(super) own: Option<ValidatorIndex>,
    /// Decided here; these sent votes of undecided validators, and when the first of them came.
    pub(super) owed: BTreeMap<ValidatorIndex, Duration>,
    /// Since when somebody is at a higher height already, and who.
    pub(super) others_ahead: Option<(Duration, PublicKey)>,
    /// What was reported as evidence already.
    convicted: BTreeSet<(ValidatorIndex, MessageKind, View)>,
    /// Others hold a signature of the own key that this node does not know of, or that contradicts an
    /// own one: the vote log is an old copy, or somebody else signs with the key.
    pub(super) voice_in_doubt: bool,
    pub(super) phase: Phase,
    pub(super) safety: Safety,
    pub(super) votes: Votes,
    pub(super) blocks: Blocks,
    /// First verified proposal of each view from the current one on.
    proposals: BTreeMap<View, Message>,
    pub(super) view_change: Option<Arc<ViewChangeCertificate>>,
    pub(super) decision: Option<Decision>,
    parent_decision: Option<Decision>,
    pub(super) silent: bool,
    timers: TimerSettings,
    own_change_view: Option<Message>,
    own_commit: Option<Message>,
    /// When the first valid proposal of this height was seen.
    pub(super) started: Option<Duration>,
    pub(super) opened_at: Duration,
    pace: Pace,
    /// When the block of view 0 was due.
    first_origin: Duration,
    stamps: Stamps,
    lessons: Vec<Lesson>,
    view_failed: Option<ChangeViewReason>,
    suspected: Option<View>,
    /// The own ledger refuses the block of this view.
    refuses: Option<View>,
    /// Validators that are not there, and why.
    absent: BTreeMap<ValidatorIndex, &'static str>,
    max_transactions: u32,
    proposal_due: bool,
    building: Option<View>,
    candidate: Option<UInt256>,
    promoted: bool,
    pub(super) last_progress: Duration,
    pub(super) last_request: Option<Duration>,
    round_trip: Duration,
    /// Round trips to validators, as far as they are known.
    round_trips: BTreeMap<ValidatorIndex, Duration>,
    /// Greatest height that this node has stored; the one below may only be decided.
    stored_height: Height,
    #[cfg(feature = "mutation")]
    pub(super) mutation: Option<crate::v3::mutation::Mutation>,
}

impl HeightState {
    pub(super) fn open(now: Now, opening: Opening, actions: &mut V3Actions) -> Self {
        let Opening {
            info,
            own,
            silent,
            tempo,
            parent_decision,
            timers,
            #[cfg(feature = "mutation")]
            mutation,
        } = opening;
        let context = Arc::new(HeightContext {
            magic: info.magic,
            height: info.height,
            prev_hash: info.parent_hash,
            validators: Arc::clone(&info.validators),
        });
        let voice = own.filter(|_| !silent);
        let at = now.monotonic;
        let pace = Pace::open(now, &tempo, &timers, &info);
        let state = Self {
            safety: Safety::new(Arc::clone(&context), voice),
            context,
            own,
            owed: BTreeMap::new(),
            others_ahead: None,
            convicted: BTreeSet::new(),
            voice_in_doubt: false,
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
            first_origin: pace.origin(),
            pace,
            stamps: Stamps::default(),
            lessons: Vec::new(),
            view_failed: None,
            suspected: None,
            refuses: None,
            absent: BTreeMap::new(),
            max_transactions: tempo.max_transactions.min(info.limits.max_transactions),
            proposal_due: false,
            building: None,
            candidate: None,
            promoted: false,
            last_progress: at,
            last_request: None,
            round_trip: Duration::ZERO,
            round_trips: BTreeMap::new(),
            stored_height: Height(0),
            timers,
            info,
            #[cfg(feature = "mutation")]
            mutation,
        };
        #[cfg(feature = "mutation")]
        let state = {
            let mut state = state;
            state.safety.mutation = mutation;
            state
        };
        actions.notices.push(Notice::Opened {
            height: state.info.height,
        });
        let resend = at.saturating_add(state.resend_after());
        state.set_timer(TimerKind::Resend, Some(resend), actions);
        state
    }

    /// Begins, with what the vote log holds of this height.
    pub(super) fn begin(&mut self, now: Now, restored: Vec<Record>, actions: &mut V3Actions) {
        if restored.is_empty() {
            self.arm(now, actions);
        }
        if restored.is_empty() && !self.silent {
            self.change_phase(Trigger::LedgerReady, now, actions);
            self.advance(now, actions);
            return;
        }
        self.change_phase(Trigger::RecoveryBegun, now, actions);
        if !restored.is_empty() {
            for record in restored {
                self.restore(now, record, actions);
            }
            self.pace.was_begun_before(now);
            self.arm(now, actions);
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
            Record::Silenced | Record::Resumed { .. } | Record::Forgotten { .. } => {}
        }
    }

    pub(super) fn footprint(&self) -> usize {
        self.votes.len()
            + self.blocks.len()
            + self.proposals.len()
            + self.convicted.len()
            + self.owed.len()
    }

    pub(super) fn height(&self) -> Height {
        self.info.height
    }

    pub(super) fn view(&self) -> View {
        self.safety.view()
    }

    pub(super) fn quorum(&self) -> usize {
        self.info.validators.quorum() - usize::from(mutated!(self, SmallQuorum))
    }

    /// How many validators include an honest one, f+1.
    pub(super) fn few(&self) -> usize {
        self.info.validators.faulty() + 1
    }

    pub(super) fn leader(&self) -> ValidatorIndex {
        self.leader_of(self.view())
    }

    /// Who leads a view of this height (protocol section 7).
    pub(super) fn leader_of(&self, view: View) -> ValidatorIndex {
        self.info.leaders.order().leader(view)
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

    pub(super) fn set_stored_height(&mut self, stored: Height) {
        self.stored_height = stored;
    }

    /// The longest round trip to a connected validator.
    pub(super) fn set_round_trip(&mut self, round_trip: Duration) {
        self.round_trip = round_trip;
    }

    /// How far each validator is away.
    pub(super) fn set_round_trips(&mut self, round_trips: BTreeMap<ValidatorIndex, Duration>) {
        self.round_trips = round_trips;
    }

    /// How far one of them is away.
    pub(super) fn note_round_trip(&mut self, key: &PublicKey, round_trip: Duration) {
        if let Some(index) = self.info.validators.index_of(key) {
            self.round_trips.insert(index, round_trip);
        }
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

    /// Does all that the protocol allows now.
    pub(super) fn advance(&mut self, now: Now, actions: &mut V3Actions) {
        if self.phase == Phase::Initialization {
            return;
        }
        self.form_certificates(now, actions);
        self.recover_phase(now, actions);
        if self.decision.is_none() {
            self.heed_absence(actions);
            self.heed_others(now);
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
        self.stamp(now);
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
            if certificate.view == self.view() {
                self.learn_decision(now);
            }
            return self.take_decision(now, Decision::Certificate(certificate), actions);
        }
        let few = self.few() - usize::from(mutated!(self, FewerHeaderSignatures));
        if let Some((hash, signatures)) = self.votes.header_signatures(few) {
            let decision = Decision::HeaderSignatures { hash, signatures };
            return self.take_decision(now, decision, actions);
        }
        let held = self.safety.highest().cloned();
        let above = self
            .view_change
            .as_ref()
            .map_or(View::ZERO, |held| held.view);
        let above = above.max(View(self.view().0.saturating_sub(1)));
        let members = if mutated!(self, EntersOnFewer) {
            self.few()
        } else {
            quorum
        };
        let formed = self
            .votes
            .view_change_above(above, members, held.as_deref());
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
}
