//! A Neo node in this process that answers from a script, for tests.

mod answers;
mod network;
mod server;

use std::{collections::HashMap, sync::Arc};

use neo_primitives::{Block, Magic, PublicKey, Transaction, UInt160, UInt256};
use neo_rpc::Endpoint;
use parking_lot::Mutex;
use serde_json::Value;

pub(crate) use network::{Draft, Network, key, with_witness};

/// What becomes of a method's honest answer.
#[derive(Clone)]
pub(crate) enum Bend {
    /// This result instead.
    Result(Value),
    /// This error instead.
    Error(i64, &'static str),
}

/// How a whole node behaves.
#[derive(Clone, PartialEq)]
pub(crate) enum Mood {
    /// It answers.
    Honest,
    /// It takes requests and never answers.
    Silent,
    /// It closes every connection.
    Down,
    /// It answers everything with this text.
    Says(&'static str),
}

/// What a node holds, and how it answers.
#[derive(Clone)]
pub(crate) struct Inside {
    pub(crate) magic: Magic,
    pub(crate) block_time_ms: u64,
    pub(crate) max_transactions: u32,
    pub(crate) validators: usize,
    pub(crate) standby: Vec<PublicKey>,
    pub(crate) useragent: &'static str,
    pub(crate) blocks: Vec<Block>,
    /// In rank order.
    pub(crate) committee: Vec<PublicKey>,
    pub(crate) voters: u64,
    pub(crate) candidates: Vec<(PublicKey, bool, u64)>,
    pub(crate) blocked: Vec<UInt160>,
    pub(crate) gas: HashMap<UInt160, u64>,
    pub(crate) pool: Vec<Arc<Transaction>>,
    /// In the pool, but not verified on the last block.
    pub(crate) unverified: Vec<Arc<Transaction>>,
    /// Verdicts on transactions that are sent; others are taken.
    pub(crate) refuses: HashMap<UInt256, (i64, &'static str)>,
    /// Blocks that come from elsewhere just before the named method is answered.
    pub(crate) arriving: Option<(&'static str, Block)>,
    /// Whether it takes blocks.
    pub(crate) takes_blocks: bool,
    pub(crate) mood: Mood,
    pub(crate) bends: HashMap<&'static str, Bend>,
    /// Methods that were called, in order.
    pub(crate) calls: Vec<String>,
}

/// A running fake.
pub(crate) struct FakeNode {
    pub(crate) endpoint: Endpoint,
    inside: Arc<Mutex<Inside>>,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for FakeNode {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl FakeNode {
    /// A node of the network that has its genesis block.
    pub(crate) async fn start(network: &Network) -> Self {
        let inside = Arc::new(Mutex::new(network.inside()));
        let (endpoint, server) = server::start(Arc::clone(&inside)).await;
        Self {
            endpoint,
            inside,
            server,
        }
    }

    /// Changes what the node holds or how it answers.
    pub(crate) fn set<T>(&self, change: impl FnOnce(&mut Inside) -> T) -> T {
        change(&mut self.inside.lock())
    }

    /// The node has taken a block from elsewhere.
    pub(crate) fn take(&self, block: &Block) {
        self.set(|inside| inside.take(block.clone()));
    }

    /// Its height.
    pub(crate) fn height(&self) -> u32 {
        self.set(|inside| inside.height())
    }
}
