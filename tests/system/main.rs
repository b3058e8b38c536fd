//! Whole-system tests: real processes, real disks, real `kill -9`, and a neo-go node as the outside witness.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used
)]

mod beyond;
mod checkpoints;
mod common;
mod crashes;
mod faults;
mod links;
mod lives;
#[path = "../../crates/ledger/tests/common/neo_go.rs"]
mod neo_go;
mod older;
mod pacing;
mod proofs;
mod recovery;
mod signing;
mod witness;
