//! What a block does to the state.

mod block;
mod block_log;
mod outcome;
mod query;
mod record;
mod scope;
mod script;
mod token;
mod understand;

pub use outcome::{Execution, Fault, Invocation, Notification, StackItem, Trigger, VmState};

pub(crate) use self::{
    block::{Executed, execute_block, genesis},
    block_log::block_log,
    query::Scene,
    record::{TransactionOutcome, decode_outcome, decode_outcomes, encode_outcomes},
    script::{invoke, total_supply},
    understand::transfers_of,
};
