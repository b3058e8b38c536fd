//! What the fuzz targets share.

pub mod checkpoint;
pub mod engine;
pub mod folder;
pub mod network;
pub mod older;
pub mod rpc;
pub mod seeds;

use neo_primitives::{Decode, Encode};

/// Reads bytes as a `T`. What is read has these bytes and no others: an encoding of its own would give
/// one value two hashes.
pub fn one_encoding<T: Decode + Encode>(bytes: &[u8]) -> Option<T> {
    let value = T::from_bytes(bytes).ok()?;
    assert_eq!(value.to_bytes(), bytes, "another encoding of the value");
    assert_eq!(value.encoded_len(), bytes.len(), "a wrong length");
    Some(value)
}
