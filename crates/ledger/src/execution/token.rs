//! The rules of the native tokens.

use neo_primitives::{Token, UInt160};
use num_bigint::{BigInt, Sign};

use super::{outcome::Notification, scope::CallContext};
use crate::{
    error::LedgerError,
    policy,
    state::{Account, Overlay, StateKey, StateRead, StateValue},
};

/// How a transfer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TransferResult {
    /// It returned true.
    Done,
    /// It returned false: not signed, or not enough balance.
    Refused,
    /// It threw: the amount is negative.
    NegativeAmount,
}

/// The token contracts while a block of height `index` is executed.
pub(crate) struct Tokens<'a, 'b> {
    pub(crate) state: &'a mut Overlay<'b>,
    pub(crate) events: &'a mut Vec<Notification>,
    pub(crate) index: u32,
}

impl Tokens<'_, '_> {
    /// Moves `amount` of `token`, as `FungibleToken.Transfer` of Neo N3 does.
    ///
    /// A move of NEO pays both sides the GAS that their NEO earned since they last moved; the events
    /// come in the order transfer, bonus of the giver, bonus of the receiver.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub(crate) fn transfer(
        &mut self,
        context: CallContext<'_>,
        token: Token,
        from: UInt160,
        to: UInt160,
        amount: &BigInt,
    ) -> Result<TransferResult, LedgerError> {
        if amount.sign() == Sign::Minus {
            return Ok(TransferResult::NegativeAmount);
        }
        if !context.allows(token, &from) {
            return Ok(TransferResult::Refused);
        }
        let Ok(amount) = u64::try_from(amount) else {
            return Ok(TransferResult::Refused);
        };
        let giver = self.state.account(token, &from)?;
        if giver.map_or(0, |giver| giver.balance) < amount {
            return Ok(TransferResult::Refused);
        }
        let mut bonuses = [(from, 0), (to, 0)];
        if let Some(mut giver) = giver {
            bonuses[0].1 = self.collect_bonus(token, &mut giver);
            giver.last_updated = self.index;
            if from != to {
                giver.balance = giver.balance.saturating_sub(amount);
            }
            self.state.put_account(token, from, giver);
        }
        let receiver = self.state.account(token, &to)?;
        if from != to && (amount > 0 || receiver.is_some()) {
            let mut receiver = receiver.unwrap_or_default();
            if amount > 0 {
                bonuses[1].1 = self.collect_bonus(token, &mut receiver);
            }
            receiver.last_updated = self.index;
            receiver.balance = receiver.balance.saturating_add(amount);
            self.state.put_account(token, to, receiver);
        }
        self.events.push(Notification {
            token,
            from: Some(from),
            to: Some(to),
            amount,
        });
        for (account, bonus) in bonuses {
            self.mint_gas(account, bonus)?;
        }
        Ok(TransferResult::Done)
    }

    /// The GAS that the NEO of an account earned; its time starts anew.
    fn collect_bonus(&self, token: Token, account: &mut Account) -> u64 {
        if token != Token::Neo {
            return 0;
        }
        let bonus = policy::holder_reward(account.balance, account.balance_height, self.index);
        account.balance_height = self.index;
        bonus
    }

    /// Creates GAS; of 0 there is no event.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub(crate) fn mint_gas(&mut self, to: UInt160, amount: u64) -> Result<(), LedgerError> {
        if amount == 0 {
            return Ok(());
        }
        let mut account = self.state.account(Token::Gas, &to)?.unwrap_or_default();
        account.balance = checked(account.balance.checked_add(amount), "GAS balance")?;
        account.last_updated = self.index;
        self.state.put_account(Token::Gas, to, account);
        let supply = checked(self.state.gas_supply()?.checked_add(amount), "GAS supply")?;
        self.put_supply(supply);
        self.events.push(Notification {
            token: Token::Gas,
            from: None,
            to: Some(to),
            amount,
        });
        Ok(())
    }

    /// Destroys GAS; of 0 there is no event. Returns the balance instead when it is too small.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub(crate) fn burn_gas(
        &mut self,
        from: UInt160,
        amount: u64,
    ) -> Result<Result<(), u64>, LedgerError> {
        if amount == 0 {
            return Ok(Ok(()));
        }
        let mut account = self.state.account(Token::Gas, &from)?.unwrap_or_default();
        let Some(rest) = account.balance.checked_sub(amount) else {
            return Ok(Err(account.balance));
        };
        account.balance = rest;
        account.last_updated = self.index;
        self.state.put_account(Token::Gas, from, account);
        let supply = checked(self.state.gas_supply()?.checked_sub(amount), "GAS supply")?;
        self.put_supply(supply);
        self.events.push(Notification {
            token: Token::Gas,
            from: Some(from),
            to: None,
            amount,
        });
        Ok(Ok(()))
    }

    fn put_supply(&mut self, supply: u64) {
        self.state
            .put(StateKey::GasSupply, Some(StateValue::Amount(supply)));
    }
}

/// Sums of GAS cannot leave 63 bits (see `MAX_INITIAL_GAS`); a damaged store could make them.
fn checked(sum: Option<u64>, what: &str) -> Result<u64, LedgerError> {
    sum.ok_or_else(|| LedgerError::Inconsistent(format!("{what} out of range")))
}
