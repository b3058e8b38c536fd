//! Extensible payloads: the envelope in which Neo nodes pass messages of services such as dBFT 2.0.

use crate::block::expect_one_witness;
use crate::codec::{Decode, DecodeError, Encode, Reader, var_bytes_len, write_var_bytes};
use crate::hash::{UInt160, UInt256, sha256};
use crate::number::{Height, Magic};
use crate::witness::{Witness, WitnessError, verify_witness};

/// Most bytes of a category.
pub const MAX_CATEGORY: u64 = 32;

/// Most bytes of data (C#'s limit; neo-go reads twice as much).
pub const MAX_EXTENSIBLE_DATA: u64 = 0x0100_0000;

/// A signed message of a service (P2P command 2e). Bytes: category, start, end, sender, data (hashed so far),
/// `01`, witness.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ExtensiblePayload {
    /// Service, `dBFT` for consensus; at most 32 bytes.
    pub category: String,
    /// First height at which the payload is valid.
    pub valid_block_start: Height,
    /// First height at which it no longer is.
    pub valid_block_end: Height,
    /// Account that signs.
    pub sender: UInt160,
    /// The service's message.
    pub data: Vec<u8>,
    /// Signature of the sender.
    pub witness: Witness,
}

impl ExtensiblePayload {
    /// SHA-256 of the bytes before the witness.
    pub fn hash(&self) -> UInt256 {
        let mut out = Vec::with_capacity(self.unsigned_len());
        self.encode_unsigned(&mut out);
        UInt256::from_wire(sha256(&out))
    }

    /// Verifies the sender's witness over magic and hash.
    ///
    /// # Errors
    /// [`WitnessError`].
    pub fn verify(&self, magic: Magic) -> Result<(), WitnessError> {
        verify_witness(&self.sender, &self.witness, magic, &self.hash())
    }

    fn encode_unsigned(&self, out: &mut Vec<u8>) {
        write_var_bytes(out, self.category.as_bytes());
        out.extend_from_slice(&self.valid_block_start.0.to_le_bytes());
        out.extend_from_slice(&self.valid_block_end.0.to_le_bytes());
        out.extend_from_slice(self.sender.as_wire());
        write_var_bytes(out, &self.data);
    }

    fn unsigned_len(&self) -> usize {
        var_bytes_len(self.category.as_bytes()) + 28 + var_bytes_len(&self.data)
    }
}

impl Encode for ExtensiblePayload {
    fn encode(&self, out: &mut Vec<u8>) {
        self.encode_unsigned(out);
        out.push(1);
        self.witness.encode(out);
    }

    fn encoded_len(&self) -> usize {
        self.unsigned_len() + 1 + self.witness.encoded_len()
    }
}

impl Decode for ExtensiblePayload {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let category = r.field("category").var_string(MAX_CATEGORY)?.to_owned();
        let valid_block_start = Height(r.field("valid block start").u32()?);
        let valid_block_end = Height(r.field("valid block end").u32()?);
        if valid_block_start >= valid_block_end {
            return Err(r.invalid(format!(
                "valid from {valid_block_start} until before {valid_block_end} is never"
            )));
        }
        let sender = UInt160::decode(r.field("sender"))?;
        let data = r.field("data").var_bytes(MAX_EXTENSIBLE_DATA)?.to_vec();
        expect_one_witness(r)?;
        let witness = Witness::decode(r)?;
        Ok(Self {
            category,
            valid_block_start,
            valid_block_end,
            sender,
            data,
            witness,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sample() -> ExtensiblePayload {
        ExtensiblePayload {
            category: "dBFT".to_owned(),
            valid_block_start: Height(0),
            valid_block_end: Height(9),
            sender: UInt160::from_wire([1; 20]),
            data: vec![1, 2, 3],
            witness: Witness {
                invocation: vec![4],
                verification: vec![5],
            },
        }
    }

    #[test]
    fn validity_must_not_be_empty() {
        let mut payload = sample();
        payload.valid_block_start = Height(9);
        assert!(matches!(
            ExtensiblePayload::from_bytes(&payload.to_bytes()),
            Err(DecodeError::Invalid { .. })
        ));
    }

    #[test]
    fn a_category_has_32_bytes_at_most() {
        let mut payload = sample();
        payload.category = "x".repeat(33);
        assert!(matches!(
            ExtensiblePayload::from_bytes(&payload.to_bytes()),
            Err(DecodeError::TooLarge {
                value: 33,
                limit: 32,
                ..
            })
        ));
    }

    proptest! {
        #[test]
        fn payloads_come_back(category in "[a-z]{0,32}", start in 0u32..9, data: Vec<u8>) {
            let payload = ExtensiblePayload {
                category, data, valid_block_start: Height(start), ..sample()
            };
            let bytes = payload.to_bytes();
            prop_assert_eq!(bytes.len(), payload.encoded_len());
            prop_assert_eq!(ExtensiblePayload::from_bytes(&bytes), Ok(payload));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            if let Ok(payload) = ExtensiblePayload::from_bytes(&bytes) {
                prop_assert_eq!(payload.to_bytes(), bytes);
            }
        }
    }
}
