//! A connected peer, shared by all who send to it or read from it.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use libp2p::{Multiaddr, PeerId};
use neo_primitives::{Height, PublicKey, UInt256};
use parking_lot::Mutex;

use crate::{queue::PeerQueue, rates::Meters, relay::KeyPrint};

/// What is known of a connected peer.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PeerInfo {
    /// Its peer id.
    pub peer_id: PeerId,
    /// Its key if it is one of the current validators.
    pub validator: Option<PublicKey>,
    /// The remote end of the connection.
    pub address: Multiaddr,
    /// Whether we dialled it.
    pub outgoing: bool,
    /// Smoothed round-trip time of heartbeats.
    pub rtt: Option<Duration>,
    /// How long it has been up.
    pub connected: Duration,
    /// How long ago anything came from it.
    pub silent: Duration,
    /// Height of its last stored block, as it says.
    pub height: Height,
    /// Hash of that block.
    pub tip: UInt256,
    /// Bytes that wait to be sent to it.
    pub queued_bytes: usize,
    /// Its program, as it says.
    pub agent: String,
    /// Whether it is a watched validator that has been silent for too long.
    pub quiet: bool,
}

/// Microseconds since the network started; never 0.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock(Instant);

impl Clock {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn now_us(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_micros())
            .unwrap_or(u64::MAX)
            .max(1)
    }
}

/// One end of a connection.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) address: Multiaddr,
    pub(crate) outgoing: bool,
}

/// A peer with an accepted hello. Outlives a connection that is replaced by another of the same start.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) id: PeerId,
    /// Unique among all peers since the start; a peer that comes back gets another.
    pub(crate) session: u32,
    /// The key that it has proven.
    pub(crate) key: Option<PublicKey>,
    /// Random number of its start.
    pub(crate) instance: u64,
    pub(crate) agent: String,
    pub(crate) queue: PeerQueue,
    pub(crate) since: Instant,
    pub(crate) place: Mutex<Place>,
    pub(crate) status: Mutex<(Height, UInt256)>,
    /// Consensus messages may come from it and go to it: it is a validator, and so are we.
    pub(crate) welcome: AtomicBool,
    /// It says the same of us.
    pub(crate) welcomed: AtomicBool,
    /// Until when, in microseconds of the clock, a stray consensus message of a former validator is forgiven.
    pub(crate) grace_until_us: AtomicU64,
    /// It is watched and has been silent for too long.
    pub(crate) quiet: AtomicBool,
    /// The validators that it says to be connected with.
    pub(crate) reach: Mutex<HashSet<KeyPrint>>,
    /// What it has sent lately. A validator that comes back finds its own again.
    pub(crate) meters: Arc<Meters>,
    last_heard_us: AtomicU64,
    rtt_us: AtomicU64,
}

impl Peer {
    #[allow(clippy::too_many_arguments)]
    pub(crate) fn new(
        id: PeerId,
        session: u32,
        key: Option<PublicKey>,
        instance: u64,
        agent: String,
        queue: PeerQueue,
        place: Place,
        status: (Height, UInt256),
        meters: Arc<Meters>,
        now_us: u64,
    ) -> Self {
        Self {
            id,
            session,
            key,
            instance,
            agent,
            queue,
            since: Instant::now(),
            place: Mutex::new(place),
            status: Mutex::new(status),
            welcome: AtomicBool::new(false),
            welcomed: AtomicBool::new(false),
            grace_until_us: AtomicU64::new(0),
            quiet: AtomicBool::new(false),
            reach: Mutex::default(),
            meters,
            last_heard_us: AtomicU64::new(now_us),
            rtt_us: AtomicU64::new(0),
        }
    }

    /// Something came from the peer.
    pub(crate) fn heard(&self, now_us: u64) {
        self.last_heard_us.store(now_us, Relaxed);
    }

    /// When anything last came from it, in microseconds of the clock.
    pub(crate) fn last_heard_us(&self) -> u64 {
        self.last_heard_us.load(Relaxed)
    }

    pub(crate) fn silent(&self, now_us: u64) -> Duration {
        Duration::from_micros(now_us.saturating_sub(self.last_heard_us.load(Relaxed)))
    }

    /// Smooths in one round trip, by an eighth as TCP does.
    pub(crate) fn measured(&self, sample_us: u64) {
        let old = self.rtt_us.load(Relaxed);
        let new = if old == 0 {
            sample_us
        } else {
            (old.saturating_mul(7).saturating_add(sample_us)) / 8
        };
        self.rtt_us.store(new.max(1), Relaxed);
    }

    pub(crate) fn rtt(&self) -> Option<Duration> {
        match self.rtt_us.load(Relaxed) {
            0 => None,
            us => Some(Duration::from_micros(us)),
        }
    }

    pub(crate) fn is_welcome(&self) -> bool {
        self.welcome.load(Relaxed)
    }

    pub(crate) fn is_welcomed(&self) -> bool {
        self.welcomed.load(Relaxed)
    }

    /// Consensus messages pass in both directions.
    pub(crate) fn is_mutual(&self) -> bool {
        self.is_welcome() && self.is_welcomed()
    }

    pub(crate) fn is_quiet(&self) -> bool {
        self.quiet.load(Relaxed)
    }

    pub(crate) fn info(&self, now_us: u64, is_validator: bool) -> PeerInfo {
        let Place { address, outgoing } = self.place.lock().clone();
        let (height, tip) = *self.status.lock();
        PeerInfo {
            peer_id: self.id,
            validator: self.key.clone().filter(|_| is_validator),
            address,
            outgoing,
            rtt: self.rtt(),
            connected: self.since.elapsed(),
            silent: self.silent(now_us),
            height,
            tip,
            queued_bytes: self.queue.bytes(),
            agent: self.agent.clone(),
            quiet: self.is_quiet(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer() -> Peer {
        let place = Place {
            address: Multiaddr::empty(),
            outgoing: true,
        };
        Peer::new(
            PeerId::random(),
            1,
            None,
            1,
            String::new(),
            PeerQueue::new(10, 10),
            place,
            (Height(0), UInt256::ZERO),
            Arc::default(),
            5,
        )
    }

    #[test]
    fn round_trips_are_smoothed() {
        let peer = peer();
        assert_eq!(peer.rtt(), None);
        peer.measured(800);
        assert_eq!(peer.rtt(), Some(Duration::from_micros(800)));
        peer.measured(1600);
        assert_eq!(peer.rtt(), Some(Duration::from_micros(900)));
        peer.measured(u64::MAX);
        assert!(peer.rtt().is_some());
    }

    #[test]
    fn silence_counts_from_the_last_sign_of_life() {
        let peer = peer();
        assert_eq!(peer.silent(25), Duration::from_micros(20));
        peer.heard(20);
        assert_eq!(peer.silent(25), Duration::from_micros(5));
        assert_eq!(peer.silent(10), Duration::ZERO);
    }
}
