//! What does not leave at all.

use std::sync::Arc;

use neo_consensus::v3::Payload;
use neo_primitives::{BlockBody, PublicKey, UInt256};

use crate::attack::Attack;
use crate::strategy::{Content, Outgoing, Scene, Strategy};

/// Holds one family of messages back, also out of recovery answers.
#[derive(Debug)]
pub(crate) struct Withholding {
    attack: Attack,
}

impl Withholding {
    pub(crate) fn of(attack: Attack) -> Self {
        Self { attack }
    }

    fn withholds(&self, payload: &Payload) -> bool {
        match self.attack {
            Attack::WithholdVotes => matches!(
                payload,
                Payload::Prepare { .. }
                    | Payload::PreCommit { .. }
                    | Payload::ChangeView(_)
                    | Payload::Suspect
                    | Payload::RecoveryMessage(_)
            ),
            Attack::WithholdCommits => matches!(payload, Payload::Commit { .. }),
            Attack::WithholdProposals => matches!(payload, Payload::Proposal(_)),
            _ => false,
        }
    }
}

impl Strategy for Withholding {
    fn name(&self) -> &'static str {
        self.attack.name()
    }

    fn outgoing(&mut self, _scene: &mut Scene<'_>, mut outgoing: Vec<Outgoing>) -> Vec<Outgoing> {
        outgoing.retain(|one| match &one.content {
            Content::Message(message) => !self.withholds(&message.payload),
            Content::Bytes(_) => true,
        });
        outgoing
    }

    fn body(
        &mut self,
        _scene: &mut Scene<'_>,
        _asker: &PublicKey,
        _hash: &UInt256,
        held: Option<Arc<BlockBody>>,
    ) -> Option<Arc<BlockBody>> {
        held.filter(|_| self.attack != Attack::WithholdBodies)
    }
}
