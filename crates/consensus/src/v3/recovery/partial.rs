//! Partial-view recovery: what is asked for, and what is answered (protocol section 9).

use std::sync::Arc;

use neo_primitives::{Height, ValidatorIndex};

use crate::engine::{Actions, Recipient};
use crate::v3::V3Engine;
use crate::v3::certificate::{Decision, PreparedCertificate};
use crate::v3::context::{HeightContext, MessageKind};
use crate::v3::height::HeightState;
use crate::v3::message::{Draft, Message, Payload, RecoveryMessage, RecoveryRequest};
use crate::v3::phase::Phase;
use crate::validators::View;

/// Votes in one answer: a proposal and four kinds of 255 validators.
const MAX_MESSAGES: usize = 1 + 4 * 255;

impl HeightState {
    /// A request that says what this node has of the height. With a `nonce` other than 0 the answers
    /// report the greatest stored height.
    pub(in crate::v3) fn recovery_request(&self, nonce: u64) -> Option<Draft> {
        let own = self.own?;
        let view = self.view();
        let request = RecoveryRequest {
            nonce,
            prev_hash: self.info.parent_hash,
            has_proposal: self.proposal().is_some(),
            prepares: self.votes.voters(MessageKind::Prepare, view),
            pre_commits: self.votes.voters(MessageKind::PreCommit, view),
            change_views: self
                .votes
                .change_views_above(view)
                .map(|held| held.sender)
                .collect(),
            commits: self.votes.voters(MessageKind::Commit, View::ZERO),
            prepared: self.safety.highest().map(|held| held.view),
            decided: self.decision.is_some(),
        };
        Some(Draft::new(
            &self.context,
            own,
            view,
            Payload::RecoveryRequest(request),
        ))
    }

    /// What the asker lacks, or `None` when it lacks nothing that this node has. Only who `vouches` for its stored
    /// height reports it (rule 8).
    pub(in crate::v3) fn recovery_answer(
        &self,
        their_view: View,
        request: &RecoveryRequest,
        stored: Height,
        vouches: bool,
    ) -> Option<RecoveryMessage> {
        let view = self.view();
        let nonce = if self.silent || !vouches {
            0
        } else {
            request.nonce
        };
        let mut answer = RecoveryMessage {
            nonce,
            stored,
            view_change: None,
            prepared: None,
            decision: None,
            messages: Vec::new(),
        };
        if let Some(decision) = &self.decision {
            answer.decision = Some(decision.clone()).filter(|_| !request.decided);
            let commits = self
                .votes
                .lacking(MessageKind::Commit, View::ZERO, &request.commits);
            answer.messages.extend(commits.cloned());
        } else {
            if view > their_view {
                answer.view_change = self.view_change.as_ref().map(|held| held.as_ref().clone());
            }
            answer.prepared = self.prepared_above(request.prepared);
            self.add_votes(their_view, request, &mut answer.messages);
        }
        answer.messages.truncate(MAX_MESSAGES);
        let empty = answer.view_change.is_none()
            && answer.prepared.is_none()
            && answer.decision.is_none()
            && answer.messages.is_empty();
        (!empty || nonce != 0).then_some(answer)
    }

    /// Whether the sender of a request has something that this node lacks.
    pub(in crate::v3) fn lacks_what_is_held(
        &self,
        their_view: View,
        request: &RecoveryRequest,
    ) -> bool {
        let commits = self.votes.voters(MessageKind::Commit, View::ZERO);
        if self.decision.is_some() {
            return self.phase == Phase::Commit && !commits.contains_all(&request.commits);
        }
        let view = self.view();
        let voters = |kind| self.votes.voters(kind, view);
        // Whoever holds the certificate takes no more Prepares, and would ask for them for ever.
        let certified = self.safety.highest().is_some_and(|held| held.view >= view);
        let votes = self.proposal().is_none() && request.has_proposal
            || !certified && !voters(MessageKind::Prepare).contains_all(&request.prepares)
            || !voters(MessageKind::PreCommit).contains_all(&request.pre_commits);
        request.decided
            || their_view > view
            || request.prepared > self.safety.highest().map(|held| held.view)
            || their_view == view && votes
            || !commits.contains_all(&request.commits)
    }

    fn prepared_above(&self, theirs: Option<View>) -> Option<PreparedCertificate> {
        self.safety
            .highest()
            .filter(|held| Some(held.view) > theirs)
            .map(|held| held.as_ref().clone())
    }

    fn add_votes(&self, their_view: View, request: &RecoveryRequest, messages: &mut Vec<Message>) {
        let view = self.view();
        let same_view = view == their_view;
        if view >= their_view {
            if !(same_view && request.has_proposal) {
                // Its view-change certificate is the justification: no need to send that twice.
                messages.extend(self.proposal().cloned());
            }
            let none = crate::index_set::IndexSet::default();
            let (prepares, pre_commits) = if same_view {
                (&request.prepares, &request.pre_commits)
            } else {
                (&none, &none)
            };
            if request.prepared < Some(view) {
                let prepares = self.votes.lacking(MessageKind::Prepare, view, prepares);
                messages.extend(prepares.cloned());
            }
            messages.extend(
                self.votes
                    .lacking(MessageKind::PreCommit, view, pre_commits)
                    .cloned(),
            );
        }
        let asked = self.votes.change_views_above(their_view.max(view));
        let lacking =
            asked.filter(|held| !(same_view && request.change_views.contains(held.sender)));
        messages.extend(lacking.cloned());
        messages.extend(
            self.votes
                .lacking(MessageKind::Commit, View::ZERO, &request.commits)
                .cloned(),
        );
    }

    /// The certificate that moves a validator out of `view`: rule 7's answer to a message of a view
    /// below the highest TC or PC held.
    pub(in crate::v3) fn answer_to_lower_view(
        &self,
        view: View,
        stored: Height,
    ) -> Option<RecoveryMessage> {
        let certificate = self.view_change.as_ref().filter(|held| held.view > view);
        let prepared = self.safety.highest().filter(|held| held.view > view);
        if certificate.is_none() && prepared.is_none() {
            return None;
        }
        Some(RecoveryMessage {
            nonce: 0,
            stored,
            view_change: certificate.map(|held| held.as_ref().clone()),
            prepared: prepared.map(|held| held.as_ref().clone()),
            decision: None,
            messages: Vec::new(),
        })
    }

    /// Everything that may bring others to a decision: the certificates held, the own votes of this
    /// view, the proposal. In one message, and the own ChangeView as always.
    pub(in crate::v3) fn resend_all(&mut self, stored: Height, actions: &mut Actions<V3Engine>) {
        self.resend(actions);
        let view = self.view();
        let own = self.own;
        let kinds = [MessageKind::Prepare, MessageKind::PreCommit];
        let votes = kinds
            .into_iter()
            .filter_map(|kind| self.votes.held(kind, view, own?));
        let commit = own.and_then(|own| self.votes.held(MessageKind::Commit, View::ZERO, own));
        let asked = self.votes.change_views_above(view);
        let mut messages: Vec<_> = self.proposal().cloned().into_iter().collect();
        messages.extend(votes.chain(commit).chain(asked).cloned());
        messages.truncate(MAX_MESSAGES);
        let answer = RecoveryMessage {
            nonce: 0,
            stored,
            view_change: self.view_change.as_ref().map(|held| held.as_ref().clone()),
            prepared: self.prepared_above(None),
            decision: self.decision.clone(),
            messages,
        };
        self.forward(Recipient::All, answer, actions);
    }

    /// The decision and the own header signature, for a validator that is still undecided.
    pub(in crate::v3) fn decided_answer(
        &self,
        decision: &Decision,
        stored: Height,
    ) -> RecoveryMessage {
        let commit = self.own.and_then(|own| {
            self.votes
                .held(MessageKind::Commit, View::ZERO, own)
                .cloned()
        });
        RecoveryMessage {
            nonce: 0,
            stored,
            view_change: None,
            prepared: None,
            decision: Some(decision.clone()),
            messages: commit.into_iter().collect(),
        }
    }
}

/// The answer of a node that has stored the asker's height: fetch the blocks. Only who `vouches` for its stored height
/// reports it (rule 8).
pub(in crate::v3) fn stored_answer(
    context: &HeightContext,
    own: ValidatorIndex,
    message: &Message,
    stored: Height,
    vouches: bool,
) -> Draft {
    let (nonce, prev_hash) = match &message.payload {
        Payload::RecoveryRequest(request) if vouches => (request.nonce, request.prev_hash),
        Payload::RecoveryRequest(request) => (0, request.prev_hash),
        _ => (0, context.prev_hash),
    };
    // Signed for the asker's height, whose previous block it named itself.
    let context = Arc::new(HeightContext {
        height: message.height,
        prev_hash,
        ..context.clone()
    });
    let answer = RecoveryMessage {
        nonce,
        stored,
        view_change: None,
        prepared: None,
        decision: None,
        messages: Vec::new(),
    };
    Draft::new(
        &context,
        own,
        message.view,
        Payload::RecoveryMessage(Arc::new(answer)),
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use neo_primitives::{BlockBody, Datoshi, Header, UInt160, UInt256};

    use super::*;
    use crate::engine::{BlockLimits, HeightInfo, Now};
    use crate::index_set::IndexSet;
    use crate::v3::certificate::Signatures;
    use crate::v3::height::{Opening, Tempo};
    use crate::v3::leader::LeaderState;
    use crate::v3::testing::{context, hash, signature};
    use crate::v3::timing::{AdaptiveTimer, TimerSettings};

    const NOW: Now = Now {
        monotonic: Duration::ZERO,
        wall_ms: 10,
        entropy: 0,
    };

    /// Validator 1 at view 0 of a height.
    fn height() -> HeightState {
        let context = context(4);
        let parent = Header {
            version: 0,
            prev_hash: UInt256::ZERO,
            merkle_root: UInt256::ZERO,
            timestamp: 1,
            nonce: 0,
            index: Height(8),
            primary_index: ValidatorIndex(0),
            next_consensus: UInt160::ZERO,
        };
        let parent = BlockBody {
            header: parent,
            transactions: vec![],
        };
        let info = HeightInfo {
            height: context.height,
            parent: parent.header,
            parent_hash: context.prev_hash,
            magic: context.magic,
            validators: Arc::clone(&context.validators),
            next_consensus: UInt160::ZERO,
            block_time: Duration::from_secs(1),
            limits: BlockLimits {
                max_transactions: 1,
                max_block_size: 1,
                max_block_system_fee: Datoshi(0),
            },
            pool: 0,
            leaders: LeaderState::undisturbed(context.height, 4),
        };
        let opening = Opening {
            info,
            own: Some(ValidatorIndex(1)),
            silent: false,
            tempo: Tempo {
                timer: AdaptiveTimer::new(&TimerSettings::default()),
                lead: Duration::ZERO,
                previous_start: Duration::ZERO,
                filled: true,
                max_transactions: 1,
                leader_round_trip: Duration::ZERO,
            },
            parent_decision: None,
            timers: TimerSettings::default(),
            #[cfg(feature = "mutation")]
            mutation: None,
        };
        HeightState::open(NOW, opening, &mut Actions::default())
    }

    fn set(members: &[u8]) -> IndexSet {
        members.iter().copied().map(ValidatorIndex).collect()
    }

    /// What validator 3 asks, who has the Prepares of 0, 2 and 3, and perhaps the certificate.
    fn request(prepared: Option<View>) -> RecoveryRequest {
        RecoveryRequest {
            nonce: 0,
            prev_hash: hash(0xee),
            has_proposal: false,
            prepares: set(&[0, 2, 3]),
            pre_commits: set(&[]),
            change_views: set(&[]),
            commits: set(&[]),
            prepared,
            decided: false,
        }
    }

    #[test]
    fn two_holders_of_a_certificate_do_not_ask_each_other_for_its_votes() {
        let mut state = height();
        for sender in 0..3 {
            let vote = Message {
                height: Height(9),
                view: View::ZERO,
                sender: ValidatorIndex(sender),
                signature: signature(sender),
                payload: Payload::Prepare {
                    hash: hash(1),
                    justification: UInt256::ZERO,
                },
            };
            state.take_vote(vote, &mut Actions::default());
        }
        assert!(state.lacks_what_is_held(View::ZERO, &request(None)));
        let stored = Height(8);
        let answer = state.recovery_answer(View::ZERO, &request(None), stored, true);
        assert_eq!(answer.map(|answer| answer.messages.len()), Some(1));

        let signers = (0..3).map(|i| (ValidatorIndex(i), signature(i))).collect();
        let certificate = PreparedCertificate {
            view: View::ZERO,
            hash: hash(1),
            justification: UInt256::ZERO,
            signatures: Signatures::new(signers),
        };
        state.take_prepared(NOW, certificate, &mut Actions::default());
        let holder = request(Some(View::ZERO));
        assert!(!state.lacks_what_is_held(View::ZERO, &holder));
        assert_eq!(
            state.recovery_answer(View::ZERO, &holder, stored, true),
            None
        );
    }

    #[test]
    fn only_who_vouches_for_its_height_reports_it() {
        let state = height();
        let asked = RecoveryRequest {
            nonce: 7,
            ..request(None)
        };
        let message = Message {
            height: Height(3),
            view: View::ZERO,
            sender: ValidatorIndex(3),
            signature: signature(3),
            payload: Payload::RecoveryRequest(asked.clone()),
        };
        for (vouches, nonce) in [(true, 7), (false, 0)] {
            let stored = Height(8);
            let own = ValidatorIndex(1);
            let draft = stored_answer(&state.context, own, &message, stored, vouches);
            let Payload::RecoveryMessage(answer) = &draft.unsigned().payload else {
                panic!("an answer");
            };
            assert_eq!((answer.nonce, answer.stored), (nonce, stored));
            let answer = state.recovery_answer(View::ZERO, &asked, stored, vouches);
            assert_eq!(answer.map_or(0, |answer| answer.nonce), nonce);
        }
    }
}
