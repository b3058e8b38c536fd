//! Scripts that call the native tokens NEO and GAS.
//!
//! A transfer is `data ‖ amount ‖ to ‖ from ‖ PUSH4 PACK ‖ PUSH15 ‖ "transfer" ‖ token ‖ System.Contract.Call` with
//! an `ASSERT` after it or not, and a script may hold several. Wallets differ in the width of numbers and of
//! length prefixes and in what they push as data; every such form is recognised. What is not a run of such calls
//! is refused with the offset and the reason: running it needs Neo's virtual machine.

mod call;
mod error;
mod price;
mod query;
mod recognise;
mod stack;
mod token;

pub use call::{Call, Query, Read, ReadMethod, StackValue, Transfer};
pub use error::NotTransfers;
pub use price::Charge;
pub use query::{NativeContract, Question};
pub use recognise::{recognise_calls, recognise_transfers};
pub use token::Token;

use num_bigint::BigInt;

use crate::hash::UInt160;
use crate::script::{CallFlags, Opcode, ScriptBuilder};

/// The script of one transfer with null data, as Neo's wallets write it. With `assert` the transaction faults if
/// the transfer is refused; without, it halts with `false`.
///
/// # Panics
/// If the amount does not fit 256 bits.
pub fn transfer_script(
    token: Token,
    from: &UInt160,
    to: &UInt160,
    amount: impl Into<BigInt>,
    assert: bool,
) -> Vec<u8> {
    let mut b = ScriptBuilder::new();
    b.null()
        .integer(amount)
        .hash(to)
        .hash(from)
        .call(&token.hash(), "transfer", 4, CallFlags::ALL);
    if assert {
        b.op(Opcode::ASSERT);
    }
    b.into_bytes()
}
