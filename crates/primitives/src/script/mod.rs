//! Scripts of the Neo virtual machine: instructions, a builder, and the two standard verification scripts.

mod builder;
mod instruction;
mod opcode;
mod verification;

pub use builder::{CallFlags, ScriptBuilder};
pub use instruction::{Instruction, InstructionError, Instructions};
pub use opcode::{Opcode, Syscall};
pub(crate) use verification::push_signatures;
pub use verification::{
    MAX_MULTISIG_KEYS, ScriptError, multisig_script, parse_multisig_script, parse_signature_script,
    parse_signatures, signature_script,
};
