//! The attacks by name.

use std::fmt;
use std::str::FromStr;

/// One way to misbehave. Several can be combined in one [`crate::Adversary`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Attack {
    /// As leader, two valid blocks for one view, one for each half of the network.
    EquivocateProposals,
    /// Contradicting Prepares, PreCommits, ChangeViews and Commits for the two halves.
    EquivocateVotes,
    /// No Prepare, PreCommit, ChangeView or Suspect leaves.
    WithholdVotes,
    /// No header signature leaves.
    WithholdCommits,
    /// As leader, no proposal leaves.
    WithholdProposals,
    /// Bodies and transactions of blocks are not given to those who ask, or false ones are.
    WithholdBodies,
    /// ChangeViews claim no prepared certificate, or an older one.
    HideClaim,
    /// ChangeViews claim a prepared certificate that does not exist, with and without a forged one.
    FalseClaim,
    /// The proposal of a later view, and its view-change certificate, go to one validator only.
    JustificationToOne,
    /// Votes in views that were left by a ChangeView.
    VoteInLeftViews,
    /// Certificates with too few, wrong or repeated signers, or signatures of another view.
    ForgeCertificates,
    /// Old messages, certificates and header signatures again, also at other heights.
    Replay,
    /// As leader, blocks that break a rule: merkle root, next consensus, timestamp, transactions, sizes.
    InvalidBlocks,
    /// Every message reaches only some validators.
    SelectiveDelivery,
    /// Messages leave just before the receivers would give up.
    DelayToTimeout,
    /// Messages of far heights and views, as many as the bound allows.
    FloodFuture,
    /// Bytes that are no message, and messages whose insides are nonsense.
    Garbage,
    /// As leader that could form several view-change certificates, the one that hides the greatest claim.
    HideGreatestClaim,
    /// Asks for higher views without reason, alone or to push others along.
    ForceViewChanges,
    /// Recovery answers that lie about stored heights, and requests without end.
    FalseRecovery,
    /// Supports every block that is proposed, and completes certificates for one receiver only.
    PrivateCertificates,
}

impl Attack {
    /// All attacks.
    pub const ALL: [Self; 21] = [
        Self::EquivocateProposals,
        Self::EquivocateVotes,
        Self::WithholdVotes,
        Self::WithholdCommits,
        Self::WithholdProposals,
        Self::WithholdBodies,
        Self::HideClaim,
        Self::FalseClaim,
        Self::JustificationToOne,
        Self::VoteInLeftViews,
        Self::ForgeCertificates,
        Self::Replay,
        Self::InvalidBlocks,
        Self::SelectiveDelivery,
        Self::DelayToTimeout,
        Self::FloodFuture,
        Self::Garbage,
        Self::HideGreatestClaim,
        Self::ForceViewChanges,
        Self::FalseRecovery,
        Self::PrivateCertificates,
    ];

    /// Its name in plans and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::EquivocateProposals => "equivocate-proposals",
            Self::EquivocateVotes => "equivocate-votes",
            Self::WithholdVotes => "withhold-votes",
            Self::WithholdCommits => "withhold-commits",
            Self::WithholdProposals => "withhold-proposals",
            Self::WithholdBodies => "withhold-bodies",
            Self::HideClaim => "hide-claim",
            Self::FalseClaim => "false-claim",
            Self::JustificationToOne => "justification-to-one",
            Self::VoteInLeftViews => "vote-in-left-views",
            Self::ForgeCertificates => "forge-certificates",
            Self::Replay => "replay",
            Self::InvalidBlocks => "invalid-blocks",
            Self::SelectiveDelivery => "selective-delivery",
            Self::DelayToTimeout => "delay-to-timeout",
            Self::FloodFuture => "flood-future",
            Self::Garbage => "garbage",
            Self::HideGreatestClaim => "hide-greatest-claim",
            Self::ForceViewChanges => "force-view-changes",
            Self::FalseRecovery => "false-recovery",
            Self::PrivateCertificates => "private-certificates",
        }
    }

    /// The attacks behind a coarse mode of a command line: `equivocate`, `withhold`, `delay`,
    /// `garbage`, `flood`, `replay`; or a single attack by its own name. `random` is
    /// [`crate::Adversary::random`] and no list.
    ///
    /// # Errors
    /// Any other name.
    pub fn of_mode(mode: &str) -> Result<Vec<Self>, UnknownAttack> {
        Ok(match mode {
            "equivocate" => vec![
                Self::EquivocateProposals,
                Self::EquivocateVotes,
                Self::PrivateCertificates,
            ],
            "withhold" => vec![
                Self::WithholdVotes,
                Self::WithholdCommits,
                Self::WithholdProposals,
                Self::WithholdBodies,
            ],
            "delay" => vec![Self::DelayToTimeout],
            "flood" => vec![Self::FloodFuture, Self::FalseRecovery],
            other => vec![other.parse()?],
        })
    }
}

impl fmt::Display for Attack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that no attack has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no attack is called {name:?}; there are {}", names())]
pub struct UnknownAttack {
    /// The name given.
    pub name: String,
}

fn names() -> String {
    Attack::ALL.map(Attack::name).join(", ")
}

impl FromStr for Attack {
    type Err = UnknownAttack;

    fn from_str(text: &str) -> Result<Self, UnknownAttack> {
        Self::ALL
            .into_iter()
            .find(|attack| attack.name() == text)
            .ok_or_else(|| UnknownAttack {
                name: text.to_owned(),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_attack_has_a_name_of_its_own() {
        for attack in Attack::ALL {
            assert_eq!(attack.name().parse(), Ok(attack));
        }
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_known_ones() {
        let error = "equivocat".parse::<Attack>().unwrap_err().to_string();
        assert!(error.contains("equivocate-votes"), "{error}");
        assert!(Attack::of_mode("nonsense").is_err());
    }

    #[test]
    fn the_modes_of_the_command_line_are_lists_of_attacks() {
        for mode in [
            "equivocate",
            "withhold",
            "delay",
            "garbage",
            "flood",
            "replay",
        ] {
            assert!(!Attack::of_mode(mode).unwrap().is_empty(), "{mode}");
        }
    }
}
