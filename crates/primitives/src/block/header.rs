//! Block headers.

use crate::codec::{Decode, DecodeError, Encode, Reader};
use crate::hash::{UInt160, UInt256, sha256};
use crate::number::{Height, ValidatorIndex};
use crate::witness::{DEFAULT_WITNESS_LIMIT, Witness};

/// The 109 hashed bytes of a Neo N3 header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Header {
    /// Always 0; other values decode and are refused by validation.
    pub version: u32,
    /// Hash of the block before.
    pub prev_hash: UInt256,
    /// Root of the transactions' hashes.
    pub merkle_root: UInt256,
    /// Milliseconds since 1970, greater than the block's before.
    pub timestamp: u64,
    /// Random number chosen by the primary.
    pub nonce: u64,
    /// Height of the block.
    pub index: Height,
    /// Validator that proposed the block.
    pub primary_index: ValidatorIndex,
    /// Account that signs the next block.
    pub next_consensus: UInt160,
}

impl Header {
    /// Number of bytes.
    pub const SIZE: usize = 109;

    /// SHA-256 of the 109 bytes: the block's hash.
    pub fn hash(&self) -> UInt256 {
        UInt256::from_wire(sha256(&self.to_bytes()))
    }
}

impl Encode for Header {
    fn encode(&self, out: &mut Vec<u8>) {
        out.reserve(Self::SIZE);
        out.extend_from_slice(&self.version.to_le_bytes());
        out.extend_from_slice(self.prev_hash.as_wire());
        out.extend_from_slice(self.merkle_root.as_wire());
        out.extend_from_slice(&self.timestamp.to_le_bytes());
        out.extend_from_slice(&self.nonce.to_le_bytes());
        out.extend_from_slice(&self.index.0.to_le_bytes());
        out.push(self.primary_index.0);
        out.extend_from_slice(self.next_consensus.as_wire());
    }

    fn encoded_len(&self) -> usize {
        Self::SIZE
    }
}

impl Decode for Header {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            version: r.field("header version").u32()?,
            prev_hash: UInt256::decode(r.field("previous hash"))?,
            merkle_root: UInt256::decode(r.field("merkle root"))?,
            timestamp: r.field("timestamp").u64()?,
            nonce: r.field("nonce").u64()?,
            index: Height(r.field("index").u32()?),
            primary_index: ValidatorIndex(r.field("primary index").u8()?),
            next_consensus: UInt160::decode(r.field("next consensus"))?,
        })
    }
}

/// A header with the witness of the validators: `header ‖ 01 ‖ witness`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SignedHeader {
    /// The header.
    pub header: Header,
    /// Signatures of the account that the block before names.
    pub witness: Witness,
}

impl SignedHeader {
    /// Hash of the header; the witness is no part of it.
    pub fn hash(&self) -> UInt256 {
        self.header.hash()
    }

    /// Reads a header whose witness scripts have at most `limit` bytes each.
    ///
    /// # Errors
    /// [`DecodeError`].
    pub fn decode_with_limit(r: &mut Reader<'_>, limit: u32) -> Result<Self, DecodeError> {
        let header = Header::decode(r)?;
        expect_one_witness(r)?;
        Ok(Self {
            header,
            witness: Witness::decode_with_limit(r, limit)?,
        })
    }
}

impl Encode for SignedHeader {
    fn encode(&self, out: &mut Vec<u8>) {
        self.header.encode(out);
        out.push(1);
        self.witness.encode(out);
    }

    fn encoded_len(&self) -> usize {
        Header::SIZE + 1 + self.witness.encoded_len()
    }
}

impl Decode for SignedHeader {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Self::decode_with_limit(r, DEFAULT_WITNESS_LIMIT)
    }
}

/// Reads the count of witnesses, which is always one.
pub(crate) fn expect_one_witness(r: &mut Reader<'_>) -> Result<(), DecodeError> {
    match r.field("witness count").u8()? {
        1 => Ok(()),
        count => Err(r.invalid(format!("one witness is needed, not {count}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Header {
        Header {
            version: 0,
            prev_hash: UInt256::from_wire([1; 32]),
            merkle_root: UInt256::from_wire([2; 32]),
            timestamp: 3,
            nonce: 4,
            index: Height(5),
            primary_index: ValidatorIndex(6),
            next_consensus: UInt160::from_wire([7; 20]),
        }
    }

    #[test]
    fn a_header_has_109_bytes_and_comes_back() {
        let bytes = sample().to_bytes();
        assert_eq!(bytes.len(), Header::SIZE);
        assert_eq!(Header::from_bytes(&bytes), Ok(sample()));
        for cut in 0..bytes.len() {
            assert!(matches!(
                Header::from_bytes(&bytes[..cut]),
                Err(DecodeError::UnexpectedEnd { .. })
            ));
        }
    }

    #[test]
    fn exactly_one_witness() {
        let signed = SignedHeader {
            header: sample(),
            witness: Witness::default(),
        };
        let mut bytes = signed.to_bytes();
        assert_eq!(bytes.len(), signed.encoded_len());
        assert_eq!(SignedHeader::from_bytes(&bytes), Ok(signed));
        bytes[Header::SIZE] = 2;
        assert!(matches!(
            SignedHeader::from_bytes(&bytes),
            Err(DecodeError::Invalid { .. })
        ));
    }
}
