//! Validators of ours beside unmodified neo-go nodes that keep the chain: real processes of both.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used
)]

mod chain;
// Whole-system tests use the rest.
#[allow(dead_code)]
#[path = "../system/common/mod.rs"]
mod common;
mod deeds;
mod election;
mod lives;
#[path = "../../crates/ledger/tests/common/neo_go.rs"]
mod neo_go;
mod network;
mod proofs;
mod refresh;
mod signers;
