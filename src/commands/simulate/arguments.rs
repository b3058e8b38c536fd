//! The options of `neo-cli simulate`.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use neo_simulator::plan::Version;

use super::faults::{Attacker, Crash, Partition};
use super::seeds::SeedRange;
use super::values::{LatencyValue, Share};
use crate::duration::parse_duration;
use crate::exit::Exit;

const EXAMPLES: &str = "Examples:
  neo-cli simulate --validators 4 --duration 30s
      four validators without faults, as fast as they can
  neo-cli simulate --validators 4 --seeds 0..2000 --duration 30s --faults swarm
      two thousand runs, each with its own mix of faults and attacks
  neo-cli simulate --validators 7 --latency wan --block-time 1s --loss 5% --crash 1@5s..9s --partition 0,1/2,3,4,5,6@12s..15s
      a network with these faults
  neo-cli simulate --validators 4 --byzantine 2:equivocate+garbage --seed 7 --trace run.jsonl
      one run with a Byzantine validator, with everything that happened in a file
  neo-cli simulate --scenario tests/consensus/scenarios/seven-nodes-that-lock-dbft-2.json --diagram height.svg
      a scenario, and a picture of its most eventful height";

/// Examples, and the names of the attacks.
fn more_help() -> String {
    let names = neo_adversary::Attack::ALL.map(neo_adversary::Attack::name);
    format!(
        "{EXAMPLES}\n\nAttacks of --byzantine:\n  {}",
        names.join(", ")
    )
}

/// Run real engines, ledgers and vote logs in virtual time, under faults and attacks, and watch every rule.
///
/// Time, network, crashes and clocks come from the seed: the same seed gives the same run on every machine. Oracles that
/// share no code with the engine watch every run. What they find is shown with the command that replays it.
#[derive(Clone, Debug, Args)]
#[command(after_long_help = more_help())]
pub(crate) struct SimulateArguments {
    /// Number of validators, 1 to 255 [default: 4].
    #[arg(long, value_name = "N", conflicts_with = "scenario", value_parser = clap::value_parser!(u16).range(1..=255))]
    pub(super) validators: Option<u16>,
    /// The protocol: 3, or 2 for what Neo N3 runs today [default: 3].
    #[arg(long, value_name = "2|3", conflicts_with = "scenario", value_parser = protocol)]
    pub(super) protocol: Option<Version>,
    /// Virtual time of each run [default: 10s].
    #[arg(long, conflicts_with = "scenario", value_parser = parse_duration)]
    pub(super) duration: Option<Duration>,
    /// The seed of a single run [default: 0].
    #[arg(long, conflicts_with = "seeds")]
    pub(super) seed: Option<u64>,
    /// Many runs, such as 0..2000 for the seeds 0 to 1999.
    #[arg(long, value_name = "A..B")]
    pub(super) seeds: Option<SeedRange>,
    /// A mix of everything, drawn from each seed, with at most f faulty validators at a time.
    #[arg(long, value_enum, conflicts_with = "scenario")]
    pub(super) faults: Option<Faults>,
    /// One-way delays: `lan`, `wan`, `wan:tokyo+london`, `10ms` or `5ms..20ms` [default: lan].
    #[arg(long, conflicts_with = "scenario")]
    pub(super) latency: Option<LatencyValue>,
    /// Share of messages that are lost, such as 5%.
    #[arg(long, value_name = "PERCENT", conflicts_with = "scenario")]
    pub(super) loss: Option<Share>,
    /// Groups that do not reach each other, and when: 0,1/2,3@5s..10s. May be given several times.
    #[arg(long, value_name = "GROUPS@TIME", conflicts_with = "scenario")]
    pub(super) partition: Vec<Partition>,
    /// Validators that stop, and start again if a second time is given: 2@5s..8s. May be given several times.
    #[arg(long, value_name = "NODES@TIME", conflicts_with = "scenario")]
    pub(super) crash: Vec<Crash>,
    /// Validators whose processes stand still, and go on if a second time is given: 2@5s..8s. May be given several
    /// times.
    #[arg(long, value_name = "NODES@TIME", conflicts_with = "scenario")]
    pub(super) freeze: Vec<Crash>,
    /// A validator that attacks, and how: 1, 1:equivocate or 1:garbage+replay; without attacks a mix drawn from the
    /// seed. Modes: equivocate, withhold, delay, garbage, flood, replay; or any attack by its name. May be given
    /// several times.
    #[arg(long, value_name = "NODE[:ATTACK+...]", conflicts_with = "scenario")]
    pub(super) byzantine: Vec<Attacker>,
    /// Target time between blocks; 0ms for no pacing, which dBFT 2.0 does not have [default: 0ms, 1s for dBFT 2.0].
    #[arg(long, conflicts_with = "scenario", value_parser = parse_duration)]
    pub(super) block_time: Option<Duration>,
    /// Transactions submitted in a second [default: 0].
    #[arg(long, value_name = "TX/S", conflicts_with = "scenario")]
    pub(super) load: Option<u32>,
    /// From then on the network is whole and all validators run; a block is due within ten seconds. Without it, that
    /// is demanded from the end of the last fault that ends, if nothing is lost at random.
    #[arg(long, value_name = "TIME", conflicts_with = "scenario", value_parser = parse_duration)]
    pub(super) heal: Option<Duration>,
    /// Run a plan from a file instead; `docs/verification.md` describes its fields.
    #[arg(long, value_name = "FILE")]
    pub(super) scenario: Option<PathBuf>,
    /// Allow more than f Byzantine validators. Agreement may break then, and f+1 of them must be convicted.
    #[arg(long)]
    pub(super) allow_broken: bool,
    /// Threads; each runs one seed at a time [default: one for each processor].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(super) threads: Option<u16>,
    /// Write what happened as JSON lines, one event each; for a single seed.
    #[arg(long, value_name = "FILE", conflicts_with = "seeds")]
    pub(super) trace: Option<PathBuf>,
    /// Draw the messages of a height as SVG; for a single seed.
    #[arg(long, value_name = "FILE.svg", conflicts_with = "seeds")]
    pub(super) diagram: Option<PathBuf>,
    /// Height of the diagram; without it that of the first violation, or the one with the most views.
    #[arg(long, value_name = "H", requires = "diagram", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) height: Option<u32>,
}

/// What goes wrong besides what the options say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Faults {
    /// Nothing.
    None,
    /// A mix drawn from the seed.
    Swarm,
}

/// `2` or `3`.
fn protocol(text: &str) -> Result<Version, String> {
    let number = text
        .parse::<u8>()
        .map_err(|_| format!("`{text}` is no version: 2 or 3"))?;
    Version::try_from(number).map_err(|error| error.to_string())
}

impl SimulateArguments {
    /// The protocol to run.
    pub(super) fn version(&self) -> Version {
        self.protocol.unwrap_or_default()
    }

    /// The seeds to run.
    pub(super) fn seeds(&self) -> SeedRange {
        self.seeds.unwrap_or(SeedRange::one(self.seed.unwrap_or(0)))
    }

    /// Number of threads.
    pub(super) fn threads(&self) -> usize {
        let available = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        self.threads.map_or_else(available, usize::from)
    }

    /// Options that the swarm chooses itself.
    ///
    /// # Errors
    /// The first one that was given with `--faults swarm`.
    pub(super) fn refuse_with_swarm(&self) -> anyhow::Result<()> {
        let given = [
            ("--latency", self.latency.is_some()),
            ("--loss", self.loss.is_some()),
            ("--partition", !self.partition.is_empty()),
            ("--crash", !self.crash.is_empty()),
            ("--freeze", !self.freeze.is_empty()),
            ("--byzantine", !self.byzantine.is_empty()),
            ("--block-time", self.block_time.is_some()),
            ("--load", self.load.is_some()),
            ("--heal", self.heal.is_some()),
            ("--allow-broken", self.allow_broken),
        ];
        match given.into_iter().find(|(_, given)| *given) {
            None => Ok(()),
            Some((name, _)) => Err(Exit::Usage.error(format!(
                "{name} and --faults swarm: the swarm draws this from the seed; use one of them"
            ))),
        }
    }
}
