//! Writes on top of a state, with rollback of the transaction under way.

use neo_primitives::{Token, UInt160};

use super::{Account, StateKey, StateRead, StateValue, Writes};
use crate::error::LedgerError;

/// The writes of a block that is being executed.
pub(crate) struct Overlay<'a> {
    base: &'a dyn StateRead,
    writes: Writes,
    /// What the keys written since [`Overlay::begin`] held in `writes` before, oldest first.
    undo: Vec<(StateKey, Option<Option<StateValue>>)>,
}

impl<'a> Overlay<'a> {
    /// No writes on `base`.
    pub(crate) fn new(base: &'a dyn StateRead) -> Self {
        Self {
            base,
            writes: Writes::new(),
            undo: Vec::new(),
        }
    }

    /// Begins a transaction: what was written so far stays.
    pub(crate) fn begin(&mut self) {
        self.undo.clear();
    }

    /// Takes back every write since [`Overlay::begin`].
    pub(crate) fn rollback(&mut self) {
        while let Some((key, before)) = self.undo.pop() {
            match before {
                Some(value) => self.writes.insert(key, value),
                None => self.writes.remove(&key),
            };
        }
    }

    /// Sets or removes a value.
    pub(crate) fn put(&mut self, key: StateKey, value: Option<StateValue>) {
        let before = self.writes.insert(key, value);
        self.undo.push((key, before));
    }

    /// Sets an account's holding; one without balance is removed.
    pub(crate) fn put_account(&mut self, token: Token, account: UInt160, holding: Account) {
        let value = (holding.balance > 0).then_some(StateValue::Account(holding));
        self.put(StateKey::Account(token, account), value);
    }

    /// All writes.
    pub(crate) fn into_writes(self) -> Writes {
        self.writes
    }
}

impl StateRead for Overlay<'_> {
    fn get(&self, key: StateKey) -> Result<Option<StateValue>, LedgerError> {
        match self.writes.get(&key) {
            Some(value) => Ok(*value),
            None => self.base.get(key),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Nothing;

    impl StateRead for Nothing {
        fn get(&self, _: StateKey) -> Result<Option<StateValue>, LedgerError> {
            Ok(None)
        }
    }

    #[test]
    fn rollback_restores_what_earlier_transactions_wrote() {
        let account = UInt160::ZERO;
        let holding = |balance| Account {
            balance,
            ..Account::default()
        };
        let mut overlay = Overlay::new(&Nothing);
        overlay.put_account(Token::Gas, account, holding(5));
        overlay.begin();
        overlay.put_account(Token::Gas, account, holding(0));
        overlay.put_account(Token::Neo, account, holding(1));
        overlay.put_account(Token::Neo, account, holding(2));
        assert_eq!(overlay.balance(Token::Gas, &account).unwrap(), 0);
        overlay.rollback();
        assert_eq!(overlay.balance(Token::Gas, &account).unwrap(), 5);
        assert_eq!(overlay.account(Token::Neo, &account).unwrap(), None);
        assert_eq!(overlay.into_writes().len(), 1);
    }
}
