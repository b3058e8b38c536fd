//! Every Twins scenario of four validators in the first two views, and samples beyond:
//! `cargo run --release -p neo-simulator --example twins [samples]`.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use neo_simulator::twins::{Division, every, sampled};
use neo_simulator::{NoTrace, run};

fn campaign(name: &str, divisions: &[Division]) {
    let next = AtomicUsize::new(0);
    let bad = Mutex::new(Vec::new());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                while let Some(division) = divisions.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let problem = match run(&division.plan(), 1, &mut NoTrace) {
                        Ok(report) => report.violations.first().map(ToString::to_string),
                        Err(error) => Some(error.to_string()),
                    };
                    if let (Some(problem), Ok(mut bad)) = (problem, bad.lock()) {
                        bad.push((division.clone(), problem));
                    }
                }
            });
        }
    });
    let mut bad = bad.into_inner().unwrap_or_default();
    bad.sort();
    println!("{name}: {} scenarios, {} bad", divisions.len(), bad.len());
    for (division, problem) in bad.iter().take(10) {
        println!("  {division:?}: {problem}");
    }
}

fn main() {
    let samples = std::env::args()
        .nth(1)
        .and_then(|text| text.parse().ok())
        .unwrap_or(300);
    campaign("n=4, two views, exhaustive", &every(4, 2));
    campaign("n=4, four views, sampled", &sampled(4, 4, samples, 1));
    campaign("n=7, three views, sampled", &sampled(7, 3, samples, 1));
}
