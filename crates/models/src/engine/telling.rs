//! Events in words, for counter-examples.

use neo_consensus::v3::{Message, Payload};
use neo_primitives::{UInt256, ValidatorIndex};

use super::locals::{EventId, LocalEvent, Locals};

impl Locals {
    /// What happens at a node.
    pub(super) fn tell(&self, who: ValidatorIndex, event: EventId) -> String {
        match self.event(event) {
            None => String::new(),
            Some(LocalEvent::Timer) => format!("{who}: its view timer fires"),
            Some(LocalEvent::Deliver(messages)) => {
                let told: Vec<_> = messages
                    .iter()
                    .filter_map(|id| self.message(*id).map(message))
                    .collect();
                format!("{who} receives {}", told.join("; "))
            }
        }
    }
}

/// The first bytes of a hash.
#[must_use]
pub fn short(hash: &UInt256) -> String {
    let bytes = hash.as_wire().iter().take(3);
    bytes.map(|byte| format!("{byte:02x}")).collect()
}

/// A message in a few words.
#[must_use]
pub fn message(message: &Message) -> String {
    let (sender, view) = (message.sender, message.view);
    match &message.payload {
        Payload::Proposal(proposal) => {
            let hash = short(&proposal.header.hash());
            let why = match &proposal.justification {
                None => String::new(),
                Some(certificate) => match &certificate.prepared {
                    None => ", TC without a claim".to_owned(),
                    Some(held) => {
                        format!(", TC claiming PC({},{})", held.view, short(&held.hash))
                    }
                },
            };
            format!("Proposal({view}) of {hash} from {sender}{why}")
        }
        Payload::Prepare { hash, .. } => format!("Prepare({view}) {} of {sender}", short(hash)),
        Payload::PreCommit { hash } => format!("PreCommit({view}) {} of {sender}", short(hash)),
        Payload::Commit { hash } => format!("header signature on {} of {sender}", short(hash)),
        Payload::ChangeView(change) => match (&change.claim, &change.prepared) {
            (None, _) => format!("ChangeView({view}) of {sender} claiming nothing"),
            (Some(claim), backing) => {
                let backed = if backing.is_some() {
                    ""
                } else {
                    " without certificate"
                };
                let (held, hash) = (claim.view, short(&claim.hash));
                format!("ChangeView({view}) of {sender} claiming PC({held},{hash}){backed}")
            }
        },
        Payload::RecoveryMessage(recovery) => {
            let mut parts = Vec::new();
            if let Some(certificate) = &recovery.view_change {
                let claim = certificate.prepared.as_ref();
                let claim = claim.map_or_else(
                    || "without a claim".to_owned(),
                    |held| format!("claiming PC({},{})", held.view, short(&held.hash)),
                );
                parts.push(format!("TC({}) {claim}", certificate.view));
            }
            if let Some(held) = &recovery.prepared {
                parts.push(format!("PC({},{})", held.view, short(&held.hash)));
            }
            format!("{} from {sender}", parts.join(" and "))
        }
        Payload::RecoveryRequest(_) | Payload::Suspect => {
            format!("{:?} of {sender}", message.kind())
        }
    }
}
