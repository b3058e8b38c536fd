//! Every strategy against real engines: what it does, and that up to f of them harm nobody.

mod accountability;
mod effects;
mod network;
mod progress;
