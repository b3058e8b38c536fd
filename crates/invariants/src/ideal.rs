//! Ideal signatures: what a proof about a protocol assumes of a signature scheme, at the price of a hash.
//!
//! A signature is SHA-256(public key ‖ preimage), followed by the same digest with its first byte
//! inverted. It is deterministic, and one key and preimage have exactly one valid signature. Nobody can
//! forge by luck; that nobody forges on purpose follows from who is given an [`IdealSigner`]: a node
//! gets those of its own key only.

use neo_consensus::v3::certificate::Obligation;
use neo_consensus::v3::context::HeightContext;
use neo_consensus::v3::{SignatureCheck, Signer};
use neo_primitives::{PublicKey, Signature, sha256};

/// Signs for one public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdealSigner(PublicKey);

impl IdealSigner {
    /// The signer of a key. Give it to the node that owns the key and to nobody else.
    #[must_use]
    pub fn new(key: PublicKey) -> Self {
        Self(key)
    }

    /// The key it signs for.
    #[must_use]
    pub fn key(&self) -> &PublicKey {
        &self.0
    }
}

impl Signer for IdealSigner {
    fn sign(&self, preimage: &[u8]) -> Signature {
        ideal_signature(&self.0, preimage)
    }
}

/// Checks ideal signatures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IdealCheck;

impl IdealCheck {
    /// Whether `signature` is the one of `key` over `preimage`.
    #[must_use]
    pub fn valid(key: &PublicKey, preimage: &[u8], signature: &Signature) -> bool {
        ideal_signature(key, preimage) == *signature
    }
}

impl SignatureCheck for IdealCheck {
    fn all_valid(&self, context: &HeightContext, obligations: &[Obligation]) -> bool {
        obligations.iter().all(|obligation| {
            context
                .validators
                .key(obligation.validator)
                .is_some_and(|key| Self::valid(key, &obligation.preimage, &obligation.signature))
        })
    }
}

fn ideal_signature(key: &PublicKey, preimage: &[u8]) -> Signature {
    const ROOM: usize = 256;
    let key = key.as_bytes();
    let length = key.len().saturating_add(preimage.len());
    // Votes sign less than 150 bytes: no allocation for them.
    let mut room = [0; ROOM];
    let digest = match room.get_mut(..length) {
        Some(bytes) => {
            let (head, tail) = bytes.split_at_mut(key.len());
            head.copy_from_slice(key);
            tail.copy_from_slice(preimage);
            sha256(bytes)
        }
        None => sha256(&[key.as_slice(), preimage].concat()),
    };
    let mut signature = [0; 64];
    let (first, second) = signature.split_at_mut(digest.len());
    first.copy_from_slice(&digest);
    second.copy_from_slice(&digest);
    if let Some(byte) = second.first_mut() {
        *byte = !*byte;
    }
    Signature(signature)
}

#[cfg(test)]
mod tests {
    use super::*;
    use neo_primitives::PrivateKey;

    fn key(byte: u8) -> PublicKey {
        PrivateKey::from_bytes(&[byte; 32])
            .unwrap()
            .public_key()
            .clone()
    }

    #[test]
    fn a_signature_belongs_to_one_key_and_preimage() {
        for preimage in [vec![], vec![7; 32], vec![7; 1000]] {
            let signature = IdealSigner::new(key(1)).sign(&preimage);
            assert_eq!(signature, IdealSigner::new(key(1)).sign(&preimage));
            assert!(IdealCheck::valid(&key(1), &preimage, &signature));
            assert!(!IdealCheck::valid(&key(2), &preimage, &signature));
            let mut other = preimage.clone();
            other.push(0);
            assert!(!IdealCheck::valid(&key(1), &other, &signature));
            for position in [0, 31, 32, 63] {
                let mut changed = signature;
                changed.0[position] ^= 1;
                assert!(!IdealCheck::valid(&key(1), &preimage, &changed));
            }
        }
    }
}
