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

#[cfg(test)]
mod tests {
    use super::*;
    use neo_consensus::View;
    use neo_consensus::v3::context::HeightContext;
    use neo_consensus::v3::evidence::{Guilt, Says, Statement};
    use neo_primitives::{Encode as _, Height, PrivateKey, Signature, UInt256};

    const MAGIC: Magic = Magic(9);

    fn court(key: &PrivateKey) -> Court {
        let keys = vec![key.public_key().clone()];
        Court {
            magic: MAGIC,
            validators: Arc::new(ValidatorSet::new(keys).unwrap()),
            verifier: Verifier::default(),
        }
    }

    /// A signed ChangeView for view 0, which nobody honest signs.
    fn proof(key: &PrivateKey, court: &Court) -> Evidence {
        let context = HeightContext {
            magic: MAGIC,
            height: Height(5),
            prev_hash: UInt256::ZERO,
            validators: Arc::clone(&court.validators),
        };
        let mut statement = Statement {
            sender: ValidatorIndex(0),
            view: View::ZERO,
            says: Says::ChangeView { claim: None },
            signature: Signature([0; 64]),
        };
        statement.signature = key.sign(&statement.preimage(&context));
        Evidence::new(&context, Guilt::Impossible { statement })
    }

    #[test]
    fn a_proof_convicts_by_its_signatures_and_nothing_else_does() {
        let key = PrivateKey::generate();
        let court = court(&key);
        let evidence = proof(&key, &court);
        let judged = court.judge(&evidence.to_bytes()).unwrap();
        assert_eq!(
            (judged.culprit(), court.key(judged.culprit())),
            (ValidatorIndex(0), Some(key.public_key()))
        );

        let mut elsewhere = evidence.clone();
        elsewhere.magic = Magic(1);
        let other = PrivateKey::generate();
        for bad in [elsewhere, proof(&other, &court)] {
            let refused = court.judge(&bad.to_bytes());
            assert!(
                matches!(refused, Err(Unproven::NotGuilty(_))),
                "{refused:?}"
            );
        }
        let refused = court.judge(&[0xa5; 40]);
        assert!(
            matches!(refused, Err(Unproven::Unreadable(_))),
            "{refused:?}"
        );
    }
}
