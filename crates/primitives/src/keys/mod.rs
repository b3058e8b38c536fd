//! P-256 (secp256r1) keys and signatures.
//!
//! aws-lc-rs verifies and signs; p256 gives the points (validity, Y for ordering) and signatures that repeat.
//! A signature is `r ‖ s`, 32 bytes each, big-endian, over the SHA-256 of the message. Neo asks for no low `s`.

mod private;
mod public;
mod signature;

pub use private::PrivateKey;
pub use public::{PublicKey, VerifyingKey};
pub use signature::Signature;

use thiserror::Error;

/// Why bytes or text are not a key or signature. Private keys are never quoted.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum KeyError {
    /// A public key has 33 or 65 bytes.
    #[error("a public key has 33 or 65 bytes, not {0}")]
    PublicKeyLength(usize),
    /// The bytes are no point of the curve.
    #[error("{0} is no point of the curve P-256")]
    NotOnCurve(String),
    /// Text that is not hexadecimal.
    #[error("the text is not hexadecimal")]
    NotHex,
    /// A signature has 64 bytes.
    #[error("a signature has 64 bytes, not {0}")]
    SignatureLength(usize),
    /// A private key must lie between 1 and the order of the curve.
    #[error("the private key is zero or not below the order of the curve")]
    PrivateKeyRange,
    /// A WIF is Base58Check text of `80 ‖ key ‖ 01`.
    #[error("the text is no private key in WIF")]
    Wif,
}
