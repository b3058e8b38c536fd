//! What the network tells the node.

use std::time::Duration;

use bytes::Bytes;
use libp2p::{Multiaddr, PeerId, request_response::ResponseChannel};
use neo_primitives::{Height, PublicKey, UInt256};

use crate::{
    event_queue::{EventQueue, EventSenders, event_queue},
    reputation::{Culprit, Offence},
    sync::{SyncRequest, SyncResponse},
};

/// Something that came from a peer or happened to one.
#[derive(Debug)]
#[non_exhaustive]
pub enum NetworkEvent {
    /// A consensus message. The connection is proven to be the validator's that sent it; the message is not
    /// checked at all.
    Consensus {
        /// Who sent it.
        from: PublicKey,
        /// Whose it is, as `from` says, if that relays it for another: what is wrong with it then is not held
        /// against `from`. A relaying validator says the truth or lies only about the way; messages sign
        /// themselves.
        relayed_for: Option<PublicKey>,
        /// The message.
        bytes: Bytes,
    },
    /// Proof that a validator broke the protocol, as the peer says, unchecked and not seen before. Hand it to
    /// [`crate::NetworkHandle::broadcast_evidence`] if it proves what it says, so that it travels on.
    Evidence {
        /// Who sent it.
        peer: PeerId,
        /// The proof, at most [`crate::MAX_EVIDENCE`] bytes.
        bytes: Bytes,
    },
    /// A watched validator that is connected has been silent for [`crate::NetworkTiming::quiet_after`] and three
    /// round trips.
    Quiet {
        /// The validator.
        validator: PublicKey,
        /// For how long this node would have heard it.
        silent: Duration,
    },
    /// A quiet validator was heard again, or is not watched any more.
    Heard {
        /// The validator.
        validator: PublicKey,
    },
    /// Somebody did what no honest node does. Told once a second for each culprit.
    Offended {
        /// Who.
        culprit: Culprit,
        /// What, most recently.
        offence: Offence,
        /// Offences since the last such event.
        times: u32,
        /// What is left of its reputation, from 100 down to 0.
        score: u8,
    },
    /// Somebody is kept out for a while.
    Banned {
        /// Who.
        culprit: Culprit,
        /// For what, most recently.
        offence: Offence,
        /// For how long.
        length: Duration,
        /// Its bans that are not forgotten, this one included.
        number: u32,
    },
    /// A ban is over.
    Unbanned {
        /// Whose.
        culprit: Culprit,
    },
    /// Fewer than M validators are connected, ourselves included: nothing can be decided here.
    Partition {
        /// Validators that are connected, ourselves included.
        reachable: usize,
        /// How many it takes: M.
        needed: usize,
    },
    /// M validators are connected again.
    Healed {
        /// Validators that are connected, ourselves included.
        reachable: usize,
        /// How many it takes: M.
        needed: usize,
        /// How long it took.
        after: Duration,
    },
    /// Transactions not seen before, unchecked. Hand back those that are valid to
    /// [`crate::NetworkHandle::gossip_transactions`], so that they travel on.
    Transactions {
        /// Who sent them.
        from: PeerId,
        /// The transactions, each not empty and at most as long as Neo N3 allows.
        txs: Vec<Bytes>,
    },
    /// A block that a peer pushed to us, unchecked.
    Block {
        /// Who sent it.
        from: PeerId,
        /// The block.
        bytes: Bytes,
    },
    /// A peer asks for something. Answer with [`crate::NetworkHandle::respond`]; dropping `reply` refuses.
    Request {
        /// Who asks.
        from: PeerId,
        /// What it asks for, within its limits.
        request: SyncRequest,
        /// Where the answer goes.
        reply: ReplyChannel,
    },
    /// A peer is connected and both sides have accepted each other. It stays up while connections replace each
    /// other, but a restarted peer goes down first.
    PeerUp {
        /// The peer.
        peer: PeerId,
        /// The key that it has proven; it need not be one of the current validators.
        validator: Option<PublicKey>,
        /// The remote end of the connection.
        address: Multiaddr,
        /// Height of its last stored block.
        height: Height,
        /// Hash of that block.
        tip: UInt256,
    },
    /// A peer is gone.
    PeerDown {
        /// The peer.
        peer: PeerId,
        /// The key that it had proven.
        validator: Option<PublicKey>,
        /// Why, for the log.
        reason: String,
    },
    /// A peer stored another block.
    Status {
        /// The peer.
        peer: PeerId,
        /// Height of its last stored block.
        height: Height,
        /// Hash of that block.
        tip: UInt256,
    },
}

/// Where the answer to one [`NetworkEvent::Request`] goes.
#[derive(Debug)]
pub struct ReplyChannel {
    pub(crate) peer: PeerId,
    pub(crate) channel: ResponseChannel<SyncResponse>,
}

impl ReplyChannel {
    /// Whether the asker still waits.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.channel.is_open()
    }
}

/// The receiving end of [`NetworkEvent`]s. Connectivity comes first, then consensus messages, then the rest, so
/// that a flood of transactions cannot hold up a vote.
#[derive(Debug)]
pub struct NetworkEvents(EventQueue<NetworkEvent>);

impl NetworkEvents {
    /// The next event; `None` once the network has shut down and nothing is left. Safe to cancel.
    pub async fn recv(&mut self) -> Option<NetworkEvent> {
        self.0.recv().await
    }

    /// The next event if one waits.
    pub fn try_recv(&mut self) -> Option<NetworkEvent> {
        self.0.try_recv()
    }
}

/// Both ends.
pub(crate) fn event_channels(
    consensus: usize,
    bulk: usize,
) -> (EventSenders<NetworkEvent>, NetworkEvents) {
    let (senders, queue) = event_queue(consensus, bulk);
    (senders, NetworkEvents(queue))
}

#[cfg(test)]
mod tests {
    use neo_primitives::PrivateKey;

    use super::*;
    use crate::event_queue::FAIR_AFTER;

    fn consensus() -> NetworkEvent {
        let key = PrivateKey::generate();
        NetworkEvent::Consensus {
            from: PrivateKey::public_key(&key).clone(),
            relayed_for: None,
            bytes: Bytes::new(),
        }
    }

    fn block() -> NetworkEvent {
        NetworkEvent::Block {
            from: PeerId::random(),
            bytes: Bytes::new(),
        }
    }

    #[tokio::test]
    async fn votes_overtake_blocks_but_do_not_starve_them() {
        let (senders, mut events) = event_channels(1000, 10);
        senders.bulk.send(block()).await.unwrap();
        for _ in 0..200 {
            senders.consensus.send(consensus()).await.unwrap();
        }
        for _ in 0..FAIR_AFTER {
            assert!(matches!(
                events.recv().await,
                Some(NetworkEvent::Consensus { .. })
            ));
        }
        assert!(matches!(
            events.recv().await,
            Some(NetworkEvent::Block { .. })
        ));
    }

    #[tokio::test]
    async fn the_end_comes_after_the_last_event() {
        let (senders, mut events) = event_channels(10, 10);
        senders.bulk.send(block()).await.unwrap();
        drop(senders);
        assert!(events.recv().await.is_some());
        assert!(events.recv().await.is_none());
    }
}
