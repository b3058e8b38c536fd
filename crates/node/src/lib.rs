//! Where engine, ledger and network meet.
//!
//! [`run`] is a whole node. The driver is one task around the engine: it receives, lets the engine step,
//! and carries out the actions in their order; everything that takes time happens elsewhere: signature
//! checks on the verification pool, ledger requests on the ledger's thread, fetches on the runtime.

mod answers;
mod attached;
mod bodies;
mod checks;
pub mod config;
mod driver;
mod elsewhere;
mod events;
mod fetcher;
mod gossip;
pub mod handover;
mod intrusion;
mod lanes;
mod ledger_worker;
pub mod metrics;
mod neighbours;
mod neo_chain;
mod node;
mod p2p;
pub mod recovery;
pub mod rpc;
pub mod security;
mod serving;
mod sync;
mod tuning;
mod verifier;
pub mod vote_log_file;
mod voting_key;

pub use driver::DriverError;
pub use events::{EventSink, NodeEvent};
pub use intrusion::{Beside, Byzantine};
pub use neo_chain::LedgerChain;
pub use node::{NodeError, RunOptions, log_identity, run};
pub use sync::{CatchUp, CatchUpSender};
