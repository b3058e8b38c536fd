//! What stands around an engine, wherever it runs: in a node with threads and disks, or in a simulation.
//!
//! An engine only says what it wants. Some things are the same for everybody who carries that out, so they
//! are here once; safety rests on the first two:
//!
//! | module           | what it holds                                                               |
//! |------------------|-----------------------------------------------------------------------------|
//! | [`ballot`]       | own messages: signed, recorded, sent and handed back, in this order (rule 8) |
//! | [`requests`]     | what an engine asks of a ledger, in the ledger's words, and the answers back |
//! | [`interference`] | what a Byzantine validator puts between its engine and its network          |
//!
//! Nothing here does IO, has a thread or reads a clock.

pub mod ballot;
pub mod interference;
pub mod leaders;
pub mod requests;

pub use ballot::Ballot;
pub use interference::{Content, Interference, Outgoing, Reaction, Surroundings};
pub use leaders::Leaders;
pub use requests::{Answered, Question, to_request};
