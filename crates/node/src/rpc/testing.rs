//! A chain in memory with a server in front of it.

mod overseer;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::body::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use neo_consensus::{
    PerformanceMetrics, View,
    engine::{HeightStatus, Status, VotesSeen},
    v3::leader::Standing,
};
use neo_ledger::{
    ChainReader, EmbeddedLedger, GenesisConfig, Ledger, LedgerAnswer, LedgerRequest,
    store::MemoryStore,
};
use neo_primitives::{
    Block, Datoshi, Height, Magic, PrivateKey, Signature, Signer, Token, Transaction, UInt160,
    UInt256, UnsignedTransaction, ValidatorIndex, Witness, WitnessScope, bft_quorum,
    multisig_script, multisig_witness, sign_data, single_signature_witness, transfer_script,
};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::{
    BlockRefused, BlockReply, ConsensusView, PeerEntry, PeerView, Relay, RpcContext, serve,
};
use crate::{
    config::{NodeConfig, RpcConfig},
    metrics::{Metrics, Sources},
};

/// Validators of the test network.
const VALIDATORS: usize = 4;
const MAGIC: Magic = Magic(56_753);

/// Keys of the validators, in the order of their indexes.
pub(crate) fn keys() -> Vec<PrivateKey> {
    let mut keys: Vec<PrivateKey> = (1..=VALIDATORS as u8)
        .map(|seed| PrivateKey::from_bytes(&[seed; 32]).unwrap())
        .collect();
    keys.sort_by(|a, b| a.public_key().cmp(b.public_key()));
    keys
}

/// The key of somebody else.
pub(crate) fn stranger() -> PrivateKey {
    PrivateKey::from_bytes(&[99; 32]).unwrap()
}

fn validator_script() -> Vec<u8> {
    let keys: Vec<_> = keys().iter().map(|key| key.public_key().clone()).collect();
    multisig_script(bft_quorum(VALIDATORS), &keys).unwrap()
}

/// A multi-signature witness of the validators.
fn validator_witness(message: &[u8]) -> Witness {
    let signatures: Vec<Signature> = keys()
        .iter()
        .take(bft_quorum(VALIDATORS))
        .map(|key| key.sign_deterministic(message))
        .collect();
    multisig_witness(&signatures, validator_script())
}

/// The account that holds everything in the genesis block.
pub(crate) fn treasury() -> UInt160 {
    neo_primitives::hash160(&validator_script())
}

/// A signer without lists.
pub(crate) fn signer(account: UInt160) -> Signer {
    Signer::new(account, WitnessScope::CALLED_BY_ENTRY)
}

/// A transfer that is still to be signed.
pub(crate) fn transfer(
    token: Token,
    from: UInt160,
    to: UInt160,
    amount: i64,
    nonce: u32,
) -> UnsignedTransaction {
    UnsignedTransaction {
        nonce,
        system_fee: Datoshi(9_977_780),
        network_fee: Datoshi(5_000_000),
        valid_until: Height(100),
        signers: vec![signer(from)],
        attributes: vec![],
        script: transfer_script(token, &from, &to, amount, true),
    }
}

/// Signed by the validators' account.
pub(crate) fn signed(transaction: UnsignedTransaction) -> Transaction {
    let witness = validator_witness(&transaction.sign_data(MAGIC));
    transaction.into_signed(vec![witness]).unwrap()
}

/// Signed by one key.
pub(crate) fn signed_by(key: &PrivateKey, transaction: UnsignedTransaction) -> Transaction {
    let signature = key.sign_deterministic(&transaction.sign_data(MAGIC));
    let witness = single_signature_witness(signature, key.public_key());
    transaction.into_signed(vec![witness]).unwrap()
}

struct Peers;

impl PeerView for Peers {
    fn connected(&self) -> Vec<PeerEntry> {
        vec![
            PeerEntry {
                address: "127.0.0.1".into(),
                port: 20_002,
                user_agent: "/test:1/".into(),
                last_known_height: Height(5),
                validator: Some(keys()[1].public_key().clone()),
                rtt: Some(Duration::from_micros(1_500)),
            },
            PeerEntry {
                address: "10.0.0.9".into(),
                port: 5,
                user_agent: String::new(),
                last_known_height: Height(0),
                validator: None,
                rtt: None,
            },
        ]
    }
}

struct Consensus(Arc<EmbeddedLedger>);

impl ConsensusView for Consensus {
    fn status(&self) -> Status {
        let stored = self.0.height();
        let votes = |(position, key): (usize, PrivateKey)| VotesSeen {
            validator: key.public_key().clone(),
            prepare: position != 3,
            pre_commit: position == 0,
            commit: false,
            change_view: (position == 3).then_some(View(2)),
        };
        Status {
            stored,
            heights: vec![HeightStatus {
                height: stored.next(),
                view: View(1),
                phase: "PreCommit".into(),
                leader: ValidatorIndex(2),
                order: [(3, 50, 300), (2, 100, 200), (0, 100, 100), (1, 4, -250)]
                    .map(|(index, score, credit)| {
                        (ValidatorIndex(index), Standing { score, credit })
                    })
                    .to_vec(),
                own_index: Some(ValidatorIndex(0)),
                block: Some(UInt256::from_wire([7; 32])),
                votes: keys().into_iter().enumerate().map(votes).collect(),
            }],
            voting: true,
            base_timeout: Duration::from_millis(375),
            max_transactions: 512,
            performance: PerformanceMetrics::default(),
        }
    }
}

/// Stores submitted blocks at once and remembers accepted transactions.
struct Direct {
    ledger: Arc<EmbeddedLedger>,
    relayed: Mutex<Vec<Arc<Transaction>>>,
}

impl Relay for Direct {
    fn transaction(&self, transaction: Arc<Transaction>) {
        self.relayed.lock().push(transaction);
    }

    fn block(&self, block: Block) -> BlockReply {
        let answer = ask(
            &self.ledger,
            LedgerRequest::Import {
                block: Arc::new(block),
            },
        );
        Box::pin(async move {
            match answer {
                LedgerAnswer::Stored { hash, .. } => Ok(hash),
                LedgerAnswer::ImportRefused { error, .. } => {
                    Err(BlockRefused::Invalid(error.to_string()))
                }
                other => Err(BlockRefused::Unavailable(format!("{other:?}"))),
            }
        })
    }
}

fn ask(ledger: &EmbeddedLedger, request: LedgerRequest) -> LedgerAnswer {
    let answer = Arc::new(Mutex::new(None));
    let slot = Arc::clone(&answer);
    ledger.request(request, Box::new(move |reply| *slot.lock() = Some(reply)));
    let answer = answer.lock().take();
    answer.unwrap()
}

/// A chain of four validators in memory.
pub(crate) struct Chain {
    pub(crate) ledger: Arc<EmbeddedLedger>,
    relay: Arc<Direct>,
    pub(crate) config: NodeConfig,
}

impl Chain {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    /// A chain whose genesis configuration is changed first.
    pub(crate) fn with(change: impl FnOnce(&mut GenesisConfig)) -> Self {
        let public_keys = keys().iter().map(|key| key.public_key().clone()).collect();
        let mut genesis = GenesisConfig::new(MAGIC, public_keys);
        change(&mut genesis);
        let store = Box::new(MemoryStore::new());
        let ledger = Arc::new(EmbeddedLedger::with_store(store, genesis.clone()).unwrap());
        let document = json!({
            "protocol": {"version": 3, "genesis": genesis},
            "data_dir": "data",
            "network": {
                "listen": ["127.0.0.1:20001"],
                "peers": [
                    {"public_key": keys()[1].public_key(), "addresses": ["127.0.0.1:10002"]},
                    {"public_key": keys()[2].public_key(), "addresses": ["127.0.0.1:10003"]},
                    {"addresses": ["10.0.0.9:5"]}
                ]
            }
        });
        Self {
            relay: Arc::new(Direct {
                ledger: Arc::clone(&ledger),
                relayed: Mutex::default(),
            }),
            ledger,
            config: NodeConfig::parse(&document.to_string()).unwrap(),
        }
    }

    pub(crate) fn sources(&self) -> Sources {
        Sources {
            ledger: Arc::clone(&self.ledger) as Arc<dyn ChainReader>,
            peers: Arc::new(Peers),
            network: None,
            p2p: None,
            attached: None,
            signer: None,
        }
    }

    pub(crate) fn context(&self) -> RpcContext {
        RpcContext {
            ledger: self.ledger.clone(),
            peers: Arc::new(Peers),
            consensus: Arc::new(Consensus(Arc::clone(&self.ledger))),
            oversight: Arc::new(overseer::Overseer),
            relay: Arc::clone(&self.relay) as Arc<dyn Relay>,
            config: Arc::new(self.config.clone()),
            metrics: Arc::new(Metrics::new()),
        }
    }

    /// Transactions that were passed on to the network.
    pub(crate) fn relayed(&self) -> Vec<UInt256> {
        self.relay
            .relayed
            .lock()
            .iter()
            .map(|tx| tx.hash())
            .collect()
    }

    /// Submits transactions past the server; all must be taken.
    pub(crate) fn submit(&self, transactions: Vec<Transaction>) {
        self.ledger.submit(
            transactions,
            Box::new(|results| assert!(results.iter().all(Result::is_ok), "{results:?}")),
        );
    }

    /// The next block, of these transactions and what the pool holds.
    pub(crate) fn next_block(&self, transactions: Vec<Transaction>) -> Block {
        self.submit(transactions);
        let tip = self.ledger.tip();
        let request = LedgerRequest::Build {
            parent: self.ledger.tip_hash(),
            primary: ValidatorIndex(1),
            timestamp: tip.header.timestamp + 1_000,
            nonce: 0x1234,
            max_transactions: u32::MAX,
        };
        let LedgerAnswer::Built(body) = ask(&self.ledger, request) else {
            panic!("no block was built");
        };
        let witness = validator_witness(&sign_data(MAGIC, &body.hash()));
        Block::from_body(&body, witness)
    }

    /// Stores the next block.
    pub(crate) fn grow(&self, transactions: Vec<Transaction>) -> Arc<Block> {
        let block = Arc::new(self.next_block(transactions));
        let request = LedgerRequest::Import {
            block: Arc::clone(&block),
        };
        assert!(matches!(
            ask(&self.ledger, request),
            LedgerAnswer::Stored { .. }
        ));
        block
    }

    /// Starts a server with these limits.
    pub(crate) async fn serve(&self, change: impl FnOnce(&mut RpcConfig)) -> TestServer {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut context = self.context();
        let mut config = self.config.clone();
        let mut rpc = RpcConfig::at(address);
        change(&mut rpc);
        config.rpc = Some(rpc);
        context.config = Arc::new(config);
        let (stop, stopped) = oneshot::channel::<()>();
        let running = tokio::spawn(serve(listener, context, async {
            let _ = stopped.await;
        }));
        TestServer {
            address,
            stop,
            running,
        }
    }
}

/// A server with a real listener.
pub(crate) struct TestServer {
    pub(crate) address: SocketAddr,
    stop: oneshot::Sender<()>,
    running: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl TestServer {
    /// Sends a body and returns status and answer.
    pub(crate) async fn post(&self, body: impl Into<Vec<u8>>) -> (u16, Vec<u8>) {
        http(self.address, "POST", "/", &body.into()).await
    }

    /// The answer to one call.
    pub(crate) async fn call(&self, method: &str, params: Value) -> Result<Value, Value> {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let (status, body) = self.post(body.to_string()).await;
        assert_eq!(status, 200);
        let mut answer: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(answer["jsonrpc"], "2.0");
        assert_eq!(answer["id"], 1);
        match answer.get_mut("error") {
            Some(error) => Err(error.take()),
            None => Ok(answer["result"].take()),
        }
    }

    /// The number of the error that a call gives.
    pub(crate) async fn code(&self, method: &str, params: Value) -> i64 {
        let error = self.call(method, params).await.unwrap_err();
        let message = error["message"].as_str().unwrap();
        if let Some(data) = error["data"].as_str() {
            assert!(message.ends_with(&format!(" - {data}")), "{message}");
        }
        error["code"].as_i64().unwrap()
    }

    pub(crate) async fn shut_down(self) {
        self.stop.send(()).unwrap();
        self.running.await.unwrap().unwrap();
    }
}

/// One HTTP request on a connection of its own.
pub(crate) async fn http(
    address: SocketAddr,
    method: &str,
    path: &str,
    body: &[u8],
) -> (u16, Vec<u8>) {
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let (mut client, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    let request = hyper::Request::builder()
        .method(method)
        .uri(path)
        .header("host", "localhost")
        .header("content-type", "application/json")
        .body(Full::new(Bytes::copy_from_slice(body)))
        .unwrap();
    let response = client.send_request(request).await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, body.to_vec())
}
