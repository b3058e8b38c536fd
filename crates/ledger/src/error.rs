//! Why a ledger cannot go on, and why a block is not valid.

use std::path::PathBuf;

use neo_primitives::{DecodeError, Height, Magic, UInt160, UInt256, ValidatorIndex, WitnessError};

use crate::{config::ConfigError, rejected::Rejected, store::StoreError};

/// Why the ledger cannot open or cannot carry out a request.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The genesis configuration is not usable.
    #[error("genesis configuration: {0}")]
    Config(#[from] ConfigError),
    /// The data directory cannot be created or reached.
    #[error("data directory {path}: {source}")]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// Another process has the store open.
    #[error("the store {path} is locked by another process")]
    Locked {
        /// The store's file.
        path: PathBuf,
    },
    /// The store holds the chain of another network.
    #[error(
        "the store holds network {stored_magic} with genesis {stored_genesis}, this node is configured for network {magic} with genesis {genesis}"
    )]
    OtherNetwork {
        /// Magic of the stored chain.
        stored_magic: Magic,
        /// Genesis hash of the stored chain.
        stored_genesis: UInt256,
        /// Magic of the configuration.
        magic: Magic,
        /// Genesis hash of the configuration.
        genesis: UInt256,
    },
    /// The store holds a chain of the same network that was begun with other rules.
    #[error("the store was begun with another genesis configuration: {field} differs")]
    OtherRules {
        /// The first field that differs.
        field: &'static str,
    },
    /// The store was written by another version.
    #[error("the store has format {found}, this version reads format {expected}")]
    StoreFormat {
        /// Format number found.
        found: u32,
        /// Format number that this version writes.
        expected: u32,
    },
    /// Reading or writing failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A stored value does not decode.
    #[error("stored {what} is damaged: {source}")]
    Damaged {
        /// What was read.
        what: &'static str,
        /// Why it does not decode.
        source: DecodeError,
    },
    /// Stored values contradict each other.
    #[error("the store is inconsistent: {0}")]
    Inconsistent(String),
    /// A request names a parent that is neither the tip nor executed ahead.
    #[error("block {0} is neither the stored tip nor executed ahead")]
    UnknownParent(UInt256),
    /// A request names a block that was not checked.
    #[error("block {0} was not checked before")]
    UnknownBlock(UInt256),
    /// A decided block does not follow the chain.
    #[error("decided block {hash} of height {height} does not follow the tip of height {tip}")]
    NotNext {
        /// Hash of the block.
        hash: UInt256,
        /// Its height.
        height: Height,
        /// Height of the tip that it should follow.
        tip: Height,
    },
    /// A decided block is not valid: the nodes of this network do not run the same rules.
    #[error("decided block {hash} is not valid here: {error}")]
    InvalidDecision {
        /// Hash of the block.
        hash: UInt256,
        /// What is wrong with it.
        error: Box<InvalidBlock>,
    },
    /// The network's validators decided a block that only a whole Neo node can execute.
    #[error(
        "block {height} ({block}) holds transaction {transaction}, which cannot be executed here: {reason}"
    )]
    Beyond {
        /// Height of the block.
        height: Height,
        /// Its hash.
        block: UInt256,
        /// The transaction.
        transaction: UInt256,
        /// What of it, and where.
        reason: Box<Rejected>,
    },
    /// No attached Neo node serves, or what it says is not believed.
    #[error("no Neo node serves: {0}")]
    NoNode(String),
    /// Only the attached Neo node answers this.
    #[error("{0}: ask the attached Neo node")]
    AskTheNode(&'static str),
    /// The ledger cannot do this.
    #[error("this ledger cannot {0}; attach a Neo node")]
    Unsupported(String),
}

impl LedgerError {
    /// Whether nothing more can be stored until an operator acts: a failed or full disk, a damaged
    /// store, or a decided block that is not valid here.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        !matches!(
            self,
            Self::UnknownParent(_)
                | Self::UnknownBlock(_)
                | Self::Unsupported(_)
                | Self::NoNode(_)
                | Self::AskTheNode(_)
        )
    }
}

/// Why a block is not valid.
#[derive(Debug, thiserror::Error)]
pub enum InvalidBlock {
    /// Its parent is neither the stored tip nor executed ahead.
    #[error("parent {0} is unknown")]
    UnknownParent(UInt256),
    /// The version is not 0.
    #[error("version is {0}, must be 0")]
    Version(u32),
    /// The index does not follow the parent's.
    #[error("height is {found}, its parent's is {parent}")]
    Index {
        /// The block's height.
        found: Height,
        /// The parent's height.
        parent: Height,
    },
    /// The timestamp is not above the parent's.
    #[error("timestamp {found} is not after the parent's {parent}")]
    Timestamp {
        /// The block's timestamp in milliseconds.
        found: u64,
        /// The parent's timestamp in milliseconds.
        parent: u64,
    },
    /// The primary is not a validator.
    #[error("primary index is {found}, there are {validators} validators")]
    Primary {
        /// The block's primary index.
        found: ValidatorIndex,
        /// Number of validators.
        validators: usize,
    },
    /// `next_consensus` is not the account of the next validators.
    #[error("next consensus is {found}, must be {expected}")]
    NextConsensus {
        /// The block's value.
        found: UInt160,
        /// The right value.
        expected: UInt160,
    },
    /// The transactions do not fit the merkle root.
    #[error("transactions of block {0} do not fit its merkle root")]
    MerkleRoot(UInt256),
    /// Too many transactions.
    #[error("{count} transactions, {limit} are allowed")]
    TransactionCount {
        /// Number of transactions.
        count: usize,
        /// The limit.
        limit: u32,
    },
    /// Too large.
    #[error("size is {size} bytes, {limit} are allowed")]
    Size {
        /// Size with its witness, in bytes.
        size: usize,
        /// The limit.
        limit: u32,
    },
    /// System fees above the limit.
    #[error("system fees are {fees} datoshi, {limit} are allowed")]
    SystemFee {
        /// Sum of the system fees.
        fees: i128,
        /// The limit.
        limit: i64,
    },
    /// A transaction stands in the block twice.
    #[error("transaction {0} stands in the block twice")]
    Duplicate(UInt256),
    /// Two transactions of the block conflict.
    #[error("transaction {0} conflicts with {1}, both are in the block")]
    Conflict(UInt256, UInt256),
    /// A transaction is not valid.
    #[error("transaction {hash}: {reason}")]
    Transaction {
        /// Its hash.
        hash: UInt256,
        /// Why.
        reason: Rejected,
    },
    /// The sender cannot pay the fees that the block burns.
    #[error("transaction {hash}: sender {sender} has {balance} datoshi, fees are {fees}")]
    UnpaidFees {
        /// Hash of the transaction.
        hash: UInt256,
        /// Its sender.
        sender: UInt160,
        /// GAS of the sender in datoshi.
        balance: u64,
        /// Fees in datoshi.
        fees: u64,
    },
    /// The witness does not prove the block.
    #[error("witness: {0}")]
    Witness(#[from] WitnessError),
    /// A witness script is longer than the network allows.
    #[error("a witness script has {length} bytes, {limit} are allowed")]
    WitnessLength {
        /// Length of the longer script, in bytes.
        length: usize,
        /// The limit.
        limit: u32,
    },
    /// A different block of this height is already decided.
    #[error("height {height} is already decided: its block is {decided}")]
    OtherBlockDecided {
        /// The height.
        height: Height,
        /// Hash of the decided block.
        decided: UInt256,
    },
    /// The ledger failed while it checked the block; this says nothing about the block.
    #[error("not checked: {0}")]
    Ledger(#[from] Box<LedgerError>),
}

impl InvalidBlock {
    /// The error of a block that enough validators signed, or decided otherwise: a transaction that is beyond this
    /// ledger is no fault of the block, and the ledger cannot follow the chain any further.
    #[must_use]
    pub(crate) fn of_decided(self, height: Height, block: UInt256) -> Self {
        match self {
            Self::Transaction { hash, reason } if reason.is_beyond() => LedgerError::Beyond {
                height,
                block,
                transaction: hash,
                reason: Box::new(reason),
            }
            .into(),
            other => other,
        }
    }
}

impl From<StoreError> for InvalidBlock {
    fn from(error: StoreError) -> Self {
        Self::Ledger(Box::new(error.into()))
    }
}

impl From<LedgerError> for InvalidBlock {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(Box::new(error))
    }
}
