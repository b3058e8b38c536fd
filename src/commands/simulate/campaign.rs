//! Many seeds on many threads. Each run has one thread; only which thread runs which seed is left to chance.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use neo_simulator::{NoTrace, TraceSink};

use super::bar::Bar;
use super::plan::Source;
use super::seeds::SeedRange;
use super::totals::{Outcome, Totals};
use crate::interrupt::Interrupt;

/// How often the end is looked for while runs last.
pub(super) const LOOK: Duration = Duration::from_millis(100);

/// Runs all seeds, or those that end before Ctrl-C.
pub(crate) fn run(
    source: &Source,
    seeds: &SeedRange,
    threads: usize,
    interrupt: &Interrupt,
    bar: &Bar,
) -> Totals {
    let began = Instant::now();
    let next = Arc::new(AtomicU64::new(0));
    let stop = Arc::new(AtomicBool::new(false));
    let (sender, outcomes) = mpsc::channel();
    let threads = u64::try_from(threads)
        .unwrap_or(u64::MAX)
        .min(seeds.count());
    for _ in 0..threads {
        let (source, seeds) = (source.clone(), *seeds);
        let (next, stop, sender) = (Arc::clone(&next), Arc::clone(&stop), sender.clone());
        std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                let position = next.fetch_add(1, Ordering::Relaxed);
                let Some(seed) = seeds.get(position) else {
                    return;
                };
                let outcome = one(&source, seed, &mut NoTrace);
                if sender.send((position, outcome)).is_err() {
                    return;
                }
            }
        });
    }
    drop(sender);
    let mut totals = Totals::default();
    loop {
        match outcomes.recv_timeout(LOOK) {
            Ok((position, outcome)) => {
                totals.add(position, outcome);
                bar.show(&totals);
            }
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {}
        }
        if interrupt.is_set() {
            // Runs under way end with the program; what is complete is reported.
            stop.store(true, Ordering::Relaxed);
            totals.interrupted = true;
            break;
        }
    }
    totals.took = began.elapsed();
    totals
}

/// One run. A panic is a finding like any other.
pub(super) fn one(source: &Source, seed: u64, sink: &mut dyn TraceSink) -> Outcome {
    let plan = source.plan(seed);
    let ended = catch_unwind(AssertUnwindSafe(|| neo_simulator::run(&plan, seed, sink)));
    match ended {
        Ok(Ok(report)) => Outcome::Ended(Box::new(report)),
        Ok(Err(error)) => Outcome::Impossible(seed, error.to_string()),
        Err(panic) => Outcome::Panicked(seed, words_of(panic.as_ref())),
    }
}

fn words_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without words".to_owned())
}
