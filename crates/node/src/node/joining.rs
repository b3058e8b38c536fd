//! Into the networks, with or without a vote.

use std::sync::Arc;

use neo_network::NetworkEvents;
use neo_network::neo::{NeoEvents, NeoHandle};
use tokio::sync::{Semaphore, mpsc};

use super::Node;
use super::engines::{Inflow, MeshMeans};
use super::error::NodeError;
use super::pump::{Inlets, pump};
use super::shared::Hearing;
use super::start::Ground;
use crate::checks::Checks;
use crate::driver::Inside;
use crate::fetcher::Fetcher;
use crate::intrusion::{Byzantine, Intruder};
use crate::p2p::{Heard, Importer, Inlet, importing};
use crate::serving::{AT_A_TIME, Server};
use crate::sync::Syncer;
use crate::voting_key::VotingKey;

/// Consensus messages that wait for the driver; the network holds back more.
const MESSAGE_QUEUE: usize = 4096;
/// Triggers of synchronisation that wait.
const SYNC_QUEUE: usize = 16;
/// A validator of dBFT 2.0 that was not heard of for so many blocks is not there, as far as anybody can tell.
const SILENT_BLOCKS: u32 = 8;

impl Node {
    /// dBFT 3.0, or its observer; in Neo N3's P2P, too, if that is spoken.
    pub(super) fn join_mesh(
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
            ledger: Arc::clone(&ground.ledger),
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
            ledger: Arc::clone(&ground.ledger),
            bodies: Arc::clone(&ground.bodies),
            turns: Arc::new(Semaphore::new(AT_A_TIME)),
            block_turns: Arc::new(Semaphore::new(AT_A_TIME)),
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
    pub(super) fn join_neo(
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
            ledger: Arc::clone(&ground.ledger),
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
        let alone = ground.neighbours.mesh.is_none();
        let inlet = Inlet {
            p2p,
            chain: ground.ledger.clone(),
            gate: Arc::clone(&ground.gate),
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
}

impl Hearing {
    fn of(ground: &Ground, own: Option<&VotingKey>) -> Self {
        let patience = ground
            .config
            .protocol
            .genesis
            .block_time()
            .saturating_mul(SILENT_BLOCKS);
        Self {
            heard: Arc::new(Heard::new(patience)),
            gate: Arc::clone(&ground.gate),
            own: own.map(|key| key.public_key().clone()),
        }
    }
}
