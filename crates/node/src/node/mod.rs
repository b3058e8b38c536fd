//! A whole node: ledger, vote log, network, consensus, RPC and metrics, from start to end.

mod error;
mod observer;
mod opening;
mod oversight;
mod pump;
mod shared;
mod watchful;

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use neo_consensus::engine::LedgerEvent;
use neo_ledger::checkpoint::CheckpointFolder;
use neo_ledger::{ChainReader, Ledger};
use neo_network::NetworkHandle;
use neo_primitives::PrivateKey;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};

pub use self::error::NodeError;
use self::observer::Observer;
pub use self::opening::log_identity;
use self::opening::{network_config, open_engine, validator_key};
use self::pump::{Inlets, pump};
use self::shared::Shared;
use self::watchful::{LastWord, open_security};
use crate::bodies::Bodies;
use crate::checks::Checks;
use crate::config::NodeConfig;
use crate::driver::{CONSENSUS_LANES, Delivered, Driver, DriverError, Inside, Parts, StatusBoard};
use crate::events::{EventSink, NodeEvent};
use crate::fetcher::Fetcher;
use crate::gossip;
use crate::intrusion::{Byzantine, Intruder, Intrusion};
use crate::ledger_worker::{LedgerWorker, Report};
use crate::metrics::{self, Metrics, Sources};
use crate::recovery::opening::{OpenedChain, open_chain};
use crate::recovery::schedule::Schedule;
use crate::rpc::{self, RpcContext};
use crate::security::journal;
use crate::serving::{AT_A_TIME, Server};
use crate::sync::{CatchUpSender, Syncer, verification_pool};
use crate::tuning::{Tuner, TuningBounds, first_threads};

/// Consensus messages that wait for the driver; the network holds back more.
const MESSAGE_QUEUE: usize = 4096;
/// Triggers of synchronisation that wait.
const SYNC_QUEUE: usize = 16;

/// What a run may do besides its configuration.
#[derive(Default)]
pub struct RunOptions {
    /// Where events go.
    pub events: EventSink,
    /// The operator takes the blame for a missing or damaged vote log: vote at once.
    pub trust_vote_log: bool,
    /// Where it is shown how far the node is with catching up.
    pub catching_up: Option<CatchUpSender>,
    /// What makes this validator Byzantine, for tests of the others; an observer has no use for it.
    pub byzantine: Option<Byzantine>,
}

impl fmt::Debug for RunOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunOptions")
            .field("events", &self.events)
            .field("trust_vote_log", &self.trust_vote_log)
            .field("catching_up", &self.catching_up)
            .field("byzantine", &self.byzantine.is_some())
            .finish()
    }
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
    last_word: LastWord,
}

impl Node {
    async fn start(
        config: NodeConfig,
        key: Option<PrivateKey>,
        options: RunOptions,
    ) -> Result<Self, NodeError> {
        let config = Arc::new(config);
        let data_dir = config.data_dir.clone();
        let checkpoints = CheckpointFolder::at(config.checkpoint_folder());
        let OpenedChain { ledger, recovery } =
            open_chain(&data_dir, &checkpoints, &config.protocol.genesis).map_err(|error| {
                NodeError::Chain {
                    path: data_dir.clone(),
                    error: Box::new(error),
                }
            })?;
        let ledger = Arc::new(ledger);
        let metrics = Arc::new(Metrics::new());
        let (security, last_word) =
            open_security(&config, &ledger, key.as_ref(), &metrics, &options.events)?;
        if let Some(recovery) = &recovery {
            security.record(journal::full_recovery(recovery));
        }
        let network_config = network_config(&config, &ledger, key.as_ref())?;
        let (network, network_events) = neo_network::start(network_config)?;
        security.attach(network.clone());
        let rpc = bind("JSON-RPC", config.rpc.as_ref().map(|rpc| rpc.listen)).await?;
        let scrape = bind("metrics", config.metrics.as_ref().map(|at| at.listen)).await?;
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
        let pool_news = inside.clone();
        ledger.watch_pool(Box::new(move |transactions| {
            let filled = LedgerEvent::Pool { transactions };
            let _ = pool_news.send(Inside::Ledger(Report::Event(filled)));
        }));
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
            last_word,
        };
        let syncer = Syncer {
            peers: network.clone(),
            ledger: Arc::clone(&dynamic),
            worker: worker.clone(),
            inside: inside.clone(),
            metrics: Arc::clone(&metrics),
            shown: options.catching_up,
            pool: verification_pool().map_err(NodeError::Thread)?,
            witness_limit,
            votes: key.is_some(),
        };
        node.tasks.spawn(async move {
            syncer.run(triggers).await;
            Ok(())
        });
        let inlets = Inlets {
            inside: inside.clone(),
            messages,
            security: Arc::clone(&security),
            sync: sync.clone(),
            gossip,
        };
        let mut intruder = None;
        if let (Some(Byzantine { will, beside }), Some(key)) = (options.byzantine, &key) {
            intruder = Some(Arc::new(Intruder::new(will, key.clone())));
            if let Some(beside) = beside {
                beside(network.clone(), key.clone());
            }
        }
        let mut checks = None;
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
            let engine = open_engine(&config, &ledger, &key, &bodies, options.trust_vote_log)?;
            let bounds = TuningBounds {
                fan_out: config.network.fan_out(),
                threads: config.consensus.verification_threads(),
            };
            let pool = Checks::new(first_threads(bounds.threads))
                .map(Arc::new)
                .map_err(|error| NodeError::Thread(std::io::Error::other(error)))?;
            checks = Some(Arc::clone(&pool));
            let parts = Parts {
                engine: engine.0,
                key,
                log: engine.1,
                ledger: worker.clone(),
                network: network.clone(),
                tuner: Tuner::new(network.clone(), Arc::clone(&pool), bounds),
                checks: pool,
                fetches,
                bodies: Arc::clone(&bodies),
                metrics: Arc::clone(&metrics),
                events: options.events.clone(),
                status: Arc::clone(&status),
                security: Arc::clone(&security),
                inside: inside.clone(),
                intrusion: intruder.clone().map(Intrusion::new),
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
        let schedule = Schedule {
            ledger: Arc::clone(&ledger),
            folder: checkpoints,
            config: config.checkpoints.clone(),
            metrics: Arc::clone(&metrics),
            security: Arc::clone(&security),
        };
        let told = stopped.clone();
        node.tasks.spawn(async move {
            schedule.run(told).await;
            Ok(())
        });
        let server = Server {
            network: network.clone(),
            ledger: Arc::clone(&dynamic),
            bodies,
            turns: Arc::new(Semaphore::new(AT_A_TIME)),
            intruder,
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
            security,
            checks,
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
                oversight: shared.clone(),
                relay: shared,
                config,
                metrics: Arc::clone(&metrics),
            };
            let stopped = ended(stopped.clone());
            node.tasks.spawn(async move {
                rpc::serve(listener, context, stopped)
                    .await
                    .map_err(|error| NodeError::Serve {
                        what: "JSON-RPC",
                        error,
                    })
            });
        }
        if let Some(listener) = scrape {
            let stopped = ended(stopped);
            node.tasks.spawn(async move {
                metrics::serve(listener, metrics, sources, stopped)
                    .await
                    .map_err(|error| NodeError::Serve {
                        what: "metrics",
                        error,
                    })
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
        messages: mpsc::Receiver<Delivered>,
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

    /// Waits for the end, and ends everything in order. Parts of the node end when they are told to: one that ends
    /// before takes the node down with an error, so that it never lingers half alive.
    async fn until(mut self, shutdown: impl Future<Output = ()>) -> Result<(), NodeError> {
        let mut driver = self.driver.take();
        let driver_ended = async {
            match &mut driver {
                Some(ended) => ended.await,
                None => std::future::pending().await,
            }
        };
        let mut early = None;
        let mut broken = None;
        tokio::select! {
            biased;
            ended = driver_ended => early = Some(ended),
            () = shutdown => {}
            () = worker_ended(&self.threads) => {
                broken = Some(NodeError::Ended("a worker thread"));
            }
            task = self.tasks.join_next() => broken = Some(match task {
                Some(Ok(Err(error))) => error,
                _ => NodeError::Ended("a task of the node"),
            }),
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
        let (view_changes, failure) = verdict(outcome, broken);
        let usage = metrics::Usage::read().unwrap_or_default();
        let sent = CONSENSUS_LANES.map(|lane| traffic.sent[lane.index()]);
        self.events.emit(NodeEvent::Summary {
            view_changes,
            messages: sent.iter().map(|flow| flow.messages).sum(),
            message_bytes: sent.iter().map(|flow| flow.bytes).sum(),
            cpu_s: usage.cpu_seconds,
            peak_rss_mb: usage.peak_resident_bytes as f64 / f64::from(1 << 20),
        });
        self.last_word
            .say(failure.as_ref().map(ToString::to_string));
        match failure {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}

/// How often the worker threads are looked at.
const WORKER_CHECK: Duration = Duration::from_millis(500);

/// Resolves when one of the threads has ended; while the node runs, only a panic ends one.
async fn worker_ended(threads: &[std::thread::JoinHandle<()>]) {
    let mut check = tokio::time::interval(WORKER_CHECK);
    while !threads.iter().any(std::thread::JoinHandle::is_finished) {
        check.tick().await;
    }
}

/// How the driver ended, if there is one: with a number of view changes, an error, or without a word.
type DriverOutcome = Option<Result<Result<u64, DriverError>, oneshot::error::RecvError>>;

/// View changes of the run, and why it failed. What the driver says goes before what broke elsewhere: parts
/// that depend on it end with it.
fn verdict(driver: DriverOutcome, broken: Option<NodeError>) -> (u64, Option<NodeError>) {
    match driver {
        Some(Ok(Err(error))) => (0, Some(NodeError::Driver(error))),
        Some(Err(_)) => (0, Some(NodeError::Ended("consensus"))),
        Some(Ok(Ok(view_changes))) => (view_changes, broken),
        None => (0, broken),
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

#[cfg(test)]
mod tests {
    use super::*;
    use neo_consensus::vote_log::LogError;

    #[tokio::test]
    async fn a_worker_that_panics_is_noticed_and_a_working_one_is_not() {
        let (release, held) = std::sync::mpsc::channel::<()>();
        let working = std::thread::spawn(move || held.recv().unwrap_or_default());
        let threads = vec![working];
        let early = tokio::time::timeout(3 * WORKER_CHECK, worker_ended(&threads)).await;
        assert!(early.is_err(), "nothing has ended");
        let mut threads = threads;
        threads.push(std::thread::spawn(|| panic!("a worker dies")));
        worker_ended(&threads).await;
        drop(release);
    }

    #[test]
    fn what_broke_is_an_error_and_the_driver_speaks_first() {
        let broken = || Some(NodeError::Ended("a worker thread"));
        assert!(matches!(verdict(Some(Ok(Ok(3))), None), (3, None)));
        assert!(matches!(verdict(None, None), (0, None)));
        for driver in [None, Some(Ok(Ok(1)))] {
            assert!(matches!(
                verdict(driver, broken()).1,
                Some(NodeError::Ended("a worker thread"))
            ));
        }
        let failed = || Some(Ok(Err(DriverError::VoteLog(LogError::Failed))));
        assert!(matches!(
            verdict(failed(), broken()).1,
            Some(NodeError::Driver(_))
        ));
    }
}
