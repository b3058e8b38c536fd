//! The protocol engines: pure state machines that take events and give actions.
//!
//! Nothing here does IO, reads a clock, draws a random number, blocks, panics on input or grows
//! without a bound. [`engine`] is what all protocols share; [`v3`] is dBFT 3.0 as docs/protocol.md
//! describes it, [`v2`] is dBFT 2.0 as Neo N3 runs it (docs/dbft2.md). Reviewers of safety begin with [`v3::safety`].

pub mod engine;
pub mod index_set;
pub mod performance;
pub mod tuning;
pub mod v2;
pub mod v3;
pub mod validators;
pub mod vote_log;

pub use engine::{Actions, Engine, Event, Now, Protocol};
pub use performance::{PerformanceMetrics, PhaseDurations};
pub use validators::{ValidatorSet, ValidatorSetError, View};
