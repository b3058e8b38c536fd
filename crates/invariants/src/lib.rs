//! Oracles that watch a dBFT 3.0 network and say what docs/protocol.md forbids, those for dBFT 2.0 ([`v2`]),
//! and the ideal signatures that simulations use.
//!
//! Nothing here calls the engine or shares a decision with it: the oracles take the types of messages,
//! records and notices, and derive from the document what may happen. Whatever bends the engine, or the
//! engine itself, can therefore not bend its judge. Who leads is counted here, too (`turns`), from the
//! headers that nodes store.

mod accountability;
mod bits;
mod certificates;
mod chain;
mod findings;
pub mod ideal;
mod layout;
mod node;
mod observation;
mod oracles;
mod turns;
pub mod v2;
mod violation;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use observation::{Observation, Setup};
pub use oracles::Oracles;
pub use violation::{Invariant, Violation};
