//! Every strategy against real engines: what it does, and that up to f of them harm nobody.

#![allow(
    clippy::unwrap_used,
    reason = "what a test cannot go on without stops it"
)]

mod accountability;
mod effects;
mod network;
mod progress;
