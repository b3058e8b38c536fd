//! Who validates which height.

use std::fmt;
use std::sync::Arc;

use neo_consensus::ValidatorSet;
use neo_ledger::ChainReader;
use neo_primitives::{
    Height, PublicKey, SignedHeader, consensus_address, hash160, parse_multisig_script,
};

/// Knows the validators of heights.
pub trait Terms: fmt::Debug + Send + Sync {
    /// The validators of a height; `None` where they are not known, or not yet.
    fn of_height(&self, height: Height) -> Option<Arc<ValidatorSet>>;

    /// Those who are in office now, as far as is known.
    fn now(&self) -> Option<Arc<ValidatorSet>>;
}

/// One set for all heights.
#[derive(Debug)]
pub(super) struct ForEver(pub(super) Arc<ValidatorSet>);

impl Terms for ForEver {
    fn of_height(&self, _: Height) -> Option<Arc<ValidatorSet>> {
        Some(Arc::clone(&self.0))
    }

    fn now(&self) -> Option<Arc<ValidatorSet>> {
        Some(Arc::clone(&self.0))
    }
}

/// Those that a verified chain has elected.
pub(super) struct Elected(pub(super) Arc<dyn ChainReader>);

impl fmt::Debug for Elected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Elected").finish_non_exhaustive()
    }
}

impl Terms for Elected {
    /// Of a stored block: who signed it. Of the height above the tip: whom the ledger names, if the tip does, too.
    fn of_height(&self, height: Height) -> Option<Arc<ValidatorSet>> {
        let below = Height(height.0.checked_sub(1)?);
        let header = |height| match self.0.header(height) {
            Ok(header) => header,
            Err(error) => {
                tracing::error!(%height, %error, "a stored header cannot be read");
                None
            }
        };
        let parent = header(below)?;
        match header(height) {
            Some(signed) => signers(&parent, &signed),
            None => named(&parent, self.0.validators().ok()?),
        }
    }

    /// Until the ledger has read who was elected, those before them.
    fn now(&self) -> Option<Arc<ValidatorSet>> {
        let tip = self.0.height();
        let coming = self.of_height(tip.next());
        coming.or_else(|| self.of_height(tip))
    }
}

/// The validators that signed a block, as its witness shows them. They have the account that the block below names: a
/// witness is not covered by the hash of its block.
#[must_use]
pub fn signers(parent: &SignedHeader, signed: &SignedHeader) -> Option<Arc<ValidatorSet>> {
    let script = &signed.witness.verification;
    if hash160(script) != parent.header.next_consensus
        || signed.header.prev_hash != parent.header.hash()
    {
        return None;
    }
    let (_, keys) = parse_multisig_script(script)?;
    let keys: Result<Vec<PublicKey>, _> =
        keys.iter().map(|key| PublicKey::from_bytes(key)).collect();
    ValidatorSet::new(keys.ok()?).ok().map(Arc::new)
}

/// These validators, if they have the account that the block below their height names.
#[must_use]
pub fn named(parent: &SignedHeader, validators: Vec<PublicKey>) -> Option<Arc<ValidatorSet>> {
    if validators.is_empty() || consensus_address(&validators) != parent.header.next_consensus {
        return None;
    }
    ValidatorSet::new(validators).ok().map(Arc::new)
}
