//! Puts a node together.

use std::sync::Arc;

use neo_attached::AttachedLedger;
use neo_consensus::engine::{LedgerEvent, Restored};
use neo_consensus::vote_log::VoteLog;
use neo_driver::Leaders;
use neo_ledger::Ledger;
use tokio::sync::{mpsc, watch};

use super::error::NodeError;
use super::ledgers::{Embedded, OpenedLedger};
use super::listeners::Listeners;
use super::networks::Networks;
use super::watchful::open_security;
use super::{Node, RunOptions};
use crate::attached::{Arrivals, Health, Succession, tell_of_tips};
use crate::bodies::Bodies;
use crate::checks::Checks;
use crate::config::NodeConfig;
use crate::driver::{Inside, Parts, Pen, StatusBoard, Voice};
use crate::elsewhere::Elsewhere;
use crate::events::EventSink;
use crate::gossip;
use crate::handover::Signing;
use crate::ledger_worker::{LedgerWorker, Report};
use crate::metrics::{Metrics, SignerMetrics};
use crate::neighbours::Neighbours;
use crate::p2p::{Gate, Missing};
use crate::recovery::schedule::Schedule;
use crate::security::{Security, journal};
use crate::sync::{CatchUpSender, verification_pool};
use crate::tuning::first_threads;
use crate::vote_log_file::FileMedium;
use crate::voting_key::VotingKey;

/// What the parts of a node stand on.
pub(super) struct Ground {
    pub(super) config: Arc<NodeConfig>,
    pub(super) ledger: Arc<dyn Ledger>,
    /// The same, if Neo nodes keep it.
    pub(super) attached: Option<Arc<AttachedLedger>>,
    /// The remote signer in numbers, if there is one.
    pub(super) signer: Option<Arc<SignerMetrics>>,
    pub(super) worker: LedgerWorker,
    pub(super) neighbours: Neighbours,
    pub(super) bodies: Arc<Bodies>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) events: EventSink,
    pub(super) status: Arc<StatusBoard>,
    pub(super) security: Arc<Security>,
    pub(super) inside: mpsc::UnboundedSender<Inside>,
    /// Who may send in Neo N3's P2P, and who the validators are.
    pub(super) gate: Arc<Gate>,
    /// Transactions that a proposal of dBFT 2.0 misses.
    pub(super) missing: Arc<Missing>,
    pub(super) stopped: watch::Receiver<bool>,
    pub(super) trust_vote_log: bool,
    pub(super) gossip: mpsc::Sender<gossip::Batch>,
    pub(super) shown: Option<CatchUpSender>,
    /// Threads that verify blocks of others.
    pub(super) pool: Arc<rayon::ThreadPool>,
}

impl Ground {
    pub(super) fn parts<V: Voice>(
        &self,
        engine: V::Protocol,
        voice: V,
        key: VotingKey,
        (log, elsewhere): (VoteLog<FileMedium>, Elsewhere),
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
            elsewhere,
        }
    }

    /// Looks for signatures of this validator that it does not make, behind what its vote log brings back.
    pub(super) fn elsewhere<R: Signing>(
        &self,
        key: &VotingKey,
        restored: &Restored<R>,
    ) -> Elsewhere {
        let mut elsewhere = Elsewhere::new(
            key.public_key(),
            self.config.protocol.genesis.magic,
            Arc::clone(&self.ledger),
            Arc::clone(&self.security),
            restored,
        );
        if self.trust_vote_log {
            // The operator's word is about open heights only.
            elsewhere.know_nothing();
        }
        elsewhere
    }

    pub(super) fn witness_limit(&self) -> u32 {
        self.config.protocol.genesis.limits().witness_limit
    }

    /// Threads that check signatures of consensus messages.
    pub(super) fn checks(&self) -> Result<Arc<Checks>, NodeError> {
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
        let OpenedLedger {
            ledger,
            embedded,
            attached,
            recovery,
        } = OpenedLedger::open(&config).await?;
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
        let (worker, ledger_thread) =
            LedgerWorker::start(Arc::clone(&ledger), leaders, move |report| {
                let _ = reports.send(Inside::Ledger(report));
            })
            .map_err(NodeError::Thread)?;
        let pool_news = inside.clone();
        ledger.watch_pool(Box::new(move |transactions| {
            let filled = LedgerEvent::Pool { transactions };
            let _ = pool_news.send(Inside::Ledger(Report::Event(filled)));
        }));
        if let Some(attached) = &attached {
            tell_of_tips(attached, inside.clone());
        }
        let gate = Gate::of(&config.protocol.genesis, dbft_2, attached.is_some());
        let ground = Ground {
            gate: Arc::new(gate),
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
            attached,
            signer: key
                .as_ref()
                .and_then(VotingKey::remote)
                .map(SignerMetrics::of),
        };
        let gossip_thread = gossip::admit(
            batches,
            Arc::clone(&ground.ledger),
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
            closed: ground
                .attached
                .as_ref()
                .map(|it| Box::pin(it.closed()) as _),
        };
        let p2p = ground.neighbours.p2p.clone().zip(p2p_events);
        let (checks, hearing) = match mesh_events {
            Some(mesh) => {
                node.join_mesh(&ground, key, options.byzantine, mesh, p2p, from_inside)?
            }
            None => node.join_neo(&ground, key, p2p, from_inside)?,
        };
        if let Some(embedded) = embedded {
            node.write_checkpoints(&ground, embedded);
        }
        node.look_after_nodes(&ground);
        node.serve(ground, listeners, checks, hearing);
        Ok(node)
    }

    /// The Neo nodes that keep the ledger, if they do.
    fn look_after_nodes(&mut self, ground: &Ground) {
        let Some(ledger) = ground.attached.clone() else {
            return;
        };
        let health = Health {
            ledger,
            security: Arc::clone(&ground.security),
        };
        let succession = Succession {
            ledger: Arc::clone(&ground.ledger),
            gate: Arc::clone(&ground.gate),
            mesh: ground.neighbours.mesh.clone(),
        };
        let told = ground.stopped.clone();
        self.tasks.spawn(async move {
            health.run(told).await;
            Ok(())
        });
        let arrivals = Arrivals {
            ledger: Arc::clone(&ground.ledger),
            missing: Arc::clone(&ground.missing),
        };
        let told = ground.stopped.clone();
        self.tasks.spawn(async move {
            arrivals.run(told).await;
            Ok(())
        });
        let told = ground.stopped.clone();
        self.tasks.spawn(async move {
            succession.run(told).await;
            Ok(())
        });
    }

    fn write_checkpoints(&mut self, ground: &Ground, embedded: Embedded) {
        let schedule = Schedule {
            ledger: embedded.ledger,
            folder: embedded.checkpoints,
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
}
