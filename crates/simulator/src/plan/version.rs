//! Which protocol a run is about.

use serde::{Deserialize, Serialize};

/// The phase of a validator of dBFT 2.0 whose Commit is durable: it keeps to its view from then on.
pub(crate) const COMMITTED: &str = "Committed";

/// A version of dBFT, written as its number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub enum Version {
    /// dBFT 2.0, what Neo N3 runs (docs/dbft2.md).
    Two,
    /// dBFT 3.0 (docs/protocol.md).
    #[default]
    Three,
}

/// A number that is no version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("protocol {0}, known are 2 and 3")]
pub struct UnknownVersion(u8);

impl Version {
    /// Whether it is dBFT 3.0.
    #[must_use]
    pub fn is_three(&self) -> bool {
        *self == Self::Three
    }
}

impl TryFrom<u8> for Version {
    type Error = UnknownVersion;

    fn try_from(number: u8) -> Result<Self, UnknownVersion> {
        match number {
            2 => Ok(Self::Two),
            3 => Ok(Self::Three),
            other => Err(UnknownVersion(other)),
        }
    }
}

impl From<Version> for u8 {
    fn from(version: Version) -> Self {
        match version {
            Version::Two => 2,
            Version::Three => 3,
        }
    }
}
