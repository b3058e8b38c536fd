//! The command line of dBFT 3.0.
fn main() {}
