//! Mempool, execution and block store of a Neo N3 chain.
//!
//! [`Ledger`] is what consensus asks for: candidate blocks, checks, speculative execution, durable storage.
//! [`EmbeddedLedger`] answers with a ledger of its own: it runs transfers of native NEO and GAS exactly as a
//! Neo node does, so that a Neo node accepts its blocks and reports the same balances and application logs.
//! What needs other contracts is refused with an error that says so.
//!
//! The way of a block: [`LedgerRequest::Build`] or [`LedgerRequest::Check`] executes it on top of its parent
//! without storing anything; [`LedgerRequest::Promote`] makes the decided one the only one of its height;
//! [`LedgerRequest::Store`] writes it with its witness in one atomic, durable commit.

pub mod checkpoint;
mod config;
mod contract;
mod embedded;
mod error;
mod execution;
mod mempool;
mod natives;
pub mod policy;
mod reader;
mod rejected;
mod signatures;
mod state;
pub mod store;

pub use config::{ConfigError, GenesisConfig, MAX_INITIAL_GAS, MAX_VALIDATORS};
pub use contract::{
    BlockLimits, HeightInfo, Ledger, LedgerAnswer, LedgerRequest, PoolWatcher, Reply, SubmitReply,
    VerifiedBlock,
};
pub use embedded::{EmbeddedLedger, FILE as STORE_FILE};
pub use error::{InvalidBlock, LedgerError};
pub use execution::{Execution, Fault, Invocation, Notification, StackItem, Trigger, VmState};
pub use neo_primitives::{TransactionIds, short_id};
pub use reader::{
    BlockLog, ChainReader, PolicyValues, PoolListing, StoredTransaction, StoredTransfer,
    TokenBalance, TransactionLog,
};
pub use rejected::Rejected;
pub use signatures::SignatureScheme;
