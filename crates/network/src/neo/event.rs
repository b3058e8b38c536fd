//! What Neo N3 peers bring to the node.

use std::{fmt, net::SocketAddr, sync::Arc};

use neo_primitives::{Block, ExtensiblePayload, Height, Transaction, UInt256};

use super::refusal::NeoRefusal;
use crate::event_queue::{EventQueue, EventSenders, event_queue};

/// One connection with a peer; a peer that comes back gets another number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NeoPeerId(pub(crate) u64);

impl fmt::Display for NeoPeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "neo peer {}", self.0)
    }
}

/// Something that came from a peer or happened to one.
#[derive(Debug)]
#[non_exhaustive]
pub enum NeoEvent {
    /// Version and verack are exchanged.
    PeerUp {
        /// The connection.
        peer: NeoPeerId,
        /// Its remote end.
        address: SocketAddr,
        /// What names the node as long as it runs.
        nonce: u32,
        /// Its program.
        user_agent: String,
        /// Its height, as it says; `None` if it is no full node and gets nothing relayed.
        height: Option<Height>,
    },
    /// The connection is gone.
    PeerDown {
        /// The connection.
        peer: NeoPeerId,
        /// Its remote end.
        address: SocketAddr,
        /// Why.
        reason: NeoRefusal,
    },
    /// A peer says that it has stored another block. Left out while the node is busy: [`super::NeoHandle::peers`] has
    /// the heights.
    Height {
        /// The connection.
        peer: NeoPeerId,
        /// Height of the block.
        height: Height,
    },
    /// An extensible payload not seen before in these bytes, well-formed and otherwise unchecked. Hand it to
    /// [`super::NeoHandle::relay_extensible`] once sender, heights and witness are verified, so that it travels on;
    /// to [`super::NeoHandle::ignore_extensible`] if it is good and of no use; and its peer to
    /// [`super::NeoHandle::disconnect`] if no honest node passes such a thing on.
    Extensible {
        /// Who sent it; not always whose it is.
        peer: NeoPeerId,
        /// Its hash.
        hash: UInt256,
        /// The payload.
        payload: Box<ExtensiblePayload>,
    },
    /// A transaction that was asked for or pushed, well-formed and otherwise unchecked. Announce it with
    /// [`super::NeoHandle::announce_transactions`] if it is valid.
    Transaction {
        /// Who sent it.
        peer: NeoPeerId,
        /// Its hash.
        hash: UInt256,
        /// The transaction.
        transaction: Arc<Transaction>,
    },
    /// The block after the one before it, each once and in order. Its header extends the stored chain and is signed by
    /// the account that the block before names; the merkle root is its transactions'; nothing else is checked.
    /// A block that the node has made itself meanwhile may come, too. Tell [`super::NeoHandle::stored`] when it is stored.
    Block {
        /// Who sent it.
        peer: NeoPeerId,
        /// The block.
        block: Box<Block>,
    },
}

/// The receiving end of [`NeoEvent`]s. Connectivity comes first, then extensible payloads, then the rest.
#[derive(Debug)]
pub struct NeoEvents(EventQueue<NeoEvent>);

impl NeoEvents {
    /// The next event; `None` once the network has ended, no handle is left and no event waits. Safe to cancel.
    pub async fn recv(&mut self) -> Option<NeoEvent> {
        self.0.recv().await
    }

    /// The next event if one waits.
    pub fn try_recv(&mut self) -> Option<NeoEvent> {
        self.0.try_recv()
    }
}

/// Both ends.
pub(crate) fn channels(consensus: usize, bulk: usize) -> (EventSenders<NeoEvent>, NeoEvents) {
    let (senders, queue) = event_queue(consensus, bulk);
    (senders, NeoEvents(queue))
}
