//! 160 and 256-bit hashes with Neo's two orders of bytes.
//!
//! Inside and on the wire a hash has the order that the hash function gave. People and JSON see it reversed,
//! with `0x` in front; Neo also compares hashes as little-endian numbers, so order follows what is displayed.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use ripemd::Ripemd160;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::codec::{Decode, DecodeError, Encode, Reader};

/// Why a text is not a hash.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum HashParseError {
    /// Wrong number of hexadecimal digits.
    #[error("a hash of {expected} hexadecimal digits was expected, {found} found")]
    Length {
        /// Digits that the type has.
        expected: usize,
        /// Bytes of text given, without `0x`.
        found: usize,
    },
    /// A character that is no hexadecimal digit.
    #[error("`{character}` at position {position} is no hexadecimal digit")]
    Digit {
        /// The character.
        character: char,
        /// Its position after `0x`.
        position: usize,
    },
}

macro_rules! hash_type {
    ($(#[$meta:meta])* $name:ident, $size:literal) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
        pub struct $name([u8; $size]);

        impl $name {
            /// All bytes zero.
            pub const ZERO: Self = Self([0; $size]);

            /// Takes the bytes in wire order.
            pub const fn from_wire(bytes: [u8; $size]) -> Self {
                Self(bytes)
            }

            /// The bytes in wire order.
            pub const fn as_wire(&self) -> &[u8; $size] {
                &self.0
            }

            /// Whether all bytes are zero.
            pub fn is_zero(&self) -> bool {
                *self == Self::ZERO
            }
        }

        impl Ord for $name {
            fn cmp(&self, other: &Self) -> Ordering {
                self.0.iter().rev().cmp(other.0.iter().rev())
            }
        }

        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut text = [0u8; 2 + 2 * $size];
                text[0] = b'0';
                text[1] = b'x';
                for (digits, byte) in text[2..].chunks_exact_mut(2).zip(self.0.iter().rev()) {
                    digits[0] = hex_digit(byte >> 4);
                    digits[1] = hex_digit(byte & 0x0f);
                }
                f.pad(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = HashParseError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let mut bytes = parse_hex::<$size>(text)?;
                bytes.reverse();
                Ok(Self(bytes))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(de::Error::custom)
            }
        }

        impl Encode for $name {
            fn encode(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.0);
            }

            fn encoded_len(&self) -> usize {
                $size
            }
        }

        impl Decode for $name {
            fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
                Ok(Self(r.array()?))
            }
        }
    };
}

hash_type! {
    /// 160-bit script hash: an account or a contract.
    UInt160, 20
}

hash_type! {
    /// 256-bit hash: of a block, a transaction, a payload, or a merkle root.
    UInt256, 32
}

fn hex_digit(nibble: u8) -> u8 {
    match nibble {
        0..=9 => b'0' + nibble,
        _ => b'a' + (nibble & 0x0f) - 10,
    }
}

/// Reads exactly `2N` hexadecimal digits after an optional `0x`.
fn parse_hex<const N: usize>(text: &str) -> Result<[u8; N], HashParseError> {
    let digits = text
        .strip_prefix("0x")
        .or_else(|| text.strip_prefix("0X"))
        .unwrap_or(text);
    if digits.len() != 2 * N {
        return Err(HashParseError::Length {
            expected: 2 * N,
            found: digits.len(),
        });
    }
    let mut bytes = [0u8; N];
    for (position, character) in digits.chars().enumerate() {
        let value = character
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
            .ok_or(HashParseError::Digit {
                character,
                position,
            })?;
        if let Some(byte) = bytes.get_mut(position / 2) {
            *byte = (*byte << 4) | value;
        }
    }
    Ok(bytes)
}

/// SHA-256.
pub fn sha256(data: &[u8]) -> [u8; 32] {
    Sha256::digest(data).into()
}

/// SHA-256 of the SHA-256: merkle nodes and Base58Check.
pub fn double_sha256(data: &[u8]) -> [u8; 32] {
    sha256(&sha256(data))
}

/// RIPEMD-160 of the SHA-256: a script's hash.
pub fn hash160(data: &[u8]) -> UInt160 {
    UInt160(Ripemd160::digest(sha256(data)).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_is_reversed_and_parses_back() {
        let mut wire = [0u8; 20];
        wire[0] = 0xab;
        wire[19] = 0x01;
        let hash = UInt160::from_wire(wire);
        assert_eq!(
            hash.to_string(),
            "0x01000000000000000000000000000000000000ab"
        );
        assert_eq!(hash.to_string().parse(), Ok(hash));
        assert_eq!("01000000000000000000000000000000000000AB".parse(), Ok(hash));
    }

    #[test]
    fn order_is_that_of_the_displayed_number() {
        let mut low = [0u8; 32];
        low[0] = 0xff;
        let mut high = [0u8; 32];
        high[31] = 0x01;
        assert!(UInt256::from_wire(low) < UInt256::from_wire(high));
    }

    #[test]
    fn bad_texts_are_named() {
        assert_eq!(
            "0x00".parse::<UInt256>(),
            Err(HashParseError::Length {
                expected: 64,
                found: 2
            })
        );
        assert_eq!(
            "0x0g000000000000000000000000000000000000ab".parse::<UInt160>(),
            Err(HashParseError::Digit {
                character: 'g',
                position: 1
            })
        );
        let accents = "é".repeat(20);
        assert!(matches!(
            accents.parse::<UInt160>(),
            Err(HashParseError::Digit { position: 0, .. })
        ));
    }

    #[test]
    fn known_hashes() {
        let abc = sha256(b"abc");
        assert_eq!(
            hex::encode(abc),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(double_sha256(b"abc"), sha256(&abc));
        assert_eq!(
            hex::encode(hash160(b"").as_wire()),
            "b472a266d0bd89c13706a4132ccfb16f7c3b9fcb"
        );
    }

    #[test]
    fn json_is_the_displayed_text() {
        let hash = UInt160::from_wire([7; 20]);
        let json = serde_json::to_string(&hash).unwrap();
        assert_eq!(json, format!("\"{hash}\""));
        assert_eq!(serde_json::from_str::<UInt160>(&json).unwrap(), hash);
        assert!(serde_json::from_str::<UInt160>("\"0x12\"").is_err());
    }
}
