//! Puts a node together.

use std::net::SocketAddr;
use std::sync::Arc;

use neo_consensus::engine::LedgerEvent;
use neo_consensus::vote_log::VoteLog;
use neo_driver::Leaders;
use neo_ledger::checkpoint::CheckpointFolder;
use neo_ledger::{ChainReader, EmbeddedLedger, Ledger};
use neo_network::NetworkEvents;
use neo_network::neo::{NeoEvents, NeoHandle};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc, watch};

use super::engines::{Inflow, MeshMeans};
use super::error::NodeError;
use super::networks::Networks;
use super::pump::{Inlets, pump};
use super::shared::{Hearing, Shared};
use super::watchful::open_security;
use super::{Node, RunOptions};
use crate::bodies::Bodies;
use crate::checks::Checks;
use crate::config::NodeConfig;
use crate::driver::{Inside, Parts, Pen, StatusBoard, Voice};
use crate::events::{EventSink, NodeEvent};
use crate::fetcher::Fetcher;
use crate::gossip;
use crate::intrusion::{Byzantine, Intruder};
use crate::ledger_worker::{LedgerWorker, Report};
use crate::metrics::{self, Metrics, Sources};
use crate::neighbours::Neighbours;
use crate::p2p::{Gate, Heard, Importer, Inlet, Missing, importing};
use crate::recovery::opening::{OpenedChain, open_chain};
use crate::recovery::schedule::Schedule;
use crate::rpc::{self, RpcContext};
use crate::security::{Security, journal};
use crate::serving::{AT_A_TIME, Server};
use crate::sync::{CatchUpSender, Syncer, verification_pool};
use crate::tuning::first_threads;
use crate::vote_log_file::FileMedium;
use crate::voting_key::VotingKey;

/// Consensus messages that wait for the driver; the network holds back more.
const MESSAGE_QUEUE: usize = 4096;
/// Triggers of synchronisation that wait.
const SYNC_QUEUE: usize = 16;
/// A validator of dBFT 2.0 that was not heard of for so many blocks is not there, as far as anybody can tell.
const SILENT_BLOCKS: u32 = 8;

/// What the parts of a node stand on.
pub(super) struct Ground {
    pub(super) config: Arc<NodeConfig>,
    pub(super) ledger: Arc<EmbeddedLedger>,
    pub(super) worker: LedgerWorker,
    pub(super) neighbours: Neighbours,
    pub(super) bodies: Arc<Bodies>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) events: EventSink,
    pub(super) status: Arc<StatusBoard>,
    pub(super) security: Arc<Security>,
    pub(super) inside: mpsc::UnboundedSender<Inside>,
    /// Transactions that a proposal of dBFT 2.0 misses.
    pub(super) missing: Arc<Missing>,
    pub(super) stopped: watch::Receiver<bool>,
    pub(super) trust_vote_log: bool,
    gossip: mpsc::Sender<gossip::Batch>,
    shown: Option<CatchUpSender>,
    /// Threads that verify blocks of others.
    pool: Arc<rayon::ThreadPool>,
}

impl Ground {
    pub(super) fn parts<V: Voice>(
        &self,
        engine: V::Protocol,
        voice: V,
        key: VotingKey,
        log: VoteLog<FileMedium>,
    ) -> Parts<V> {
        Parts {
            engine,
            voice,
            pen: Pen::of(key),
            log,
            ledger: self.worker.clone(),
            neighbours: self.neighbours.clone(),
            bodies: Arc::clone(&self.bodies),
            metrics: Arc::clone(&self.metrics),
            events: self.events.clone(),
            status: Arc::clone(&self.status),
            security: Arc::clone(&self.security),
        }
    }

    fn dynamic(&self) -> Arc<dyn Ledger> {
        self.ledger.clone()
    }

    fn witness_limit(&self) -> u32 {
        self.config.protocol.genesis.limits().witness_limit
    }

    /// Threads that check signatures of consensus messages.
    fn checks(&self) -> Result<Arc<Checks>, NodeError> {
        let bounds = self.config.consensus.verification_threads();
        Checks::new(first_threads(bounds))
            .map(Arc::new)
            .map_err(|error| NodeError::Thread(std::io::Error::other(error)))
    }
}

impl Node {
    /// Opens everything that there is to open, and starts everything that has to run.
    pub(super) async fn start(
        config: NodeConfig,
        key: Option<VotingKey>,
        options: RunOptions,
    ) -> Result<Self, NodeError> {
        let config = Arc::new(config);
        let dbft_2 = config.protocol.is_dbft_2();
        if dbft_2 && options.byzantine.is_some() {
            return Err(NodeError::NotByzantine);
        }
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
        let bodies = Arc::new(Bodies::default());
        let Networks {
            neighbours,
            mesh_events,
            p2p_events,
        } = Networks::open(&config, &ledger, key.as_ref(), &bodies)?;
        if let Some(mesh) = &neighbours.mesh {
            security.attach(mesh.clone());
        }
        let listeners = Listeners::bind(&config).await?;
        let (stop, stopped) = watch::channel(false);
        let (inside, from_inside) = mpsc::unbounded_channel();
        let (gossip, batches) = mpsc::channel(gossip::QUEUE);
        let reports = inside.clone();
        let leaders = (!dbft_2).then(Leaders::new);
        let (worker, ledger_thread) = LedgerWorker::start(ledger.clone(), leaders, move |report| {
            let _ = reports.send(Inside::Ledger(report));
        })
        .map_err(NodeError::Thread)?;
        let pool_news = inside.clone();
        ledger.watch_pool(Box::new(move |transactions| {
            let filled = LedgerEvent::Pool { transactions };
            let _ = pool_news.send(Inside::Ledger(Report::Event(filled)));
        }));
        let ground = Ground {
            worker,
            neighbours,
            bodies,
            metrics,
            events: options.events,
            status: Arc::new(StatusBoard::default()),
            security,
            missing: Arc::new(Missing::new(inside.clone())),
            inside,
            stopped,
            trust_vote_log: options.trust_vote_log,
            gossip,
            shown: options.catching_up,
            pool: verification_pool().map_err(NodeError::Thread)?,
            config,
            ledger,
        };
        let gossip_thread = gossip::admit(
            batches,
            ground.dynamic(),
            ground.neighbours.clone(),
            Arc::clone(&ground.missing),
            Arc::clone(&ground.metrics),
            ground.witness_limit(),
        )
        .map_err(NodeError::Thread)?;
        let mut node = Self {
            neighbours: ground.neighbours.clone(),
            sent: Arc::default(),
            driver: None,
            threads: vec![ledger_thread, gossip_thread],
            stop,
            tasks: tokio::task::JoinSet::new(),
            events: ground.events.clone(),
            last_word,
        };
        let p2p = ground.neighbours.p2p.clone().zip(p2p_events);
        let (checks, hearing) = match mesh_events {
            Some(mesh) => {
                node.join_mesh(&ground, key, options.byzantine, mesh, p2p, from_inside)?
            }
            None => node.join_neo(&ground, key, p2p, from_inside)?,
        };
        node.write_checkpoints(&ground, checkpoints);
        node.serve(ground, listeners, checks, hearing);
        Ok(node)
    }

    /// dBFT 3.0, or its observer; in Neo N3's P2P, too, if that is spoken.
    fn join_mesh(
        &mut self,
        ground: &Ground,
        key: Option<VotingKey>,
        byzantine: Option<Byzantine>,
        events: NetworkEvents,
        p2p: Option<(NeoHandle, NeoEvents)>,
        inside: mpsc::UnboundedReceiver<Inside>,
    ) -> Result<(Option<Arc<Checks>>, Option<Hearing>), NodeError> {
        let Some(network) = ground.neighbours.mesh.clone() else {
            return Ok((None, None));
        };
        let (sync, triggers) = mpsc::channel(SYNC_QUEUE);
        let (messages, from_messages) = mpsc::channel(MESSAGE_QUEUE);
        let syncer = Syncer {
            peers: network.clone(),
            ledger: ground.dynamic(),
            worker: ground.worker.clone(),
            inside: ground.inside.clone(),
            metrics: Arc::clone(&ground.metrics),
            shown: ground.shown.clone(),
            pool: Arc::clone(&ground.pool),
            witness_limit: ground.witness_limit(),
            votes: key.is_some(),
        };
        self.tasks.spawn(async move {
            syncer.run(triggers).await;
            Ok(())
        });
        let inlets = Inlets {
            inside: ground.inside.clone(),
            messages,
            security: Arc::clone(&ground.security),
            sync: sync.clone(),
            gossip: ground.gossip.clone(),
        };
        let mut intruder = None;
        let own = key.as_ref().and_then(VotingKey::own);
        if let (Some(Byzantine { will, beside }), Some(key)) = (byzantine, own) {
            intruder = Some(Arc::new(Intruder::new(will, key.clone())));
            if let Some(beside) = beside {
                beside(network.clone(), key.clone());
            }
        }
        let server = Server {
            network: network.clone(),
            ledger: ground.dynamic(),
            bodies: Arc::clone(&ground.bodies),
            turns: Arc::new(Semaphore::new(AT_A_TIME)),
            intruder: intruder.clone(),
        };
        let mut checks = None;
        if let Some(key) = key {
            let (fetches, wanted) = mpsc::unbounded_channel();
            let fetcher = Fetcher {
                network: network.clone(),
                inside: ground.inside.clone(),
                sync,
                witness_limit: ground.witness_limit(),
            };
            self.tasks.spawn(async move {
                fetcher.run(wanted).await;
                Ok(())
            });
            let pool = ground.checks()?;
            checks = Some(Arc::clone(&pool));
            let inflow = Inflow {
                inside,
                messages: from_messages,
            };
            let means = MeshMeans {
                network,
                fetches,
                checks: pool,
                intruder,
            };
            self.start_mesh(ground, key, means, inflow)?;
        } else {
            self.start_observer(ground, inside);
        }
        if let Some((p2p, p2p_events)) = p2p {
            let pool = match &checks {
                Some(checks) => Arc::clone(checks),
                None => ground.checks()?,
            };
            self.join_p2p(
                ground,
                p2p,
                p2p_events,
                pool,
                None,
                &Hearing::of(ground, None),
            );
        }
        self.tasks
            .spawn(pump(events, inlets, server, ground.stopped.clone()));
        Ok((checks, None))
    }

    /// dBFT 2.0, or its observer.
    fn join_neo(
        &mut self,
        ground: &Ground,
        key: Option<VotingKey>,
        p2p: Option<(NeoHandle, NeoEvents)>,
        inside: mpsc::UnboundedReceiver<Inside>,
    ) -> Result<(Option<Arc<Checks>>, Option<Hearing>), NodeError> {
        // A node that is told not to vote may be in no network at all; it only serves what it has.
        let Some((p2p, events)) = p2p else {
            self.start_observer(ground, inside);
            return Ok((None, None));
        };
        let checks = ground.checks()?;
        let hearing = Hearing::of(ground, key.as_ref());
        let mut messages = None;
        if let Some(key) = key {
            let (sender, from_messages) = mpsc::channel(MESSAGE_QUEUE);
            messages = Some(sender);
            let inflow = Inflow {
                inside,
                messages: from_messages,
            };
            self.start_neo(ground, key, p2p.clone(), Arc::clone(&checks), inflow)?;
        } else {
            self.start_observer(ground, inside);
        }
        self.join_p2p(ground, p2p, events, checks, messages, &hearing);
        Ok((None, Some(hearing)))
    }

    /// Takes what comes out of Neo N3's P2P.
    fn join_p2p(
        &mut self,
        ground: &Ground,
        p2p: NeoHandle,
        events: NeoEvents,
        checks: Arc<Checks>,
        messages: Option<mpsc::Sender<neo_consensus::v2::Message>>,
        hearing: &Hearing,
    ) {
        let (blocks, from_blocks) = mpsc::channel(importing::QUEUE);
        let importer = Importer {
            p2p: p2p.clone(),
            ledger: ground.dynamic(),
            worker: ground.worker.clone(),
            inside: ground.inside.clone(),
            metrics: Arc::clone(&ground.metrics),
            shown: ground.shown.clone(),
            pool: Arc::clone(&ground.pool),
        };
        self.tasks.spawn(async move {
            importer.run(from_blocks).await;
            Ok(())
        });
        let protocol = &ground.config.protocol;
        let alone = ground.neighbours.mesh.is_none();
        let inlet = Inlet {
            p2p,
            chain: ground.ledger.clone(),
            gate: Arc::new(Gate::of(&protocol.genesis, protocol.is_dbft_2())),
            checks,
            heard: Arc::clone(&hearing.heard),
            missing: Arc::clone(&ground.missing),
            inside: ground.inside.clone(),
            messages,
            gossip: ground.gossip.clone(),
            blocks,
            metrics: Arc::clone(&ground.metrics),
            security: alone.then(|| Arc::clone(&ground.security)),
        };
        self.tasks.spawn(inlet.run(events, ground.stopped.clone()));
    }

    fn write_checkpoints(&mut self, ground: &Ground, folder: CheckpointFolder) {
        let schedule = Schedule {
            ledger: Arc::clone(&ground.ledger),
            folder,
            config: ground.config.checkpoints.clone(),
            metrics: Arc::clone(&ground.metrics),
            security: Arc::clone(&ground.security),
        };
        let told = ground.stopped.clone();
        self.tasks.spawn(async move {
            schedule.run(told).await;
            Ok(())
        });
    }

    /// JSON-RPC and metrics; the node is up with that.
    fn serve(
        &mut self,
        ground: Ground,
        listeners: Listeners,
        checks: Option<Arc<Checks>>,
        hearing: Option<Hearing>,
    ) {
        let (rpc_address, metrics_address) = listeners.addresses();
        let p2p_address = ground.neighbours.p2p.as_ref();
        let p2p_address = p2p_address.and_then(NeoHandle::listening);
        let Ground {
            config,
            ledger,
            worker,
            neighbours,
            metrics,
            status,
            security,
            inside,
            missing,
            stopped,
            ..
        } = ground;
        let shared = Arc::new(Shared {
            neighbours: neighbours.clone(),
            ledger: ledger.clone(),
            worker,
            inside,
            missing,
            status,
            magic: config.protocol.genesis.magic,
            security,
            checks,
            hearing,
        });
        let sources = Sources {
            ledger: ledger.clone(),
            peers: shared.clone(),
            network: neighbours.mesh,
            p2p: neighbours.p2p,
        };
        let height = ledger.height();
        if let Some(listener) = listeners.rpc {
            let context = RpcContext {
                ledger,
                peers: shared.clone(),
                consensus: shared.clone(),
                oversight: shared.clone(),
                relay: shared,
                config,
                metrics: Arc::clone(&metrics),
            };
            let stopped = ended(stopped.clone());
            self.tasks.spawn(async move {
                rpc::serve(listener, context, stopped)
                    .await
                    .map_err(|error| NodeError::Serve {
                        what: "JSON-RPC",
                        error,
                    })
            });
        }
        if let Some(listener) = listeners.metrics {
            let stopped = ended(stopped);
            self.tasks.spawn(async move {
                metrics::serve(listener, metrics, sources, stopped)
                    .await
                    .map_err(|error| NodeError::Serve {
                        what: "metrics",
                        error,
                    })
            });
        }
        tracing::info!(%height, rpc = ?rpc_address, metrics = ?metrics_address, p2p = ?p2p_address, "node is up");
        self.events.emit(NodeEvent::Ready {
            rpc: rpc_address,
            metrics: metrics_address,
            p2p: p2p_address.map(|address| address.to_string()),
            height,
        });
    }
}

impl Hearing {
    fn of(ground: &Ground, own: Option<&VotingKey>) -> Self {
        let genesis = &ground.config.protocol.genesis;
        let patience = genesis.block_time().saturating_mul(SILENT_BLOCKS);
        Self {
            heard: Arc::new(Heard::new(patience)),
            validators: genesis.validators(),
            own: own.map(|key| key.public_key().clone()),
        }
    }
}

/// Where clients connect.
struct Listeners {
    rpc: Option<TcpListener>,
    metrics: Option<TcpListener>,
}

impl Listeners {
    async fn bind(config: &NodeConfig) -> Result<Self, NodeError> {
        Ok(Self {
            rpc: bind("JSON-RPC", config.rpc.as_ref().map(|rpc| rpc.listen)).await?,
            metrics: bind("metrics", config.metrics.as_ref().map(|at| at.listen)).await?,
        })
    }

    fn addresses(&self) -> (Option<String>, Option<String>) {
        (
            address_of(self.rpc.as_ref()),
            address_of(self.metrics.as_ref()),
        )
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
