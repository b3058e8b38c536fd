//! Running scripts of token calls, with the virtual machine's accounting of GAS.

use neo_primitives::{
    Call, Charge, Datoshi, NotTransfers, Read, ReadMethod, Signer, Token, Transaction, Transfer,
    hash160, recognise_calls,
};
use num_bigint::BigInt;

use super::{
    outcome::{Fault, Invocation, Notification, StackItem, VmState},
    query::{Scene, answer},
    record::TransactionOutcome,
    scope::CallContext,
    token::{Tokens, TransferResult},
    understand::transfers_of,
};
use crate::{
    error::{InvalidBlock, LedgerError},
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
    /// A question has no answer.
    Unanswered(String),
    Ledger(LedgerError),
}

impl From<LedgerError> for Stop {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error)
    }
}

impl Run<'_, '_, '_> {
    fn test_run(&mut self, calls: &[Call], scene: &Scene<'_>) -> Result<(), Stop> {
        calls.iter().try_for_each(|call| match call {
            Call::Transfer(transfer) => self.transfer(transfer),
            Call::Read(read) => self.read(read),
            Call::Query(query) => {
                query
                    .charges
                    .iter()
                    .try_for_each(|charge| self.charge(charge))?;
                let item = answer(&query.question, scene, &*self.tokens.state)?;
                self.stack.push(item.map_err(Stop::Unanswered)?);
                Ok(())
            }
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
/// When the state cannot be read, or the transaction is beyond this ledger.
pub(crate) fn execute_transaction(
    state: &mut Overlay<'_>,
    transaction: &Transaction,
    index: u32,
) -> Result<TransactionOutcome, InvalidBlock> {
    let transfers = transfers_of(transaction).map_err(|reason| InvalidBlock::Transaction {
        hash: transaction.hash(),
        reason,
    })?;
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
    let end = transfers
        .iter()
        .try_for_each(|transfer| run.transfer(transfer));
    let fault = match end {
        Ok(()) => None,
        Err(Stop::Fault(fault)) => Some(fault),
        Err(Stop::Ledger(error)) => return Err(error.into()),
        Err(Stop::Unanswered(reason)) => return Err(LedgerError::Unsupported(reason).into()),
    };
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

/// Runs a script as if it stood in the block above the scene's tip, on a copy of the state.
///
/// # Errors
/// When the state cannot be read, or the script is neither transfers nor reads.
pub(crate) fn invoke(
    state: &impl StateRead,
    script: &[u8],
    signers: &[Signer],
    scene: &Scene<'_>,
) -> Result<Invocation, LedgerError> {
    let calls = recognise_calls(script).map_err(|error| unsupported(&error))?;
    let mut overlay = Overlay::new(state);
    let mut notifications: Vec<Notification> = Vec::new();
    let mut run = Run {
        tokens: Tokens {
            state: &mut overlay,
            events: &mut notifications,
            index: scene.tip.next().0,
        },
        context: CallContext {
            signers,
            entry: hash160(script),
        },
        gas_limit: MAX_GAS_INVOKE,
        gas_consumed: 0,
        stack: Vec::new(),
    };
    let exception = match run.test_run(&calls, scene) {
        Ok(()) => None,
        Err(Stop::Fault(fault)) => Some(fault.message().to_owned()),
        Err(Stop::Unanswered(reason)) => Some(reason),
        Err(Stop::Ledger(error)) => return Err(error),
    };
    let gas_consumed = Datoshi(i64::try_from(run.gas_consumed).unwrap_or(i64::MAX));
    let (vm_state, stack) = match exception {
        Some(_) => (VmState::Fault, Vec::new()),
        None => (VmState::Halt, run.stack),
    };
    Ok(Invocation {
        vm_state,
        exception,
        gas_consumed,
        stack,
        notifications,
    })
}

fn unsupported(reason: &NotTransfers) -> LedgerError {
    LedgerError::Unsupported(format!("run this script: {reason}"))
}
