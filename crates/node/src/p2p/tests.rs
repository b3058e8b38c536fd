//! Nodes that meet in Neo N3's P2P: what comes of good and of bad input.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use neo_consensus::engine::{Connectivity, Fetched};
use neo_consensus::v2::message::CATEGORY;
use neo_consensus::v2::{Body, Content, Message};
use neo_ledger::ChainReader;
use neo_network::neo::{NeoChain, NeoConfig, NeoEvent, NeoEvents, NeoHandle};
use neo_primitives::{
    Block, Decode as _, Encode as _, ExtensiblePayload, Height, SignedHeader, Token, Transaction,
    UInt160, UInt256, ValidatorIndex, Witness, sign_data, single_signature_witness,
};
use tokio::sync::{mpsc, watch};

use super::importing::Sent;
use super::{Gate, Heard, Importer, Inlet, Missing, importing};
use crate::checks::Checks;
use crate::driver::Inside;
use crate::gossip::Batch;
use crate::ledger_worker::LedgerWorker;
use crate::metrics::Metrics;
use crate::neo_chain::LedgerChain;
use crate::rpc::testing::{Chain, keys, signed, stranger, transfer, treasury};
use crate::sync::verification_pool;

const PATIENCE: Duration = Duration::from_secs(20);

async fn eventually(what: &str, mut probe: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !probe() {
        assert!(
            begin.elapsed() < PATIENCE,
            "{what}: not within {PATIENCE:?}"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn join(
    chain: Arc<dyn NeoChain>,
    magic: neo_primitives::Magic,
    seeds: &[&NeoHandle],
) -> (NeoHandle, NeoEvents) {
    let mut config = NeoConfig::new(magic);
    let address = |seed: &&NeoHandle| seed.listening().unwrap().to_string();
    config.peers = seeds.iter().map(address).collect();
    neo_network::neo::start(config, chain).unwrap()
}

/// A node that is nothing but its network.
fn bare(chain: &Chain, seeds: &[&NeoHandle]) -> (NeoHandle, NeoEvents) {
    let read = Arc::new(LedgerChain::new(chain.ledger.clone()));
    join(read, chain.ledger.config().magic, seeds)
}

/// A node with all that takes what comes.
struct Taker {
    p2p: NeoHandle,
    chain: Chain,
    missing: Arc<Missing>,
    metrics: Arc<Metrics>,
    messages: mpsc::Receiver<Message>,
    inside: mpsc::UnboundedReceiver<Inside>,
    to_driver: mpsc::UnboundedSender<Inside>,
    batches: mpsc::Receiver<Batch>,
    blocks: Option<mpsc::Receiver<Sent>>,
    _stop: watch::Sender<bool>,
}

impl Taker {
    fn start(seeds: &[&NeoHandle]) -> Self {
        let chain = Chain::new();
        let (p2p, events) = bare(&chain, seeds);
        let (inside_sender, inside) = mpsc::unbounded_channel();
        let (message_sender, messages) = mpsc::channel(64);
        let (gossip, batches) = mpsc::channel(64);
        let (block_sender, blocks) = mpsc::channel(importing::QUEUE);
        let (stop, stopped) = watch::channel(false);
        let missing = Arc::new(Missing::new(inside_sender.clone()));
        let metrics = Arc::new(Metrics::new());
        let inlet = Inlet {
            p2p: p2p.clone(),
            chain: chain.ledger.clone(),
            gate: Arc::new(Gate::of(chain.ledger.config(), true, false)),
            checks: Arc::new(Checks::new(2).unwrap()),
            heard: Arc::new(Heard::new(PATIENCE)),
            missing: missing.clone(),
            inside: inside_sender.clone(),
            messages: Some(message_sender),
            gossip,
            blocks: block_sender,
            metrics: metrics.clone(),
            security: None,
        };
        tokio::spawn(inlet.run(events, stopped));
        Self {
            p2p,
            chain,
            missing,
            metrics,
            messages,
            inside,
            to_driver: inside_sender,
            batches,
            blocks: Some(blocks),
            _stop: stop,
        }
    }

    /// Stores the blocks that come.
    fn import(&mut self) {
        let ledger = self.chain.ledger.clone();
        let (worker, _) = LedgerWorker::start(ledger.clone(), None, |_| {}).unwrap();
        let importer = Importer {
            p2p: self.p2p.clone(),
            ledger,
            worker,
            inside: self.to_driver.clone(),
            metrics: self.metrics.clone(),
            shown: None,
            pool: verification_pool().unwrap(),
        };
        tokio::spawn(importer.run(self.blocks.take().unwrap()));
    }

    async fn until_met(&self, peers: usize) {
        eventually("the peers are up", || self.p2p.peers().len() == peers).await;
    }

    fn counted(&self, line: &str) -> bool {
        self.metrics.encode(None).lines().any(|have| have == line)
    }

    async fn next_message(&mut self) -> Message {
        tokio::time::timeout(PATIENCE, self.messages.recv())
            .await
            .unwrap()
            .unwrap()
    }
}

/// A RecoveryRequest of a validator for the first height, made different by its timestamp.
fn payload(validator: u8, timestamp: u64) -> ExtensiblePayload {
    let content = Content {
        height: Height(1),
        validator: ValidatorIndex(validator),
        view: 0,
        body: Body::RecoveryRequest { timestamp },
    };
    let key = &keys()[usize::from(validator)];
    sealed(key, content.to_bytes())
}

fn sealed(key: &neo_primitives::PrivateKey, data: Vec<u8>) -> ExtensiblePayload {
    let mut payload = ExtensiblePayload {
        category: CATEGORY.to_owned(),
        valid_block_start: Height(0),
        valid_block_end: Height(1),
        sender: key.public_key().script_hash(),
        data,
        witness: Witness::default(),
    };
    let magic = Chain::new().ledger.config().magic;
    let signature = key.sign(&sign_data(magic, &payload.hash()));
    payload.witness = single_signature_witness(signature, key.public_key());
    payload
}

async fn until_extensible(events: &mut NeoEvents) -> ExtensiblePayload {
    let wait = async {
        loop {
            if let NeoEvent::Extensible { payload, .. } = events.recv().await.unwrap() {
                return *payload;
            }
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.unwrap()
}

#[tokio::test]
async fn a_good_message_goes_to_the_engine_and_travels_on() {
    let mut taker = Taker::start(&[]);
    let (sender, _events) = bare(&Chain::new(), &[&taker.p2p]);
    let (_third, mut heard) = bare(&Chain::new(), &[&taker.p2p]);
    taker.until_met(2).await;
    let sent = payload(2, 1);
    sender.broadcast_extensible(sent.clone());
    assert_eq!(taker.next_message().await.payload(), &sent);
    // The sender is connected with the taker only.
    assert_eq!(until_extensible(&mut heard).await, sent);
    let Some(Inside::Connectivity(key, Connectivity::Up { .. })) = taker.inside.recv().await else {
        panic!("a validator was heard of");
    };
    assert_eq!(&key, keys()[2].public_key());
    sender.shutdown();
    drop(sender);
    _third.shutdown();
    let Some(Inside::Connectivity(_, Connectivity::Down)) = taker.inside.recv().await else {
        panic!("nobody is there any more");
    };
}

#[tokio::test]
async fn who_brings_what_no_honest_node_passes_on_is_cut_off() {
    let mut forged = payload(2, 2);
    forged.data.push(9);
    let of_a_stranger = sealed(&stranger(), payload(2, 3).data);
    for bad in [forged, of_a_stranger] {
        let mut taker = Taker::start(&[]);
        let (liar, mut told) = bare(&Chain::new(), &[&taker.p2p]);
        taker.until_met(1).await;
        liar.broadcast_extensible(bad);
        let cut_off = async {
            loop {
                if let NeoEvent::PeerDown { .. } = told.recv().await.unwrap() {
                    return;
                }
            }
        };
        tokio::time::timeout(PATIENCE, cut_off).await.unwrap();
        assert!(taker.counted("neo_dbft_verification_failures_total{kind=\"envelope\"} 1"));
        assert!(
            taker.messages.try_recv().is_err(),
            "nothing reaches the engine"
        );
    }
}

#[tokio::test]
async fn signed_nonsense_is_dropped_and_its_bringer_stays() {
    let mut taker = Taker::start(&[]);
    let (sender, _events) = bare(&Chain::new(), &[&taker.p2p]);
    taker.until_met(1).await;
    let whole = payload(2, 4).data;
    let cut = sealed(&keys()[2], whole[..whole.len() - 1].to_vec());
    // The second says that it is of validator 1, and is signed by 2.
    let of_another = sealed(&keys()[2], payload(1, 5).data);
    sender.broadcast_extensible(cut);
    sender.broadcast_extensible(of_another);
    let good = payload(2, 6);
    sender.broadcast_extensible(good.clone());
    assert_eq!(taker.next_message().await.payload(), &good);
    eventually("both are counted", || {
        taker.counted("neo_dbft_dropped_total{kind=\"extensible\"} 2")
    })
    .await;
    assert_eq!(taker.p2p.peers().len(), 1);
    assert!(taker.messages.try_recv().is_err());
}

#[tokio::test]
async fn a_transaction_goes_to_the_pool_and_to_the_proposal_that_misses_it() {
    let mut taker = Taker::start(&[]);
    let other = Chain::new();
    let to = UInt160::from_wire([1; 20]);
    let transaction = signed(transfer(Token::Gas, treasury(), to, 1, 1));
    other.submit(vec![transaction.clone()]);
    let block = UInt256::from_wire([4; 32]);
    taker.missing.look_for(block, &[0], &[transaction.hash()]);
    let (sender, _events) = bare(&other, &[&taker.p2p]);
    taker.until_met(1).await;
    sender.announce_transactions(&[transaction.hash()]);
    let Some(Inside::Fetched(Fetched::Transactions { hash, transactions })) =
        taker.inside.recv().await
    else {
        panic!("the proposal misses it");
    };
    assert_eq!((hash, transactions[0].0), (block, 0));
    let Some(Batch::P2p(_, pooled)) = taker.batches.recv().await else {
        panic!("it goes to the pool");
    };
    assert_eq!(*pooled, transaction);
}

/// A chain that is another one's but for the signatures of transactions.
struct Tampered(LedgerChain);

impl NeoChain for Tampered {
    fn height(&self) -> Height {
        self.0.height()
    }

    fn header(&self, height: Height) -> Option<SignedHeader> {
        self.0.header(height)
    }

    fn block(&self, height: Height) -> Option<Bytes> {
        let mut block = Block::from_bytes(&self.0.block(height)?).unwrap();
        block.transactions = block.transactions.iter().map(|it| tampered(it)).collect();
        Some(block.to_bytes().into())
    }

    fn height_of(&self, hash: &UInt256) -> Option<Height> {
        self.0.height_of(hash)
    }

    fn transaction(&self, hash: &UInt256) -> Option<Bytes> {
        self.0.transaction(hash)
    }

    fn has_transaction(&self, hash: &UInt256) -> bool {
        self.0.has_transaction(hash)
    }

    fn pool(&self, limit: usize) -> Vec<UInt256> {
        self.0.pool(limit)
    }
}

/// The same transaction, by its hash, with a signature that does not hold.
fn tampered(transaction: &Transaction) -> Arc<Transaction> {
    let mut bytes = transaction.to_bytes();
    let witness = &transaction.witnesses()[0];
    // Behind the first push of a signature stands the length of the verification script with the script.
    let at = bytes.len() - witness.verification.len() - 20;
    bytes[at] ^= 1;
    let bad = Transaction::from_bytes(&bytes).unwrap();
    assert_eq!(bad.hash(), transaction.hash());
    Arc::new(bad)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blocks_are_stored_and_who_changed_one_is_cut_off() {
    let source = Chain::new();
    let to = UInt160::from_wire([1; 20]);
    for nonce in 1..=4 {
        source.grow(vec![signed(transfer(Token::Gas, treasury(), to, 1, nonce))]);
    }
    let magic = source.ledger.config().magic;
    let read = Tampered(LedgerChain::new(source.ledger.clone()));
    let (liar, _liar_events) = join(Arc::new(read), magic, &[]);
    let mut taker = Taker::start(&[&liar]);
    taker.import();
    // One by one or in runs: of four changed blocks each that begins a run is noticed.
    let failed = |count| format!("neo_dbft_block_fetch_failures_total{{kind=\"invalid\"}} {count}");
    eventually("a changed block is noticed", || {
        (1..=4).any(|count| taker.counted(&failed(count)))
    })
    .await;
    eventually("its sender is gone", || taker.p2p.peers().is_empty()).await;
    assert_eq!(taker.chain.ledger.height(), Height(0));
    // An honest one comes.
    let (_honest, _honest_events) = bare(&source, &[&taker.p2p]);
    let goal = source.ledger.height();
    eventually("all is stored", || taker.chain.ledger.height() == goal).await;
    assert_eq!(taker.chain.ledger.tip_hash(), source.ledger.tip_hash());
    let mut told = Vec::new();
    while told.len() < 4 {
        if let Some(Inside::Imported { blocks, .. }) = taker.inside.recv().await {
            told.extend(blocks.into_iter().map(|(height, _, _)| height.0));
        }
    }
    assert_eq!(told, [1, 2, 3, 4]);
}
