//! The safety rules of one validator at one height (protocol section 5, rules 1 to 4, 6 and 7).
//!
//! Every vote of the engine is drafted here and nowhere else: [`Draft`]s of votes have no other
//! source. What makes them safe can be read in this file alone:
//!
//! 1. One Proposal, one Prepare and one PreCommit per view, one ChangeView per target: each of the
//!    four "last view" marks only grows, and a draft needs a view above its mark.
//! 2. Proposal, Prepare and PreCommit only in the current view, and only while no ChangeView for a
//!    higher view was sent.
//! 3. A justified proposal re-proposes the block of the greatest claim ([`admits`]).
//! 4. A fresh header names its leader ([`check_fresh_header`]).
//! 6. A header is signed only after its block was decided.
//! 7. A ChangeView claims the highest prepared certificate held, asks for the view after the current
//!    one, or for one that f+1 validators asked for.
//!
//! Rule 8 is kept by the driver: what a draft says is durable before it leaves, and a validator that
//! lost its log has no voice.

use std::sync::Arc;
use std::time::Duration;

use neo_primitives::{Header, Signature, UInt256, ValidatorIndex};

use super::certificate::{
    Decision, PreparedCertificate, ViewChangeCertificate, justification_hash,
};
use super::context::{HeightContext, MessageKind};
use super::message::{ChangeView, ChangeViewReason, Draft, Message, Payload, Proposal, ShortId};
use crate::engine::HeightInfo;
use crate::validators::View;

/// Why a vote was not drafted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No validator of this height, or silent because its vote log was lost.
    #[error("this node has no voice at this height")]
    NoVoice,
    /// Rule 1.
    #[error("already voted in view {0} or above")]
    AlreadyVoted(View),
    /// Rule 2.
    #[error("view {view} is not the current view {current}")]
    NotCurrentView {
        /// View of the vote.
        view: View,
        /// Current view.
        current: View,
    },
    /// Rule 2.
    #[error("a ChangeView for view {0} was sent")]
    LeftForView(View),
    /// Rule 7.
    #[error("view {to} cannot be asked for in view {current} without f+1 validators asking")]
    NotEntitled {
        /// View asked for.
        to: View,
        /// Current view.
        current: View,
    },
    /// Rule 6.
    #[error("the height is not decided")]
    Undecided,
}

/// Why a validator may ask for a view (rule 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entitlement {
    /// It gives up its current view.
    CurrentViewFailed,
    /// f+1 validators asked for this view or a higher one.
    Joined,
}

/// The marks that bind a validator at one height.
#[derive(Clone, Debug, Hash)]
pub struct Safety {
    context: Arc<HeightContext>,
    voice: Option<ValidatorIndex>,
    view: View,
    asked: View,
    proposed: Option<View>,
    prepared: Option<View>,
    pre_committed: Option<View>,
    highest: Option<Arc<PreparedCertificate>>,
    decided: Option<UInt256>,
    committed: bool,
    /// The rule that tests of the tests take away; no release build has it.
    #[cfg(feature = "mutation")]
    pub(super) mutation: Option<super::mutation::Mutation>,
}

impl Safety {
    /// A height at view 0. Without `voice` it drafts nothing.
    #[must_use]
    pub fn new(context: Arc<HeightContext>, voice: Option<ValidatorIndex>) -> Self {
        Self {
            context,
            voice,
            view: View::ZERO,
            asked: View::ZERO,
            proposed: None,
            prepared: None,
            pre_committed: None,
            highest: None,
            decided: None,
            committed: false,
            #[cfg(feature = "mutation")]
            mutation: None,
        }
    }

    /// The current view.
    #[must_use]
    pub fn view(&self) -> View {
        self.view
    }

    /// The highest view asked for by a ChangeView; 0 when none was sent.
    #[must_use]
    pub fn asked(&self) -> View {
        self.asked
    }

    /// The highest prepared certificate held.
    #[must_use]
    pub fn highest(&self) -> Option<&Arc<PreparedCertificate>> {
        self.highest.as_ref()
    }

    /// The decided block.
    #[must_use]
    pub fn decided(&self) -> Option<UInt256> {
        self.decided
    }

    /// Whether the Prepare of the current view was drafted.
    #[must_use]
    pub fn prepared_current(&self) -> bool {
        self.prepared >= Some(self.view)
    }

    /// Whether a vote of the current view may still be drafted at all (rule 2 and voice).
    #[must_use]
    pub fn may_vote(&self) -> bool {
        self.require_open(self.view).is_ok()
    }

    /// Whether the Proposal of the current view may still be drafted.
    #[must_use]
    pub fn may_propose(&self) -> bool {
        self.may_vote() && self.proposed < Some(self.view) && self.prepared < Some(self.view)
    }

    fn require_open(&self, view: View) -> Result<ValidatorIndex, Refusal> {
        let voice = self.voice.ok_or(Refusal::NoVoice)?;
        if view != self.view {
            return Err(Refusal::NotCurrentView {
                view,
                current: self.view,
            });
        }
        if self.asked > self.view && !mutated!(self, VotesAfterChangeView) {
            return Err(Refusal::LeftForView(self.asked));
        }
        Ok(voice)
    }

    /// Moves to a higher view; a lower one changes nothing.
    pub fn enter(&mut self, view: View) {
        self.view = self.view.max(view);
    }

    /// Records a prepared certificate when it is the highest; says whether it was.
    pub fn record_prepared(&mut self, certificate: &Arc<PreparedCertificate>) -> bool {
        let higher = self
            .highest
            .as_ref()
            .is_none_or(|held| held.view < certificate.view);
        if higher {
            self.highest = Some(Arc::clone(certificate));
        }
        higher
    }

    /// Records the decision; the first one stays.
    pub fn record_decision(&mut self, decision: &Decision) {
        self.decided.get_or_insert(decision.hash());
    }

    /// The leader's Proposal of the current view, with its Prepare.
    ///
    /// # Errors
    /// Rules 1 and 2.
    pub fn propose(
        &mut self,
        header: Header,
        transactions: Vec<ShortId>,
        justification: Option<ViewChangeCertificate>,
        parent: Option<Decision>,
    ) -> Result<Draft, Refusal> {
        let voice = self.require_open(self.view)?;
        if let Some(last) = self
            .proposed
            .max(self.prepared)
            .filter(|last| *last >= self.view)
        {
            return Err(Refusal::AlreadyVoted(last));
        }
        self.proposed = Some(self.view);
        self.prepared = Some(self.view);
        let prepare = Signature([0; 64]);
        let proposal = Proposal {
            header,
            transactions,
            justification,
            parent,
            prepare,
        };
        Ok(self.draft(voice, self.view, Payload::Proposal(Arc::new(proposal))))
    }

    /// Prepare(h,v).
    ///
    /// # Errors
    /// Rules 1 and 2.
    pub fn prepare(
        &mut self,
        view: View,
        hash: UInt256,
        justification: UInt256,
    ) -> Result<Draft, Refusal> {
        let voice = self.require_open(view)?;
        if let Some(last) = self.prepared.filter(|last| *last >= view) {
            return Err(Refusal::AlreadyVoted(last));
        }
        self.prepared = Some(view);
        Ok(self.draft(
            voice,
            view,
            Payload::Prepare {
                hash,
                justification,
            },
        ))
    }

    /// PreCommit(h,v) on a prepared certificate of the current view.
    ///
    /// # Errors
    /// Rules 1 and 2.
    pub fn pre_commit(&mut self, certificate: &PreparedCertificate) -> Result<Draft, Refusal> {
        let voice = if mutated!(self, PreCommitsAfterChangeView | PreCommitsInLeftView) {
            self.voice.ok_or(Refusal::NoVoice)?
        } else {
            self.require_open(certificate.view)?
        };
        if let Some(last) = self.pre_committed.filter(|last| *last >= certificate.view) {
            return Err(Refusal::AlreadyVoted(last));
        }
        self.pre_committed = Some(certificate.view);
        Ok(self.draft(
            voice,
            certificate.view,
            Payload::PreCommit {
                hash: certificate.hash,
            },
        ))
    }

    /// ChangeView(h,to), claiming the highest prepared certificate held.
    ///
    /// # Errors
    /// Rules 1 and 7.
    pub fn change_view(
        &mut self,
        to: View,
        entitlement: Entitlement,
        reason: ChangeViewReason,
    ) -> Result<Draft, Refusal> {
        let voice = self.voice.ok_or(Refusal::NoVoice)?;
        if to <= self.asked || to <= self.view {
            return Err(Refusal::AlreadyVoted(self.asked.max(self.view)));
        }
        if entitlement == Entitlement::CurrentViewFailed && to != self.view.next() {
            return Err(Refusal::NotEntitled {
                to,
                current: self.view,
            });
        }
        self.asked = to;
        let mut prepared = self.highest.as_deref().cloned();
        if mutated!(self, ClaimsNothing) {
            prepared = None;
        }
        if mutated!(self, ClaimsOlder) {
            prepared = prepared.filter(|held| held.view < self.view);
        }
        let claim = prepared.as_ref().map(PreparedCertificate::claim);
        let change = ChangeView {
            claim,
            prepared,
            reason,
        };
        Ok(self.draft(voice, to, Payload::ChangeView(Arc::new(change))))
    }

    /// Commit(h), the header signature of the decided block; once.
    ///
    /// # Errors
    /// Rule 6.
    pub fn commit(&mut self) -> Result<Draft, Refusal> {
        let voice = self.voice.ok_or(Refusal::NoVoice)?;
        let hash = self.decided.ok_or(Refusal::Undecided)?;
        if self.committed {
            return Err(Refusal::AlreadyVoted(View::ZERO));
        }
        self.committed = true;
        Ok(self.draft(voice, View::ZERO, Payload::Commit { hash }))
    }

    fn draft(&self, voice: ValidatorIndex, view: View, payload: Payload) -> Draft {
        Draft::new(&self.context, voice, view, payload)
    }

    /// Takes the voice away: the vote log turned out to lack an own vote (rule 8).
    pub fn silence(&mut self) {
        self.voice = None;
    }

    /// Whether the marks cover an own vote that others hold. If not, the vote log was lost or is an old
    /// copy.
    #[must_use]
    pub fn covers(&self, kind: MessageKind, view: View) -> bool {
        match kind {
            MessageKind::Proposal => self.proposed >= Some(view),
            MessageKind::Prepare => self.prepared >= Some(view),
            MessageKind::PreCommit => self.pre_committed >= Some(view),
            MessageKind::ChangeView => self.asked >= view,
            MessageKind::Commit => self.committed,
            MessageKind::Suspect | MessageKind::RecoveryRequest | MessageKind::RecoveryMessage => {
                true
            }
        }
    }

    /// Takes over an own message of the vote log (rule 8).
    pub fn restore(&mut self, own: &Message) {
        let raise = |mark: &mut Option<View>| *mark = (*mark).max(Some(own.view));
        match &own.payload {
            Payload::Proposal(_) => {
                raise(&mut self.proposed);
                raise(&mut self.prepared);
            }
            Payload::Prepare { .. } => raise(&mut self.prepared),
            Payload::PreCommit { .. } => raise(&mut self.pre_committed),
            Payload::ChangeView(_) => self.asked = self.asked.max(own.view),
            Payload::Commit { .. } => self.committed = true,
            Payload::Suspect | Payload::RecoveryRequest(_) | Payload::RecoveryMessage(_) => {}
        }
    }
}

/// Rule 3: whether the justification of a proposal admits this block. A certificate whose greatest
/// claim is prepared admits only that block; otherwise the leader is free.
#[must_use]
pub fn admits(justification: Option<&ViewChangeCertificate>, hash: &UInt256) -> bool {
    justification
        .and_then(|certificate| certificate.prepared.as_ref())
        .is_none_or(|prepared| prepared.hash == *hash)
}

/// What is wrong with a fresh header.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderProblem {
    /// Anyone can see it: reason enough to leave the view.
    #[error("{field} of the proposed header is {got}, it must be {expected}")]
    Malformed {
        /// The field.
        field: &'static str,
        /// Its value.
        got: String,
        /// The value it must have.
        expected: String,
    },
    /// It depends on the own clock.
    #[error("timestamp {timestamp} ms is more than {tolerance_ms} ms ahead of the clock")]
    FromTheFuture {
        /// Its timestamp, ms since 1970.
        timestamp: u64,
        /// What is tolerated.
        tolerance_ms: u64,
    },
}

/// Rule 4 and the checks of a fresh header (protocol section 5): everything but its transactions.
///
/// # Errors
/// The first field that does not fit.
pub fn check_fresh_header(
    header: &Header,
    view: View,
    info: &HeightInfo,
    wall_ms: u64,
) -> Result<(), HeaderProblem> {
    let require = |field, got: String, expected: String| {
        if got == expected {
            Ok(())
        } else {
            Err(HeaderProblem::Malformed {
                field,
                got,
                expected,
            })
        }
    };
    require("version", header.version.to_string(), "0".to_owned())?;
    require(
        "prev_hash",
        header.prev_hash.to_string(),
        info.parent_hash.to_string(),
    )?;
    require("index", header.index.to_string(), info.height.to_string())?;
    require(
        "primary_index",
        header.primary_index.to_string(),
        info.leaders.order().leader(view).to_string(),
    )?;
    require(
        "next_consensus",
        header.next_consensus.to_string(),
        info.next_consensus.to_string(),
    )?;
    if header.timestamp <= info.parent.timestamp {
        return Err(HeaderProblem::Malformed {
            field: "timestamp",
            got: header.timestamp.to_string(),
            expected: format!("above {}", info.parent.timestamp),
        });
    }
    let tolerance = info
        .block_time
        .max(Duration::from_secs(1))
        .saturating_mul(8);
    let tolerance_ms = u64::try_from(tolerance.as_millis()).unwrap_or(u64::MAX);
    if header.timestamp > wall_ms.saturating_add(tolerance_ms) {
        return Err(HeaderProblem::FromTheFuture {
            timestamp: header.timestamp,
            tolerance_ms,
        });
    }
    Ok(())
}

/// The justification hash that votes on this proposal sign.
#[must_use]
pub fn justification_of(proposal: &Proposal) -> UInt256 {
    justification_hash(proposal.justification.as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::v3::certificate::Signatures;
    use crate::v3::testing::{context, hash};

    fn safety() -> Safety {
        Safety::new(Arc::new(context(4)), Some(ValidatorIndex(1)))
    }

    fn prepared(view: u32, block: u8) -> Arc<PreparedCertificate> {
        Arc::new(PreparedCertificate {
            view: View(view),
            hash: hash(block),
            justification: UInt256::ZERO,
            signatures: Signatures::default(),
        })
    }

    #[test]
    fn one_vote_of_a_kind_in_a_view() {
        let mut safety = safety();
        assert!(safety.prepare(View(0), hash(1), UInt256::ZERO).is_ok());
        assert_eq!(
            safety.prepare(View(0), hash(1), UInt256::ZERO),
            Err(Refusal::AlreadyVoted(View(0)))
        );
        assert!(safety.pre_commit(&prepared(0, 1)).is_ok());
        assert_eq!(
            safety.pre_commit(&prepared(0, 1)),
            Err(Refusal::AlreadyVoted(View(0)))
        );
    }

    #[test]
    fn nothing_is_voted_below_a_sent_change_view() {
        let mut safety = safety();
        let entitled = Entitlement::CurrentViewFailed;
        assert!(
            safety
                .change_view(View(1), entitled, ChangeViewReason::Timeout)
                .is_ok()
        );
        assert_eq!(
            safety.prepare(View(0), hash(1), UInt256::ZERO),
            Err(Refusal::LeftForView(View(1)))
        );
        assert_eq!(
            safety.pre_commit(&prepared(0, 1)),
            Err(Refusal::LeftForView(View(1)))
        );
        safety.enter(View(1));
        assert!(safety.pre_commit(&prepared(1, 1)).is_ok());
    }

    #[test]
    fn views_are_asked_for_one_by_one_unless_joined() {
        let mut safety = safety();
        let timeout = ChangeViewReason::Timeout;
        let failed = Entitlement::CurrentViewFailed;
        assert!(matches!(
            safety.change_view(View(2), failed, timeout),
            Err(Refusal::NotEntitled { .. })
        ));
        assert!(
            safety
                .change_view(View(3), Entitlement::Joined, timeout)
                .is_ok()
        );
        assert!(safety.change_view(View(1), failed, timeout).is_err());
        safety.enter(View(3));
        assert!(safety.change_view(View(4), failed, timeout).is_ok());
    }

    #[test]
    fn a_change_view_claims_the_highest_prepared_certificate() {
        let mut safety = safety();
        safety.record_prepared(&prepared(0, 1));
        safety.enter(View(2));
        safety.record_prepared(&prepared(2, 5));
        assert!(!safety.record_prepared(&prepared(1, 4)));
        let draft = safety
            .change_view(
                View(3),
                Entitlement::CurrentViewFailed,
                ChangeViewReason::Timeout,
            )
            .unwrap();
        let Payload::ChangeView(change) = &draft.unsigned().payload else {
            panic!()
        };
        assert_eq!(change.claim, Some(prepared(2, 5).claim()));
    }

    #[test]
    fn headers_are_signed_after_the_decision_only() {
        let mut safety = safety();
        assert_eq!(safety.commit(), Err(Refusal::Undecided));
        let decision = Decision::HeaderSignatures {
            hash: hash(7),
            signatures: Signatures::default(),
        };
        safety.record_decision(&decision);
        let draft = safety.commit().unwrap();
        assert_eq!(draft.unsigned().block(), Some(hash(7)));
    }

    #[test]
    fn a_restored_validator_does_not_vote_again() {
        let mut first = safety();
        let votes = [
            first.prepare(View(0), hash(1), UInt256::ZERO).unwrap(),
            first.pre_commit(&prepared(0, 1)).unwrap(),
            first
                .change_view(
                    View(1),
                    Entitlement::CurrentViewFailed,
                    ChangeViewReason::Timeout,
                )
                .unwrap(),
        ];
        let mut second = safety();
        for vote in &votes {
            second.restore(vote.unsigned());
        }
        assert!(second.prepare(View(0), hash(2), UInt256::ZERO).is_err());
        assert!(second.pre_commit(&prepared(0, 2)).is_err());
        assert_eq!(second.asked(), View(1));
    }

    #[test]
    fn the_marks_cover_exactly_what_was_voted() {
        let mut safety = safety();
        safety.prepare(View(0), hash(1), UInt256::ZERO).unwrap();
        let failed = Entitlement::CurrentViewFailed;
        safety
            .change_view(View(1), failed, ChangeViewReason::Timeout)
            .unwrap();
        for (kind, view, covered) in [
            (MessageKind::Prepare, 0, true),
            (MessageKind::Prepare, 1, false),
            (MessageKind::Proposal, 0, false),
            (MessageKind::PreCommit, 0, false),
            (MessageKind::ChangeView, 1, true),
            (MessageKind::ChangeView, 2, false),
            (MessageKind::Commit, 0, false),
            (MessageKind::Suspect, 7, true),
        ] {
            assert_eq!(
                safety.covers(kind, View(view)),
                covered,
                "{kind:?} of view {view}"
            );
        }
    }

    #[test]
    fn without_a_voice_nothing_is_drafted() {
        let mut silent = Safety::new(Arc::new(context(4)), None);
        assert_eq!(
            silent.prepare(View(0), hash(1), UInt256::ZERO),
            Err(Refusal::NoVoice)
        );
        assert_eq!(silent.commit(), Err(Refusal::NoVoice));
    }
}
