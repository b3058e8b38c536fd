//! What a script has pushed, and reading arguments from it.

use num_bigint::BigInt;

use super::{NotTransfers, StackValue};
use crate::hash::UInt160;
use crate::keys::PublicKey;
use crate::script::{CallFlags, Instruction, Opcode};

/// A value on the stack, and where it was pushed.
pub(super) struct Pushed {
    pub(super) offset: usize,
    pub(super) item: Item,
}

/// What was pushed.
pub(super) enum Item {
    Value(StackValue),
    Array(Vec<Pushed>),
}

pub(super) fn pushed_value(instruction: &Instruction<'_>) -> Option<StackValue> {
    if let Some(data) = instruction.data() {
        return Some(StackValue::Bytes(data.to_vec()));
    }
    match instruction.opcode {
        Opcode::PUSHNULL => Some(StackValue::Null),
        Opcode::PUSHT => Some(StackValue::Boolean(true)),
        Opcode::PUSHF => Some(StackValue::Boolean(false)),
        _ => instruction.integer().map(StackValue::Integer),
    }
}

pub(super) fn check_flags(
    (offset, found): (usize, BigInt),
    needed: CallFlags,
) -> Result<(), NotTransfers> {
    match u8::try_from(&found) {
        Ok(flags) if flags <= CallFlags::ALL.0 && CallFlags(flags).contains(needed) => Ok(()),
        _ => Err(NotTransfers::CallFlags {
            offset,
            found,
            needed: needed.0,
        }),
    }
}

fn wrong(
    argument: &'static str,
    pushed: Option<Pushed>,
    call: usize,
    expected: &'static str,
) -> NotTransfers {
    let offset = pushed.map_or(call, |pushed| pushed.offset);
    NotTransfers::Argument {
        offset,
        argument,
        expected,
    }
}

pub(super) fn account(
    name: &'static str,
    pushed: Option<Pushed>,
    call: usize,
) -> Result<UInt160, NotTransfers> {
    if let Some(Pushed {
        item: Item::Value(StackValue::Bytes(bytes)),
        ..
    }) = &pushed
        && let Ok(hash) = <[u8; 20]>::try_from(bytes.as_slice())
    {
        return Ok(UInt160::from_wire(hash));
    }
    Err(wrong(name, pushed, call, "an account of 20 bytes"))
}

pub(super) fn public_key(
    name: &'static str,
    pushed: Option<Pushed>,
    call: usize,
) -> Result<PublicKey, NotTransfers> {
    if let Some(Pushed {
        item: Item::Value(StackValue::Bytes(bytes)),
        ..
    }) = &pushed
        && let Ok(key) = PublicKey::from_bytes(bytes)
    {
        return Ok(key);
    }
    Err(wrong(name, pushed, call, "a public key"))
}

pub(super) fn integer(
    name: &'static str,
    pushed: Option<Pushed>,
    call: usize,
) -> Result<BigInt, NotTransfers> {
    match pushed {
        Some(Pushed {
            item: Item::Value(StackValue::Integer(value)),
            ..
        }) => Ok(value),
        other => Err(wrong(name, other, call, "an integer")),
    }
}

pub(super) fn value(
    name: &'static str,
    pushed: Option<Pushed>,
    call: usize,
) -> Result<StackValue, NotTransfers> {
    match pushed {
        Some(Pushed {
            item: Item::Value(value),
            ..
        }) => Ok(value),
        other => Err(wrong(
            name,
            other,
            call,
            "null, a Boolean, an integer or bytes",
        )),
    }
}
