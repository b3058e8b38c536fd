//! Why a Neo N3 peer was cut off.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use neo_primitives::{Height, Magic, UInt256};

use super::wire::{Command, FrameError};

/// Why a Neo N3 peer was cut off, or never let in. Its text names the field and the values; the log adds the peer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NeoRefusal {
    /// The peer belongs to another network.
    #[error("version: its magic is {theirs}, ours is {ours}")]
    Magic {
        /// What it said.
        theirs: Magic,
        /// Our own.
        ours: Magic,
    },
    /// The peer is ourselves.
    #[error("version: its nonce {0:#010x} is our own, we have dialled ourselves")]
    OwnNonce(u32),
    /// The peer is connected already.
    #[error("version: its nonce {nonce:#010x} is connected already, from {address}")]
    SameNonce {
        /// The nonce.
        nonce: u32,
        /// The connection that stays.
        address: SocketAddr,
    },
    /// As many connections as allowed are there.
    #[error("{0} connections are there already")]
    TooManyPeers(usize),
    /// As many connections with one address as allowed are there.
    #[error("{limit} connections with {ip} are there already")]
    TooManyFromAddress {
        /// The address.
        ip: IpAddr,
        /// [`super::NeoLimits::max_per_address`].
        limit: usize,
    },
    /// Connections with one address are begun too fast.
    #[error("{ip} begins more than {per_second} connections a second")]
    TooFast {
        /// The address.
        ip: IpAddr,
        /// [`super::NeoLimits::connection_rate`].
        per_second: u64,
    },
    /// Version and verack took too long.
    #[error("no handshake within {0:?}")]
    HandshakeTimeout(Duration),
    /// A message at a time when none of its kind may come.
    #[error("{command} {when}")]
    Unexpected {
        /// Its command.
        command: Command,
        /// When it came.
        when: &'static str,
    },
    /// A frame that cannot be read.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// A frame that never ends.
    #[error("a {command} frame did not end within {timeout:?}")]
    SlowFrame {
        /// What it holds.
        command: Command,
        /// [`super::NeoTiming::frame_timeout`].
        timeout: Duration,
    },
    /// The peer does not take what we send.
    #[error("took no frame within {0:?}")]
    SlowReader(Duration),
    /// Answers to the peer's questions pile up.
    #[error("{0} answers wait to be taken")]
    FullQueue(usize),
    /// Nothing heard for too long.
    #[error("silent for {0:?}")]
    Idle(Duration),
    /// A ping without an answer.
    #[error("no pong within {0:?}")]
    PingTimeout(Duration),
    /// A pong without a ping.
    #[error("a pong that nobody asked for")]
    UnexpectedPong,
    /// A header that is not the next one of the chain.
    #[error("header {height}: {reason}")]
    BadHeader {
        /// Its height.
        height: Height,
        /// The field, and what is wrong with it.
        reason: String,
    },
    /// A block that is not the one of its height.
    #[error("block {height}: its hash is {theirs}, the chain's is {ours}")]
    WrongBlock {
        /// Its height.
        height: Height,
        /// What came.
        theirs: UInt256,
        /// What the signed headers say.
        ours: UInt256,
    },
    /// The peer says that it has what it does not send.
    #[error("says it is at {says} and did not send {what} from {from} on, {times} times in a row")]
    NoBlocks {
        /// Its height, as it says.
        says: Height,
        /// `headers` or `blocks`.
        what: &'static str,
        /// The first one asked for.
        from: Height,
        /// How often.
        times: u32,
    },
    /// The peer closed the connection.
    #[error("closed by the peer")]
    Closed,
    /// The system closed the connection.
    #[error("connection lost: {0}")]
    Lost(String),
    /// The node wants it.
    #[error("{0}")]
    Asked(String),
    /// We end.
    #[error("shutting down")]
    ShutDown,
}

impl NeoRefusal {
    /// Whether the peer did what no correct node does, so that it is not dialled again for a while.
    #[must_use]
    pub fn is_offence(&self) -> bool {
        matches!(
            self,
            Self::Magic { .. }
                | Self::OwnNonce(_)
                | Self::Unexpected { .. }
                | Self::Frame(_)
                | Self::UnexpectedPong
                | Self::BadHeader { .. }
                | Self::WrongBlock { .. }
                | Self::Asked(_)
        )
    }

    /// The reason in snake case, as metrics label it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Magic { .. } => "magic",
            Self::OwnNonce(_) => "own_nonce",
            Self::SameNonce { .. } => "same_nonce",
            Self::TooManyPeers(_) => "too_many_peers",
            Self::TooManyFromAddress { .. } => "too_many_from_address",
            Self::TooFast { .. } => "too_fast",
            Self::HandshakeTimeout(_) => "handshake_timeout",
            Self::Unexpected { .. } => "unexpected_command",
            Self::Frame(FrameError::Oversized { .. }) => "oversized_frame",
            Self::Frame(FrameError::Compression { .. }) => "bad_compression",
            Self::Frame(FrameError::Malformed { .. }) => "malformed_payload",
            Self::SlowFrame { .. } => "slow_frame",
            Self::SlowReader(_) => "slow_reader",
            Self::FullQueue(_) => "full_queue",
            Self::Idle(_) => "idle",
            Self::PingTimeout(_) => "ping_timeout",
            Self::UnexpectedPong => "unexpected_pong",
            Self::BadHeader { .. } => "bad_header",
            Self::WrongBlock { .. } => "wrong_block",
            Self::NoBlocks { .. } => "no_blocks",
            Self::Closed => "closed",
            Self::Lost(_) => "lost",
            Self::Asked(_) => "asked",
            Self::ShutDown => "shut_down",
        }
    }
}
