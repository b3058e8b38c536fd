//! One peer whose version was accepted.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
    time::Duration,
};

use neo_primitives::{Height, UInt256};
use parking_lot::Mutex;
use tokio::sync::watch;

use super::{
    event::NeoPeerId,
    known::Known,
    metrics::{Counters, count},
    refusal::NeoRefusal,
    send_queue::{Class, Pushed, SendQueue},
    wire::{Command, Message, Version, frame, frame_payload},
};
use crate::rates::Bucket;

/// What a peer is seen as from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NeoPeerInfo {
    /// The connection.
    pub peer: NeoPeerId,
    /// Its remote end.
    pub address: SocketAddr,
    /// Whether we dialled it.
    pub outbound: bool,
    /// What names the node as long as it runs.
    pub nonce: u32,
    /// Its program.
    pub user_agent: String,
    /// Its height, as it said last; `None` if it is no full node.
    pub height: Option<Height>,
    /// How long its last pong took.
    pub round_trip: Option<Duration>,
}

#[derive(Debug, Default)]
pub(crate) struct Pings {
    /// When the ping without a pong was sent.
    pub(crate) open: Option<Duration>,
    pub(crate) last: Duration,
    pub(crate) round_trip: Option<Duration>,
}

#[derive(Debug, Default)]
pub(crate) struct PeerMeters {
    pub(crate) messages: Bucket,
    pub(crate) bytes: Bucket,
    pub(crate) extensibles: Bucket,
    pub(crate) requests: Bucket,
    pub(crate) served: Bucket,
}

/// One peer. Its tasks share it with the handle and the ticker.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) id: NeoPeerId,
    pub(crate) address: SocketAddr,
    pub(crate) outbound: bool,
    pub(crate) version: Version,
    pub(crate) queue: SendQueue,
    /// Whether handshake is complete: nothing else may be sent before.
    pub(crate) is_up: AtomicBool,
    /// Whether compressed payloads are sent to it.
    compress: bool,
    height: AtomicU32,
    /// What it has, or was told of.
    pub(crate) known: Mutex<Known<UInt256>>,
    pub(crate) asked_addresses: AtomicBool,
    pub(crate) asked_pool: AtomicBool,
    pub(crate) pings: Mutex<Pings>,
    pub(crate) meters: Mutex<PeerMeters>,
    end: watch::Sender<Option<NeoRefusal>>,
}

impl Peer {
    pub(crate) fn new(
        id: NeoPeerId,
        address: SocketAddr,
        outbound: bool,
        version: Version,
        compression: bool,
        known_hashes: usize,
        queue_bytes: usize,
    ) -> Self {
        Self {
            id,
            address,
            outbound,
            queue: SendQueue::new(queue_bytes),
            is_up: AtomicBool::new(false),
            compress: compression && version.takes_compressed(),
            height: AtomicU32::new(version.start_height().unwrap_or_default().0),
            known: Mutex::new(Known::new(known_hashes)),
            asked_addresses: AtomicBool::new(false),
            asked_pool: AtomicBool::new(false),
            pings: Mutex::default(),
            meters: Mutex::default(),
            end: watch::Sender::new(None),
            version,
        }
    }

    /// Whether it is a full node: others get nothing relayed.
    pub(crate) fn is_full(&self) -> bool {
        self.version.start_height().is_some()
    }

    /// Where it takes connections itself.
    pub(crate) fn listening(&self) -> Option<SocketAddr> {
        let port = self.version.tcp_port()?;
        Some(SocketAddr::new(self.address.ip(), port))
    }

    pub(crate) fn height(&self) -> Height {
        Height(self.height.load(Relaxed))
    }

    /// Notes the height that it says. True if it is a new one.
    pub(crate) fn set_height(&self, height: Height) -> bool {
        self.height.swap(height.0, Relaxed) != height.0
    }

    /// Queues a message.
    pub(crate) fn send(&self, class: Class, message: &Message, counters: &Counters) {
        self.send_frame(class, frame(message, self.compress), counters);
    }

    /// Queues a payload that is bytes already.
    pub(crate) fn send_payload(
        &self,
        class: Class,
        command: Command,
        payload: &[u8],
        counters: &Counters,
    ) {
        let frame = frame_payload(command, payload, self.compress);
        self.send_frame(class, frame, counters);
    }

    /// Queues an answer once there is room for it.
    pub(crate) async fn send_bulk(&self, command: Command, payload: &[u8]) {
        let frame = frame_payload(command, payload, self.compress);
        self.queue.push_bulk(frame).await;
    }

    fn send_frame(&self, class: Class, frame: bytes::Bytes, counters: &Counters) {
        match self.queue.push(class, frame) {
            Pushed::Queued => {}
            Pushed::Dropped(frames) => count(&counters.dropped_out, frames),
            Pushed::Full => {
                count(&counters.dropped_out, 1);
                self.close(NeoRefusal::FullQueue(256));
            }
        }
    }

    /// Ends the connection. The first reason counts.
    pub(crate) fn close(&self, reason: NeoRefusal) {
        self.end.send_if_modified(|end| {
            let first = end.is_none();
            if first {
                *end = Some(reason);
            }
            first
        });
    }

    /// Waits for [`Peer::close`].
    pub(crate) async fn closed(&self) -> NeoRefusal {
        let mut end = self.end.subscribe();
        match end.wait_for(Option::is_some).await {
            Ok(reason) => reason.clone().unwrap_or(NeoRefusal::ShutDown),
            Err(_) => NeoRefusal::ShutDown,
        }
    }

    pub(crate) fn info(&self) -> NeoPeerInfo {
        NeoPeerInfo {
            peer: self.id,
            address: self.address,
            outbound: self.outbound,
            nonce: self.version.nonce,
            user_agent: self.version.user_agent.clone(),
            height: self.is_full().then(|| self.height()),
            round_trip: self.pings.lock().round_trip,
        }
    }
}
