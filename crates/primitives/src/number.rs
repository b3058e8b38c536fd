//! Number newtypes: heights, validator indices, network magics and amounts of GAS.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! number {
    ($(#[$meta:meta])* $name:ident($inner:ty)) => {
        $(#[$meta])*
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl From<$inner> for $name {
            fn from(value: $inner) -> Self {
                Self(value)
            }
        }
    };
}

number! {
    /// Index of a block in its chain; the genesis block has height 0.
    Height(u32)
}

number! {
    /// Position of a validator in the signing set ordered by public key (X, then Y), from 0.
    ValidatorIndex(u8)
}

number! {
    /// Network magic: the number that keeps signatures of one network out of another.
    Magic(u32)
}

number! {
    /// Amount of GAS in its smallest unit; 1 GAS is 10^8 datoshi.
    Datoshi(i64)
}

impl Height {
    /// The height after this one; the greatest height stays where it is.
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The height before this one, none before genesis.
    pub fn previous(self) -> Option<Self> {
        self.0.checked_sub(1).map(Self)
    }

    /// This height plus `blocks`, none on overflow.
    pub fn checked_add(self, blocks: u32) -> Option<Self> {
        self.0.checked_add(blocks).map(Self)
    }
}

impl ValidatorIndex {
    /// The index as a position in a slice.
    pub fn position(self) -> usize {
        usize::from(self.0)
    }
}

impl Datoshi {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// Sum, none on overflow.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// Difference, none on overflow.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// Product, none on overflow.
    pub fn checked_mul(self, factor: i64) -> Option<Self> {
        self.0.checked_mul(factor).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heights_neither_wrap_nor_underflow() {
        assert_eq!(Height(7).next(), Height(8));
        assert_eq!(Height(u32::MAX).next(), Height(u32::MAX));
        assert_eq!(Height(0).previous(), None);
        assert_eq!(Height(1).previous(), Some(Height(0)));
        assert_eq!(Height(u32::MAX).checked_add(1), None);
    }

    #[test]
    fn amounts_are_checked() {
        assert_eq!(Datoshi(3).checked_add(Datoshi(4)), Some(Datoshi(7)));
        assert_eq!(Datoshi(i64::MAX).checked_add(Datoshi(1)), None);
        assert_eq!(Datoshi(i64::MIN).checked_sub(Datoshi(1)), None);
        assert_eq!(Datoshi(i64::MAX).checked_mul(2), None);
    }

    #[test]
    fn numbers_are_plain_in_json() {
        assert_eq!(serde_json::to_string(&Height(5)).unwrap(), "5");
        assert_eq!(serde_json::from_str::<Datoshi>("-9").unwrap(), Datoshi(-9));
    }
}
