//! The state after some block: layers of blocks that are not stored yet, over the store.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use neo_primitives::{Token, UInt160, UInt256};

use super::{Account, StateKey, StateValue};
use crate::{
    error::LedgerError,
    store::{ChainStore, StoreReader, Table},
};

/// What a block writes; `None` removes.
pub(crate) type Writes = HashMap<StateKey, Option<StateValue>>;

/// What a block adds to the chain, as far as later blocks can see it.
#[derive(Debug, Default)]
pub(crate) struct Layer {
    /// The block's writes.
    pub(crate) writes: Writes,
    /// Hashes of its transactions.
    pub(crate) transactions: HashSet<UInt256>,
}

/// Reads the state at one point of the chain.
pub(crate) trait StateRead {
    /// The value of a key.
    ///
    /// # Errors
    /// When the store fails or is damaged.
    fn get(&self, key: StateKey) -> Result<Option<StateValue>, LedgerError>;

    /// An account's holding.
    ///
    /// # Errors
    /// As [`StateRead::get`].
    fn account(&self, token: Token, account: &UInt160) -> Result<Option<Account>, LedgerError> {
        Ok(match self.get(StateKey::Account(token, *account))? {
            Some(StateValue::Account(account)) => Some(account),
            _ => None,
        })
    }

    /// An account's balance, 0 without a record.
    ///
    /// # Errors
    /// As [`StateRead::get`].
    fn balance(&self, token: Token, account: &UInt160) -> Result<u64, LedgerError> {
        Ok(self
            .account(token, account)?
            .map_or(0, |account| account.balance))
    }

    /// Total supply of GAS.
    ///
    /// # Errors
    /// As [`StateRead::get`].
    fn gas_supply(&self) -> Result<u64, LedgerError> {
        Ok(match self.get(StateKey::GasSupply)? {
            Some(StateValue::Amount(amount)) => amount,
            _ => 0,
        })
    }

    /// Height of the last block in which `signer` excluded the transaction `hash`.
    ///
    /// # Errors
    /// As [`StateRead::get`].
    fn conflict(&self, hash: &UInt256, signer: &UInt160) -> Result<Option<u32>, LedgerError> {
        Ok(match self.get(StateKey::Conflict(*hash, *signer))? {
            Some(StateValue::Height(height)) => Some(height),
            _ => None,
        })
    }
}

/// The state after a block that may not be stored yet.
pub(crate) struct StateView {
    /// Blocks above the stored ones, newest first.
    layers: Vec<Arc<Layer>>,
    reader: Arc<dyn StoreReader>,
}

impl StateView {
    /// The state of `store` with `layers` on it, newest first.
    ///
    /// The layers may reach below the stored tip: what they say is then merely found earlier.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) fn new(
        layers: Vec<Arc<Layer>>,
        store: &dyn ChainStore,
    ) -> Result<Self, LedgerError> {
        Ok(Self {
            layers,
            reader: store.reader()?.into(),
        })
    }

    /// The same store with other layers on it, newest first.
    pub(crate) fn with_layers(&self, layers: Vec<Arc<Layer>>) -> Self {
        Self {
            layers,
            reader: Arc::clone(&self.reader),
        }
    }

    /// Whether a transaction is on the chain.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) fn contains_transaction(&self, hash: &UInt256) -> Result<bool, LedgerError> {
        if self
            .layers
            .iter()
            .any(|layer| layer.transactions.contains(hash))
        {
            return Ok(true);
        }
        Ok(self.reader.contains(Table::Transactions, hash.as_wire())?)
    }
}

impl StateRead for StateView {
    fn get(&self, key: StateKey) -> Result<Option<StateValue>, LedgerError> {
        for layer in &self.layers {
            if let Some(value) = layer.writes.get(&key) {
                return Ok(*value);
            }
        }
        let mut value = None;
        self.reader
            .read(Table::State, &key.to_bytes(), &mut |bytes| {
                value = Some(key.decode_value(bytes));
            })?;
        value.transpose().map_err(|source| LedgerError::Damaged {
            what: "state",
            source,
        })
    }
}
