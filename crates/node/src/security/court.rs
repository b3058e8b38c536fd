//! Whether a proof convicts: what anybody can say who knows the validators of its height.

use std::sync::Arc;

use neo_consensus::v3::evidence::{Evidence, NotGuilty};
use neo_consensus::{ValidatorSet, ValidatorSetError};
use neo_ledger::{ChainReader, GenesisConfig};
use neo_primitives::{Decode as _, DecodeError, Height, Magic, PublicKey};

use super::terms::{Elected, ForEver, Terms};
use crate::verifier::Verifier;

/// Judges proofs about the validators of one network.
#[derive(Debug)]
pub struct Court {
    magic: Magic,
    terms: Box<dyn Terms>,
    verifier: Verifier,
}

/// A proof that convicts.
#[derive(Debug)]
pub struct Conviction {
    /// The proof.
    pub evidence: Evidence,
    /// Who is guilty.
    pub key: PublicKey,
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
    /// It is not known who validated the height. Whoever brought them may know.
    #[error("the validators of height {0} are not known here")]
    UnknownValidators(Height),
}

impl Court {
    /// For the validators of this genesis, whatever the height.
    ///
    /// # Errors
    /// If they are no set of validators.
    pub fn of(genesis: &GenesisConfig) -> Result<Self, ValidatorSetError> {
        let validators = Arc::new(ValidatorSet::new(genesis.validators())?);
        Ok(Self::by(genesis.magic, Box::new(ForEver(validators))))
    }

    /// For the validators that a verified chain has elected.
    #[must_use]
    pub fn of_chain(chain: Arc<dyn ChainReader>) -> Self {
        Self::by(chain.config().magic, Box::new(Elected(chain)))
    }

    /// For validators of whom somebody else knows.
    #[must_use]
    pub fn by(magic: Magic, terms: Box<dyn Terms>) -> Self {
        Self {
            magic,
            terms,
            verifier: Verifier::default(),
        }
    }

    /// Reads a proof and checks every signature in it.
    ///
    /// # Errors
    /// Why it convicts nobody.
    pub fn judge(&self, bytes: &[u8]) -> Result<Conviction, Unproven> {
        let evidence = Evidence::from_bytes(bytes)?;
        let height = evidence.height;
        let unknown = Unproven::UnknownValidators(height);
        let Some(validators) = self.terms.of_height(height) else {
            return Err(unknown);
        };
        evidence.verify(self.magic, &validators, &self.verifier)?;
        // It would not have been verified without a key.
        let key = validators.key(evidence.culprit()).cloned();
        let key = key.ok_or(unknown)?;
        Ok(Conviction { evidence, key })
    }

    /// The validators of a height, if they are known.
    #[must_use]
    pub fn of_height(&self, height: Height) -> Option<Arc<ValidatorSet>> {
        self.terms.of_height(height)
    }

    /// Those who are in office now, as far as is known.
    #[must_use]
    pub fn now(&self) -> Option<Arc<ValidatorSet>> {
        self.terms.now()
    }

    /// The key of the validator that a proof names, whether or not the proof holds.
    #[must_use]
    pub fn key_of(&self, evidence: &Evidence) -> Option<PublicKey> {
        let validators = self.terms.of_height(evidence.height)?;
        validators.key(evidence.culprit()).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use neo_consensus::View;
    use neo_consensus::v3::context::HeightContext;
    use neo_consensus::v3::evidence::{Guilt, Says, Statement};
    use neo_primitives::{Encode as _, PrivateKey, Signature, UInt256, ValidatorIndex};

    const MAGIC: Magic = Magic(9);

    fn court(key: &PrivateKey) -> Court {
        let keys = vec![key.public_key().clone()];
        let validators = ValidatorSet::new(keys).unwrap();
        Court::by(MAGIC, Box::new(ForEver(Arc::new(validators))))
    }

    /// A signed ChangeView for view 0, which nobody honest signs.
    fn proof(key: &PrivateKey, court: &Court) -> Evidence {
        let context = HeightContext {
            magic: MAGIC,
            height: Height(5),
            prev_hash: UInt256::ZERO,
            validators: court.of_height(Height(5)).unwrap(),
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
        assert_eq!(judged.evidence.culprit(), ValidatorIndex(0));
        assert_eq!(&judged.key, key.public_key());

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
