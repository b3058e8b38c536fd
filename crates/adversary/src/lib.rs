//! Byzantine validators.
//!
//! An [`Adversary`] stands between an honest engine and its network: it is an [`Interference`]. The driver
//! of a Byzantine node runs the engine as usual, signs its drafts, and passes what would leave through
//! [`Interference::outgoing`], what arrives through [`Interference::incoming`], requests for bodies through
//! [`Interference::body`], and calls [`Interference::tick`] every 20 to 50 ms. Nothing here knows whether the
//! network is simulated: the same strategies run in `neo-simulator` and on a real network.
//!
//! | module            | what it holds                                                      |
//! |-------------------|--------------------------------------------------------------------|
//! | [`attack`]        | the names of the attacks                                           |
//! | [`adversary`]     | several strategies as one, with what they share                    |
//! | [`strategy`]      | what a strategy can do, and what it works with                     |
//! | [`knowledge`]     | the messages seen at recent heights, and certificates made of them |
//! | [`collusion`]     | what several Byzantine validators agree on                         |
//! | `strategies`      | one file for each family of attacks                                |
//!
//! A strategy signs with the key of its own validator only, needs no clock and no randomness but its
//! seed and the moments it is given, and the same calls give the same answers. What it keeps and what
//! it sends is bounded: see [`adversary::MAX_EXTRA`].

pub mod adversary;
pub mod attack;
pub mod collusion;
mod forge;
pub mod knowledge;
mod random;
mod strategies;
pub mod strategy;
pub mod v2;

pub use adversary::Adversary;
pub use attack::{Attack, UnknownAttack};
pub use collusion::Collusion;
pub use neo_driver::interference::{Content, Interference, Outgoing, Reaction, Surroundings};
pub use strategy::Strategy;
