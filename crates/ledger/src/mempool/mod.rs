//! Transactions that wait for a block.
//!
//! A transaction first passes the checks that need no state ([`StatelessVerifier`], in parallel), then those
//! that do ([`Mempool::admit`], one at a time).

mod decided;
mod keys;
mod pool;
mod priority;
mod selection;
mod state_checks;
mod stateless;

pub(crate) use self::{
    keys::KeyCache,
    pool::{Mempool, fees},
    selection::{Selection, SelectionLimits, excluded_by, first_conflict},
    state_checks::{
        ChainPoint, check_conflicts_on_chain, check_expiry, check_fees_and_attributes, witness_cost,
    },
    stateless::StatelessVerifier,
};
