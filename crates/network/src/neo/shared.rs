//! What all tasks of the Neo N3 network share.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use neo_primitives::{ExtensiblePayload, Height, UInt256};
use parking_lot::{Mutex, RwLock};
use tokio::sync::watch;

use super::{
    address_book::AddressBook,
    chain::NeoChain,
    config::NeoConfig,
    doors::{Doors, Entrance},
    event::{NeoEvent, NeoPeerId},
    known::Known,
    metrics::Counters,
    peer::Peer,
    refusal::NeoRefusal,
    relay_cache::RelayCache,
    repetition::Repetition,
    send_queue::Class,
    sync::Session,
    wanted::Wanted,
    wire::{Capability, Command, Inventory, InventoryKind, Message, Ping, Version},
};
use crate::event_queue::EventSenders;

/// The category of consensus payloads.
const CONSENSUS: &str = "dBFT";

pub(crate) struct Shared {
    pub(crate) config: NeoConfig,
    pub(crate) chain: Arc<dyn NeoChain>,
    /// Names us as long as we run.
    pub(crate) nonce: u32,
    pub(crate) listening: Option<SocketAddr>,
    pub(crate) begin: Instant,
    pub(crate) events: EventSenders<NeoEvent>,
    pub(crate) counters: Counters,
    pub(crate) peers: RwLock<BTreeMap<NeoPeerId, Arc<Peer>>>,
    doors: Mutex<Doors>,
    pub(crate) cache: Mutex<RelayCache>,
    /// Payloads that came, by the SHA-256 of all their bytes: a copy with a broken witness must not hide the good one.
    pub(crate) seen: Mutex<Known<[u8; 32]>>,
    /// Payloads and transactions that the node wants no more of, by hash.
    pub(crate) settled: Mutex<Known<UInt256>>,
    pub(crate) wanted: Mutex<Wanted>,
    pub(crate) repetition: Mutex<Repetition>,
    pub(crate) book: Mutex<AddressBook>,
    pub(crate) sync: Mutex<Session>,
    pub(crate) ended: watch::Sender<bool>,
    next_peer: AtomicU64,
}

/// The parts of [`Shared`] that are made outside.
pub(crate) struct Parts {
    pub(crate) config: NeoConfig,
    pub(crate) chain: Arc<dyn NeoChain>,
    pub(crate) listening: Option<SocketAddr>,
    pub(crate) events: EventSenders<NeoEvent>,
    pub(crate) cache: RelayCache,
    pub(crate) sync: Session,
}

impl Shared {
    pub(crate) fn new(parts: Parts) -> Self {
        let limits = &parts.config.limits;
        Self {
            nonce: rand::random(),
            begin: Instant::now(),
            counters: Counters::default(),
            peers: RwLock::default(),
            doors: Mutex::new(Doors::new(limits)),
            seen: Mutex::new(Known::new(1 << 14)),
            settled: Mutex::new(Known::new(1 << 14)),
            wanted: Mutex::new(Wanted::new(limits.wanted_hashes)),
            repetition: Mutex::new(Repetition::new(parts.config.timing.repeat_consensus)),
            book: Mutex::new(AddressBook::new(limits.addresses)),
            cache: Mutex::new(parts.cache),
            sync: Mutex::new(parts.sync),
            ended: watch::Sender::new(false),
            next_peer: AtomicU64::new(1),
            config: parts.config,
            chain: parts.chain,
            listening: parts.listening,
            events: parts.events,
        }
    }

    /// Time since the start.
    pub(crate) fn now(&self) -> Duration {
        self.begin.elapsed()
    }

    pub(crate) fn now_us(&self) -> u64 {
        u64::try_from(self.now().as_micros()).unwrap_or(u64::MAX)
    }

    pub(crate) fn next_id(&self) -> NeoPeerId {
        NeoPeerId(self.next_peer.fetch_add(1, Relaxed))
    }

    /// What we say about ourselves: a full node at our height.
    pub(crate) fn version(&self) -> Version {
        let mut capabilities = vec![Capability::FullNode(self.height())];
        if let Some(address) = self.listening {
            capabilities.push(Capability::TcpServer(address.port()));
        }
        if !self.config.compression {
            capabilities.push(Capability::DisableCompression);
        }
        Version {
            magic: self.config.magic,
            version: 0,
            timestamp: unix_seconds(),
            nonce: self.nonce,
            user_agent: self.config.user_agent.chars().take(256).collect(),
            capabilities,
        }
    }

    /// Height of the last stored block, as last told.
    pub(crate) fn height(&self) -> Height {
        self.sync.lock().stored_height()
    }

    pub(crate) fn ping(&self) -> Ping {
        Ping {
            last_block: self.height(),
            timestamp: unix_seconds(),
            nonce: self.nonce,
        }
    }

    /// Peers whose handshake is complete.
    pub(crate) fn up(&self) -> Vec<Arc<Peer>> {
        let peers = self.peers.read();
        peers
            .values()
            .filter(|peer| peer.is_up.load(Relaxed))
            .cloned()
            .collect()
    }

    pub(crate) fn peer(&self, id: NeoPeerId) -> Option<Arc<Peer>> {
        let peer = self.peers.read().get(&id).cloned()?;
        peer.is_up.load(Relaxed).then_some(peer)
    }

    /// Tells the peers that do not have them of these hashes, by inventory messages.
    pub(crate) fn announce(
        &self,
        kind: InventoryKind,
        hashes: &[UInt256],
        class: Class,
        to: impl Fn(&Peer) -> bool,
    ) -> usize {
        let mut told = 0;
        for peer in self.up() {
            if !peer.is_full() || !to(&peer) {
                continue;
            }
            let new: Vec<UInt256> = {
                let mut known = peer.known.lock();
                let new = hashes.iter().filter(|hash| known.insert(**hash));
                new.copied().collect()
            };
            told += usize::from(!new.is_empty());
            for group in Inventory::groups(kind, &new) {
                peer.send(class, &Message::Inv(group), &self.counters);
            }
        }
        told
    }

    /// Tells a full node of all consensus payloads that are still of use, whether it was told before or not.
    pub(crate) fn announce_consensus(&self, peer: &Peer) {
        if !peer.is_full() {
            return;
        }
        let hashes = self.cache.lock().hashes(CONSENSUS);
        for group in Inventory::groups(InventoryKind::Extensible, &hashes) {
            peer.send(Class::Urgent, &Message::Inv(group), &self.counters);
        }
    }

    /// Sends an extensible payload itself to all full nodes that do not have it.
    pub(crate) fn push_extensible(&self, hash: UInt256, payload: &ExtensiblePayload) -> usize {
        let bytes = neo_primitives::Encode::to_bytes(payload);
        let mut told = 0;
        for peer in self.up() {
            if peer.is_full() && peer.known.lock().insert(hash) {
                peer.send_payload(Class::Urgent, Command::Extensible, &bytes, &self.counters);
                told += 1;
            }
        }
        told
    }

    /// Asks a peer for items.
    pub(crate) fn ask(&self, peer: &Peer, kind: InventoryKind, hashes: &[UInt256]) {
        let class = match kind {
            InventoryKind::Extensible => Class::Urgent,
            InventoryKind::Transaction | InventoryKind::Block => Class::Control,
        };
        for group in Inventory::groups(kind, hashes) {
            peer.send(class, &Message::GetData(group), &self.counters);
        }
    }

    /// Counts a connection if there may be another one.
    pub(crate) fn reserve(&self, ip: IpAddr, entrance: Entrance) -> Result<(), NeoRefusal> {
        let now_us = self.now_us();
        self.doors.lock().enter(ip, entrance, now_us)
    }

    /// The connection is gone.
    pub(crate) fn release(&self, ip: IpAddr) {
        self.doors.lock().leave(ip);
    }

    /// Connections, also those whose handshake is under way.
    #[cfg(test)]
    pub(crate) fn connections(&self) -> usize {
        self.doors.lock().count()
    }

    /// Waits for the end of the network.
    pub(crate) async fn ended(&self) {
        let mut ended = self.ended.subscribe();
        // Fails only when the sender is gone, which ends everything, too.
        let _ = ended.wait_for(|ended| *ended).await;
    }
}

/// Seconds since 1970.
pub(crate) fn unix_seconds() -> u32 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u32::try_from(since.as_secs()).unwrap_or(u32::MAX)
    })
}
