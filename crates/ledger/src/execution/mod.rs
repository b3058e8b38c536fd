//! What a block does to the state.

mod block;
mod outcome;
mod record;
mod scope;
mod script;
mod token;

pub use outcome::{Execution, Fault, Invocation, Notification, StackItem, Trigger, VmState};

pub(crate) use self::{
    block::{Executed, block_log, execute_block, genesis},
    record::{TransactionOutcome, decode_outcome, encode_outcomes},
    script::{invoke, total_supply},
};
