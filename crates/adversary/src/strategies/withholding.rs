//! What does not leave at all.

use std::sync::Arc;

use neo_consensus::v3::{Message, Payload};
use neo_primitives::{BlockBody, PublicKey, UInt256};

use crate::attack::Attack;
use crate::forge::{Fate, bend};
use crate::strategy::{Outgoing, Scene, Strategy};

/// Holds one family of own messages back, also out of recovery answers. What is in certificates
/// already cannot be taken back.
#[derive(Debug)]
pub(crate) struct Withholding {
    attack: Attack,
}

impl Withholding {
    pub(crate) fn of(attack: Attack) -> Self {
        Self { attack }
    }

    fn withholds(&self, message: &Message) -> bool {
        match self.attack {
            Attack::WithholdVotes => matches!(
                message.payload,
                Payload::Prepare { .. }
                    | Payload::PreCommit { .. }
                    | Payload::ChangeView(_)
                    | Payload::Suspect
            ),
            Attack::WithholdCommits => matches!(message.payload, Payload::Commit { .. }),
            _ => matches!(message.payload, Payload::Proposal(_)),
        }
    }
}

impl Strategy for Withholding {
    fn name(&self) -> &'static str {
        self.attack.name()
    }

    fn outgoing(&mut self, scene: &mut Scene<'_>, outgoing: Vec<Outgoing>) -> Vec<Outgoing> {
        bend(scene, outgoing, |_, _, _, message| {
            if self.withholds(message) {
                Fate::Drop
            } else {
                Fate::Pass
            }
        })
    }
}

/// Gives bodies to nobody, or false ones: other transactions, or another block altogether.
#[derive(Debug, Default)]
pub(crate) struct WithholdingBodies;

impl Strategy for WithholdingBodies {
    fn name(&self) -> &'static str {
        Attack::WithholdBodies.name()
    }

    fn body(
        &mut self,
        scene: &mut Scene<'_>,
        _asker: &PublicKey,
        hash: &UInt256,
        held: Option<Arc<BlockBody>>,
    ) -> Option<Arc<BlockBody>> {
        let held = held?;
        let mut lie = held.as_ref().clone();
        match scene.random.below(4) {
            0 if !lie.transactions.is_empty() => {
                lie.transactions.pop();
            }
            1 => lie.header.nonce = lie.header.nonce.wrapping_add(1),
            2 => {
                let known = scene
                    .knowledge
                    .heights()
                    .filter_map(|seen| seen.candidate.as_ref());
                return known.rev().find(|other| other.hash() != *hash).cloned();
            }
            _ => return None,
        }
        Some(Arc::new(lie))
    }
}
