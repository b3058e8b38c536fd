//! Oracles that watch a dBFT 3.0 network and say what docs/protocol.md forbids, and the ideal
//! signatures that simulations use.
//!
//! Nothing here calls the engine or shares a decision with it: the oracles take the types of messages,
//! records and notices, and derive from the document what may happen. Whatever bends the engine, or the
//! engine itself, can therefore not bend its judge. One thing they take as the engine is told it: who
//! leads (`HeightInfo.leaders`).

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
mod violation;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use observation::{Observation, Setup};
pub use oracles::Oracles;
pub use violation::{Invariant, Violation};
