//! Whether a proof convicts: what anybody can say who has the validators of a network.

use std::sync::Arc;

use neo_consensus::v3::evidence::{Evidence, NotGuilty};
use neo_consensus::{ValidatorSet, ValidatorSetError};
use neo_ledger::GenesisConfig;
use neo_primitives::{Decode as _, DecodeError, Magic, PublicKey, ValidatorIndex};

use crate::verifier::Verifier;

/// Judges proofs about the validators of one network.
#[derive(Debug)]
pub struct Court {
    magic: Magic,
    validators: Arc<ValidatorSet>,
    verifier: Verifier,
}

/// Bytes that convict nobody.
#[derive(Debug, thiserror::Error)]
pub enum Unproven {
    /// They are no proof.
    #[error("no proof: {0}")]
    Unreadable(#[from] DecodeError),
    /// They prove nothing.
    #[error("proves nothing: {0}")]
    NotGuilty(#[from] NotGuilty),
}

impl Court {
    /// For the validators of this genesis.
    ///
    /// # Errors
    /// If they are no set of validators.
    pub fn of(genesis: &GenesisConfig) -> Result<Self, ValidatorSetError> {
        Ok(Self {
            magic: genesis.magic,
            validators: Arc::new(ValidatorSet::new(genesis.validators())?),
            verifier: Verifier::default(),
        })
    }

    /// Reads a proof and checks every signature in it.
    ///
    /// # Errors
    /// Why it convicts nobody.
    pub fn judge(&self, bytes: &[u8]) -> Result<Evidence, Unproven> {
        let evidence = Evidence::from_bytes(bytes)?;
        evidence.verify(self.magic, &self.validators, &self.verifier)?;
        Ok(evidence)
    }

    /// The key of a validator.
    #[must_use]
    pub fn key(&self, index: ValidatorIndex) -> Option<&PublicKey> {
        self.validators.key(index)
    }

    /// The index of a key.
    #[must_use]
    pub fn index(&self, key: &PublicKey) -> Option<ValidatorIndex> {
        self.validators.index_of(key)
    }

    pub(crate) fn keys(&self) -> Vec<PublicKey> {
        self.validators.keys().to_vec()
    }
}
