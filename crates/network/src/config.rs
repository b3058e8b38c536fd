//! What a node tells the network at the start.

use std::{fmt, net::SocketAddr, sync::Arc, time::Duration};

use futures::future::BoxFuture;
use neo_primitives::{Height, Magic, PrivateKey, PublicKey, Signature, UInt256};

use crate::{address::PeerAddress, identity::Identity, rates::Rate};

/// What binds a validator key to one connection: the network and both of its ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerBinding {
    /// Network magic.
    pub magic: Magic,
    /// Our own peer id, as bytes.
    pub own: Vec<u8>,
    /// That of the other end.
    pub remote: Vec<u8>,
}

impl PeerBinding {
    /// The bytes to sign: `"neo-dbft/3/peer" ‖ magic u32 ‖ own ‖ remote`.
    #[must_use]
    pub fn message(&self) -> Vec<u8> {
        let mut message = b"neo-dbft/3/peer".to_vec();
        message.extend_from_slice(&self.magic.0.to_le_bytes());
        message.extend_from_slice(&self.own);
        message.extend_from_slice(&self.remote);
        message
    }
}

/// Signs the hello message with the validator key, wherever that key lives.
pub trait HelloSigner: Send + Sync {
    /// The key that verifies what [`HelloSigner::prove`] makes.
    fn public_key(&self) -> &PublicKey;

    /// ECDSA P-256 over SHA-256 of [`PeerBinding::message`]; `None` if it cannot be had now: the connection is given
    /// up, and made again later. Called once per connection.
    fn prove(&self, binding: PeerBinding) -> BoxFuture<'static, Option<Signature>>;
}

impl HelloSigner for PrivateKey {
    fn public_key(&self) -> &PublicKey {
        PrivateKey::public_key(self)
    }

    fn prove(&self, binding: PeerBinding) -> BoxFuture<'static, Option<Signature>> {
        let signature = self.sign(&binding.message());
        Box::pin(std::future::ready(Some(signature)))
    }
}

/// Everything [`crate::start`] needs.
#[derive(Clone)]
pub struct NetworkConfig {
    /// Magic number of the network; peers of another one are refused.
    pub magic: Magic,
    /// Hash of the genesis block; peers of another chain are refused.
    pub genesis_hash: UInt256,
    /// The ed25519 key behind our peer id.
    pub identity: Identity,
    /// UDP address for QUIC. Port 0 lets the system choose.
    pub listen_quic: Option<SocketAddr>,
    /// TCP address for Noise and Yamux. Port 0 lets the system choose.
    pub listen_tcp: Option<SocketAddr>,
    /// Peers that are dialled until they are connected, for ever.
    pub peers: Vec<PeerAddress>,
    /// The validators of now; [`crate::NetworkHandle::set_validators`] changes them.
    pub validators: Vec<PublicKey>,
    /// Our validator key; `None` for an observer.
    pub validator_key: Option<Arc<dyn HelloSigner>>,
    /// Height of the last stored block.
    pub height: Height,
    /// Hash of the last stored block.
    pub tip: UInt256,
    /// Name and version of the program, told to peers; at most 64 bytes of it.
    pub agent: String,
    /// Bounds on memory and on what peers may ask.
    pub limits: NetworkLimits,
    /// Intervals and timeouts.
    pub timing: NetworkTiming,
}

impl NetworkConfig {
    /// An observer's configuration without listeners and peers; set the fields that differ.
    #[must_use]
    pub fn new(magic: Magic, genesis_hash: UInt256, identity: Identity) -> Self {
        Self {
            magic,
            genesis_hash,
            identity,
            listen_quic: None,
            listen_tcp: None,
            peers: Vec::new(),
            validators: Vec::new(),
            validator_key: None,
            height: Height(0),
            tip: genesis_hash,
            agent: concat!("neo-dbft/", env!("CARGO_PKG_VERSION")).to_owned(),
            limits: NetworkLimits::default(),
            timing: NetworkTiming::default(),
        }
    }
}

impl fmt::Debug for NetworkConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NetworkConfig")
            .field("magic", &self.magic)
            .field("genesis_hash", &self.genesis_hash)
            .field("peer_id", &self.identity.peer_id())
            .field("listen_quic", &self.listen_quic)
            .field("listen_tcp", &self.listen_tcp)
            .field("peers", &self.peers)
            .field("validators", &self.validators)
            .field(
                "validator_key",
                &self.validator_key.as_ref().map(|key| key.public_key()),
            )
            .field("limits", &self.limits)
            .field("timing", &self.timing)
            .finish_non_exhaustive()
    }
}

/// Bounds on memory and on what peers may ask.
#[derive(Clone, Debug)]
pub struct NetworkLimits {
    /// Bytes that may wait for one peer before the lowest priority is dropped.
    pub queue_bytes: usize,
    /// Messages that may wait for one peer before the lowest priority is dropped.
    pub queue_items: usize,
    /// Connected peers without a current validator key.
    pub max_strangers: usize,
    /// Incoming connections in all, also those that have not said hello yet.
    pub max_incoming: u32,
    /// Incoming connections whose transport handshake is under way.
    pub max_pending_incoming: u32,
    /// Peers that are dialled at a time.
    pub dials: usize,
    /// Sync requests of one peer that may be unanswered at a time, per direction.
    pub requests_per_peer: usize,
    /// Transactions remembered so that none is handled twice.
    pub seen_transactions: usize,
    /// Bytes of transactions that end the wait of [`NetworkTiming::gossip_flush`] early.
    pub gossip_batch_bytes: usize,
    /// Consensus messages that may wait for the node.
    pub consensus_events: usize,
    /// Batches, requests and statuses that may wait for the node.
    pub bulk_events: usize,
    /// Incoming connections from one address, those under way included. Loopback addresses are not counted.
    pub connections_per_address: u32,
    /// Incoming connections that may be begun from one address. Loopback addresses are not counted.
    pub connection_rate: Rate,
    /// Validators that are asked to relay each message for one that cannot be reached.
    pub relay_copies: usize,
    /// What one peer may send of each kind.
    pub rates: PeerRates,
    /// What misbehaviour costs.
    pub reputation: ReputationLimits,
}

impl Default for NetworkLimits {
    fn default() -> Self {
        Self {
            queue_bytes: 32 << 20,
            queue_items: 1 << 16,
            max_strangers: 64,
            max_incoming: 256,
            max_pending_incoming: 128,
            dials: 64,
            requests_per_peer: 16,
            seen_transactions: 1 << 17,
            gossip_batch_bytes: 64 << 10,
            consensus_events: 4096,
            bulk_events: 256,
            connections_per_address: 64,
            connection_rate: Rate::new(20, 5),
            relay_copies: 2,
            rates: PeerRates::default(),
            reputation: ReputationLimits::default(),
        }
    }
}

/// What one peer may send of each kind.
///
/// The defaults are far above the greatest load of honest nodes: a validator of an unpaced network makes some five
/// messages a block and, in a recovery storm, one more for each other validator and 50 ms; a proposal has at most 2
/// MiB. What flooders send beyond costs them a ban, or is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerRates {
    /// A validator's own consensus messages.
    pub consensus: Rate,
    /// Bytes of a validator's own consensus messages.
    pub consensus_bytes: Rate,
    /// Bytes of transactions and pushed blocks.
    pub bulk_bytes: Rate,
    /// Messages that a validator asks us to give to others.
    pub relay: Rate,
    /// Bytes of these.
    pub relay_bytes: Rate,
    /// Messages of others that a validator gives to us.
    pub relayed: Rate,
    /// Bytes of these.
    pub relayed_bytes: Rate,
    /// Proofs of guilt.
    pub evidence: Rate,
    /// Sync requests.
    pub requests: Rate,
}

impl Default for PeerRates {
    fn default() -> Self {
        Self {
            consensus: Rate::new(10_000, 2),
            consensus_bytes: Rate::new(64 << 20, 2),
            bulk_bytes: Rate::new(128 << 20, 2),
            relay: Rate::new(2_000, 2),
            relay_bytes: Rate::new(16 << 20, 2),
            relayed: Rate::new(20_000, 2),
            relayed_bytes: Rate::new(64 << 20, 2),
            evidence: Rate::new(20, 10),
            requests: Rate::new(1_000, 2),
        }
    }
}

/// What misbehaviour costs, see [`crate::Offence`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReputationLimits {
    /// Half of the points are forgotten in this time.
    pub half_life: Duration,
    /// Length of the first ban; each further one lasts twice as long.
    pub ban: Duration,
    /// Longest ban of a stranger or an address.
    pub ban_most: Duration,
    /// Longest ban of a validator.
    pub validator_ban_most: Duration,
    /// For each such time without a ban one of the history is forgotten.
    pub history: Duration,
    /// How many times the points that ban a peer ban its address.
    pub address_tolerance: u32,
    /// Whether loopback addresses are neither charged nor banned: all nodes of a machine share them.
    pub spare_loopback: bool,
}

impl Default for ReputationLimits {
    fn default() -> Self {
        Self {
            half_life: Duration::from_secs(60),
            ban: Duration::from_secs(30),
            ban_most: Duration::from_secs(3_600),
            validator_ban_most: Duration::from_secs(300),
            history: Duration::from_secs(3_600),
            address_tolerance: 4,
            spare_loopback: true,
        }
    }
}

/// Intervals and timeouts.
#[derive(Clone, Debug)]
pub struct NetworkTiming {
    /// Between two heartbeats of validators.
    pub heartbeat: Duration,
    /// Between two heartbeats of a watched validator, see [`crate::NetworkHandle::set_watched`].
    pub watch_heartbeat: Duration,
    /// A watched validator silent for this long, and for three round trips, is quiet.
    pub quiet_after: Duration,
    /// Between two heartbeats where one side is a stranger.
    pub stranger_heartbeat: Duration,
    /// A validator silent for this long, and for three round trips, is down.
    pub dead_after: Duration,
    /// A stranger silent for this long is down.
    pub stranger_dead_after: Duration,
    /// From the connection to the remote's hello.
    pub hello_timeout: Duration,
    /// From the first byte of a frame to its last.
    pub frame_timeout: Duration,
    /// For the remote to take a frame that we write.
    pub write_timeout: Duration,
    /// For a sync request and its answer.
    pub request_timeout: Duration,
    /// For the transport handshake of one dial.
    pub dial_timeout: Duration,
    /// Wait before the first redial; doubles up to [`NetworkTiming::redial_max`].
    pub redial_min: Duration,
    /// Greatest wait before a redial, without its jitter of up to a quarter.
    pub redial_max: Duration,
    /// How long a transaction may wait for others to share a batch.
    pub gossip_flush: Duration,
    /// How much later those peers get a batch of transactions that do not get it first, see
    /// [`crate::NetworkHandle::set_fan_out`].
    pub gossip_late: Duration,
    /// Between two redials of everybody while fewer than M validators are connected.
    pub partition_redial: Duration,
    /// For the first connections after the start, before fewer than M are a partition.
    pub partition_grace: Duration,
    /// How long a connection that another one replaced is still read.
    pub linger: Duration,
}

impl Default for NetworkTiming {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_millis(100),
            watch_heartbeat: Duration::from_millis(50),
            quiet_after: Duration::from_millis(150),
            stranger_heartbeat: Duration::from_secs(1),
            dead_after: Duration::from_millis(1500),
            stranger_dead_after: Duration::from_secs(10),
            hello_timeout: Duration::from_secs(5),
            frame_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(10),
            dial_timeout: Duration::from_millis(1500),
            redial_min: Duration::from_millis(50),
            redial_max: Duration::from_secs(1),
            gossip_flush: Duration::from_millis(10),
            gossip_late: Duration::from_millis(50),
            partition_redial: Duration::from_millis(250),
            partition_grace: Duration::from_secs(5),
            linger: Duration::from_millis(500),
        }
    }
}
