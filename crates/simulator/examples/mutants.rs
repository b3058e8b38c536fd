//! Takes the rules of the protocol away one at a time and looks whether a simulation notices.
//!
//! ```text
//! cargo run --release -p neo-simulator --features mutation --example mutants -- \
//!     [--protocol 3] [--seeds 0..2000] [--validators 4,7] [--only NAME,NAME] [--duration-s 30, 60 of dBFT 2.0] [--threads N] [--json] [--control]
//! ```
//!
//! Each line names the rule, how it is broken, the first seed whose run shows a violation, the number of
//! validators in that run, the oracle that saw it, and what it saw. With `--control` nothing is broken, and
//! any violation is one of the engine or of an oracle. The exit code is 1 if a mutation goes
//! unnoticed and 2 for arguments that make no sense.

use std::fmt::Write as _;
use std::ops::Range;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use neo_consensus::v2::mutation::Mutation as Older;
use neo_consensus::v3::mutation::Mutation;
use neo_simulator::plan::Version;
use neo_simulator::{NoTrace, Options, run_with, swarm_of};

/// A broken rule of one of the protocols.
#[derive(Clone, Copy)]
enum Broken {
    Newer(Mutation),
    Older(Older),
}

impl Broken {
    /// All of a protocol that runs can show.
    fn all(protocol: Version) -> Vec<Self> {
        match protocol {
            Version::Two => Older::ALL.iter().copied().map(Self::Older).collect(),
            Version::Three => (Mutation::ALL.iter().copied())
                .filter(|one| !one.is_left_to_tests())
                .map(Self::Newer)
                .collect(),
        }
    }

    fn named(protocol: Version, name: &str) -> Result<Self, String> {
        match protocol {
            Version::Two => {
                let found = name.parse::<Older>().map(Self::Older);
                found.map_err(|error| error.to_string())
            }
            Version::Three => {
                let found = name.parse::<Mutation>().map(Self::Newer);
                found.map_err(|error| error.to_string())
            }
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Newer(one) => one.name(),
            Self::Older(one) => one.name(),
        }
    }

    /// The rule of protocol section 5, where it is one.
    fn rule(self) -> u8 {
        match self {
            Self::Newer(one) => one.rule(),
            Self::Older(_) => 0,
        }
    }

    fn options(self) -> Options {
        match self {
            Self::Newer(one) => Options {
                mutation: Some(one),
                ..Options::default()
            },
            Self::Older(one) => Options {
                older: Some(one),
                ..Options::default()
            },
        }
    }
}

struct Arguments {
    protocol: Version,
    seeds: Range<u64>,
    validators: Vec<u16>,
    mutations: Vec<Broken>,
    duration: Duration,
    threads: usize,
    json: bool,
    control: bool,
}

impl Arguments {
    fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let mut only = None;
        let mut seconds = None;
        let mut parsed = Self {
            protocol: Version::Three,
            seeds: 0..2000,
            validators: vec![4, 7],
            mutations: Vec::new(),
            duration: Duration::from_secs(30),
            threads,
            json: false,
            control: false,
        };
        while let Some(word) = words.next() {
            if word == "--json" {
                parsed.json = true;
                continue;
            }
            if word == "--control" {
                parsed.control = true;
                continue;
            }
            let value = words
                .next()
                .ok_or_else(|| format!("{word} needs a value"))?;
            let number = |text: &str| {
                text.parse::<u64>()
                    .map_err(|error| format!("{word} {text}: {error}"))
            };
            match word.as_str() {
                "--seeds" => {
                    let (first, end) = value
                        .split_once("..")
                        .ok_or_else(|| format!("--seeds {value}: write A..B"))?;
                    parsed.seeds = number(first)?..number(end)?;
                }
                "--validators" => {
                    let counts = value.split(',').map(|one| {
                        let count = number(one)?;
                        u16::try_from(count)
                            .ok()
                            .filter(|count| (4..=100).contains(count))
                            .ok_or_else(|| format!("--validators {one}: the limits are 4 and 100"))
                    });
                    parsed.validators = counts.collect::<Result<_, _>>()?;
                }
                "--only" => only = Some(value),
                "--protocol" => {
                    let version = u8::try_from(number(&value)?).unwrap_or_default();
                    parsed.protocol =
                        Version::try_from(version).map_err(|error| error.to_string())?;
                }
                "--duration-s" => seconds = Some(number(&value)?),
                "--threads" => {
                    parsed.threads = usize::try_from(number(&value)?).unwrap_or(1).max(1);
                }
                _ => return Err(format!("there is no option {word}")),
            }
        }
        // Heights of dBFT 2.0 take longer, because its timers do.
        let usual = if parsed.protocol.is_three() { 30 } else { 60 };
        parsed.duration = Duration::from_secs(seconds.unwrap_or(usual));
        parsed.mutations = match only {
            None => Broken::all(parsed.protocol),
            Some(names) => {
                let names = names.split(',');
                let named = names.map(|name| Broken::named(parsed.protocol, name));
                named.collect::<Result<_, _>>()?
            }
        };
        if parsed.seeds.is_empty() {
            return Err("--seeds names no seed".to_owned());
        }
        Ok(parsed)
    }
}

/// Runs the unbroken engine over the same seeds: nothing may be found.
fn control(arguments: &Arguments) -> ExitCode {
    let next = AtomicU64::new(arguments.seeds.start);
    let found = AtomicU64::new(0);
    let worker = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= arguments.seeds.end {
                return;
            }
            for count in &arguments.validators {
                if let Some(caught) = look(None, *count, arguments, seed) {
                    found.fetch_add(1, Ordering::Relaxed);
                    println!("seed {seed}, {count} validators: {}", caught.what);
                }
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..arguments.threads {
            scope.spawn(worker);
        }
    });
    let found = found.into_inner();
    println!(
        "unbroken: {found} runs with violations in the seeds {:?}",
        arguments.seeds
    );
    if found == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    }
}

/// The first run that shows a violation.
#[derive(Clone)]
struct Caught {
    seed: u64,
    validators: u16,
    invariant: &'static str,
    what: String,
}

fn look(
    mutation: Option<Broken>,
    validators: u16,
    arguments: &Arguments,
    seed: u64,
) -> Option<Caught> {
    let plan = swarm_of(arguments.protocol, validators, arguments.duration, seed);
    let options = mutation.map(Broken::options).unwrap_or_default();
    let report = run_with(&plan, seed, &mut NoTrace, options).ok()?;
    let violation = report.violations.first()?;
    Some(Caught {
        seed,
        validators,
        invariant: violation.invariant.name(),
        what: violation.to_string(),
    })
}

/// The lowest seed with a violation; all lower ones have been tried, with every number of validators.
fn hunt(mutation: Broken, arguments: &Arguments) -> Option<Caught> {
    let next = AtomicU64::new(arguments.seeds.start);
    let best: Mutex<Option<Caught>> = Mutex::new(None);
    let worker = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            let found = best
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .as_ref()
                .map(|caught| caught.seed);
            if seed >= arguments.seeds.end || found.is_some_and(|found| found < seed) {
                return;
            }
            let mut counts = arguments.validators.iter();
            let caught = counts.find_map(|count| look(Some(mutation), *count, arguments, seed));
            if let Some(caught) = caught {
                let mut best = best.lock().unwrap_or_else(PoisonError::into_inner);
                if best.as_ref().is_none_or(|known| caught.seed < known.seed) {
                    *best = Some(caught);
                }
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..arguments.threads {
            scope.spawn(worker);
        }
    });
    best.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn text(mutation: Broken, caught: Option<&Caught>) -> String {
    let (rule, name) = (mutation.rule(), mutation.name());
    match caught {
        Some(Caught {
            seed,
            validators,
            invariant,
            what,
        }) => {
            let short: String = what.chars().take(160).collect();
            format!("{rule:>4}  {name:<30}  {seed:>5}  {validators:>2}  {invariant:<20}  {short}")
        }
        None => format!("{rule:>4}  {name:<30}  not caught"),
    }
}

fn json(mutation: Broken, caught: Option<&Caught>) -> String {
    let mut object = serde_json::json!({
        "rule": mutation.rule(),
        "mutation": mutation.name(),
        "caught": caught.is_some(),
    });
    if let Some(caught) = caught {
        object["seed"] = caught.seed.into();
        object["validators"] = caught.validators.into();
        object["invariant"] = caught.invariant.into();
        object["violation"] = caught.what.as_str().into();
    }
    object.to_string()
}

fn main() -> ExitCode {
    let arguments = match Arguments::parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(problem) => {
            eprintln!("mutants: {problem}");
            return ExitCode::from(2);
        }
    };
    if arguments.control {
        return control(&arguments);
    }
    let mut missed = String::new();
    if !arguments.json {
        println!(
            "rule  mutation                         seed   n  oracle                violation"
        );
    }
    for mutation in &arguments.mutations {
        let caught = hunt(*mutation, &arguments);
        let line = if arguments.json { json } else { text };
        println!("{}", line(*mutation, caught.as_ref()));
        if caught.is_none() {
            let _ = write!(missed, " {}", mutation.name());
        }
    }
    if missed.is_empty() {
        return ExitCode::SUCCESS;
    }
    eprintln!("not caught within the seeds {:?}:{missed}", arguments.seeds);
    ExitCode::from(1)
}
