//! ChangeViews that claim less, or more, than is held.

use std::collections::BTreeMap;
use std::sync::Arc;

use neo_consensus::View;
use neo_consensus::v3::certificate::{Claim, PreparedCertificate, PreparedClaim, Signatures};
use neo_consensus::v3::message::ChangeView;
use neo_consensus::v3::{Message, Payload};
use neo_primitives::{Height, Signature, UInt256};

use crate::attack::Attack;
use crate::forge::{Fate, bend};
use crate::knowledge::Seen;
use crate::strategy::{Outgoing, Scene, Strategy};

/// Lies that are remembered, so that a repeated ChangeView tells the same one.
const MAX_LIES: usize = 64;

type Told = (Claim, Option<PreparedCertificate>);

/// Tells one lie in each ChangeView, the same one to everybody, again and again.
#[derive(Debug)]
pub(crate) struct LyingClaims {
    attack: Attack,
    lies: BTreeMap<(Height, View), Option<Told>>,
}

impl LyingClaims {
    pub(crate) fn of(attack: Attack) -> Self {
        Self {
            attack,
            lies: BTreeMap::new(),
        }
    }

    /// Nothing, or an older certificate than the claimed one.
    fn hide(scene: &mut Scene<'_>, seen: &Seen, claimed: Claim) -> Option<Told> {
        let claimed = claimed?;
        let mut older = seen.prepared();
        older.retain(|held| held.view < claimed.view);
        if scene.random.once_in(2) {
            return Some((None, None));
        }
        let picked = scene.random.pick(&older).cloned();
        Some((picked.as_ref().map(PreparedCertificate::claim), picked))
    }

    /// A certificate that does not exist: bare, or forged in one of the ways that come to mind.
    fn boast(scene: &mut Scene<'_>, seen: &Seen, target: View) -> Option<Told> {
        let below = View(target.0.checked_sub(1)?);
        let known: Vec<UInt256> = seen.proposals().filter_map(Message::block).collect();
        let invented = UInt256::from_wire([0xb0; 32]);
        let hash = scene.random.pick(&known).copied().unwrap_or(invented);
        let claim = |view, hash| Some(PreparedClaim { view, hash });
        let real = seen.prepared().pop();
        Some(match scene.random.below(6) {
            0 => (claim(below, hash), None),
            1 => {
                let forged = forged(scene, seen, below, hash);
                (claim(below, hash), Some(forged))
            }
            2 => {
                // A real one under another block's name, or of another view.
                let mut forged = real.unwrap_or_else(|| forged(scene, seen, below, hash));
                forged.hash = invented;
                forged.view = below;
                (Some(forged.claim()), Some(forged))
            }
            3 => {
                // The claim and its certificate do not fit.
                (claim(below, invented), real)
            }
            4 => (claim(target.next(), hash), None),
            _ => {
                let mut forged = forged(scene, seen, below, hash);
                let few = forged.signatures.iter().take(1);
                forged.signatures = Signatures::new(few.map(|(who, what)| (who, *what)).collect());
                (claim(below, hash), Some(forged))
            }
        })
    }
}

/// A prepared certificate whose every signature is the own one.
fn forged(scene: &Scene<'_>, seen: &Seen, view: View, hash: UInt256) -> PreparedCertificate {
    let justification = UInt256::ZERO;
    let vote = scene.say(
        seen,
        view,
        Payload::Prepare {
            hash,
            justification,
        },
    );
    let signature = vote.map_or(Signature([7; 64]), |vote| vote.signature);
    let signers = seen.info.validators.indexes().take(seen.quorum());
    PreparedCertificate {
        view,
        hash,
        justification,
        signatures: Signatures::new(signers.map(|index| (index, signature)).collect()),
    }
}

impl Strategy for LyingClaims {
    fn name(&self) -> &'static str {
        self.attack.name()
    }

    fn outgoing(&mut self, scene: &mut Scene<'_>, outgoing: Vec<Outgoing>) -> Vec<Outgoing> {
        bend(scene, outgoing, |scene, seen, _, message| {
            let Payload::ChangeView(change) = &message.payload else {
                return Fate::Pass;
            };
            if !scene.is_own(seen, message) {
                return Fate::Pass;
            }
            let key = (message.height, message.view);
            if !self.lies.contains_key(&key) {
                let lie = match self.attack {
                    Attack::HideClaim => Self::hide(scene, seen, change.claim),
                    _ => Self::boast(scene, seen, message.view),
                };
                if self.lies.len() >= MAX_LIES {
                    self.lies.pop_first();
                }
                self.lies.insert(key, lie);
            }
            let Some(Some((claim, prepared))) = self.lies.get(&key).cloned() else {
                return Fate::Pass;
            };
            let lie = ChangeView {
                claim,
                prepared,
                reason: change.reason,
            };
            let bent = scene.say(seen, message.view, Payload::ChangeView(Arc::new(lie)));
            bent.map_or(Fate::Pass, Fate::Become)
        })
    }
}
