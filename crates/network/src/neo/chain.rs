//! What the node lets its Neo N3 peers read.

use bytes::Bytes;
use neo_primitives::{Height, SignedHeader, UInt256};

/// The stored chain and the pool. Called on threads that may block; answers must not wait for the network.
pub trait NeoChain: Send + Sync + 'static {
    /// Height of the last stored block.
    fn height(&self) -> Height;

    /// The header of a stored block.
    fn header(&self, height: Height) -> Option<SignedHeader>;

    /// The bytes of a stored block.
    fn block(&self, height: Height) -> Option<Bytes>;

    /// The height of a stored block.
    fn height_of(&self, hash: &UInt256) -> Option<Height>;

    /// The bytes of a transaction of the pool or of a stored block.
    fn transaction(&self, hash: &UInt256) -> Option<Bytes>;

    /// Whether the transaction is in the pool or in a stored block.
    fn has_transaction(&self, hash: &UInt256) -> bool;

    /// Hashes of the pool's transactions, at most `limit`, the most urgent first.
    fn pool(&self, limit: usize) -> Vec<UInt256>;
}
