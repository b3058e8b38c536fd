//! The commands, and what they share.

mod engine;
mod quorum;
mod replay;
mod table;

use std::io::{IsTerminal, Write, stderr};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use clap::Subcommand;
use neo_models::engine::replay::ReplayError;
use neo_models::engine::{Broken, ModelError};
use neo_models::quorum::rules::SettingError;
use serde::Serialize;

/// What to run.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// The table of docs/protocol.md, section 1, for n = 4 and n = 7.
    Table(table::Options),
    /// One row of it, with its counter-example.
    Quorum(quorum::Options),
    /// The real engine with four validators, one of them Byzantine.
    Engine(engine::Options),
    /// The four-view fork, step by step on the real engine.
    Replay(replay::Options),
}

/// The rule that honest engines break; an option only where the feature `mutation` is on.
#[derive(Clone, Copy, Debug, clap::Args)]
struct BrokenRule {
    /// The rule that honest engines break.
    #[cfg(feature = "mutation")]
    #[arg(long)]
    mutation: Option<neo_consensus::v3::mutation::Mutation>,
}

impl From<BrokenRule> for Broken {
    #[cfg(feature = "mutation")]
    fn from(rule: BrokenRule) -> Self {
        Self {
            mutation: rule.mutation,
        }
    }

    #[cfg(not(feature = "mutation"))]
    fn from(_: BrokenRule) -> Self {
        Self::default()
    }
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// As docs/protocol.md says, or without any violation.
    AsExpected,
    /// Otherwise.
    Found,
    /// By Ctrl-C.
    Interrupted,
}

/// Why a command cannot run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    /// Bounds of the quorum-level model.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// Bounds of the real-engine model.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A play that engines do not follow.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// The play to replay was not found.
    #[error("the quorum-level model finds no fork with {validators} validators in {views} views")]
    NoFork {
        /// Validators of the model.
        validators: u8,
        /// Views of the model.
        views: u8,
    },
    /// Output that cannot be written.
    #[error("cannot write the result: {0}")]
    Output(#[from] serde_json::Error),
}

impl Command {
    pub(crate) fn run(&self, stop: &Arc<AtomicBool>, json: bool) -> Result<End, CommandError> {
        match self {
            Self::Table(options) => options.run(stop, json),
            Self::Quorum(options) => options.run(stop, json),
            Self::Engine(options) => options.run(stop, json),
            Self::Replay(options) => options.run(json),
        }
    }
}

fn print_json(value: &impl Serialize) -> Result<(), CommandError> {
    println!("{}", serde_json::to_string_pretty(value)?);
    Ok(())
}

/// Tells a waiting person how far a run is: on a terminal every second in one line, else every half minute.
struct Progress {
    began: Instant,
    told: Duration,
    terminal: bool,
}

impl Progress {
    fn new() -> Self {
        Self {
            began: Instant::now(),
            told: Duration::ZERO,
            terminal: stderr().is_terminal(),
        }
    }

    fn tell(&mut self, states: usize, depth: usize) {
        let pause = Duration::from_secs(if self.terminal { 1 } else { 30 });
        let elapsed = self.began.elapsed();
        if elapsed < self.told.saturating_add(pause) {
            return;
        }
        self.told = elapsed;
        let line = format!("{states} states, depth {depth}, {} s", elapsed.as_secs());
        // Progress that cannot be shown is no reason to stop.
        let _ = if self.terminal {
            write!(stderr(), "\r{line} ")
        } else {
            writeln!(stderr(), "{line}")
        };
    }

    fn done(&self) {
        if self.terminal && self.told > Duration::ZERO {
            let _ = writeln!(stderr());
        }
    }
}

/// Milliseconds, for JSON.
fn millis(took: Duration) -> u64 {
    u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
}

/// The greatest resident memory of this process so far in bytes, where the system tells.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    kib.checked_mul(1024)
}
