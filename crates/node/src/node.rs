//! A whole node: ledger, vote log, network, consensus, RPC and metrics, from start to end.

use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use neo_consensus::engine::{Connectivity, Status};
use neo_consensus::v3::{EngineSettings, Record, Restored, V3Engine, VoteLogState};
use neo_consensus::vote_log::{Condition, Identity as LogIdentity, LogError};
use neo_ledger::{ChainReader, EmbeddedLedger, Ledger, LedgerError};
use neo_network::{
    Identity, IdentityError, NetworkConfig, NetworkError, NetworkEvent, NetworkEvents,
    NetworkHandle,
};
use neo_primitives::wallet::{Nep6Wallet, WalletError};
use neo_primitives::{Block, Encode, Height, Magic, PrivateKey, PublicKey, Transaction};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};

use crate::bodies::Bodies;
use crate::config::{NodeConfig, PasswordError, read_password};
use crate::driver::{CONSENSUS_LANES, Driver, DriverError, Inside, Parts, StatusBoard};
use crate::events::{EventSink, NodeEvent};
use crate::fetcher::Fetcher;
use crate::gossip;
use crate::ledger_worker::{Imported, LedgerWorker, unix_ns};
use crate::metrics::{self, Metrics, Sources};
use crate::rpc::{
    self, BlockRefused, BlockReply, ConsensusView, PeerEntry, PeerView, Relay, RpcContext,
};
use crate::serving::Server;
use crate::sync::{SyncTrigger, Syncer};
use crate::verifier::Verifier;
use crate::vote_log_file;

/// Consensus messages that wait for the driver; the network holds back more.
const MESSAGE_QUEUE: usize = 4096;
/// Triggers of synchronisation that wait.
const SYNC_QUEUE: usize = 16;
/// How often a validator compares its height with its peers' although consensus is at work.
const SYNC_CHECK: Duration = Duration::from_millis(500);

/// What a run may do besides its configuration.
#[derive(Debug, Default)]
pub struct RunOptions {
    /// Where events go.
    pub events: EventSink,
    /// The operator takes the blame for a missing or damaged vote log: vote at once.
    pub trust_vote_log: bool,
}

/// Why a node did not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The wallet's password.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The wallet.
    #[error("wallet {path}: {error}")]
    Wallet {
        /// Its file.
        path: PathBuf,
        /// What is wrong with it.
        error: WalletError,
    },
    /// No key of the wallet is a validator's.
    #[error("wallet {path} holds no key of a validator of this network; its keys are {keys}")]
    NoValidatorKey {
        /// Its file.
        path: PathBuf,
        /// The public keys found.
        keys: String,
    },
    /// The chain.
    #[error("data directory {path}: {error}")]
    Ledger {
        /// The directory.
        path: PathBuf,
        /// What is wrong with it.
        error: LedgerError,
    },
    /// The vote log.
    #[error("data directory {path}: {error}")]
    VoteLog {
        /// The directory.
        path: PathBuf,
        /// What is wrong with it.
        error: LogError,
    },
    /// The key behind the peer id.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The network.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// A listener.
    #[error("cannot listen on {address} for {what}: {error}")]
    Listen {
        /// What for.
        what: &'static str,
        /// Where.
        address: SocketAddr,
        /// Why.
        error: std::io::Error,
    },
    /// Consensus ended.
    #[error(transparent)]
    Driver(#[from] DriverError),
    /// The operating system gives no thread.
    #[error("a thread cannot be started: {0}")]
    Thread(std::io::Error),
    /// A part of the node ended although nothing told it to.
    #[error("{0} ended unexpectedly")]
    Ended(&'static str),
}

/// The identity that a validator's vote log carries.
#[must_use]
pub fn log_identity(config: &NodeConfig, validator: PublicKey) -> LogIdentity {
    let genesis = &config.protocol.genesis;
    LogIdentity {
        magic: genesis.magic,
        genesis: genesis.genesis_block().hash(),
        validator,
    }
}

/// Opens the configured wallet and finds the key of a validator in it.
fn validator_key(config: &NodeConfig) -> Result<Option<PrivateKey>, NodeError> {
    let Some(wallet) = config.wallet.as_ref().filter(|_| config.consensus.enabled) else {
        return Ok(None);
    };
    let password = read_password(wallet)?;
    let failed = |error| NodeError::Wallet {
        path: wallet.path.clone(),
        error,
    };
    let accounts = Nep6Wallet::load(&wallet.path)
        .and_then(|file| file.open(&password))
        .map_err(failed)?;
    let validators = config.protocol.genesis.validators();
    let mut keys = Vec::new();
    for account in accounts {
        if validators.contains(account.key.public_key()) {
            return Ok(Some(account.key));
        }
        keys.push(account.key.public_key().to_string());
    }
    Err(NodeError::NoValidatorKey {
        path: wallet.path.clone(),
        keys: keys.join(", "),
    })
}

/// Runs a node until `shutdown` resolves or something makes going on unsafe.
///
/// # Errors
/// Why it did not start, or had to end.
pub async fn run(
    config: NodeConfig,
    options: RunOptions,
    shutdown: impl Future<Output = ()>,
) -> Result<(), NodeError> {
    let key = validator_key(&config)?;
    let node = Node::start(config, key, options).await?;
    node.until(shutdown).await
}

struct Node {
    network: NetworkHandle,
    driver: Option<oneshot::Receiver<Result<u64, DriverError>>>,
    threads: Vec<std::thread::JoinHandle<()>>,
    stop: watch::Sender<bool>,
    tasks: tokio::task::JoinSet<Result<(), NodeError>>,
    events: EventSink,
}

/// The ends of channels that lead into the node.
struct Inlets {
    inside: mpsc::UnboundedSender<Inside>,
    messages: mpsc::Sender<(PublicKey, Bytes)>,
    sync: mpsc::Sender<SyncTrigger>,
    gossip: mpsc::Sender<gossip::Batch>,
}

impl Node {
    async fn start(
        config: NodeConfig,
        key: Option<PrivateKey>,
        options: RunOptions,
    ) -> Result<Self, NodeError> {
        let config = Arc::new(config);
        let data_dir = config.data_dir.clone();
        let ledger_error = |error| NodeError::Ledger {
            path: data_dir.clone(),
            error,
        };
        let ledger = EmbeddedLedger::open(&data_dir, config.protocol.genesis.clone())
            .map(Arc::new)
            .map_err(ledger_error)?;
        let network_config = network_config(&config, &ledger, key.as_ref())?;
        let (network, network_events) = neo_network::start(network_config)?;
        let rpc = bind("JSON-RPC", config.rpc.as_ref().map(|rpc| rpc.listen)).await?;
        let scrape = bind("metrics", config.metrics.as_ref().map(|at| at.listen)).await?;
        let metrics = Arc::new(Metrics::new());
        let bodies = Arc::new(Bodies::default());
        let status = Arc::new(StatusBoard::default());
        let (stop, stopped) = watch::channel(false);
        let (inside, from_inside) = mpsc::unbounded_channel();
        let (messages, from_messages) = mpsc::channel(MESSAGE_QUEUE);
        let (sync, triggers) = mpsc::channel(SYNC_QUEUE);
        let (gossip, batches) = mpsc::channel(gossip::QUEUE);
        let witness_limit = config.protocol.genesis.limits().witness_limit;
        let dynamic: Arc<dyn Ledger> = ledger.clone();
        let reports = inside.clone();
        let (worker, ledger_thread) = LedgerWorker::start(Arc::clone(&dynamic), move |report| {
            let _ = reports.send(Inside::Ledger(report));
        })
        .map_err(NodeError::Thread)?;
        let gossip_thread = gossip::admit(
            batches,
            Arc::clone(&dynamic),
            network.clone(),
            Arc::clone(&metrics),
            witness_limit,
        )
        .map_err(NodeError::Thread)?;
        let mut node = Self {
            network: network.clone(),
            driver: None,
            threads: vec![ledger_thread, gossip_thread],
            stop,
            tasks: tokio::task::JoinSet::new(),
            events: options.events.clone(),
        };
        let syncer = Syncer {
            network: network.clone(),
            ledger: Arc::clone(&dynamic),
            worker: worker.clone(),
            inside: inside.clone(),
            witness_limit,
        };
        node.tasks.spawn(async move {
            syncer.run(triggers).await;
            Ok(())
        });
        let inlets = Inlets {
            inside: inside.clone(),
            messages,
            sync: sync.clone(),
            gossip,
        };
        if let Some(key) = key {
            let (fetches, wanted) = mpsc::unbounded_channel();
            let fetcher = Fetcher {
                network: network.clone(),
                inside: inside.clone(),
                sync,
                witness_limit,
            };
            node.tasks.spawn(async move {
                fetcher.run(wanted).await;
                Ok(())
            });
            let engine = open_engine(&config, &ledger, &key, options.trust_vote_log)?;
            let parts = Parts {
                engine: engine.0,
                key,
                log: engine.1,
                ledger: worker.clone(),
                network: network.clone(),
                verifier: Arc::new(Verifier::default()),
                fetches,
                bodies: Arc::clone(&bodies),
                metrics: Arc::clone(&metrics),
                events: options.events.clone(),
                status: Arc::clone(&status),
                inside: inside.clone(),
            };
            node.start_driver(parts, from_inside, from_messages, stopped.clone())?;
        } else {
            let observer = Observer {
                network: network.clone(),
                metrics: Arc::clone(&metrics),
                events: options.events.clone(),
                status: Arc::clone(&status),
            };
            node.tasks.spawn(observer.run(from_inside, stopped.clone()));
        }
        let server = Server {
            network: network.clone(),
            ledger: Arc::clone(&dynamic),
            bodies,
        };
        node.tasks
            .spawn(pump(network_events, inlets, server, stopped.clone()));
        let shared = Arc::new(Shared {
            network: network.clone(),
            ledger: Arc::clone(&dynamic),
            worker,
            inside,
            status,
            magic: config.protocol.genesis.magic,
        });
        let sources = Sources {
            ledger: ledger.clone(),
            peers: shared.clone(),
            network: Some(network.clone()),
        };
        let addresses = (address_of(rpc.as_ref()), address_of(scrape.as_ref()));
        if let Some(listener) = rpc {
            let context = RpcContext {
                ledger: Arc::clone(&ledger),
                peers: shared.clone(),
                consensus: shared.clone(),
                relay: shared,
                config,
                metrics: Arc::clone(&metrics),
            };
            let stopped = ended(stopped.clone());
            node.tasks.spawn(async move {
                rpc::serve(listener, context, stopped)
                    .await
                    .map_err(NodeError::Thread)
            });
        }
        if let Some(listener) = scrape {
            let stopped = ended(stopped);
            node.tasks.spawn(async move {
                metrics::serve(listener, metrics, sources, stopped)
                    .await
                    .map_err(NodeError::Thread)
            });
        }
        let height = ledger.height();
        tracing::info!(%height, rpc = ?addresses.0, metrics = ?addresses.1, "node is up");
        node.events.emit(NodeEvent::Ready {
            rpc: addresses.0,
            metrics: addresses.1,
            height,
        });
        Ok(node)
    }

    fn start_driver(
        &mut self,
        parts: Parts,
        inside: mpsc::UnboundedReceiver<Inside>,
        messages: mpsc::Receiver<(PublicKey, Bytes)>,
        stopped: watch::Receiver<bool>,
    ) -> Result<(), NodeError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .map_err(NodeError::Thread)?;
        let (done, ended) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("driver".to_owned())
            .spawn(move || {
                let driver = Driver::new(parts);
                let _ = done.send(runtime.block_on(driver.run(inside, messages, stopped)));
            })
            .map_err(NodeError::Thread)?;
        self.threads.push(thread);
        self.driver = Some(ended);
        Ok(())
    }

    /// Waits for the end, and ends everything in order.
    async fn until(mut self, shutdown: impl Future<Output = ()>) -> Result<(), NodeError> {
        let mut driver = self.driver.take();
        let driver_ended = async {
            match &mut driver {
                Some(ended) => ended.await,
                None => std::future::pending().await,
            }
        };
        let mut early = None;
        tokio::select! {
            () = shutdown => {}
            ended = driver_ended => early = Some(ended),
            Some(task) = self.tasks.join_next() => {
                if let Ok(Err(error)) = task {
                    tracing::error!(%error, "a part of the node failed");
                    let _ = self.stop.send(true);
                    return Err(error);
                }
            }
        }
        tracing::info!("stopping");
        let _ = self.stop.send(true);
        let outcome = match (early, driver) {
            (Some(ended), _) => Some(ended),
            (None, Some(ended)) => Some(ended.await),
            (None, None) => None,
        };
        let traffic = self.network.metrics();
        self.network.shutdown().await;
        self.tasks.shutdown().await;
        let (view_changes, failure) = match outcome {
            None => (0, None),
            Some(Ok(Ok(view_changes))) => (view_changes, None),
            Some(Ok(Err(error))) => (0, Some(NodeError::Driver(error))),
            Some(Err(_)) => (0, Some(NodeError::Ended("consensus"))),
        };
        let usage = metrics::Usage::read().unwrap_or_default();
        let sent = CONSENSUS_LANES.map(|lane| traffic.sent[lane.index()]);
        self.events.emit(NodeEvent::Summary {
            view_changes,
            messages: sent.iter().map(|flow| flow.messages).sum(),
            message_bytes: sent.iter().map(|flow| flow.bytes).sum(),
            cpu_s: usage.cpu_seconds,
            peak_rss_mb: usage.peak_resident_bytes as f64 / f64::from(1 << 20),
        });
        match failure {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}

fn address_of(listener: Option<&TcpListener>) -> Option<String> {
    listener
        .and_then(|listener| listener.local_addr().ok())
        .map(|address| address.to_string())
}

async fn ended(mut stopped: watch::Receiver<bool>) {
    // An error means that the node is gone.
    let _ = stopped.changed().await;
}

async fn bind(
    what: &'static str,
    address: Option<SocketAddr>,
) -> Result<Option<TcpListener>, NodeError> {
    match address {
        None => Ok(None),
        Some(address) => {
            TcpListener::bind(address)
                .await
                .map(Some)
                .map_err(|error| NodeError::Listen {
                    what,
                    address,
                    error,
                })
        }
    }
}

fn network_config(
    config: &NodeConfig,
    ledger: &EmbeddedLedger,
    key: Option<&PrivateKey>,
) -> Result<NetworkConfig, NodeError> {
    let genesis = &config.protocol.genesis;
    let identity = Identity::load_or_create(&config.data_dir.join("node.key"))?;
    let listen = config.network.listen.first().copied();
    let heartbeat = Duration::from_millis(config.network.heartbeat_ms);
    let mut network = NetworkConfig::new(genesis.magic, genesis.genesis_block().hash(), identity);
    network.listen_quic = listen;
    network.listen_tcp = listen;
    network.peers = config
        .network
        .peers
        .iter()
        .map(|peer| peer.to_peer_address())
        .collect();
    network.validators = genesis.validators();
    network.height = ledger.height();
    network.tip = ledger.tip_hash();
    network.limits.max_strangers = config.network.max_strangers;
    network.timing.heartbeat = heartbeat;
    if let Some(key) = key {
        network.validator_key = Some(Arc::new(key.clone()));
    }
    Ok(network)
}

type OpenEngine = (
    V3Engine,
    neo_consensus::vote_log::VoteLog<vote_log_file::FileMedium>,
);

fn open_engine(
    config: &NodeConfig,
    ledger: &EmbeddedLedger,
    key: &PrivateKey,
    trust: bool,
) -> Result<OpenEngine, NodeError> {
    let identity = log_identity(config, key.public_key().clone());
    let failed = |error| NodeError::VoteLog {
        path: config.data_dir.clone(),
        error,
    };
    let mut opened = vote_log_file::open(&config.data_dir, identity).map_err(failed)?;
    let mut intact = match &opened.condition {
        Condition::Intact { torn: 0 } => true,
        Condition::Intact { torn } => {
            tracing::warn!(
                torn,
                "an unfinished write at the end of the vote log was cut off"
            );
            true
        }
        lost => {
            tracing::error!(
                ?lost,
                "the vote log does not hold all votes of this validator"
            );
            false
        }
    };
    if trust {
        tracing::warn!("the operator vouches for the vote log: voting at once");
        let resumed = Record::Resumed {
            from: ledger.height().next(),
        };
        opened
            .log
            .append(std::slice::from_ref(&resumed))
            .map_err(failed)?;
        opened.records.push(resumed);
        intact = true;
    }
    let restored = Restored {
        stored: ledger.height(),
        tip: ledger.tip_hash(),
        records: opened.records,
        log: if intact {
            VoteLogState::Intact
        } else {
            VoteLogState::Lost
        },
    };
    let settings = EngineSettings {
        own: Some(key.public_key().clone()),
        executes_ahead: Ledger::executes_ahead(ledger),
        timers: config.consensus.timers(),
    };
    Ok((V3Engine::new(settings, restored), opened.log))
}

/// Takes events off the network and gives each to the part it belongs to.
async fn pump(
    mut events: NetworkEvents,
    inlets: Inlets,
    server: Server,
    mut stopped: watch::Receiver<bool>,
) -> Result<(), NodeError> {
    let mut check = tokio::time::interval(SYNC_CHECK);
    check.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut behind: Option<Height> = None;
    loop {
        let event = tokio::select! {
            event = events.recv() => event,
            _ = check.tick() => {
                behind = check_height(&inlets, &server, behind);
                report_round_trips(&inlets, &server.network);
                continue;
            }
            _ = stopped.changed() => return Ok(()),
        };
        let Some(event) = event else { return Ok(()) };
        match event {
            NetworkEvent::Consensus { from, bytes } => {
                // Waiting here holds the network back, so a flood cannot pile up.
                let _ = inlets.messages.send((from, bytes)).await;
            }
            NetworkEvent::Transactions { from, txs } => {
                // What is dropped here is found again with the block that has it.
                let _ = inlets.gossip.try_send((from, txs));
            }
            NetworkEvent::Request { request, reply, .. } => server.serve(request, reply),
            NetworkEvent::PeerUp {
                peer,
                validator,
                height,
                ..
            } => {
                tracing::info!(%peer, ?validator, %height, "peer is up");
                if let Some(key) = validator {
                    let up = Connectivity::Up {
                        round_trip: Duration::ZERO,
                    };
                    let _ = inlets.inside.send(Inside::Connectivity(key, up));
                }
                follow(&inlets, &server, peer, height);
            }
            NetworkEvent::PeerDown {
                peer,
                validator,
                reason,
            } => {
                tracing::info!(%peer, ?validator, reason, "peer is gone");
                if let Some(key) = validator {
                    let down = Inside::Connectivity(key, Connectivity::Down);
                    let _ = inlets.inside.send(down);
                }
            }
            NetworkEvent::Status { peer, height, .. } => follow(&inlets, &server, peer, height),
            _ => {}
        }
    }
}

/// A peer two blocks ahead has what consensus here will not bring; one block is a race that consensus
/// usually wins.
fn follow(inlets: &Inlets, server: &Server, peer: neo_network::PeerId, height: Height) {
    let own = server.ledger.height();
    let lead = if inlets.messages.is_closed() { 1 } else { 2 };
    if height.0 >= own.0.saturating_add(lead) {
        let _ = inlets.sync.try_send(SyncTrigger::Peer(peer));
    }
}

/// A node that stays one block behind for a whole interval fetches it.
fn check_height(inlets: &Inlets, server: &Server, before: Option<Height>) -> Option<Height> {
    let own = server.ledger.height();
    let ahead = server
        .network
        .peers()
        .into_iter()
        .find(|peer| peer.height > own)?;
    if before == Some(own) {
        let _ = inlets.sync.try_send(SyncTrigger::Peer(ahead.peer_id));
    }
    Some(own)
}

fn report_round_trips(inlets: &Inlets, network: &NetworkHandle) {
    for peer in network.peers() {
        if let (Some(key), Some(round_trip)) = (peer.validator, peer.rtt) {
            let up = Connectivity::Up { round_trip };
            let _ = inlets.inside.send(Inside::Connectivity(key, up));
        }
    }
}

/// Follows the chain without a voice.
struct Observer {
    network: NetworkHandle,
    metrics: Arc<Metrics>,
    events: EventSink,
    status: Arc<StatusBoard>,
}

impl Observer {
    async fn run(
        self,
        mut inside: mpsc::UnboundedReceiver<Inside>,
        mut stopped: watch::Receiver<bool>,
    ) -> Result<(), NodeError> {
        loop {
            let event = tokio::select! {
                event = inside.recv() => event,
                _ = stopped.changed() => return Ok(()),
            };
            let Some(event) = event else { return Ok(()) };
            if let Inside::Imported {
                height,
                hash,
                blocks,
                at_ns,
            } = event
            {
                for (height, hash, transactions) in blocks {
                    self.metrics.block_stored(height, transactions, None);
                    self.events.emit(NodeEvent::Block {
                        height,
                        hash,
                        t_ns: at_ns,
                        transactions,
                        view: None,
                        decision_us: None,
                        witness_us: None,
                    });
                }
                self.network.set_status(height, hash);
                self.status.set_stored(height);
            }
        }
    }
}

/// What RPC sees of the node.
struct Shared {
    network: NetworkHandle,
    ledger: Arc<dyn Ledger>,
    worker: LedgerWorker,
    inside: mpsc::UnboundedSender<Inside>,
    status: Arc<StatusBoard>,
    magic: Magic,
}

impl ConsensusView for Shared {
    fn status(&self) -> Status {
        self.status.read()
    }
}

impl PeerView for Shared {
    fn connected(&self) -> Vec<PeerEntry> {
        let entry = |peer: neo_network::PeerInfo| {
            let (address, port) = split_address(&peer.address);
            PeerEntry {
                address,
                port,
                user_agent: peer.agent,
                last_known_height: peer.height,
                validator: peer.validator,
                rtt: peer.rtt,
            }
        };
        self.network.peers().into_iter().map(entry).collect()
    }
}

fn split_address(address: &neo_network::Multiaddr) -> (String, u16) {
    let text = address.to_string();
    let parts: Vec<&str> = text.split('/').collect();
    let after = |names: &[&str]| {
        let at = parts.iter().position(|part| names.contains(part))?;
        parts.get(at + 1).map(|part| (*part).to_owned())
    };
    let host = after(&["ip4", "ip6", "dns", "dns4", "dns6"]).unwrap_or_default();
    let port = after(&["udp", "tcp"])
        .and_then(|port| port.parse().ok())
        .unwrap_or(0);
    (host, port)
}

impl Relay for Shared {
    fn transaction(&self, transaction: Arc<Transaction>) {
        self.network
            .gossip_transactions(vec![Bytes::from(transaction.to_bytes())], None);
    }

    fn block(&self, block: Block) -> BlockReply {
        let tip = self.ledger.height();
        let (height, hash) = (block.header.index, block.hash());
        let transactions = block.transactions.len();
        let (worker, inside, magic) = (self.worker.clone(), self.inside.clone(), self.magic);
        Box::pin(async move {
            if height <= tip {
                return Err(BlockRefused::AlreadyStored { height });
            }
            if height > tip.next() {
                return Err(BlockRefused::NotNext {
                    height,
                    next: tip.next(),
                });
            }
            let (done, imported) = oneshot::channel();
            worker.import(vec![Arc::new(block)], move |outcome| {
                let _ = done.send(outcome);
            });
            match imported.await {
                Ok(Imported::Stored { height, hash: tip }) => {
                    let blocks = vec![(height, tip, transactions)];
                    let at_ns = unix_ns();
                    let _ = inside.send(Inside::Imported {
                        height,
                        hash: tip,
                        blocks,
                        at_ns,
                    });
                    Ok(hash)
                }
                Ok(Imported::Refused { error, .. }) => {
                    Err(BlockRefused::Invalid(format!("{error} (network {magic})")))
                }
                Ok(Imported::Failed(error)) => Err(BlockRefused::Unavailable(error.to_string())),
                Err(_) => Err(BlockRefused::Unavailable("the node is stopping".to_owned())),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_peers_are_split() {
        let quic = "/ip4/127.0.0.1/udp/20333/quic-v1".parse().unwrap();
        assert_eq!(split_address(&quic), ("127.0.0.1".to_owned(), 20333));
        let tcp = "/ip6/::1/tcp/9".parse().unwrap();
        assert_eq!(split_address(&tcp), ("::1".to_owned(), 9));
    }
}
