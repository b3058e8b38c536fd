//! Validators that are real neo-go processes: their program, and what they have stored, asked over RPC.

mod follow;
mod program;

pub(crate) use follow::follow;
pub(crate) use program::NeoGoProgram;
