//! From the options, or a file, to the plan of each seed.

use std::path::Path;
use std::time::Duration;

use neo_simulator::Plan;
use neo_simulator::plan::{MAX_DURATION_MS, Version};

use super::arguments::{Faults, SimulateArguments};
use super::faults::{millis, partitions};
use crate::exit::{Exit, OrExit as _};

const VALIDATORS: u16 = 4;
const DURATION: Duration = Duration::from_secs(10);
/// Block time of dBFT 2.0, whose timers follow from it.
const BLOCK_TIME_MS: u64 = 1_000;
/// Shortest run with faults drawn from the seed; two fifths of it are left for progress after the healing.
const SHORTEST_SWARM: Duration = Duration::from_secs(20);
/// Greatest size of a scenario file.
const MAX_FILE: u64 = 1 << 20;

/// Where plans come from.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// The same one for every seed.
    Same(Box<Plan>),
    /// Drawn from each seed.
    Swarm {
        /// The protocol.
        protocol: Version,
        /// Number of validators.
        validators: u16,
        /// Virtual time.
        duration: Duration,
    },
}

impl Source {
    /// Reads the options.
    ///
    /// # Errors
    /// The field that cannot be, with its limits.
    pub(super) fn of(arguments: &SimulateArguments) -> anyhow::Result<Self> {
        let (validators, duration) = defaults(arguments);
        if let Some(path) = &arguments.scenario {
            let mut plan = read(path)?;
            plan.allow_broken |= arguments.allow_broken;
            return Ok(Self::Same(Box::new(plan)));
        }
        if arguments.faults == Some(Faults::Swarm) {
            arguments.refuse_with_swarm()?;
            if duration < SHORTEST_SWARM {
                return Err(Exit::Usage.error(format!(
                    "--duration is {} ms, the limits with --faults swarm are {} and {MAX_DURATION_MS} ms: faults, and \
                     progress after their healing, have to fit",
                    duration.as_millis(),
                    SHORTEST_SWARM.as_millis()
                )));
            }
            return Ok(Self::Swarm {
                protocol: arguments.version(),
                validators,
                duration,
            });
        }
        Ok(Self::Same(Box::new(of_options(
            arguments, validators, duration,
        ))))
    }

    /// The plan of a seed.
    pub(crate) fn plan(&self, seed: u64) -> Plan {
        match self {
            Self::Same(plan) => (**plan).clone(),
            Self::Swarm {
                protocol,
                validators,
                duration,
            } => neo_simulator::swarm_of(*protocol, *validators, *duration, seed),
        }
    }

    /// Checks the plan before anything runs.
    ///
    /// # Errors
    /// The first field that cannot be, with its limits.
    pub(super) fn check(&self, seed: u64) -> anyhow::Result<()> {
        self.plan(seed).validate().or_exit(Exit::Usage)
    }
}

/// Number of validators and virtual time, as given or by default.
pub(super) fn defaults(arguments: &SimulateArguments) -> (u16, Duration) {
    (
        arguments.validators.unwrap_or(VALIDATORS),
        arguments.duration.unwrap_or(DURATION),
    )
}

fn of_options(arguments: &SimulateArguments, validators: u16, duration: Duration) -> Plan {
    let mut plan = Plan::new(validators, millis(duration));
    plan.protocol = arguments.version();
    let usual = match plan.protocol {
        Version::Two => BLOCK_TIME_MS,
        Version::Three => 0,
    };
    plan.block_time_ms = arguments.block_time.map_or(usual, millis);
    plan.load_per_s = arguments.load.unwrap_or(0);
    if let Some(latency) = &arguments.latency {
        plan.network.latency = latency.latency.clone();
    }
    if let Some(loss) = &arguments.loss {
        plan.network.loss_ppm = loss.ppm;
    }
    plan.faults = partitions(&arguments.partition);
    plan.faults
        .extend(arguments.crash.iter().flat_map(|crash| crash.faults()));
    plan.faults
        .extend(arguments.freeze.iter().flat_map(|freeze| freeze.freezes()));
    plan.byzantine = arguments
        .byzantine
        .iter()
        .map(|attacker| attacker.byzantine.clone())
        .collect();
    plan.allow_broken = arguments.allow_broken;
    plan.heal_at_ms = arguments.heal.map(millis).or_else(|| {
        let last = last_fault(arguments)?;
        let fits = last.saturating_add(plan.heal_bound_ms) <= plan.duration_ms;
        // A block is due within the bound only if blocks are made that fast.
        let fast = plan.block_time_ms.saturating_mul(3) <= plan.heal_bound_ms;
        (fits && fast).then_some(last)
    });
    plan
}

/// When the last fault is over, in milliseconds; none if one lasts.
fn last_fault(arguments: &SimulateArguments) -> Option<u64> {
    if arguments.loss.as_ref().is_some_and(|loss| loss.ppm > 0) {
        return None;
    }
    let partitions = arguments.partition.iter().map(|one| one.when.until_ms);
    let crashes = arguments.crash.iter().chain(&arguments.freeze);
    let crashes = crashes.map(|one| one.when.until_ms);
    let ends: Option<Vec<u64>> = partitions.chain(crashes).collect();
    ends.map(|ends| ends.into_iter().max().unwrap_or(0))
}

/// Reads a scenario.
fn read(path: &Path) -> anyhow::Result<Plan> {
    let place = path.display();
    let size = std::fs::metadata(path).map(|about| about.len());
    let size = size
        .map_err(|error| format!("--scenario {place}: {error}"))
        .or_exit(Exit::Usage)?;
    if size > MAX_FILE {
        return Err(Exit::Usage.error(format!(
            "--scenario {place} has {size} bytes, the limit is {MAX_FILE}"
        )));
    }
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("--scenario {place}: {error}"))
        .or_exit(Exit::Usage)?;
    neo_simulator::scenario::parse(&text)
        .map_err(|error| format!("--scenario {place}: {error}"))
        .or_exit(Exit::Usage)
}
