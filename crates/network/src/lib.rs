//! The validator mesh.
//!
//! Connects the validators of a network with each other and with observers, over QUIC (libp2p), or TCP with Noise
//! and Yamux where UDP does not pass. It frames and carries bytes; what a consensus message says is none of its
//! business.
//!
//! * The first message on `/neo-dbft/3/hello` binds a connection to a validator: a signature with the validator's
//!   key over `"neo-dbft/3/peer" ‖ magic ‖ own peer id ‖ remote peer id`. A peer without a current validator's key
//!   is a stranger (an observer): it gets transactions and blocks, and has no consensus lane in either direction.
//! * Between two peers there is one connection. Of two that were made at the same time both sides keep the same
//!   one; a restarted peer replaces its old connection at once. Configured peers are redialled for ever.
//! * Each peer has a queue by [`Priority`] that coalesces into one frame what waits together, drops the lowest
//!   priority when it is full, and leaves by two lanes, so that votes never stand behind megabytes.
//! * Heartbeats measure round trips and find dead peers.
//! * [`SyncRequest`]s fetch blocks, bodies and transactions; [`NetworkHandle::gossip_transactions`] spreads
//!   transactions in batches.
//!
//! [`neo`] is another network for another purpose: Neo N3's own P2P protocol, to sit beside neo-go and C# nodes.
//!
//! Nothing that a peer sends can stop a node or make it take memory without bound: every length is checked before
//! memory is taken, a busy node slows its peers down, and whoever sends what no correct node sends is cut off and
//! kept out for a while ([`Refusal`]).
//!
//! [`start`] needs a tokio runtime and returns a [`NetworkHandle`] to send with and [`NetworkEvents`] to listen to.

#[cfg(test)]
extern crate self as neo_network;

mod address;
mod config;
mod control;
mod dialer;
mod duplicates;
mod error;
mod event;
mod event_queue;
mod evidence;
mod frame;
mod frame_reader;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod gates;
mod gossip;
mod handle;
mod hello;
#[cfg(test)]
mod hostile;
mod identity;
mod kind;
mod lanes;
mod mesh;
mod metrics;
pub mod neo;
mod peer;
mod priority;
mod probe;
mod pulse;
mod queue;
mod rates;
#[cfg(any(test, feature = "hostile"))]
pub mod raw_peer;
mod relay;
mod reputation;
mod seen;
mod shared;
mod start;
mod sync;
mod sync_codec;
mod tasks;
mod topology;
mod vigil;

pub use address::{Endpoint, EndpointError, PeerAddress};
pub use config::{
    HelloSigner, NetworkConfig, NetworkLimits, NetworkTiming, PeerBinding, PeerRates,
    ReputationLimits,
};
pub use error::{NetworkError, PeerRef, Refusal, RequestError, SendError};
pub use event::{NetworkEvent, NetworkEvents, ReplyChannel};
pub use evidence::MAX_EVIDENCE;
pub use handle::NetworkHandle;
pub use identity::{Identity, IdentityError};
pub use libp2p::{Multiaddr, PeerId};
pub use metrics::{NetworkMetrics, Traffic};
pub use peer::PeerInfo;
pub use priority::Priority;
pub use probe::{Greeted, ProbeError, probe, probe_neo};
pub use rates::{Flow, Rate};
pub use reputation::{BAN_POINTS, Culprit, Offence, Reputation};
pub use start::start;
pub use sync::{
    MAX_SYNC_BLOCKS, MAX_SYNC_HASHES, MAX_SYNC_REQUEST, MAX_SYNC_RESPONSE, MAX_SYNC_TRANSACTIONS,
    SyncRequest, SyncResponse,
};
pub use topology::{Topology, ValidatorLink};
