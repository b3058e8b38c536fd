//! Neo's JSON forms of blocks, transactions and executions.

pub(super) mod block;
pub(super) mod execution;
pub(super) mod signer;
pub(super) mod transaction;

use base64::{Engine, engine::general_purpose::STANDARD};
use neo_primitives::Witness;
use serde::{Serialize, Serializer};

/// Bytes as base64.
pub(super) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// A field of bytes as base64.
pub(super) fn as_base64<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&base64::display::Base64Display::new(bytes, &STANDARD))
}

/// A number as a string of its digits, as Neo writes amounts.
pub(super) fn as_text<T: std::fmt::Display, S: Serializer>(
    value: &T,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

/// `{invocation, verification}`.
#[derive(Serialize)]
pub(super) struct WitnessJson<'a> {
    #[serde(serialize_with = "as_base64")]
    invocation: &'a [u8],
    #[serde(serialize_with = "as_base64")]
    verification: &'a [u8],
}

impl<'a> From<&'a Witness> for WitnessJson<'a> {
    fn from(witness: &'a Witness) -> Self {
        Self {
            invocation: &witness.invocation,
            verification: &witness.verification,
        }
    }
}
