//! Engines of dBFT 2.0 with one broken rule (feature `mutation`), to see whether simulator and oracles notice.

use std::fmt;
use std::str::FromStr;

macro_rules! mutations {
    ($($(#[$doc:meta])+ $variant:ident = $name:literal;)+) => {
        /// One way to break one rule of docs/dbft2.md.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Mutation { $($(#[$doc])+ $variant,)+ }

        impl Mutation {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Its name on command lines and in tables, in kebab case.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }
        }
    };
}

mutations! {
    /// The driver sends before the vote log is durable. Drivers of simulations look for it.
    SendsBeforeDurable = "sends-before-durable";
    /// The driver does not make the own Commit durable. Drivers of simulations look for it.
    ForgetsCommit = "forgets-commit";
    /// A Commit leaves without what led to it on record.
    ForgetsContext = "forgets-context";
    /// A restart ignores the vote log.
    RestoresNothing = "restores-nothing";
    /// A lost vote log does not silence.
    NeverSilent = "never-silent";
    /// Prepares and commits after it has asked for the next view.
    AcceptsAfterChangeView = "accepts-after-change-view";
    /// Asks for the next view after its Commit.
    LeavesAfterCommit = "leaves-after-commit";
    /// M−1 preparations are enough for a Commit.
    CommitsOnFewer = "commits-on-fewer";
    /// M−1 ChangeViews begin a view.
    EntersOnFewer = "enters-on-fewer";
    /// What a RecoveryMessage says of others is believed without their signatures.
    BelievesRecovery = "believes-recovery";
    /// The witness has the last M Commits in the order of the keys.
    LastSignatures = "last-signatures";
    /// Nobody answers a request for recovery, and no Commit is repeated.
    NeverRecovers = "never-recovers";
}

impl fmt::Display for Mutation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that no mutation has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no mutation {0:?} of dBFT 2.0")]
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
