//! What a validator may be asked to sign, as far as it binds the validator.

use std::fmt;

use neo_primitives::{Height, Signature, UInt256};

/// What of a height a signature is about. One view of one phase has one statement, ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Phase {
    /// The block, by its header signature; the view is 0, so there is one a height. The same slot for both
    /// protocols: a header signature does not say which one it was made for.
    Block = 1,
    /// dBFT 2.0: a PrepareRequest, or a PrepareResponse, which names a PrepareRequest.
    Preparation2 = 2,
    /// dBFT 3.0: a Proposal or Prepare. A leader's Prepare names its own Proposal.
    Preparation3 = 3,
    /// dBFT 3.0: a PreCommit.
    PreCommit = 4,
    /// dBFT 3.0: a ChangeView; the view is the one asked for.
    ChangeView = 5,
}

impl Phase {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Block,
        Self::Preparation2,
        Self::Preparation3,
        Self::PreCommit,
        Self::ChangeView,
    ];

    /// The phase with this number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|phase| *phase as u8 == number)
    }

    /// Its name in refusals.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::Preparation2 | Self::Preparation3 => "preparation",
            Self::PreCommit => "PreCommit",
            Self::ChangeView => "ChangeView",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A statement that binds: whoever signed it must not sign another one for the same height, phase and view.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Bond {
    /// The height.
    pub height: Height,
    /// The phase.
    pub phase: Phase,
    /// The view; 0 for a block.
    pub view: u32,
    /// All that is said, as a hash: two statements are the same if and only if this is.
    pub digest: UInt256,
}

/// What is asked for, as the rules see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Statement {
    /// It binds.
    Binds(Bond),
    /// dBFT 2.0's ChangeView. Any number of them, but none after the header signature of the height.
    Leaves {
        /// The height.
        height: Height,
    },
    /// dBFT 2.0's Commit: its body has to be the header signature that this key gave at the height.
    Confirms {
        /// The height.
        height: Height,
        /// The signature in its body.
        signature: Signature,
    },
    /// Recovery, and dBFT 3.0's Suspect: they bind nobody.
    Free,
}
