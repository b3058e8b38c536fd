//! Recognising calls of NEO and GAS.
//!
//! The script is followed with a stack of what it pushed: PACK takes values into an array, the system call takes
//! contract, method, flags and array and must leave nothing behind.

use num_bigint::BigInt;

use super::price::{self, Method};
use super::stack::{Item, Pushed, account, check_flags, integer, pushed_value, value};
use super::{
    Call, Charge, NativeContract, NotTransfers, Query, Read, ReadMethod, StackValue, Token,
    Transfer, query,
};
use crate::hash::UInt160;
use crate::script::{CallFlags, Instruction, Instructions, Opcode, Syscall};
use crate::transaction::MAX_SCRIPT;

/// Most characters of an unknown method's name in an error.
const METHOD_SHOWN: usize = 32;

/// The transfers of a script that makes nothing but transfers of NEO and GAS.
///
/// # Errors
/// [`NotTransfers`].
pub fn recognise_transfers(script: &[u8]) -> Result<Vec<Transfer>, NotTransfers> {
    let only_transfer = |call| match call {
        Call::Transfer(transfer) => Ok(transfer),
        Call::Read(Read { offset, .. }) | Call::Query(Query { offset, .. }) => {
            Err(NotTransfers::OnlyReads { offset })
        }
    };
    recognise_calls(script)?
        .into_iter()
        .map(only_transfer)
        .collect()
}

/// The calls of a script that makes nothing but transfers and reads: `symbol`, `decimals`, `totalSupply` and
/// `balanceOf` of NEO and GAS, and each [`Question`](super::Question).
///
/// # Errors
/// [`NotTransfers`].
pub fn recognise_calls(script: &[u8]) -> Result<Vec<Call>, NotTransfers> {
    if script.len() > MAX_SCRIPT {
        return Err(NotTransfers::TooLong {
            length: script.len(),
            limit: MAX_SCRIPT,
        });
    }
    let mut run = Run::default();
    for instruction in Instructions::new(script) {
        run.follow(&instruction?)?;
    }
    match (run.stack.first(), run.calls.is_empty()) {
        (Some(left), _) => Err(NotTransfers::Unused {
            offset: left.offset,
        }),
        (None, true) => Err(NotTransfers::Empty),
        (None, false) => Ok(run.calls),
    }
}

/// The script so far.
#[derive(Default)]
struct Run {
    calls: Vec<Call>,
    stack: Vec<Pushed>,
    charges: Vec<Charge>,
}

impl Run {
    fn follow(&mut self, instruction: &Instruction<'_>) -> Result<(), NotTransfers> {
        let &Instruction { offset, opcode, .. } = instruction;
        let charge = price::instruction(instruction);
        if opcode == Opcode::ASSERT {
            return self.assert(charge);
        }
        self.charges.push(charge);
        let item = match opcode {
            Opcode::SYSCALL => return self.call(instruction),
            Opcode::PACK => self.pack(offset)?,
            Opcode::NEWARRAY0 => Item::Array(Vec::new()),
            _ => Item::Value(
                pushed_value(instruction).ok_or(NotTransfers::Opcode { offset, opcode })?,
            ),
        };
        self.stack.push(Pushed { offset, item });
        Ok(())
    }

    /// An ASSERT belongs to the transfer right before it.
    fn assert(&mut self, charge: Charge) -> Result<(), NotTransfers> {
        match self.calls.last_mut() {
            Some(Call::Transfer(transfer)) if self.stack.is_empty() && !transfer.has_assert => {
                transfer.has_assert = true;
                transfer.assert_charge = Some(charge);
                Ok(())
            }
            _ => Err(NotTransfers::Opcode {
                offset: charge.offset,
                opcode: Opcode::ASSERT,
            }),
        }
    }

    fn pack(&mut self, offset: usize) -> Result<Item, NotTransfers> {
        let missing = |what| NotTransfers::Pack { offset, what };
        let count = match self.stack.pop().map(|pushed| pushed.item) {
            Some(Item::Value(StackValue::Integer(count))) => count,
            _ => return Err(missing("count")),
        };
        let start = usize::try_from(&count)
            .ok()
            .and_then(|count| self.stack.len().checked_sub(count))
            .ok_or(missing("value for each of its count"))?;
        Ok(Item::Array(self.stack.drain(start..).rev().collect()))
    }

    fn call(&mut self, instruction: &Instruction<'_>) -> Result<(), NotTransfers> {
        let offset = instruction.offset;
        if instruction.syscall() != Some(Syscall::CONTRACT_CALL) {
            return Err(NotTransfers::Syscall {
                offset,
                id: instruction.operand.to_vec(),
            });
        }
        let missing = |what| NotTransfers::Parameter { offset, what };
        let contract = self.pop_bytes().ok_or(missing("contract hash"))?;
        let contract = <[u8; 20]>::try_from(contract).map_err(|_| missing("contract hash"))?;
        let contract = UInt160::from_wire(contract);
        let method = self.pop_bytes().ok_or(missing("method name"))?;
        let flags = match self.stack.pop() {
            Some(Pushed {
                offset,
                item: Item::Value(StackValue::Integer(flags)),
            }) => (offset, flags),
            _ => return Err(missing("call flags")),
        };
        let arguments = match self.stack.pop().map(|pushed| pushed.item) {
            Some(Item::Array(arguments)) => arguments,
            _ => return Err(missing("array of arguments")),
        };
        if let Some(left) = self.stack.first() {
            return Err(NotTransfers::Unused {
                offset: left.offset,
            });
        }
        let native = NativeContract::from_hash(&contract)
            .ok_or(NotTransfers::Contract { offset, contract })?;
        let call = match query::recognise(native, &method, arguments, offset)? {
            Ok((question, price)) => {
                check_flags(flags, query::FLAGS)?;
                let charges = self.take_charges(offset, price);
                Call::Query(Query {
                    offset,
                    question,
                    charges,
                })
            }
            Err(arguments) => match native {
                NativeContract::Token(token) => {
                    self.token_call(offset, token, &method, flags, arguments)?
                }
                other => {
                    return Err(NotTransfers::NativeMethod {
                        offset,
                        contract: other.name(),
                        method: shown(&method),
                        arguments: arguments.len(),
                    });
                }
            },
        };
        self.calls.push(call);
        Ok(())
    }

    fn pop_bytes(&mut self) -> Option<Vec<u8>> {
        match self.stack.pop()?.item {
            Item::Value(StackValue::Bytes(bytes)) => Some(bytes),
            _ => None,
        }
    }

    fn token_call(
        &mut self,
        offset: usize,
        token: Token,
        method: &[u8],
        flags: (usize, BigInt),
        arguments: Vec<Pushed>,
    ) -> Result<Call, NotTransfers> {
        let count = arguments.len();
        let mut arguments = arguments.into_iter();
        let mut argument = || arguments.next();
        let (needed, price, read) = match (method, count) {
            (b"transfer", 4) => {
                check_flags(flags, CallFlags::ALL)?;
                let from = account("from", argument(), offset)?;
                let to = account("to", argument(), offset)?;
                let amount = integer("amount", argument(), offset)?;
                let data = value("data", argument(), offset)?;
                let charges = self.take_charges(offset, Method::Transfer);
                return Ok(Call::Transfer(Transfer {
                    offset,
                    token,
                    from,
                    to,
                    amount,
                    data,
                    has_assert: false,
                    charges,
                    assert_charge: None,
                }));
            }
            (b"symbol", 0) => (CallFlags(0), Method::Constant, ReadMethod::Symbol),
            (b"decimals", 0) => (CallFlags(0), Method::Constant, ReadMethod::Decimals),
            (b"totalSupply", 0) => (
                CallFlags::READ_STATES,
                Method::Read,
                ReadMethod::TotalSupply,
            ),
            (b"balanceOf", 1) => {
                let owner = account("account", argument(), offset)?;
                (
                    CallFlags::READ_STATES,
                    Method::Read,
                    ReadMethod::BalanceOf(owner),
                )
            }
            _ => {
                return Err(NotTransfers::Method {
                    offset,
                    token,
                    method: shown(method),
                    arguments: count,
                });
            }
        };
        check_flags(flags, needed)?;
        let charges = self.take_charges(offset, price);
        Ok(Call::Read(Read {
            offset,
            token,
            method: read,
            charges,
        }))
    }

    /// The charges since the last call, with those inside the token's contract.
    fn take_charges(&mut self, offset: usize, method: Method) -> Vec<Charge> {
        let mut charges = std::mem::take(&mut self.charges);
        charges.extend(price::native(offset, method));
        charges
    }
}

/// A method's name as errors show it.
fn shown(method: &[u8]) -> String {
    String::from_utf8_lossy(method)
        .chars()
        .take(METHOD_SHOWN)
        .collect()
}

#[cfg(test)]
mod tests;
