//! A deterministic network of real engines, of dBFT 3.0 or of dBFT 2.0.
//!
//! Every node of a run has the real engine, the real vote log and the real embedded ledger, on media that
//! model lost and torn writes; time, network, crashes, clocks and the order of everything come from one
//! seed. Signatures are ideal ones (`neo_invariants::ideal`), what they cost is part of the model. The
//! oracles of `neo-invariants` watch every run.
//!
//! | module       | what it holds                                                  |
//! |--------------|----------------------------------------------------------------|
//! | [`plan`]     | what a run is about: data, checked before it runs              |
//! | [`trace`]    | what happened, event by event, and the trace hash              |
//! | [`report`]   | what came of it                                                |
//! | [`diagram`]  | what happened at a height, as a picture                        |
//! | [`scenario`] | plans from JSON, with errors that say where something is wrong |
//! | [`twins`]    | two engines with one key, and all ways to divide the network   |
//! | [`random`]   | the generator that all choices come from                       |
//! | [`wan`]      | round-trip times between cloud regions                         |
//!
//! The same plan and seed give the same trace hash on every machine: nothing here reads a clock, uses a
//! thread, iterates over a hash map, or decides by floating-point numbers.

pub mod diagram;
pub mod plan;
pub mod random;
pub mod report;
pub mod scenario;
pub mod trace;
pub mod twins;
pub mod wan;

mod swarm;
mod world;

pub use plan::{Plan, PlanError};
pub use report::{Coverage, Report};
pub use swarm::{swarm, swarm_of, with_dbft_3};
pub use trace::{NoTrace, TraceEvent, TraceSink};

/// What a run is told besides its plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// A rule of the engine that honest nodes break.
    #[cfg(feature = "mutation")]
    pub mutation: Option<neo_consensus::v3::mutation::Mutation>,
    /// A rule of dBFT 2.0 that they break in its runs.
    #[cfg(feature = "mutation")]
    pub older: Option<neo_consensus::v2::mutation::Mutation>,
}

/// Runs a plan.
///
/// # Errors
/// The plan is impossible: see [`Plan::validate`].
pub fn run(plan: &Plan, seed: u64, sink: &mut dyn TraceSink) -> Result<Report, PlanError> {
    run_with(plan, seed, sink, Options::default())
}

/// Runs a plan with options.
///
/// # Errors
/// As [`run`].
pub fn run_with(
    plan: &Plan,
    seed: u64,
    sink: &mut dyn TraceSink,
    options: Options,
) -> Result<Report, PlanError> {
    plan.validate()?;
    Ok(world::run(plan, seed, sink, options))
}
