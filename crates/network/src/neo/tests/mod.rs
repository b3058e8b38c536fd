//! Nodes and puppets on this machine's network.

mod delivery;
mod joining;
pub(super) mod nodes;
mod serving;
mod syncing;
