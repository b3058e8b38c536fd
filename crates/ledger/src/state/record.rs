//! Keys and values of the state, with their bytes.

use neo_primitives::{DecodeError, Reader, Token, UInt160, UInt256};

/// What a state value is stored under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum StateKey {
    /// An account's holding of a token.
    Account(Token, UInt160),
    /// Total supply of GAS.
    GasSupply,
    /// A signer's on-chain `Conflicts` with a transaction hash.
    Conflict(UInt256, UInt160),
}

impl StateKey {
    /// Bytes of the key: a tag and its parts in wire order.
    pub(crate) fn to_bytes(self) -> Vec<u8> {
        match self {
            Self::Account(token, account) => {
                let mut key = Vec::with_capacity(21);
                key.push(if token == Token::Gas { 0x01 } else { 0x02 });
                key.extend_from_slice(account.as_wire());
                key
            }
            Self::GasSupply => vec![0x03],
            Self::Conflict(hash, signer) => {
                let mut key = Vec::with_capacity(53);
                key.push(0x04);
                key.extend_from_slice(hash.as_wire());
                key.extend_from_slice(signer.as_wire());
                key
            }
        }
    }

    /// Reads a key.
    ///
    /// # Errors
    /// When the bytes are no key of the state.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(bytes);
        let key = match r.field("tag").u8()? {
            0x01 => Self::Account(Token::Gas, UInt160::from_wire(r.field("account").array()?)),
            0x02 => Self::Account(Token::Neo, UInt160::from_wire(r.field("account").array()?)),
            0x03 => Self::GasSupply,
            0x04 => Self::Conflict(
                UInt256::from_wire(r.field("transaction").array()?),
                UInt160::from_wire(r.field("signer").array()?),
            ),
            other => return Err(r.invalid(format!("tag {other}"))),
        };
        r.finish()?;
        Ok(key)
    }

    /// Reads the value that belongs to this kind of key.
    ///
    /// # Errors
    /// When the bytes are not of that kind.
    pub(crate) fn decode_value(self, bytes: &[u8]) -> Result<StateValue, DecodeError> {
        let mut r = Reader::new(bytes);
        let value = match self {
            Self::Account(..) => StateValue::Account(Account {
                balance: r.field("balance").u64()?,
                balance_height: r.field("balance height").u32()?,
                last_updated: r.field("last updated").u32()?,
            }),
            Self::GasSupply => StateValue::Amount(r.field("supply").u64()?),
            Self::Conflict(..) => StateValue::Height(r.field("height").u32()?),
        };
        r.finish()?;
        Ok(value)
    }
}

/// A value of the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StateValue {
    /// An account's holding.
    Account(Account),
    /// An amount in a token's smallest unit.
    Amount(u64),
    /// A block height.
    Height(u32),
}

impl StateValue {
    /// Bytes of the value, integers little-endian.
    pub(crate) fn to_bytes(self) -> Vec<u8> {
        match self {
            Self::Account(account) => {
                let mut value = Vec::with_capacity(16);
                value.extend_from_slice(&account.balance.to_le_bytes());
                value.extend_from_slice(&account.balance_height.to_le_bytes());
                value.extend_from_slice(&account.last_updated.to_le_bytes());
                value
            }
            Self::Amount(amount) => amount.to_le_bytes().to_vec(),
            Self::Height(height) => height.to_le_bytes().to_vec(),
        }
    }
}

/// An account's holding of one token. An account without balance has no record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Account {
    /// Amount in the token's smallest unit.
    pub(crate) balance: u64,
    /// Height from which on NEO earns GAS; 0 for GAS accounts.
    pub(crate) balance_height: u32,
    /// Height of the last transfer from or to the account.
    pub(crate) last_updated: u32,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn values_come_back(balance: u64, balance_height: u32, last_updated: u32) {
            let account = StateKey::Account(Token::Neo, UInt160::ZERO);
            let record = StateValue::Account(Account { balance, balance_height, last_updated });
            for (key, value) in [
                (account, record),
                (StateKey::GasSupply, StateValue::Amount(balance)),
                (StateKey::Conflict(UInt256::ZERO, UInt160::ZERO), StateValue::Height(last_updated)),
            ] {
                prop_assert_eq!(key.decode_value(&value.to_bytes()).unwrap(), value);
                prop_assert_eq!(StateKey::from_bytes(&key.to_bytes()).unwrap(), key);
            }
        }

        #[test]
        fn damaged_values_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let key = StateKey::Account(Token::Gas, UInt160::ZERO);
            prop_assert_eq!(key.decode_value(&bytes).is_ok(), bytes.len() == 16);
        }
    }
}
