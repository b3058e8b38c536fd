//! The real engine against a Byzantine validator.
mod fair;
mod locals;
pub mod model;
mod moves;
pub mod node;
pub mod plays;
pub mod replay;
mod safety;
pub mod telling;
pub mod world;

use neo_consensus::ValidatorSetError;
use neo_consensus::v3::EngineSettings;
use neo_primitives::ValidatorIndex;

/// Why a model cannot be run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// A set that cannot be.
    #[error(transparent)]
    Validators(#[from] ValidatorSetError),
    /// An index beyond the set.
    #[error("validator {index} in a set of {count}")]
    Byzantine {
        /// The index given.
        index: ValidatorIndex,
        /// Size of the set.
        count: usize,
    },
}

/// The rule that the honest engines of a run break: none, unless the crate is built with the feature
/// `mutation`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Broken {
    /// The broken rule.
    #[cfg(feature = "mutation")]
    pub mutation: Option<neo_consensus::v3::mutation::Mutation>,
}

impl Broken {
    #[cfg(feature = "mutation")]
    fn apply(self, settings: EngineSettings) -> EngineSettings {
        EngineSettings {
            mutation: self.mutation,
            ..settings
        }
    }

    #[cfg(not(feature = "mutation"))]
    fn apply(self, settings: EngineSettings) -> EngineSettings {
        settings
    }
}
