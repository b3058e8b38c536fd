//! Different truths for different halves of the network.

use std::collections::BTreeSet;
use std::sync::Arc;

use neo_consensus::View;
use neo_consensus::engine::Recipient;
use neo_consensus::v3::certificate::{
    Claim, Decision, PreparedClaim, ViewChangeCertificate, justification_hash,
};
use neo_consensus::v3::context::MessageKind;
use neo_consensus::v3::message::{ChangeView, Proposal};
use neo_consensus::v3::{Message, Payload};
use neo_primitives::{Height, PublicKey, UInt256};

use crate::attack::Attack;
use crate::collusion::Half;
use crate::forge::{Fate, bend};
use crate::knowledge::Seen;
use crate::strategy::{Outgoing, Reaction, Scene, Strategy};

/// Places of votes that are remembered as taken.
const MAX_SPENT: usize = 512;

fn half_of(scene: &Scene<'_>, seen: &Seen, key: &PublicKey) -> Half {
    scene.collusion.half(seen.info.validators.keys(), key)
}

/// As leader, two valid proposals of one view. A fresh block gets a twin with the same transactions and
/// another nonce; a repeated one, which cannot change, another justification where there are several.
#[derive(Debug, Default)]
pub(crate) struct EquivocatingProposals;

impl EquivocatingProposals {
    fn twin(scene: &mut Scene<'_>, seen: &Seen, message: &Message) -> Option<Message> {
        let Payload::Proposal(proposal) = &message.payload else {
            return None;
        };
        let prescribed = proposal
            .justification
            .as_ref()
            .is_some_and(|held| held.prepared.is_some());
        if prescribed {
            return Self::other_justification(scene, seen, message, proposal);
        }
        let hash = proposal.header.hash();
        let body = (scene.around.bodies)(&hash).or_else(|| {
            let own = seen.candidate.clone();
            own.filter(|body| body.hash() == hash)
        })?;
        let mut twin = body.as_ref().clone();
        twin.header.nonce = twin
            .header
            .nonce
            .wrapping_add(1 + scene.random.below(1 << 20));
        let twin = Arc::new(twin);
        scene.collusion.share_body(&twin);
        scene.propose(seen, message, &twin)
    }

    /// The same block with other ChangeViews of the same greatest claim.
    fn other_justification(
        scene: &Scene<'_>,
        seen: &Seen,
        message: &Message,
        proposal: &Proposal,
    ) -> Option<Message> {
        let own = proposal.justification.as_ref()?;
        let claimed = own.greatest_claim();
        let mut entries = own.entries.clone();
        let known = seen.change_views(message.view);
        let spare = known.into_iter().find_map(|(sender, all)| {
            let fits = |claim: &Claim| {
                claim.is_none_or(|claim| claimed.is_some_and(|most| claim.view < most.view))
            };
            let entry = all.into_iter().find(|entry| fits(&entry.claim))?;
            (!entries.contains_key(&sender)).then_some((sender, entry))
        })?;
        // The one that gives way must not be the only bearer of the greatest claim.
        let mut bearers = entries.iter().filter(|(_, entry)| entry.claim == claimed);
        let only = (bearers.next(), bearers.next());
        let keep = match only {
            (Some((sender, _)), None) => Some(*sender),
            _ => None,
        };
        let gone = entries
            .keys()
            .copied()
            .find(|sender| Some(*sender) != keep)?;
        entries.remove(&gone);
        entries.insert(spare.0, spare.1);
        let justification = ViewChangeCertificate {
            entries,
            ..own.clone()
        };
        let twin = Proposal {
            justification: Some(justification),
            ..proposal.clone()
        };
        scene.say(seen, message.view, Payload::Proposal(Arc::new(twin)))
    }
}

impl Strategy for EquivocatingProposals {
    fn name(&self) -> &'static str {
        Attack::EquivocateProposals.name()
    }

    fn outgoing(&mut self, scene: &mut Scene<'_>, outgoing: Vec<Outgoing>) -> Vec<Outgoing> {
        bend(scene, outgoing, |scene, seen, to, message| {
            if message.kind() != MessageKind::Proposal || !scene.is_own(seen, message) {
                return Fate::Pass;
            }
            let height = message.height;
            if scene.collusion.supported(height, message.view).is_none() {
                let Some(twin) = Self::twin(scene, seen, message) else {
                    return Fate::Pass;
                };
                let pair = [message.clone(), twin];
                scene.collusion.support(height, message.view, pair);
            }
            let half = half_of(scene, seen, to);
            let pair = scene.collusion.supported(height, message.view);
            match (pair, half) {
                (Some([_, twin]), Half::Second) if !scene.collusion.has(to) => Fate::Become(twin),
                _ => Fate::Pass,
            }
        })
    }

    fn tick(&mut self, scene: &mut Scene<'_>) -> Vec<Outgoing> {
        // Halves that did not get theirs, for whatever reason, get it again when nothing moves.
        Vec::from_iter(scene.random.once_in(10).then(|| retell(scene)).flatten())
    }
}

/// A proposal of a supported pair for one random validator.
fn retell(scene: &mut Scene<'_>) -> Option<Outgoing> {
    let seen = scene.knowledge.latest()?;
    let (_, pair) = scene.collusion.pairs(seen.info.height).pop()?;
    let others = scene.others(seen);
    let to = scene.random.pick(&others)?.clone();
    let mine = &pair[half_of(scene, seen, &to).index()];
    scene
        .is_own(seen, mine)
        .then(|| Outgoing::message(Recipient::One(to), mine.clone()))
}

/// Votes for the two proposals of a view, each towards its half; where there is only one block, votes
/// for one that does not exist, and ChangeViews that claim something else.
#[derive(Debug, Default)]
pub(crate) struct EquivocatingVotes {
    spent: BTreeSet<(Height, View, MessageKind, UInt256)>,
}

impl EquivocatingVotes {
    fn other(scene: &mut Scene<'_>, seen: &Seen, message: &Message) -> Option<Message> {
        let view = message.view;
        let rival = |hash: &UInt256| {
            let pair = scene.collusion.supported(seen.info.height, view);
            let of_pair = pair.and_then(|pair| {
                let ballots = pair.map(|proposal| ballot(&proposal));
                ballots
                    .into_iter()
                    .flatten()
                    .find(|(other, _)| other != hash)
            });
            let seen_here = seen
                .ballots()
                .find(|(of, other, _)| *of == view && other != hash)
                .map(|(_, other, justification)| (other, justification));
            of_pair.or(seen_here)
        };
        let made_up = |hash: &UInt256| {
            let mut bytes = *hash.as_wire();
            bytes[0] ^= 1;
            UInt256::from_wire(bytes)
        };
        let payload = match &message.payload {
            Payload::Prepare {
                hash,
                justification,
            } => {
                let other = rival(hash).unwrap_or((made_up(hash), *justification));
                Payload::Prepare {
                    hash: other.0,
                    justification: other.1,
                }
            }
            Payload::PreCommit { hash } => Payload::PreCommit {
                hash: rival(hash).map_or(made_up(hash), |other| other.0),
            },
            Payload::Commit { hash } => {
                let blocks = seen.proposals().filter_map(Message::block);
                let other = blocks.into_iter().find(|other| other != hash)?;
                Payload::Commit { hash: other }
            }
            Payload::ChangeView(change) => {
                let claim = match change.claim {
                    Some(_) => None,
                    None => Some(PreparedClaim {
                        view: View(view.0.checked_sub(1)?),
                        hash: seen.proposals().find_map(Message::block)?,
                    }),
                };
                Payload::ChangeView(Arc::new(ChangeView {
                    claim,
                    prepared: None,
                    reason: change.reason,
                }))
            }
            _ => return None,
        };
        scene.say(seen, view, payload)
    }

    fn spend(&mut self, height: Height, view: View, kind: MessageKind, hash: UInt256) -> bool {
        while self.spent.len() >= MAX_SPENT {
            self.spent.pop_first();
        }
        self.spent.insert((height, view, kind, hash))
    }

    /// Votes for both blocks of a pair, towards the half of each and among accomplices.
    fn support(&mut self, scene: &Scene<'_>, seen: &Seen) -> Vec<Outgoing> {
        let mut sent = Vec::new();
        let height = seen.info.height;
        let decided: Vec<UInt256> = seen
            .decisions()
            .iter()
            .filter(|decision| matches!(decision, Decision::Certificate(_)))
            .map(Decision::hash)
            .collect();
        for (view, pair) in scene.collusion.pairs(height) {
            for (half, proposal) in [Half::First, Half::Second].into_iter().zip(&pair) {
                let Some((hash, justification)) = ballot(proposal) else {
                    continue;
                };
                let mut votes = vec![
                    (
                        view,
                        Payload::Prepare {
                            hash,
                            justification,
                        },
                    ),
                    (view, Payload::PreCommit { hash }),
                ];
                if decided.contains(&hash) {
                    votes.push((View::ZERO, Payload::Commit { hash }));
                }
                for (of, payload) in votes {
                    if !self.spend(height, of, payload.kind(), hash) {
                        continue;
                    }
                    let Some(vote) = scene.say(seen, of, payload) else {
                        continue;
                    };
                    let meant = scene.others(seen).into_iter().filter(|key| {
                        scene.collusion.has(key) || half_of(scene, seen, key) == half
                    });
                    sent.extend(
                        meant.map(|to| Outgoing::message(Recipient::One(to), vote.clone())),
                    );
                }
            }
        }
        sent
    }
}

fn ballot(proposal: &Message) -> Option<(UInt256, UInt256)> {
    match &proposal.payload {
        Payload::Proposal(inner) => Some((
            inner.header.hash(),
            justification_hash(inner.justification.as_ref()),
        )),
        _ => None,
    }
}

impl Strategy for EquivocatingVotes {
    fn name(&self) -> &'static str {
        Attack::EquivocateVotes.name()
    }

    fn outgoing(&mut self, scene: &mut Scene<'_>, outgoing: Vec<Outgoing>) -> Vec<Outgoing> {
        bend(scene, outgoing, |scene, seen, to, message| {
            let plain = scene.collusion.has(to) || half_of(scene, seen, to) == Half::First;
            if plain || !scene.is_own(seen, message) {
                return Fate::Pass;
            }
            Self::other(scene, seen, message).map_or(Fate::Pass, Fate::Become)
        })
    }

    fn incoming(&mut self, scene: &mut Scene<'_>, from: &PublicKey, message: &Message) -> Reaction {
        // The own engine sees one side only, or it would leave the view for its accomplice's two
        // proposals.
        let pair = scene.collusion.supported(message.height, message.view);
        let second = pair.and_then(|[_, second]| second.block());
        let other_side = second.is_some() && message.block() == second;
        let send = match scene.knowledge.at(message.height) {
            Some(seen) => self.support(scene, seen),
            None => Vec::new(),
        };
        Reaction {
            keep: !(other_side && scene.collusion.has(from)),
            send,
        }
    }

    fn tick(&mut self, scene: &mut Scene<'_>) -> Vec<Outgoing> {
        let knowledge = scene.knowledge;
        let open = knowledge.heights().rev().take(2);
        open.flat_map(|seen| self.support(scene, seen)).collect()
    }
}
