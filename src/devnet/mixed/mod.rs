//! Networks of dBFT 2.0 whose validators are this program or real neo-go processes: who took part in what, kills,
//! replacements, and whether all hold the same chain.

mod batch;
mod capture;
mod equality;
mod figures;
mod ground;
mod kills;
mod lives;
mod migration;
mod observer;
mod replacement;
mod share;
mod verdict;
mod witnesses;

pub(crate) use capture::{Capture, forks};
pub(crate) use equality::Equality;
pub(crate) use figures::{Evidence, IntervalFigures, MixedFigures};
pub(crate) use ground::Ground;
pub(crate) use kills::{KillFigures, Turns};
pub(crate) use lives::{Life, Lives, Software};
pub(crate) use migration::MigrationFigures;
pub(crate) use observer::Observer;
pub(crate) use replacement::ReplacementFigures;
pub(crate) use share::Window;
pub(crate) use witnesses::signers;

use std::path::PathBuf;
use std::time::Duration;

use neo_ledger::GenesisConfig;

use crate::rpc::Endpoint;

/// What is asked of a network besides agreeing.
#[derive(Clone, Debug, Default)]
pub(crate) struct MixedPlan {
    /// How many validators, the last ones, are neo-go processes.
    pub(crate) neo_go: usize,
    /// The program, if it was said.
    pub(crate) program: Option<PathBuf>,
    /// What is done to them.
    pub(crate) ordeal: Option<Ordeal>,
}

/// Writes down whose Commits are in the blocks that the validators have stored of the captured heights.
pub(crate) async fn read_witnesses(
    capture: &Capture,
    endpoints: &[Endpoint],
    genesis: &GenesisConfig,
) {
    let heights: Vec<_> = capture.read(|seen| seen.blocks.keys().copied().collect());
    let signers = signers(endpoints, &heights, genesis).await;
    capture.witnessed(signers);
}

/// What is done to the validators, one after the other; the run ends with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ordeal {
    /// These are killed and started again.
    Kills(Turns),
    /// Each neo-go process is replaced by one of ours.
    Replacement,
    /// They go over to dBFT 3.0 beside the same neo-go nodes, for so long, and back.
    Migration(Duration),
}

/// What became of it.
#[derive(Clone, Debug)]
pub(crate) enum OrdealFigures {
    /// The kills.
    Kills(Vec<KillFigures>),
    /// The replacements.
    Replacements(Vec<ReplacementFigures>),
    /// The switches.
    Migration(Box<MigrationFigures>),
}

impl Ordeal {
    /// Carries it out.
    ///
    /// # Errors
    /// If a validator does not come back, or blocks stop.
    pub(crate) async fn run(&self, ground: &Ground<'_>) -> anyhow::Result<OrdealFigures> {
        Ok(match self {
            Self::Kills(turns) => OrdealFigures::Kills(kills::run(ground, turns).await?),
            Self::Replacement => OrdealFigures::Replacements(replacement::run(ground).await?),
            Self::Migration(between) => {
                OrdealFigures::Migration(Box::new(migration::run(ground, *between).await?))
            }
        })
    }
}
