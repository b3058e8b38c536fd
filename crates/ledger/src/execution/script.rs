//! Running scripts of token calls, with the virtual machine's accounting of GAS.

use neo_primitives::{
    Call, Charge, Datoshi, Read, ReadMethod, Signer, Token, Transaction, Transfer, hash160,
    recognise_calls,
};
use num_bigint::BigInt;

use super::{
    outcome::{Fault, Invocation, Notification, StackItem, VmState},
    record::TransactionOutcome,
    scope::CallContext,
    token::{Tokens, TransferResult},
};
use crate::{
    error::LedgerError,
    policy,
    state::{Overlay, StateRead},
};

/// GAS that a test run may use, in datoshi: 20 GAS, the limit of neo-project/neo-node's RPC server.
const MAX_GAS_INVOKE: u64 = 2_000_000_000;

/// A script under way.
struct Run<'a, 'b, 'c> {
    tokens: Tokens<'a, 'b>,
    context: CallContext<'c>,
    gas_limit: u64,
    gas_consumed: u64,
    stack: Vec<StackItem>,
}

/// Why a run ends early: the script faults, or the ledger fails.
enum Stop {
    Fault(Fault),
    Ledger(LedgerError),
}

impl From<LedgerError> for Stop {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error)
    }
}

impl Run<'_, '_, '_> {
    fn run(&mut self, calls: &[Call]) -> Result<(), Stop> {
        calls.iter().try_for_each(|call| match call {
            Call::Transfer(transfer) => self.transfer(transfer),
            Call::Read(read) => self.read(read),
        })
    }

    /// The charge is made first: a fault has consumed what caused it.
    fn charge(&mut self, charge: &Charge) -> Result<(), Stop> {
        let factor = policy::EXEC_FEE_FACTOR;
        let storage = u32::try_from(policy::STORAGE_PRICE).unwrap_or(u32::MAX);
        let price = u64::try_from(charge.datoshi(factor, storage)).unwrap_or(u64::MAX);
        self.gas_consumed = self.gas_consumed.saturating_add(price);
        if self.gas_consumed > self.gas_limit {
            return Err(Stop::Fault(Fault::OutOfGas));
        }
        Ok(())
    }

    fn transfer(&mut self, transfer: &Transfer) -> Result<(), Stop> {
        transfer
            .charges
            .iter()
            .try_for_each(|charge| self.charge(charge))?;
        let Transfer {
            token,
            from,
            to,
            amount,
            ..
        } = transfer;
        let result = self
            .tokens
            .transfer(self.context, *token, *from, *to, amount)?;
        if result == TransferResult::NegativeAmount {
            return Err(Stop::Fault(Fault::NegativeAmount));
        }
        let done = result == TransferResult::Done;
        match &transfer.assert_charge {
            None => self.stack.push(StackItem::Boolean(done)),
            Some(charge) => {
                self.charge(charge)?;
                if !done {
                    return Err(Stop::Fault(Fault::AssertFailed));
                }
            }
        }
        Ok(())
    }

    fn read(&mut self, read: &Read) -> Result<(), Stop> {
        read.charges
            .iter()
            .try_for_each(|charge| self.charge(charge))?;
        let state = &*self.tokens.state;
        self.stack.push(match read.method {
            ReadMethod::Symbol => StackItem::ByteString(read.token.symbol().as_bytes().to_vec()),
            ReadMethod::Decimals => StackItem::Integer(read.token.decimals().into()),
            ReadMethod::TotalSupply => StackItem::Integer(total_supply(state, read.token)?.into()),
            ReadMethod::BalanceOf(account) => {
                StackItem::Integer(BigInt::from(state.balance(read.token, &account)?))
            }
        });
        Ok(())
    }
}

/// Total supply of a token in its smallest unit.
///
/// # Errors
/// When the state cannot be read.
pub(crate) fn total_supply(state: &impl StateRead, token: Token) -> Result<u64, LedgerError> {
    match token {
        Token::Neo => Ok(policy::NEO_TOTAL),
        Token::Gas => state.gas_supply(),
    }
}

/// Runs a transaction's script in the block of height `index`. A fault takes its writes back.
///
/// # Errors
/// When the state cannot be read, or the script is no run of transfers: blocks with such
/// transactions are refused before.
pub(crate) fn execute_transaction(
    state: &mut Overlay<'_>,
    transaction: &Transaction,
    index: u32,
) -> Result<TransactionOutcome, LedgerError> {
    let calls = parse(transaction.script())?;
    state.begin();
    let mut notifications = Vec::new();
    let mut run = Run {
        tokens: Tokens {
            state,
            events: &mut notifications,
            index,
        },
        context: CallContext {
            signers: transaction.signers(),
            entry: hash160(transaction.script()),
        },
        gas_limit: u64::try_from(transaction.system_fee().0).unwrap_or(0),
        gas_consumed: 0,
        stack: Vec::new(),
    };
    let fault = finish(run.run(&calls))?;
    let gas_consumed = run.gas_consumed;
    let mut results: Vec<bool> = run
        .stack
        .iter()
        .map(|item| *item == StackItem::Boolean(true))
        .collect();
    if fault.is_some() {
        state.rollback();
        results.clear();
    }
    Ok(TransactionOutcome {
        fault,
        gas_consumed,
        results,
        notifications,
    })
}

/// Runs a script as if it stood in the block of height `index`, on a copy of the state.
///
/// # Errors
/// When the state cannot be read, or the script is neither transfers nor reads.
pub(crate) fn invoke(
    state: &impl StateRead,
    script: &[u8],
    signers: &[Signer],
    index: u32,
) -> Result<Invocation, LedgerError> {
    let calls = parse(script)?;
    let mut overlay = Overlay::new(state);
    let mut notifications: Vec<Notification> = Vec::new();
    let mut run = Run {
        tokens: Tokens {
            state: &mut overlay,
            events: &mut notifications,
            index,
        },
        context: CallContext {
            signers,
            entry: hash160(script),
        },
        gas_limit: MAX_GAS_INVOKE,
        gas_consumed: 0,
        stack: Vec::new(),
    };
    let fault = finish(run.run(&calls))?;
    let gas_consumed = Datoshi(i64::try_from(run.gas_consumed).unwrap_or(i64::MAX));
    let stack = if fault.is_some() {
        Vec::new()
    } else {
        run.stack
    };
    Ok(Invocation {
        vm_state: if fault.is_some() {
            VmState::Fault
        } else {
            VmState::Halt
        },
        exception: fault.map(|fault| fault.message().to_owned()),
        gas_consumed,
        stack,
        notifications,
    })
}

fn parse(script: &[u8]) -> Result<Vec<Call>, LedgerError> {
    recognise_calls(script)
        .map_err(|reason| LedgerError::Unsupported(format!("run this script: {reason}")))
}

fn finish(end: Result<(), Stop>) -> Result<Option<Fault>, LedgerError> {
    match end {
        Ok(()) => Ok(None),
        Err(Stop::Fault(fault)) => Ok(Some(fault)),
        Err(Stop::Ledger(error)) => Err(error),
    }
}
