//! What can go wrong, for callers of this crate.

use std::{io, net::SocketAddr, time::Duration};

use libp2p::PeerId;
use neo_primitives::PublicKey;

use crate::{priority::Priority, reputation::Offence};

/// Why the network could not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NetworkError {
    /// The listening socket could not be had, most often because its port is taken.
    #[error("cannot listen on {transport} {address}: {source}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// `udp` (QUIC) or `tcp`.
        transport: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The transport could not be set up.
    #[error("cannot set up the {transport} transport: {reason}")]
    Transport {
        /// Which one.
        transport: &'static str,
        /// What its library said.
        reason: String,
    },
    /// The node has no header of its last stored block to tell Neo N3 peers.
    #[error("there is no header of the last stored block {0}")]
    NoHeader(neo_primitives::Height),
    /// [`crate::start`] was called outside a tokio runtime.
    #[error("the network needs a running tokio runtime")]
    NoRuntime,
}

/// Whom a message or request is meant for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PeerRef {
    /// A peer by its peer id.
    Peer(PeerId),
    /// A validator by its key.
    Validator(PublicKey),
}

impl From<PeerId> for PeerRef {
    fn from(peer: PeerId) -> Self {
        PeerRef::Peer(peer)
    }
}

impl From<PublicKey> for PeerRef {
    fn from(key: PublicKey) -> Self {
        PeerRef::Validator(key)
    }
}

impl From<&PublicKey> for PeerRef {
    fn from(key: &PublicKey) -> Self {
        PeerRef::Validator(key.clone())
    }
}

impl std::fmt::Display for PeerRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            PeerRef::Peer(peer) => write!(f, "peer {peer}"),
            PeerRef::Validator(key) => write!(f, "validator {key}"),
        }
    }
}

/// Why a message was not queued.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// Nobody of that name is connected.
    #[error("{0} is not connected")]
    NotConnected(PeerRef),
    /// A consensus message for somebody who has no consensus lane.
    #[error("{peer} is no validator, it gets no {priority} message")]
    NoConsensusLane {
        /// The stranger.
        peer: PeerRef,
        /// The message's priority.
        priority: Priority,
    },
    /// No connected validator says that it is connected with that one.
    #[error("{0} cannot be reached, not even through others")]
    Unreachable(PublicKey),
    /// The message exceeds a frame.
    #[error("a {priority} message of {length} bytes exceeds the limit of {limit}")]
    TooLarge {
        /// The message's priority.
        priority: Priority,
        /// Its length in bytes.
        length: usize,
        /// Bytes that fit.
        limit: usize,
    },
}

/// Why a sync request has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// Nobody of that name is connected.
    #[error("{0} is not connected")]
    NotConnected(PeerRef),
    /// As many requests as allowed wait for that peer already.
    #[error("{limit} requests already wait for {peer}")]
    Busy {
        /// The peer.
        peer: PeerRef,
        /// [`crate::NetworkLimits::requests_per_peer`].
        limit: usize,
    },
    /// No answer in time.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// The connection closed, or the peer gave no answer.
    #[error("the request failed: {0}")]
    Failed(String),
    /// The answer does not fit the question.
    #[error("asked for {request}, got {response}")]
    Mismatch {
        /// What was asked.
        request: String,
        /// What came.
        response: String,
    },
    /// More than a request or response may hold.
    #[error("{what} of {length} bytes exceeds the limit of {limit}")]
    TooLarge {
        /// `request` or `response`.
        what: &'static str,
        /// Its length in bytes.
        length: usize,
        /// Bytes that fit.
        limit: usize,
    },
    /// The network has been shut down.
    #[error("the network is shut down")]
    ShutDown,
}

/// Why a peer was cut off.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The peer belongs to another network.
    #[error("its network magic is {theirs:#010x}, ours is {ours:#010x}")]
    Magic {
        /// What it said.
        theirs: u32,
        /// Our own.
        ours: u32,
    },
    /// The peer's chain begins with another block.
    #[error("its genesis block is {theirs}, ours is {ours}")]
    Genesis {
        /// What it said.
        theirs: neo_primitives::UInt256,
        /// Our own.
        ours: neo_primitives::UInt256,
    },
    /// The peer speaks another version of the hello.
    #[error("its hello has version {theirs}, ours has {ours}")]
    Version {
        /// What it said.
        theirs: u16,
        /// Our own.
        ours: u16,
    },
    /// The hello is malformed.
    #[error("malformed hello: {0}")]
    MalformedHello(String),
    /// The peer claims a key that it cannot sign with.
    #[error("its hello is not signed by the validator {0} that it claims to be")]
    Impostor(PublicKey),
    /// Somebody else runs with our own validator key.
    #[error("it proves our own validator key {0}: the key runs twice")]
    OwnKey(PublicKey),
    /// No hello in time.
    #[error("no hello within {0:?}")]
    HelloTimeout(Duration),
    /// As many strangers as allowed are connected.
    #[error("{0} strangers are connected already")]
    TooManyStrangers(usize),
    /// The peer misbehaved before.
    #[error("it is banned for another {0:?}")]
    Banned(Duration),
    /// A frame on a lane is longer than the lane allows.
    #[error("a frame of {length} bytes on the {lane} lane, the limit is {limit}")]
    OversizedFrame {
        /// The lane.
        lane: &'static str,
        /// The length that the frame announced.
        length: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// Bytes on a lane that mean nothing.
    #[error("malformed frame on the {lane} lane: {reason}")]
    MalformedFrame {
        /// The lane.
        lane: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A stranger sent what only validators may.
    #[error("a stranger sent consensus messages")]
    StrangerOnConsensusLane,
    /// A frame that never ends.
    #[error("a frame on the {lane} lane did not end within {timeout:?}")]
    SlowFrame {
        /// The lane.
        lane: &'static str,
        /// [`crate::NetworkTiming::frame_timeout`].
        timeout: Duration,
    },
    /// The peer does not take what we write.
    #[error("took nothing on the {lane} lane for {timeout:?}")]
    SlowReader {
        /// The lane.
        lane: &'static str,
        /// [`crate::NetworkTiming::write_timeout`].
        timeout: Duration,
    },
    /// The peer opened a lane twice.
    #[error("opened the {0} lane twice")]
    SecondLane(&'static str),
    /// More heartbeats and statuses than anybody needs.
    #[error("{0} control frames within a second")]
    ControlFlood(u32),
    /// Nothing heard for too long.
    #[error("silent for {0:?}")]
    Silent(Duration),
    /// A lane ended or could not be opened.
    #[error("the {lane} lane failed: {reason}")]
    Lane {
        /// The lane.
        lane: &'static str,
        /// What the transport said.
        reason: String,
    },
}

impl Refusal {
    /// Whether the peer did what no correct node does, so that it is held against it.
    #[must_use]
    pub fn is_offence(&self) -> bool {
        Offence::of(self).is_some()
    }

    /// The reason in snake case, as metrics label it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Refusal::Magic { .. } => "magic",
            Refusal::Genesis { .. } => "genesis",
            Refusal::Version { .. } => "version",
            Refusal::MalformedHello(_) => "malformed_hello",
            Refusal::Impostor(_) => "impostor",
            Refusal::OwnKey(_) => "own_key",
            Refusal::HelloTimeout(_) => "hello_timeout",
            Refusal::TooManyStrangers(_) => "too_many_strangers",
            Refusal::Banned(_) => "banned",
            Refusal::OversizedFrame { .. } => "oversized_frame",
            Refusal::MalformedFrame { .. } => "malformed_frame",
            Refusal::StrangerOnConsensusLane => "stranger_on_consensus_lane",
            Refusal::SlowFrame { .. } => "slow_frame",
            Refusal::SlowReader { .. } => "slow_reader",
            Refusal::SecondLane(_) => "second_lane",
            Refusal::ControlFlood(_) => "control_flood",
            Refusal::Silent(_) => "silent",
            Refusal::Lane { .. } => "lane",
        }
    }
}
