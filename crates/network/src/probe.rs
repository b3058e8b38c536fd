//! Who answers at an address: a look at a peer before a node goes live.
//!
//! A stranger with a key of the moment connects, reads what the peer says first, says nothing itself and leaves.

use std::{error::Error, time::Duration};

use futures::StreamExt;
use libp2p::{
    Multiaddr, PeerId, Stream, Swarm,
    swarm::{DialError, SwarmEvent},
};
use neo_primitives::{Decode, Height, Magic, PublicKey, UInt256};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::{
    Endpoint, Identity, NetworkConfig, NetworkError,
    address::resolve,
    frame::CONTROL_FRAME,
    frame_reader::FrameReader,
    hello::Hello,
    lanes::{Lane, LaneEvent},
    mesh::{Behaviour, BehaviourEvent},
    neo::{NeoConfig, NeoRefusal, first_version, wire::Version},
    start::build_swarm,
};

/// Buffer for one hello, in bytes.
const BUFFER: usize = 1 << 10;

/// What a peer of the mesh says first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Greeted {
    /// The address that answered.
    pub address: Multiaddr,
    /// Addresses that were tried before and did not answer, with the reasons.
    pub silent: Vec<String>,
    /// Who answered, as the transport proved it.
    pub peer: PeerId,
    /// The validator key that it proved; `None` for a node without one.
    pub key: Option<PublicKey>,
    /// Height of its last stored block.
    pub height: Height,
    /// Its program.
    pub agent: String,
}

/// Why there is no greeting.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// The own side cannot be set up.
    #[error(transparent)]
    Setup(#[from] NetworkError),
    /// The name does not resolve.
    #[error("{endpoint} cannot be looked up: {error}")]
    Name {
        /// What was to be looked up.
        endpoint: String,
        /// What the system says.
        error: std::io::Error,
    },
    /// Nobody answers; one reason for each address that was tried.
    #[error("{endpoint} does not answer: {reasons}")]
    Unreachable {
        /// Where.
        endpoint: String,
        /// What each attempt ended with.
        reasons: String,
    },
    /// Somebody answers who does not belong to this network, or is not who it says.
    #[error("{endpoint} answers, but {reason}")]
    Other {
        /// Where.
        endpoint: String,
        /// What is wrong.
        reason: String,
    },
}

/// Why one attempt failed.
enum Failed {
    Unreachable(String),
    Other(String),
}

/// Connects over QUIC, else TCP, to a node of the mesh and takes its hello. `within` bounds each address.
///
/// # Errors
/// [`ProbeError`].
pub async fn probe(
    magic: Magic,
    genesis: UInt256,
    endpoint: &Endpoint,
    within: Duration,
) -> Result<Greeted, ProbeError> {
    let name = endpoint.to_string();
    let addresses = match resolve(endpoint).await {
        Ok(addresses) => addresses,
        Err(error) => {
            return Err(ProbeError::Name {
                endpoint: name,
                error,
            });
        }
    };
    let mut reasons = Vec::new();
    for address in addresses {
        let config = NetworkConfig::new(magic, genesis, Identity::generate());
        let mut swarm = build_swarm(&config)?;
        let attempt = greeting(&mut swarm, &config, address.clone(), within);
        let attempt = timeout(within, attempt).await;
        match attempt
            .unwrap_or_else(|_| Err(Failed::Unreachable(format!("nothing within {within:?}"))))
        {
            Ok(greeted) => {
                return Ok(Greeted {
                    silent: reasons,
                    ..greeted
                });
            }
            Err(Failed::Other(reason)) => {
                return Err(ProbeError::Other {
                    endpoint: name,
                    reason,
                });
            }
            Err(Failed::Unreachable(reason)) => reasons.push(format!("{address}: {reason}")),
        }
    }
    Err(ProbeError::Unreachable {
        endpoint: name,
        reasons: reasons.join("; "),
    })
}

async fn greeting(
    swarm: &mut Swarm<Behaviour>,
    config: &NetworkConfig,
    address: Multiaddr,
    within: Duration,
) -> Result<Greeted, Failed> {
    let unreachable = |reason: &dyn std::fmt::Display| Failed::Unreachable(reason.to_string());
    let dialled = swarm.dial(address.clone());
    dialled.map_err(|error| unreachable(&error))?;
    let mut peer = None;
    let stream = loop {
        match swarm.select_next_some().await {
            SwarmEvent::ConnectionEstablished { peer_id, .. } => peer = Some(peer_id),
            SwarmEvent::OutgoingConnectionError { error, .. } => {
                return Err(Failed::Unreachable(cause(&error)));
            }
            SwarmEvent::ConnectionClosed { .. } => {
                return Err(Failed::Unreachable("it closed the connection".to_owned()));
            }
            SwarmEvent::Behaviour(BehaviourEvent::Lanes((
                _,
                LaneEvent::Incoming(Lane::Control, stream),
            ))) => break stream,
            _ => {}
        }
    };
    let Some(peer) = peer else {
        return Err(Failed::Unreachable("it has no name".to_owned()));
    };
    let hello = tokio::select! {
        hello = hello(stream, within) => hello?,
        never = keep_alive(swarm) => match never {},
    };
    let own = config.identity.peer_id();
    let key = hello
        .check(config.magic, config.genesis_hash, &own, &peer)
        .map_err(|refusal| Failed::Other(refusal.to_string()))?;
    Ok(Greeted {
        address,
        silent: Vec::new(),
        peer,
        key,
        height: hello.height,
        agent: hello.agent,
    })
}

/// What the system or the other side said, without what each layer of the transport adds to it.
fn cause(error: &DialError) -> String {
    let DialError::Transport(attempts) = error else {
        return error.to_string();
    };
    let causes = attempts.iter().map(|(_, error)| {
        let mut innermost: &dyn Error = error;
        while let Some(source) = innermost.source() {
            innermost = source;
        }
        innermost.to_string()
    });
    causes.collect::<Vec<_>>().join(", ")
}

/// A connection moves only while its swarm is polled.
async fn keep_alive(swarm: &mut Swarm<Behaviour>) -> std::convert::Infallible {
    loop {
        swarm.select_next_some().await;
    }
}

async fn hello(stream: Stream, within: Duration) -> Result<Hello, Failed> {
    let mut frames = FrameReader::new(stream, BUFFER, CONTROL_FRAME, within);
    let frame = match frames.next().await {
        Ok(Some(frame)) => frame,
        Ok(None) => return Err(Failed::Unreachable("it says nothing".to_owned())),
        Err(error) => return Err(Failed::Unreachable(error.to_string())),
    };
    Hello::from_bytes(&frame).map_err(|error| Failed::Other(format!("its hello is none: {error}")))
}

/// Connects to a node of Neo N3's P2P protocol and takes the version that it says first.
///
/// # Errors
/// [`ProbeError`].
pub async fn probe_neo(
    magic: Magic,
    address: &str,
    within: Duration,
) -> Result<Version, ProbeError> {
    let unreachable = |reason: String| ProbeError::Unreachable {
        endpoint: address.to_owned(),
        reasons: reason,
    };
    let other = |reason: String| ProbeError::Other {
        endpoint: address.to_owned(),
        reason,
    };
    let asked = async {
        let stream = TcpStream::connect(address).await;
        let stream = stream.map_err(|error| unreachable(error.to_string()))?;
        let limits = NeoConfig::new(magic).limits;
        match first_version(stream, limits, within).await {
            Ok(version) => Ok(version),
            Err(refusal @ (NeoRefusal::Closed | NeoRefusal::Lost(_))) => {
                Err(unreachable(refusal.to_string()))
            }
            Err(refusal) => Err(other(refusal.to_string())),
        }
    };
    let version = timeout(within, asked).await;
    let version =
        version.unwrap_or_else(|_| Err(unreachable(format!("nothing within {within:?}"))))?;
    if version.magic != magic {
        let (theirs, ours) = (version.magic, magic);
        return Err(other(format!("it is of network {theirs}, not {ours}")));
    }
    Ok(version)
}
