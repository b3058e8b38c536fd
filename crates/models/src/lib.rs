//! Models of dBFT.
pub mod quorum;
