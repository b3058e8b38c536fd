//! The consensus engine under events of any kind, order and sender.
//!
//! One engine runs; the input plays everything around it: the other three validators with their keys, the
//! ledger, timers, fetches, connections, crashes. Half of the worlds have a ledger that tells the truth; there
//! the oracles of neo-invariants judge every step. In the others the ledger lies, too, and the engine only
//! has to stay alive and small.

mod messages;
mod world;

pub use world::{FOOTPRINT, World};

/// Plays one input to its end.
///
/// # Panics
/// When the engine breaks a promise.
pub fn play(bytes: &[u8]) {
    let mut world = World::new(bytes);
    while world.goes_on() {
        world.act();
    }
    world.judge();
}
