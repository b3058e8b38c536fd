//! A peer that speaks the transports well and the protocols of the mesh as its owner likes.
//!
//! Attacks on nodes are made of it: in the tests of this crate, and in `neo-cli byzantine` (feature `hostile`).

pub mod misdeeds;

use std::time::Duration;

use futures::{AsyncWriteExt, StreamExt};
use libp2p::{
    Multiaddr, PeerId, Stream, Swarm,
    swarm::{ConnectionId, SwarmEvent},
};
use neo_primitives::{Encode, Height, Magic, PrivateKey, UInt256};
use tokio::time::timeout;

use crate::{
    Endpoint, NetworkConfig, NetworkError, SyncRequest,
    address::resolve,
    control::Control,
    frame::{BULK_FRAME, CONTROL_FRAME, EXPRESS_FRAME},
    hello::{HELLO_VERSION, Hello, KeyProof},
    lanes::{Lane, LaneEvent},
    mesh::{Behaviour, BehaviourEvent},
    start::build_swarm,
};

/// Longest wait for anything that the victim has to do.
const DEADLINE: Duration = Duration::from_secs(20);

/// The substreams of a connection, in one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RawLane {
    /// Hello, then heartbeats, statuses and roles.
    Control,
    /// Consensus messages that are short.
    Express,
    /// Transactions, blocks and long consensus messages.
    Bulk,
}

impl RawLane {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Control, Self::Express, Self::Bulk];

    /// Longest frame that nodes take on it, in bytes.
    #[must_use]
    pub fn longest_frame(self) -> usize {
        match self {
            Self::Control => CONTROL_FRAME,
            Self::Express => EXPRESS_FRAME,
            Self::Bulk => BULK_FRAME,
        }
    }

    fn lane(self) -> Lane {
        match self {
            Self::Control => Lane::Control,
            Self::Express => Lane::Express,
            Self::Bulk => Lane::Bulk,
        }
    }
}

/// An open lane that is written on.
#[derive(Debug)]
pub struct RawStream(Stream);

/// The addresses behind an endpoint, names looked up.
///
/// # Errors
/// If a name cannot be looked up.
pub async fn addresses(endpoint: &Endpoint) -> std::io::Result<Vec<Multiaddr>> {
    resolve(endpoint).await
}

/// Why an attack ended early.
#[derive(Debug, thiserror::Error)]
pub enum RawError {
    /// The transports cannot be set up.
    #[error(transparent)]
    Setup(#[from] NetworkError),
    /// The address cannot be dialled.
    #[error("dialling {address}: {reason}")]
    Dial {
        /// Where.
        address: Multiaddr,
        /// Why not.
        reason: String,
    },
    /// The victim has closed the connection.
    #[error("the other side has closed the connection")]
    CutOff,
    /// A lane was refused.
    #[error("lane {lane:?}: {reason}")]
    Lane {
        /// Which.
        lane: RawLane,
        /// Why.
        reason: String,
    },
    /// Nothing happens.
    #[error("nothing within {DEADLINE:?}")]
    Silence,
}

/// One connection to a victim.
pub struct RawPeer {
    pub(crate) swarm: Swarm<Behaviour>,
    pub(crate) id: PeerId,
    pub(crate) victim: PeerId,
    connection: ConnectionId,
    /// Kept so that the victim's writers have somewhere to write.
    pub(crate) theirs: Vec<Stream>,
    closed: bool,
    magic: Magic,
    genesis: UInt256,
}

impl std::fmt::Debug for RawPeer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RawPeer")
            .field("id", &self.id)
            .field("victim", &self.victim)
            .field("closed", &self.closed)
            .finish_non_exhaustive()
    }
}

impl RawPeer {
    /// Connects to `address` with the identity and for the network of `config`; listens nowhere and says nothing.
    ///
    /// # Errors
    /// If there is no connection within 20 seconds.
    pub async fn dial(config: &NetworkConfig, address: Multiaddr) -> Result<Self, RawError> {
        let mut swarm = build_swarm(config)?;
        let failed = |reason: String| RawError::Dial {
            address: address.clone(),
            reason,
        };
        swarm
            .dial(address.clone())
            .map_err(|error| failed(error.to_string()))?;
        let connected = async {
            loop {
                match swarm.select_next_some().await {
                    SwarmEvent::ConnectionEstablished {
                        connection_id,
                        peer_id,
                        ..
                    } => return Ok((connection_id, peer_id)),
                    SwarmEvent::OutgoingConnectionError { error, .. } => {
                        return Err(failed(error.to_string()));
                    }
                    _ => {}
                }
            }
        };
        let (connection, victim) = within(connected).await??;
        Ok(Self {
            swarm,
            id: config.identity.peer_id(),
            victim,
            connection,
            theirs: Vec::new(),
            closed: false,
            magic: config.magic,
            genesis: config.genesis_hash,
        })
    }

    /// Whether the victim has closed the connection.
    #[must_use]
    pub fn is_cut_off(&self) -> bool {
        self.closed
    }

    /// Opens a lane, as often as it is asked to.
    ///
    /// # Errors
    /// If the victim has closed the connection or does not take the lane.
    pub async fn open(&mut self, lane: RawLane) -> Result<RawStream, RawError> {
        let (victim, connection) = (self.victim, self.connection);
        let lanes = &mut self.swarm.behaviour_mut().lanes;
        lanes.open(victim, connection, lane.lane());
        let opened = async {
            loop {
                match self.swarm.select_next_some().await {
                    SwarmEvent::Behaviour(BehaviourEvent::Lanes((_, event))) => match event {
                        LaneEvent::Opened(_, stream) => return Ok(RawStream(stream)),
                        LaneEvent::Incoming(_, stream) => self.theirs.push(stream),
                        LaneEvent::Failed(_, reason) => {
                            return Err(RawError::Lane { lane, reason });
                        }
                    },
                    SwarmEvent::ConnectionClosed { connection_id, .. }
                        if connection_id == self.connection =>
                    {
                        self.closed = true;
                        return Err(RawError::CutOff);
                    }
                    _ => {}
                }
            }
        };
        within(opened).await?
    }

    pub(crate) fn hello(&self, key: Option<&PrivateKey>) -> Hello {
        Hello {
            magic: self.magic,
            version: HELLO_VERSION,
            genesis: self.genesis,
            instance: 9,
            height: Height(0),
            tip: self.genesis,
            proof: key.map(|key| KeyProof::make(key, self.magic, &self.id, &self.victim)),
            listen: vec![vec![1, 2, 3], vec![0xff; 100]],
            agent: "attacker".to_owned(),
        }
    }

    /// Says a proper hello and accepts the victim; gives the control lane. With a key, the victim takes this for
    /// the validator's connection.
    ///
    /// # Errors
    /// As of [`RawPeer::open`].
    pub async fn greet(&mut self, key: Option<&PrivateKey>) -> Result<RawStream, RawError> {
        let mut control = self.open(RawLane::Control).await?;
        let role = Control::Role {
            consensus: key.is_some(),
        };
        let hello = self.hello(key).to_bytes();
        for frame in [hello, role.to_bytes()] {
            self.write(&mut control, &framed(&frame)).await?;
        }
        Ok(control)
    }

    /// Writes while the connection lives; the victim may have had enough before the end, which is no error.
    ///
    /// # Errors
    /// If the victim neither reads nor closes.
    pub async fn write(&mut self, stream: &mut RawStream, bytes: &[u8]) -> Result<(), RawError> {
        let writing = async {
            stream.0.write_all(bytes).await?;
            stream.0.flush().await
        };
        // The other side shows what it thinks of the bytes by closing.
        let _: std::io::Result<()> = within(self.meanwhile(writing)).await?;
        Ok(())
    }

    /// Sends a request and does not care for the answer.
    pub fn request(&mut self, request: SyncRequest) {
        let victim = self.victim;
        self.swarm
            .behaviour_mut()
            .sync
            .send_request(&victim, request);
    }

    /// Takes one event of the connection.
    pub(crate) async fn turn(&mut self) {
        match self.swarm.select_next_some().await {
            SwarmEvent::Behaviour(BehaviourEvent::Lanes((_, LaneEvent::Incoming(_, stream)))) => {
                self.theirs.push(stream);
            }
            SwarmEvent::ConnectionClosed { connection_id, .. }
                if connection_id == self.connection =>
            {
                self.closed = true;
            }
            _ => {}
        }
    }

    /// Keeps the connection alive until the victim closes it, at most for `longest`; true if it did.
    pub async fn until_cut_off(&mut self, longest: Duration) -> bool {
        let closed = async {
            while !self.closed {
                self.turn().await;
            }
        };
        timeout(longest, closed).await.is_ok()
    }

    /// Keeps the connection alive while something else is awaited.
    pub async fn meanwhile<T>(&mut self, future: impl Future<Output = T>) -> T {
        tokio::pin!(future);
        loop {
            tokio::select! {
                done = &mut future => return done,
                () = self.turn() => {}
            }
        }
    }
}

async fn within<T>(future: impl Future<Output = T>) -> Result<T, RawError> {
    timeout(DEADLINE, future)
        .await
        .map_err(|_| RawError::Silence)
}

/// A frame with its length before it.
#[must_use]
pub fn framed(body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
    [&length.to_le_bytes()[..], body].concat()
}
