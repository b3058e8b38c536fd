//! How the ledger checks signatures.

use neo_primitives::{KeyError, Signature};

/// A signature scheme over compressed public keys.
///
/// A Neo network knows one, ECDSA on P-256, and every ledger uses it unless it is told otherwise. The seam
/// exists for simulations, whose signatures cost next to nothing and come out the same on every run.
pub trait SignatureScheme: Send + Sync {
    /// Whether `signature` is one of `key` over `message`.
    ///
    /// # Errors
    /// When the bytes are no public key.
    fn verify(
        &self,
        key: &[u8; 33],
        message: &[u8],
        signature: &Signature,
    ) -> Result<bool, KeyError>;
}
