//! Models of dBFT.
pub mod engine;
pub mod quorum;
