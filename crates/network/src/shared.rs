//! What the handle, the mesh and the tasks of all connections have in common.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, atomic::AtomicUsize},
};

use libp2p::PeerId;
use neo_primitives::{Height, PublicKey, UInt256};
use parking_lot::{Mutex, RwLock};
use tokio::sync::watch;

use crate::{
    config::{NetworkLimits, NetworkTiming},
    error::PeerRef,
    event::NetworkEvent,
    event_queue::EventSenders,
    gossip::GossipInbox,
    metrics::{Counters, NetworkMetrics},
    peer::{Clock, Peer},
    relay::KeyPrint,
    reputation::Reputations,
    seen::Seen,
    topology::{Partition, Remembered},
};

/// Height and hash of our last stored block.
pub(crate) type Status = (Height, UInt256);

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) own_id: PeerId,
    /// Our validator key, whether or not it is one of the current ones.
    pub(crate) own_key: Option<PublicKey>,
    pub(crate) limits: NetworkLimits,
    pub(crate) timing: NetworkTiming,
    pub(crate) clock: Clock,
    pub(crate) counters: Counters,
    pub(crate) directory: RwLock<Directory>,
    pub(crate) seen: Mutex<Seen>,
    pub(crate) gossip: GossipInbox,
    pub(crate) status: watch::Sender<Status>,
    pub(crate) events: EventSenders<NetworkEvent>,
    /// Validators that are watched.
    pub(crate) watched: watch::Sender<Arc<HashSet<PublicKey>>>,
    /// What we tell others about our connections.
    pub(crate) reach: watch::Sender<Arc<HashSet<KeyPrint>>>,
    /// Counts relayed messages, so that each takes another way.
    pub(crate) relay_turn: AtomicUsize,
    /// Relayed messages that came lately.
    pub(crate) seen_relays: Mutex<Seen>,
    /// Proofs that passed lately, and who has them.
    pub(crate) seen_evidence: Mutex<Seen>,
    /// Proofs that we have sent to everybody.
    pub(crate) sent_evidence: Mutex<Seen>,
    pub(crate) reputations: Mutex<Reputations>,
    pub(crate) partition: Mutex<Partition>,
    /// Validators whose connection is gone.
    pub(crate) remembered: Mutex<HashMap<PublicKey, Remembered>>,
    /// To how many peers a batch of transactions goes first.
    pub(crate) fan_out: AtomicUsize,
}

impl Shared {
    /// Everything counted since the start, and how things stand.
    pub(crate) fn metrics(&self) -> NetworkMetrics {
        let now_us = self.clock.now_us();
        let directory = self.directory.read();
        let (reachable, needed) = directory.reachable(self.own_key.as_ref());
        let queues = directory.peers().map(|peer| peer.queue.per_mille());
        let fullest_queue_per_mille = queues.max().unwrap_or(0);
        drop(directory);
        NetworkMetrics {
            reachable: reachable as u64,
            needed: needed as u64,
            partitioned: self.partition.lock().is_on(),
            banned: self.reputations.lock().banned_now(now_us) as u64,
            fullest_queue_per_mille,
            ..self.counters.snapshot()
        }
    }
}

/// The peers that are up, and the validators of now.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    peers: HashMap<PeerId, Arc<Peer>>,
    by_key: HashMap<PublicKey, PeerId>,
    pub(crate) validators: HashSet<PublicKey>,
}

impl Directory {
    pub(crate) fn new(validators: Vec<PublicKey>) -> Self {
        Self {
            validators: validators.into_iter().collect(),
            ..Self::default()
        }
    }

    pub(crate) fn add(&mut self, peer: Arc<Peer>) {
        if let Some(key) = &peer.key {
            self.by_key.insert(key.clone(), peer.id);
        }
        self.peers.insert(peer.id, peer);
    }

    pub(crate) fn remove(&mut self, id: &PeerId) {
        let Some(peer) = self.peers.remove(id) else {
            return;
        };
        if let Some(key) = &peer.key
            && self.by_key.get(key) == Some(id)
        {
            self.by_key.remove(key);
        }
    }

    pub(crate) fn find(&self, who: &PeerRef) -> Option<&Arc<Peer>> {
        match who {
            PeerRef::Peer(id) => self.peers.get(id),
            PeerRef::Validator(key) => self.peers.get(self.by_key.get(key)?),
        }
    }

    pub(crate) fn peers(&self) -> impl Iterator<Item = &Arc<Peer>> {
        self.peers.values()
    }

    pub(crate) fn is_validator(&self, peer: &Peer) -> bool {
        peer.key
            .as_ref()
            .is_some_and(|key| self.validators.contains(key))
    }
}
