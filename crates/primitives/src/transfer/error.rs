//! Why a script is not understood.

use num_bigint::BigInt;
use thiserror::Error;

use super::Token;
use crate::hash::UInt160;
use crate::script::{InstructionError, Opcode};

/// Why a script is not a run of calls of the native tokens. Every offset is one of the script.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NotTransfers {
    /// Nothing is called.
    #[error("the script calls nothing")]
    Empty,
    /// Longer than a transaction's script can be.
    #[error("the script has {length} bytes, {limit} are allowed")]
    TooLong {
        /// Bytes.
        length: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// The script cannot be split, or holds an opcode that no transfer has.
    #[error(transparent)]
    Instruction(#[from] InstructionError),
    /// An opcode that has no place here.
    #[error("{opcode} at offset {offset} is not part of a token call")]
    Opcode {
        /// Where it stands.
        offset: usize,
        /// The opcode.
        opcode: Opcode,
    },
    /// Another system call than `System.Contract.Call`.
    #[error("system call {} at offset {offset} is not System.Contract.Call", hex::encode(.id))]
    Syscall {
        /// Where it stands.
        offset: usize,
        /// Its number.
        id: Vec<u8>,
    },
    /// PACK without a count, or with fewer values than its count.
    #[error("PACK at offset {offset} has no {what}")]
    Pack {
        /// Where it stands.
        offset: usize,
        /// What is missing.
        what: &'static str,
    },
    /// A call without its four parameters.
    #[error("the call at offset {offset} has no {what}")]
    Parameter {
        /// Where the call stands.
        offset: usize,
        /// What is missing or of another kind.
        what: &'static str,
    },
    /// A value that no call uses.
    #[error("the value pushed at offset {offset} is not used by a call")]
    Unused {
        /// Where it is pushed.
        offset: usize,
    },
    /// A contract other than NEO and GAS.
    #[error("the call at offset {offset} is to contract {contract}, not to NEO or GAS")]
    Contract {
        /// Where the call stands.
        offset: usize,
        /// The contract.
        contract: UInt160,
    },
    /// A method that is not known here, or another number of arguments.
    #[error(
        "the call at offset {offset} is of {token}'s method `{method}` with {arguments} arguments"
    )]
    Method {
        /// Where the call stands.
        offset: usize,
        /// The token.
        token: Token,
        /// The method, shortened to 32 characters.
        method: String,
        /// Arguments.
        arguments: usize,
    },
    /// A method of another native contract that is not known here, or another number of arguments.
    #[error(
        "the call at offset {offset} is of {contract}'s method `{method}` with {arguments} arguments"
    )]
    NativeMethod {
        /// Where the call stands.
        offset: usize,
        /// The contract's name.
        contract: &'static str,
        /// The method, shortened to 32 characters.
        method: String,
        /// Arguments.
        arguments: usize,
    },
    /// Call flags with which the method faults, or that do not exist.
    #[error("the call flags at offset {offset} are {found}, the method needs {needed}")]
    CallFlags {
        /// Where they are pushed.
        offset: usize,
        /// The flags.
        found: BigInt,
        /// The flags that the method needs.
        needed: u8,
    },
    /// An argument of the wrong kind.
    #[error("the argument `{argument}` at offset {offset} is not {expected}")]
    Argument {
        /// Where it is pushed.
        offset: usize,
        /// Its name.
        argument: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// A read where only transfers are wanted.
    #[error("the call at offset {offset} only reads, transfers alone are taken here")]
    OnlyReads {
        /// Where the call stands.
        offset: usize,
    },
}
