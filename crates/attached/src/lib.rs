//! A ledger that an unmodified Neo node keeps.
//!
//! [`AttachedLedger`] answers consensus with what one of several Neo nodes says over JSON-RPC: neo-go or the C# node
//! executes, stores and serves the chain, its own consensus is off. What a node says is held against what the
//! validators signed:
//!
//! * the chain: every header is verified by the witness of the account that the header below names, from genesis or a
//!   trusted block on, and kept on disk ([`neo_ledger::store`]), so that a restart goes on where it was;
//! * the validators of the next block: they must have the account that the tip names;
//! * a node of another network, behind the chain, or with another block at a verified height does not serve.
//!
//! Trusted is the node that serves only with what its own state says: whether a transaction is valid
//! (`getrawmempool`, `sendrawtransaction`), balances, and who was elected ([`election`]). Conflicts, limits and sums of
//! fees inside one block are checked here.
//!
//! A height opens only once the serving node has stored the block below: a node that lags means that this validator
//! does not vote. While no node serves, [`neo_ledger::LedgerRequest::Open`] waits; every other request fails after
//! [`Timing::patience`], which consensus takes as "not checked", never as a vote.

// Tests of other crates use the fake node, too.
#[cfg(test)]
extern crate self as neo_attached;

mod building;
mod config;
pub mod election;
mod error;
#[cfg(test)]
mod fake;
mod following;
mod given;
mod headers;
mod height;
mod ledger;
mod mirror;
mod node;
mod old_blocks;
mod proposal;
mod reads;
mod selection;
mod shared;
mod stack_item;
mod storing;
mod submitting;
#[cfg(test)]
mod tests;
mod trusted;
mod verdict;

pub use config::{AttachedConfig, KEPT_BLOCKS, Timing, Trusted};
pub use error::NodeError;
pub use ledger::AttachedLedger;
pub use shared::{NodeReport, NodeState};
