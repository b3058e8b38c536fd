//! What the node does with the network.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use bytes::Bytes;
use libp2p::{Multiaddr, PeerId};
use neo_primitives::{Encode, Height, PublicKey, UInt256};
use tokio::sync::{mpsc, oneshot, watch};

use crate::{
    error::{PeerRef, RequestError, SendError},
    event::ReplyChannel,
    evidence::MAX_EVIDENCE,
    frame::{MAX_MESSAGE, MAX_TRANSACTION, encode_batch},
    metrics::NetworkMetrics,
    peer::PeerInfo,
    priority::Priority,
    relay::MAX_RELAYED,
    reputation::{Offence, Reputation},
    shared::Shared,
    sync::{MAX_SYNC_RESPONSE, SyncRequest, SyncResponse},
    topology::Topology,
};

/// What the handle asks of the mesh.
#[derive(Debug)]
pub(crate) enum Command {
    Request {
        peer: PeerRef,
        request: SyncRequest,
        answer: oneshot::Sender<Result<SyncResponse, RequestError>>,
    },
    Respond {
        reply: ReplyChannel,
        response: SyncResponse,
        length: usize,
    },
    SetValidators(Vec<PublicKey>),
    RedialNow,
    Disconnect(PeerRef),
    Report(PeerRef, Offence),
    ShutDown(oneshot::Sender<()>),
}

/// Sends messages and asks questions. Cheap to clone; the network ends when the last clone is dropped or
/// [`NetworkHandle::shutdown`] is called.
#[derive(Clone, Debug)]
pub struct NetworkHandle {
    pub(crate) shared: Arc<Shared>,
    pub(crate) commands: mpsc::UnboundedSender<Command>,
    pub(crate) listening: watch::Receiver<Vec<Multiaddr>>,
}

impl NetworkHandle {
    /// Our own peer id.
    #[must_use]
    pub fn peer_id(&self) -> PeerId {
        self.shared.own_id
    }

    /// The addresses that we listen on, once all configured listeners are ready.
    pub async fn listening(&self) -> Vec<Multiaddr> {
        let mut listening = self.listening.clone();
        match listening.wait_for(|addresses| !addresses.is_empty()).await {
            Ok(addresses) => addresses.clone(),
            Err(_) => Vec::new(),
        }
    }

    /// Queues a message for one peer and returns at once. [`Priority::Transactions`] takes one transaction,
    /// [`Priority::Sync`] one block; all others are opaque. When the peer's queue is full, messages of the lowest
    /// priority are dropped and counted.
    ///
    /// # Errors
    /// When the peer is not connected, is a stranger that must not get the message, or the message is too long.
    pub fn send(
        &self,
        peer: impl Into<PeerRef>,
        priority: Priority,
        bytes: Bytes,
    ) -> Result<(), SendError> {
        let who = peer.into();
        let (payload, limit) = match priority {
            Priority::Transactions => (encode_batch([&bytes]), MAX_TRANSACTION),
            _ => (bytes.clone(), MAX_MESSAGE),
        };
        if bytes.len() > limit {
            return Err(SendError::TooLarge {
                priority,
                length: bytes.len(),
                limit,
            });
        }
        let found = self.shared.directory.read().find(&who).cloned();
        let Some(peer) = found else {
            return Err(SendError::NotConnected(who));
        };
        if priority.is_consensus() && !peer.is_welcome() {
            return Err(SendError::NoConsensusLane {
                peer: who,
                priority,
            });
        }
        self.shared
            .counters
            .dropped(&peer.queue.push(priority, payload));
        Ok(())
    }

    /// Queues a consensus message for a validator that is not connected, through others that are connected with it
    /// ([`crate::NetworkLimits::relay_copies`] of them, in turn). It arrives as a message of theirs with
    /// `relayed_for` naming us, or is lost without a word. Returns how many were asked.
    ///
    /// [`NetworkHandle::broadcast_validators`] does this by itself for validators that are not connected.
    ///
    /// # Errors
    /// When no connected validator says that it is connected with that one, or the message is none of consensus,
    /// empty or too long.
    pub fn send_around(
        &self,
        to: &PublicKey,
        priority: Priority,
        bytes: &Bytes,
    ) -> Result<usize, SendError> {
        if bytes.is_empty() || bytes.len() > MAX_RELAYED || !priority.is_consensus() {
            let limit = if priority.is_consensus() {
                MAX_RELAYED
            } else {
                0
            };
            return Err(SendError::TooLarge {
                priority,
                length: bytes.len(),
                limit,
            });
        }
        match self.shared.send_around(to, priority, bytes) {
            0 => Err(SendError::Unreachable(to.clone())),
            asked => Ok(asked),
        }
    }

    /// Queues a message for every connected validator but ourselves; the bytes are shared, not copied. Returns
    /// how many there are. Validators that are not connected get a consensus message through others, if there is a
    /// way. A message of more than a frame goes to nobody.
    pub fn broadcast_validators(&self, priority: Priority, bytes: Bytes) -> usize {
        if bytes.len() > MAX_MESSAGE {
            tracing::error!(%priority, length = bytes.len(), limit = MAX_MESSAGE, "message exceeds a frame, it is not sent");
            return 0;
        }
        let payload = if priority == Priority::Transactions {
            encode_batch([&bytes])
        } else {
            bytes
        };
        let directory = self.shared.directory.read();
        self.shared.broadcast_around(&directory, priority, &payload);
        let mut reached = 0;
        for peer in directory.peers().filter(|peer| peer.is_welcome()) {
            self.shared
                .counters
                .dropped(&peer.queue.push(priority, payload.clone()));
            reached += 1;
        }
        reached
    }

    /// Passes on transactions that the node has found valid. `received_from` is the peer of the
    /// [`crate::NetworkEvent::Transactions`] that brought them, `None` for own ones (from RPC). They leave in
    /// batches within [`crate::NetworkTiming::gossip_flush`]; a transaction longer than Neo allows goes nowhere.
    pub fn gossip_transactions(&self, transactions: Vec<Bytes>, received_from: Option<PeerId>) {
        let from = received_from.and_then(|id| {
            self.shared
                .directory
                .read()
                .find(&PeerRef::Peer(id))
                .cloned()
        });
        let gone = received_from.is_some() && from.is_none();
        // Whoever sent it has left; that it was no validator is the safe guess, so that nobody misses it.
        let from = if gone { None } else { from };
        self.shared.spread(transactions, from.as_deref());
    }

    /// To how many peers each batch of transactions goes first: watched validators before the other validators, and
    /// these before strangers. The others get it [`crate::NetworkTiming::gossip_late`] later, unless they have sent
    /// it themselves by then: everybody gets everything. At first, and with a number that is large enough, all get
    /// it at once. 0 counts as 1.
    pub fn set_fan_out(&self, peers: usize) {
        self.shared.fan_out.store(peers.max(1), Relaxed);
    }

    /// To how many peers each batch goes first, see [`NetworkHandle::set_fan_out`].
    #[must_use]
    pub fn fan_out(&self) -> usize {
        self.shared.fan_out.load(Relaxed)
    }

    /// Sends a proof of guilt, which the node has verified or made, to every peer that is not known to have it.
    /// Returns how many there are; 0 for one that was sent before, or that exceeds [`crate::MAX_EVIDENCE`].
    pub fn broadcast_evidence(&self, proof: Bytes) -> usize {
        if proof.is_empty() || proof.len() > MAX_EVIDENCE {
            tracing::error!(
                length = proof.len(),
                limit = MAX_EVIDENCE,
                "evidence exceeds its limit, it is not sent"
            );
            return 0;
        }
        self.shared.spread_evidence(&proof)
    }

    /// Asks a peer and waits for its answer, which is of the request's kind and no more than was asked for, but
    /// otherwise unchecked.
    ///
    /// # Errors
    /// When there is no answer, no time, or a wrong answer.
    pub async fn request(
        &self,
        peer: impl Into<PeerRef>,
        request: SyncRequest,
    ) -> Result<SyncResponse, RequestError> {
        if !request.within_limits() {
            let limit = crate::sync::MAX_SYNC_REQUEST;
            return Err(RequestError::TooLarge {
                what: "request",
                length: request.encoded_len(),
                limit,
            });
        }
        let (answer, answered) = oneshot::channel();
        let command = Command::Request {
            peer: peer.into(),
            request,
            answer,
        };
        self.commands
            .send(command)
            .map_err(|_| RequestError::ShutDown)?;
        answered.await.map_err(|_| RequestError::ShutDown)?
    }

    /// Answers a [`crate::NetworkEvent::Request`].
    ///
    /// # Errors
    /// When the answer exceeds [`MAX_SYNC_RESPONSE`]; the asker then sees a refusal.
    pub fn respond(&self, reply: ReplyChannel, response: SyncResponse) -> Result<(), RequestError> {
        let length = response.encoded_len();
        if length > MAX_SYNC_RESPONSE {
            return Err(RequestError::TooLarge {
                what: "response",
                length,
                limit: MAX_SYNC_RESPONSE,
            });
        }
        let command = Command::Respond {
            reply,
            response,
            length,
        };
        self.commands
            .send(command)
            .map_err(|_| RequestError::ShutDown)
    }

    /// All peers that are up.
    #[must_use]
    pub fn peers(&self) -> Vec<PeerInfo> {
        let now_us = self.shared.clock.now_us();
        let directory = self.shared.directory.read();
        directory
            .peers()
            .map(|peer| peer.info(now_us, directory.is_validator(peer)))
            .collect()
    }

    /// One peer, if it is up.
    #[must_use]
    pub fn peer(&self, peer: impl Into<PeerRef>) -> Option<PeerInfo> {
        let directory = self.shared.directory.read();
        let peer = directory.find(&peer.into())?;
        Some(peer.info(self.shared.clock.now_us(), directory.is_validator(peer)))
    }

    /// Tells all peers our last stored block. Only the latest is sent where several come in quick succession.
    pub fn set_status(&self, height: Height, tip: UInt256) {
        self.shared.status.send_if_modified(|status| {
            let changed = *status != (height, tip);
            *status = (height, tip);
            changed
        });
    }

    /// Sets who may take part in consensus from now on: the validators of all open heights. Connected peers gain
    /// or lose their consensus lane; nobody is disconnected.
    pub fn set_validators(&self, validators: Vec<PublicKey>) {
        // Fails only when the network has ended.
        let _ = self.commands.send(Command::SetValidators(validators));
    }

    /// Watches these validators from now on, those who lead next, instead of the ones before: heartbeats are exchanged
    /// with them every [`crate::NetworkTiming::watch_heartbeat`], and [`crate::NetworkEvent::Quiet`] tells when one
    /// is silent.
    pub fn set_watched(&self, validators: Vec<PublicKey>) {
        let validators = validators.into_iter().collect();
        self.shared.watched.send_if_modified(|watched| {
            let changed = **watched != validators;
            if changed {
                *watched = Arc::new(validators);
            }
            changed
        });
    }

    /// Notes that a peer did what no honest node does; enough of it is a ban. The peer need not be connected any
    /// more. Read [`Offence`] before reporting one.
    pub fn report(&self, peer: impl Into<PeerRef>, offence: Offence) {
        // Fails only when the network has ended.
        let _ = self.commands.send(Command::Report(peer.into(), offence));
    }

    /// What is held against whom, the worst first.
    #[must_use]
    pub fn reputations(&self) -> Vec<Reputation> {
        let now_us = self.shared.clock.now_us();
        self.shared.reputations.lock().list(now_us)
    }

    /// All validators as seen from here.
    #[must_use]
    pub fn topology(&self) -> Topology {
        self.shared.topology()
    }

    /// Dials all configured peers that are not connected, without waiting for their next turn.
    pub fn redial_now(&self) {
        let _ = self.commands.send(Command::RedialNow);
    }

    /// Closes the connection to a peer. It may come back.
    pub fn disconnect(&self, peer: impl Into<PeerRef>) {
        let _ = self.commands.send(Command::Disconnect(peer.into()));
    }

    /// What has been counted since the start.
    #[must_use]
    pub fn metrics(&self) -> NetworkMetrics {
        self.shared.metrics()
    }

    /// Closes all connections, so that peers notice at once, and ends the network.
    pub async fn shutdown(&self) {
        let (done, finished) = oneshot::channel();
        if self.commands.send(Command::ShutDown(done)).is_ok() {
            let _ = finished.await;
        }
    }
}
