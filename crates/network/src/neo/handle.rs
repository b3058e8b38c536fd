//! What the node does with its Neo N3 peers.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use neo_primitives::{Encode, ExtensiblePayload, Header, Height, UInt256, sha256};

use super::{
    event::NeoPeerId,
    metrics::NeoMetrics,
    peer::NeoPeerInfo,
    refusal::NeoRefusal,
    send_queue::Class,
    shared::Shared,
    sync::Link,
    ticker::{carry_out, ping_after},
    wire::{Inventory, InventoryKind, Message},
};

/// A peer is asked for its height this often at most.
const AT_MOST_EVERY: Duration = Duration::from_millis(200);

/// Sends to Neo N3 peers and asks them. Cheap to clone; the network ends when [`NeoHandle::shutdown`] is called or
/// the last clone is dropped.
#[derive(Clone)]
pub struct NeoHandle {
    pub(crate) shared: Arc<Shared>,
    pub(crate) _end: Arc<EndOnDrop>,
}

impl std::fmt::Debug for NeoHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NeoHandle")
            .field("listening", &self.shared.listening)
            .field("peers", &self.shared.peers.read().len())
            .finish_non_exhaustive()
    }
}

/// Ends the network when the last handle is gone.
pub(crate) struct EndOnDrop(pub(crate) Arc<Shared>);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.0.ended.send_replace(true);
    }
}

impl NeoHandle {
    /// Where connections are taken.
    #[must_use]
    pub fn listening(&self) -> Option<SocketAddr> {
        self.shared.listening
    }

    /// The number that names us to peers as long as we run.
    #[must_use]
    pub fn nonce(&self) -> u32 {
        self.shared.nonce
    }

    /// The peers that are up.
    #[must_use]
    pub fn peers(&self) -> Vec<NeoPeerInfo> {
        self.shared.up().iter().map(|peer| peer.info()).collect()
    }

    /// What has been counted.
    #[must_use]
    pub fn metrics(&self) -> NeoMetrics {
        self.shared.counters.snapshot(self.shared.up().len())
    }

    /// Sends a payload of ours: itself to all full nodes that are connected, as C# does, and by announcement to those
    /// that connect later, as long as it is valid. Returns how many got it.
    pub fn broadcast_extensible(&self, payload: ExtensiblePayload) -> usize {
        let (hash, payload) = self.keep(payload);
        self.shared.push_extensible(hash, &payload)
    }

    /// Announces a verified payload of somebody else to the full nodes that are not known to have it; whoever wants it
    /// asks for it. Returns how many were told.
    pub fn relay_extensible(&self, payload: ExtensiblePayload) -> usize {
        let (hash, _) = self.keep(payload);
        let kind = InventoryKind::Extensible;
        self.shared.announce(kind, &[hash], Class::Urgent, |_| true)
    }

    /// A payload is good but of no use any more, for instance for a height that is decided: it is not asked for again.
    pub fn ignore_extensible(&self, hash: UInt256) {
        self.shared.settled.lock().insert(hash);
    }

    /// A payload came too early, for instance for a height after the next one: it is taken when it comes again.
    pub fn expect_again(&self, payload: &ExtensiblePayload) {
        let fingerprint = sha256(&payload.to_bytes());
        self.shared.seen.lock().remove(&fingerprint);
    }

    fn keep(&self, payload: ExtensiblePayload) -> (UInt256, Arc<ExtensiblePayload>) {
        let hash = payload.hash();
        let payload = Arc::new(payload);
        if self.shared.cache.lock().insert(hash, payload.clone()) {
            let now = self.shared.now();
            self.shared.repetition.lock().moved(now);
        }
        (hash, payload)
    }

    /// Announces again all consensus payloads that are still valid, to all full nodes, without waiting for
    /// [`super::NeoTiming::repeat_consensus`].
    pub fn announce_consensus_again(&self) {
        for peer in self.shared.up() {
            self.shared.announce_consensus(&peer);
        }
    }

    /// Announces transactions of the pool to the full nodes that are not known to have them. Returns how many were
    /// told something.
    pub fn announce_transactions(&self, hashes: &[UInt256]) -> usize {
        let kind = InventoryKind::Transaction;
        self.shared.announce(kind, hashes, Class::Relay, |_| true)
    }

    /// Announces the transactions of a proposal to all full nodes, as the primary of C# does, ahead of other
    /// announcements.
    pub fn announce_proposal(&self, hashes: &[UInt256]) {
        for peer in self.shared.up() {
            if !peer.is_full() {
                continue;
            }
            for group in Inventory::groups(InventoryKind::Transaction, hashes) {
                peer.send(Class::Urgent, &Message::Inv(group), &self.shared.counters);
            }
        }
    }

    /// A transaction was refused, and would be again: it is not asked for when others announce it.
    pub fn ignore_transaction(&self, hash: UInt256) {
        self.shared.settled.lock().insert(hash);
    }

    /// Asks all peers for transactions that a proposal needs, as the reference does. They come as
    /// [`super::NeoEvent::Transaction`].
    pub fn request_transactions(&self, hashes: &[UInt256]) {
        for peer in self.shared.up() {
            for group in Inventory::groups(InventoryKind::Transaction, hashes) {
                peer.send(
                    Class::Urgent,
                    &Message::GetData(group),
                    &self.shared.counters,
                );
            }
        }
    }

    /// A block is stored: it is announced to the peers that are not that far, unless more of the chain is still
    /// fetched; payloads of its height end.
    pub fn stored(&self, header: &Header) {
        let link = Link::of(header);
        let (behind, planned) = {
            let mut sync = self.shared.sync.lock();
            sync.stored(link);
            (sync.is_behind(), sync.plan(self.shared.now()))
        };
        carry_out(&self.shared, planned);
        self.shared.cache.lock().advance(link.height);
        self.shared.repetition.lock().moved(self.shared.now());
        if !behind {
            let kind = InventoryKind::Block;
            self.shared
                .announce(kind, &[link.hash], Class::Relay, |peer| {
                    peer.height() < link.height
                });
        }
    }

    /// Blocks that were handed to the node are not stored and will not be: they are fetched again, if there are others.
    pub fn fetch_again(&self) {
        let planned = {
            let mut sync = self.shared.sync.lock();
            sync.not_stored();
            sync.plan(self.shared.now())
        };
        carry_out(&self.shared, planned);
    }

    /// Asks all peers how far they are, without waiting for the next ping.
    pub fn ask_heights(&self) {
        for peer in self.shared.up() {
            ping_after(&self.shared, &peer, AT_MOST_EVERY);
        }
    }

    /// Height of the last block that was told to be stored.
    #[must_use]
    pub fn height(&self) -> Height {
        self.shared.height()
    }

    /// Whether peers say that there are more blocks than the one after the last stored one.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        self.shared.sync.lock().is_behind()
    }

    /// Closes the connection with a peer that did what no honest node does, and does not dial it again for a while.
    /// `reason` names the field, for the log.
    pub fn disconnect(&self, peer: NeoPeerId, reason: impl Into<String>) {
        if let Some(peer) = self.shared.peer(peer) {
            peer.close(NeoRefusal::Asked(reason.into()));
        }
    }

    /// Closes all connections and ends the network.
    pub fn shutdown(&self) {
        self.shared.ended.send_replace(true);
    }
}
