//! What the handle, the mesh and the tasks of all connections have in common.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use libp2p::PeerId;
use neo_primitives::{Height, PublicKey, UInt256};
use parking_lot::{Mutex, RwLock};
use tokio::sync::watch;

use crate::{
    config::{NetworkLimits, NetworkTiming},
    error::PeerRef,
    event::EventSenders,
    gossip::GossipInbox,
    metrics::Counters,
    peer::{Clock, Peer},
    seen::Seen,
};

/// Height and hash of our last stored block.
pub(crate) type Status = (Height, UInt256);

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) own_id: PeerId,
    pub(crate) limits: NetworkLimits,
    pub(crate) timing: NetworkTiming,
    pub(crate) clock: Clock,
    pub(crate) counters: Counters,
    pub(crate) directory: RwLock<Directory>,
    pub(crate) seen: Mutex<Seen>,
    pub(crate) gossip: GossipInbox,
    pub(crate) status: watch::Sender<Status>,
    pub(crate) events: EventSenders,
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
