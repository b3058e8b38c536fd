//! Puts the network together and lets it run.

use std::{
    net::{SocketAddr, TcpListener, UdpSocket},
    num::NonZeroU8,
    sync::{Arc, atomic::AtomicUsize},
    time::{Duration, Instant},
};

use libp2p::{
    Multiaddr, Swarm, SwarmBuilder, TransportError, connection_limits, noise, request_response,
    tcp, yamux,
};
use parking_lot::{Mutex, RwLock};
use tokio::sync::{mpsc, watch};

use crate::{
    address,
    config::NetworkConfig,
    dialer::Dialer,
    error::NetworkError,
    event::{NetworkEvents, event_channels},
    gates::Gates,
    gossip::{self, GossipInbox},
    handle::NetworkHandle,
    hello::MAX_AGENT,
    lanes::Lanes,
    mesh::{Behaviour, Mesh, MeshParts},
    metrics::Counters,
    peer::Clock,
    reputation::Reputations,
    seen::Seen,
    shared::{Directory, Shared},
    sync_codec::SYNC_PROTOCOL,
    topology::Partition,
    vigil,
};

/// Relayed messages remembered so that copies which took other ways are told once.
const REMEMBERED_RELAYS: usize = 1 << 14;
/// Proofs of guilt remembered so that each floods the network once.
const REMEMBERED_PROOFS: usize = 1 << 13;
/// Connections that one peer id may have at a time: the old one, the new one, and one dialled by either side.
const CONNECTIONS_PER_PEER: u32 = 4;
/// Silence after which QUIC itself gives up a connection, in milliseconds.
const QUIC_IDLE_MS: u32 = 3_000;
/// QUIC says that it lives this often if nothing else passes.
const QUIC_KEEP_ALIVE: Duration = Duration::from_millis(1_000);
/// Bytes that a QUIC peer may send ahead of what we read, on one stream and in all.
const QUIC_WINDOWS: (u32, u32) = (2 << 20, 6 << 20);

/// Listens, dials and serves until the returned handle and its clones are dropped or shut down. Must be called
/// within a tokio runtime.
///
/// # Errors
/// When an address cannot be listened on, for instance because its port is taken.
pub fn start(config: NetworkConfig) -> Result<(NetworkHandle, NetworkEvents), NetworkError> {
    if tokio::runtime::Handle::try_current().is_err() {
        return Err(NetworkError::NoRuntime);
    }
    let mut swarm = build_swarm(&config)?;
    let listeners = listen(&mut swarm, &config)?;
    let (senders, events) =
        event_channels(config.limits.consensus_events, config.limits.bulk_events);
    let shared = Arc::new(Shared {
        own_id: config.identity.peer_id(),
        own_key: config
            .validator_key
            .as_ref()
            .map(|signer| signer.public_key().clone()),
        clock: Clock::start(),
        counters: Counters::default(),
        directory: RwLock::new(Directory::new(config.validators)),
        seen: Mutex::new(Seen::new(config.limits.seen_transactions)),
        gossip: GossipInbox::default(),
        status: watch::Sender::new((config.height, config.tip)),
        events: senders,
        watched: watch::Sender::default(),
        reach: watch::Sender::default(),
        relay_turn: AtomicUsize::new(0),
        seen_relays: Mutex::new(Seen::new(REMEMBERED_RELAYS)),
        seen_evidence: Mutex::new(Seen::new(REMEMBERED_PROOFS)),
        sent_evidence: Mutex::new(Seen::new(REMEMBERED_PROOFS)),
        reputations: Mutex::new(Reputations::new(config.limits.reputation.clone())),
        partition: Mutex::new(Partition::new(config.timing.partition_grace)),
        remembered: Mutex::default(),
        fan_out: AtomicUsize::new(usize::MAX),
        limits: config.limits,
        timing: config.timing,
    });
    let (commands_in, commands) = mpsc::unbounded_channel();
    let (listening_in, listening) = watch::channel(Vec::new());
    let timing = &shared.timing;
    let mesh = Mesh::new(
        swarm,
        MeshParts {
            shared: shared.clone(),
            magic: config.magic,
            genesis: config.genesis_hash,
            agent: shorten(config.agent),
            signer: config.validator_key,
            dialer: Dialer::new(
                config.peers,
                timing.redial_min,
                timing.redial_max,
                shared.limits.dials,
                Instant::now(),
            ),
            commands,
            listeners,
            listening: listening_in,
        },
    );
    let gossip = tokio::spawn(gossip::run(shared.clone()));
    let vigil = tokio::spawn(vigil::run(shared.clone()));
    tokio::spawn(async move {
        mesh.run().await;
        gossip.abort();
        vigil.abort();
    });
    Ok((
        NetworkHandle {
            shared,
            commands: commands_in,
            listening,
        },
        events,
    ))
}

fn shorten(mut agent: String) -> String {
    while agent.len() > MAX_AGENT {
        agent.pop();
    }
    agent
}

pub(crate) fn build_swarm(config: &NetworkConfig) -> Result<Swarm<Behaviour>, NetworkError> {
    let failed = |transport, reason: String| NetworkError::Transport { transport, reason };
    let timing = &config.timing;
    let limits = connection_limits::ConnectionLimits::default()
        .with_max_pending_incoming(Some(config.limits.max_pending_incoming))
        .with_max_established_incoming(Some(config.limits.max_incoming))
        .with_max_established_per_peer(Some(CONNECTIONS_PER_PEER));
    let sync = request_response::Config::default()
        .with_request_timeout(timing.request_timeout)
        .with_max_concurrent_streams(config.limits.requests_per_peer.saturating_mul(2));
    let behaviour = Behaviour {
        limits: connection_limits::Behaviour::new(limits),
        gates: Gates::new(
            config.limits.connections_per_address,
            config.limits.connection_rate,
        ),
        lanes: Lanes::default(),
        sync: request_response::Behaviour::new(
            [(SYNC_PROTOCOL, request_response::ProtocolSupport::Full)],
            sync,
        ),
    };
    let dial_timeout = timing.dial_timeout;
    let builder = SwarmBuilder::with_existing_identity(config.identity.keypair().clone())
        .with_tokio()
        .with_tcp(
            tcp::Config::default().nodelay(true),
            noise::Config::new,
            yamux::Config::default,
        )
        .map_err(|error| failed("tcp", error.to_string()))?
        .with_quic_config(|mut quic| {
            quic.handshake_timeout = dial_timeout;
            quic.max_idle_timeout = QUIC_IDLE_MS;
            quic.keep_alive_interval = QUIC_KEEP_ALIVE;
            quic.max_stream_data = QUIC_WINDOWS.0;
            quic.max_connection_data = QUIC_WINDOWS.1;
            quic
        })
        .with_behaviour(|_| behaviour)
        .map_err(|error| failed("libp2p", error.to_string()))?
        .with_swarm_config(|swarm| {
            swarm
                .with_idle_connection_timeout(Duration::from_secs(60))
                .with_max_negotiating_inbound_streams(32)
                .with_dial_concurrency_factor(NonZeroU8::MIN)
        })
        .with_connection_timeout(dial_timeout.saturating_mul(2));
    Ok(builder.build())
}

/// Begins to listen; returns the number of listeners.
///
/// Each address is tried with a plain socket first: the TCP transport would share its port with other processes that
/// want to share, and the QUIC transport does not hand out what the system said.
fn listen(swarm: &mut Swarm<Behaviour>, config: &NetworkConfig) -> Result<usize, NetworkError> {
    let mut listeners = 0;
    if let Some(at) = config.listen_quic {
        let refused = |source| NetworkError::Listen {
            address: at,
            transport: "udp",
            source,
        };
        drop(UdpSocket::bind(at).map_err(refused)?);
        listen_on(swarm, at, "udp", address::quic(at))?;
        listeners += 1;
    }
    if let Some(at) = config.listen_tcp {
        let refused = |source| NetworkError::Listen {
            address: at,
            transport: "tcp",
            source,
        };
        drop(TcpListener::bind(at).map_err(refused)?);
        listen_on(swarm, at, "tcp", address::tcp(at))?;
        listeners += 1;
    }
    Ok(listeners)
}

fn listen_on(
    swarm: &mut Swarm<Behaviour>,
    at: SocketAddr,
    transport: &'static str,
    address: Multiaddr,
) -> Result<(), NetworkError> {
    match swarm.listen_on(address) {
        Ok(_) => Ok(()),
        Err(TransportError::Other(source)) => Err(NetworkError::Listen {
            address: at,
            transport,
            source,
        }),
        Err(TransportError::MultiaddrNotSupported(address)) => Err(NetworkError::Transport {
            transport,
            reason: format!("{address} is not supported"),
        }),
    }
}
