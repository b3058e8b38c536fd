//! What a signature may be used for.

use std::fmt;
use std::str::FromStr;

use super::TransactionError;

/// A set of witness scopes, one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct WitnessScope(u8);

impl WitnessScope {
    /// No contract may use the signature; it pays fees only.
    pub const NONE: Self = Self(0x00);
    /// The contract that the transaction's script calls may use it.
    pub const CALLED_BY_ENTRY: Self = Self(0x01);
    /// The listed contracts may use it.
    pub const CUSTOM_CONTRACTS: Self = Self(0x10);
    /// Contracts of the listed groups may use it.
    pub const CUSTOM_GROUPS: Self = Self(0x20);
    /// Rules decide.
    pub const WITNESS_RULES: Self = Self(0x40);
    /// Every contract may use it. Stands alone.
    pub const GLOBAL: Self = Self(0x80);

    const NAMES: [(Self, &'static str); 5] = [
        (Self::CALLED_BY_ENTRY, "CalledByEntry"),
        (Self::CUSTOM_CONTRACTS, "CustomContracts"),
        (Self::CUSTOM_GROUPS, "CustomGroups"),
        (Self::WITNESS_RULES, "WitnessRules"),
        (Self::GLOBAL, "Global"),
    ];

    /// Takes the byte.
    ///
    /// # Errors
    /// [`TransactionError::Scopes`] for unknown bits, or [`WitnessScope::GLOBAL`] beside others.
    pub fn from_byte(byte: u8) -> Result<Self, TransactionError> {
        let scope = Self(byte);
        let alone = !scope.contains(Self::GLOBAL) || scope == Self::GLOBAL;
        if byte & !0xf1 == 0 && alone {
            Ok(scope)
        } else {
            Err(TransactionError::Scopes(byte))
        }
    }

    /// The byte.
    pub fn as_byte(self) -> u8 {
        self.0
    }

    /// Whether all of `other` is in the set.
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both sets together. `None` if that puts [`WitnessScope::GLOBAL`] beside others.
    pub fn with(self, other: Self) -> Option<Self> {
        Self::from_byte(self.0 | other.0).ok()
    }
}

/// Neo's text: names with `, ` between them, `None` for the empty set.
impl fmt::Display for WitnessScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (scope, name) in Self::NAMES {
            if self.contains(scope) {
                write!(f, "{separator}{name}")?;
                separator = ", ";
            }
        }
        if *self == Self::NONE {
            f.write_str("None")
        } else {
            Ok(())
        }
    }
}

impl FromStr for WitnessScope {
    type Err = TransactionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut byte = 0;
        for part in text.split(',').map(str::trim) {
            if part == "None" {
                continue;
            }
            let known = Self::NAMES.iter().find(|(_, name)| *name == part);
            let (scope, _) = known
                .ok_or_else(|| TransactionError::ScopeName(part.chars().take(64).collect()))?;
            byte |= scope.0;
        }
        Self::from_byte(byte)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn global_stands_alone_and_unknown_bits_are_refused() {
        assert_eq!(WitnessScope::from_byte(0x80), Ok(WitnessScope::GLOBAL));
        assert_eq!(
            WitnessScope::from_byte(0x81),
            Err(TransactionError::Scopes(0x81))
        );
        assert_eq!(
            WitnessScope::from_byte(0x02),
            Err(TransactionError::Scopes(0x02))
        );
        assert!(WitnessScope::from_byte(0x71).is_ok());
        assert_eq!(
            WitnessScope::GLOBAL.with(WitnessScope::CALLED_BY_ENTRY),
            None
        );
    }

    #[test]
    fn text_comes_back() {
        for byte in [0x00, 0x01, 0x11, 0x71, 0x80] {
            let scope = WitnessScope::from_byte(byte).unwrap();
            assert_eq!(scope.to_string().parse(), Ok(scope));
        }
        assert_eq!(
            WitnessScope::from_byte(0x11).unwrap().to_string(),
            "CalledByEntry, CustomContracts"
        );
        assert!("Everything".parse::<WitnessScope>().is_err());
    }
}
