//! Neo N3's own P2P protocol, beside the mesh of dBFT 3.0: what neo-go and C# nodes speak.
//!
//! * [`wire`]: frames, commands, payloads; pure.
//! * [`start`] listens and dials on TCP and returns a [`NeoHandle`] to send with and [`NeoEvents`] to listen to.
//! * The node lets peers read its chain and pool through [`NeoChain`].
//! * Consensus payloads go out both ways that the reference knows: ours are pushed to everybody, as C# does, and those
//!   of others are announced, as neo-go does; both are served to whoever asks, and told to whoever connects later.
//! * Headers are fetched first and verified by their signatures, then blocks from several peers at a time; both come
//!   to the node in order, each once.
//!
//! Nothing that a peer sends can stop a node or make it take memory without bound. Whoever breaks the protocol is cut
//! off with a [`NeoRefusal`] that names what it did; whoever sends too much is read later.

mod address_book;
mod chain;
mod config;
mod connection;
mod dialing;
mod doors;
mod event;
mod feeding;
mod handle;
mod handshake;
mod incoming;
mod known;
mod metrics;
mod peer;
mod reader;
mod refusal;
mod relay_cache;
mod repetition;
mod send_queue;
mod serving;
mod shared;
mod start;
mod sync;
#[cfg(test)]
mod tests;
mod ticker;
mod wanted;
pub mod wire;

pub use chain::NeoChain;
pub use config::{NeoConfig, NeoLimits, NeoTiming};
pub use event::{NeoEvent, NeoEvents, NeoPeerId};
pub use handle::NeoHandle;
pub(crate) use handshake::first_version;
pub use metrics::NeoMetrics;
pub use peer::NeoPeerInfo;
pub use refusal::NeoRefusal;
pub use start::start;
