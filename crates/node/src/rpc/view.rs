//! What the server sees of the rest of the node.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use neo_consensus::engine::Status;
use neo_primitives::{Block, Height, PublicKey, Transaction, UInt256};

/// The state of consensus.
pub trait ConsensusView: Send + Sync + 'static {
    /// The open heights of this moment. Answers at once.
    fn status(&self) -> Status;
}

/// The peers of the node.
pub trait PeerView: Send + Sync + 'static {
    /// Those connected now. Answers at once.
    fn connected(&self) -> Vec<PeerEntry>;
}

/// A connected peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerEntry {
    /// Its host: an IP address or a name.
    pub address: String,
    /// Its port at the other end of the connection.
    pub port: u16,
    /// Its program, as it says.
    pub user_agent: String,
    /// Height of its last stored block, as it says.
    pub last_known_height: Height,
    /// Its key, where it is a validator.
    pub validator: Option<PublicKey>,
    /// Smoothed round-trip time.
    pub rtt: Option<Duration>,
}

/// What comes of a submitted block: its hash once it is stored.
pub type BlockReply = Pin<Box<dyn Future<Output = Result<UInt256, BlockRefused>> + Send>>;

/// The way from clients into the network.
pub trait Relay: Send + Sync + 'static {
    /// Passes on a transaction that the memory pool has taken. Returns at once.
    fn transaction(&self, transaction: Arc<Transaction>);

    /// Verifies and stores a block. The server has checked that it follows the tip.
    fn block(&self, block: Block) -> BlockReply;
}

/// Why a submitted block is not stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlockRefused {
    /// The chain has it already, or another one of its height.
    #[error("height {height} is stored already")]
    AlreadyStored {
        /// Height of the block.
        height: Height,
    },
    /// Blocks between the tip and this one are missing.
    #[error("the block has height {height}, the next one is {next}")]
    NotNext {
        /// Height of the block.
        height: Height,
        /// Height that would follow the tip.
        next: Height,
    },
    /// It is not valid.
    #[error("{0}")]
    Invalid(String),
    /// The node cannot store blocks now.
    #[error("the block cannot be stored now: {0}")]
    Unavailable(String),
}
