//! Where engine, ledger and network meet.

pub mod config;
pub mod metrics;
pub mod rpc;
