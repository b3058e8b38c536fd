//! Nodes and puppets on this machine's network.

mod delivery;
mod joining;
pub(super) mod nodes;
mod puppet;
mod refusing;
mod serving;
mod syncing;
mod transactions;
