//! The engine of a node with its driver: that of dBFT 3.0, that of 2.0, or none.

use std::sync::Arc;

use neo_consensus::engine::Fetch;
use neo_consensus::{v2, v3};
use neo_network::NetworkHandle;
use neo_network::neo::NeoHandle;
use tokio::sync::{mpsc, oneshot, watch};

use super::Node;
use super::error::NodeError;
use super::observer::Observer;
use super::opening::{OpenedLog, mesh_engine, neo_engine, open_log};
use super::start::Ground;
use crate::checks::Checks;
use crate::driver::{Delivered, Driver, Inside, Mesh, Neo, Parts, Voice};
use crate::intrusion::{Intruder, Intrusion};
use crate::tuning::{Tuner, TuningBounds};
use crate::voting_key::VotingKey;

/// What reaches a driver.
pub(super) struct Inflow<T> {
    pub(super) inside: mpsc::UnboundedReceiver<Inside>,
    pub(super) messages: mpsc::Receiver<T>,
}

/// What dBFT 3.0 works with in the mesh.
pub(super) struct MeshMeans {
    pub(super) network: NetworkHandle,
    pub(super) fetches: mpsc::UnboundedSender<Fetch>,
    pub(super) checks: Arc<Checks>,
    pub(super) intruder: Option<Arc<Intruder>>,
}

impl Node {
    /// dBFT 3.0 in the mesh.
    pub(super) fn start_mesh(
        &mut self,
        ground: &Ground,
        key: VotingKey,
        means: MeshMeans,
        inflow: Inflow<Delivered>,
    ) -> Result<(), NodeError> {
        let MeshMeans {
            network,
            fetches,
            checks,
            intruder,
        } = means;
        let config = &ground.config;
        let OpenedLog { log, restored } = open_log::<v3::Record, v2::Record>(
            config,
            ground.ledger.as_ref(),
            &key,
            ground.trust_vote_log,
        )?;
        let elsewhere = ground.elsewhere(&key, &restored);
        let recorded = restored.records.iter().filter_map(Mesh::body);
        ground.bodies.restore(recorded, restored.stored);
        let bounds = TuningBounds {
            fan_out: config.network.fan_out(),
            threads: config.consensus.verification_threads(),
        };
        let voice = Mesh {
            tuner: Tuner::new(network.clone(), Arc::clone(&checks), bounds),
            network,
            checks,
            fetches,
            metrics: Arc::clone(&ground.metrics),
            security: Arc::clone(&ground.security),
            intrusion: intruder.map(Intrusion::new),
        };
        let engine = mesh_engine(config, ground.ledger.as_ref(), &key, restored);
        self.start_driver(
            ground.parts(engine, voice, key, (log, elsewhere)),
            inflow,
            &ground.stopped,
        )
    }

    /// dBFT 2.0 in Neo N3's P2P.
    pub(super) fn start_neo(
        &mut self,
        ground: &Ground,
        key: VotingKey,
        p2p: NeoHandle,
        checks: Arc<Checks>,
        inflow: Inflow<v2::Message>,
    ) -> Result<(), NodeError> {
        tracing::info!(
            "dBFT 2.0: evidence, the judging of validators, leader scores and tuning belong to dBFT 3.0 and are off"
        );
        let OpenedLog { log, restored } = open_log::<v2::Record, v3::Record>(
            &ground.config,
            ground.ledger.as_ref(),
            &key,
            ground.trust_vote_log,
        )?;
        let elsewhere = ground.elsewhere(&key, &restored);
        let recorded = restored.records.iter().filter_map(Neo::body);
        ground.bodies.restore(recorded, restored.stored);
        let voice = Neo {
            p2p,
            checks,
            missing: Arc::clone(&ground.missing),
            chain: ground.ledger.clone(),
            metrics: Arc::clone(&ground.metrics),
            sent: Arc::clone(&self.sent),
        };
        let engine = neo_engine(&ground.config, &key, restored);
        self.start_driver(
            ground.parts(engine, voice, key, (log, elsewhere)),
            inflow,
            &ground.stopped,
        )
    }

    /// No voice.
    pub(super) fn start_observer(
        &mut self,
        ground: &Ground,
        inside: mpsc::UnboundedReceiver<Inside>,
    ) {
        let observer = Observer {
            neighbours: ground.neighbours.clone(),
            metrics: Arc::clone(&ground.metrics),
            events: ground.events.clone(),
            status: Arc::clone(&ground.status),
        };
        self.tasks
            .spawn(observer.run(inside, ground.stopped.clone()));
    }

    fn start_driver<V: Voice>(
        &mut self,
        parts: Parts<V>,
        inflow: Inflow<V::Delivered>,
        stopped: &watch::Receiver<bool>,
    ) -> Result<(), NodeError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .map_err(NodeError::Thread)?;
        let (done, ended) = oneshot::channel();
        let stopped = stopped.clone();
        let thread = std::thread::Builder::new()
            .name("driver".to_owned())
            .spawn(move || {
                let driver = Driver::new(parts);
                let run = driver.run(inflow.inside, inflow.messages, stopped);
                let _ = done.send(runtime.block_on(run));
            })
            .map_err(NodeError::Thread)?;
        self.threads.push(thread);
        self.driver = Some(ended);
        Ok(())
    }
}
