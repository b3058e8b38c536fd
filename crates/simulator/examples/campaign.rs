//! Swarm runs over many seeds on all cores:
//! `cargo run --release -p neo-simulator --example campaign [validators] [first seed] [last seed] [seconds]`.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use neo_simulator::{Coverage, NoTrace, run, swarm};

fn argument(at: usize, otherwise: u64) -> u64 {
    std::env::args()
        .nth(at)
        .and_then(|text| text.parse().ok())
        .unwrap_or(otherwise)
}

#[derive(Default)]
struct Total {
    runs: u64,
    heights: u64,
    events: u64,
    coverage: Coverage,
    bad: Vec<(u64, String)>,
    slowest: (Duration, u64),
}

fn main() {
    let validators = u16::try_from(argument(1, 4)).unwrap_or(u16::MAX);
    let next = AtomicU64::new(argument(2, 0));
    let end = argument(3, 100);
    let duration = Duration::from_secs(argument(4, 30));
    let total = Mutex::new(Total::default());
    let began = Instant::now();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        return;
                    }
                    one(validators, duration, seed, &total);
                }
            });
        }
    });
    let Ok(mut total) = total.into_inner() else {
        return;
    };
    let took = began.elapsed().as_secs_f64();
    total.bad.sort();
    for (seed, problem) in &total.bad {
        println!("seed {seed}: {problem}");
    }
    println!(
        "n={validators}: {} seeds in {took:.1} s, {} heights, {} events, slowest seed {} took {:.2} s, {} bad",
        total.runs,
        total.heights,
        total.events,
        total.slowest.1,
        total.slowest.0.as_secs_f64(),
        total.bad.len(),
    );
    for (name, count) in total.coverage.counters() {
        println!("  {name}: {count}");
    }
}

fn one(validators: u16, duration: Duration, seed: u64, total: &Mutex<Total>) {
    let began = Instant::now();
    let outcome =
        std::panic::catch_unwind(|| run(&swarm(validators, duration, seed), seed, &mut NoTrace));
    let took = began.elapsed();
    let Ok(mut total) = total.lock() else { return };
    total.runs += 1;
    if took > total.slowest.0 {
        total.slowest = (took, seed);
    }
    match outcome {
        Ok(Ok(report)) => {
            total.heights += u64::from(report.heights);
            total.events += report.events;
            total.coverage.merge(&report.coverage);
            if let Some(violation) = report.violations.first() {
                let more = report.violations.len() - 1;
                total
                    .bad
                    .push((seed, format!("{violation} (and {more} more)")));
            }
        }
        Ok(Err(error)) => total.bad.push((seed, error.to_string())),
        Err(_) => total.bad.push((seed, "panic".to_owned())),
    }
}
