//! Fetching the chain from several peers at a time.
//!
//! Headers come first, from one peer at a time: each is signed by the account that the one before names, so that a
//! chain of them can be trusted without executing a block. Blocks are then fetched by height, in pieces, from all
//! peers that have them, compared with their headers, and handed on in order. Whoever does not send what it says
//! it has is asked last, and cut off after some time.
//!
//! The session is pure: it is told what came and what time it is, and says what to ask.

mod blocks;
mod links;
mod session;
#[cfg(test)]
mod tests;

pub(crate) use links::{Link, follow_all};
pub(crate) use session::{Planned, Question, Session, SyncLimits};
