//! Neo N3's P2P in a node: what comes from neo-go, C# and other nodes of ours.
//!
//! | part          | what it does                                                                            |
//! |---------------|-----------------------------------------------------------------------------------------|
//! | [`settings`]  | the network's configuration out of the node's                                           |
//! | [`inlet`]     | takes what comes and gives each thing to the part it belongs to                         |
//! | [`gate`]      | which extensible payloads are let in, and what follows for who brought them             |
//! | [`heard`]     | which validators are heard of                                                           |
//! | [`missing`]   | transactions that a proposal needs                                                      |
//! | [`importing`] | blocks: verified and stored in order                                                    |
//!
//! The protocol itself is [`neo_network::neo`]. Nothing that comes this way reaches the engine or travels on before it
//! is verified.

mod gate;
mod heard;
pub(crate) mod importing;
mod inlet;
mod missing;
mod settings;
#[cfg(test)]
mod tests;

pub(crate) use self::gate::Gate;
pub(crate) use self::heard::Heard;
pub(crate) use self::importing::Importer;
pub(crate) use self::inlet::Inlet;
pub(crate) use self::missing::Missing;
pub(crate) use self::settings::settings;
