//! The dBFT 3.0 protocol engine.
