//! How often dBFT 2.0 locks in the swarm, and what dBFT 3.0 does on the same seeds:
//! `cargo run --release -p neo-simulator --example locks [validators] [first seed] [last seed] [seconds]`.
//!
//! Each seed is run twice: the swarm's plan for dBFT 2.0, and the same plan with dBFT 3.0. A height counts as
//! locked when M validators run and nothing that they may still say makes a block; it ends when somebody comes
//! back. The exit code is 1 if an oracle finds anything in either run.

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use neo_simulator::plan::Version;
use neo_simulator::{NoTrace, Plan, run, swarm_of, with_dbft_3};

fn argument(at: usize, otherwise: u64) -> u64 {
    std::env::args()
        .nth(at)
        .and_then(|text| text.parse().ok())
        .unwrap_or(otherwise)
}

/// Sums over the runs of one protocol.
#[derive(Default)]
struct Total {
    heights: u64,
    locked: u64,
    /// Runs that ended locked.
    stuck: u64,
    bad: Vec<String>,
}

impl Total {
    fn add(&mut self, plan: &Plan, seed: u64) {
        let report = match run(plan, seed, &mut NoTrace) {
            Ok(report) => report,
            Err(error) => return self.bad.push(format!("seed {seed}: {error}")),
        };
        self.heights += u64::from(report.heights);
        self.locked += report.locks.len() as u64;
        let last = report.heights.saturating_add(1);
        self.stuck += u64::from(report.locks.contains(&last));
        if let Some(violation) = report.violations.first() {
            self.bad.push(format!("seed {seed}: {violation}"));
        }
    }

    fn tell(&self, name: &str) {
        let every = self.heights.checked_div(self.locked);
        let every = every.map_or("-".to_owned(), |heights| heights.to_string());
        println!(
            "{name}: {} heights, {} locked (one of {every}), {} runs ended locked, {} with violations",
            self.heights,
            self.locked,
            self.stuck,
            self.bad.len()
        );
        self.bad.iter().for_each(|bad| println!("  {bad}"));
    }
}

fn main() -> ExitCode {
    let validators = u16::try_from(argument(1, 4)).unwrap_or(u16::MAX);
    let next = AtomicU64::new(argument(2, 0));
    let end = argument(3, 100);
    let duration = Duration::from_secs(argument(4, 60));
    let totals = Mutex::new((Total::default(), Total::default()));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        return;
                    }
                    let plan = swarm_of(Version::Two, validators, duration, seed);
                    let (mut older, mut newer) = (Total::default(), Total::default());
                    older.add(&plan, seed);
                    newer.add(&with_dbft_3(&plan), seed);
                    let Ok(mut totals) = totals.lock() else {
                        return;
                    };
                    let (all_older, all_newer) = &mut *totals;
                    for (total, one) in [(all_older, older), (all_newer, newer)] {
                        total.heights += one.heights;
                        total.locked += one.locked;
                        total.stuck += one.stuck;
                        total.bad.extend(one.bad);
                    }
                }
            });
        }
    });
    let Ok((older, newer)) = totals.into_inner() else {
        return ExitCode::from(2);
    };
    older.tell("dBFT 2.0");
    newer.tell("dBFT 3.0");
    ExitCode::from(u8::from(!older.bad.is_empty() || !newer.bad.is_empty()))
}
