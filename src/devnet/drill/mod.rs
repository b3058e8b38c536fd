//! What recovery takes, measured on real processes: a validator that is far behind, one that lost its disk, and a
//! blackout of all.
//!
//! In the first two, as many of the others as may fail are stopped when the validator is wanted back, so that the chain
//! goes on only with its vote: the next block is the proof of it.

mod blackout;
mod catch_up;
mod figures;
mod restore;

use std::time::Duration;

use anyhow::Context as _;
use rustix::process::Signal;
use tokio::time::{sleep, timeout};

use neo_primitives::{Height, bft_quorum};

use super::display::Display;
use super::observations::{NodeSeen, Observations};
use super::processes::Processes;
use crate::exit::Exit;
use crate::network_files::{NetworkFolder, NodeFolder};

pub(crate) use figures::DrillFigures;

/// How long one step may take in which no blocks are counted.
const PATIENCE: Duration = Duration::from_secs(60);
/// What one block may take at most on top of the block time, while blocks are made to be behind of.
const BLOCK_PATIENCE: Duration = Duration::from_millis(100);
/// Blocks that all validators make together before something is done to them, and after it.
const QUIET_BLOCKS: u32 = 3;
/// What is on its way when others are stopped is stored by then.
const STANDSTILL: Duration = Duration::from_millis(500);

/// A drill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum DrillKind {
    /// The last validator is killed, is 10,000 blocks behind (--behind) when it comes back, and has to catch up before
    /// the chain goes on with its vote.
    CatchUp,
    /// The last validator loses its store and its vote log, 100 blocks (--behind) after its last checkpoint; it is
    /// restored from that, keeps silent as rule 8 of the protocol demands, and has to vote then.
    Restore,
    /// All validators are killed at once, five times, and the last write of each vote log is torn.
    Blackout,
}

impl DrillKind {
    /// Target time between blocks, if nothing else is said.
    pub(crate) fn block_time(self) -> Duration {
        match self {
            Self::CatchUp => Duration::ZERO,
            Self::Restore => Duration::from_millis(200),
            Self::Blackout => Duration::from_secs(1),
        }
    }

    /// How many blocks the others make meanwhile, if nothing else is said.
    fn behind(self) -> u32 {
        match self {
            Self::CatchUp => 10_000,
            Self::Restore => 100,
            Self::Blackout => 0,
        }
    }
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DrillPlan {
    /// Which drill.
    pub(crate) kind: DrillKind,
    /// How many blocks the others make meanwhile, if it was said.
    pub(crate) behind: Option<u32>,
}

/// How many may be missing, at most all but one.
fn spare(validators: usize) -> usize {
    validators.saturating_sub(bft_quorum(validators))
}

impl DrillPlan {
    /// Whether a network is large enough.
    ///
    /// # Errors
    /// With [`Exit::Usage`] if nothing goes on without the validator that is to recover.
    pub(crate) fn check(self, validators: usize) -> anyhow::Result<()> {
        if self.kind != DrillKind::Blackout && spare(validators) == 0 {
            return Err(Exit::Usage.error(format!(
                "{validators} validators: nothing goes on without one of them; this drill needs 4 at least"
            )));
        }
        Ok(())
    }
}

/// What drills work with.
pub(crate) struct Ground<'a> {
    /// The validators.
    pub(crate) processes: &'a Processes<'a>,
    /// Their files.
    pub(crate) network: &'a NetworkFolder,
    /// What they report.
    pub(crate) seen: &'a Observations,
    /// What people see.
    pub(crate) display: &'a Display,
}

impl Ground<'_> {
    /// Runs a drill.
    ///
    /// # Errors
    /// With [`Exit::Failure`] for a step that does not come to its end.
    pub(crate) async fn run(&self, plan: DrillPlan) -> anyhow::Result<DrillFigures> {
        let behind = plan.behind.unwrap_or(plan.kind.behind());
        match plan.kind {
            DrillKind::CatchUp => self.catch_up(behind).await,
            DrillKind::Restore => self.restore(behind).await,
            DrillKind::Blackout => self.blackout().await,
        }
    }

    fn validators(&self) -> usize {
        self.network.nodes().len()
    }

    /// The validator that something happens to, and those that are stopped for the proof of its vote.
    fn cast(&self) -> (usize, Vec<usize>) {
        let validators = self.validators();
        let late = validators.saturating_sub(1);
        (late, (late - spare(validators)..late).collect())
    }

    fn node(&self, index: usize) -> anyhow::Result<&NodeFolder> {
        let node = self.network.nodes().get(index);
        node.with_context(|| format!("there is no validator {index}"))
    }

    async fn within<T>(&self, what: &str, happens: impl Future<Output = T>) -> anyhow::Result<T> {
        self.in_time(PATIENCE, what, happens).await
    }

    async fn in_time<T>(
        &self,
        patience: Duration,
        what: &str,
        happens: impl Future<Output = T>,
    ) -> anyhow::Result<T> {
        timeout(patience, happens).await.map_err(|_| {
            let seconds = patience.as_secs();
            let heights = self.seen.read(|nodes| {
                let heights = nodes.iter().map(|node| node.height().to_string());
                heights.collect::<Vec<_>>().join(", ")
            });
            Exit::Failure.error(format!("{what}: not within {seconds} s; heights {heights}"))
        })
    }

    /// Waits until validator `index` reports what `look` looks for.
    async fn until<T>(
        &self,
        index: usize,
        what: &str,
        mut look: impl FnMut(&NodeSeen) -> Option<T>,
    ) -> anyhow::Result<T> {
        let found = self.seen.until(|nodes| look(nodes.get(index)?));
        self.within(what, found).await
    }

    /// Waits until validator 0, which nothing happens to, has so many more blocks.
    async fn more_blocks(&self, count: u32) -> anyhow::Result<()> {
        let tip = self.height(0);
        let wanted = Height(tip.0.saturating_add(count));
        let block_time = self.network.genesis().block_time();
        let patience = (block_time + BLOCK_PATIENCE).saturating_mul(count) + PATIENCE;
        let made = self.seen.until(|nodes| {
            let height = nodes.first()?.height();
            (height >= wanted).then_some(())
        });
        let what = format!("{count} blocks above {tip}");
        self.in_time(patience, &what, made).await
    }

    /// Waits until all validators have a block that none had before.
    async fn all_together(&self) -> anyhow::Result<()> {
        let tip = self.seen.greatest_height();
        let wanted = Height(tip.0.saturating_add(QUIET_BLOCKS));
        let made = self.seen.until_height(wanted);
        self.within("all validators make blocks together", made)
            .await
    }

    fn height(&self, index: usize) -> Height {
        self.seen
            .read(|nodes| nodes.get(index).map(NodeSeen::height))
            .unwrap_or_default()
    }

    fn signal(&self, whom: &[usize], signal: Signal) -> anyhow::Result<()> {
        whom.iter()
            .try_for_each(|index| self.processes.signal(*index, signal))
    }

    /// Stops some, and gives the height at which the chain stands then.
    async fn stand_still(&self, spare: &[usize]) -> anyhow::Result<Height> {
        self.signal(spare, Signal::STOP)?;
        sleep(STANDSTILL).await;
        let running = 0..self.validators() - 1 - spare.len();
        let heights = running.map(|index| self.height(index));
        Ok(heights.max().unwrap_or_default())
    }

    async fn kill(&self, index: usize) -> anyhow::Result<()> {
        self.processes.kill(index)?;
        self.processes.bury(index).await;
        Ok(())
    }
}
