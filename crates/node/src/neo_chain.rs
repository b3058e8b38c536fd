//! What Neo N3 peers may read of a ledger.

use std::sync::Arc;

use bytes::Bytes;
use neo_ledger::{ChainReader, LedgerError};
use neo_network::neo::NeoChain;
use neo_primitives::{Encode, Height, SignedHeader, UInt256};

use crate::bodies::Bodies;

/// The chain and the pool of a ledger, for [`neo_network::neo::start`]. What the store cannot read is answered like
/// what is not there, and logged.
pub struct LedgerChain {
    ledger: Arc<dyn ChainReader>,
    /// Blocks that this validator has prepared.
    bodies: Arc<Bodies>,
}

impl LedgerChain {
    /// Reads from this ledger.
    #[must_use]
    pub fn new(ledger: Arc<dyn ChainReader>) -> Self {
        Self::with_bodies(ledger, Arc::default())
    }

    /// Reads from this ledger and from the blocks that are under way.
    pub(crate) fn with_bodies(ledger: Arc<dyn ChainReader>, bodies: Arc<Bodies>) -> Self {
        Self { ledger, bodies }
    }
}

fn found<T>(what: &'static str, read: Result<Option<T>, LedgerError>) -> Option<T> {
    read.unwrap_or_else(|error| {
        tracing::error!(what, %error, "a Neo N3 peer's question cannot be answered");
        None
    })
}

impl NeoChain for LedgerChain {
    fn height(&self) -> Height {
        self.ledger.height()
    }

    fn header(&self, height: Height) -> Option<SignedHeader> {
        found("header", self.ledger.header(height))
    }

    fn block(&self, height: Height) -> Option<Bytes> {
        found("block", self.ledger.fetch_block_bytes(height)).map(Bytes::from)
    }

    fn height_of(&self, hash: &UInt256) -> Option<Height> {
        found("height of a block", self.ledger.height_of(hash))
    }

    fn transaction(&self, hash: &UInt256) -> Option<Bytes> {
        let held = self.ledger.pooled(hash);
        let held = held.or_else(|| self.bodies.transaction(hash));
        let transaction = held.or_else(|| {
            let stored = found("transaction", self.ledger.transaction(hash))?;
            Some(stored.transaction)
        })?;
        Some(transaction.to_bytes().into())
    }

    fn has_transaction(&self, hash: &UInt256) -> bool {
        self.ledger.is_pooled(hash) || found("transaction", self.ledger.transaction(hash)).is_some()
    }

    fn pool(&self, limit: usize) -> Vec<UInt256> {
        let mut hashes = self.ledger.pool().verified;
        hashes.truncate(limit);
        hashes
    }
}

#[cfg(test)]
mod tests {
    use neo_primitives::{Block, Decode, Token, UInt160};

    use super::*;
    use crate::rpc::testing::{Chain, signed, transfer, treasury};

    #[test]
    fn chain_and_pool_as_peers_read_them() {
        let chain = Chain::new();
        let to = UInt160::from_wire([1; 20]);
        let stored = signed(transfer(Token::Gas, treasury(), to, 5, 1));
        let block = chain.grow(vec![stored.clone()]);
        let pooled = signed(transfer(Token::Gas, treasury(), to, 5, 2));
        chain.submit(vec![pooled.clone()]);
        let read = LedgerChain::new(chain.ledger.clone());
        assert_eq!(read.height(), Height(1));
        assert_eq!(read.header(Height(1)), Some(block.signed_header()));
        assert_eq!(read.header(Height(2)), None);
        let bytes = read.block(Height(1)).unwrap();
        assert_eq!(Block::from_bytes(&bytes), Ok((*block).clone()));
        assert_eq!(read.height_of(&block.hash()), Some(Height(1)));
        for transaction in [&stored, &pooled] {
            let bytes = read.transaction(&transaction.hash()).unwrap();
            assert_eq!(bytes, transaction.to_bytes());
            assert!(read.has_transaction(&transaction.hash()));
        }
        assert!(!read.has_transaction(&block.hash()) && read.transaction(&block.hash()).is_none());
        assert_eq!(read.pool(9), [pooled.hash()]);
        assert!(read.pool(0).is_empty());
    }
}
