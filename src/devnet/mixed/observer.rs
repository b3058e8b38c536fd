//! One more node on the validators' P2P network, which only listens: what consensus payloads it sees, and what blocks.
//!
//! It passes no consensus payload on, so that what one validator has from another does not come through it, and takes
//! no transactions. Blocks that it has it serves, as any node.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context as _;
use bytes::Bytes;
use neo_consensus::v2::{Kind, Message};
use neo_ledger::GenesisConfig;
use neo_network::neo::{NeoChain, NeoConfig, NeoEvent, NeoEvents, NeoHandle, start};
use neo_primitives::{
    Block, Encode as _, ExtensiblePayload, Height, Magic, PublicKey, SignedHeader, UInt256,
};
use parking_lot::RwLock;
use tokio::sync::Mutex;

use super::super::clock::now_ns;
use super::capture::{Capture, Sighting};

/// Blocks that it holds; older ones are forgotten.
const BLOCKS: usize = 5_000;

/// The newest blocks.
#[derive(Debug)]
struct Chain(RwLock<BTreeMap<Height, (SignedHeader, Bytes)>>);

impl Chain {
    fn insert(&self, block: &Block) {
        let mut blocks = self.0.write();
        let held = (block.signed_header(), block.to_bytes().into());
        blocks.insert(block.header.index, held);
        while blocks.len() > BLOCKS {
            blocks.pop_first();
        }
    }
}

impl NeoChain for Chain {
    fn height(&self) -> Height {
        let blocks = self.0.read();
        blocks
            .last_key_value()
            .map_or(Height(0), |(height, _)| *height)
    }

    fn header(&self, height: Height) -> Option<SignedHeader> {
        Some(self.0.read().get(&height)?.0.clone())
    }

    fn block(&self, height: Height) -> Option<Bytes> {
        Some(self.0.read().get(&height)?.1.clone())
    }

    fn height_of(&self, hash: &UInt256) -> Option<Height> {
        let blocks = self.0.read();
        let mut newest_first = blocks.iter().rev();
        let found = newest_first.find(|(_, (header, _))| header.header.hash() == *hash);
        found.map(|(height, _)| *height)
    }

    fn transaction(&self, _: &UInt256) -> Option<Bytes> {
        None
    }

    fn has_transaction(&self, _: &UInt256) -> bool {
        // None is asked for.
        true
    }

    fn pool(&self, _: usize) -> Vec<UInt256> {
        Vec::new()
    }
}

/// The listening node.
pub(crate) struct Observer {
    handle: NeoHandle,
    events: Mutex<NeoEvents>,
    chain: Arc<Chain>,
    validators: Vec<PublicKey>,
    magic: Magic,
    capture: Arc<Capture>,
}

impl Observer {
    /// Dials the validators, which are at these addresses, and writes down what it sees.
    ///
    /// # Errors
    /// If it cannot listen.
    pub(crate) fn start(
        genesis: &GenesisConfig,
        addresses: Vec<String>,
        capture: Arc<Capture>,
    ) -> anyhow::Result<Self> {
        let chain = Arc::new(Chain(RwLock::default()));
        chain.insert(&genesis.genesis_block());
        let mut config = NeoConfig::new(genesis.magic);
        config.peers = addresses;
        config.limits.wanted_peers = 0;
        config.timing.redial_max = std::time::Duration::from_millis(500);
        let (handle, events) =
            start(config, chain.clone()).context("starting the observer of consensus")?;
        Ok(Self {
            handle,
            events: Mutex::new(events),
            chain,
            validators: genesis.validators(),
            magic: genesis.magic,
            capture,
        })
    }

    /// Listens until it is dropped.
    pub(crate) async fn run(&self) {
        let mut events = self.events.lock().await;
        while let Some(event) = events.recv().await {
            match event {
                NeoEvent::Extensible { hash, payload, .. } => {
                    self.handle.ignore_extensible(hash);
                    match self.sighting(*payload) {
                        Some(sighting) => self.capture.sighted(sighting),
                        None => self.capture.unverified(),
                    }
                }
                NeoEvent::Block { block, .. } => {
                    self.capture.block(&block.header, now_ns());
                    self.chain.insert(&block);
                    self.handle.stored(&block.header);
                }
                _ => {}
            }
        }
    }

    /// What a payload is, if a validator has signed it.
    fn sighting(&self, payload: ExtensiblePayload) -> Option<Sighting> {
        payload.verify(self.magic).ok()?;
        let message = Message::from_payload(payload).ok()?;
        let validator = usize::from(message.validator().0);
        let key = self.validators.get(validator)?;
        let fits = message.payload().sender == key.script_hash()
            && message.payload().valid_block_end == message.height();
        fits.then(|| Sighting {
            t_ns: now_ns(),
            height: message.height(),
            view: message.view(),
            validator,
            kind: message.kind(),
        })
    }
}

/// Kinds by which a validator takes part in preparing a block.
pub(super) const PREPARING: [Kind; 2] = [Kind::PrepareRequest, Kind::PrepareResponse];
