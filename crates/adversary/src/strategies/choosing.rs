//! A leader that could form several view-change certificates forms the one that suits it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use neo_consensus::View;
use neo_consensus::engine::Recipient;
use neo_consensus::v3::certificate::{ViewChangeCertificate, ViewChangeEntry};
use neo_consensus::v3::message::Proposal;
use neo_consensus::v3::{Message, Payload};
use neo_primitives::{BlockBody, UInt256, ValidatorIndex};

use crate::attack::Attack;
use crate::forge::leader;
use crate::knowledge::Seen;
use crate::strategy::{Content, Outgoing, Scene, Strategy};

/// How long a proposal is held back to see more ChangeViews than it needs.
const PATIENCE: Duration = Duration::from_millis(200);

/// Waits for more than M ChangeViews and drops those that claim most, its own among them. If the
/// rest claims nothing it proposes another block; if less, the block of that claim.
#[derive(Debug, Default)]
pub(crate) struct HideGreatestClaim {
    held: Option<(Duration, Outgoing)>,
}

impl HideGreatestClaim {
    /// The certificate of the M lowest claims, when that hides something.
    pub(crate) fn lowest(
        seen: &Seen,
        own: &ViewChangeCertificate,
    ) -> Option<ViewChangeCertificate> {
        let view = own.view;
        let mut least: Vec<(ValidatorIndex, ViewChangeEntry)> = Vec::new();
        for (sender, entries) in seen.change_views(view) {
            let lowest = entries
                .into_iter()
                .min_by_key(|entry| entry.claim.map(|claim| claim.view))?;
            least.push((sender, lowest));
        }
        for (sender, entry) in &own.entries {
            if !least.iter().any(|(other, _)| other == sender) {
                least.push((*sender, entry.clone()));
            }
        }
        least.sort_by_key(|(sender, entry)| (entry.claim.map(|claim| claim.view), *sender));
        least.truncate(seen.quorum());
        let entries: BTreeMap<_, _> = least.into_iter().collect();
        let mut certificate = ViewChangeCertificate {
            view,
            entries,
            prepared: None,
        };
        let claimed = certificate.greatest_claim();
        let hides = claimed.map(|claim| claim.view) < own.greatest_claim().map(|claim| claim.view);
        if !hides || certificate.entries.len() < seen.quorum() {
            return None;
        }
        if let Some(claim) = claimed {
            let backing = seen
                .prepared()
                .into_iter()
                .find(|held| held.claim() == claim);
            certificate.prepared = Some(backing?);
        }
        Some(certificate)
    }

    fn bend(scene: &mut Scene<'_>, message: &Message) -> Option<Message> {
        let Payload::Proposal(proposal) = &message.payload else {
            return None;
        };
        let seen = scene.knowledge.at(message.height)?;
        let chosen = Self::lowest(seen, proposal.justification.as_ref()?)?;
        let again = |hash: &UInt256| {
            seen.proposals().find_map(|known| match &known.payload {
                Payload::Proposal(inner) if known.block() == Some(*hash) => Some(inner.clone()),
                _ => None,
            })
        };
        let bent = match &chosen.prepared {
            Some(prepared) => Proposal {
                justification: Some(chosen.clone()),
                parent: proposal.parent.clone(),
                ..again(&prepared.hash)?.as_ref().clone()
            },
            None => {
                let body = fresh(scene, seen, message.view)?;
                let like = Proposal {
                    justification: Some(chosen),
                    ..proposal.as_ref().clone()
                };
                let like = Message {
                    payload: Payload::Proposal(Arc::new(like)),
                    ..message.clone()
                };
                return scene.propose(seen, &like, &body);
            }
        };
        scene.say(seen, message.view, Payload::Proposal(Arc::new(bent)))
    }

    fn release(scene: &mut Scene<'_>, outgoing: Outgoing) -> Outgoing {
        let Content::Message(message) = &outgoing.content else {
            return outgoing;
        };
        match Self::bend(scene, message) {
            Some(bent) => Outgoing {
                content: Content::Message(bent),
                ..outgoing
            },
            None => outgoing,
        }
    }
}

/// An empty block of the own view that breaks no rule, shared with whoever asks for it.
fn fresh(scene: &mut Scene<'_>, seen: &Seen, view: View) -> Option<Arc<BlockBody>> {
    let own = seen.own.filter(|own| *own == leader(seen, view))?;
    let after = seen.info.parent.timestamp.saturating_add(1);
    let header = neo_primitives::Header {
        version: 0,
        prev_hash: seen.info.parent_hash,
        merkle_root: UInt256::ZERO,
        timestamp: scene.around.now.wall_ms.max(after),
        nonce: scene.random.next(),
        index: seen.info.height,
        primary_index: own,
        next_consensus: seen.info.next_consensus,
    };
    let body = Arc::new(BlockBody {
        header,
        transactions: Vec::new(),
    });
    scene.collusion.share_body(&body);
    Some(body)
}

impl Strategy for HideGreatestClaim {
    fn name(&self) -> &'static str {
        Attack::HideGreatestClaim.name()
    }

    fn outgoing(&mut self, scene: &mut Scene<'_>, outgoing: Vec<Outgoing>) -> Vec<Outgoing> {
        let mut passed = Vec::with_capacity(outgoing.len());
        for one in outgoing {
            let justified = match &one.content {
                Content::Message(message) => match &message.payload {
                    Payload::Proposal(proposal) => proposal
                        .justification
                        .as_ref()
                        .is_some_and(|held| held.prepared.is_some()),
                    _ => false,
                },
                Content::Bytes(_) => false,
            };
            if justified && one.to == Recipient::All {
                let until = scene.around.now.monotonic.saturating_add(PATIENCE);
                // An older one that is still held is of a view that is over.
                self.held = Some((until, one));
            } else {
                passed.push(one);
            }
        }
        passed
    }

    fn tick(&mut self, scene: &mut Scene<'_>) -> Vec<Outgoing> {
        let Some((until, held)) = self.held.take() else {
            return Vec::new();
        };
        let Content::Message(message) = &held.content else {
            return Vec::new();
        };
        let seen = scene.knowledge.at(message.height);
        let known = seen.map_or(0, |seen| seen.change_views(message.view).len());
        let all = seen.map_or(0, |seen| seen.info.validators.len());
        if known < all && scene.around.now.monotonic < until {
            self.held = Some((until, held));
            return Vec::new();
        }
        vec![Self::release(scene, held)]
    }
}
