//! The two native tokens.

use std::fmt;

use crate::hash::UInt160;

/// A native token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Token {
    /// NEO, the governance token, in whole pieces.
    Neo,
    /// GAS, which pays fees, in datoshi.
    Gas,
}

impl Token {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Neo, Self::Gas];

    /// The contract's hash.
    pub const fn hash(self) -> UInt160 {
        UInt160::from_wire(match self {
            Self::Neo => [
                0xf5, 0x63, 0xea, 0x40, 0xbc, 0x28, 0x3d, 0x4d, 0x0e, 0x05, 0xc4, 0x8e, 0xa3, 0x05,
                0xb3, 0xf2, 0xa0, 0x73, 0x40, 0xef,
            ],
            Self::Gas => [
                0xcf, 0x76, 0xe2, 0x8b, 0xd0, 0x06, 0x2c, 0x4a, 0x47, 0x8e, 0xe3, 0x55, 0x61, 0x01,
                0x13, 0x19, 0xf3, 0xcf, 0xa4, 0xd2,
            ],
        })
    }

    /// The token with this contract hash.
    pub fn from_hash(hash: &UInt160) -> Option<Self> {
        Self::ALL.into_iter().find(|token| token.hash() == *hash)
    }

    /// `NEO` or `GAS`.
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Neo => "NEO",
            Self::Gas => "GAS",
        }
    }

    /// The contract's name.
    pub const fn contract_name(self) -> &'static str {
        match self {
            Self::Neo => "NeoToken",
            Self::Gas => "GasToken",
        }
    }

    /// Digits after the point: 0 for NEO, 8 for GAS.
    pub const fn decimals(self) -> u8 {
        match self {
            Self::Neo => 0,
            Self::Gas => 8,
        }
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.symbol())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_neos() {
        assert_eq!(
            Token::Neo.hash().to_string(),
            "0xef4073a0f2b305a38ec4050e4d3d28bc40ea63f5"
        );
        assert_eq!(
            Token::Gas.hash().to_string(),
            "0xd2a4cff31913016155e38e474a2c06d08be276cf"
        );
        for token in Token::ALL {
            assert_eq!(Token::from_hash(&token.hash()), Some(token));
        }
        assert_eq!(Token::from_hash(&UInt160::ZERO), None);
    }
}
