//! Real neo-go processes: their program, those that keep the chain of validators beside them, and what they have stored,
//! asked over RPC.

mod follow;
mod nodes;
mod program;

pub(crate) use follow::follow;
pub(crate) use nodes::NeoNodes;
pub(crate) use program::NeoGoProgram;
