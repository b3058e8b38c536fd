//! One more node on the validators' P2P network, which only listens: what consensus payloads it sees, and what blocks.
//!
//! It passes no consensus payload on, so that what one validator has from another does not come through it, and takes
//! no transactions. Blocks that it has it serves, as any node.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use neo_consensus::v2::{Kind, Message};
use neo_ledger::GenesisConfig;
use neo_network::NetworkError;
use neo_network::neo::{NeoChain, NeoConfig, NeoEvent, NeoEvents, NeoHandle, start};
use neo_primitives::{
    Block, Encode as _, ExtensiblePayload, Height, Magic, PublicKey, SignedHeader, UInt256,
};
use parking_lot::RwLock;
use tokio::sync::oneshot;

use super::super::clock::now_ns;
use super::capture::{Capture, Sighting};

/// Blocks that it holds; older ones are forgotten.
const BLOCKS: usize = 5_000;

/// Longest pause before a validator that is gone is dialled again.
const REDIAL: Duration = Duration::from_millis(500);

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

/// The listening node. It has a thread of its own: neo-go serves a payload only until the block of its height is
/// stored, a few milliseconds, and whoever asks later gets nothing. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Observer {
    _end: oneshot::Sender<Infallible>,
}

impl Observer {
    /// Dials the validators, which are at these addresses, and writes down what it sees.
    ///
    /// # Errors
    /// If it cannot start.
    pub(crate) fn start(
        genesis: &GenesisConfig,
        addresses: Vec<String>,
        capture: Arc<Capture>,
    ) -> anyhow::Result<Self> {
        let mut config = NeoConfig::new(genesis.magic);
        config.peers = addresses;
        config.limits.wanted_peers = 0;
        config.timing.redial_max = REDIAL;
        let place = "starting the observer of consensus";
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context(place)?;
        let listener = {
            let _entered = runtime.enter();
            Listener::start(genesis, config, capture).context(place)?
        };
        let (end, ended) = oneshot::channel();
        std::thread::Builder::new()
            .name("observer".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        () = listener.run() => {}
                        _ = ended => {}
                    }
                });
            })
            .context(place)?;
        Ok(Self { _end: end })
    }
}

/// What happens on that thread.
struct Listener {
    handle: NeoHandle,
    events: NeoEvents,
    chain: Arc<Chain>,
    validators: Vec<PublicKey>,
    magic: Magic,
    capture: Arc<Capture>,
}

impl Listener {
    fn start(
        genesis: &GenesisConfig,
        config: NeoConfig,
        capture: Arc<Capture>,
    ) -> Result<Self, NetworkError> {
        let chain = Arc::new(Chain(RwLock::default()));
        chain.insert(&genesis.genesis_block());
        let (handle, events) = start(config, chain.clone())?;
        Ok(Self {
            handle,
            events,
            chain,
            validators: genesis.validators(),
            magic: genesis.magic,
            capture,
        })
    }

    async fn run(mut self) {
        while let Some(event) = self.events.recv().await {
            match event {
                NeoEvent::Extensible { hash, payload, .. } => {
                    // The hash does not cover the signature: with another one it may still be a validator's.
                    let Some(sighting) = self.sighting(*payload) else {
                        self.capture.unverified();
                        continue;
                    };
                    self.handle.ignore_extensible(hash);
                    self.capture.sighted(sighting);
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

#[cfg(test)]
mod tests {
    use super::*;
    use neo_primitives::{PrivateKey, Witness, sign_data, single_signature_witness};

    /// A Commit of validator 0, with this signer.
    fn commit(key: &PrivateKey, signer: &PrivateKey, magic: Magic) -> ExtensiblePayload {
        let mut data = vec![0x30, 1, 0, 0, 0, 0, 0];
        // Each is another one, also by its hash, which does not cover the signature.
        data.extend([signer.public_key().as_bytes()[1]; 64]);
        let mut payload = ExtensiblePayload {
            category: "dBFT".to_owned(),
            valid_block_start: Height(0),
            valid_block_end: Height(1),
            sender: key.public_key().script_hash(),
            data,
            witness: Witness::default(),
        };
        let signature = signer.sign(&sign_data(magic, &payload.hash()));
        payload.witness = single_signature_witness(signature, key.public_key());
        payload
    }

    #[tokio::test]
    async fn signed_payloads_are_written_down_and_others_counted() {
        let (key, stranger) = (PrivateKey::generate(), PrivateKey::generate());
        let genesis = GenesisConfig::new(Magic(7), vec![key.public_key().clone()]);
        let chain = Arc::new(Chain(RwLock::default()));
        chain.insert(&genesis.genesis_block());
        let (validator, mut events) = start(NeoConfig::new(genesis.magic), chain).unwrap();
        let address = validator.listening().unwrap().to_string();
        let capture = Arc::new(Capture::new());
        let _observer = Observer::start(&genesis, vec![address], capture.clone()).unwrap();
        while !matches!(events.recv().await.unwrap(), NeoEvent::PeerUp { .. }) {}
        for signer in [&stranger, &key] {
            validator.broadcast_extensible(commit(&key, signer, genesis.magic));
        }
        let found = capture.until(|seen| {
            let first = seen.first(0, &[Kind::Commit], 0)?;
            (seen.unverified == 1).then_some(first)
        });
        let found = found.await;
        assert_eq!(
            (found.height, found.view, found.validator),
            (Height(1), 0, 0)
        );
        assert_eq!(capture.read(|seen| seen.payloads.len()), 1);
    }
}
