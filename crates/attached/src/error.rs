//! What can be wrong with an attached node.

use neo_ledger::InvalidBlock;
use neo_primitives::{Height, UInt256};
use neo_rpc::{Endpoint, RpcError};

/// Why a node does not serve.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// It cannot be reached, is too slow, answers nonsense or refuses a call.
    #[error(transparent)]
    Rpc(#[from] RpcError),
    /// A field of an answer is missing, of another type, or out of range.
    #[error("{endpoint}: {method}: {field}: {problem}")]
    Field {
        /// The node.
        endpoint: Endpoint,
        /// The method that it answered.
        method: &'static str,
        /// Path of the field in the answer.
        field: String,
        /// What is wrong with it.
        problem: String,
    },
    /// It is of another network, or was given another configuration.
    #[error("{endpoint}: {field} is {found}, the network of this validator has {expected}")]
    OtherNetwork {
        /// The node.
        endpoint: Endpoint,
        /// What differs.
        field: &'static str,
        /// The node's value.
        found: String,
        /// The configured value.
        expected: String,
    },
    /// It shows a header that the validators have not signed, or that does not fit the chain.
    #[error("{endpoint}: its block {height} is not valid: {problem}")]
    Header {
        /// The node.
        endpoint: Endpoint,
        /// Height of the block.
        height: Height,
        /// What is wrong with it.
        problem: Box<InvalidBlock>,
    },
    /// It has another block at a height whose block is verified.
    #[error("{endpoint}: its block {height} is {found}, the validators signed {known}")]
    OtherChain {
        /// The node.
        endpoint: Endpoint,
        /// The height.
        height: Height,
        /// Hash of its block.
        found: UInt256,
        /// Hash of the verified block.
        known: UInt256,
    },
    /// It took another block while the state of one height was read.
    #[error("{endpoint}: it left height {height} while its state was read")]
    Moved {
        /// The node.
        endpoint: Endpoint,
        /// The height that was read.
        height: Height,
    },
    /// Two nodes tell different things about the state of one height.
    #[error("{one} and {other} disagree about {what} at height {height}")]
    Contradiction {
        /// A node.
        one: Endpoint,
        /// Address of another one.
        other: String,
        /// What about.
        what: &'static str,
        /// The height.
        height: Height,
    },
    /// What was verified cannot be stored.
    #[error("the store of headers: {0}")]
    Store(#[from] Box<neo_ledger::LedgerError>),
}

impl NodeError {
    /// Neo's error number, where the node refused a call.
    #[must_use]
    pub fn code(&self) -> Option<i64> {
        match self {
            Self::Rpc(error) => error.code(),
            _ => None,
        }
    }
}
