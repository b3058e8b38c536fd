//! Models of dBFT: what an adversary can do to the protocol, explored by machine.
//!
//! | module     | what it explores                                                                      |
//! |------------|---------------------------------------------------------------------------------------|
//! | [`quorum`] | quorums only, view by view; when header signatures leave and what later views carry   |
//! |            | are switches: the table of docs/protocol.md, section 1                                |
//! | [`engine`] | four validators, three of them real engines of neo-consensus, one Byzantine, two views |
//!
//! The program `neo-models` runs them; docs/verification.md has the results. Nothing here is part of a node.

pub mod engine;
pub mod quorum;
mod search;
