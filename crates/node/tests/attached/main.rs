//! Whole nodes of this process on attached ledgers: before Neo nodes that answer from a script, and before real neo-go
//! nodes.

#![allow(clippy::unwrap_used)]

#[allow(dead_code, unused_imports)]
#[path = "../../../attached/src/fake/mod.rs"]
mod fake;
#[path = "../../../ledger/tests/common/neo_go.rs"]
mod neo_go;
#[allow(dead_code, unused_imports)]
#[path = "../../../attached/tests/network/mod.rs"]
mod network;

mod carrying;
mod nodes;
mod proofs;
mod restarts;
