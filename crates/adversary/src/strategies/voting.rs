//! Votes where an honest validator gives none.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use neo_consensus::View;
use neo_consensus::engine::Recipient;
use neo_consensus::v3::certificate::PreparedCertificate;
use neo_consensus::v3::context::MessageKind;
use neo_consensus::v3::message::{ChangeView, ChangeViewReason};
use neo_consensus::v3::{Message, Payload};
use neo_primitives::{Height, PublicKey};

use crate::attack::Attack;
use crate::knowledge::Seen;
use crate::strategy::{Content, Outgoing, Reaction, Scene, Strategy};

/// Votes that are remembered as given.
const MAX_GIVEN: usize = 512;
/// Time between two requests for higher views.
const PRESSURE: Duration = Duration::from_millis(200);

type Given = BTreeSet<(Height, View, MessageKind)>;

fn give(given: &mut Given, key: (Height, View, MessageKind)) -> bool {
    while given.len() >= MAX_GIVEN {
        given.pop_first();
    }
    given.insert(key)
}

/// Goes on voting in views that its own ChangeView has left: Prepare for what is proposed or prepared
/// there, PreCommit for what is prepared there by a quorum.
#[derive(Debug, Default)]
pub(crate) struct VoteInLeftViews {
    given: Given,
}

impl VoteInLeftViews {
    fn asked(scene: &Scene<'_>, seen: &Seen) -> View {
        let own = seen.messages.iter().filter(|message| {
            message.kind() == MessageKind::ChangeView && scene.is_own(seen, message)
        });
        own.map(|message| message.view).max().unwrap_or_default()
    }

    fn votes(&mut self, scene: &Scene<'_>, seen: &Seen) -> Vec<Outgoing> {
        let left = Self::asked(scene, seen);
        let mut votes = Vec::new();
        for (view, hash, justification) in seen.ballots().filter(|(view, _, _)| *view < left) {
            let prepare = Payload::Prepare {
                hash,
                justification,
            };
            votes.push((view, prepare));
        }
        for held in seen.prepared().into_iter().filter(|held| held.view < left) {
            votes.push((held.view, Payload::PreCommit { hash: held.hash }));
        }
        let mut sent = Vec::new();
        for (view, payload) in votes {
            if give(&mut self.given, (seen.info.height, view, payload.kind()))
                && let Some(vote) = scene.say(seen, view, payload)
            {
                sent.push(Outgoing::message(Recipient::All, vote));
            }
        }
        sent
    }
}

impl Strategy for VoteInLeftViews {
    fn name(&self) -> &'static str {
        Attack::VoteInLeftViews.name()
    }

    fn outgoing(&mut self, scene: &mut Scene<'_>, outgoing: Vec<Outgoing>) -> Vec<Outgoing> {
        // Where the engine has voted, there is nothing to add.
        for one in &outgoing {
            if let Content::Message(message) = &one.content {
                let kind = match message.kind() {
                    MessageKind::Proposal => MessageKind::Prepare,
                    other => other,
                };
                let seen = scene.knowledge.at(message.height);
                if seen.is_some_and(|seen| scene.is_own(seen, message)) {
                    give(&mut self.given, (message.height, message.view, kind));
                }
            }
        }
        outgoing
    }

    fn tick(&mut self, scene: &mut Scene<'_>) -> Vec<Outgoing> {
        let knowledge = scene.knowledge;
        match knowledge.latest() {
            Some(seen) => self.votes(scene, seen),
            None => Vec::new(),
        }
    }
}

/// Supports every block that anybody proposes in any view, and lets one validator only know: it may
/// see a certificate that nobody else can form.
#[derive(Debug, Default)]
pub(crate) struct PrivateCertificates {
    given: BTreeSet<(Height, View, neo_primitives::UInt256)>,
}

impl Strategy for PrivateCertificates {
    fn name(&self) -> &'static str {
        Attack::PrivateCertificates.name()
    }

    fn incoming(
        &mut self,
        scene: &mut Scene<'_>,
        _from: &PublicKey,
        message: &Message,
    ) -> Reaction {
        let Some(seen) = scene.knowledge.at(message.height) else {
            return Reaction::keep();
        };
        let others = scene.others(seen);
        let mut send = Vec::new();
        let ballots: Vec<_> = seen.ballots().collect();
        for (view, hash, justification) in ballots {
            while self.given.len() >= MAX_GIVEN {
                self.given.pop_first();
            }
            if !self.given.insert((message.height, view, hash)) {
                continue;
            }
            let Some(to) = scene.random.pick(&others).cloned() else {
                continue;
            };
            let votes = [
                Payload::Prepare {
                    hash,
                    justification,
                },
                Payload::PreCommit { hash },
            ];
            for payload in votes {
                if let Some(vote) = scene.say(seen, view, payload) {
                    send.push(Outgoing::message(Recipient::One(to.clone()), vote));
                }
            }
        }
        Reaction { keep: true, send }
    }

    fn tick(&mut self, scene: &mut Scene<'_>) -> Vec<Outgoing> {
        // What was certified is shown to one validator, now and then.
        let knowledge = scene.knowledge;
        let Some(seen) = knowledge.latest().filter(|_| scene.random.once_in(4)) else {
            return Vec::new();
        };
        let parts = scene.some_certificates(seen);
        let message = scene.forward(seen, parts);
        scene.for_anybody(seen, message)
    }
}

/// Asks for higher views all the time, and suspects every leader.
#[derive(Debug, Default)]
pub(crate) struct ForceViewChanges {
    last: Option<Duration>,
}

impl Strategy for ForceViewChanges {
    fn name(&self) -> &'static str {
        Attack::ForceViewChanges.name()
    }

    fn tick(&mut self, scene: &mut Scene<'_>) -> Vec<Outgoing> {
        let due = scene.is_due(&mut self.last, PRESSURE);
        let knowledge = scene.knowledge;
        let Some(seen) = knowledge.latest().filter(|_| due) else {
            return Vec::new();
        };
        let view = seen.view();
        let step = u32::try_from(1 + scene.random.below(3)).unwrap_or(1);
        let target = View(view.0.saturating_add(step));
        let held = seen
            .prepared()
            .into_iter()
            .rev()
            .find(|held| held.view < target);
        let change = ChangeView {
            claim: held.as_ref().map(PreparedCertificate::claim),
            prepared: held,
            reason: ChangeViewReason::Joined,
        };
        let asks = scene.say(seen, target, Payload::ChangeView(Arc::new(change)));
        let suspects = scene.say(seen, view, Payload::Suspect);
        let both = asks.into_iter().chain(suspects);
        both.map(|message| Outgoing::message(Recipient::All, message))
            .collect()
    }
}
