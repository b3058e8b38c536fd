//! Questions for parts of the chain.

use neo_primitives::{Decode, DecodeError, Encode, Height, Reader, UInt256};

/// Most headers of one message, and most blocks that may be asked for by height.
pub const MAX_HEADERS: usize = 2000;
/// Most blocks that are sent for one question.
pub const MAX_BLOCKS: usize = 500;

/// Headers or blocks from a height on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexRange {
    /// The first.
    pub start: Height,
    /// How many, 1 to 2000; `None` (-1 on the wire) for as many as the other gives.
    pub count: Option<u16>,
}

impl IndexRange {
    /// How many, where `most` are given.
    #[must_use]
    pub fn at_most(&self, most: usize) -> usize {
        self.count.map_or(most, |count| most.min(count.into()))
    }
}

impl Encode for IndexRange {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.start.0.to_le_bytes());
        encode_count(self.count, out);
    }
}

impl Decode for IndexRange {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            start: Height(r.field("start index").u32()?),
            count: decode_count(r, MAX_HEADERS as i16)?,
        })
    }
}

/// Hashes of blocks after one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashRange {
    /// The block before the first.
    pub after: UInt256,
    /// How many; `None` (-1 on the wire) for as many as the other gives.
    pub count: Option<u16>,
}

impl Encode for HashRange {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.after.as_wire());
        encode_count(self.count, out);
    }
}

impl Decode for HashRange {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            after: UInt256::decode(r.field("start hash"))?,
            count: decode_count(r, i16::MAX)?,
        })
    }
}

fn encode_count(count: Option<u16>, out: &mut Vec<u8>) {
    let count = count.map_or(-1, |count| i16::try_from(count).unwrap_or(i16::MAX));
    out.extend_from_slice(&count.to_le_bytes());
}

fn decode_count(r: &mut Reader<'_>, most: i16) -> Result<Option<u16>, DecodeError> {
    let count = i16::from_le_bytes(r.field("count").array()?);
    match count {
        -1 => Ok(None),
        1.. if count <= most => Ok(Some(count.unsigned_abs())),
        _ => Err(r.invalid(format!("{count} is neither -1 nor 1 to {most}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_minus_one_or_up_to_2000() {
        for (count, good) in [
            (-2i16, false),
            (-1, true),
            (0, false),
            (1, true),
            (2000, true),
            (2001, false),
            (i16::MIN, false),
        ] {
            let mut bytes = vec![0; 4];
            bytes.extend_from_slice(&count.to_le_bytes());
            let read = IndexRange::from_bytes(&bytes);
            assert_eq!(read.is_ok(), good, "{count}: {read:?}");
            if let Ok(range) = read {
                assert_eq!(range.to_bytes(), bytes);
            }
        }
    }

    #[test]
    fn as_many_as_asked_for_and_given() {
        let mut range = IndexRange {
            start: Height(0),
            count: None,
        };
        assert_eq!(range.at_most(500), 500);
        range.count = Some(7);
        assert_eq!(range.at_most(500), 7);
        range.count = Some(2000);
        assert_eq!(range.at_most(500), 500);
    }
}
