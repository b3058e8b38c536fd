//! Nodes with a chain in memory, and peers that say what a test wants. The tests with real processes use them, too.

// Each test uses a part of this, and an unexpected result shall end it.
#![allow(dead_code, clippy::unwrap_used)]

use std::{collections::HashMap, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use neo_primitives::{
    Block, Encode, ExtensiblePayload, Header, Height, Magic, PrivateKey, SignedHeader, UInt256,
    ValidatorIndex, merkle_root, sign_data, single_signature_witness,
};
use parking_lot::RwLock;
use tokio::time::timeout;

use neo_network::neo::{NeoChain, NeoConfig, NeoEvent, NeoEvents, NeoHandle, start};

pub(crate) const MAGIC: Magic = Magic(42);
/// Longer than anything takes here, on a busy machine, too.
pub(crate) const LONG: Duration = Duration::from_secs(60);

pub(crate) fn key() -> PrivateKey {
    PrivateKey::from_bytes(&[7; 32]).unwrap()
}

/// Empty blocks 0 to `count`, signed by one key.
pub(crate) fn blocks(count: u32) -> Vec<Block> {
    let key = key();
    let mut blocks: Vec<Block> = Vec::new();
    for index in 0..=count {
        let header = Header {
            version: 0,
            prev_hash: blocks
                .last()
                .map_or(UInt256::from_wire([0; 32]), Block::hash),
            merkle_root: merkle_root(&[]),
            timestamp: u64::from(index) + 1,
            nonce: 0,
            index: Height(index),
            primary_index: ValidatorIndex(0),
            next_consensus: key.public_key().script_hash(),
        };
        let signature = key.sign(&sign_data(MAGIC, &header.hash()));
        blocks.push(Block {
            header,
            witness: single_signature_witness(signature, key.public_key()),
            transactions: Vec::new(),
        });
    }
    blocks
}

/// A consensus payload of one sender.
pub(crate) fn payload(number: u8, end: u32) -> ExtensiblePayload {
    let key = key();
    let mut payload = ExtensiblePayload {
        category: "dBFT".to_owned(),
        valid_block_start: Height(0),
        valid_block_end: Height(end),
        sender: key.public_key().script_hash(),
        data: vec![number; 200],
        witness: neo_primitives::Witness::default(),
    };
    let signature = key.sign(&sign_data(MAGIC, &payload.hash()));
    payload.witness = single_signature_witness(signature, key.public_key());
    payload
}

/// A chain and a pool in memory.
#[derive(Default)]
pub(crate) struct TestChain {
    pub(crate) blocks: RwLock<Vec<Block>>,
    pub(crate) pool: RwLock<HashMap<UInt256, Bytes>>,
}

impl TestChain {
    pub(crate) fn of(blocks: &[Block]) -> Arc<Self> {
        Arc::new(Self {
            blocks: RwLock::new(blocks.to_vec()),
            pool: RwLock::default(),
        })
    }
}

impl NeoChain for TestChain {
    fn height(&self) -> Height {
        Height(self.blocks.read().len() as u32 - 1)
    }

    fn header(&self, height: Height) -> Option<SignedHeader> {
        let blocks = self.blocks.read();
        blocks.get(height.0 as usize).map(Block::signed_header)
    }

    fn block(&self, height: Height) -> Option<Bytes> {
        let blocks = self.blocks.read();
        blocks
            .get(height.0 as usize)
            .map(|block| block.to_bytes().into())
    }

    fn height_of(&self, hash: &UInt256) -> Option<Height> {
        let blocks = self.blocks.read();
        let found = blocks.iter().find(|block| block.hash() == *hash);
        found.map(|block| block.header.index)
    }

    fn transaction(&self, hash: &UInt256) -> Option<Bytes> {
        self.pool.read().get(hash).cloned()
    }

    fn has_transaction(&self, hash: &UInt256) -> bool {
        self.pool.read().contains_key(hash)
    }

    fn pool(&self, limit: usize) -> Vec<UInt256> {
        self.pool.read().keys().take(limit).copied().collect()
    }
}

/// A node of ours.
pub(crate) struct Node {
    pub(crate) handle: NeoHandle,
    pub(crate) events: NeoEvents,
    pub(crate) chain: Arc<TestChain>,
}

impl Node {
    /// A node with these blocks that dials these peers.
    pub(crate) fn start(blocks: &[Block], peers: &[&Node]) -> Self {
        Self::with(blocks, peers, |_| {})
    }

    pub(crate) fn with(
        blocks: &[Block],
        peers: &[&Node],
        change: impl FnOnce(&mut NeoConfig),
    ) -> Self {
        let mut config = NeoConfig::new(MAGIC);
        config.peers = peers
            .iter()
            .map(|node| node.address().to_string())
            .collect();
        config.limits.wanted_peers = 0;
        config.timing.redial_min = Duration::from_millis(20);
        config.timing.redial_max = Duration::from_millis(200);
        config.timing.tick = Duration::from_millis(20);
        change(&mut config);
        let chain = TestChain::of(blocks);
        let (handle, events) = start(config, chain.clone()).unwrap();
        Self {
            handle,
            events,
            chain,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.handle.listening().unwrap()
    }

    /// The first event that `wanted` takes something from.
    pub(crate) async fn until<T>(&mut self, mut wanted: impl FnMut(NeoEvent) -> Option<T>) -> T {
        let search = async {
            loop {
                let event = self.events.recv().await.expect("the network runs");
                if let Some(found) = wanted(event) {
                    return found;
                }
            }
        };
        timeout(LONG, search).await.expect("the event comes")
    }

    /// Stores what comes until the chain has this height.
    pub(crate) async fn follow(&mut self, height: u32) {
        while self.handle.height() < Height(height) {
            let block = self
                .until(|event| match event {
                    NeoEvent::Block { block, .. } => Some(block),
                    _ => None,
                })
                .await;
            let next = self.handle.height().next();
            assert_eq!(block.header.index, next, "in order, each once");
            self.chain.blocks.write().push(*block.clone());
            self.handle.stored(&block.header);
        }
    }

    pub(crate) async fn until_up(&mut self) -> neo_network::neo::NeoPeerId {
        self.until(|event| match event {
            NeoEvent::PeerUp { peer, .. } => Some(peer),
            _ => None,
        })
        .await
    }

    pub(crate) async fn until_down(&mut self) -> neo_network::neo::NeoRefusal {
        self.until(|event| match event {
            NeoEvent::PeerDown { reason, .. } => Some(reason),
            _ => None,
        })
        .await
    }

    pub(crate) async fn until_payload(&mut self) -> ExtensiblePayload {
        self.until(|event| match event {
            NeoEvent::Extensible { payload, .. } => Some(*payload),
            _ => None,
        })
        .await
    }
}

/// An address that nobody listens on.
pub(crate) fn free_address() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

/// Waits until a count that others change is what it shall be.
pub(crate) async fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let wait = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(timeout(LONG, wait).await.is_ok(), "{what}");
}
