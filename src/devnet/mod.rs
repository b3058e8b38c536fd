//! A development network: every validator a process of its own, load over RPC, and figures at the end.
//!
//! What is measured, and how:
//! * A block is final at a node when it is stored durably with its witness there. The node reports that moment itself
//!   (`run --events`), so nothing is polled; all processes share one machine's wall clock.
//!   A neo-go process does not report; its RPC is asked every 20 ms.
//! * With `--ledger attached` the load goes to the neo-go nodes beside the validators, and what they hold is compared.
//! * Block intervals are differences of those moments at the lowest validator that lasts (0 unless that one attacks or
//!   is killed), from block 2 on. Header timestamps play no part.
//! * The latency of a transaction runs from the moment its request is written to the finality of its block at the node
//!   that got the request. In which block it is, is read over RPC after the load, when it disturbs nothing.
//! * TPS counts what became final before the load ended. The drain after it, three block times or a second if that is
//!   longer, counts for committed transactions only.

mod accusations;
mod attached;
mod calls;
mod cast;
mod clock;
mod crew;
mod display;
mod disturbing;
mod drill;
mod events;
mod faucet;
mod folder;
mod funding;
mod load;
mod memory;
mod mixed;
mod neo_go;
mod observations;
mod outcome;
mod pacing;
mod patience;
mod process;
mod processes;
mod report;
mod senders;
mod session;
mod statistics;
mod summary;
mod text;
mod trials;
mod usage;

use std::path::PathBuf;
use std::time::Duration;

use crate::exit::Exit;
use crate::network_files::{LedgerChoice, ProtocolVersion};

pub(crate) use attached::{AttachedPlan, NeoFault};
pub(crate) use cast::{Disturbances, Kill};
pub(crate) use drill::{DrillKind, DrillPlan};
pub(crate) use mixed::{MixedPlan, Ordeal, Turns};
pub(crate) use pacing::TxRate;
pub(crate) use senders::TxToken;
pub(crate) use trials::{LeaderFault, LeaderTrials};

/// What shall be run.
#[derive(Clone, Debug)]
pub(crate) struct Devnet {
    /// Number of validators, if it was said.
    pub(crate) validators: Option<usize>,
    /// How the validators agree, if it was said.
    pub(crate) protocol: Option<ProtocolVersion>,
    /// Who keeps their chain, if it was said.
    pub(crate) ledger: Option<LedgerChoice>,
    /// What is done to the Neo nodes beside them.
    pub(crate) attached: AttachedPlan,
    /// Which of them are neo-go processes, and what is done to them.
    pub(crate) mixed: MixedPlan,
    /// Target block time, if it was said.
    pub(crate) block_time: Option<Duration>,
    /// When it ends.
    pub(crate) extent: Extent,
    /// How many transactions are sent.
    pub(crate) tx_rate: TxRate,
    /// What they transfer.
    pub(crate) tx_token: TxToken,
    /// Where to keep the network, if it is to be kept.
    pub(crate) data_dir: Option<PathBuf>,
    /// Limit of a block witness script, if it was said.
    pub(crate) witness_limit: Option<u32>,
    /// Attackers among the validators, and processes that are killed.
    pub(crate) disturbances: Disturbances,
    /// Leaders that fail, instead of another end of the run.
    pub(crate) trials: Option<LeaderTrials>,
    /// A drill of recovery, instead of another end of the run.
    pub(crate) drill: Option<DrillPlan>,
    /// Whether the summary is JSON.
    pub(crate) json: bool,
}

/// When a run ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// When the load has run for so long.
    Duration(Duration),
    /// When so many blocks are final.
    Blocks(u32),
    /// When all trials, the drill, the kills or the replacements are done.
    Trials,
    /// Never.
    UntilInterrupted,
}

impl Devnet {
    /// Runs it.
    ///
    /// # Errors
    /// Why it did not start, or what was wrong in the end, with its exit code.
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        let started = clock::now_ns();
        // One thread: the processor belongs to the validators.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(report::run(self, started))
    }
}
