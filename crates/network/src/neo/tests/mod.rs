//! Nodes and puppets on this machine's network.

mod delivery;
mod joining;
mod nodes;
mod serving;
mod syncing;
