//! Compressed payloads: the length as u32, then one raw LZ4 block.

use super::command::{Command, MAX_PAYLOAD};

/// An LZ4 block grows by at most this factor: one byte of a match's length stands for 255 bytes.
const MAX_GROWTH: usize = 255;
/// Payloads up to this many bytes are sent as they are (C# `Message.CompressionMinSize`).
const MIN_SIZE: usize = 128;
/// Compression must save at least this many bytes (C# `Message.CompressionThreshold`).
const MIN_SAVING: usize = 64;

/// Why a compressed payload cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Lz4Error {
    /// Shorter than its length field.
    #[error("the compressed payload has {0} bytes, its length field alone has 4")]
    NoLength(usize),
    /// Says that it grows beyond the limit.
    #[error("the payload says that it has {declared} bytes uncompressed, the limit is {limit}")]
    TooLarge {
        /// What it says.
        declared: usize,
        /// The command's limit.
        limit: usize,
    },
    /// Says that it grows more than LZ4 can.
    #[error("{compressed} bytes of LZ4 cannot become the {declared} bytes that they say")]
    Impossible {
        /// What it says.
        declared: usize,
        /// Bytes of the block.
        compressed: usize,
    },
    /// Not LZ4.
    #[error("malformed LZ4 block: {0}")]
    Malformed(String),
    /// Another length than it says.
    #[error("the payload says that it has {declared} bytes uncompressed, it has {actual}")]
    WrongLength {
        /// What it says.
        declared: usize,
        /// What came out.
        actual: usize,
    },
}

/// What `payload` is compressed to where that is worth it by the rule of C#, else `None`.
pub(crate) fn compress(command: Command, payload: &[u8]) -> Option<Vec<u8>> {
    if !command.is_compressed() || payload.len() <= MIN_SIZE || payload.len() > MAX_PAYLOAD {
        return None;
    }
    let length = u32::try_from(payload.len()).ok()?;
    let mut out = length.to_le_bytes().to_vec();
    out.extend_from_slice(&lz4_flex::block::compress(payload));
    (out.len() < payload.len() - MIN_SAVING).then_some(out)
}

/// The payload that was compressed. No memory is taken before its length has been checked against `limit` and
/// against what that many bytes can hold.
///
/// # Errors
/// [`Lz4Error`].
pub(crate) fn decompress(payload: &[u8], limit: usize) -> Result<Vec<u8>, Lz4Error> {
    let (length, block) = payload
        .split_first_chunk::<4>()
        .ok_or(Lz4Error::NoLength(payload.len()))?;
    let declared = u32::from_le_bytes(*length) as usize;
    if declared > limit {
        return Err(Lz4Error::TooLarge { declared, limit });
    }
    if declared > block.len().saturating_mul(MAX_GROWTH) {
        return Err(Lz4Error::Impossible {
            declared,
            compressed: block.len(),
        });
    }
    let mut out = vec![0; declared];
    let actual = lz4_flex::block::decompress_into(block, &mut out)
        .map_err(|error| Lz4Error::Malformed(error.to_string()))?;
    if actual != declared {
        return Err(Lz4Error::WrongLength { declared, actual });
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    #[test]
    fn only_what_is_worth_it_is_compressed() {
        assert_eq!(compress(Command::Block, &[7; MIN_SIZE]), None);
        assert!(compress(Command::Block, &[7; 200]).is_some());
        assert_eq!(compress(Command::Inv, &[7; 2000]), None, "not by C#'s list");
        let noise: Vec<u8> = (0..200u8).collect();
        assert_eq!(compress(Command::Block, &noise), None, "saves nothing");
    }

    #[test]
    fn a_length_is_refused_before_memory_is_taken() {
        let mut bomb = u32::MAX.to_le_bytes().to_vec();
        bomb.extend_from_slice(&[0; 64]);
        assert!(matches!(
            decompress(&bomb, MAX_PAYLOAD),
            Err(Lz4Error::TooLarge { .. })
        ));
        bomb[..4].copy_from_slice(&(MAX_PAYLOAD as u32).to_le_bytes());
        assert_eq!(
            decompress(&bomb, MAX_PAYLOAD),
            Err(Lz4Error::Impossible {
                declared: MAX_PAYLOAD,
                compressed: 64
            })
        );
        assert_eq!(decompress(&[1, 2, 3], 10), Err(Lz4Error::NoLength(3)));
    }

    #[test]
    fn the_length_must_be_true() {
        let mut packed = compress(Command::Block, &[7; 300]).unwrap();
        packed[0] = packed[0].wrapping_add(1);
        assert!(matches!(
            decompress(&packed, 1000),
            Err(Lz4Error::WrongLength { .. } | Lz4Error::Malformed(_))
        ));
        packed[0] = packed[0].wrapping_sub(2);
        assert!(decompress(&packed, 1000).is_err());
    }

    proptest! {
        #[test]
        fn payloads_come_back(seed: Vec<u8>, times in 1usize..40) {
            let payload = seed.repeat(times);
            if let Some(packed) = compress(Command::Block, &payload) {
                prop_assert!(packed.len() < payload.len());
                prop_assert_eq!(decompress(&packed, payload.len()), Ok(payload));
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..200)) {
            let _ = decompress(&bytes, 1 << 16);
        }
    }
}
