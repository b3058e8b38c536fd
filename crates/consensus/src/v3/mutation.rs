//! Engines with one broken rule (feature `mutation`), to see whether simulator and oracles notice.
//!
//! A rule whose removal nobody notices is a rule nobody tests. Each [`Mutation`] weakens one rule of
//! protocol section 5 at one place: mostly where `mutated!` stands in the engine, otherwise here, where
//! `bend` changes what the engine asked its driver to do.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use neo_primitives::UInt256;

use super::engine::V3Engine;
use super::message::{Draft, Payload};
use super::record::Record;
use crate::engine::{Actions, Fetch, Recipient};

macro_rules! mutations {
    ($($(#[$doc:meta])+ $variant:ident = $rule:literal, $name:literal;)+) => {
        /// One way to break one rule.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Mutation { $($(#[$doc])+ $variant,)+ }

        impl Mutation {
            /// All of them, by rule.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Its name on command lines and in tables, in kebab case.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// The rule of protocol section 5 that it breaks; 0 for what other sections say: the quorum (2), leaders
            /// (7), timing (8), recovery (9).
            #[must_use]
            pub fn rule(self) -> u8 {
                match self { $(Self::$variant => $rule,)+ }
            }
        }
    };
}

mutations! {
    /// A leader signs a second block of its view.
    SecondProposal = 1, "second-proposal";
    /// A backup signs a second Prepare of its view.
    SecondPrepare = 1, "second-prepare";
    /// A second PreCommit of one view.
    SecondPreCommit = 1, "second-pre-commit";
    /// A second ChangeView for one target, with another claim.
    SecondChangeView = 1, "second-change-view";
    /// Prepares and pre-commits in a view after it asked for the next one.
    VotesAfterChangeView = 2, "votes-after-change-view";
    /// Pre-commits in a view after it asked for the next one.
    PreCommitsAfterChangeView = 2, "pre-commits-after-change-view";
    /// Pre-commits on a certificate of a view below the current one.
    PreCommitsInLeftView = 2, "pre-commits-in-left-view";
    /// A leader proposes a fresh block although its TC carries one.
    FreshDespiteClaim = 3, "fresh-despite-claim";
    /// A backup takes any block at a view above 0, whatever its TC carries.
    AdmitsAnyBlock = 3, "admits-any-block";
    /// A backup refuses blocks other than that of its own highest PC.
    ConsultsOwnLock = 3, "consults-own-lock";
    /// Any `PrimaryIndex` will do.
    AnyPrimaryIndex = 4, "any-primary-index";
    /// The leader of view 0 loses no score by failing.
    CountsWrongView = 0, "counts-wrong-view";
    /// The leader order does not begin anew after 10,000 heights.
    MissesReset = 0, "misses-reset";
    /// The leader order of one set of validators goes on with the next one.
    KeepsScores = 0, "keeps-scores";
    /// A CC of a view that was left does not decide.
    IgnoresLeftCertificate = 5, "ignores-left-certificate";
    /// f+1 header signatures do not decide.
    IgnoresHeaderSignatures = 5, "ignores-header-signatures";
    /// f header signatures decide.
    FewerHeaderSignatures = 5, "fewer-header-signatures";
    /// The header is signed with the PC, before the decision.
    CommitOnPrepared = 6, "commit-on-prepared";
    /// A ChangeView of a decided height is not answered.
    SilentWhenDecided = 6, "silent-when-decided";
    /// The request that another validator brings is answered to that one.
    AnswersBearer = 6, "answers-bearer";
    /// ChangeViews claim no PC.
    ClaimsNothing = 7, "claims-nothing";
    /// ChangeViews claim nothing that was prepared in the view they give up.
    ClaimsOlder = 7, "claims-older";
    /// f+1 ChangeViews make a TC.
    EntersOnFewer = 7, "enters-on-fewer";
    /// Asks for the view after the next one when its view fails.
    SkipsView = 7, "skips-view";
    /// ChangeViews are sent once.
    NeverRepeats = 7, "never-repeats";
    /// f validators that ask for a view are enough to join.
    JoinsTooFew = 7, "joins-too-few";
    /// Repeats its first ChangeView of a height for ever.
    LowersTarget = 7, "lowers-target";
    /// Who votes in a lower view is not answered.
    SilentToLowerViews = 7, "silent-to-lower-views";
    /// f+1 Suspects lead to a ChangeView.
    SuspectsTooFew = 7, "suspects-too-few";
    /// The own suspicion leads to a ChangeView, whatever others think.
    SuspectsAlone = 7, "suspects-alone";
    /// The driver sends before the vote log is durable. Drivers of simulations look for it.
    SendsBeforeDurable = 8, "sends-before-durable";
    /// Bodies are not made durable.
    ForgetsBodyRecords = 8, "forgets-body-records";
    /// PCs are not made durable.
    ForgetsPreparedRecords = 8, "forgets-prepared-records";
    /// TCs are not made durable.
    ForgetsViewRecords = 8, "forgets-view-records";
    /// Decisions are not made durable.
    ForgetsDecisionRecords = 8, "forgets-decision-records";
    /// A restart ignores the vote log.
    RestoresNothing = 8, "restores-nothing";
    /// A lost vote log does not silence.
    NeverSilent = 8, "never-silent";
    /// Silence ends two blocks above the reported height.
    ShortSilence = 8, "short-silence";
    /// Missing bodies are not fetched.
    NeverFetches = 9, "never-fetches";
    /// The signers of a certificate are asked last.
    AsksSignersLast = 9, "asks-signers-last";
    /// Prepares without the body.
    PreparesWithoutBody = 9, "prepares-without-body";
    /// A new view forgets the bodies of the old one.
    DropsLosingBodies = 9, "drops-losing-bodies";
    /// A slow block counts in full for the base of the view timer.
    UnboundedSamples = 0, "unbounded-samples";
    /// A height that stands still is no emergency.
    NoEmergency = 0, "no-emergency";
    /// What one validator brings of another is believed without its signature.
    BelievesRelays = 0, "believes-relays";
    /// Certificates of M−1 votes.
    SmallQuorum = 0, "small-quorum";
}

impl Mutation {
    /// Whether it is a rule of the leader order that it breaks.
    #[must_use]
    pub fn bends_leaders(self) -> bool {
        matches!(
            self,
            Self::CountsWrongView | Self::MissesReset | Self::KeepsScores
        )
    }

    /// Whether no run of the swarm need show it within its heights and seeds; a test of its own does.
    #[must_use]
    pub fn is_left_to_tests(self) -> bool {
        matches!(
            self,
            Self::MissesReset | Self::KeepsScores | Self::UnboundedSamples | Self::NoEmergency
        )
    }

    /// The rule that is broken in the tests of this crate: `NEO_MUTATION` names it. A test that passes all the
    /// same does not hold that rule.
    #[cfg(test)]
    pub(crate) fn of_tests() -> Option<Self> {
        let name = std::env::var("NEO_MUTATION").ok()?;
        Some(name.parse().expect("NEO_MUTATION names a mutation"))
    }
}

impl fmt::Display for Mutation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that no mutation has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no mutation {0:?}")]
pub struct UnknownMutation(String);

impl FromStr for Mutation {
    type Err = UnknownMutation;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.iter().find(|one| one.name() == name);
        found
            .copied()
            .ok_or_else(|| UnknownMutation(name.to_owned()))
    }
}

/// Changes what one step of the engine wants done.
pub(super) fn bend(mutation: Option<Mutation>, actions: &mut Actions<V3Engine>) {
    let Some(mutation) = mutation else { return };
    actions.persist.retain(|record| match record {
        Record::Body(_) => mutation != Mutation::ForgetsBodyRecords,
        Record::Prepared { .. } => mutation != Mutation::ForgetsPreparedRecords,
        Record::ViewChange { .. } => mutation != Mutation::ForgetsViewRecords,
        Record::Decision { .. } => mutation != Mutation::ForgetsDecisionRecords,
        _ => true,
    });
    match mutation {
        Mutation::NeverFetches => {
            actions
                .fetch
                .retain(|fetch| matches!(fetch, Fetch::Blocks { .. }));
        }
        Mutation::AsksSignersLast => {
            for fetch in &mut actions.fetch {
                if let Fetch::Body { from, .. } = fetch {
                    from.reverse();
                }
            }
        }
        _ => {}
    }
    let drafts = std::mem::take(&mut actions.send);
    for (to, draft) in drafts {
        let more = also(mutation, &draft);
        actions.send.push((to, draft));
        if let Some(more) = more {
            actions.send.push((Recipient::All, more));
        }
    }
}

/// What is signed besides a draft.
fn also(mutation: Mutation, draft: &Draft) -> Option<Draft> {
    let message = draft.unsigned();
    let other = |hash: &UInt256| {
        let mut bytes = *hash.as_wire();
        bytes[0] ^= 1;
        UInt256::from_wire(bytes)
    };
    let payload = match (mutation, &message.payload) {
        (Mutation::SecondProposal, Payload::Proposal(proposal)) => {
            let mut second = proposal.as_ref().clone();
            second.header.nonce ^= 1;
            Payload::Proposal(Arc::new(second))
        }
        (
            Mutation::SecondPrepare,
            Payload::Prepare {
                hash,
                justification,
            },
        ) => {
            let justification = *justification;
            Payload::Prepare {
                hash: other(hash),
                justification,
            }
        }
        (Mutation::SecondPreCommit, Payload::PreCommit { hash }) => {
            Payload::PreCommit { hash: other(hash) }
        }
        (Mutation::SecondChangeView, Payload::ChangeView(change)) if change.claim.is_some() => {
            let mut second = change.as_ref().clone();
            (second.claim, second.prepared) = (None, None);
            Payload::ChangeView(Arc::new(second))
        }
        (Mutation::CommitOnPrepared, Payload::PreCommit { hash }) => {
            Payload::Commit { hash: *hash }
        }
        _ => return None,
    };
    let view = match payload {
        Payload::Commit { .. } => crate::validators::View::ZERO,
        _ => message.view,
    };
    Some(Draft::new(draft.context(), message.sender, view, payload))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_rule_can_be_broken_and_every_mutation_has_a_name() {
        let rules: BTreeSet<_> = Mutation::ALL.iter().map(|one| one.rule()).collect();
        assert_eq!(rules, (0..=9).collect());
        for mutation in Mutation::ALL {
            assert_eq!(mutation.to_string().parse(), Ok(*mutation));
        }
        let names: BTreeSet<_> = Mutation::ALL.iter().map(|one| one.name()).collect();
        assert_eq!(names.len(), Mutation::ALL.len());
        assert!("nothing".parse::<Mutation>().is_err());
    }
}
