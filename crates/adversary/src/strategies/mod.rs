//! One file for each family of attacks.

mod choosing;
mod claims;
mod delivery;
mod equivocation;
mod flooding;
mod forging;
mod invalid_blocks;
mod recovering;
mod replaying;
mod voting;
mod withholding;

use crate::attack::Attack;
use crate::strategy::Strategy;

/// The strategy behind an attack.
pub(crate) fn of(attack: Attack) -> Box<dyn Strategy> {
    match attack {
        Attack::EquivocateProposals => Box::<equivocation::EquivocatingProposals>::default(),
        Attack::EquivocateVotes => Box::<equivocation::EquivocatingVotes>::default(),
        Attack::WithholdVotes | Attack::WithholdCommits | Attack::WithholdProposals => {
            Box::new(withholding::Withholding::of(attack))
        }
        Attack::WithholdBodies => Box::<withholding::WithholdingBodies>::default(),
        Attack::HideClaim | Attack::FalseClaim => Box::new(claims::LyingClaims::of(attack)),
        Attack::JustificationToOne => Box::<delivery::JustificationToOne>::default(),
        Attack::VoteInLeftViews => Box::<voting::VoteInLeftViews>::default(),
        Attack::ForgeCertificates => Box::<forging::ForgeCertificates>::default(),
        Attack::Replay => Box::<replaying::Replay>::default(),
        Attack::InvalidBlocks => Box::<invalid_blocks::InvalidBlocks>::default(),
        Attack::SelectiveDelivery => Box::<delivery::SelectiveDelivery>::default(),
        Attack::DelayToTimeout => Box::<delivery::DelayToTimeout>::default(),
        Attack::FloodFuture => Box::<flooding::FloodFuture>::default(),
        Attack::Garbage => Box::<flooding::Garbage>::default(),
        Attack::HideGreatestClaim => Box::<choosing::HideGreatestClaim>::default(),
        Attack::ForceViewChanges => Box::<voting::ForceViewChanges>::default(),
        Attack::FalseRecovery => Box::<recovering::FalseRecovery>::default(),
        Attack::PrivateCertificates => Box::<voting::PrivateCertificates>::default(),
    }
}
